"""The MySQL door: owns the listening socket, the worker threads and the bound on connections.

Refuses to know the protocol (``connection``) and what statements do (``StatementService``).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from routine_load.errors import ExecutionError
from routine_load.ids import Compat
from routine_load.observe import events
from routine_load.observe.logs import logger
from routine_load.server.mysql import outbound
from routine_load.server.mysql.authentication import Authenticator
from routine_load.server.mysql.connection import Connection, House
from routine_load.server.mysql.prepared import Budget
from routine_load.server.mysql.stream import BoundedStream, ConnectionClosed
from routine_load.server.mysql.tls import server_context
from routine_load.server.ports import MySqlLimits, StatementService, TlsFiles, Users

_LOGIN_WORKERS = 4
_WRITE_TIMEOUT_S = 60.0
_BACKLOG = 256
_PREPARED_PACKETS_MAX = 8
"""Texts and long data of the prepared statements of all connections: so many of the largest packets."""

_log = logger("server.mysql")


class MySqlDoor:
    """Opens with ``start``, closes with ``stop``; both on one event loop."""

    def __init__(  # noqa: PLR0913 - the parts that app wires
        self,
        *,
        service: StatementService,
        users: Users,
        host: str,
        port: int,
        compat: Compat,
        limits: MySqlLimits,
        tls: TlsFiles | None,
    ) -> None:
        self._host = host
        self._port = port
        self._logins = ThreadPoolExecutor(_LOGIN_WORKERS, thread_name_prefix="mysql-login")
        self._house = House(
            service=service,
            authenticator=Authenticator(users, self._blocking_login, old_padding=compat is Compat.DORIS),
            compat=compat,
            limits=limits,
            tls=server_context(tls) if tls else None,
            # one for what a connection runs and one for what it leaves behind: long statements keep nobody waiting
            prepared=Budget(_PREPARED_PACKETS_MAX * limits.max_allowed_packet),
            workers=ThreadPoolExecutor(2 * limits.connections_max, thread_name_prefix="mysql-statement"),
        )
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], Connection] = {}

    async def start(self) -> int:
        """Listens; answers the port, which for port 0 is one that the system chose. Raises ExecutionError."""
        try:
            self._server = await asyncio.start_server(self._accept, self._host, self._port, backlog=_BACKLOG)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ExecutionError(f"the MySQL door cannot open {self._host}:{self._port}: {reason}") from error
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self, drain_s: float) -> None:
        """Closes the socket and idle connections, gives running statements ``drain_s`` seconds, then cuts them off."""
        self._house.stopping = True
        if self._server is not None:
            self._server.close()
        for task, connection in self._open.items():
            if not connection.busy:
                task.cancel()
        if self._open:
            _done, late = await asyncio.wait(list(self._open), timeout=drain_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        if self._server is not None:
            await self._server.wait_closed()
        self._house.workers.shutdown(wait=False)
        self._logins.shutdown(wait=False, cancel_futures=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a connection is served by a task"
        limits = self._house.limits
        stream = BoundedStream(
            reader, writer, packet_bytes_max=limits.packet_before_auth_max, write_timeout_s=_WRITE_TIMEOUT_S
        )
        if self._house.stopping or len(self._open) >= limits.connections_max:
            await self._turn_away(stream)
            return
        connection = Connection(stream, self._house, _prepare_socket(writer))
        self._open[task] = connection
        self._house.connections = len(self._open)
        try:
            await connection.run()
        except asyncio.CancelledError:
            if not self._house.stopping:
                raise
        finally:
            del self._open[task]
            self._house.connections = len(self._open)

    async def _turn_away(self, stream: BoundedStream) -> None:
        _log.warning(
            events.CONNECTION_REFUSED, reason="too many connections", allowed=self._house.limits.connections_max
        )
        try:
            await stream.write(outbound.error(1040, "08004", "Too many connections", early=True))
        except ConnectionClosed:
            pass
        finally:
            stream.close()

    def _blocking_login(self, function: Any, *arguments: Any) -> Awaitable[Any]:
        return asyncio.get_running_loop().run_in_executor(self._logins, function, *arguments)


def _prepare_socket(writer: asyncio.StreamWriter) -> str:
    """Lets the system find out about dead peers; answers who the peer is."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    peer = writer.get_extra_info("peername")
    return f"{peer[0]}:{peer[1]}" if peer else ""
