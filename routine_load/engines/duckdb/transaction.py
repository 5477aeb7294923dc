"""One load transaction: rows, progress and label in one DuckDB transaction (exactly-once with an embedded sink).

A load into DUPLICATE tables appends its rows as they come, in a DuckDB transaction that is open meanwhile. Rows of
merging tables, and all rows of a load whose tables are not known beforehand, are staged in temporary tables outside any
transaction; at commit the merge lock is taken first and the transaction begins behind it, so that rows are merged with
a snapshot that holds every earlier merge. The lock is never held while a batch is consumed.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import duckdb
import pyarrow as pa

from routine_load.clock import Clock
from routine_load.commit.values import CommitRecord
from routine_load.engines.duckdb.catalog import Catalog
from routine_load.engines.duckdb.failures import sink_failure
from routine_load.engines.duckdb.ledger import Ledger
from routine_load.engines.duckdb.merging import MergeLock, Staging
from routine_load.engines.duckdb.temporary import beside
from routine_load.engines.duckdb.warehouse import Warehouse
from routine_load.engines.duckdb.writers import Appended, Chunks
from routine_load.errors import EngineError, RoutineLoadError, SinkError, StaleRange
from routine_load.ids import JobId, Label, TableRef
from routine_load.loads.ports import PendingCommit
from routine_load.loads.values import RefusedRow, TableBatch
from routine_load.sql.schema import Table

T = TypeVar("T")


class CommitOrder:
    """Hands out sequence numbers so that their order is the order of commits; held while one commits."""

    def __init__(self, last: int) -> None:
        self.lock = threading.Lock()
        self.last = last


@dataclass(frozen=True, slots=True)
class Load:
    """Whose rows a transaction takes. ``many_tables``: they may go to tables of both kinds."""

    label: Label
    job_id: JobId
    many_tables: bool = False


class LoadTransaction:
    """Used by one thread; ends with commit or rollback. Any failure of write or commit has rolled it back."""

    def __init__(self, warehouse: Warehouse, catalog: Catalog, shared: Shared, load: Load) -> None:
        self._warehouse = warehouse
        self._catalog = catalog
        self._shared = shared
        self._load = load
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._chunks: Chunks | None = None
        self._appended: Appended | None = None
        self._staging: Staging | None = None
        self._wide: dict[TableRef, int] = {}
        self._begun = False
        self._has_lock = False
        self._spent = False

    @property
    def is_full(self) -> bool:
        return sum(self._wide.values()) >= self._warehouse.breadth.batch_bytes_max

    def write(self, batch: TableBatch) -> Sequence[RefusedRow]:
        self._require_open()
        if wide := self._warehouse.breadth.wide_bytes(batch.rows):
            self._wide[batch.table] = self._wide.get(batch.table, 0) + wide
        with self._undone_on_failure(f"Table {batch.table}"):
            table = self._catalog.table(batch.table)
            table = beside(table) if batch.mode.temporary_partitions else table
            cursor = self._open_cursor()
            if self._load.many_tables or table.key_model.merges:
                return self._stage(cursor, table, batch)
            if batch.rows.num_rows:
                self._begin(cursor)
                self._append(cursor, table, batch.rows)
                if wide:
                    self._flush()
            return ()

    def commit(self, commit: PendingCommit) -> CommitRecord:
        """Make everything visible, in this order: merge what was staged, move progress, write the record, COMMIT.

        Before the last step returns nothing is visible, and any failure rolls all of it back.
        """
        return self.conclude(lambda cursor: self._finish(cursor, self._record(commit)))

    def conclude(self, finish: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Merge what was staged; then ``finish`` writes what belongs to it, and commits."""
        self._require_open()
        with self._undone_on_failure(f"Commit of {self._load.label}"):
            cursor = self._open_cursor()
            if self._staging is not None:
                self._shared.merge_lock.acquire()
                self._has_lock = True
            self._begin(cursor)
            self._flush()
            if self._staging is not None:
                self._staging.merge(self._catalog)
            self._warehouse.breadth.note(cursor, self._wide)
            finished = finish(cursor)
            self._release()
            return finished

    def _finish(self, cursor: duckdb.DuckDBPyConnection, record: CommitRecord) -> CommitRecord:
        order = self._shared.order
        with order.lock:
            order.last += 1  # a number is used once, also where it cannot be told what became of it
            record = replace(record, sequence=order.last)
            self._advance(cursor, record)
            self._shared.ledger.record(cursor, record)
            try:
                cursor.execute("COMMIT")
            except duckdb.Error:
                if not self._is_visible(record):
                    raise
        return record

    def _is_visible(self, record: CommitRecord) -> bool:
        """Whether a COMMIT that failed has committed all the same: a checkpoint behind it may have failed.

        DuckDB may have given the file up with it; then the file is opened again, and asked.
        """
        sound = partial(self._warehouse.cursor, sound=True)
        with contextlib.suppress(duckdb.Error, EngineError), contextlib.closing(sound()) as cursor:
            return record in self._shared.ledger.commits_after(cursor, record.job_id, record.sequence - 1)
        return False

    def rollback(self) -> None:
        if not self._spent:
            self._release()

    def _record(self, commit: PendingCommit) -> CommitRecord:
        return CommitRecord(
            sequence=0,
            label=self._load.label,
            job_id=self._load.job_id,
            task_id=commit.task_id,
            ranges=tuple(commit.ranges),
            counts=commit.counts,
            timestamps_ms=commit.timestamps_ms,
            rejects=commit.rejects,
            execute_ms=commit.execute_ms,
            committed_at_ms=int(self._shared.clock.now().timestamp() * 1000),
            first_error=commit.first_error,
            txn_id=commit.txn_id,
        )

    def _advance(self, cursor: duckdb.DuckDBPyConnection, record: CommitRecord) -> None:
        try:
            self._shared.ledger.advance(cursor, record.job_id, record.ranges)
        except duckdb.TransactionException as error:
            raise StaleRange(
                f"Job {record.job_id}: another transaction moved the progress of the batch's partitions"
            ) from error

    def _stage(self, cursor: duckdb.DuckDBPyConnection, table: Table, batch: TableBatch) -> Sequence[RefusedRow]:
        if self._begun:
            raise SinkError(f"{table.ref}: a load into tables of both kinds has to say so before its first row")
        if self._staging is None:
            self._staging = Staging(cursor, self._open_chunks(cursor), self._warehouse.names)
        return self._staging.add(table, batch.rows, batch.mode)

    def _append(self, cursor: duckdb.DuckDBPyConnection, table: Table, rows: pa.Table) -> None:
        if self._appended is None:
            self._appended = Appended(cursor, self._open_chunks(cursor), self._warehouse.names)
        self._appended.add(table, rows)

    def _flush(self) -> None:
        if self._appended is not None:
            self._appended.flush()

    def _begin(self, cursor: duckdb.DuckDBPyConnection) -> None:
        if not self._begun:
            cursor.execute("BEGIN")
            self._begun = True

    def _open_cursor(self) -> duckdb.DuckDBPyConnection:
        if self._cursor is None:
            self._cursor = self._warehouse.cursor()
        return self._cursor

    def _open_chunks(self, cursor: duckdb.DuckDBPyConnection) -> Chunks:
        if self._chunks is None:
            self._chunks = Chunks(cursor)
        return self._chunks

    def _require_open(self) -> None:
        if self._spent:
            raise SinkError(f"The transaction {self._load.label} has ended")

    @contextlib.contextmanager
    def _undone_on_failure(self, doing: str) -> Iterator[None]:
        try:
            yield
        except RoutineLoadError:
            self._release()
            raise
        except (duckdb.Error, pa.ArrowException) as error:
            self._release()
            raise sink_failure(error, doing) from error
        except BaseException:
            self._release()
            raise

    def _release(self) -> None:
        """Close the cursor, which rolls back what was not committed and drops what was staged; let others merge."""
        self._spent = True
        cursor, self._cursor = self._cursor, None
        try:
            if cursor is not None:
                with contextlib.suppress(duckdb.Error):
                    cursor.close()
        finally:
            if self._has_lock:
                self._has_lock = False
                self._shared.merge_lock.release()


class Shared:
    """What transactions of one engine share."""

    def __init__(self, ledger: Ledger, order: CommitOrder, merge_lock: MergeLock, clock: Clock) -> None:
        self.ledger = ledger
        self.order = order
        self.merge_lock = merge_lock
        self.clock = clock
