"""What a failed task means for its job: a pure function from the error to the next step.

Vendor rules: StarRocks "Causes of every transition" and "Abort-reason matching"; Doris "Causes of a system pause".
Where an original retries for ever without saying why, the message says it (``OtherMsg``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto

from routine_load.errors import (
    AnalysisError,
    BackendLost,
    BeginRefused,
    BeyondLogEnd,
    BrokenInvariant,
    CommitUnsettled,
    FatalParseError,
    InDoubt,
    JsonPathsError,
    LeadershipLost,
    LoadRejected,
    LogCut,
    MetadataError,
    OffsetOutOfRange,
    PartitionMissing,
    RoutineLoadError,
    SourceError,
    SourceUnavailable,
    StaleRange,
    StaleVersion,
    TargetUnavailable,
    TaskTimedOut,
    UnknownDatabase,
    UnknownTable,
)
from routine_load.ids import Compat
from routine_load.jobs.job import Job
from routine_load.jobs.reasons import Cause, reason

RETRIES_BEFORE_PAUSE = 5
"""Failures of the sink in a row that pause a job (exactly-once: retry budget)."""


class Step(Enum):
    RETRY = auto()
    PAUSE = auto()
    CANCEL = auto()
    REPLAN = auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    """``code`` and ``text`` are the reason of a pause or cancellation; ``text`` is the message of a retry.

    ``rejects`` names the rejected rows of a batch that was refused; ``of_task``: a task was aborted, which counts.
    """

    step: Step
    text: str
    code: int = 0
    rejects: str = ""
    of_task: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``failures`` counts this one and those in a row before it. ``planning``: no task of the job ran."""

    error: RoutineLoadError
    compat: Compat
    database: str = ""
    multi_table: bool = False
    failures: int = 1
    planning: bool = False
    backend: int = -1

    @property
    def text(self) -> str:
        return self.error.message

    def told(self, cause: Cause, step: Step = Step.PAUSE, **values: object) -> Verdict:
        found = reason(cause, self.compat, detail=self.text, **values)
        return Verdict(step, found.text, int(found.code))


def case_of(job: Job, error: RoutineLoadError, failures: int, *, planning: bool = False, backend: int = -1) -> Case:
    """A failure of one of a job's tasks, or of looking after it."""
    definition = job.definition
    return Case(
        error=error,
        compat=definition.compat,
        database=definition.database,
        multi_table=definition.is_multi_table,
        failures=failures,
        planning=planning,
        backend=backend,
    )


def unknown_fault(error: Exception) -> BrokenInvariant:
    """An exception that nobody planned for; its text may hold data, its type may not."""
    return BrokenInvariant(f"an unexpected {type(error).__name__} stopped the task; the log has it")


def judge(case: Case) -> Verdict:
    """The first rule whose error type matches decides."""
    return next(rule(case) for kind, rule in _RULES if isinstance(case.error, kind))


def _log_cut(case: Case) -> Verdict:
    assert isinstance(case.error, LogCut)
    return case.told(Cause.LOG_CUT, partition=case.error.partition, offset=case.error.offset, end=case.error.end)


def _unknown_table(case: Case) -> Verdict:
    return case.told(Cause.MULTI_TABLE_PLAN) if case.multi_table else case.told(Cause.TABLE_GONE, Step.CANCEL)


def _plan_refused(case: Case) -> Verdict:
    """Doris plans a table of a multi-table job when its first row comes, inside the task."""
    in_task = case.multi_table and not case.planning
    return case.told(Cause.MULTI_TABLE_PLAN if in_task else Cause.PLAN_REFUSED)


def _rejected(case: Case) -> Verdict:
    """Doris refuses no batch for its bad rows."""
    if case.compat is Compat.DORIS:
        return _worth_retrying(case)
    assert isinstance(case.error, LoadRejected)
    cause = Cause.PARSE_ERROR if isinstance(case.error, FatalParseError) else Cause.FILTER_RATIO
    return replace(case.told(cause), rejects=case.error.rejects)


def _topic(case: Case) -> Verdict:
    return case.told(Cause.TOPIC_AT_PLANNING if case.planning else Cause.TOPIC_WHILE_RUNNING)


def _kafka_silent(case: Case) -> Verdict:
    """It is asked again; the message says for what."""
    return replace(_topic(case), step=Step.RETRY, code=0) if case.planning else Verdict(Step.RETRY, case.text)


def _unsettled(case: Case) -> Verdict:
    """It is no failure of the next batch: whoever plans the job waits for it, and says so."""
    return Verdict(Step.RETRY if case.planning else Step.REPLAN, case.text)


def _worth_retrying(case: Case) -> Verdict:
    if case.failures < RETRIES_BEFORE_PAUSE:
        return Verdict(Step.RETRY, case.text)
    return case.told(Cause.SINK_KEEPS_FAILING, attempts=case.failures)


_RULES: tuple[tuple[type[RoutineLoadError], Callable[[Case], Verdict]], ...] = (
    (LogCut, _log_cut),
    (OffsetOutOfRange, lambda case: case.told(Cause.OFFSET_GONE, backend=case.backend)),
    (BeyondLogEnd, lambda case: case.told(Cause.BEYOND_LOG_END)),
    (PartitionMissing, lambda case: case.told(Cause.PARTITION_MISSING)),
    (StaleRange, lambda case: Verdict(Step.REPLAN, case.text)),
    (CommitUnsettled, _unsettled),
    (TargetUnavailable, lambda case: Verdict(Step.RETRY, case.text)),  # nothing is known against the job
    (LeadershipLost, lambda case: Verdict(Step.RETRY, case.text)),  # by whoever leads now
    (InDoubt, lambda case: case.told(Cause.IN_DOUBT)),
    (LoadRejected, _rejected),
    (UnknownTable, _unknown_table),
    (UnknownDatabase, lambda case: case.told(Cause.DATABASE_GONE, Step.CANCEL, database=case.database)),
    (JsonPathsError, lambda case: case.told(Cause.JSON_PATHS)),
    (AnalysisError, _plan_refused),
    (SourceUnavailable, _kafka_silent),
    (SourceError, _topic),
    (BeginRefused, lambda case: case.told(Cause.BEGIN_REFUSED)),
    (BackendLost, lambda case: Verdict(Step.RETRY, case.text)),  # nothing is known against the job
    (TaskTimedOut, lambda case: Verdict(Step.RETRY, case.text)),
    (MetadataError, lambda case: Verdict(Step.RETRY, case.text)),  # a pause could not be written either
    (StaleVersion, lambda case: Verdict(Step.RETRY, case.text)),
    (BrokenInvariant, lambda case: case.told(Cause.INTERNAL)),
    (RoutineLoadError, _worth_retrying),
)
