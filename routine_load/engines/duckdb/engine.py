"""The engine as the rest of the house sees it: ``statements.ports.Engine`` and ``loads.ports.Sink`` over one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from routine_load.clock import Clock, SystemClock
from routine_load.commit.values import CommitRecord
from routine_load.engines.duckdb.admission import require_to_define
from routine_load.engines.duckdb.automatic import made_by_rows
from routine_load.engines.duckdb.catalog import Catalog
from routine_load.engines.duckdb.changes import Changes
from routine_load.engines.duckdb.guard import Guard, Translate
from routine_load.engines.duckdb.labelled import BeginInsert, LabelledInserts
from routine_load.engines.duckdb.merging import MergeLock
from routine_load.engines.duckdb.opening import open_warehouse
from routine_load.engines.duckdb.partitions import by_now
from routine_load.engines.duckdb.prepared import ClientHouse
from routine_load.engines.duckdb.query import Queries
from routine_load.engines.duckdb.session import Session
from routine_load.engines.duckdb.show import Shows
from routine_load.engines.duckdb.sink import LoadSink
from routine_load.engines.duckdb.system_tables import SystemTables
from routine_load.engines.duckdb.tables import Tables
from routine_load.engines.duckdb.transaction import LoadTransaction
from routine_load.engines.duckdb.warehouse import Warehouse
from routine_load.ids import JobId, Label, PartitionId, TableRef
from routine_load.sql.ddl import (
    AlterTable,
    CreateDatabase,
    CreateTable,
    CreateTableLike,
    DdlContext,
    DdlStatement,
    DropDatabase,
    DropTable,
    TruncateTable,
    parse_ddl,
)
from routine_load.sql.ddl_views import CreateView, DropView
from routine_load.sql.results import Ok, Result
from routine_load.sql.schema import Table
from routine_load.sql.system_tables import SystemTable


class DuckDbEngine:
    """One DuckDB file with its tables, queries and load transactions. Thread-safe; opened once per file."""

    def __init__(self, warehouse: Warehouse, *, clock: Clock, translate: Translate | None) -> None:
        self._warehouse = warehouse
        self._catalog = Catalog(warehouse)
        merge_lock = MergeLock()
        self._system = SystemTables(self._catalog, warehouse.error_log_dir)
        self._clock = clock
        self._tables = Tables(self._catalog, warehouse.names, merge_lock, clock)
        changes = Changes(warehouse.names, merge_lock, clock)
        guard = Guard(self._catalog, warehouse.names, self._partitioned, translate)
        self._queries = Queries(warehouse, self._catalog, self._system, changes, guard)
        self._shows = Shows(self._catalog, self._system, clock)
        self._sink = LoadSink(warehouse, self._catalog, merge_lock, clock)

    def _partitioned(self, table: Table) -> Table:
        """With the partitions that time and its rows have brought."""
        return made_by_rows(by_now(table, self._clock.now()), self._catalog.names, self._catalog.rows)

    @classmethod
    def open(  # noqa: PLR0913 - the settings of one file
        cls,
        path: Path,
        *,
        error_log_dir: Path,
        memory: str = "208MB",
        threads: int = 2,
        clock: Clock | None = None,
        translate: Translate | None = None,
    ) -> DuckDbEngine:
        """Open or create the file. Raises DirectoryInUse when another process has it.

        ``translate`` maps a query's tree, as sqlglot's starrocks dialect reads it, to one whose functions mean in
        DuckDB what the vendor means.
        """
        warehouse = open_warehouse(path, error_log_dir=error_log_dir, memory=memory, threads=threads)
        try:
            return cls(warehouse, clock=clock or SystemClock(), translate=translate)
        except BaseException:
            warehouse.close()
            raise

    def close(self) -> None:
        """Interrupt what runs, roll back what is open, close the file."""
        self._warehouse.close()

    # Engine

    def databases(self) -> list[str]:
        return self._catalog.databases()

    def has_database(self, database: str) -> bool:
        return self._catalog.has_database(database) or self._system.has_database(database)

    def tables(self, database: str) -> list[str]:
        return self._catalog.tables(database)

    def views(self, database: str) -> list[str]:
        return [view.ref.table for view in self._catalog.views.of(database)]

    def table(self, ref: TableRef) -> Table:
        return by_now(self._catalog.table(ref), self._clock.now())

    def execute(self, text: str, session: Session) -> Result:
        with self._warehouse.statements.under_way(session):
            return self._execute(text, session)

    def kill(self, connection_id: int) -> None:
        """End what a connection runs; it is told so. Nothing where it runs nothing."""
        self._warehouse.statements.kill(connection_id)

    def _execute(self, text: str, session: Session) -> Result:
        if (shown := self._shows.execute(text, session)) is not None:
            return shown
        statement = parse_ddl(text, DdlContext(session.database, session.compat))
        if statement is not None:
            return self._define(statement, session)
        return self._queries.execute(text, session)

    def add_system_table(self, table: SystemTable) -> None:
        """Make ``information_schema.<name>`` readable; its rows are made once per query that names it."""
        self._system.add(table)

    def _define(self, statement: DdlStatement, session: Session) -> Result:
        require_to_define(statement, session)
        match statement:
            case CreateDatabase(name=name, if_not_exists=exists):
                self._catalog.create_database(name, if_not_exists=exists)
            case DropDatabase(name=name, if_exists=exists):
                self._catalog.drop_database(name, if_exists=exists)
            case CreateTable(query="") as create:
                self._tables.create(create)
            case CreateTable() as create:
                return self._queries.create_from_query(create, self._tables, session)
            case CreateTableLike() as like:
                self._tables.create_like(like)
            case DropTable() as drop:
                self._tables.drop(drop)
            case TruncateTable() as truncate:
                self._tables.truncate(truncate)
            case AlterTable() as alter:
                self._tables.alter(alter)
            case CreateView() | DropView():
                return self._define_view(statement, session)
        return Ok()

    def _define_view(self, statement: CreateView | DropView, session: Session) -> Result:
        there = self._catalog.views.find(statement.ref) is not None
        if isinstance(statement, DropView):
            if there or not statement.if_exists:
                self._catalog.drop_view(statement.ref)
            return Ok()
        if statement.must_exist:
            self._catalog.view(statement.ref)
        return Ok() if there and statement.if_not_exists else self._queries.create_view(statement, session)

    @property
    def clients(self) -> ClientHouse:
        """``loads.ports.TransactionLog``."""
        return self._sink.clients

    def label_inserts(self, begin: BeginInsert) -> None:
        """From now on INSERT … WITH LABEL is a transaction that ``begin`` begins."""
        self._queries.labelled = LabelledInserts(self.clients, self._clock, begin)

    # Sink

    @property
    def incarnation(self) -> str:
        return self._warehouse.incarnation

    def begin(self, label: Label, job_id: JobId, *, many_tables: bool = False) -> LoadTransaction:
        return self._sink.begin(label, job_id, many_tables=many_tables)

    def progress(self, job_id: JobId) -> dict[PartitionId, int]:
        return self._sink.progress(job_id)

    def place(self, job_id: JobId, offsets: Mapping[PartitionId, int], *, only: bool = False) -> None:
        self._sink.place(job_id, offsets, only=only)

    def commits_after(self, job_id: JobId, sequence: int) -> list[CommitRecord]:
        return self._sink.commits_after(job_id, sequence)

    def recent_commits(self, jobs: Sequence[JobId], limit: int) -> list[CommitRecord]:
        return self._sink.recent_commits(jobs, limit)

    def forget_commits(self, job_id: JobId, up_to_sequence: int) -> None:
        self._sink.forget_commits(job_id, up_to_sequence)

    def forget_job(self, job_id: JobId) -> None:
        self._sink.forget_job(job_id)

    def settle(self, job_id: JobId) -> None:
        """Rows and progress are committed in one transaction: there is never anything open."""

    def open_rejects(self) -> Sequence[str]:
        """None, for the same reason."""
        return ()

    def resolve(self, job_id: JobId, *, committed: bool, label: str = "") -> Sequence[Label]:  # noqa: ARG002 - the port's parameters
        """What became of a transaction is always known."""
        return ()
