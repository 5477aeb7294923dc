"""What the scheduler holds of a RUNNING job: its slices, their tasks, and what Kafka last said.

A *slice* is a set of the job's partitions that is always read by one task at a time; when a task ends, the slice gets a
new one. All of this lives in memory: after a restart it is planned anew from the sink's progress.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime

from routine_load.commit.values import CommitRecord
from routine_load.errors import RoutineLoadError
from routine_load.ids import NO_TXN, BackendId, Compat, JobId, Label, PartitionId, TaskId, TxnId
from routine_load.jobs.budget import RatioLimit
from routine_load.jobs.job import Job, Message
from routine_load.jobs.show import NO_BACKEND, two_halves
from routine_load.loads.history import Load, LoadHistory
from routine_load.loads.path import Routes
from routine_load.loads.values import LoadSpec
from routine_load.observe.metrics import Loaded
from routine_load.scheduler.rates import Meter
from routine_load.scheduler.rhythm import Rhythm
from routine_load.scheduler.verdict import Case, case_of
from routine_load.tasks.control import TaskControl
from routine_load.tasks.ports import KafkaSpec
from routine_load.tasks.run import PROBE_ROWS, BatchLimits, Task, TaskOutcome, TaskReport

HELD_BACK = "other tasks work on their backlog, wait for 0.1 seconds to schedule again"
HELD_BACK_S = 0.1
"""How soon a slice with a backlog tries again where others had all the places."""

CANCELLED = "the task was taken out: its job was paused, stopped, changed or divided anew"

NO_DATA = "there is no new data in kafka, wait for {interval} seconds to schedule again"


NO_SLOT = (
    "failed to allocate be slot, wait for {wait} second to schedule again, you can set "
    "max_routine_load_task_num_per_be bigger in fe.conf, current value is {slots}"
)
NO_SLOT_S = 1

BACKENDS_AGAIN = "Backends are alive again"
NO_BACKENDS = "No alive backends: SHOW BACKENDS tells why"
"""The originals leave a job NEED_SCHEDULE, or without a slot, and do not say why."""

RATE_LIMITED = "the job has loaded what its rate_limit of {rate} bytes a second allows, and waits"


_dice = random.Random()  # noqa: S311 - names, no secrets; asking the system gives up the interpreter each time


def new_task_id() -> TaskId:
    return TaskId(str(uuid.UUID(int=_dice.getrandbits(128), version=4)))


@dataclass(slots=True, kw_only=True)
class Slice:
    """``queued``: a dispatch is due; ``control`` is set while a task runs. Neither: the watch will tell."""

    index: int
    partitions: tuple[PartitionId, ...]
    task_id: TaskId
    created_at: datetime
    queued: bool = False
    control: TaskControl | None = None
    backend: BackendId | None = None
    txn_id: TxnId | None = None
    last_scheduled_at: datetime | None = None
    started_at: datetime | None = None
    message: str = ""
    failures: int = 0
    timeout_s: int | None = None
    gives_up_at: float = 0.0
    looked_at: float | None = None
    """When its timeout is looked at next; None: nobody will."""
    timed_out: bool = False
    """Its last task was given up: the next one reads for half the time (StarRocks)."""
    due_at: float = 0.0
    began_at: float = 0.0
    took_s: float = 1.0
    """When its task was last due and last began, and how long the last one took: what a turn costs."""
    granted: int = 0
    """Bytes that its task may load, where the job has a rate limit."""
    is_spaced: bool = False
    """A task of it has loaded something, or failed, since it was last behind (Doris: the next one is delayed)."""
    has_backlog: bool = False
    """Its task began with one, and had a place to work on it."""

    def succeed(self, at: datetime) -> None:
        """Its task is over: a label is used once, so that the next one has a name of its own (StarRocks: successor)."""
        self.task_id, self.txn_id, self.created_at = new_task_id(), None, at
        self.last_scheduled_at = None

    def ended(self, report: TaskReport, at: datetime) -> None:
        """Its task ended well. Where it did nothing, its label was not used: the same task may try again."""
        self.failures = 0
        self.timed_out = False
        if report.outcome is TaskOutcome.NOTHING:
            self.txn_id = None
        else:
            self.succeed(at)
        if report.held_back:
            self.message = HELD_BACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Bounds of one task: what it reads, and how long it may take in all."""

    limits: BatchLimits
    timeout_s: int

    def within(self, bytes_max: int) -> Batch:
        """The same with no more bytes than that."""
        return replace(self, limits=replace(self.limits, bytes_max=min(self.limits.bytes_max, bytes_max)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What planning found out about a job: everything its tasks need, and where they start."""

    job: Job
    kafka: KafkaSpec
    spec: LoadSpec
    routes: Routes
    partitions: tuple[PartitionId, ...]
    progress: dict[PartitionId, int]
    ends: dict[PartitionId, int]
    topic_id: str
    concurrency: int
    slices: tuple[tuple[PartitionId, ...], ...]


@dataclass(slots=True, kw_only=True)
class JobRun:
    """One job between planning and its next pause, change of partitions, or end."""

    job_id: JobId
    plan: Plan
    slices: list[Slice]
    progress: dict[PartitionId, int]
    ends: dict[PartitionId, int]
    meter: Meter | None = None
    """Keeps to the job's rate limit."""
    said: Message | None = None
    """What its tasks said last that is no abort (StarRocks: OtherMsg)."""
    met_silence: bool = False
    """Kafka did not answer when the job was looked after last, which has been said."""
    closed: bool = False
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, plan: Plan, at: datetime, now: float = 0.0) -> JobRun:
        """A plan's run, with a slice for each of its sets of partitions; ``now`` is of the monotonic clock."""
        slices = [
            Slice(index=i, partitions=partitions, task_id=new_task_id(), created_at=at)
            for i, partitions in enumerate(plan.slices)
        ]
        rate = plan.job.definition.properties.rate_limit
        return cls(
            job_id=plan.job.id,
            plan=plan,
            slices=slices,
            progress=dict(plan.progress),
            ends=dict(plan.ends),
            meter=Meter(rate, now) if rate else None,
        )

    @property
    def rhythm(self) -> Rhythm:
        """When its slices are due."""
        definition = self.plan.job.definition
        return Rhythm(compat=definition.compat, properties=definition.properties)

    @property
    def running(self) -> int:
        return sum(1 for s in self.slices if s.control is not None)

    def load_of(self, part: Slice) -> Load:
        """The transaction of a slice's task, as it begins."""
        definition = self.plan.job.definition
        assert part.txn_id is not None
        assert part.started_at is not None
        return Load(
            label=self.label_of(part),
            txn_id=part.txn_id,
            task_id=part.task_id,
            job_id=self.job_id,
            database=definition.database,
            table=definition.table or "",
            user=definition.user,
            compat=definition.compat,
            began_at=part.started_at,
            backend=part.backend,
        )

    def label_of(self, part: Slice) -> Label:
        """StarRocks: ``<job>-<job id>-<task uuid>``; Doris: the task's id, as two numbers."""
        definition = self.plan.job.definition
        if definition.compat is Compat.DORIS:
            return Label(two_halves(part.task_id))
        return Label(f"{definition.name}-{self.job_id}-{part.task_id}")

    @property
    def database(self) -> str:
        return self.plan.job.definition.database

    @property
    def table(self) -> tuple[str, str] | None:
        """Database and table; None where the messages name their tables."""
        table = self.plan.job.definition.table
        return None if table is None else (self.database, table)

    def say(self, part: Slice, text: str, at: datetime) -> None:
        """A task's message, which is also the job's (StarRocks: OtherMsg names task and transaction)."""
        part.message = text
        txn_id = NO_TXN if part.txn_id is None else part.txn_id
        self.said = Message(at, f"[task id: {part.task_id}] [txn id: {txn_id}] {text}")

    def lag_of(self, part: Slice) -> int:
        """Messages that wait in a slice's partitions, as far as is known."""
        return sum(max(0, self.ends.get(p, 0) - self.progress[p]) for p in part.partitions)

    def task_of(self, part: Slice, limits: BatchLimits) -> Task:
        """The task that reads a slice from where it stands; a label is used for one attempt only."""
        definition = self.plan.job.definition
        return Task(
            id=part.task_id,
            job_id=self.job_id,
            label=self.label_of(part),
            kafka=self.plan.kafka,
            start={p: self.progress[p] for p in part.partitions},
            spec=self.plan.spec,
            routes=self.plan.routes,
            limits=replace(limits, consume_s=limits.consume_s / 2) if part.timed_out else limits,
            has_backlog=self.lag_of(part) > PROBE_ROWS,
            fails_at_parse_error=definition.properties.pause_on_fatal_parse_error
            and definition.compat is Compat.STARROCKS,
            txn_id=part.txn_id if part.txn_id is not None else NO_TXN,
            refuses=RatioLimit(max_filter_ratio=definition.properties.max_filter_ratio, compat=definition.compat),
        )

    def case(self, error: RoutineLoadError, failures: int, backend: BackendId = NO_BACKEND) -> Case:
        """A failure of one of the run's tasks, or of looking after it, for ``verdict.judge``."""
        return case_of(self.plan.job, error, failures, backend=backend)

    def note_idle(self) -> None:
        if self.running == 0:
            self.idle.set()
        else:
            self.idle.clear()

    def advance(self, positions: dict[PartitionId, int]) -> None:
        """Take over what a task committed; log ends never lie before what was read."""
        self.progress.update(positions)
        for partition, position in positions.items():
            self.ends[partition] = max(self.ends.get(partition, 0), position)


def remember(history: LoadHistory, label: Label, report: TaskReport, at: datetime) -> None:
    """How a task ended, for SHOW TRANSACTION; one that had nothing to load leaves no trace."""
    if report.record is not None:
        history.committed(label, report.record)
    elif report.outcome is TaskOutcome.CANCELLED:
        history.aborted(label, CANCELLED, at)
    else:
        history.unused(label)


def loaded_by(record: CommitRecord, *, is_error: bool) -> Loaded:
    """A committed batch, for the metrics; StarRocks counts one of which nothing was loaded as aborted."""
    counts = record.counts
    return Loaded(
        rows=counts.total,
        loaded=counts.loaded,
        errors=counts.filtered,
        unselected=counts.unselected,
        bytes=counts.received_bytes,
        execute_ms=record.execute_ms,
        committed=0 if is_error else 1,
        aborted=1 if is_error else 0,
    )


def finished_facts(record: CommitRecord) -> dict[str, object]:
    """What the canonical line of a finished task tells."""
    counts = record.counts
    return {
        "job_id": record.job_id,
        "task_id": record.task_id,
        "label": record.label,
        "loaded": counts.loaded,
        "filtered": counts.filtered,
        "unselected": counts.unselected,
        "received_bytes": counts.received_bytes,
        "execute_ms": record.execute_ms,
    }
