"""MySQL's field types, as a client sees them, back to the types that results have here.

The numbers are the protocol's; no client library is needed to know them. What a server declares is not always what it
sends: a long text is declared as a blob, so the first rows are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Final

from routine_load.sql.results import ResultColumn, ResultType


class FieldType(IntEnum):
    """MySQL: protocol field types of binary and text results."""

    DECIMAL = 0
    TINY = 1
    SHORT = 2
    LONG = 3
    FLOAT = 4
    DOUBLE = 5
    NULL = 6
    TIMESTAMP = 7
    LONGLONG = 8
    INT24 = 9
    DATE = 10
    TIME = 11
    DATETIME = 12
    NEWDATE = 14
    JSON = 245
    NEWDECIMAL = 246


RESULT_TYPES: Final[Mapping[int, ResultType]] = MappingProxyType(
    {
        FieldType.TINY: ResultType.TINYINT,
        FieldType.SHORT: ResultType.SMALLINT,
        FieldType.INT24: ResultType.INT,
        FieldType.LONG: ResultType.INT,
        FieldType.LONGLONG: ResultType.BIGINT,
        FieldType.FLOAT: ResultType.FLOAT,
        FieldType.DOUBLE: ResultType.DOUBLE,
        FieldType.DECIMAL: ResultType.DECIMAL,
        FieldType.NEWDECIMAL: ResultType.DECIMAL,
        FieldType.DATE: ResultType.DATE,
        FieldType.NEWDATE: ResultType.DATE,
        FieldType.DATETIME: ResultType.DATETIME,
        FieldType.TIMESTAMP: ResultType.DATETIME,
        FieldType.TIME: ResultType.TIME,
        FieldType.JSON: ResultType.JSON,
        FieldType.NULL: ResultType.NULL,
    }
)
"""Everything else is text, or bytes where bytes come."""

LOOKED_AT: Final = 1_000
"""Rows of a result that are looked at to tell a text from bytes."""

_BOOLEAN_LENGTH, _LARGEINT_LENGTH = 1, 40
"""Both vendors: what tells a BOOLEAN from a TINYINT, and a LARGEINT from a DECIMAL."""

_NAME, _CODE, _LENGTH, _SCALE = 0, 1, 3, 5
"""Where DB-API descriptions have what we read."""


def columns(description: Sequence[Sequence[Any]], first_rows: Sequence[Sequence[Any]]) -> list[ResultColumn]:
    """Typed columns of a result; ``first_rows`` are what of it is there already."""
    looked_at = first_rows[:LOOKED_AT]
    return [_column(described, [row[at] for row in looked_at]) for at, described in enumerate(description)]


def _column(described: Sequence[Any], values: Sequence[Any]) -> ResultColumn:
    name, length, scale = described[_NAME], described[_LENGTH], described[_SCALE] or 0
    if any(isinstance(value, bytes) for value in values):
        return ResultColumn(name, ResultType.BLOB)
    kind = RESULT_TYPES.get(described[_CODE], ResultType.VARCHAR)
    if kind is ResultType.TINYINT and length == _BOOLEAN_LENGTH:
        return ResultColumn(name, ResultType.BOOLEAN)
    if kind is ResultType.DECIMAL and not scale and length == _LARGEINT_LENGTH:
        return ResultColumn(name, ResultType.LARGEINT)
    return ResultColumn(name, kind, scale if kind is ResultType.DECIMAL else 0)
