"""SHOW and DESC about databases, tables and columns, in each vendor's columns."""

from __future__ import annotations

from routine_load.clock import Clock
from routine_load.engines.duckdb.automatic import made_by_rows
from routine_load.engines.duckdb.catalog import Catalog
from routine_load.engines.duckdb.names import INFORMATION_SCHEMA
from routine_load.engines.duckdb.partitions import by_now
from routine_load.engines.duckdb.session import Session
from routine_load.engines.duckdb.show_filter import filtered
from routine_load.engines.duckdb.system_tables import SystemTables
from routine_load.engines.duckdb.views import VIEW, view_as_table
from routine_load.errors import NoDatabaseSelected, UnknownDatabase
from routine_load.ids import Compat, TableRef
from routine_load.sql.access import require_sight_of_database, require_sight_of_table
from routine_load.sql.ddl import DdlContext, read_ref
from routine_load.sql.ddl_text import create_table_text, default_text
from routine_load.sql.ddl_tokens import Kind, Reader, first_word
from routine_load.sql.ddl_types import spell
from routine_load.sql.ddl_views import create_view_text
from routine_load.sql.partition_text import partition_text
from routine_load.sql.results import Result, text_table
from routine_load.sql.schema import Column, KeyModel, Table

_COLUMN_NAMES = ["Field", "Type", "Null", "Key", "Default", "Extra"]
_FULL_COLUMN_NAMES = ["Field", "Type", "Collation", "Null", "Key", "Default", "Extra", "Privileges", "Comment"]
_STATUS_NAMES = [
    *("Name", "Engine", "Version", "Row_format", "Rows", "Avg_row_length", "Data_length", "Max_data_length"),
    *("Index_length", "Data_free", "Auto_increment", "Create_time", "Update_time", "Check_time", "Collation"),
    *("Checksum", "Create_options", "Comment"),
]
_INDEX_NAMES = [
    *("Table", "Non_unique", "Key_name", "Seq_in_index", "Column_name", "Collation", "Cardinality", "Sub_part"),
    *("Packed", "Null", "Index_type", "Comment"),
]
_CREATE_VIEW_NAMES = ["View", "Create View", "character_set_client", "collation_connection"]
_PARTITION_NAMES = ["PartitionId", "PartitionName", "State", "PartitionKey", "Range", "DistributionKey", "Buckets"]


