"""A column's default as DuckDB evaluates it."""

from __future__ import annotations

from routine_load.engines.duckdb.names import OWN_SCHEMA
from routine_load.engines.duckdb.types import duckdb_type
from routine_load.sql.ddl_tokens import literal
from routine_load.sql.schema import Column, TypeName
from routine_load.transform.convert import kind_of
from routine_load.transform.functions_states import EMPTY

TIMEZONE = "Asia/Shanghai"
"""Both vendors' default time zone; CURRENT_TIMESTAMP as a default is the time of day there."""

AUTO_INCREMENT = "auto_increment"
"""One sequence numbers the AUTO_INCREMENT columns of all tables: values are unique and grow, but have gaps."""

LOCAL_NOW = f"(current_timestamp AT TIME ZONE {literal(TIMEZONE)})"


def default_expression(column: Column) -> str:
    """SQL text; NULL where the column declares no default, and an empty state (both vendors) in a column of states."""
    type_text = duckdb_type(column.type)
    if column.auto_increment:
        number = f"nextval({literal(f'{OWN_SCHEMA}.{AUTO_INCREMENT}')})"
        return number if column.auto_start == 1 else f"({number} + {column.auto_start - 1})"
    match column.default:
        case None if column.type.name.is_state:
            value = EMPTY[kind_of(column.type)]
        case None:
            value = "NULL"
        case "CURRENT_TIMESTAMP":
            scale = column.type.scale or 0
            unit = "second" if scale == 0 else ("millisecond" if scale <= 3 else "microsecond")
            value = f"date_trunc('{unit}', {LOCAL_NOW})"
        case "CURRENT_DATE":
            value = LOCAL_NOW
        case text if column.type.name is TypeName.BOOLEAN and text.strip("'").isdigit():
            value = text.strip("'")
        case text:
            value = text
    return f"CAST({value} AS {type_text})"
