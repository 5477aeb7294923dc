"""``information_schema`` as a client sees it: user databases and vendor types, made anew for each query that asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import duckdb
import pyarrow as pa

from routine_load.engines.duckdb.catalog import Catalog
from routine_load.engines.duckdb.names import INFORMATION_SCHEMA, quote
from routine_load.errors import UnknownTable
from routine_load.sql.ddl_text import default_text
from routine_load.sql.ddl_tokens import literal
from routine_load.sql.ddl_types import spell
from routine_load.sql.schema import Column, Table, TypeName

REJECTS = "routine_load_rejects"

_PREFIX = "__rl_is_"
_REJECTS_COLUMNS = (
    "job_id BIGINT, label VARCHAR, database_name VARCHAR, table_name VARCHAR, topic VARCHAR, partition INTEGER,"
    ' "offset" BIGINT, column_name VARCHAR, reason VARCHAR, raw BLOB, rejected_at TIMESTAMP'
)
_INTEGERS = {
    TypeName.BOOLEAN: 3,
    TypeName.TINYINT: 3,
    TypeName.SMALLINT: 5,
    TypeName.INT: 10,
    TypeName.BIGINT: 19,
    TypeName.LARGEINT: 39,
}

_TEXT, _NUMBER = pa.string(), pa.int64()
_SCHEMATA = {
    "CATALOG_NAME": _TEXT,
    "SCHEMA_NAME": _TEXT,
    "DEFAULT_CHARACTER_SET_NAME": _TEXT,
    "DEFAULT_COLLATION_NAME": _TEXT,
    "SQL_PATH": _TEXT,
}
_TABLES = {
    "TABLE_CATALOG": _TEXT,
    "TABLE_SCHEMA": _TEXT,
    "TABLE_NAME": _TEXT,
    "TABLE_TYPE": _TEXT,
    "ENGINE": _TEXT,
    "VERSION": _NUMBER,
    "ROW_FORMAT": _TEXT,
    "TABLE_ROWS": _NUMBER,
    "AVG_ROW_LENGTH": _NUMBER,
    "DATA_LENGTH": _NUMBER,
    "MAX_DATA_LENGTH": _NUMBER,
    "INDEX_LENGTH": _NUMBER,
    "DATA_FREE": _NUMBER,
    "AUTO_INCREMENT": _NUMBER,
    "CREATE_TIME": pa.timestamp("us"),
    "UPDATE_TIME": pa.timestamp("us"),
    "CHECK_TIME": pa.timestamp("us"),
    "TABLE_COLLATION": _TEXT,
    "CHECKSUM": _NUMBER,
    "CREATE_OPTIONS": _TEXT,
    "TABLE_COMMENT": _TEXT,
}
_COLUMNS = {
    "TABLE_CATALOG": _TEXT,
    "TABLE_SCHEMA": _TEXT,
    "TABLE_NAME": _TEXT,
    "COLUMN_NAME": _TEXT,
    "ORDINAL_POSITION": _NUMBER,
    "COLUMN_DEFAULT": _TEXT,
    "IS_NULLABLE": _TEXT,
    "DATA_TYPE": _TEXT,
    "CHARACTER_MAXIMUM_LENGTH": _NUMBER,
    "CHARACTER_OCTET_LENGTH": _NUMBER,
    "NUMERIC_PRECISION": _NUMBER,
    "NUMERIC_SCALE": _NUMBER,
    "DATETIME_PRECISION": _NUMBER,
    "CHARACTER_SET_NAME": _TEXT,
    "COLLATION_NAME": _TEXT,
    "COLUMN_TYPE": _TEXT,
    "COLUMN_KEY": _TEXT,
    "EXTRA": _TEXT,
    "PRIVILEGES": _TEXT,
    "COLUMN_COMMENT": _TEXT,
    "COLUMN_SIZE": _NUMBER,
    "DECIMAL_DIGITS": _NUMBER,
    "GENERATION_EXPRESSION": _TEXT,
    "SRS_ID": _NUMBER,
}
_VIEWS = {
    "TABLE_CATALOG": _TEXT,
    "TABLE_SCHEMA": _TEXT,
    "TABLE_NAME": _TEXT,
    "VIEW_DEFINITION": _TEXT,
    "CHECK_OPTION": _TEXT,
    "IS_UPDATABLE": _TEXT,
    "DEFINER": _TEXT,
    "SECURITY_TYPE": _TEXT,
    "CHARACTER_SET_CLIENT": _TEXT,
    "COLLATION_CONNECTION": _TEXT,
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
            "views": lambda: _table(_VIEWS, ()),
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

    def provide(self, cursor: duckdb.DuckDBPyConnection, names: Iterable[str]) -> None:
        for name in names:
            if name == REJECTS:
                self._provide_rejects(cursor)
            else:
                cursor.register(_PREFIX + name, self._tables[name]())

    def _provide_rejects(self, cursor: duckdb.DuckDBPyConnection) -> None:
        view = quote(_PREFIX + REJECTS)
        cursor.execute(f"CREATE TEMP TABLE __rl_no_rejects ({_REJECTS_COLUMNS})")
        source = "SELECT * FROM __rl_no_rejects"
        if next(self._error_log_dir.rglob("*.parquet"), None) is not None:
            pattern = literal(str(self._error_log_dir / "**" / "*.parquet"))
            source += f" UNION ALL BY NAME SELECT * FROM read_parquet({pattern}, union_by_name = true)"
        cursor.execute(f"CREATE TEMP VIEW {view} AS {source}")

    def _schemata(self) -> pa.Table:
        names = sorted([*self._catalog.databases(), INFORMATION_SCHEMA])
        return _table(_SCHEMATA, [("def", name, "utf8", "utf8_general_ci", None) for name in names])

    def _tables_rows(self) -> pa.Table:
        rows = [
            _table_row(t.ref.database, t.ref.table, ("BASE TABLE", t.engine, t.comment))
            for t in self._catalog.declarations()
        ]
        rows += [_table_row(INFORMATION_SCHEMA, name, ("SYSTEM VIEW", "MEMORY", "")) for name in self.names()]
        return _table(_TABLES, rows)

    def _columns(self) -> pa.Table:
        tables = self._catalog.declarations()
        return _table(_COLUMNS, [_column_row(t, c, i) for t in tables for i, c in enumerate(t.columns, start=1)])


def _table_row(database: str, name: str, kind: tuple[str, str, str]) -> tuple[object, ...]:
    table_type, engine, comment = kind
    nothing = (None,) * 12
    return ("def", database, name, table_type, engine, *nothing, "utf8_general_ci", None, None, comment)


def _column_row(table: Table, column: Column, position: int) -> tuple[object, ...]:
    kind = column.type
    text = kind.name in (TypeName.CHAR, TypeName.VARCHAR, TypeName.STRING)
    length = (kind.length if kind.length is not None else 65_533) if text else None
    precision = kind.precision if kind.name is TypeName.DECIMAL else _INTEGERS.get(kind.name)
    key = {"PRIMARY KEY": "PRI", "UNIQUE KEY": "UNI", "AGGREGATE KEY": "AGG"}.get(table.key_model, "DUP")
    return (
        *("def", table.ref.database, table.ref.table, column.name, position, default_text(column)),
        *("YES" if column.nullable else "NO", str(kind.name), length, length, precision),
        *(kind.scale if kind.name is TypeName.DECIMAL else (0 if precision is not None else None), None),
        *("utf8" if text else None, "utf8_general_ci" if text else None, spell(kind), key if column.is_key else ""),
        *(
            "auto_increment" if column.auto_increment else "",
            "",
            column.comment,
            precision or length,
            kind.scale,
            "",
            None,
        ),
    )


def _table(columns: dict[str, pa.DataType], rows: Iterable[tuple[object, ...]]) -> pa.Table:
    listed = list(rows)
    arrays = [pa.array([row[i] for row in listed], type=kind) for i, kind in enumerate(columns.values())]
    return pa.table(arrays, names=list(columns))
