"""What a statement answers: rows under typed columns, or an OK."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ResultType(StrEnum):
    """MySQL-facing type of a result column; doors map it to the wire."""

    BOOLEAN = "boolean"
    TINYINT = "tinyint"
    SMALLINT = "smallint"
    INT = "int"
    BIGINT = "bigint"
    LARGEINT = "largeint"
    FLOAT = "float"
    DOUBLE = "double"
    DECIMAL = "decimal"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    VARCHAR = "varchar"
    JSON = "json"
    BLOB = "blob"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class ResultColumn:
    name: str
    type: ResultType = ResultType.VARCHAR
    scale: int = 0


@dataclass(frozen=True, slots=True)
class ResultTable:
    """Columns and rows. ``rows`` may be an iterator that is read once; values are Python scalars or None."""

    columns: Sequence[ResultColumn]
    rows: Iterable[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Ok:
    """A statement that answers no rows."""

    affected_rows: int = 0
    message: str = ""
    warnings: tuple[str, ...] = field(default=())


Result = ResultTable | Ok


def text_table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> ResultTable:
    """A table whose columns are all VARCHAR, as the vendors' SHOW statements declare them."""
    return ResultTable([ResultColumn(name) for name in names], rows)
