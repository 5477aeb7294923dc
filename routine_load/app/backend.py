"""A backend in a process of its own: it makes itself known to a coordinator, and runs what that orders.

Owns its start and its end. Start: folder → parts → door → registration, which goes on until a coordinator hears it, and
begins again whenever none is heard for a while. Stop: no more orders, what runs gives up or ends, the door closes.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import secrets
import socket
import threading
from collections.abc import Coroutine
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from routine_load import __version__
from routine_load.app.compiler import Compiler
from routine_load.app.scratch import scratch
from routine_load.backends.agent.orders import Orders, Work
from routine_load.backends.agent.sink import ClustersSink, OwnersSink
from routine_load.backends.agent.voice import Voice
from routine_load.backends.codec import to_json
from routine_load.backends.messages import REGISTER_PATH, Presence, TaskOrder
from routine_load.backends.signing import SharedSecret
from routine_load.backends.wire import Wire, told
from routine_load.clock import Clock, SystemClock
from routine_load.config import MIB
from routine_load.engines.cluster.address import is_cluster, read_target
from routine_load.engines.cluster.connected import LoadsOnly
from routine_load.errors import BackendRefused, PropertyError, RoutineLoadError
from routine_load.loads.kept import KeptCompiler
from routine_load.loads.path import LoadPath
from routine_load.loads.ports import BatchSink, Target
from routine_load.loads.pushed import PushDown
from routine_load.loads.rejects import RejectLog
from routine_load.loads.two_phase import SpoolPlace
from routine_load.observe import events
from routine_load.observe.logs import logger
from routine_load.server.http import BackendDoor, HttpLimits
from routine_load.server.http.backends import BackendSide
from routine_load.sources import AdminClients, GroupOffsets, KafkaSource, RegistryClient
from routine_load.tasks.backlog import Backlog
from routine_load.tasks.control import TaskControl
from routine_load.tasks.run import Task, TaskReport, TaskRunner

log = logger("backends")

T = TypeVar("T")

_REGISTER_S = 5.0
_FE_PORT = 8030
_STOP_S = 20.0
_WILDCARDS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not listened on


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendSettings:
    """One backend's settings. ``fronts`` are tried in turn; ``advertise`` is where coordinators reach it."""

    fronts: tuple[tuple[str, int], ...]
    secret_file: Path
    host: str = "127.0.0.1"
    port: int = 8040
    advertise: tuple[str, int] | None = None
    slots: int = 16
    backlog_tasks: int = 2
    batch_bytes_max: int = 64 * MIB
    silence_s: float = 10.0
    """How long no coordinator may be heard before it makes itself known again."""


def read_fronts(text: str) -> tuple[tuple[str, int], ...]:
    """``http://fe1:8030,http://fe2:8030``. Raises PropertyError."""
    fronts = []
    for each in filter(None, (part.strip() for part in text.split(","))):
        try:
            parts = urlsplit(each if "://" in each else f"http://{each}")
            port = parts.port or _FE_PORT
        except ValueError as error:
            raise PropertyError(f"--fe has {each[:200]!r}, allowed: http://host:8030, several with commas") from error
        if parts.scheme != "http" or not parts.hostname or parts.path not in {"", "/"}:
            raise PropertyError(f"--fe has {each[:200]!r}, allowed: http://host:8030, several with commas")
        fronts.append((parts.hostname, port))
    if not fronts:
        raise PropertyError("--fe names no coordinator, allowed: http://host:8030, several with commas")
    return tuple(fronts)