class Shows:
    """Answers from the catalog alone."""

    def __init__(self, catalog: Catalog, system: SystemTables, clock: Clock) -> None:
        self._catalog = catalog
        self._clock = clock
        self._system = system

    def execute(self, text: str, session: Session) -> Result | None:
        """The answer, or None where the statement is not one of these."""
        if first_word(text) not in ("SHOW", "DESC", "DESCRIBE", "EXPLAIN"):
            return None
        reader = Reader(text)
        if reader.accept("DESC") or reader.accept("DESCRIBE") or reader.accept("EXPLAIN"):
            return self._describe(reader, session)
        return self._show(reader, session) if reader.accept("SHOW") else None

    def _show(self, reader: Reader, session: Session) -> Result | None:
        full = reader.accept("FULL")
        for words, answer in (
            (("DATABASES",), self._databases),
            (("SCHEMAS",), self._databases),
            (("CREATE",), self._create),
            (("TABLE", "STATUS"), self._status),
            (("PARTITIONS",), self._partitions),
            (("TEMPORARY", "PARTITIONS"), self._temporary_partitions),
            *(((word,), self._indexes) for word in ("INDEX", "INDEXES", "KEYS", "KEY")),
        ):
            if not full and reader.accept(*words):
                return answer(reader, session)
        if reader.accept("TABLES"):
            return self._tables(reader, session, full=full)
        if reader.accept("COLUMNS") or reader.accept("FIELDS"):
            return self._columns(reader, session, full=full)
        return None

    def _databases(self, reader: Reader, session: Session) -> Result:
        if reader.accept("FROM") or reader.accept("IN"):
            reader.name()
        names = sorted([*filter(session.rights.sees, self._catalog.databases()), INFORMATION_SCHEMA])
        return filtered(reader, ["Database"], [(name,) for name in names])

    def _create(self, reader: Reader, session: Session) -> Result | None:
        if reader.accept("DATABASE") or reader.accept("SCHEMA"):
            name = reader.name()
            self._require(name, session)
            return text_table(["Database", "Create Database"], [(name, f"CREATE DATABASE `{name}`")])
        wants_view = reader.accept("VIEW") or reader.accept("MATERIALIZED", "VIEW")
        if not wants_view and not reader.accept("TABLE"):
            return None
        ref = read_ref(reader, _context(session))
        reader.expect_end()
        require_sight_of_table(session, ref, "SHOW CREATE TABLE")
        if wants_view or self._catalog.views.find(ref) is not None:
            view = self._catalog.view(ref)
            text = create_view_text(view)
            return text_table(_CREATE_VIEW_NAMES, [(ref.table, text, "utf8", "utf8_general_ci")])
        table = self._catalog.table(ref)
        return text_table(["Table", "Create Table"], [(table.ref.table, create_table_text(table, session.compat))])

    def _tables(self, reader: Reader, session: Session, *, full: bool) -> Result:
        database = self._database(reader, session)
        system = database.lower() == INFORMATION_SCHEMA
        views = {view.ref.table for view in self._catalog.views.of(database)}
        columns = [f"Tables_in_{database}", "Table_type"]
        shown = 2 if full else 1
        rows = [
            (name, "SYSTEM VIEW" if system else "VIEW" if name in views else "BASE TABLE")[:shown]
            for name in self._names_in(database, session)
        ]
        return filtered(reader, columns[:shown], rows)

    def _names_in(self, database: str, session: Session) -> list[str]:
        """Those that the user has any privilege on (StarRocks, Doris: SHOW TABLES)."""
        if database.lower() == INFORMATION_SCHEMA:
            return self._system.names()
        names = [*self._catalog.tables(database), *(view.ref.table for view in self._catalog.views.of(database))]
        return [name for name in sorted(names) if session.rights.sees(database, name)]

    def _status(self, reader: Reader, session: Session) -> Result:
        database = self._database(reader, session)
        rows: list[tuple[str | None, ...]] = []
        for name in self._names_in(database, session):
            table = self._table(TableRef(database, name), session)
            if table.engine == VIEW:
                rows.append((name, *(None,) * 16, "VIEW"))
                continue
            rows.append((name, table.engine, *(None,) * 12, "utf8_general_ci", None, None, table.comment))
        return filtered(reader, _STATUS_NAMES, rows)

    def _indexes(self, reader: Reader, session: Session) -> Result:
        """The key by which rows are told apart, as MySQL shows a primary key; no other index is kept."""
        table = self._table(self._table_named(reader, session), session)
        unique = table.key_model in (KeyModel.PRIMARY, KeyModel.UNIQUE)
        keys = [column.name for column in table.key_columns] if unique else []
        fixed = ("A", None, None, None, "", "", "")
        rows = [(table.ref.table, "0", "PRIMARY", str(n), name, *fixed) for n, name in enumerate(keys, start=1)]
        return filtered(reader, _INDEX_NAMES, rows)

    def _temporary_partitions(self, reader: Reader, session: Session) -> Result:
        reader.expect("FROM")
        table = self._kept(read_ref(reader, _context(session)), session, "SHOW TEMPORARY PARTITIONS")
        keys, (spread, _, buckets) = ", ".join(table.partition_columns), table.distribution.partition(" BUCKETS ")
        rows = [
            (str(number), p.name, "NORMAL", keys, partition_text(table, p), spread, buckets)
            for number, p in enumerate(table.temporary, start=1)
        ]
        return text_table(_PARTITION_NAMES, rows)

    def _partitions(self, reader: Reader, session: Session) -> Result:
        reader.expect("FROM")
        table = self._kept(read_ref(reader, _context(session)), session, "SHOW PARTITIONS")
        table = made_by_rows(by_now(table, self._clock.now()), self._catalog.names, self._catalog.rows)
        keys = ", ".join(table.partition_columns)
        spread, _, buckets = table.distribution.partition(" BUCKETS ")
        rows = []
        for number, p in enumerate(table.partitions, start=1):
            rows.append((str(number), p.name, "NORMAL", keys, partition_text(table, p), spread, buckets))
        if table.partition_kind is None:
            rows.append(("1", table.ref.table, "NORMAL", keys, "", spread, buckets))
        return text_table(_PARTITION_NAMES, rows)

    def _columns(self, reader: Reader, session: Session, *, full: bool) -> Result:
        table = self._table(self._table_named(reader, session), session)
        if full:
            rows = [_full_row(table, c, session.compat) for c in table.columns]
            return filtered(reader, _FULL_COLUMN_NAMES, rows)
        return filtered(reader, _COLUMN_NAMES, [_shown_row(table, c, session.compat) for c in table.columns])

    def _table_named(self, reader: Reader, session: Session) -> TableRef:
        """``FROM t``, ``FROM d.t`` or ``FROM t FROM d``."""
        if not reader.accept("FROM"):
            reader.expect("IN")
        ref = read_ref(reader, DdlContext(session.database or INFORMATION_SCHEMA, session.compat))
        if reader.accept("FROM") or reader.accept("IN"):
            return TableRef(reader.name(), ref.table)
        if ref.database == INFORMATION_SCHEMA and not session.database:
            raise NoDatabaseSelected("No database selected")
        return ref

    def _table(self, ref: TableRef, session: Session) -> Table:
        if ref.database.lower() == INFORMATION_SCHEMA:
            return self._system.declaration(ref.table, session.compat)
        return self._kept(ref, session, "SHOW")

    def _kept(self, ref: TableRef, session: Session, doris_word: str) -> Table:
        """A table of the catalog, or a view that looks like one, for a user who has any privilege on it."""
        require_sight_of_table(session, ref, doris_word)
        view = self._catalog.views.find(ref)
        return self._catalog.table(ref) if view is None else view_as_table(view)

    def _describe(self, reader: Reader, session: Session) -> Result | None:
        if reader.peek().kind not in (Kind.WORD, Kind.QUOTED) or reader.peek().is_word("SELECT", "WITH", "INSERT"):
            return None
        if reader.peek(1).kind is Kind.WORD and not reader.peek(1).is_word("ALL"):
            return None
        table = self._table(read_ref(reader, _context(session)), session)
        reader.accept("ALL")
        reader.expect_end()
        return text_table(_COLUMN_NAMES, [_row(table, c, session.compat) for c in table.columns])

    def _database(self, reader: Reader, session: Session) -> str:
        name = reader.name() if reader.accept("FROM") or reader.accept("IN") else session.database
        if not name:
            raise NoDatabaseSelected("No database selected")
        self._require(name, session)
        return name

    def _require(self, name: str, session: Session) -> None:
        require_sight_of_database(session, name)
        if name.lower() != INFORMATION_SCHEMA and not self._catalog.has_database(name):
            raise UnknownDatabase(f"Unknown database '{name}'")


