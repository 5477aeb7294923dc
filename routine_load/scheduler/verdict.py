"""What a failed task means for its job: a pure function from the error to the next step.

Vendor rules: StarRocks "Causes of every transition" and "Abort-reason matching"; Doris "Causes of a system pause".
Where an original retries for ever without saying why, the message says it (``OtherMsg``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from routine_load.errors import (
    AnalysisError,
    BeyondLogEnd,
    BrokenInvariant,
    LoadRejected,
    MetadataError,
    OffsetOutOfRange,
    PartitionMissing,
    RoutineLoadError,
    SourceError,
    SourceUnavailable,
    StaleRange,
    StaleVersion,
    UnknownDatabase,
    UnknownTable,
)
from routine_load.ids import Compat
from routine_load.jobs.budget import ratio_reason

RETRIES_BEFORE_PAUSE = 5
"""Failures of the sink in a row that pause a job (exactly-once: retry budget)."""


class Step(Enum):
    RETRY = auto()
    PAUSE = auto()
    CANCEL = auto()
    REPLAN = auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    """``code`` and ``text`` are the reason of a pause or cancellation; ``text`` is the message of a retry."""

    step: Step
    text: str
    code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``failures`` counts this one and those in a row before it."""

    error: RoutineLoadError
    compat: Compat
    multi_table: bool = False
    failures: int = 1

    @property
    def text(self) -> str:
        return self.error.message

    def by_vendor(self, *, starrocks: int, doris: int) -> int:
        return doris if self.compat is Compat.DORIS else starrocks


def unknown_fault(error: Exception) -> BrokenInvariant:
    """An exception that nobody planned for; its text may hold data, its type may not."""
    return BrokenInvariant(f"an unexpected {type(error).__name__} stopped the task; the log has it")


def judge(case: Case) -> Verdict:
    """The first rule whose error type matches decides."""
    return next(rule(case) for kind, rule in _RULES if isinstance(case.error, kind))


def _out_of_range(case: Case) -> Verdict:
    advice = {
        Compat.DORIS: "the offset used by job does not exist in kafka, please check the offset, "
        "using the Alter ROUTINE LOAD command to modify it, and resume the job",
        Compat.STARROCKS: "You can modify 'kafka_offsets' property through ALTER ROUTINE LOAD and RESUME the job",
    }[case.compat]
    return Verdict(Step.PAUSE, f"{case.text}. {advice}", case.by_vendor(starrocks=104, doris=105))


def _beyond_log_end(case: Case) -> Verdict:
    if case.compat is Compat.DORIS:
        return Verdict(Step.PAUSE, case.text, 2)
    text = f"FE aborts the task with reason: failed to check task ready to execute, err: {case.text}"
    return Verdict(Step.PAUSE, f"{text} through ALTER ROUTINE LOAD and RESUME the job", 104)


def _unknown_table(case: Case) -> Verdict:
    if case.multi_table:
        return Verdict(Step.PAUSE, f"failed to get stream load plan, errCode = 7, detailMessage = {case.text}", 100)
    return Verdict(Step.CANCEL, "table does not exist" if case.compat is Compat.DORIS else "table not exist", 6)


def _too_many_filtered(case: Case) -> Verdict:
    reason = ratio_reason(case.text)
    return Verdict(Step.PAUSE, reason.text, reason.code)


def _cannot_plan(case: Case) -> Verdict:
    return Verdict(Step.PAUSE, f"failed to create task: {case.text}", case.by_vendor(starrocks=2, doris=103))


def _worth_retrying(case: Case) -> Verdict:
    if case.failures < RETRIES_BEFORE_PAUSE:
        return Verdict(Step.RETRY, case.text)
    text = f"{case.failures} attempts in a row failed, the last one with: {case.text}"
    return Verdict(Step.PAUSE, text, 104)


_RULES: tuple[tuple[type[RoutineLoadError], Callable[[Case], Verdict]], ...] = (
    (OffsetOutOfRange, _out_of_range),
    (BeyondLogEnd, _beyond_log_end),
    (PartitionMissing, lambda case: Verdict(Step.PAUSE, case.text, case.by_vendor(starrocks=2, doris=4))),
    (StaleRange, lambda case: Verdict(Step.REPLAN, case.text)),
    (LoadRejected, _too_many_filtered),
    (UnknownTable, _unknown_table),
    (UnknownDatabase, lambda case: Verdict(Step.CANCEL, case.text, 5)),
    (AnalysisError, _cannot_plan),
    (SourceUnavailable, lambda case: Verdict(Step.RETRY, case.text)),
    (SourceError, lambda case: Verdict(Step.PAUSE, case.text, 4)),
    (MetadataError, lambda case: Verdict(Step.RETRY, case.text)),  # a pause could not be written either
    (StaleVersion, lambda case: Verdict(Step.RETRY, case.text)),
    (BrokenInvariant, lambda case: Verdict(Step.PAUSE, case.text, 2)),
    (RoutineLoadError, _worth_retrying),
)
