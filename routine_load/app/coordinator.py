"""One coordinator in this process: a loop in a thread of its own, and everything that runs on it.

Start: directory lock → metadata (migrated) → engine → recovery → scheduler → doors. Stop: the same backwards.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import timedelta

from routine_load import __version__
from routine_load.app.compiler import Compiler
from routine_load.app.directory import DirectoryLock
from routine_load.app.users import Accounts
from routine_load.backends.local import LocalBackends
from routine_load.clock import Clock, SystemClock
from routine_load.config import Settings
from routine_load.engines.duckdb import DuckDbEngine
from routine_load.errors import PropertyError, RoutineLoadError
from routine_load.ids import Compat
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.loads.path import LoadPath
from routine_load.loads.rejects import RejectLog
from routine_load.observe import events
from routine_load.observe.logs import logger
from routine_load.scheduler.bookkeeping import Bookkeeper
from routine_load.scheduler.planning import Planner
from routine_load.scheduler.scheduler import Parts, Scheduler
from routine_load.server.http import Facts, HttpDoor
from routine_load.server.mysql import MySqlDoor, self_signed
from routine_load.server.ports import MySqlLimits, TlsFiles
from routine_load.sources import GroupOffsets, KafkaMetadataClient, KafkaPropertyPolicy, KafkaSource, KafkaWatch
from routine_load.statements.context import Context
from routine_load.statements.service import Processes, Service
from routine_load.store import Metadata, SecretBox, open_metadata
from routine_load.tasks.run import TaskRunner

log = logger("app")

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PURGE_EVERY_S = 600.0


class Coordinator:
    """Build it, ``start`` it, use ``service``, ``stop`` it. Start and stop are called once, from any thread."""

    service: Service

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        if settings.target != "duckdb":
            raise PropertyError(f"target is '{settings.target}', allowed: duckdb")
        self._settings = settings
        self._clock = clock or SystemClock()
        self._stack = ExitStack()
        self._closed = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="coordinator", daemon=True)
        self._mysql: MySqlDoor | None = None
        self._http: HttpDoor | None = None
        self._ports: tuple[int | None, int | None] = (None, None)
        self._started_ms = 0

    @property
    def ports(self) -> tuple[int | None, int | None]:
        """(MySQL port, HTTP port); None for a door that is shut."""
        return self._ports

    def start(self) -> None:
        """Raises RoutineLoadError where a part cannot start; nothing is left running then."""
        self._started_ms = int(self._clock.now().timestamp() * 1000)
        self._thread.start()
        try:
            self._build()
            self._on_loop(self._open_doors())
        except BaseException:
            self.stop(drain=False)
            raise
        log.info(events.READY, mysql_port=self._ports[0], http_port=self._ports[1])

    def stop(self, drain: bool = True) -> None:
        """Close doors, end tasks, close files. Does nothing the second time."""
        if self._closed.is_set():
            return
        budget = self._settings.drain_timeout_s if drain else 0.5
        if self._mysql is not None:
            self._on_loop(self._mysql.stop(budget))
        if self._http is not None:
            self._on_loop(self._http.stop())
        self._stack.close()
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()
        self._closed.set()
        log.info(events.STOPPED)

    def wait_closed(self) -> None:
        self._closed.wait()

    # -- building -----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        settings, clock, stack = self._settings, self._clock, self._stack
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        stack.enter_context(DirectoryLock(settings.data_dir / "lock"))
        secrets = SecretBox.at(settings.data_dir / "secret.key")
        store = stack.enter_context(open_metadata(settings.metadata_database_url, secrets))
        self._accounts = Accounts.of(store)
        self._refuse_open_doors()
        reject_log = RejectLog(settings.error_log_dir, raw_bytes_max=settings.rejected_row_bytes_max)
        engine = DuckDbEngine.open(
            settings.warehouse_path,
            error_log_dir=settings.error_log_dir,
            memory=settings.engine_memory,
            threads=settings.engine_threads,
        )
        stack.callback(engine.close)
        source, metadata, watch, groups = KafkaSource(), KafkaMetadataClient(), KafkaWatch(), GroupOffsets()
        for part in (source, metadata, watch, groups):
            stack.callback(part.close)
        compiler = Compiler()
        config = self._frontend_config(store)
        backends = LocalBackends(
            settings.backends,
            slots=config(settings.compat).max_routine_load_task_num_per_be,
            host=settings.host,
            clock=clock,
        )
        stack.callback(backends.close)
        bookkeeper = Bookkeeper(
            jobs=store.jobs, sink=engine, reject_log=reject_log, clock=clock, frontend_config=config
        )
        scheduler = Scheduler(
            Parts(
                bookkeeper=bookkeeper,
                planner=Planner(
                    sink=engine,
                    metadata=metadata,
                    settings=settings,
                    clock=clock,
                    frontend_config=config,
                    alive_backends=lambda: backends.alive,
                ),
                watch=watch,
                backends=backends,
                runner=TaskRunner(
                    source=source,
                    path=LoadPath(sink=engine, compiler=compiler, reject_log=reject_log, clock=clock),
                    tell=groups.publish,
                    clock=clock,
                ),
                settings=settings,
                clock=clock,
            )
        )
        processes = Processes()
        self.service = Service(
            Context(
                settings=settings,
                engine=engine,
                sink=engine,
                jobs=store.jobs,
                users=self._accounts,
                metadata=metadata,
                compiler=compiler,
                scheduler=scheduler,
                check_client_properties=KafkaPropertyPolicy().check_source,
                clock=clock,
                frontend_config=config,
                error_log_url=self._error_log_url,
                http_address=lambda: (settings.host, self._ports[1] or 0),
                mysql_address=lambda: (settings.host, self._ports[0] or 0),
                processes=processes.all,
            ),
            processes,
        )
        self._reject_log = reject_log
        self._facts = self._facts_of(store, backends)
        self._on_loop(scheduler.start())
        stack.callback(lambda: self._on_loop(scheduler.stop(settings.drain_timeout_s)))
        self._on_loop(self._purge_sometimes())

    async def _open_doors(self) -> None:
        settings = self._settings
        if settings.http_port is not None:
            self._http = HttpDoor(settings.host, settings.http_port, self._reject_log, self._facts)
            self._ports = (None, await self._http.start())
        if settings.mysql_port is not None:
            self._mysql = MySqlDoor(
                service=self.service,
                users=self._accounts,
                host=settings.host,
                port=settings.mysql_port,
                compat=settings.compat,
                limits=MySqlLimits(
                    connections_max=settings.connections_max,
                    packet_before_auth_max=settings.packet_before_auth_max,
                    max_allowed_packet=settings.max_allowed_packet,
                    handshake_timeout_s=settings.handshake_timeout_s,
                    idle_timeout_s=settings.idle_timeout_s,
                ),
                tls=self._tls(),
            )
            self._ports = (await self._mysql.start(), self._ports[1])

    def _tls(self) -> TlsFiles | None:
        settings = self._settings
        if not settings.tls:
            return None
        if settings.tls_cert is not None and settings.tls_key is not None:
            return TlsFiles(certificate=settings.tls_cert, key=settings.tls_key)
        return self_signed(settings.data_dir)

    def _refuse_open_doors(self) -> None:
        settings = self._settings
        verifiers = self._accounts.verifiers("root")
        if (
            settings.host not in _LOOPBACK
            and settings.mysql_port is not None
            and not settings.allow_remote_empty_password
            and (verifiers is None or verifiers.empty)
        ):
            raise PropertyError(
                f"host is {settings.host}, beyond loopback, and root has no password: set one with "
                "SET PASSWORD, or pass --allow-remote-empty-password"
            )

    @staticmethod
    def _frontend_config(store: Metadata) -> Callable[[Compat], FrontendConfig]:
        overrides = store.settings.all()
        configs = {compat: FrontendConfig.of(compat, overrides) for compat in Compat}
        return configs.__getitem__

    def _facts_of(self, store: Metadata, backends: LocalBackends) -> Callable[[], Facts]:
        def facts() -> Facts:
            states: dict[str, int] = {}
            for job in store.jobs.list(None, include_final=True):
                states[job.state.value] = states.get(job.state.value, 0) + 1
            return Facts(
                compat=self._settings.compat,
                version=__version__,
                started_ms=self._started_ms,
                mysql_port=self._ports[0],
                http_port=self._ports[1],
                backends_total=backends.alive,
                backends_online=backends.alive,
                jobs_by_state=states,
            )

        return facts

    def _error_log_url(self, opaque_id: str) -> str:
        """StarRocks, Doris: ErrorLogUrls; without an HTTP door, the file in the data directory."""
        if self._ports[1] is None:
            return str(self._settings.error_log_dir / f"{opaque_id}.parquet")
        return f"http://{self._settings.host}:{self._ports[1]}/api/_load_error_log?file={opaque_id}"

    async def _purge_sometimes(self) -> None:
        """Forget rejected rows whose time has passed, every ten minutes."""
        keep = timedelta(hours=self._settings.error_log_retention_h)

        def purge() -> None:
            with suppress(OSError):
                self._reject_log.purge(self._clock.now() - keep)
            self._loop.call_later(_PURGE_EVERY_S, self._loop.run_in_executor, None, purge)

        self._loop.call_later(_PURGE_EVERY_S, self._loop.run_in_executor, None, purge)

    def _on_loop(self, work: object) -> None:
        assert asyncio.iscoroutine(work)
        try:
            asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except TimeoutError as error:
            raise RoutineLoadError("a part of the coordinator did not stop in time") from error
