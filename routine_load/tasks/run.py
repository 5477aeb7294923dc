"""Running one task: consume until a limit, the end of the partitions or the linger, then commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from routine_load.clock import Clock, Deadline
from routine_load.commit.values import CommitRecord, Counts, OffsetRange
from routine_load.errors import LoadRejected
from routine_load.ids import JobId, Label, PartitionId, TaskId
from routine_load.jobs.budget import TOO_MANY_FILTERED
from routine_load.loads.path import LoadPath, LoadTransaction, Progressed, Routes
from routine_load.loads.values import LoadSpec
from routine_load.tasks.control import TaskControl
from routine_load.tasks.ports import ConsumedChunk, Consumption, KafkaSpec, Source

_POLL_S = 0.25
"""Longest single poll: how long a cancelled task may go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """When a batch ends: whichever comes first."""

    rows_max: int
    bytes_max: int
    consume_s: float
    linger_s: float
    chunk_rows: int
    chunk_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One bounded piece of a job. ``start`` is ``next_offset`` of each of its partitions.

    ``refuses`` says of a whole batch's counts that it must not be loaded (StarRocks: max_filter_ratio).
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


class TaskOutcome(StrEnum):
    COMMITTED = "committed"
    NOTHING = "nothing"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReport:
    """How a task ended. ``caught_up``: every partition was read to its end, at ``positions``."""

    outcome: TaskOutcome
    positions: Mapping[PartitionId, int]
    caught_up: bool
    record: CommitRecord | None = None


@dataclass(slots=True, kw_only=True)
class TaskRunner:
    """Runs tasks with the parts of this process. Called from backend threads; keeps no state of its own.

    ``tell`` publishes committed positions as the Kafka group's offsets: for people, never read back; it must not block.
    """

    source: Source
    path: LoadPath
    tell: Callable[[KafkaSpec, Mapping[PartitionId, int]], None]
    clock: Clock

    def run(self, task: Task, control: TaskControl) -> TaskReport:
        """Run to the end. Raises SourceError, SinkError, AnalysisError, UnknownTable; nothing is visible then."""
        started = self.clock.monotonic()
        with self.source.open(task.kafka, task.start) as consumption:
            chunk = self._next(task, control, consumption, _Batch.empty(self.clock, task.limits))
            if chunk is None and consumption.positions() == dict(task.start):
                return self._report(consumption, TaskOutcome.CANCELLED if control.cancelled else TaskOutcome.NOTHING)
            with self.path.begin(task.label, task.job_id, task.spec, task.routes) as load:
                batch = _Batch.empty(self.clock, task.limits)
                while chunk is not None:
                    load.add(chunk, received_bytes=chunk.bytes)
                    batch.took(chunk)
                    chunk = None if batch.full else self._next(task, control, consumption, batch)
                return self._commit(task, control, consumption, load, batch, started)

    def _next(self, task: Task, control: TaskControl, consumption: Consumption, batch: _Batch) -> ConsumedChunk | None:
        limits = task.limits
        while not control.cancelled and not batch.deadline.expired:
            lingering = consumption.caught_up and batch.rows > 0
            if lingering and batch.linger.expired:
                return None
            wait = min(_POLL_S, batch.deadline.remaining, batch.linger.remaining if lingering else _POLL_S)
            chunk = consumption.poll(
                max_rows=min(limits.chunk_rows, limits.rows_max - batch.rows),
                max_bytes=min(limits.chunk_bytes, limits.bytes_max - batch.bytes),
                deadline=Deadline.after(wait, self.clock),
            )
            if chunk is not None:
                return chunk
            if consumption.caught_up and batch.rows == 0:
                return None
        return None

    def _commit(  # noqa: PLR0913, PLR0917 - the parts of one batch, at its one end
        self,
        task: Task,
        control: TaskControl,
        consumption: Consumption,
        load: LoadTransaction,
        batch: _Batch,
        started: float,
    ) -> TaskReport:
        if task.refuses(load.counts):
            raise LoadRejected(TOO_MANY_FILTERED)
        positions = consumption.positions()
        ranges = [OffsetRange(p, start, positions[p]) for p, start in sorted(task.start.items())]
        if not control.enter_commit():
            return self._report(consumption, TaskOutcome.CANCELLED)
        record = load.commit(
            Progressed(
                task_id=task.id,
                ranges=ranges,
                timestamps_ms=tuple(sorted(batch.timestamps_ms.items())),
                execute_ms=max(1, round((self.clock.monotonic() - started) * 1000)),
            )
        )
        self.tell(task.kafka, positions)
        return self._report(consumption, TaskOutcome.COMMITTED, record)

    @staticmethod
    def _report(consumption: Consumption, outcome: TaskOutcome, record: CommitRecord | None = None) -> TaskReport:
        return TaskReport(
            outcome=outcome, positions=consumption.positions(), caught_up=consumption.caught_up, record=record
        )


@dataclass(slots=True)
class _Batch:
    """What one batch has taken so far, and until when it may go on."""

    limits: BatchLimits
    deadline: Deadline
    linger: Deadline
    timestamps_ms: dict[PartitionId, int]
    rows: int = 0
    bytes: int = 0

    @classmethod
    def empty(cls, clock: Clock, limits: BatchLimits) -> _Batch:
        return cls(limits, Deadline.after(limits.consume_s, clock), Deadline.after(limits.linger_s, clock), {})

    @property
    def full(self) -> bool:
        return self.rows >= self.limits.rows_max or self.bytes >= self.limits.bytes_max

    def took(self, chunk: ConsumedChunk) -> None:
        self.rows += len(chunk.values)
        self.bytes += chunk.bytes
        self.timestamps_ms.update(chunk.last_timestamps_ms)
