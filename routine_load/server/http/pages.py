"""The pages of the HTTP door: what each path answers. Sockets and limits of connections are the door's."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from routine_load.errors import RoutineLoadError
from routine_load.ids import Compat
from routine_load.server.http.metrics_page import TEXT_TYPE, as_json, as_text
from routine_load.server.http.ports import Told

_OPAQUE_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != ord("\t")}
_SAFE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


class Pages:
    """Answers of every path, from what the coordinator tells. ``more`` routes come first."""

    def __init__(self, told: Told, error_log_bytes_max: int, more: Sequence[Route] = ()) -> None:
        self._told = told
        self._error_log_bytes_max = error_log_bytes_max
        self._more = more

    def application(self) -> Starlette:
        pages = {
            "/": self.front,
            "/api/health": self.health,
            "/api/bootstrap": self.bootstrap,
            "/api/_load_error_log": self.load_error_log,
            "/metrics": self.metrics,
        }
        own = (Route(path, page, methods=["GET"], max_body_size=0) for path, page in pages.items())
        return application_of([*self._more, *own])

    async def front(self, _request: Request) -> Response:
        facts = await anyio.to_thread.run_sync(self._told.facts)
        lines = [
            f"routine-load {facts.version} ({facts.compat})",
            f"mysql port     {facts.mysql_port or 'shut'}",
            f"http port      {facts.http_port or 'shut'}",
            f"backend's      {facts.backend_http_port or 'shut'}",
            f"backends       {facts.backends_online} of {facts.backends_total} online",
            "",
            "/api/health  /api/bootstrap  /metrics  /api/_load_error_log?file=<id from ErrorLogUrls>",
        ]
        return PlainTextResponse("\n".join(lines) + "\n", headers=_SAFE)

    async def health(self, _request: Request) -> Response:
        """Number of backends (StarRocks and Doris: GET /api/health)."""
        facts = await anyio.to_thread.run_sync(self._told.facts)
        counts = {"total_backend_num": facts.backends_total, "online_backend_num": facts.backends_online}
        return JSONResponse(_envelope(facts.compat, counts), headers=_SAFE)

    async def bootstrap(self, _request: Request) -> Response:
        """Whether the front end is up. Ports stay 0: the originals tell them only to members of the cluster."""
        facts = await anyio.to_thread.run_sync(self._told.facts)
        answer: dict[str, object] = {"replayedJournalId": 0, "queryPort": 0, "rpcPort": 0}
        if facts.compat is Compat.DORIS:
            answer |= {"arrowFlightSqlPort": 0, "version": facts.version}
        else:
            answer |= {"feStartTime": facts.started_ms, "feVersion": facts.version}
        return JSONResponse(_envelope(facts.compat, answer), headers=_SAFE)

    async def metrics(self, request: Request) -> Response:
        """The vendor's figures, for Prometheus; with ``?type=json`` as JSON (StarRocks and Doris: GET /metrics)."""
        families = await anyio.to_thread.run_sync(self._told.metrics)
        if request.query_params.get("type") == "json":
            return Response(as_json(families), media_type="application/json", headers=_SAFE)
        return Response(as_text(families), media_type=TEXT_TYPE, headers=_SAFE)

    async def load_error_log(self, request: Request) -> Response:
        """Rejected rows of one transaction (StarRocks and Doris: GET /api/_load_error_log?file=…)."""
        opaque_id = request.query_params.get("file", "")
        if not _OPAQUE_ID.fullmatch(opaque_id):
            raise HTTPException(400, "file must be 32 hexadecimal digits, as in ErrorLogUrls of SHOW ROUTINE LOAD")
        try:
            lines = await anyio.to_thread.run_sync(self._told.error_logs.render, opaque_id)
        except FileNotFoundError as error:
            message = f"there is no error log {opaque_id}; it may have passed its retention"
            raise HTTPException(404, message) from error
        text = _bounded(lines, self._error_log_bytes_max)
        first = await anyio.to_thread.run_sync(next, text, b"")
        return StreamingResponse(_chunks(first, text), media_type="text/plain; charset=utf-8", headers=_SAFE)


def application_of(routes: Sequence[Route]) -> Starlette:
    """These routes, with answers in JSON to whatever goes wrong."""
    application = Starlette(
        routes=list(routes),
        exception_handlers={
            HTTPException: _refused,
            ClientDisconnect: _left,
            RoutineLoadError: _failed,
            Exception: _broken,
        },
    )
    application.router.redirect_slashes = False
    return application


def _bounded(lines: Iterator[str], bytes_max: int) -> Iterator[bytes]:
    """Lines as bytes in chunks of some 64 KiB, cut after ``bytes_max`` with a last line that says so.

    Control characters of a row are escaped, so that a message cannot forge a line or speak to a terminal.
    """
    chunk, sent = bytearray(), 0
    for line in lines:
        encoded = line.translate(_ESCAPED).encode(errors="replace") + b"\n"
        if sent + len(chunk) + len(encoded) > bytes_max:
            chunk += f"error log is too long, cut after {bytes_max} bytes\n".encode()
            break
        chunk += encoded
        if len(chunk) >= 64 * 1024:
            sent += len(chunk)
            yield bytes(chunk)
            chunk.clear()
    yield bytes(chunk)


async def _chunks(first: bytes, rest: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The first chunk was read before the status line went out, so that a broken file still answers an error."""
    chunk: bytes | None = first
    while chunk is not None:
        yield chunk
        chunk = await anyio.to_thread.run_sync(next, rest, None)


def _envelope(compat: Compat, answer: Mapping[str, object]) -> dict[str, object]:
    if compat is Compat.DORIS:
        return {"msg": "success", "code": 0, "data": answer, "count": 0}
    return {"status": "OK", "code": "0", "msg": "Success", "message": "OK", **answer}


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"status": "FAILED", "code": str(status), "msg": message, "message": message}, status, _SAFE)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404 and error.detail == "Not Found":
        return _error(404, f"there is nothing at {request.url.path[:200]}; GET / lists what there is")
    if error.status_code == 405:
        allowed = ", ".join(sorted((error.headers or {}).get("Allow", "GET").replace(" ", "").split(",")))
        return _error(405, f"{request.method[:20]} is not allowed here; allowed: {allowed}")
    return _error(error.status_code, error.detail)


async def _left(_request: Request, _seen: Exception) -> Response:
    """Nobody hears this answer: who asked went away before the end of the body."""
    return _error(400, "the request ended before its body did")


async def _failed(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RoutineLoadError)
    return _error(500, error.message)


async def _broken(_request: Request, _error_seen: Exception) -> Response:
    return _error(500, "internal error; the service's log has it")
