"""``information_schema`` as a client sees it: user databases and vendor types, made anew for each query that asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from routine_load.engines.duckdb.catalog import Catalog
from routine_load.engines.duckdb.names import INFORMATION_SCHEMA, quote
from routine_load.engines.duckdb.system_rows import (
    COLUMNS,
    EMPTY,
    SCHEMATA,
    STATISTICS,
    TABLES,
    TABLES_CONFIG,
    column_row,
    config_row,
    empty_columns,
    statistics_rows,
    table_row,
    view_row,
)
from routine_load.engines.duckdb.views import view_as_table
from routine_load.errors import UnknownTable
from routine_load.ids import Compat, TableRef
from routine_load.sql.ddl_tokens import literal
from routine_load.sql.ddl_views import View
from routine_load.sql.privileges import Privilege
from routine_load.sql.results import ResultType
from routine_load.sql.schema import Column, ColumnType, KeyModel, Table, TypeName
from routine_load.sql.system_tables import SystemTable, Viewer, Wanted

REJECTS = "routine_load_rejects"

_PREFIX = "__rl_is_"
_TEXT_LENGTH = 65_533
_REJECTS_COLUMNS = {
    "job_id": "BIGINT",
    "label": "VARCHAR",
    "database_name": "VARCHAR",
    "table_name": "VARCHAR",
    "topic": "VARCHAR",
    "partition": "INTEGER",
    "offset": "BIGINT",
    "column_name": "VARCHAR",
    "reason": "VARCHAR",
    "raw": "BLOB",
    "rejected_at": "TIMESTAMP",
}
_REJECTS_TYPES = {
    column: {
        "BIGINT": TypeName.BIGINT,
        "INTEGER": TypeName.INT,
        "BLOB": TypeName.VARBINARY,
        "TIMESTAMP": TypeName.DATETIME,
    }.get(kind, TypeName.STRING)
    for column, kind in _REJECTS_COLUMNS.items()
}


Rows = Iterable[tuple[object, ...]]

_ARROW = {
    ResultType.BOOLEAN: pa.bool_(),
    ResultType.INT: pa.int32(),
    ResultType.BIGINT: pa.int64(),
    ResultType.DOUBLE: pa.float64(),
    ResultType.DATETIME: pa.timestamp("us"),
    ResultType.JSON: pa.json_(),
}
_DECLARED = {
    pa.bool_(): TypeName.BOOLEAN,
    pa.int32(): TypeName.INT,
    pa.int64(): TypeName.BIGINT,
    pa.float64(): TypeName.DOUBLE,
    pa.timestamp("us"): TypeName.DATETIME,
    pa.json_(): TypeName.JSON,
}


@dataclass(frozen=True, slots=True)
class _Told:
    """A table whose rows are made when asked: columns as Arrow types, by vendor."""

    columns: Callable[[Compat], Mapping[str, pa.DataType]]
    rows: Callable[[Viewer, Wanted], Iterable[Iterable[object]]]

    def arrow(self, viewer: Viewer, wanted: Wanted) -> pa.Table:
        columns, rows = self.columns(viewer.compat), [tuple(row) for row in self.rows(viewer, wanted)]
        arrays = [pa.array([row[i] for row in rows], type=kind) for i, kind in enumerate(columns.values())]
        return pa.table(arrays, names=list(columns))


class SystemTables:
    """Knows each table's rows; puts the ones a query names before its cursor."""

    def __init__(self, catalog: Catalog, error_log_dir: Path) -> None:
        self._catalog = catalog
        self._error_log_dir = error_log_dir.resolve()
        self._tables: dict[str, _Told] = {
            "schemata": _Told(lambda _: SCHEMATA, self._schemata),
            "tables": _Told(lambda _: TABLES, self._tables_rows),
            "columns": _Told(lambda _: COLUMNS, self._columns),
            "tables_config": _Told(lambda _: TABLES_CONFIG, self._tables_config),
            "statistics": _Told(lambda _: STATISTICS, self._statistics),
            **{name: _empty(name) for name in EMPTY},
            "views": _Told(lambda _: empty_columns("views"), self._view_rows),
        }

    def has_database(self, database: str) -> bool:
        return database.lower() == INFORMATION_SCHEMA

    def names(self) -> list[str]:
        return sorted([*self._tables, REJECTS])

    def add(self, table: SystemTable) -> None:
        types = {
            compat: {column.name: _ARROW.get(column.type, pa.string()) for column in columns}
            for compat, columns in table.columns.items()
        }
        self._tables[table.name.lower()] = _Told(types.__getitem__, table.rows)

    def view_name(self, name: str) -> str:
        """Under which name a query's cursor finds the table. Raises UnknownTable."""
        if name != REJECTS and name not in self._tables:
            raise UnknownTable(f"Unknown table '{name}'")
        return _PREFIX + name

    def declaration(self, name: str, compat: Compat) -> Table:
        """One of these tables as DESC shows it. Raises UnknownTable."""
        self.view_name(name.lower())
        columns = tuple(Column(name=column, type=_column_type(kind)) for column, kind in self._kinds(name, compat))
        return Table(
            ref=TableRef(INFORMATION_SCHEMA, name), columns=columns, key_model=KeyModel.DUPLICATE, engine="MEMORY"
        )

    def _kinds(self, name: str, compat: Compat) -> Iterable[tuple[str, TypeName]]:
        if name.lower() == REJECTS:
            return _REJECTS_TYPES.items()
        columns = self._tables[name.lower()].columns(compat)
        return [(column, _DECLARED.get(kind, TypeName.STRING)) for column, kind in columns.items()]

    def provide(self, cursor: duckdb.DuckDBPyConnection, tables: Mapping[str, Wanted], viewer: Viewer) -> None:
        for name, wanted in tables.items():
            if name == REJECTS:
                self._provide_rejects(cursor, viewer)
            else:
                cursor.register(_PREFIX + name, self._tables[name].arrow(viewer, wanted))

    def _provide_rejects(self, cursor: duckdb.DuckDBPyConnection, viewer: Viewer) -> None:
        view = quote(_PREFIX + REJECTS)
        columns = ", ".join(f"{quote(name)} {kind}" for name, kind in _REJECTS_COLUMNS.items())
        cursor.execute(f"CREATE TEMP TABLE __rl_no_rejects ({columns})")
        source = "SELECT * FROM __rl_no_rejects"
        if next(self._error_log_dir.rglob("*.parquet"), None) is not None:
            files = f"read_parquet({literal(str(self._error_log_dir / '**' / '*.parquet'))}, union_by_name = true)"
            source += f" UNION ALL BY NAME SELECT * FROM {files}{self._hidden(cursor, files, viewer)}"
        cursor.execute(f"CREATE TEMP VIEW {view} AS {source}")

    def _hidden(self, cursor: duckdb.DuckDBPyConnection, files: str, viewer: Viewer) -> str:
        """The condition that leaves out rows meant for tables that the user may not load into."""
        named = cursor.execute(f"SELECT DISTINCT database_name, table_name FROM {files}").fetchall()
        hidden = [(d, t) for d, t in named if not viewer.rights.has(Privilege.INSERT, d or "", t or "")]
        if not hidden:
            return ""
        listed = ", ".join(f"({literal(d or '')}, {literal(t or '')})" for d, t in hidden)
        return f" WHERE (coalesce(database_name, ''), coalesce(table_name, '')) NOT IN ({listed})"

    def _schemata(self, viewer: Viewer, _: Wanted) -> Rows:
        names = sorted([*filter(viewer.rights.sees, self._catalog.databases()), INFORMATION_SCHEMA])
        return [("def", name, "utf8", "utf8_general_ci", None) for name in names]

    def _declarations(self, viewer: Viewer, wanted: Wanted) -> list[tuple[int, Table]]:
        """The tables a query may see of those it wants, with their numbers."""
        databases, names = wanted.get("TABLE_SCHEMA"), wanted.get("TABLE_NAME")
        return [
            (number, table)
            for number, table in enumerate(self._catalog.declarations(), start=1)
            if (databases is None or table.ref.database in databases)
            and (names is None or table.ref.table in names)
            and viewer.rights.sees(table.ref.database, table.ref.table)
        ]

    def _views(self, viewer: Viewer) -> list[View]:
        return [view for view in self._catalog.views.all() if viewer.rights.sees(view.ref.database, view.ref.table)]

    def _view_rows(self, viewer: Viewer, _: Wanted) -> Rows:
        return [view_row(view) for view in self._views(viewer)]

    def _tables_rows(self, viewer: Viewer, wanted: Wanted) -> Rows:
        for _, t in self._declarations(viewer, wanted):
            yield table_row(t.ref.database, t.ref.table, ("BASE TABLE", t.engine, t.comment))
        for view in self._views(viewer):
            yield table_row(view.ref.database, view.ref.table, ("VIEW", "", view.comment))
        for name in self.names():
            yield table_row(INFORMATION_SCHEMA, name, ("SYSTEM VIEW", "MEMORY", ""))

    def _tables_config(self, viewer: Viewer, wanted: Wanted) -> Rows:
        return [config_row(t, number) for number, t in self._declarations(viewer, wanted)]

    def _statistics(self, viewer: Viewer, wanted: Wanted) -> Rows:
        return [row for _, table in self._declarations(viewer, wanted) for row in statistics_rows(table)]

    def _columns(self, viewer: Viewer, wanted: Wanted) -> Rows:
        own = [self.declaration(name, viewer.compat) for name in self.names()]
        views = [view_as_table(view) for view in self._views(viewer)]
        for t in [*(t for _, t in self._declarations(viewer, wanted)), *views, *own]:
            for position, column in enumerate(t.columns, start=1):
                yield column_row(t, column, position)


def _empty(name: str) -> _Told:
    columns = empty_columns(name)
    return _Told(lambda _: columns, lambda *_: ())


def _column_type(kind: TypeName) -> ColumnType:
    """Text has a length, as the vendors' system tables have it."""
    return ColumnType(name=TypeName.VARCHAR, length=_TEXT_LENGTH) if kind is TypeName.STRING else ColumnType(name=kind)
