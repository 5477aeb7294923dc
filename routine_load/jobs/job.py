"""One routine load job: what was asked for and what became of it.

Owns every change of the record, as methods that return a new one. ``after_commit`` is the one code path by which
committed batches become progress, statistics and error budget, live and in recovery. Refuses to know storage and
clocks: moments are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType

from routine_load.errors import BrokenInvariant, RoutineLoadError
from routine_load.ids import Compat, JobId, PartitionId
from routine_load.jobs.auto_resume import AutoResumeMemory
from routine_load.jobs.budget import EMPTY_LOAD, ErrorWindow, charge
from routine_load.jobs.definition import JobDefinition
from routine_load.jobs.ports import Committed, RowCounts
from routine_load.jobs.states import Event, JobState, Reason, transition
from routine_load.jobs.statistics import Statistic

ERROR_LOGS_KEPT = 3
OTHER_MSG_MAX = 4096
FIRST_ERROR_MAX = 1024


@dataclass(frozen=True, slots=True)
class Message:
    """A text for people, with its moment (OtherMsg)."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job's record. ``version`` grows with every save; ``id`` is 0 until the store has given one.

    ``progress`` is ``next_offset`` per partition, a mirror of the sink's, applied up to ``sequence``. ``placing`` are
    offsets that CREATE or ALTER wrote here and that the sink is told before the next task runs; empty otherwise.
    ``is_unchecked``: CREATE left its checks to planning, and with them to say where the partitions start.
    ``error_logs`` are the opaque ids of the last files of rejected rows. ``sink_incarnation`` and
    ``topic_id`` are the sink and the topic for which ``progress`` holds (empty: the broker does not tell).
    """

    id: JobId
    definition: JobDefinition
    state: JobState = JobState.NEED_SCHEDULE
    created_at: datetime
    paused_at: datetime | None = None
    ended_at: datetime | None = None
    progress: Mapping[PartitionId, int] = field(default_factory=dict)
    placing: Mapping[PartitionId, int] = field(default_factory=dict)
    timestamps_ms: Mapping[PartitionId, int] = field(default_factory=dict)
    statistic: Statistic = field(default_factory=Statistic)
    window: ErrorWindow = field(default_factory=ErrorWindow)
    reason: Reason | None = None
    other_msg: Message | None = None
    error_logs: tuple[str, ...] = ()
    first_error: str = ""
    sequence: int = 0
    sink_incarnation: str = ""
    topic_id: str = ""
    is_unchecked: bool = False
    auto_resume: AutoResumeMemory = field(default_factory=AutoResumeMemory)
    version: int = 0

    def __post_init__(self) -> None:
        for name in ("progress", "placing", "timestamps_ms"):
            object.__setattr__(self, name, MappingProxyType(dict(sorted(getattr(self, name).items()))))
        assert all(offset >= 0 for offset in self.progress.values()), self.progress

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def database(self) -> str:
        return self.definition.database

    @property
    def places_all(self) -> bool:
        """What is to be placed is all there is: partitions of before (another topic) are the job's no more."""
        return bool(self.placing) and self.placing.keys() == self.progress.keys()

    # -- state ---------------------------------------------------------------

    def moved(self, event: Event, at: datetime, reason: Reason | None = None) -> Job:
        """The job after an event. Raises JobStateError where the state does not allow it."""
        state = transition(self.state, event)
        if state is JobState.PAUSED:
            return replace(self, state=state, paused_at=at, reason=reason)
        if state is JobState.NEED_SCHEDULE:
            return replace(self, state=state, paused_at=None, reason=None)
        if state.is_final:
            return replace(self, state=state, ended_at=at, reason=reason)
        return replace(self, state=state)

    def scheduled(self, at: datetime) -> Job:
        return self.moved(Event.SCHEDULE, at)

    def rescheduled(self, at: datetime) -> Job:
        return self.moved(Event.RESCHEDULE, at)

    def paused(self, reason: Reason, at: datetime) -> Job:
        return self.moved(Event.PAUSE, at, reason)

    def stopped(self, reason: Reason, at: datetime) -> Job:
        return self.moved(Event.STOP, at, reason)

    def cancelled(self, reason: Reason, at: datetime) -> Job:
        return self.moved(Event.CANCEL, at, reason)

    def resumed(self, at: datetime) -> Job:
        """RESUME by a user: what automatic resume remembers, OtherMsg and Doris' counter start anew."""
        return replace(
            self.moved(Event.RESUME, at),
            auto_resume=AutoResumeMemory(),
            other_msg=None,
            statistic=replace(self.statistic, error_rows_after_resumed=0),
        )

    def auto_resumed(self, memory: AutoResumeMemory, at: datetime) -> Job:
        """Resume by the scheduler; OtherMsg then carries what it was paused for."""
        text = self.reason.printed(self.definition.compat) if self.reason else ""
        resumed = replace(self.moved(Event.RESUME, at), auto_resume=memory)
        return resumed.noted(text, at) if text else resumed

    def noted(self, text: str, at: datetime) -> Job:
        """OtherMsg changed."""
        return replace(self, other_msg=Message(at, text[:OTHER_MSG_MAX]))

    # -- progress ------------------------------------------------------------

    def placed(self, offsets: Mapping[PartitionId, int]) -> Job:
        """Progress of the named partitions overwritten, as the sink was told (CREATE, ALTER, a new partition)."""
        return replace(self, progress={**self.progress, **offsets})

    def starting_at(self, offsets: Mapping[PartitionId, int]) -> Job:
        """What CREATE had left to planning is done: these are to be placed, except where an ALTER said otherwise."""
        starts = {**offsets, **self.placing}
        return replace(self.placed(starts), placing=starts, is_unchecked=False)

    def settled(self, newest: int) -> Job:
        """The sink holds what was to be placed. ``newest`` is its last commit of this job (or, in a file that had a
        life before, of another with its number): what comes behind it is to be booked.
        """
        return replace(self, placing={}, sequence=newest)

    def after_commit(self, record: Committed, *, is_error: bool = False) -> Job:
        """The job after one committed batch; unchanged for a batch that is already in it.

        ``is_error``: no row of it was loaded, which counts as an aborted task and is said in OtherMsg (StarRocks).

        Raises BrokenInvariant where the batch does not start where the progress stands.
        """
        if record.sequence <= self.sequence:
            return self
        if record.job_id != self.id:
            raise BrokenInvariant(f"commit {record.label} of job {record.job_id} was applied to job {self.id}")
        committed_at = datetime.fromtimestamp(record.committed_at_ms / 1000, UTC)
        counted = replace(
            self,
            progress=self._advanced(record),
            timestamps_ms={**self.timestamps_ms, **dict(record.timestamps_ms)},
            statistic=self.statistic.committed(record.counts, record.execute_ms, is_error=is_error),
            error_logs=self._logs_with(record.rejects),
            first_error=record.first_error[:FIRST_ERROR_MAX] or self.first_error,
            sequence=record.sequence,
        )
        return _charged(counted.noted(EMPTY_LOAD, committed_at) if is_error else counted, record, committed_at)

    def _advanced(self, record: Committed) -> dict[PartitionId, int]:
        progress = dict(self.progress)
        for moved in record.ranges:
            if progress.get(moved.partition) != moved.start:
                raise BrokenInvariant(
                    f"commit {record.label} starts at offset {moved.start} of partition {moved.partition}, "
                    f"job {self.database}.{self.name} stands at {progress.get(moved.partition)}"
                )
            progress[moved.partition] = moved.end
        return progress

    def after_abort(self, text: str, at: datetime, rejects: str = "") -> Job:
        """The job after a task that left nothing behind: progress stands still, the range will be read again.

        ``rejects`` are the rows for which its batch was refused: they can be read, but count nowhere.
        """
        aborted = replace(self, statistic=self.statistic.aborted(), error_logs=self._logs_with(rejects))
        return aborted.noted(text, at)

    def _logs_with(self, rejects: str) -> tuple[str, ...]:
        return (*self.error_logs, rejects)[-ERROR_LOGS_KEPT:] if rejects else self.error_logs


