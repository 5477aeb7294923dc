"""What a cluster's front end answers by the MySQL protocol, as our own results and errors.

Types, numbers, states and texts stay the cluster's; nothing of PyMySQL leaves this room.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pymysql
from pymysql.constants import FIELD_TYPE

from routine_load.errors import ClusterRefused, RoutineLoadError, TargetUnavailable
from routine_load.sql.results import ResultColumn, ResultType

_CLIENT_ERRORS: Final = range(2000, 3000)
"""MySQL: the numbers of what a client itself found out: no connection, a lost one, a timeout."""

_TYPES: Final = {
    FIELD_TYPE.TINY: ResultType.TINYINT,
    FIELD_TYPE.SHORT: ResultType.SMALLINT,
    FIELD_TYPE.INT24: ResultType.INT,
    FIELD_TYPE.LONG: ResultType.INT,
    FIELD_TYPE.LONGLONG: ResultType.BIGINT,
    FIELD_TYPE.FLOAT: ResultType.FLOAT,
    FIELD_TYPE.DOUBLE: ResultType.DOUBLE,
    FIELD_TYPE.DECIMAL: ResultType.DECIMAL,
    FIELD_TYPE.NEWDECIMAL: ResultType.DECIMAL,
    FIELD_TYPE.DATE: ResultType.DATE,
    FIELD_TYPE.NEWDATE: ResultType.DATE,
    FIELD_TYPE.DATETIME: ResultType.DATETIME,
    FIELD_TYPE.TIMESTAMP: ResultType.DATETIME,
    FIELD_TYPE.TIME: ResultType.TIME,
    FIELD_TYPE.JSON: ResultType.JSON,
    FIELD_TYPE.NULL: ResultType.NULL,
}
_BLOBS: Final = frozenset({FIELD_TYPE.BLOB, FIELD_TYPE.TINY_BLOB, FIELD_TYPE.MEDIUM_BLOB, FIELD_TYPE.LONG_BLOB})
_LARGEINT_LENGTH: Final = 40
_NAME, _CODE, _LENGTH, _SCALE = 0, 1, 3, 5
"""Where DB-API descriptions have what we read."""

LOOKED_AT: Final = 1_000
"""Rows of a result that are looked at to tell a text from bytes: servers declare long texts as blobs, too."""


def columns(description: Sequence[Sequence[Any]], first_rows: Sequence[Sequence[Any]]) -> list[ResultColumn]:
    """Typed columns of a result; ``first_rows`` are what of it is there already."""
    return [_column(described, [row[at] for row in first_rows]) for at, described in enumerate(description)]


def _column(described: Sequence[Any], values: Sequence[Any]) -> ResultColumn:
    name, code, length, scale = described[_NAME], described[_CODE], described[_LENGTH], described[_SCALE] or 0
    if any(isinstance(value, bytes) for value in values):
        return ResultColumn(name, ResultType.BLOB)
    kind = _TYPES.get(code, ResultType.VARCHAR)
    if kind is ResultType.TINYINT and length == 1:
        return ResultColumn(name, ResultType.BOOLEAN)
    if kind is ResultType.DECIMAL and not scale and length == _LARGEINT_LENGTH:
        return ResultColumn(name, ResultType.LARGEINT)
    return ResultColumn(name, kind, scale if kind is ResultType.DECIMAL else 0)


def failure(error: Exception, where: str) -> RoutineLoadError:
    """The cluster's refusal with its own number, state and text; or that it could not be asked at all."""
    if isinstance(error, pymysql.MySQLError) and len(error.args) == 2 and isinstance(error.args[0], int):
        number, text = error.args[0], str(error.args[1])
        if number not in _CLIENT_ERRORS and number > 0:
            return ClusterRefused(text, errno=number, sqlstate=getattr(error, "sqlstate", None) or "HY000")
        return TargetUnavailable(f"The cluster at {where} does not answer: {text}")
    return TargetUnavailable(f"The cluster at {where} does not answer: {error or type(error).__name__}")
