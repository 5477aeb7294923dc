"""The sink's ledger side: begin, progress, place, commits. Transactions themselves are in ``transaction``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import duckdb

from routine_load.clock import Clock
from routine_load.commit.values import CommitRecord
from routine_load.engines.duckdb.catalog import Catalog
from routine_load.engines.duckdb.failures import sink_failure
from routine_load.engines.duckdb.ledger import Ledger
from routine_load.engines.duckdb.merging import MergeLock
from routine_load.engines.duckdb.prepared import ClientHouse
from routine_load.engines.duckdb.transaction import CommitOrder, Load, LoadTransaction, Shared
from routine_load.engines.duckdb.warehouse import Warehouse
from routine_load.ids import JobId, Label, PartitionId
from routine_load.loads.rejects import CLIENTS


class LoadSink:
    """One open file as a sink. Thread-safe: every call has a cursor of its own."""

    def __init__(self, warehouse: Warehouse, catalog: Catalog, merge_lock: MergeLock, clock: Clock) -> None:
        self._warehouse = warehouse
        self._catalog = catalog
        ledger = Ledger(warehouse.names)
        cursor = warehouse.cursor()
        order = CommitOrder(ledger.last_sequence(cursor))
        cursor.close()
        self._shared = Shared(ledger, order, merge_lock, clock)
        self.clients = ClientHouse(warehouse, catalog, merge_lock, lambda begun: self.begin(begun.label, CLIENTS))
        """Transactions of clients, which are in no job's ledger."""

    def begin(self, label: Label, job_id: JobId, *, many_tables: bool = False) -> LoadTransaction:
        return LoadTransaction(self._warehouse, self._catalog, self._shared, Load(label, job_id, many_tables))

    def progress(self, job_id: JobId) -> dict[PartitionId, int]:
        with self._cursor("Progress") as cursor:
            return self._shared.ledger.progress(cursor, job_id)

    def place(self, job_id: JobId, offsets: Mapping[PartitionId, int], *, only: bool = False) -> None:
        with self._shared.order.lock, self._cursor("Placing offsets") as cursor:
            cursor.begin()
            self._shared.ledger.place(cursor, job_id, offsets, only=only)
            cursor.commit()

    def commits_after(self, job_id: JobId, sequence: int) -> list[CommitRecord]:
        with self._cursor("Commit records") as cursor:
            return self._shared.ledger.commits_after(cursor, job_id, sequence)

    def recent_commits(self, jobs: Sequence[JobId], limit: int) -> list[CommitRecord]:
        with self._cursor("Commit records") as cursor:
            return self._shared.ledger.recent(cursor, jobs, limit)

    def forget_commits(self, job_id: JobId, up_to_sequence: int) -> None:
        with self._cursor("Forgetting commit records") as cursor:
            self._shared.ledger.forget(cursor, job_id, up_to_sequence)

    def forget_job(self, job_id: JobId) -> None:
        with self._cursor("Forgetting a job") as cursor:
            self._shared.ledger.forget_job(cursor, job_id)

    @contextmanager
    def _cursor(self, doing: str) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._warehouse.cursor()
        try:
            yield cursor
        except duckdb.Error as error:
            raise sink_failure(error, doing) from error
        finally:
            cursor.close()
