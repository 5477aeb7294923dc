"""Vendor types ↔ DuckDB types: of a column when a table is made, of a result column when rows come back."""

from __future__ import annotations

import re

from routine_load.engines.duckdb.names import quote
from routine_load.sql.results import ResultColumn, ResultType
from routine_load.sql.schema import ColumnType, TypeName
from routine_load.transform.convert import PLAIN_TYPES
from routine_load.transform.typed import Kind

_PLAIN = {**PLAIN_TYPES, TypeName.JSON: "JSON"}
_RESULT = {
    "BOOLEAN": ResultType.BOOLEAN,
    "TINYINT": ResultType.TINYINT,
    "SMALLINT": ResultType.SMALLINT,
    "INTEGER": ResultType.INT,
    "BIGINT": ResultType.BIGINT,
    "UTINYINT": ResultType.SMALLINT,
    "USMALLINT": ResultType.INT,
    "UINTEGER": ResultType.BIGINT,
    "UBIGINT": ResultType.LARGEINT,
    "HUGEINT": ResultType.LARGEINT,
    "UHUGEINT": ResultType.LARGEINT,
    "FLOAT": ResultType.FLOAT,
    "DOUBLE": ResultType.DOUBLE,
    "DATE": ResultType.DATE,
    "TIMESTAMP": ResultType.DATETIME,
    "TIMESTAMP_S": ResultType.DATETIME,
    "TIMESTAMP_MS": ResultType.DATETIME,
    "TIMESTAMP_NS": ResultType.DATETIME,
    "TIME": ResultType.TIME,
    "VARCHAR": ResultType.VARCHAR,
    "JSON": ResultType.JSON,
    "BLOB": ResultType.BLOB,
    '"NULL"': ResultType.NULL,
    "NULL": ResultType.NULL,
}
_SCHEMA_OF_RESULT = {
    "BOOLEAN": TypeName.BOOLEAN,
    "TINYINT": TypeName.TINYINT,
    "SMALLINT": TypeName.SMALLINT,
    "UTINYINT": TypeName.SMALLINT,
    "INTEGER": TypeName.INT,
    "USMALLINT": TypeName.INT,
    "BIGINT": TypeName.BIGINT,
    "UINTEGER": TypeName.BIGINT,
    "HUGEINT": TypeName.LARGEINT,
    "UBIGINT": TypeName.LARGEINT,
    "FLOAT": TypeName.FLOAT,
    "DOUBLE": TypeName.DOUBLE,
    "DATE": TypeName.DATE,
    "TIMESTAMP": TypeName.DATETIME,
    "JSON": TypeName.JSON,
    "BLOB": TypeName.VARBINARY,
    Kind.BITMAP.value: TypeName.BITMAP,
    Kind.HLL.value: TypeName.HLL,
    Kind.QUANTILE.value: TypeName.QUANTILE_STATE,
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)$")


def duckdb_type(type_: ColumnType) -> str:
    match type_.name:
        case TypeName.DECIMAL:
            return f"DECIMAL({type_.precision},{type_.scale})"
        case TypeName.ARRAY:
            return f"{duckdb_type(type_.arguments[0])}[]"
        case TypeName.MAP:
            return f"MAP({duckdb_type(type_.arguments[0])}, {duckdb_type(type_.arguments[1])})"
        case TypeName.STRUCT:
            pairs = zip(type_.fields, type_.arguments, strict=True)
            return f"STRUCT({', '.join(f'{quote(field)} {duckdb_type(a)}' for field, a in pairs)})"
        case name:
            return _PLAIN[name]


def is_state(type_text: str) -> bool:
    """Both vendors: a bitmap, an HLL or a quantile state is shown as NULL."""
    return type_text in (Kind.BITMAP.value, Kind.HLL.value, Kind.QUANTILE.value)


def result_column(name: str, type_text: str, *, wide: bool) -> ResultColumn:
    """``wide``: the query has to do with LARGEINT. Without it, DuckDB's HUGEINT sums are the vendors' BIGINT."""
    if match := _DECIMAL.match(type_text):
        if match.group(1) == "38" and match.group(2) == "0" and not wide:
            return ResultColumn(name, ResultType.DECIMAL, 0)
        return ResultColumn(name, ResultType.DECIMAL, int(match.group(2)))
    kind = _RESULT.get(type_text, ResultType.VARCHAR)
    if kind is ResultType.LARGEINT and type_text == "HUGEINT" and not wide:
        kind = ResultType.BIGINT
    return ResultColumn(name, kind)


def column_type(type_text: str) -> ColumnType:
    """The vendor type of a query's column, for CREATE TABLE … AS; text where there is no nearer one."""
    if match := _DECIMAL.match(type_text):
        return ColumnType(name=TypeName.DECIMAL, precision=int(match.group(1)), scale=int(match.group(2)))
    if type_text.endswith("[]") and type_text not in _SCHEMA_OF_RESULT:
        return ColumnType(name=TypeName.ARRAY, arguments=(column_type(type_text[:-2]),))
    return ColumnType(name=_SCHEMA_OF_RESULT.get(type_text, TypeName.STRING))