def _charged(job: Job, record: Committed, at: datetime) -> Job:
    charged = charge(job.window, record.counts, job.definition.properties, job.definition.compat)
    statistic = replace(job.statistic, error_rows_after_resumed=charged.errors)
    if charged.was_full:
        statistic = replace(statistic, aborted_tasks_in_window=0)
    ends_window = charged.was_full or charged.pause is not None
    silent = ends_window and job.definition.compat is Compat.DORIS  # Doris: the window's end clears OtherMsg
    other_msg = None if silent else job.other_msg
    job = replace(job, window=charged.window, statistic=statistic, other_msg=other_msg)
    # a batch may become visible after PAUSE or STOP: it counts, but there is nothing left to pause
    if charged.pause is None or not job.state.is_active:
        return job
    return job.paused(charged.pause, at)


class OutOfStep(RoutineLoadError):
    """The record and the sink do not tell one story: one of them was restored from a backup."""

    def __init__(self, message: str, progress: Mapping[PartitionId, int], newest: int) -> None:
        super().__init__(message)
        self._progress = progress
        self._newest = newest

    def follow(self, job: Job) -> Job:
        """The job as the sink has it, with the counts it had."""
        return replace(job, progress=self._progress or job.progress, sequence=self._newest)


def reconciled(
    job: Job,
    records: Sequence[Committed],
    sink_progress: Mapping[PartitionId, int],
    is_error: Callable[[RowCounts], bool] = lambda _: False,
) -> Job:
    """The mirror brought up to the sink, whose progress is the truth: what was missed is applied, then copied.

    ``records`` are all that the sink keeps of the job, in order. A partition the mirror never heard of was placed at
    the sink by a discovery that was cut off before the mirror was written. Raises OutOfStep where this cannot be done
    without guessing; a sink that is older than the record, but knows the job, is followed: rows and progress went back
    together.
    """
    newest = max((record.sequence for record in records), default=0)
    if job.progress and not sink_progress:
        raise OutOfStep(
            f"the target is older than job {job.name}: it knows nothing of it. ALTER the offsets of all partitions, "
            "then RESUME, or STOP the job",
            {},
            0,
        )
    if newest < job.sequence:
        return replace(job, progress=sink_progress, sequence=newest)
    try:
        for record in records:
            if record.sequence > job.sequence:
                unknown = {
                    moved.partition: moved.start for moved in record.ranges if moved.partition not in job.progress
                }
                job = (job.placed(unknown) if unknown else job).after_commit(record, is_error=is_error(record.counts))
    except BrokenInvariant as cause:
        raise OutOfStep(
            f"the metadata is older than the target: {cause.message}. Progress was taken from the target, the counts "
            "of the batches between are lost; check and RESUME",
            sink_progress,
            newest,
        ) from cause
    return job if dict(job.progress) == dict(sink_progress) else job.placed(sink_progress)


def new_job(definition: JobDefinition, at: datetime, sink_incarnation: str = "") -> Job:
    """A job that the store has not seen yet."""
    return Job(id=JobId(0), definition=definition, created_at=at, sink_incarnation=sink_incarnation)
