"""``information_schema`` as a client sees it: user databases and vendor types, made anew for each query that asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa

from routine_load.engines.duckdb.catalog import Catalog
from routine_load.engines.duckdb.names import INFORMATION_SCHEMA, quote
from routine_load.engines.duckdb.system_rows import (
    COLUMNS,
    EMPTY,
    SCHEMATA,
    TABLES,
    TABLES_CONFIG,
    arrow_table,
    column_row,
    config_row,
    empty,
    table_row,
)
from routine_load.errors import UnknownTable
from routine_load.ids import TableRef
from routine_load.sql.ddl_tokens import literal
from routine_load.sql.schema import Column, ColumnType, KeyModel, Table, TypeName

REJECTS = "routine_load_rejects"

_PREFIX = "__rl_is_"
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


class SystemTables:
    """Knows each table's rows; puts the ones a query names before its cursor."""

    def __init__(self, catalog: Catalog, error_log_dir: Path) -> None:
        self._catalog = catalog
        self._error_log_dir = error_log_dir.resolve()
        self._tables: dict[str, Callable[[], pa.Table]] = {
            "schemata": self._schemata,
            "tables": self._tables_rows,
            "columns": self._columns,
            "tables_config": self._tables_config,
            **{name: partial(empty, name) for name in EMPTY},
        }

    def has_database(self, database: str) -> bool:
        return database.lower() == INFORMATION_SCHEMA

    def names(self) -> list[str]:
        return sorted([*self._tables, REJECTS])

    def add(self, name: str, rows: Callable[[], pa.Table]) -> None:
        self._tables[name.lower()] = rows

    def view_name(self, name: str) -> str:
        """Under which name a query's cursor finds the table. Raises UnknownTable."""
        if name != REJECTS and name not in self._tables:
            raise UnknownTable(f"Unknown table '{name}'")
        return _PREFIX + name

    def declaration(self, name: str) -> Table:
        """One of these tables as DESC shows it. Raises UnknownTable."""
        self.view_name(name.lower())
        kinds = _REJECTS_TYPES if name.lower() == REJECTS else _types(self._tables[name.lower()]().schema)
        columns = tuple(Column(name=column, type=ColumnType(name=kind)) for column, kind in kinds.items())
        return Table(
            ref=TableRef(INFORMATION_SCHEMA, name), columns=columns, key_model=KeyModel.DUPLICATE, engine="MEMORY"
        )

    def provide(self, cursor: duckdb.DuckDBPyConnection, names: Iterable[str]) -> None:
        for name in names:
            if name == REJECTS:
                self._provide_rejects(cursor)
            else:
                cursor.register(_PREFIX + name, self._tables[name]())

    def _provide_rejects(self, cursor: duckdb.DuckDBPyConnection) -> None:
        view = quote(_PREFIX + REJECTS)
        columns = ", ".join(f"{quote(name)} {kind}" for name, kind in _REJECTS_COLUMNS.items())
        cursor.execute(f"CREATE TEMP TABLE __rl_no_rejects ({columns})")
        source = "SELECT * FROM __rl_no_rejects"
        if next(self._error_log_dir.rglob("*.parquet"), None) is not None:
            pattern = literal(str(self._error_log_dir / "**" / "*.parquet"))
            source += f" UNION ALL BY NAME SELECT * FROM read_parquet({pattern}, union_by_name = true)"
        cursor.execute(f"CREATE TEMP VIEW {view} AS {source}")

    def _schemata(self) -> pa.Table:
        names = sorted([*self._catalog.databases(), INFORMATION_SCHEMA])
        return arrow_table(SCHEMATA, [("def", name, "utf8", "utf8_general_ci", None) for name in names])

    def _tables_rows(self) -> pa.Table:
        rows = [
            table_row(t.ref.database, t.ref.table, ("BASE TABLE", t.engine, t.comment))
            for t in self._catalog.declarations()
        ]
        rows += [table_row(INFORMATION_SCHEMA, name, ("SYSTEM VIEW", "MEMORY", "")) for name in self.names()]
        return arrow_table(TABLES, rows)

    def _tables_config(self) -> pa.Table:
        rows = [config_row(t, number) for number, t in enumerate(self._catalog.declarations(), start=1)]
        return arrow_table(TABLES_CONFIG, rows)

    def _columns(self) -> pa.Table:
        tables = self._catalog.declarations()
        return arrow_table(COLUMNS, [column_row(t, c, i) for t in tables for i, c in enumerate(t.columns, start=1)])


def _types(schema: pa.Schema) -> dict[str, TypeName]:
    kinds = {pa.int64(): TypeName.BIGINT, pa.timestamp("us"): TypeName.DATETIME}
    return {field.name: kinds.get(field.type, TypeName.STRING) for field in schema}
