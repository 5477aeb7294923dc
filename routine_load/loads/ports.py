"""The sink, as the load path needs it: one transaction that takes rows, progress and label together.

And the target that a sink with two phases stands on: a cluster that is sent rows under labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from routine_load.commit.labels import Labels, Part, Prepared
from routine_load.commit.values import CommitRecord, Counts, OffsetRange
from routine_load.ids import JobId, Label, PartitionId, TableRef, TaskId, TxnId
from routine_load.loads.transaction_values import Transaction
from routine_load.loads.values import RefusedRow, TableBatch, WriteMode
from routine_load.sql.schema import Table


class RowTaker(Protocol):
    """What takes rows and can give them all up again. Used by one thread at a time."""

    def write(self, batch: TableBatch) -> Sequence[RefusedRow]:
        """Add rows; returns those that cannot be taken. Raises SinkError; the transaction is then lost."""
        ...

    def rollback(self) -> None:
        """Give everything up. Never raises; does nothing after commit."""
        ...


class ClientRows(RowTaker, Protocol):
    """Rows of one transaction of a client."""

    def keep(self) -> None:
        """Between two loads: nothing stays open that hinders others. Raises SinkError."""
        ...

    def prepare(self, prepared: Transaction) -> None:
        """Rows and what is known of them survive from here on, invisible. Raises SinkError; all is then given up."""
        ...

    def commit(self, visible: Transaction) -> None:
        """Rows become visible with what is known of them, or nothing does. Raises SinkError."""
        ...


class TransactionLog(Protocol):
    """Where the transactions of clients are kept, in one file with the rows. Thread-safe."""

    def reserve_txn_ids(self, count: int, *, least: int) -> int:
        """The first of so many numbers that nobody was given, at least ``least``."""
        ...

    def transactions(self) -> list[Transaction]:
        """All that are kept, by their ids."""
        ...

    def begin_rows(self, begun: Transaction) -> ClientRows:
        """For the rows of a transaction; one that is ``two_phase`` is noted, so that a next start knows of it."""
        ...

    def commit_prepared(self, visible: Transaction) -> Transaction:
        """Make prepared rows visible, all at once. Returns what is kept, which an earlier attempt may have written.

        Raises SinkError; nothing is visible then and it may be tried again.
        """
        ...

    def give_up(self, aborted: Transaction) -> None:
        """Note the end of a transaction, and drop whatever rows it kept. Raises SinkError."""
        ...

    def forget_transactions(self, ids: Sequence[TxnId]) -> None:
        """Drop what is kept of transactions that ended."""
        ...


class SinkTransaction(Protocol):
    """One load transaction. It is used by one thread, ends with commit or rollback, and is then spent."""

    @property
    def is_full(self) -> bool:
        """What is in it should be committed before more is added: the sink has its own bounds of a transaction."""
        ...

    def write(self, batch: TableBatch) -> Sequence[RefusedRow]:
        """Add rows; returns those that cannot be taken. Raises SinkError; the transaction is then lost."""
        ...

    def commit(self, commit: PendingCommit) -> CommitRecord:
        """Make rows, progress and label visible together, or nothing.

        Raises StaleRange when a range does not start at the sink's ``next_offset``, SinkError otherwise.
        """
        ...

    def rollback(self) -> None:
        """Give everything up. Never raises; does nothing after commit."""
        ...


class PendingCommit(Protocol):
    """What commit makes durable beside the rows (``loads.path.Commit`` is the value)."""

    @property
    def task_id(self) -> TaskId: ...
    @property
    def ranges(self) -> Sequence[OffsetRange]: ...
    @property
    def counts(self) -> Counts: ...
    @property
    def timestamps_ms(self) -> tuple[tuple[PartitionId, int], ...]: ...
    @property
    def rejects(self) -> str: ...
    @property
    def execute_ms(self) -> int: ...
    @property
    def first_error(self) -> str: ...
    @property
    def txn_id(self) -> TxnId: ...


class BatchSink(Protocol):
    """Where batches go."""

    def table(self, ref: TableRef) -> Table:
        """Describe a table. Raises UnknownDatabase or UnknownTable."""
        ...

    def begin(self, label: Label, job_id: JobId, *, many_tables: bool = False) -> SinkTransaction:
        """``many_tables``: rows may go to tables that append and to tables that merge."""
        ...


class Sink(BatchSink, Protocol):
    """Where batches are committed, with the truth about progress."""

    @property
    def incarnation(self) -> str:
        """Random identity of this sink; another one means it was replaced."""
        ...

    def progress(self, job_id: JobId) -> dict[PartitionId, int]:
        """``next_offset`` of every partition the job has; empty for a job it does not know."""
        ...

    def place(self, job_id: JobId, offsets: Mapping[PartitionId, int], *, only: bool = False) -> None:
        """Set ``next_offset`` (CREATE, ALTER, a new partition); only at a transaction boundary of the job.

        ``only``: the job has no other partitions any more (ALTER to another topic).
        """
        ...

    def commits_after(self, job_id: JobId, sequence: int) -> list[CommitRecord]:
        """Records of the job beyond ``sequence``, in order: what a mirror has missed."""
        ...

    def forget_commits(self, job_id: JobId, up_to_sequence: int) -> None:
        """Drop records that are mirrored; the newest few per job are kept for people."""
        ...

    def forget_job(self, job_id: JobId) -> None:
        """Drop progress and records of a job that is over and will never be asked for again."""
        ...

    def settle(self, job_id: JobId) -> None:
        """Bring to its end whatever commit of the job is open; called before the job is planned, while no task runs.

        Raises CommitUnsettled (the target does not answer yet; naming label and target) and InDoubt (nobody but a
        person can tell). A sink that commits in one step has nothing to do.
        """
        ...

    def open_rejects(self) -> Sequence[str]:
        """Files of rejected rows, by their opaque ids, that belong to commits which are open."""
        ...

    def resolve(self, job_id: JobId, *, committed: bool, label: str = "") -> Sequence[Label]:
        """What a person says of the job's transaction in doubt (RESUME … ("in_doubt" = …)); returns its label.

        Empty where none is in doubt. Raises SinkError where the target knows better, and where several are in doubt and
        no ``label`` tells which is meant.
        """
        ...


class PartBody(Protocol):
    """The rows of one table of a batch, which may be read more than once and are never all in memory."""

    @property
    def mode(self) -> WriteMode: ...
    @property
    def schema(self) -> pa.Schema:
        """Of every batch: ``loads.values.Transformed.rows`` says which columns there are."""
        ...

    @property
    def rows(self) -> int: ...
    def batches(self) -> Iterator[pa.RecordBatch]: ...


class Target(Labels, Protocol):
    """A cluster that takes rows under labels in two phases, and remembers for a while what became of a label."""

    @property
    def incarnation(self) -> str:
        """Identity of the cluster; another one means it was replaced."""
        ...

    @property
    def name(self) -> str:
        """Where it is, for messages: no user, no password."""
        ...

    def table(self, ref: TableRef) -> Table:
        """Describe a table. Raises UnknownDatabase or UnknownTable, TargetUnavailable."""
        ...

    def prepare(self, part: Part, body: PartBody) -> Prepared:
        """Begin, load and prepare a label: each at most once. After anything but *done* the label is given up."""
        ...
