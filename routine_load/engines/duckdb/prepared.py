"""Rows of clients' transactions: put straight into their table, or staged in tables of the file until they are wanted.

A direct load is a load transaction whose record is a row of ``transactions``. What may be prepared is staged: each load
is committed to staged tables that no query sees, so that nothing stays open between two requests; prepare makes the row
say PREPARED, and the end is one DuckDB transaction that merges or appends the staged rows, drops the staged tables and
says VISIBLE. A kill before its COMMIT leaves everything as it was, after it everything done. Whatever is staged
without its row saying PREPARED is dropped at the next start.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import duckdb
import pyarrow as pa

from routine_load.engines.duckdb.catalog import Catalog
from routine_load.engines.duckdb.failures import sink_failure
from routine_load.engines.duckdb.journal import Journal, Kept, stage_prefix
from routine_load.engines.duckdb.merging import MergeLock, Staging
from routine_load.engines.duckdb.temporary import beside
from routine_load.engines.duckdb.transaction import LoadTransaction
from routine_load.engines.duckdb.warehouse import Warehouse
from routine_load.engines.duckdb.writers import Chunks
from routine_load.errors import BrokenInvariant, EngineError, RoutineLoadError, SinkError
from routine_load.ids import TableRef, TxnId
from routine_load.loads.transaction_values import Transaction, TxnState
from routine_load.loads.values import RefusedRow, TableBatch
from routine_load.observe.failpoints import failpoint


class DirectRows:
    """Rows of one load, on their way straight into their table."""

    def __init__(self, house: ClientHouse, load: LoadTransaction) -> None:
        self._house = house
        self._load = load

    def write(self, batch: TableBatch) -> Sequence[RefusedRow]:
        return self._load.write(batch)

    def keep(self) -> None:
        """There is one load, and the commit follows."""

    def prepare(self, prepared: Transaction) -> None:
        raise BrokenInvariant(f"{prepared.label}: a direct load is not prepared")

    def commit(self, visible: Transaction) -> None:
        def finish(cursor: duckdb.DuckDBPyConnection) -> None:
            self._house.journal.insert(cursor, visible)
            self._house.commit(cursor, visible)

        self._load.conclude(finish)

    def rollback(self) -> None:
        self._load.rollback()


class StagedRows:
    """Rows that wait in tables of the file. Any failure has given up what was not committed to them."""

    def __init__(self, house: ClientHouse, begun: Transaction) -> None:
        self._house = house
        self._begun = begun
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._staging: Staging | None = None
        self._wide: dict[TableRef, int] = {}
        self._in_transaction = False
        self._spent = False

    def write(self, batch: TableBatch) -> Sequence[RefusedRow]:
        house = self._house
        with self._released_on_failure(f"Table {batch.table}"):
            table = house.catalog.table(batch.table)
            table = beside(table) if batch.mode.temporary_partitions else table
            cursor, staging = self._begin()
            refused = staging.add(table, batch.rows, batch.mode)
            if wide := house.warehouse.breadth.wide_bytes(batch.rows):
                self._wide[batch.table] = self._wide.get(batch.table, 0) + wide
                if sum(self._wide.values()) >= house.warehouse.breadth.batch_bytes_max:
                    self._commit_stages(cursor)
            return refused

    def keep(self) -> None:
        with self._released_on_failure(f"Load of {self._begun.label}"):
            if self._in_transaction and self._cursor is not None:
                self._commit_stages(self._cursor)

    def prepare(self, prepared: Transaction) -> None:
        house = self._house
        with self._released_on_failure(f"Prepare of {self._begun.label}"):
            self.keep()
            cursor, staging = self._begin()
            kept = Kept(prepared, tuple(staging.stages))
            house.journal.move(cursor, kept, source=TxnState.PREPARE)
            failpoint("prepared.prepare.before")
            house.commit(cursor, prepared)
            self._release()
            failpoint("prepared.prepare.after")

    def commit(self, visible: Transaction) -> None:
        """Without prepare: what is staged goes the way of what is prepared, but a kill on that way gives it up."""
        house = self._house
        with self._released_on_failure(f"Commit of {self._begun.label}"):
            self.keep()
            staging = self._staging
            self._release()
            stages = () if staging is None else tuple(staging.stages)
            house.finish(Kept(self._begun, stages), visible)

    def rollback(self) -> None:
        self._release()

    def _begin(self) -> tuple[duckdb.DuckDBPyConnection, Staging]:
        if self._spent:
            raise SinkError(f"The transaction {self._begun.label} has ended")
        names = self._house.warehouse.names
        if self._cursor is None or self._staging is None:
            self._cursor = self._house.warehouse.cursor()
            self._staging = Staging(self._cursor, Chunks(self._cursor), names, stage_prefix(self._begun.id))
        if not self._in_transaction:
            self._cursor.execute("BEGIN")
            self._in_transaction = True
        return self._cursor, self._staging

    def _commit_stages(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._house.warehouse.breadth.note(cursor, self._wide)
        self._wide.clear()
        cursor.execute("COMMIT")
        self._in_transaction = False

    @contextlib.contextmanager
    def _released_on_failure(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, pa.ArrowException) as error:
            self._release()
            raise sink_failure(error, doing) from error
        except BaseException:
            self._release()
            raise

    def _release(self) -> None:
        self._spent = True
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            with contextlib.suppress(duckdb.Error):
                cursor.close()


class ClientHouse:
    """Transactions of clients in one open file (``loads.ports.TransactionLog``). Thread-safe."""

    def __init__(
        self,
        warehouse: Warehouse,
        catalog: Catalog,
        merge_lock: MergeLock,
        direct: Callable[[Transaction], LoadTransaction],
    ) -> None:
        self.warehouse = warehouse
        self.catalog = catalog
        self.journal = Journal(warehouse.names)
        self._merge_lock = merge_lock
        self._direct = direct

    def reserve_txn_ids(self, count: int, *, least: int) -> int:
        with self._transaction("Numbers of transactions") as cursor:
            return self.journal.reserve(cursor, count, least)

    def transactions(self) -> list[Transaction]:
        with self._transaction("Transactions") as cursor:
            return self.journal.all(cursor)

    def begin_rows(self, begun: Transaction) -> DirectRows | StagedRows:
        if not begun.two_phase:
            return DirectRows(self, self._direct(begun))
        with self._transaction(f"Begin of {begun.label}") as cursor:
            self.journal.insert(cursor, begun)
        return StagedRows(self, begun)

    def commit_prepared(self, visible: Transaction) -> Transaction:
        with self._transaction(f"Commit of {visible.label}") as cursor:
            kept = self.journal.get(cursor, visible.id)
        if kept is None:
            raise SinkError(f"Transaction {visible.id} is not in the file")
        if kept.transaction.state is not TxnState.VISIBLE:
            self.finish(kept, visible)
            return visible
        return kept.transaction

    def finish(self, kept: Kept, visible: Transaction) -> None:
        """One DuckDB transaction: staged rows into their tables, staged tables gone, the row says VISIBLE."""
        with contextlib.ExitStack() as stack:
            cursor = stack.enter_context(self._cursor(f"Commit of {visible.label}"))
            names = self.warehouse.names
            staging = Staging(cursor, Chunks(cursor), names, stage_prefix(visible.id))
            staging.stages = list(kept.stages)
            if staging.merges:
                stack.enter_context(self._merge_lock.held())
            failpoint("prepared.commit.locked")
            cursor.execute("BEGIN")
            self.journal.move(cursor, Kept(visible), source=kept.transaction.state)
            staging.merge(self.catalog)
            failpoint("prepared.commit.merged")
            for stage in kept.stages:
                cursor.execute(f"DROP TABLE {stage.source}")
            failpoint("prepared.commit.dropped")
            self.commit(cursor, visible)
            failpoint("prepared.commit.after")

    def give_up(self, aborted: Transaction) -> None:
        with self._transaction(f"Abort of {aborted.label}") as cursor:
            kept = self.journal.get(cursor, aborted.id)
            self.journal.drop_stages(cursor, aborted.id)
            if kept is None or kept.transaction.state.is_final:
                return
            self.journal.move(cursor, Kept(aborted), source=kept.transaction.state)
            failpoint("prepared.abort.before")

    def forget_transactions(self, ids: Sequence[TxnId]) -> None:
        with self._transaction("Forgetting transactions") as cursor:
            self.journal.forget(cursor, ids)

    def commit(self, cursor: duckdb.DuckDBPyConnection, kept: Transaction) -> None:
        """COMMIT. One that failed has committed all the same where the file, asked again, says so."""
        try:
            cursor.execute("COMMIT")
        except duckdb.Error:
            if not self._has(kept):
                raise

    def _has(self, kept: Transaction) -> bool:
        sound = partial(self.warehouse.cursor, sound=True)
        with contextlib.suppress(duckdb.Error, EngineError), contextlib.closing(sound()) as cursor:
            found = self.journal.get(cursor, kept.id)
            return found is not None and found.transaction.state is kept.state
        return False

    @contextlib.contextmanager
    def _transaction(self, doing: str) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._cursor(doing) as cursor:
            cursor.execute("BEGIN")
            yield cursor
            cursor.execute("COMMIT")

    @contextlib.contextmanager
    def _cursor(self, doing: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """Closing it rolls back what was not committed."""
        cursor = self.warehouse.cursor()
        try:
            yield cursor
        except RoutineLoadError:
            raise
        except duckdb.Error as error:
            raise sink_failure(error, doing) from error
        finally:
            with contextlib.suppress(duckdb.Error):
                cursor.close()