class BackendProcess:
    """Build it, ``start`` it, ``stop`` it: each once, from any thread."""

    def __init__(self, settings: BackendSettings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._stack = ExitStack()
        self._leaving = threading.Event()
        self._closed = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="backend", daemon=True)
        self.port = 0

    def start(self) -> None:
        """Raises RoutineLoadError where a part cannot start; nothing is left running then."""
        self._thread.start()
        try:
            self._open()
        except BaseException:
            self.stop()
            raise
        log.info(events.READY, http_port=self.port)

    def stop(self, drain: bool = True) -> None:  # noqa: ARG002 - as a coordinator is stopped
        """Does nothing the second time."""
        if self._leaving.is_set():
            return
        self._leaving.set()
        self._stack.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._closed.set()
        log.info(events.STOPPED)

    def wait_closed(self) -> None:
        self._closed.wait()

    def _open(self) -> None:
        settings, stack = self._settings, self._stack
        secret = SharedSecret.at(settings.secret_file)
        wire = Wire(secret)
        stack.callback(wire.close)
        folder = stack.enter_context(scratch("routine-load-be-"))
        workshop = Workshop(folder, wire, settings, self._clock)
        stack.callback(workshop.close)
        presence = Presence(
            session=secrets.token_hex(16),
            host="",
            port=0,
            version=__version__,
            slots=settings.slots,
            started_at_ms=int(self._clock.now().timestamp() * 1000),
            cpu_cores=os.cpu_count() or 0,
        )
        orders = Orders(workshop.work(), presence)
        self.port = self._on_loop(self._open_door(orders, secret))
        orders.reached_at(settings.advertise or (_told_host(settings.host), self.port))
        stack.callback(orders.leave, _STOP_S)
        stack.callback(self._say_goodbye, orders, wire)
        telling = threading.Thread(target=self._make_known, args=(orders, wire), name="register", daemon=True)
        telling.start()
        stack.callback(telling.join)

    async def _open_door(self, orders: Orders, secret: SharedSecret) -> int:
        settings = self._settings
        limits = HttpLimits(request_head_bytes_max=HttpLimits.HEAD_BYTES)
        routes = BackendSide(orders, secret, settings.fronts[0]).routes()
        door = BackendDoor(settings.host, settings.port, None, limits, routes)
        self._stack.callback(lambda: self._on_loop(door.stop()))
        return await door.start()

    def _make_known(self, orders: Orders, wire: Wire) -> None:
        """In a thread: tell the coordinators, whenever none was heard for a while."""
        said = ""
        while not self._leaving.is_set():
            if not orders.heard.wait(timeout=0):
                trouble = _register(self._settings.fronts, orders.presence, wire)
                if trouble and trouble != said:
                    log.warning(events.BACKEND_UNKNOWN, reason=trouble)
                said = trouble
                self._leaving.wait(1.0 if trouble else self._settings.silence_s)
            else:
                orders.heard.clear()
                self._leaving.wait(self._settings.silence_s)

    def _say_goodbye(self, orders: Orders, wire: Wire) -> None:
        """So that nobody waits for heartbeats to be missed: to all, for any of them may lead."""
        orders.refuse_more()
        for front in self._settings.fronts:
            _register((front,), orders.presence, wire)

    def _on_loop(self, work: Coroutine[None, None, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _told_host(host: str) -> str:
    """Who listens on every address is found by the machine's name."""
    return socket.getfqdn() if host in _WILDCARDS else host


def _register(fronts: tuple[tuple[str, int], ...], presence: Presence, wire: Wire) -> str:
    """What was wrong with the last of those that did not hear it; empty where one did."""
    trouble = ""
    for front in fronts:
        try:
            known = wire.post(front, REGISTER_PATH, to_json(presence), _REGISTER_S).isdigit()
        except BackendRefused as error:
            trouble = error.message  # another one may have the secret, or the version
        except RoutineLoadError as error:
            trouble = f"no coordinator at {told(front)}: {error.message}"
        else:
            if known:
                return ""
            trouble = f"{told(front)} takes no backends: start it with --backend-secret-file"
    return trouble


class Workshop:
    """The parts that tasks run on: those that all tasks share, and a cluster's once an order names one."""

    def __init__(self, folder: Path, wire: Wire, settings: BackendSettings, clock: Clock) -> None:
        self._folder, self._clock, self._wire = folder, clock, wire
        self._batch_bytes_max = settings.batch_bytes_max
        self._stack = ExitStack()
        registry, admins, self._source = RegistryClient(clock=clock), AdminClients(), KafkaSource()
        self._compilers = {far: KeptCompiler(PushDown(Compiler(registry), to_cluster=far)) for far in (False, True)}
        for close in (registry.close, admins.close, self._source.close, *(c.close for c in self._compilers.values())):
            self._stack.callback(close)
        self._groups = GroupOffsets(admins)
        self._reject_log = RejectLog(folder / "error_log")
        self._backlog = Backlog(settings.backlog_tasks)
        self._files = SentFiles(folder / "files")
        self._lock = threading.Lock()
        self._targets: dict[str, LoadsOnly] = {}

    def close(self) -> None:
        for target in self._targets.values():
            target.close()
        self._stack.close()

    def work(self) -> Work:
        return Work(run=self._run, post=self._wire.post, reject_log=self._reject_log, clock=self._clock)

    def _run(self, order: TaskOrder, voice: Voice, control: TaskControl) -> TaskReport:
        """Raises RoutineLoadError."""
        to_cluster = is_cluster(order.target)
        task = self._files.localized(order)
        sink: BatchSink = OwnersSink(voice, self._reject_log)
        if to_cluster:
            place = SpoolPlace(folder=self._folder / "batches", bytes_max=self._batch_bytes_max)
            sink = ClustersSink(voice, self._reject_log, self._target(order.target), place)
        path = LoadPath(sink=sink, compiler=self._compilers[to_cluster], reject_log=self._reject_log, clock=self._clock)
        runner = TaskRunner(
            source=self._source, path=path, backlog=self._backlog, tell=self._groups.publish, clock=self._clock
        )
        return runner.run(task, control)

    def _target(self, target: str) -> Target:
        with self._lock:
            known = self._targets.get(target)
            if known is None:
                bodies = self._folder / "bodies"
                known = self._targets[target] = LoadsOnly.to(read_target(target), bodies, self._clock)
            return known.target


class SentFiles:
    """Files that came with orders, by their contents, readable by their owner alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700)

    def localized(self, order: TaskOrder) -> Task:
        """The task with paths here in place of those of the coordinator. Raises OSError."""
        task = order.task
        if not order.files:
            return task
        paths = {there: self._kept(base64.b64decode(content)) for there, content in order.files.items()}

        def here(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
            return tuple((key, paths.get(value, value)) for key, value in pairs)

        registry = task.spec.registry
        if registry is not None:
            task = replace(task, spec=replace(task.spec, registry=replace(registry, options=here(registry.options))))
        return replace(task, kafka=replace(task.kafka, properties=here(task.kafka.properties)))

    def _kept(self, content: bytes) -> str:
        path = self._folder / hashlib.sha256(content).hexdigest()
        if not path.exists():
            draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
            draft.touch(0o600)
            draft.write_bytes(content)
            with suppress(FileExistsError):
                draft.rename(path)
        return str(path)