def _context(session: Session) -> DdlContext:
    return DdlContext(session.database, session.compat)


def _row(table: Table, column: Column, compat: Compat) -> tuple[str | None, ...]:
    doris = compat is Compat.DORIS
    null = ("Yes" if column.nullable else "No") if doris else ("YES" if column.nullable else "NO")
    return (
        column.name,
        spell(column.type, compat),
        null,
        "true" if column.is_key else "false",
        default_text(column),
        _extra(table, column, compat),
    )


def _shown_row(table: Table, column: Column, compat: Compat) -> tuple[str | None, ...]:
    """SHOW COLUMNS of both vendors, which says YES and NO where DESC says true and Yes."""
    extra = _extra(table, column, Compat.STARROCKS)
    field, kind, _, _, default, _ = _row(table, column, compat)
    return (field, kind, "YES" if column.nullable else "NO", "YES" if column.is_key else "NO", default, extra)


def _full_row(table: Table, column: Column, compat: Compat) -> tuple[str | None, ...]:
    field, kind, *rest = _shown_row(table, column, compat)
    return (field, kind, "", *rest, "", column.comment)


def _extra(table: Table, column: Column, compat: Compat) -> str:
    if column.auto_increment:
        return "AUTO_INCREMENT"
    if column.aggregation is not None and not column.is_key:
        return str(column.aggregation)
    if compat is Compat.DORIS and not column.is_key:
        return {KeyModel.DUPLICATE: "NONE", KeyModel.UNIQUE: "NONE"}.get(table.key_model, "")
    return ""
