"""Intents: the durable record that labels will carry a batch; and the log in which they are kept.

``IntentLog`` is the port to the metadata database. Everything that decides the fate of a batch is one conditional
statement there. Refuses to know databases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NewType, Protocol

from routine_load.commit.labels import Part
from routine_load.commit.protocol import IntentState
from routine_load.commit.values import CommitRecord, Counts
from routine_load.ids import JobId, Label, PartitionId, TableRef

Epoch = NewType("Epoch", int)
"""Number of a coordinator that may write the log: it only grows, and the newest one counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """``record`` is what its commit will be booked as: its label, ranges and counts; sequence 0 until it is finished.

    ``parts`` are the labels at the target, one per table, the first one named as the intent itself. ``reason`` says why
    it was given up or came into doubt. ``was_decided``: its labels were prepared, and their commit was promised.
    """

    record: CommitRecord
    parts: tuple[Part, ...]
    state: IntentState
    reason: str = ""
    was_decided: bool = False

    @property
    def label(self) -> Label:
        return self.record.label

    @property
    def job_id(self) -> JobId:
        return self.record.job_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What whoever prepared the labels knows when the batch is decided: the target's numbers, and its counts."""

    parts: tuple[Part, ...]
    counts: Counts
    first_error: str = ""


def reported(record: CommitRecord, report: Report) -> CommitRecord:
    """What the batch will be booked as, by whoever prepared it."""
    return replace(record, counts=report.counts, first_error=record.first_error or report.first_error)


def part_label(label: Label, number: int) -> Label:
    """The label of the n-th table of a batch, counted from 0."""
    return label if number == 0 else Label(f"{label}-{number + 1}")


class IntentLog(Protocol):
    """The metadata's side of the protocol. Every write is one transaction, and fenced: it raises LeadershipLost where
    a newer coordinator has the log. Raises MetadataError where nobody knows whether it was written.
    """

    def intend(self, record: CommitRecord, tables: Sequence[TableRef]) -> Intent:
        """Give the batch its labels, and its partitions their open intent.

        ``record`` has ranges and counts; its label is replaced. Raises StaleRange where a partition does not stand at
        its start, or has an open intent. Invariant: a partition has at most one open intent; a label is given once.
        """
        ...

    def finish_without_target(self, record: CommitRecord) -> CommitRecord:
        """A batch with nothing to load: progress and record in one transaction. Raises StaleRange."""
        ...

    def decide(self, intent: Intent, report: Report) -> bool:
        """INTENDED → DECIDED with the report's counts; False where the intent is not INTENDED any more."""
        ...

    def move(self, intent: Intent, to: IntentState, reason: str) -> bool:
        """To a state that is open or ABANDONED, from the state that the intent has here; False where it has another.

        ABANDONED releases the partitions; their progress stands still.
        """
        ...

    def finish(self, intent: Intent, report: Report | None = None) -> CommitRecord | None:
        """Move progress from start to end, release the partitions, give the record its sequence; None where the intent
        is in another state by now. What is booked is the intent's record; ``report``: counts that are known only now.
        Invariant: progress moves only here.
        """
        ...

    def find(self, label: Label) -> Intent | None: ...

    def open_intents(self, job_id: JobId | None = None) -> list[Intent]:
        """Intents of a job, or of all, that are not final, oldest first."""
        ...

    def abandoned(self, limit: int) -> list[Intent]:
        """The newest intents that were given up, the newest first."""
        ...

    def progress(self, job_id: JobId) -> dict[PartitionId, int]: ...

    def place(self, job_id: JobId, offsets: Mapping[PartitionId, int], *, only: bool = False) -> None:
        """Set where partitions go on. Raises CommitUnsettled while the job has an open intent."""
        ...

    def records_after(self, job_id: JobId, sequence: int) -> list[CommitRecord]: ...

    def recent_records(self, jobs: Sequence[JobId], limit: int) -> list[CommitRecord]:
        """The newest records of these jobs, the newest first."""
        ...

    def forget_records(self, job_id: JobId, up_to_sequence: int) -> None: ...

    def forget_job(self, job_id: JobId) -> None:
        """Progress and intents go, except a commit that is decided: it has to get through."""
        ...

    def skip_labels(self, job_id: JobId) -> None:
        """Give the job's next batches labels far ahead: the target knows labels that this log does not."""
        ...
