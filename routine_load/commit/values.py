"""Values of the commit protocol: ranges, counts, and the record that one committed transaction leaves."""

from __future__ import annotations

from dataclasses import dataclass

from routine_load.ids import NO_TXN, JobId, Label, PartitionId, TaskId, TxnId


@dataclass(frozen=True, slots=True, order=True)
class OffsetRange:
    """``[start, end)`` of one Kafka partition: ``next_offset`` before and after."""

    partition: PartitionId
    start: int
    end: int

    def __post_init__(self) -> None:
        assert 0 <= self.start <= self.end, self


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of one transaction by fate. ``filtered`` rows are errors; ``unselected`` were removed by WHERE.

    ``messages`` and ``received_bytes`` count what was consumed from Kafka (values only).
    """

    loaded: int = 0
    filtered: int = 0
    unselected: int = 0
    received_bytes: int = 0
    messages: int = 0

    @property
    def total(self) -> int:
        return self.loaded + self.filtered + self.unselected

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.loaded + other.loaded,
            self.filtered + other.filtered,
            self.unselected + other.unselected,
            self.received_bytes + other.received_bytes,
            self.messages + other.messages,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRecord:
    """What the sink remembers of one committed transaction, in the same transaction as the rows.

    ``sequence`` grows in commit order over the whole sink; live bookkeeping and recovery both apply records in that
    order, so that there is one code path. ``timestamps_ms`` is the Kafka timestamp of the last record per partition.
    ``rejects`` is the opaque id of the file of rejected rows, empty where no row was rejected. ``txn_id`` is the number
    that SHOW gave the transaction.
    """

    sequence: int
    label: Label
    job_id: JobId
    task_id: TaskId
    ranges: tuple[OffsetRange, ...]
    counts: Counts
    timestamps_ms: tuple[tuple[PartitionId, int], ...] = ()
    rejects: str = ""
    execute_ms: int = 0
    committed_at_ms: int = 0
    first_error: str = ""
    txn_id: TxnId = NO_TXN
