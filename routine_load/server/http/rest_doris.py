"""Doris: what connectors and tools ask its front end beside loads: nodes, schema, count, names, SHOW PROC."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from routine_load.errors import AccessDenied, RoutineLoadError, UnknownDatabase, UnknownTable
from routine_load.ids import Compat
from routine_load.server.http import answers
from routine_load.server.http.authentication import Credentials
from routine_load.server.http.callers import Callers, reachable
from routine_load.server.http.frontend_doris import unauthorized
from routine_load.server.http.questions import Questions, doris_columns, doris_keys, version_numbers
from routine_load.sql.access import require_sight_of_database
from routine_load.sql.identity import release
from routine_load.statements.ports import Session

Page = Callable[[Request, Credentials], Awaitable[Response]]

_NO_PLANS: Final = "query plans are not told: tables are read by SQL here"
_META: Final = "/rest/v2/api/meta/namespaces/{catalog}/databases"


class DorisRest:
    """The pages beside loads."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._questions = Questions(callers)

    def routes(self) -> list[Route]:
        table = "/api/{database}/{table}"
        named = "/api/{catalog}/{database}/{table}"
        pages: dict[str, Page] = {
            "/api/backends": self.backends,
            "/api/fe_version_info": self.version,
            "/api/show_proc": self.show_proc,
            "/rest/v1/system": self.system,
            "/rest/v2/manager/node/frontends": self.frontend_nodes,
            "/rest/v2/manager/node/backends": self.backend_nodes,
            f"{table}/_count": self.count,
            f"{table}/_schema": self.schema,
            f"{named}/_schema": self.schema,
            _META: self.databases,
            f"{_META}/{{database}}/tables": self.tables,
            f"{_META}/{{database}}/tables/{{table}}/schema": self.schema,
        }
        gets = [Route(path, self._page(page), methods=["GET"], max_body_size=0) for path, page in pages.items()]
        posts = {"/rest/v1/login": self.login, f"{table}/_query_plan": self.query_plan}
        return [*gets, *(Route(path, self._page(page), methods=["POST"]) for path, page in posts.items())]

    async def backends(self, request: Request, _caller: Credentials) -> Response:
        """Where loads may be sent at once; exactly these keys, for clients refuse others."""
        backend = self._callers.loading.backend()
        if backend is None:
            backend = ("", request.scope["server"][1])
        one = {"ip": reachable(request, backend[0]), "http_port": backend[1], "is_alive": True}
        return answers.doris_ok({"backends": [one]})

    async def version(self, _request: Request, _caller: Credentials) -> Response:
        return answers.doris_ok({"feVersionInfo": version_numbers(release(Compat.DORIS), Compat.DORIS)})

    async def login(self, _request: Request, _caller: Credentials) -> Response:
        return answers.doris_ok("Login success!")

    async def show_proc(self, request: Request, caller: Credentials) -> Response:
        rows = await self._questions.proc(request, caller, request.query_params.get("path", "/"))
        return answers.doris_ok(rows.rows)

    async def system(self, request: Request, caller: Credentials) -> Response:
        """SHOW PROC in the words of the first version of this page."""
        path = request.query_params.get("path", "/")
        rows = await self._questions.proc(request, caller, "/" + path.lstrip("/"))
        return answers.doris_ok({"column_names": rows.columns, "rows": rows.objects, "parent_url": "/rest/v1/system"})

    async def frontend_nodes(self, request: Request, caller: Credentials) -> Response:
        rows = await self._questions.show(request, caller, "SHOW FRONTENDS")
        return answers.doris_ok({"columnNames": rows.columns, "rows": rows.rows})

    async def backend_nodes(self, request: Request, caller: Credentials) -> Response:
        rows = await self._questions.show(request, caller, "SHOW BACKENDS")
        return answers.doris_ok({"columnNames": rows.columns, "rows": rows.rows})

    async def schema(self, request: Request, caller: Credentials) -> Response:
        """What fails is said inside a success."""
        try:
            table = await self._questions.table(request, caller)
        except AccessDenied as error:
            return answers.doris_ok({"status": 403, "exception": error.message})
        except (UnknownDatabase, UnknownTable) as error:
            return answers.doris_ok({"status": 404, "exception": error.message})
        return answers.doris_ok({"keysType": doris_keys(table), "properties": doris_columns(table), "status": 200})

    async def count(self, request: Request, caller: Credentials) -> Response:
        return answers.doris_ok({"size": await self._questions.count(request, caller), "status": 200})

    async def databases(self, request: Request, caller: Credentials) -> Response:
        found = self._callers.loading.tables.databases

        def seen(session: Session) -> list[str]:
            return [database for database in found() if session.rights.sees(database)]

        return answers.doris_ok(await self._callers.in_session(request, caller.user, seen))

    async def tables(self, request: Request, caller: Credentials) -> Response:
        database, found = request.path_params["database"], self._callers.loading.tables.tables

        def seen(session: Session) -> list[str]:
            require_sight_of_database(session, database)
            return [table for table in found(database) if session.rights.sees(database, table)]

        return answers.doris_ok(await self._callers.in_session(request, caller.user, seen))

    async def query_plan(self, request: Request, caller: Credentials) -> Response:
        await self._questions.table(request, caller)
        return answers.doris_ok({"status": 400, "exception": _NO_PLANS})

    def _page(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def asked(request: Request) -> Response:
            try:
                return await page(request, await self._callers.credentials(request))
            except AccessDenied as error:
                return unauthorized(error)
            except RoutineLoadError as error:
                return answers.doris_error(error.framed(Compat.DORIS))

        return asked
