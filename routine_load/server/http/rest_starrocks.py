"""StarRocks: what connectors and tools ask its front end beside loads: schema, count, nodes, SHOW PROC."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from routine_load.errors import AccessDenied, RoutineLoadError, UnknownDatabase, UnknownTable
from routine_load.ids import Compat
from routine_load.server.http import answers
from routine_load.server.http.authentication import Credentials
from routine_load.server.http.callers import Callers
from routine_load.server.http.questions import Questions, starrocks_columns

Page = Callable[[Request, Credentials], Awaitable[Response]]

_NO_PLANS: Final = "query plans are not told: tables are read by SQL here"


class _OfItsMethods(Route):
    """Has no path by other methods: what nobody else has there is not found, which is not the same as not allowed."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        found, child = super().matches(scope)
        return (Match.NONE, {}) if found is Match.PARTIAL else (found, child)


class StarRocksRest:
    """The pages beside loads."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._questions = Questions(callers)

    def routes(self) -> list[Route]:
        return [
            self._get("/api/{database}/{table}/_schema", self.schema),
            self._get("/api/{database}/{table}/_count", self.count),
            Route("/api/{database}/{table}/_query_plan", self._page(self.query_plan), methods=["POST"]),
            self._get("/api/show_proc", self.show_proc),
            self._get("/api/v2/backend", self.backends),
            self._get("/api/v2/computeNode", self.compute_nodes),
            self._get("/api/v2/catalogs/{catalog}/databases/{database}/tables/{table}/schema", self.schema_v2),
        ]

    def rest(self) -> list[Route]:
        """What no other route has: connectors take exactly this answer as "not supported"."""
        return [_OfItsMethods("/{path:path}", self.not_implemented, methods=["POST", "PUT"])]

    async def not_implemented(self, _request: Request) -> Response:
        return answers.starrocks_failed(answers.NOT_HERE, headers=answers.CLOSE)

    async def schema(self, request: Request, caller: Credentials) -> Response:
        table = await self._questions.table(request, caller)
        return answers.of_frontend({"status": 200, "properties": starrocks_columns(table)})

    async def count(self, request: Request, caller: Credentials) -> Response:
        return answers.of_frontend({"status": 200, "size": await self._questions.count(request, caller)})

    async def query_plan(self, request: Request, caller: Credentials) -> Response:
        await self._questions.table(request, caller)
        return answers.of_frontend({"status": 400, "exception": _NO_PLANS}, 400)

    async def show_proc(self, request: Request, caller: Credentials) -> Response:
        """An array of objects, for who may SHOW PROC."""
        rows = await self._questions.proc(request, caller, request.query_params.get("path", "/"))
        return answers.of_rows(rows.objects)

    async def backends(self, request: Request, caller: Credentials) -> Response:
        rows = await self._questions.show(request, caller, "SHOW BACKENDS")
        return answers.of_frontend({"code": "0", "message": "OK", "result": rows.objects})

    async def compute_nodes(self, request: Request, caller: Credentials) -> Response:
        rows = await self._questions.show(request, caller, "SHOW COMPUTE NODES")
        return answers.of_frontend({"code": "0", "message": "OK", "result": rows.objects})

    async def schema_v2(self, request: Request, caller: Credentials) -> Response:
        table = await self._questions.table(request, caller)
        result = {"name": table.ref.table, "tableType": table.engine, "columns": starrocks_columns(table)}
        return answers.of_frontend({"code": "0", "message": "OK", "result": [result]})

    def _get(self, path: str, page: Page) -> Route:
        return Route(path, self._page(page), methods=["GET"], max_body_size=0)

    def _page(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """With who asks; what is missing or forbidden has a status of its own."""

        async def asked(request: Request) -> Response:
            try:
                return await page(request, await self._callers.credentials(request))
            except AccessDenied as error:
                return answers.starrocks_unauthorized(error.message)
            except (UnknownDatabase, UnknownTable) as error:
                return answers.of_frontend({"status": 404, "exception": error.framed(Compat.STARROCKS)}, 404)
            except RoutineLoadError as error:
                return answers.of_frontend({"status": 500, "exception": error.framed(Compat.STARROCKS)}, 500)

        return asked
