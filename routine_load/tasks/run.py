"""Running one task: consume until a limit, the end of the partitions or the linger, then commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from routine_load.clock import Clock, Deadline
from routine_load.commit.values import CommitRecord, Counts, OffsetRange
from routine_load.errors import FatalParseError, LoadRejected
from routine_load.ids import NO_TXN, JobId, Label, PartitionId, TaskId, TxnId
from routine_load.jobs.budget import TOO_MANY_FILTERED
from routine_load.loads.path import LoadPath, LoadTransaction, Progressed, Routes
from routine_load.loads.values import LoadSpec
from routine_load.observe import events
from routine_load.observe.failpoints import failpoint
from routine_load.observe.logs import logger
from routine_load.tasks.backlog import Backlog, BacklogVisit
from routine_load.tasks.control import TaskControl
from routine_load.tasks.ports import ConsumedChunk, Consumption, KafkaSpec, Source

log = logger("tasks")

_POLL_S = 0.25
"""Longest single poll: how long a cancelled task may go on."""

PROBE_ROWS = 5_000
_PROBE_BYTES = 1024 * 1024
"""The first chunk of a task; one that is as large as this shows a backlog."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """When a batch ends: whichever comes first. Bytes are those of values, and of keys and headers that are carried."""

    rows_max: int
    bytes_max: int
    consume_s: float
    linger_s: float
    chunk_rows: int
    chunk_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One bounded piece of a job. ``start`` is ``next_offset`` of each of its partitions.

    ``has_backlog``: there is more to read than a probe would take. ``refuses`` says of a whole batch's counts that it
    must not be loaded (StarRocks: max_filter_ratio). ``fails_at_parse_error``: a message that is no document fails the
    batch (StarRocks: pause_on_fatal_parse_error). Who gave it gives it up after ``timeout_s``.
    """

    id: TaskId
    job_id: JobId
    label: Label
    kafka: KafkaSpec
    start: Mapping[PartitionId, int]
    spec: LoadSpec
    routes: Routes
    limits: BatchLimits
    refuses: Callable[[Counts], bool]
    has_backlog: bool = False
    fails_at_parse_error: bool = False
    txn_id: TxnId = NO_TXN
    timeout_s: float = 600.0


class TaskOutcome(StrEnum):
    COMMITTED = "committed"
    NOTHING = "nothing"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReport:
    """How a task ended. ``caught_up``: every partition was read to its end, at ``positions``.

    ``held_back``: it has a backlog, and other tasks had all the places to work on one; what it had was committed.
    """

    outcome: TaskOutcome
    positions: Mapping[PartitionId, int]
    caught_up: bool
    held_back: bool = False
    record: CommitRecord | None = None


@dataclass(slots=True, kw_only=True)
class TaskRunner:
    """Runs tasks with the parts of this process. Called from backend threads; keeps no state of its own.

    ``tell`` publishes committed positions as the Kafka group's offsets: for people, never read back; it must not block.
    """

    source: Source
    path: LoadPath
    backlog: Backlog
    tell: Callable[[KafkaSpec, Mapping[PartitionId, int]], None]
    clock: Clock

    def run(self, task: Task, control: TaskControl) -> TaskReport:
        """Run to the end. Raises SourceError, SinkError, AnalysisError, UnknownTable; nothing is visible then."""
        attempt: _Attempt | None = None
        try:
            with self.backlog.visit() as visit:
                if task.has_backlog and not visit.enter():
                    return TaskReport(
                        outcome=TaskOutcome.NOTHING, positions=dict(task.start), caught_up=False, held_back=True
                    )
                failpoint("source.assign.before")
                with self.source.open(task.kafka, task.start) as consumption:
                    failpoint("source.assign.after")
                    attempt = _Attempt(self, task, control, consumption, visit)
                    return attempt.run()
        except Exception as error:
            if attempt is None or attempt.committed is None:
                raise
            # Nothing that fails while the task tidies up makes a batch undone that is visible.
            log.warning(events.TASK_UNTIDY, job_id=task.job_id, task_id=task.id, exc_info=error)
            return attempt.committed


