"""One load transaction: rows, progress and label in one DuckDB transaction (exactly-once with an embedded sink).

Rows of DUPLICATE tables are appended as they come. Rows of merging tables are staged in a temporary table, outside any
transaction, and merged at commit under the merge lock, so that the snapshot they are merged with is the newest one.
A transaction that does both takes the lock as soon as it has both kinds, and gives up where a merge slipped in between
its first append and that moment.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace

import duckdb
import pyarrow as pa

from routine_load.clock import Clock
from routine_load.commit.values import CommitRecord
from routine_load.engines.duckdb.catalog import Catalog
from routine_load.engines.duckdb.failures import sink_failure
from routine_load.engines.duckdb.ledger import Ledger
from routine_load.engines.duckdb.merging import MergeLock, Staging
from routine_load.engines.duckdb.opening import Warehouse
from routine_load.engines.duckdb.writers import Chunks, append
from routine_load.errors import RoutineLoadError, SinkError, StaleRange
from routine_load.ids import JobId, Label
from routine_load.loads.ports import PendingCommit
from routine_load.loads.values import TableBatch


class CommitOrder:
    """Hands out sequence numbers so that their order is the order of commits; held while one commits."""

    def __init__(self, last: int) -> None:
        self.lock = threading.Lock()
        self.last = last


class LoadTransaction:
    """Used by one thread; ends with commit or rollback. Any failure of write or commit has rolled it back."""

    def __init__(self, warehouse: Warehouse, catalog: Catalog, shared: Shared, label: Label, job_id: JobId) -> None:
        self._warehouse = warehouse
        self._catalog = catalog
        self._shared = shared
        self._label = label
        self._job_id = job_id
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._chunks: Chunks | None = None
        self._staging: Staging | None = None
        self._appending = False
        self._merges_seen = 0
        self._has_lock = False
        self._spent = False

    def write(self, batch: TableBatch) -> int:
        self._require_open()
        with self._undone_on_failure(f"Table {batch.table}"):
            table = self._catalog.table(batch.table)
            cursor = self._open_cursor()
            if table.key_model.merges:
                return self._stage(cursor, batch)
            if batch.rows.num_rows == 0:
                return 0
            self._begin(cursor)
            return append(cursor, self._open_chunks(cursor), self._warehouse.names.table(table.ref), table, batch.rows)

    def commit(self, commit: PendingCommit) -> CommitRecord:
        """Make everything visible, in this order: merge what was staged, move progress, write the record, COMMIT.

        Before the last step returns nothing is visible, and any failure rolls all of it back.
        """
        self._require_open()
        with self._undone_on_failure(f"Commit of {self._label}"):
            cursor = self._open_cursor()
            if self._staging is not None:
                self._lock_merges()
                self._begin(cursor)
                self._staging.merge(self._catalog)
            self._begin(cursor)
            record = self._record(commit)
            with self._shared.order.lock:
                record = replace(record, sequence=self._shared.order.last + 1)
                self._advance(cursor, record)
                self._shared.ledger.record(cursor, record)
                cursor.execute("COMMIT")
                self._shared.order.last = record.sequence
            if self._staging is not None:
                self._shared.merge_lock.merged()
            self._release()
            return record

    def rollback(self) -> None:
        if not self._spent:
            self._release()

    def _record(self, commit: PendingCommit) -> CommitRecord:
        return CommitRecord(
            sequence=0,
            label=self._label,
            job_id=self._job_id,
            task_id=commit.task_id,
            ranges=tuple(commit.ranges),
            counts=commit.counts,
            timestamps_ms=commit.timestamps_ms,
            rejects=commit.rejects,
            execute_ms=commit.execute_ms,
            committed_at_ms=int(self._shared.clock.now().timestamp() * 1000),
            first_error=commit.first_error,
        )

    def _advance(self, cursor: duckdb.DuckDBPyConnection, record: CommitRecord) -> None:
        try:
            self._shared.ledger.advance(cursor, record.job_id, record.ranges)
        except duckdb.TransactionException as error:
            raise StaleRange(
                f"Job {record.job_id}: another transaction moved the progress of the batch's partitions"
            ) from error

    def _stage(self, cursor: duckdb.DuckDBPyConnection, batch: TableBatch) -> int:
        table = self._catalog.table(batch.table)
        if self._staging is None:
            self._staging = Staging(cursor, self._open_chunks(cursor), self._warehouse.names)
            if self._appending:
                self._lock_merges()
        return self._staging.add(table, batch.rows, batch.mode)

    def _lock_merges(self) -> None:
        if self._has_lock:
            return
        self._shared.merge_lock.acquire()
        self._has_lock = True
        if self._appending and self._shared.merge_lock.merges != self._merges_seen:
            raise SinkError("A merge into another table came between; the batch has to be repeated")

    def _begin(self, cursor: duckdb.DuckDBPyConnection) -> None:
        if self._appending:
            return
        if self._staging is not None:
            self._lock_merges()
        self._merges_seen = self._shared.merge_lock.merges
        cursor.execute("BEGIN")
        self._appending = True

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
            raise SinkError(f"The transaction {self._label} has ended")

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
