"""Doris: what its front end (8030) does about loads: who, whether, and where to; a body is never read.

Everything but a redirect is said under status 200. Refuses to know what headers mean.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from routine_load.errors import AccessDenied, RoutineLoadError, UnknownTable
from routine_load.ids import TableRef
from routine_load.server.http import answers
from routine_load.server.http.authentication import Credentials, NoCredentials
from routine_load.server.http.backend import Backend
from routine_load.server.http.callers import Callers, headers, location
from routine_load.sql.access import require_on_table
from routine_load.sql.privileges import Privilege
from routine_load.statements.ports import Session
from routine_load.statements.stream_load.values import StreamLoadRefused

_GROUP_COMMITS: Final = frozenset({"sync_mode", "async_mode", "off_mode"})
_NO_MINI_LOAD: Final = (
    "The mini load operation has been disabled by default, if you need to add disable_mini_load=false in fe.conf."
)
_PREFIX: Final = "errCode = 2, detailMessage = "


class DorisFrontend:
    """The pages of loads."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._loading = callers.loading
        self._backend = Backend(callers)

    def routes(self) -> list[Route]:
        return [
            Route("/api/{database}/{table}/_stream_load", self.stream_load, methods=["PUT"]),
            Route("/api/_http_stream", self.http_stream, methods=["PUT"]),
            Route("/api/{database}/{table}/_load", self.mini_load, methods=["PUT"]),
            Route("/api/{database}/_stream_load_2pc", self.second_phase, methods=["PUT"]),
            Route("/api/{database}/{table}/_stream_load_2pc", self.second_phase, methods=["PUT"]),
            Route("/api/{database}/get_load_state", self.load_state, methods=["GET"], max_body_size=0),
            Route("/api/{database}/_cancel", self.cancel, methods=["POST"]),
        ]

    async def stream_load(self, request: Request) -> Response:
        """Doris: LoadAction, its checks in its order."""
        named = headers(request)
        group_commit = named.get("group_commit", "").strip().lower()
        if group_commit and group_commit not in _GROUP_COMMITS:
            return answers.doris_load_failed(
                "Header `group_commit` can only be `sync_mode`, `async_mode` or `off_mode`."
            )
        try:
            caller = await self._callers.credentials(request)
        except AccessDenied as error:
            return unauthorized(error)
        if "expect" not in named:
            return answers.doris_load_failed("There is no 100-continue header")
        ref = TableRef(request.path_params["database"].strip(), request.path_params["table"].strip())
        if not ref.database or not ref.table:
            return answers.doris_load_failed(f"No {'table' if ref.database else 'database'} selected.")
        grouped = group_commit in {"sync_mode", "async_mode"}
        try:
            await self._callers.in_session(request, caller.user, lambda session: self._admit(session, ref, grouped))
        except RoutineLoadError as error:
            return answers.doris_load_failed(error.message)
        return self._sent_on(request, caller) or await self._backend.stream_load(request)

    async def http_stream(self, request: Request) -> Response:
        """Doris: ``_http_stream``; which table it is for stands in its header ``sql``, which the backend reads."""
        try:
            caller = await self._callers.credentials(request)
        except AccessDenied as error:
            return unauthorized(error)
        if not headers(request).get("sql"):
            return answers.doris_load_failed("No sql selected.")
        return self._sent_on(request, caller) or await self._backend.http_stream(request)

    async def mini_load(self, request: Request) -> Response:
        """Doris: the load before Stream Load, which is off by default."""
        try:
            await self._callers.credentials(request)
        except AccessDenied as error:
            return unauthorized(error)
        return answers.doris_not_found(_NO_MINI_LOAD)

    async def second_phase(self, request: Request) -> Response:
        """Doris: ``_stream_load_2pc``, which needs no ``Expect``."""
        try:
            caller = await self._callers.credentials(request)
        except AccessDenied as error:
            return unauthorized(error)
        named = headers(request)
        if not named.get("txn_id") and not named.get("label"):
            return answers.doris_load_failed("No transaction id or label selected.")
        if not named.get("txn_operation"):
            return answers.doris_load_failed("No transaction operation('commit' or 'abort') selected.")
        return self._sent_on(request, caller) or await self._backend.second_phase(request)

    async def load_state(self, request: Request) -> Response:
        """Doris: ``get_load_state``."""
        database, label = request.path_params["database"], request.query_params.get("label", "")
        state = self._loading.streams.state
        try:
            caller = await self._callers.credentials(request)
            if not label:
                return answers.doris_bad_request("No label selected")
            told = await self._callers.in_session(request, caller.user, lambda session: state(session, database, label))
        except AccessDenied as error:
            return unauthorized(error)
        except StreamLoadRefused as error:
            return answers.doris_error(error.text)
        return answers.doris_ok(told.state)

    async def cancel(self, request: Request) -> Response:
        """Doris: ``_cancel``, of what is not committed yet."""
        database, label = request.path_params["database"], request.query_params.get("label", "")
        cancel = self._loading.streams.cancel
        try:
            caller = await self._callers.credentials(request)
            if not label:
                return answers.doris_bad_request("No label selected")
            await self._callers.in_session(request, caller.user, lambda session: cancel(session, database, "", label))
        except AccessDenied as error:
            return unauthorized(error)
        except StreamLoadRefused as error:
            return answers.doris_error(error.text)
        return answers.doris_ok(None)

    def _admit(self, session: Session, ref: TableRef, grouped: bool) -> None:
        """Raises PrivilegeDenied; for a group commit also where the database or table is not there."""
        require_on_table(session, Privilege.INSERT, ref)
        if not grouped:
            return
        if not self._loading.tables.has_database(ref.database):
            raise StreamLoadRefused("FAILED", "Database not found.")
        try:
            self._loading.tables.table(ref)
        except UnknownTable as error:
            raise StreamLoadRefused("FAILED", "OlapTable not found.") from error

    def _sent_on(self, request: Request, caller: Credentials) -> Response | None:
        """None where the backend's door is shut: then this one serves."""
        backend = self._loading.backend()
        if backend is None:
            return None
        return Response(b"", 307, {"Location": location(request, backend, caller), **answers.CLOSE})


def unauthorized(error: AccessDenied) -> Response:
    """Doris: status 200 for who is not known, and for who may not."""
    said = "Need auth information." if isinstance(error, NoCredentials) else f"{_PREFIX}{error.message}"
    return answers.doris_unauthorized(said)
