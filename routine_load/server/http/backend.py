"""The backend's door (8040): loads with their bodies, the transaction interface, Doris' second phase.

Whatever goes wrong is said under status 200, in the answer's own words: clients read ``Status``, never the code.
Refuses to know what headers mean.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from routine_load.errors import AccessDenied, RoutineLoadError
from routine_load.ids import Compat
from routine_load.server.http import answers, load_answers
from routine_load.server.http.callers import Callers, headers, told_url
from routine_load.server.http.load_answers import Operation
from routine_load.statements.stream_load.values import Finished, LoadOutcome, LoadRequest

_MULTI = "Multi-statement transaction requests can only be sent to FE nodes, not BE nodes"


class Backend:
    """The pages of one vendor's backend."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._loading = callers.loading
        self._compat = callers.loading.compat

    def routes(self) -> list[Route]:
        routes = [Route("/api/health", self.health, methods=["GET"], max_body_size=0), *self.loads()]
        if self._compat is Compat.STARROCKS:
            return [
                *routes,
                Route("/api/transaction/list", self.transactions, methods=["GET", "POST"]),
                Route("/api/transaction/{operation}", self.transaction, methods=["POST", "PUT"]),
            ]
        return routes

    def loads(self) -> list[Route]:
        """What a front end without a backend's door of its own serves, too."""
        routes = [Route("/api/{database}/{table}/_stream_load", self.stream_load, methods=["PUT"])]
        if self._compat is Compat.DORIS:
            paths = ("/api/{database}/_stream_load_2pc", "/api/{database}/{table}/_stream_load_2pc")
            routes += [Route(path, self.second_phase, methods=["PUT"]) for path in paths]
            routes.append(Route("/api/_http_stream", self.http_stream, methods=["PUT"]))
        return routes

    async def health(self, _request: Request) -> Response:
        """StarRocks, Doris: the same fixed text."""
        return answers.of_backend({"status": "OK", "msg": "To Be Added"}, Compat.STARROCKS)

    async def stream_load(self, request: Request) -> Response:
        """``_stream_load``: a direct load; Doris: or its first phase."""
        answer = partial(load_answers.direct, compat=self._compat, error_url=self._error_url(request))
        return await self._answered(request, self._loading.streams.load, answer)

    async def http_stream(self, request: Request) -> Response:
        """Doris: a load that its header ``sql`` describes."""
        answer = partial(load_answers.direct, compat=self._compat, error_url=self._error_url(request))
        return await self._answered(request, self._loading.streams.load_by_sql, answer)

    async def transaction(self, request: Request) -> Response:
        """StarRocks: the transaction interface; database and table are headers."""
        name = request.path_params["operation"]
        if name not in set(Operation) or (name == Operation.LOAD and request.method != "PUT"):
            return answers.of_backend(
                {"Status": "INVALID_ARGUMENT", "Message": f"unknown operation {name}"}, self._compat
            )
        operation = Operation(name)
        if operation is not Operation.LOAD and is_of_many_tables(request):
            return answers.of_backend({"Status": "INVALID_ARGUMENT", "Message": _MULTI}, self._compat)
        answer = partial(load_answers.of_transaction, operation, error_url=self._error_url(request))
        return await self._answered(request, self.call(operation), answer, failed="INTERNAL_ERROR")

    async def transactions(self, request: Request) -> Response:
        """StarRocks: ``/api/transaction/list``: what is open of the transaction interface."""
        opened = self._loading.streams.opened
        try:
            user = (await self._callers.credentials(request)).user
            found = await self._callers.in_session(request, user, opened)
        except AccessDenied as error:
            return answers.of_backend({"Status": "INTERNAL_ERROR", "Message": error.message}, self._compat)
        return answers.of_rows([load_answers.open_transaction(each) for each in found])

    async def second_phase(self, request: Request) -> Response:
        """Doris: ``_stream_load_2pc``; the path's table means nothing."""
        database = request.path_params["database"]
        try:
            user = (await self._callers.credentials(request)).user
            done, _ = await self._callers.load(request, user, self._loading.streams.finish, database, "")
        except AccessDenied as error:
            done = Finished("NOT_AUTHORIZED", _of_doris("NOT_AUTHORIZED", error))
        except RoutineLoadError as error:
            done = Finished("INTERNAL_ERROR", _of_doris("INTERNAL_ERROR", error))
        return answers.of_backend(load_answers.finished(done), self._compat)

    def call(self, operation: Operation) -> Callable[[LoadRequest], LoadOutcome]:
        streams = self._loading.streams
        return {
            Operation.BEGIN: streams.begin,
            Operation.LOAD: streams.load_into,
            Operation.PREPARE: streams.prepare,
            Operation.COMMIT: streams.commit,
            Operation.ROLLBACK: streams.rollback,
        }[operation]

    def _error_url(self, request: Request) -> load_answers.ErrorUrl:
        return lambda rejects: told_url(request, self._loading.error_url(rejects))

    async def _answered(
        self,
        request: Request,
        work: Callable[[LoadRequest], LoadOutcome],
        answer: Callable[[LoadOutcome], dict[str, object]],
        *,
        failed: str = "Fail",
    ) -> Response:
        """The answer to a load. One that goes out before the body was read ends the connection."""
        named = headers(request)
        database = request.path_params.get("database") or named.get("db", "")
        table = request.path_params.get("table") or named.get("table", "")
        complete = False
        try:
            user = (await self._callers.credentials(request)).user
            outcome, complete = await self._callers.load(request, user, work, database, table)
        except RoutineLoadError as error:
            given = self._compat is Compat.STARROCKS and failed == "Fail"
            outcome = LoadOutcome(
                status=failed,
                message=error.message if self._compat is Compat.STARROCKS else _of_doris(_code(error), error),
                label=named.get("label") or (str(uuid.uuid4()) if given else ""),
                database=database,
                table=table,
                has_context=False,
            )
        response = answers.of_backend(answer(outcome), self._compat)
        if not complete:
            response.headers.update(answers.CLOSE)
        return response


def is_of_many_tables(request: Request) -> bool:
    """StarRocks 4.0: ``transaction_type: multi``, or the number that the front end itself uses for it."""
    named = headers(request)
    return named.get("transaction_type", "").strip().lower() == "multi" or named.get("source_type") == "12"


def _code(error: RoutineLoadError) -> str:
    return "NOT_AUTHORIZED" if isinstance(error, AccessDenied) else "INTERNAL_ERROR"


def _of_doris(code: str, error: RoutineLoadError) -> str:
    return f"[{code}]{error.message}"
