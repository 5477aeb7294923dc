"""Rows on their way to a client: lazily, in chunks, as the values that the MySQL doors know.

An open result is a DuckDB stream: what was not asked for yet is not in memory.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import struct
import uuid
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import duckdb

from routine_load.engines.duckdb.failures import query_failure
from routine_load.engines.duckdb.running import Statement, Statements
from routine_load.engines.duckdb.types import result_column
from routine_load.ids import Compat
from routine_load.sql.results import ResultTable

FETCH_ROWS = 2_048

Converter = Callable[[Any], Any]


def result_table(
    cursor: duckdb.DuckDBPyConnection, compat: Compat, *, wide: frozenset[str], statements: Statements
) -> ResultTable:
    """The cursor's pending result; with its rows exhausted or given up, the statement ends and the cursor is closed."""
    description = [(str(column[0]), str(column[1])) for column in cursor.description or []]
    columns = [result_column(name, type_text, wide=name.lower() in wide) for name, type_text in description]
    converters = [(i, c) for i, (_, text) in enumerate(description) if (c := converter(text, compat)) is not None]
    statement = statements.current()
    rows = _rows(cursor, converters, compat, statement)
    statement.computing = False
    return ResultTable(columns, _until_ended(rows, statements, statement))


def _rows(
    cursor: duckdb.DuckDBPyConnection, converters: list[tuple[int, Converter]], compat: Compat, statement: Statement
) -> Iterator[Sequence[Any]]:
    try:
        while chunk := cursor.fetchmany(FETCH_ROWS):
            statement.check()
            if not converters:
                yield from chunk
                continue
            for row in chunk:
                values = list(row)
                for index, convert in converters:
                    if values[index] is not None:
                        values[index] = convert(values[index])
                yield values
    except duckdb.Error as error:
        statement.check()
        raise query_failure(error, compat) from error
    finally:
        cursor.close()


def _until_ended(
    rows: Iterator[Sequence[Any]], statements: Statements, statement: Statement
) -> Iterator[Sequence[Any]]:
    try:
        yield from rows
    finally:
        statements.ended(statement)


def converter(type_text: str, compat: Compat) -> Converter | None:
    """How a value of this DuckDB type is shown; None where Python's value is already right."""
    if type_text == "BOOLEAN":
        return int
    if type_text == "FLOAT":
        return short_float
    if type_text in ("UUID", "INTERVAL"):
        return str
    if type_text == "TIMESTAMP WITH TIME ZONE":
        return lambda value: value.replace(tzinfo=None)
    if type_text.endswith("]") or type_text.startswith(("MAP(", "STRUCT(", "UNION(")):
        show = vendor_text if compat is Compat.STARROCKS else doris_text
        return (lambda value: show(_shortened(value))) if "FLOAT" in type_text else show
    return None


def _shortened(value: Any) -> Any:
    """The same value with 32-bit floats as they are printed. What is a double has digits that no such float has."""
    match value:
        case dict():
            return {_shortened(key): _shortened(item) for key, item in value.items()}
        case list() | tuple():
            return [_shortened(item) for item in value]
        case float() if math.isfinite(value) and abs(value) <= _FLOAT_MAX:
            return short_float(value) if struct.unpack("f", struct.pack("f", value))[0] == value else value
        case _:
            return value


_FLOAT_MAX = 3.4028234663852886e38


def short_float(value: float) -> float:
    """The shortest decimal that is the same 32-bit float, as the vendors print it."""
    for digits in (6, 7, 8):
        shorter = float(f"{value:.{digits}g}")
        try:
            if struct.pack("f", shorter) == struct.pack("f", value):
                return shorter
        except OverflowError:
            continue
    return value


def vendor_text(value: Any) -> str:
    """ARRAY, MAP and STRUCT as StarRocks prints them: ``["a","b"]``, ``{1:"x","k":null}``."""
    return _text(value, ",")


def doris_text(value: Any) -> str:
    """The same as Doris prints them: ``["a", "b"]``, ``{1:"x", "k":null}``."""
    return _text(value, ", ")


def _text(value: Any, comma: str) -> str:  # noqa: PLR0911 - one return per kind
    match value:
        case dict():
            pairs = (f"{_text(key, comma)}:{_text(item, comma)}" for key, item in value.items())
            return "{" + comma.join(pairs) + "}"
        case list() | tuple():
            return "[" + comma.join(_text(item, comma) for item in value) + "]"
        case bool():
            return str(int(value))
        case Decimal():
            return str(value)
        case dt.datetime():
            return f'"{value.isoformat(sep=" ")}"'
        case dt.date() | dt.time() | uuid.UUID() | dt.timedelta():
            return f'"{value}"'
        case bytes():
            return f'"{value.hex()}"'
        case _:
            return json.dumps(value, ensure_ascii=False)
