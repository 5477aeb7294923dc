"""The HTTP door's socket: opened on a running loop, bounded, closed in order. Paths are the pages' business."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from routine_load.config import MIB
from routine_load.errors import RoutineLoadError
from routine_load.server.http.pages import Pages, application_of
from routine_load.server.http.patience import Patient
from routine_load.server.http.ports import Told

_LAST_TURNS: Final = 10
"""Of the loop, for connections that were cut to be closed in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """Bounds of a door. Heads: ``columns`` and ``jsonpaths`` of wide tables are long."""

    HEAD_BYTES: ClassVar[int] = 128 * 1024
    STARROCKS_LINE_BYTES: ClassVar[int] = 4 * 1024
    STARROCKS_HEAD_BYTES: ClassVar[int] = 32 * 1024 + STARROCKS_LINE_BYTES

    connections_max: int = 512
    backlog: int = 128
    request_head_bytes_max: int = STARROCKS_HEAD_BYTES
    request_line_bytes_max: int = HEAD_BYTES
    error_log_bytes_max: int = 16 * MIB
    keep_alive_s: int = 5
    shutdown_s: int = 3


class _BoundedHeads:
    """Heads beyond the bounds are refused, whether they came in at once or in pieces, which h11 looks at."""

    def __init__(self, application: ASGIApp, limits: HttpLimits) -> None:
        self._application = application
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = len(scope["query_string"])
        line = len(f"{scope['method']}  HTTP/1.1") + len(scope["raw_path"]) + (query and query + 1)
        head = line + sum(len(name) + len(value) + len(": \r\n") for name, value in scope["headers"])
        status, what = 414, f"request line is longer than {self._limits.request_line_bytes_max}"
        if line <= self._limits.request_line_bytes_max:
            status, what = 431, f"headers are longer than {self._limits.request_head_bytes_max}"
            if head <= self._limits.request_head_bytes_max:
                await self._application(scope, receive, send)
                return
        refusal = PlainTextResponse(f"The {what} bytes\n", status, {"Connection": "close"})
        await refusal(scope, receive, send)


class _Server(uvicorn.Server):
    """uvicorn as a guest of our loop: signals stay with the process, and readiness is an event."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class HttpDoor:
    """HTTP on one address. Start and stop are awaited on the coordinator's loop. ``told`` None: only the routes."""

    setting: ClassVar[str] = "http_port"

    def __init__(
        self,
        host: str,
        port: int,
        told: Told | None,
        limits: HttpLimits | None = None,
        routes: Sequence[Route] = (),
    ) -> None:
        self._host = host
        self._port = port
        self._limits = limits or HttpLimits()
        self._application = (
            application_of(routes)
            if told is None
            else Pages(told, self._limits.error_log_bytes_max, routes).application()
        )
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Open the port and return it (the one the system chose for port 0). Raises RoutineLoadError."""
        assert self._server is None, "a door is opened once"
        listener = _listen(self.setting, (self._host, self._port), self._limits.backlog)
        self._server = _Server(
            uvicorn.Config(
                _BoundedHeads(self._application, self._limits),
                http=Patient,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=self._limits.connections_max,
                backlog=self._limits.backlog,
                timeout_keep_alive=self._limits.keep_alive_s,
                timeout_graceful_shutdown=self._limits.shutdown_s,
                h11_max_incomplete_event_size=self._limits.request_head_bytes_max,
            )
        )
        self._serving = asyncio.create_task(self._server.serve([listener]), name="http-door")
        ready = asyncio.create_task(self._server.ready.wait())
        await asyncio.wait({self._serving, ready}, return_when=asyncio.FIRST_COMPLETED)
        if not self._server.ready.is_set():
            ready.cancel()
            await self._serving
        port: int = listener.getsockname()[1]
        return port

    async def stop(self) -> None:
        """Close the port, let answers under way finish for a moment, drop the rest. Does nothing before start."""
        if self._server is None or self._serving is None or self._serving.done():
            return
        self._server.should_exit = True
        await self._serving
        connections = self._server.server_state.connections
        for connection in list(connections):
            connection.transport.abort()
        for _ in range(_LAST_TURNS):
            if connections:
                await asyncio.sleep(0)


class BackendDoor(HttpDoor):
    """The door of the backend's part."""

    setting = "be_http_port"


def _listen(setting: str, place: tuple[str, int], backlog: int) -> socket.socket:
    host, port = place
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise RoutineLoadError(f"{setting}: {host}:{port} is no address to listen on: {error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise RoutineLoadError(f"{setting}: cannot listen on {host}:{port}: {error.strerror}") from error
    return listener
