"""SQL by HTTP: StarRocks' ``/api/v1/catalogs/…/sql``, one JSON document a line, and Doris' ``/api/query``, one answer.

A statement runs as the caller, with the caller's privileges, as it would through the MySQL door. Refuses to know what
statements do.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import AsyncIterator, Generator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from routine_load.errors import AccessDenied, LimitExceeded, RoutineLoadError
from routine_load.ids import Compat
from routine_load.server.http import answers
from routine_load.server.http.callers import Callers, client
from routine_load.sql.results import Ok, Result, ResultColumn, ResultTable, ResultType
from routine_load.statements.ports import Session

BODY_BYTES_MAX: Final = 16 * 1024 * 1024
_ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
_LINES_BYTES: Final = 64 * 1024
_CATALOGS: Final = frozenset({"default_catalog", "default_cluster", "internal"})

_STARROCKS_TYPES: Final = {
    ResultType.TINYINT: "tinyint(4)",
    ResultType.SMALLINT: "smallint(6)",
    ResultType.INT: "int(11)",
    ResultType.BIGINT: "bigint(20)",
    ResultType.LARGEINT: "largeint(40)",
    ResultType.VARCHAR: "varchar",
    ResultType.BLOB: "varbinary",
}
_DORIS_TYPES: Final = {ResultType.VARCHAR: "VARCHAR", ResultType.BLOB: "STRING", ResultType.NULL: "NULL_TYPE"}


class SqlApi:
    """The pages of one vendor's SQL."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._service = callers.loading.service
        self._compat = callers.loading.compat

    def routes(self) -> list[Route]:
        if self._compat is Compat.DORIS:
            path, page = "/api/query/{catalog}/{database}", self.answer
            also = [Route("/api/query/{catalog}", page, methods=["POST"], max_body_size=BODY_BYTES_MAX)]
        else:
            path, page = "/api/v1/catalogs/{catalog}/databases/{database}/sql", self.lines
            also = [Route("/api/v1/catalogs/{catalog}/sql", page, methods=["POST"], max_body_size=BODY_BYTES_MAX)]
        return [Route(path, page, methods=["POST"], max_body_size=BODY_BYTES_MAX), *also]

    async def lines(self, request: Request) -> Response:
        """StarRocks: connection, columns, rows and counts, each a line; a failure is said before the first."""
        try:
            caller = await self._callers.credentials(request)
            text = await _statement(request, "query")
            lines = self._lines(request, caller.user, text)
            first = await self._callers.run(next, lines)
        except AccessDenied as error:
            return answers.starrocks_unauthorized(error.message)
        except RoutineLoadError as error:
            return answers.starrocks_failed(error.framed(self._compat), 400)
        return StreamingResponse(_sent(first, lines), media_type="application/x-ndjson", headers=answers.SAFE)

    async def answer(self, request: Request) -> Response:
        """Doris: columns, rows and time in one answer of a bounded size."""
        try:
            caller = await self._callers.credentials(request)
            text = await _statement(request, "stmt")
            return await self._callers.run(self._answer, request, caller.user, text)
        except AccessDenied as error:
            return answers.doris_unauthorized(error.message)
        except RoutineLoadError as error:
            return answers.doris_error(error.framed(self._compat))

    def _lines(self, request: Request, user: str, text: str) -> Generator[bytes]:
        session = self._session(request, user)
        try:
            result = self._run(session, text)
            table = result if isinstance(result, ResultTable) else ResultTable([], [])
            meta = [
                {"name": each.name, "type": _STARROCKS_TYPES.get(each.type, each.type.value)} for each in table.columns
            ]
            chunk = bytearray(_line({"connectionId": session.connection_id}) + _line({"meta": meta}))
            rows = 0
            for row in table.rows:
                chunk += _line({"data": shown(row, table.columns)})
                rows += 1
                if len(chunk) >= _LINES_BYTES:
                    yield bytes(chunk)
                    chunk.clear()
            yield bytes(chunk) + _line({"statistics": {"scanRows": 0, "scanBytes": 0, "returnRows": rows}})
        finally:
            self._service.close_session(session)

    def _answer(self, request: Request, user: str, text: str) -> Response:
        session = self._session(request, user)
        try:
            result = self._run(session, text)
            if isinstance(result, Ok):
                return answers.doris_ok({"type": "exec_status", "status": {}, "time": 1})
            meta = [
                {"name": each.name, "type": _DORIS_TYPES.get(each.type, each.type.value.upper())}
                for each in result.columns
            ]
            rows, size = [], 0
            for row in result.rows:
                rows.append(values := shown(row, result.columns))
                size += sum(len(value) if isinstance(value, str) else 8 for value in values)
                if size > _ANSWER_BYTES_MAX:
                    raise LimitExceeded(
                        f"the answer has more than {_ANSWER_BYTES_MAX} bytes; ask for less, or by MySQL"
                    )
            return answers.doris_ok({"type": "result_set", "meta": meta, "data": rows, "time": 1})
        finally:
            self._service.close_session(session)

    def _session(self, request: Request, user: str) -> Session:
        catalog, database = request.path_params["catalog"], request.path_params.get("database")
        if catalog not in _CATALOGS:
            raise RoutineLoadError(f"Unknown catalog '{catalog}'; allowed: {', '.join(sorted(_CATALOGS))}")
        session = self._service.open_session(user, client(request))
        try:
            if database:
                self._service.use(session, database)
        except BaseException:
            self._service.close_session(session)
            raise
        return session

    def _run(self, session: Session, text: str) -> Result:
        steps = self._service.steps(session, text)
        if len(steps) != 1:
            raise RoutineLoadError(f"one statement is allowed, there are {len(steps)}")
        return steps[0]()


async def _statement(request: Request, key: str) -> str:
    """The statement in a request's JSON. Raises RoutineLoadError."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise RoutineLoadError(f"the body is not JSON: {error}") from error
    text = body.get(key) if isinstance(body, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise RoutineLoadError(f'the body must be a JSON object whose "{key}" is a statement')
    return text


async def _sent(first: bytes, rest: Generator[bytes]) -> AsyncIterator[bytes]:
    """Chunks as they come; however it ends, so does the session behind them."""
    try:
        chunk: bytes | None = first
        while chunk is not None:
            yield chunk
            chunk = await anyio.to_thread.run_sync(partial(next, rest, None))
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(rest.close)


def shown(row: Sequence[Any], columns: Sequence[ResultColumn]) -> list[object]:
    """Values as JSON has them: numbers and truth values as such, everything else as the text that MySQL clients see."""
    return [_shown(value, column.type) for value, column in zip(row, columns, strict=True)]


def _shown(value: Any, kind: ResultType) -> object:
    if isinstance(value, bool):
        return value if kind is ResultType.BOOLEAN else int(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode() if kind is ResultType.BLOB else value.decode(errors="replace")
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(sep=" ")
    as_number = isinstance(value, int) and kind is not ResultType.LARGEINT
    as_number = as_number or (isinstance(value, float) and math.isfinite(value))
    if value is None or as_number:
        return value
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _line(fields: answers.Fields) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode(errors="replace") + b"\n"
