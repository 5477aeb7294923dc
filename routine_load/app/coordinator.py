"""One coordinator in this process: a loop in a thread of its own, and everything that runs on it.

Start: directory lock → metadata (migrated) → engine → recovery → scheduler → doors. Stop: the same backwards.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta

from routine_load import __version__
from routine_load.app import company
from routine_load.app.assembly import Addresses, Assembly, Foundation, assemble
from routine_load.app.company import Receiver
from routine_load.app.leading import begin, reached_at, told_target
from routine_load.clock import Clock, SystemClock
from routine_load.config import Settings
from routine_load.engines.cluster.address import read_target
from routine_load.errors import PropertyError
from routine_load.ids import Compat
from routine_load.loads.transactions import Transactions
from routine_load.observe import events
from routine_load.observe.logs import logger
from routine_load.server.http import (
    BackendDoor,
    Callers,
    Facts,
    HttpDoor,
    HttpLimits,
    Loading,
    Told,
    backend_routes,
    frontend_routes,
    internal_routes,
)
from routine_load.server.mysql import MySqlDoor, self_signed
from routine_load.server.ports import MySqlLimits, TlsFiles
from routine_load.statements.service import Service
from routine_load.store.coordinators import Member

log = logger("app")

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PURGE_EVERY_S = 600.0
_TICK_S = 1.0
_HURRY_S = 0.5
_UPLOADS_GRACE_S = 2.0
"""For bodies under way; an HTTP door waits a second longer for the answers."""


class Coordinator:
    """Build it, ``start`` it, use ``service``, ``stop`` it. Start and stop are called once, from any thread."""

    service: Service

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        if settings.target != "duckdb" and read_target(settings.target).vendor is not settings.compat:
            raise PropertyError(f"compat is '{settings.compat}', but the target is another vendor's cluster")
        self._settings = settings
        self._clock = clock or SystemClock()
        self._stack = ExitStack()
        self._closed = threading.Event()
        self._leaving = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="coordinator", daemon=True)
        self._mysql: MySqlDoor | None = None
        self._http: list[HttpDoor] = []
        self._callers: Callers | None = None
        self._backend_http_port: int | None = None
        self._ports: tuple[int | None, int | None] = (None, None)
        self._started_ms = 0

    @property
    def ports(self) -> tuple[int | None, int | None]:
        """(MySQL port, HTTP port); None for a door that is shut."""
        return self._ports

    @property
    def backend_http_port(self) -> int | None:
        """Where loads by HTTP go; None: that door is shut, and the front end's serves them itself."""
        return self._backend_http_port

    def start(self) -> None:
        """Raises RoutineLoadError where a part cannot start; nothing is left running then."""
        self._started_ms = int(self._clock.now().timestamp() * 1000)
        self._thread.start()
        try:
            self._open()
        except BaseException:
            self.stop(drain=False)
            raise
        log.info(events.READY, mysql_port=self._ports[0], http_port=self._ports[1])

    def stop(self, drain: bool = True) -> None:
        """Close doors, end tasks, close files. Does nothing the second time."""
        if self._leaving.is_set():
            return
        self._leaving.set()
        if self._mysql is not None:
            self._on_loop(self._mysql.stop(self._settings.drain_timeout_s if drain else _HURRY_S))
        if self._callers is not None:
            self._on_loop(self._callers.leave(_UPLOADS_GRACE_S if drain else 0.0))
        for door in self._http:
            self._on_loop(door.stop())
        if self._callers is not None:
            self._callers.close(self._settings.drain_timeout_s if drain else _HURRY_S)
        self._stack.close()
        with suppress(TimeoutError):  # a thread that hangs does not keep the process
            asyncio.run_coroutine_threadsafe(self._loop.shutdown_default_executor(), self._loop).result(_HURRY_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._closed.set()
        log.info(events.STOPPED)

    def wait_closed(self) -> None:
        self._closed.wait()

    def _open(self) -> None:
        base = Foundation.lay(self._settings, self._clock, self._stack)
        self._refuse_open_doors(base)
        addresses = Addresses(
            mysql=lambda: (self._settings.told_host, self._ports[0] or 0),
            http=lambda: (self._settings.told_host, self._ports[1] or 0),
            backend_http=lambda: (self._settings.told_host, self._backend_http_port or self._ports[1] or 0),
            error_log=self._error_log_url,
        )
        assembly = assemble(base, addresses, self._stack)
        self.service = assembly.service
        if base.cluster is not None:
            base.cluster.nodes.start()
        leadership = assembly.leadership
        self._stack.callback(lambda: self._on_loop(leadership.stop(self._settings.drain_timeout_s)))
        self._on_loop(begin(leadership, shared=base.member.is_shared))
        ticking = threading.Thread(target=self._tick, args=(assembly.transactions,), name="transactions", daemon=True)
        ticking.start()
        self._stack.callback(ticking.join)
        purging = threading.Thread(target=self._purge, args=(base,), name="purge", daemon=True)
        purging.start()
        self._stack.callback(purging.join)
        self._on_loop(self._open_doors(assembly))
        if base.member.is_shared:
            base.store.coordinators.enter(self._as_member(base))

    async def _open_doors(self, assembly: Assembly) -> None:
        settings, base = self._settings, assembly.foundation
        if settings.http_port is not None:
            await self._open_http(assembly)
        if settings.mysql_port is not None:
            self._mysql = MySqlDoor(
                service=self.service,
                users=base.accounts,
                host=settings.host,
                port=settings.mysql_port,
                compat=settings.compat,
                limits=MySqlLimits(
                    connections_max=settings.connections_max,
                    packet_before_auth_max=settings.packet_before_auth_max,
                    max_allowed_packet=settings.max_allowed_packet,
                    statement_bytes_max=settings.statement_bytes_max,
                    handshake_timeout_s=settings.handshake_timeout_s,
                    idle_timeout_s=settings.idle_timeout_s,
                ),
                tls=self._tls(),
            )
            self._ports = (await self._mysql.start(), self._ports[1])

    async def _open_http(self, assembly: Assembly) -> None:
        """The backend's door first: the front end's sends loads there."""
        settings, base = self._settings, assembly.foundation
        told = Told(
            error_logs=assembly.error_logs, facts=lambda: self._facts(assembly), metrics=assembly.metrics.families
        )
        # StarRocks: http_max_header_size and http_max_initial_line_length, at the front end
        limits = HttpLimits(connections_max=settings.http_connections_max, request_head_bytes_max=HttpLimits.HEAD_BYTES)
        of_frontend = limits
        if settings.compat is Compat.STARROCKS:
            of_frontend = replace(
                limits,
                request_head_bytes_max=HttpLimits.STARROCKS_HEAD_BYTES,
                request_line_bytes_max=HttpLimits.STARROCKS_LINE_BYTES,
            )
        loading = Loading(
            compat=settings.compat,
            streams=assembly.streams,
            service=self.service,
            users=base.accounts,
            tables=base.tables,
            takes_loads=base.cluster is None,
            error_url=self._error_log_url,
            backend=lambda: (settings.told_host, self._backend_http_port) if self._backend_http_port else None,
        )
        self._callers = Callers(loading, settings.http_loads_max)
        backend_port, http_port = settings.backend_http_port, settings.http_port
        if backend_port is not None and loading.takes_loads:
            backend = BackendDoor(settings.host, backend_port, told, limits, backend_routes(self._callers))
            self._http.append(backend)
            self._backend_http_port = await backend.start()
        assert http_port is not None, "asked for before"
        others = internal_routes(company.PATH, self._receiver(assembly), self._callers, company.MESSAGE_BYTES_MAX)
        routes = [*others, *frontend_routes(self._callers, assembly.backends.remote)]
        frontend = HttpDoor(settings.host, http_port, told, of_frontend, routes)
        self._http.append(frontend)
        self._ports = (None, await frontend.start())

    def _receiver(self, assembly: Assembly) -> Receiver | None:
        member = assembly.foundation.member
        if member.box is None:
            return None
        return Receiver(
            me=member.id,
            box=member.box,
            leadership=assembly.leadership,
            service=self.service,
            error_lines=assembly.foundation.reject_log.render,
        )

    def _tls(self) -> TlsFiles | None:
        settings = self._settings
        if not settings.tls:
            return None
        if settings.tls_cert is not None and settings.tls_key is not None:
            return TlsFiles(certificate=settings.tls_cert, key=settings.tls_key)
        return self_signed(settings.data_dir)

    def _refuse_open_doors(self, base: Foundation) -> None:
        settings = self._settings
        shut = settings.mysql_port is None and settings.http_port is None
        if settings.host in _LOOPBACK or shut or settings.allow_remote_empty_password:
            return
        verifiers = base.accounts.verifiers("root")
        if verifiers is None or verifiers.empty:
            raise PropertyError(
                f"host is {settings.host}, beyond loopback, and root has no password: set one with "
                "SET PASSWORD, or pass --allow-remote-empty-password"
            )

    def _facts(self, assembly: Assembly) -> Facts:
        return Facts(
            compat=self._settings.compat,
            version=__version__,
            started_ms=self._started_ms,
            mysql_port=self._ports[0],
            http_port=self._ports[1],
            backend_http_port=self._backend_http_port,
            backends_total=assembly.backends.alive,
            backends_online=assembly.backends.alive,
        )

    def _error_log_url(self, opaque_id: str) -> str:
        """StarRocks, Doris: ErrorLogUrls; without an HTTP door, the file in the data directory."""
        if self._ports[1] is None:
            return str(self._settings.error_log_dir / f"{opaque_id}.parquet")
        return f"http://{self._settings.told_host}:{self._ports[1]}/api/_load_error_log?file={opaque_id}"

    def _as_member(self, base: Foundation) -> Member:
        return Member(
            id=base.member.id,
            host=reached_at(self._settings),
            query_port=self._ports[0],
            http_port=self._ports[1],
            version=__version__,
            target=told_target(self._settings),
            started_at_ms=self._started_ms,
        )

    def _purge(self, base: Foundation) -> None:
        """In a thread: forget rejected rows whose time has passed, until the coordinator leaves."""
        keep = timedelta(hours=self._settings.error_log_retention_h)
        while not self._leaving.wait(_PURGE_EVERY_S):
            base.reject_log.purge(self._clock.now() - keep)

    def _tick(self, transactions: Transactions) -> None:
        """In a thread: abort transactions whose time has passed, until the coordinator leaves."""
        while not self._leaving.wait(_TICK_S):
            transactions.tick()

    def _on_loop(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()
