"""StarRocks: what its front end (8030) does about loads: who, whether, and where to; a body is never read.

An answer goes out without ``100 Continue`` and ends the connection. Begin, load and prepare are sent on to the backend;
commit and rollback are answered here once a transaction is prepared. Refuses to know what headers mean.
"""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from routine_load.errors import AccessDenied, PrivilegeDenied, RoutineLoadError
from routine_load.ids import TableRef
from routine_load.server.http import answers, load_answers
from routine_load.server.http.authentication import NoCredentials
from routine_load.server.http.backend import Backend, is_of_many_tables
from routine_load.server.http.callers import Callers, headers, location
from routine_load.server.http.load_answers import Operation
from routine_load.sql.access import require_on_table
from routine_load.sql.privileges import Privilege
from routine_load.statements.ports import Session
from routine_load.statements.stream_load.values import LabelState, LoadOutcome, StreamLoadRefused

_NO_CREDENTIALS: Final = "Need auth information."
_TRANSACTIONS: Final = "StarRocksException"
_BEGUN: Final = "PREPARE"
_UNKNOWN: Final = "UNKNOWN"
_SECONDS: Final = re.compile(r"\+?0*[1-9][0-9]{0,9}", re.ASCII)


class StarRocksFrontend:
    """The pages of loads."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._loading = callers.loading
        self._backend = Backend(callers)

    def routes(self) -> list[Route]:
        return [
            Route("/api/{database}/{table}/_stream_load", self.stream_load, methods=["PUT"]),
            Route("/api/transaction/{operation}", self.transaction, methods=["POST", "PUT"]),
            Route("/api/{database}/get_load_state", self.load_state, methods=["GET"], max_body_size=0),
            Route("/api/{database}/{table}/_cancel", self.cancel, methods=["POST"]),
            Route("/api/{database}/_load_info", self.load_info, methods=["GET"], max_body_size=0),
            Route("/api/{database}/{table}/_stream_load_meta", self.nodes, methods=["GET"], max_body_size=0),
        ]

    async def stream_load(self, request: Request) -> Response:
        """StarRocks: LoadAction, its checks in its order."""
        try:
            user = (await self._callers.credentials(request)).user
        except AccessDenied as error:
            return unauthorized(error)
        asked = headers(request).get("expect", "").strip().lower()
        if request.scope["http_version"] != "1.0" and asked != "100-continue":
            return answers.starrocks_load_failed("There is no 100-continue header")
        ref = TableRef(request.path_params["database"].strip(), request.path_params["table"].strip())
        if not ref.database or not ref.table:
            missing = "table" if ref.database else "database"
            return answers.starrocks_load_failed(f"No {missing} selected.")
        try:
            await self._callers.in_session(request, user, lambda session: _may_load(session, ref))
        except AccessDenied as error:
            return unauthorized(error)
        backend = self._loading.backend()
        return self._sent_on(request) if backend else await self._backend.stream_load(request)

    async def transaction(self, request: Request) -> Response:
        """StarRocks: TransactionLoadAction."""
        try:
            user = (await self._callers.credentials(request)).user
        except AccessDenied as error:
            return unauthorized(error)
        try:
            wrong = await self._wrong_transaction(request, user)
            operation = request.path_params["operation"]
            return _refused(wrong) if wrong else await self._transacted(request, user, Operation(operation))
        except StreamLoadRefused as error:
            return _refused(error.text)
        except RoutineLoadError as error:
            return _refused(error.message)

    async def load_state(self, request: Request) -> Response:
        """StarRocks: ``get_load_state``."""
        label = request.query_params.get("label", "")
        try:
            user = (await self._callers.credentials(request)).user
            if not label:
                return answers.starrocks_failed("No label selected.")
            state = await self._state(request, user, request.path_params["database"], label)
        except AccessDenied as error:
            return unauthorized(error)
        except StreamLoadRefused as error:
            return answers.starrocks_failed(error.text)
        return answers.of_frontend(
            {"state": state.state, "reason": state.reason}
            | {"status": "OK", "code": "0", "msg": "Success", "message": "OK"}
        )

    async def cancel(self, request: Request) -> Response:
        """StarRocks: ``_cancel``, of what is not prepared yet."""
        database, table = request.path_params["database"], request.path_params["table"]
        label = request.query_params.get("label", "")
        try:
            user = (await self._callers.credentials(request)).user
            if not label:
                return answers.starrocks_failed("No label selected.")
            cancel = self._loading.streams.cancel
            await self._callers.in_session(request, user, lambda session: cancel(session, database, table, label))
        except AccessDenied as error:
            return unauthorized(error)
        except StreamLoadRefused as error:
            return answers.starrocks_failed(error.text)
        return answers.starrocks_ok()

    async def load_info(self, request: Request) -> Response:
        """StarRocks: load jobs of other kinds, of which there are none here."""
        try:
            await self._callers.credentials(request)
        except AccessDenied as error:
            return unauthorized(error)
        return answers.starrocks_failed(f"the job with label {request.query_params.get('label', '')!r} does not exist")

    async def nodes(self, request: Request) -> Response:
        """StarRocks: where merge-commit loads may be sent to at once; without its headers ``nodes`` is absent."""
        try:
            await self._callers.credentials(request)
        except AccessDenied as error:
            return unauthorized(error)
        fields: dict[str, object] = {}
        backend = self._loading.backend()
        if headers(request).get("enable_merge_commit", "").strip().lower() == "true" and backend:
            address = location(request, backend, None).removeprefix("http://").partition("/")[0]
            fields["nodes"] = {"http": address, "brpc": ""}
        return answers.of_frontend(fields | {"status": "OK", "code": "OK", "msg": "", "message": ""})

    async def _wrong_transaction(self, request: Request, user: str) -> str:
        """StarRocks: what is looked at before an operation, in this order; empty: nothing is wrong."""
        named, operation = headers(request), request.path_params["operation"]
        database, there = named.get("db", "").strip(), self._loading.tables.has_database
        if not database:
            return "No database selected."
        if not named.get("label", "").strip():
            return "Empty label."
        if operation not in set(Operation):
            return f"Unknown transaction operation: {operation}"
        if not await self._callers.in_session(request, user, lambda _: there(database)):
            return f"Database[{database}] does not exist."
        timeout = named.get("prepared_timeout", "").strip()
        if operation == Operation.PREPARE and timeout and not _SECONDS.fullmatch(timeout):
            return f"Invalid prepared_timeout: {timeout}"
        return ""

    async def _transacted(self, request: Request, user: str, operation: Operation) -> Response:
        many_tables = is_of_many_tables(request)
        if many_tables and operation in {Operation.BEGIN, Operation.PREPARE}:
            return await self._begun_of_many(request, user, operation)
        if operation is not Operation.BEGIN:
            named = headers(request)
            database, label = named["db"].strip(), named["label"].strip()
            state = (await self._state(request, user, database, label)).state
            if state == _UNKNOWN:
                return _not_found(operation, database, label, many_tables=many_tables)
            ends = operation in {Operation.COMMIT, Operation.ROLLBACK}
            if ends and (many_tables or state != _BEGUN):
                outcome = await self._called(request, user, operation)
                return answers.of_frontend(load_answers.of_frontend_transaction(outcome, many_tables=many_tables))
        if self._loading.backend():
            return self._sent_on(request)
        return await self._backend.transaction(request)

    async def _begun_of_many(self, request: Request, user: str, operation: Operation) -> Response:
        if operation is Operation.PREPARE:
            return _refused("Unsupported operation: TXN_PREPARE")
        outcome = await self._called(request, user, operation)
        if outcome.ok:
            return answers.of_frontend({"Status": outcome.status, "Message": outcome.message})
        return answers.of_frontend(load_answers.of_frontend_transaction(outcome))

    async def _called(self, request: Request, user: str, operation: Operation) -> LoadOutcome:
        named = headers(request)
        outcome, _ = await self._callers.load(
            request, user, self._backend.call(operation), named["db"].strip(), named.get("table", "").strip()
        )
        return outcome

    async def _state(self, request: Request, user: str, database: str, label: str) -> LabelState:
        state = self._loading.streams.state
        return await self._callers.in_session(request, user, lambda session: state(session, database, label))

    def _sent_on(self, request: Request) -> Response:
        backend = self._loading.backend()
        assert backend is not None, "asked for before"
        return Response(b"", 307, {"Location": location(request, backend, None), **answers.CLOSE})


def unauthorized(error: AccessDenied) -> Response:
    """StarRocks: status 401 for who is not known, and for who may not."""
    return answers.starrocks_unauthorized(_NO_CREDENTIALS if isinstance(error, NoCredentials) else error.message)


def _may_load(session: Session, ref: TableRef) -> None:
    """Raises PrivilegeDenied."""
    if not session.rights.alive:
        raise PrivilegeDenied(f"Access denied for user '{session.user}'")
    require_on_table(session, Privilege.INSERT, ref)


def _not_found(operation: Operation, database: str, label: str, *, many_tables: bool) -> Response:
    """StarRocks: what nobody has begun can neither be sent on nor ended."""
    if many_tables:
        return _refused(f"stream load task {label} does not exist")
    if operation in {Operation.COMMIT, Operation.ROLLBACK}:
        text = f"No transaction found with db[{database}] and label[{label}]"
        return answers.of_frontend({"Label": label, "Status": "FAILED", "Message": text})
    return _refused(f"Can't find the transaction with db [{database}] and label[{label}]")


def _refused(message: str) -> Response:
    return answers.starrocks_load_failed(message, _TRANSACTIONS)
