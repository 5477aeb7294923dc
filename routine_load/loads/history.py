"""Load transactions of this process, those that run and those that ended: what SHOW TRANSACTION and SHOW LOAD list.

Owns a bounded memory, per database, by the vendors' settings for labels (StarRocks: ``label_keep_max_num``; Doris:
``label_num_threshold``). What was committed is also in the sink, which stays the truth: an entry here is never the
proof that rows are visible. Refuses to know who asks.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from routine_load.commit.values import CommitRecord, Counts
from routine_load.ids import NO_TXN, BackendId, Compat, JobId, Label, TaskId, TxnId
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.loads.rejects import CLIENTS
from routine_load.loads.transaction_values import REASON_MAX, Transaction, TxnSource, TxnState


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One load transaction. ``committed_at`` None: it was not committed. ``table`` is empty for many tables.

    ``timeout_s`` None: as the job says now. What a client began has no job and no task.
    """

    label: Label
    txn_id: TxnId = NO_TXN
    task_id: TaskId
    job_id: JobId
    database: str
    table: str
    user: str
    compat: Compat
    began_at: datetime
    backend: BackendId | None = None
    status: TxnState = TxnState.PREPARE
    committed_at: datetime | None = None
    finished_at: datetime | None = None
    counts: Counts = field(default_factory=Counts)
    reason: str = ""
    rejects: str = ""
    first_error: str = ""
    source: TxnSource = TxnSource.ROUTINE_LOAD
    tables: tuple[str, ...] = ()
    client: str = ""
    comment: str = ""
    prepared_at: datetime | None = None
    timeout_s: int | None = None
    prepared_timeout_s: int = 0

    @classmethod
    def of_client(cls, begun: Transaction) -> Load:
        return cls(
            label=begun.label,
            txn_id=begun.id,
            task_id=TaskId(""),
            job_id=CLIENTS,
            database=begun.database,
            table=begun.tables[0] if len(begun.tables) == 1 else "",
            user=begun.user,
            compat=begun.compat,
            began_at=begun.began_at,
            status=begun.state,
            committed_at=begun.committed_at,
            finished_at=begun.finished_at,
            counts=begun.counts,
            reason=begun.reason,
            rejects=begun.rejects,
            first_error=begun.first_error,
            source=begun.source,
            tables=begun.tables,
            client=begun.client,
            comment=begun.comment,
            prepared_at=begun.prepared_at,
            timeout_s=begun.timeout_s,
            prepared_timeout_s=begun.prepared_timeout_s,
        )

    def committed(self, record: CommitRecord) -> Load:
        """As the sink recorded it, whatever was thought of it before, with the label that it has there."""
        at = datetime.fromtimestamp(record.committed_at_ms / 1000, UTC)
        return replace(
            self,
            label=record.label,
            status=TxnState.VISIBLE,
            committed_at=at,
            finished_at=at,
            counts=record.counts,
            reason="",
            rejects=record.rejects,
            first_error=record.first_error,
        )

    def aborted(self, reason: str, at: datetime) -> Load:
        return replace(self, status=TxnState.ABORTED, finished_at=at, reason=reason[:REASON_MAX])


def kept_loads(config: FrontendConfig, compat: Compat) -> int:
    """How many loads of a database are remembered, by the vendor's setting."""
    return config.label_num_threshold if compat is Compat.DORIS else config.label_keep_max_num


class LoadHistory:
    """Thread-safe. A label has one entry; a task that found nothing has none."""

    def __init__(self, frontend_config: Callable[[Compat], FrontendConfig] = FrontendConfig.of) -> None:
        self._config = frontend_config
        self._lock = threading.Lock()
        self._running: dict[Label, Load] = {}
        self._ended: dict[str, OrderedDict[Label, Load]] = {}

    def began(self, load: Load) -> None:
        with self._lock:
            self._running[load.label] = load

    def unused(self, label: Label) -> None:
        """The task ended before it had anything to load."""
        with self._lock:
            self._running.pop(label, None)

    def with_label(self, database: str, label: Label) -> Load | None:
        """The load of that label, whether it runs or ended."""
        with self._lock:
            running = self._running.get(label)
            if running is not None and running.database == database:
                return running
            kept = self._ended.get(database)
            return None if kept is None else kept.get(label)

    def running_in(self, database: str) -> int:
        """How many run."""
        with self._lock:
            return sum(load.database == database for load in self._running.values())

    def committed(self, label: Label, record: CommitRecord) -> None:
        self._end(label, lambda load: load.committed(record))

    def aborted(self, label: Label, reason: str, at: datetime) -> None:
        self._end(label, lambda load: load.aborted(reason, at))

    def _end(self, label: Label, change: Callable[[Load], Load]) -> None:
        with self._lock:
            load = self._running.pop(label, None)
            if load is None:
                return
            kept = self._ended.setdefault(load.database, OrderedDict())
            ended = kept[label] = change(load)
            kept.move_to_end(label)
            config = self._config(load.compat)
            bound = kept_loads(config, load.compat)
            while kept and (len(kept) > bound or _outdated(next(iter(kept.values())), ended, config)):
                kept.popitem(last=False)

    def of(self, database: str) -> list[Load]:
        """Loads of a database: those that ended by their end, then those that run."""
        with self._lock:
            ended = list(self._ended.get(database, {}).values())
            return ended + [load for load in self._running.values() if load.database == database]


def _outdated(oldest: Load, newest: Load, config: FrontendConfig) -> bool:
    assert oldest.finished_at is not None
    assert newest.finished_at is not None
    return (newest.finished_at - oldest.finished_at).total_seconds() > config.label_keep_max_second
