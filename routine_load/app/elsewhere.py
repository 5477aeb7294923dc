"""A coordinator's backends in other processes: what they need of its parts, put together.

There are none unless a secret is configured that they share with it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from routine_load.backends.desk import IntoTransaction, OntoLabels, Owner
from routine_load.backends.everywhere import Backends
from routine_load.backends.facts import BackendRecord, BackendState
from routine_load.backends.local import LocalBackends
from routine_load.backends.members import Members, Terms
from routine_load.backends.remote import Leading, Links, RemoteBackends
from routine_load.backends.signing import SharedSecret
from routine_load.backends.wire import Wire
from routine_load.clock import Clock
from routine_load.config import Settings
from routine_load.ids import BackendId
from routine_load.loads.ports import BatchSink
from routine_load.loads.rejects import RejectLog
from routine_load.loads.two_phase import TwoPhaseSink
from routine_load.store.backends import BackendStore, StoredBackend
from routine_load.store.lease import NO_EPOCH, Fence
from routine_load.tasks.run import Task


class Records:
    """``backends.facts.BackendRecords`` over the metadata."""

    def __init__(self, store: BackendStore) -> None:
        self._store = store

    def all(self) -> list[BackendRecord]:
        return [_record(each) for each in self._store.all()]

    def put(self, host: str, port: int, state: BackendState) -> BackendRecord:
        return _record(self._store.put(host, port, state))


def _record(stored: StoredBackend) -> BackendRecord:
    return BackendRecord(id=BackendId(stored.id), host=stored.host, port=stored.port, state=BackendState(stored.state))


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The coordinator's parts that its backends elsewhere are built on."""

    settings: Settings
    clock: Clock
    store: BackendStore
    fence: Fence
    sink: BatchSink
    reject_log: RejectLog
    coordinator: Callable[[], tuple[str, int]]


def backends_of(around: Around, local: LocalBackends, stack: ExitStack) -> Backends:
    """Those in this process, and those elsewhere where there may be any. Raises PropertyError for a bad secret file."""
    backends = Backends(local, _elsewhere(around, local))
    stack.callback(backends.close)
    return backends


def _elsewhere(around: Around, local: LocalBackends) -> RemoteBackends | None:
    settings = around.settings
    if settings.backend_secret_file is None:
        return None
    sink = around.sink
    terms = Terms(
        heartbeat_s=settings.backend_heartbeat_s,
        missed_max=settings.backend_heartbeats_missed_max,
        shut_out_s=settings.backend_shut_out_s,
        tasks_max=max(1, settings.http_connections_max // 2),  # the other half is for clients
    )
    small_files = settings.small_files_dir
    return RemoteBackends(
        Members(around.clock, terms),
        Links(Records(around.store), Wire(SharedSecret.at(settings.backend_secret_file)), local.seats),
        Owner(
            sink=sink,
            reject_log=around.reject_log,
            clock=around.clock,
            committing=lambda task: (
                OntoLabels(sink, task) if isinstance(sink, TwoPhaseSink) else IntoTransaction(sink, task)
            ),
        ),
        Leading(
            epoch=lambda: NO_EPOCH if around.fence.epoch is None else around.fence.epoch,
            coordinator=around.coordinator,
            files=lambda task: files_of(task, small_files),
            target=settings.target,
        ),
    )


def files_of(task: Task, folder: Path) -> Mapping[str, str]:
    """The contents of the small files that a task's connections name, by their paths here."""
    registry = task.spec.registry
    pairs = (*task.kafka.properties, *(registry.options if registry is not None else ()))
    found: dict[str, str] = {}
    for _, value in pairs:
        path = Path(value)
        if path.parent == folder:
            with suppress(OSError):  # the client will say which file it misses
                found[value] = base64.b64encode(path.read_bytes()).decode()
    return found