class _Attempt:
    """One task at work. ``deadline`` ends the batch; ``linger`` ends it early once everything was read."""

    def __init__(
        self, runner: TaskRunner, task: Task, control: TaskControl, consumption: Consumption, visit: BacklogVisit
    ) -> None:
        self._runner = runner
        self._task = task
        self._control = control
        self._consumption = consumption
        self._visit = visit
        self._started = runner.clock.monotonic()
        self._rows = 0
        self._weight = 0
        self._timestamps_ms: dict[PartitionId, int] = {}
        self.committed: TaskReport | None = None
        self._begin_batch()

    def run(self) -> TaskReport:
        task = self._task
        chunk = self._next(task.limits.chunk_rows if self._visit.inside else PROBE_ROWS)
        if chunk is None and self._consumption.positions() == dict(task.start):
            return self._report(TaskOutcome.CANCELLED if self._control.cancelled else TaskOutcome.NOTHING)
        self._begin_batch()
        with self._runner.path.begin(task.label, task.job_id, task.spec, task.routes) as load:
            while chunk is not None:
                load.add(chunk, received_bytes=chunk.bytes)
                if task.fails_at_parse_error and load.parse_error:
                    raise FatalParseError(load.parse_error, rejects=load.refused())
                self._took(chunk)
                chunk = None if load.is_full else self._following(chunk)
            return self._commit(load)

    def _begin_batch(self) -> None:
        limits, clock = self._task.limits, self._runner.clock
        self._deadline = Deadline.after(limits.consume_s, clock)
        self._linger = Deadline.after(limits.linger_s, clock)

    def _took(self, chunk: ConsumedChunk) -> None:
        self._rows += len(chunk.values)
        self._weight += chunk.weight
        self._timestamps_ms.update(chunk.last_timestamps_ms)

    def _following(self, chunk: ConsumedChunk) -> ConsumedChunk | None:
        limits = self._task.limits
        if self._rows >= limits.rows_max or self._weight >= limits.bytes_max:
            return None
        if not self._visit.inside and (len(chunk.values) >= PROBE_ROWS or chunk.weight >= _PROBE_BYTES):
            self._visit.enter()
        return None if self._visit.held_back else self._next(limits.chunk_rows)

    def _next(self, rows: int) -> ConsumedChunk | None:
        """The next chunk; None at the end of the batch."""
        limits, consumption = self._task.limits, self._consumption
        while not self._control.cancelled and not self._deadline.expired:
            lingering = consumption.caught_up and self._rows > 0
            if lingering and self._linger.expired:
                return None
            wait = min(_POLL_S, self._deadline.remaining, self._linger.remaining if lingering else _POLL_S)
            failpoint("source.poll.before")
            chunk = consumption.poll(
                max_rows=min(rows, limits.rows_max - self._rows),
                max_bytes=min(
                    limits.chunk_bytes if self._visit.inside else _PROBE_BYTES, limits.bytes_max - self._weight
                ),
                deadline=Deadline.after(wait, self._runner.clock),
            )
            failpoint("source.poll.after")
            if chunk is not None:
                return chunk
            if consumption.caught_up and self._rows == 0:
                return None
        return None

    def _commit(self, load: LoadTransaction) -> TaskReport:
        task = self._task
        if task.refuses(load.counts):
            raise LoadRejected(TOO_MANY_FILTERED, rejects=load.refused())
        positions = self._consumption.positions()
        ranges = [OffsetRange(p, start, positions[p]) for p, start in sorted(task.start.items())]
        if not self._control.enter_commit():
            return self._report(TaskOutcome.CANCELLED)
        record = load.commit(
            Progressed(
                task_id=task.id,
                ranges=ranges,
                timestamps_ms=tuple(sorted(self._timestamps_ms.items())),
                execute_ms=max(1, round((self._runner.clock.monotonic() - self._started) * 1000)),
                txn_id=task.txn_id,
            )
        )
        self.committed = self._report(TaskOutcome.COMMITTED, record)
        failpoint("offsets.publish.before")
        self._runner.tell(task.kafka, positions)
        failpoint("offsets.publish.after")
        return self.committed

    def _report(self, outcome: TaskOutcome, record: CommitRecord | None = None) -> TaskReport:
        return TaskReport(
            outcome=outcome,
            positions=self._consumption.positions(),
            caught_up=self._consumption.caught_up,
            held_back=self._visit.held_back,
            record=record,
        )
