"""Results, errors and sessions as text, for the way between coordinators, and back.

Owns the shapes. Invariant: what comes out is what went in, types included; nothing in a text is ever run.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from routine_load import errors
from routine_load.errors import ExecutionError, Position, RoutineLoadError
from routine_load.errors.relayed import Saying, relayed
from routine_load.ids import Compat
from routine_load.sql.results import Ok, Result, ResultColumn, ResultTable, ResultType
from routine_load.statements.ports import Session

ROWS_MAX: Final = 1_000_000

_Fields = dict[str, Any]
_MARK: Final = "$"
_WRITERS: Final[tuple[tuple[type[Any], str, Callable[[Any], str]], ...]] = (
    (datetime, "datetime", datetime.isoformat),  # it is a date, too: first
    (date, "date", date.isoformat),
    (time, "time", time.isoformat),
    (timedelta, "seconds", lambda value: repr(value.total_seconds())),
    (Decimal, "decimal", str),
    (bytes, "bytes", lambda value: base64.b64encode(value).decode()),
)
_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "seconds": lambda text: timedelta(seconds=float(text)),
    "decimal": Decimal,
    "bytes": base64.b64decode,
    "text": str,
}


def result_fields(result: Result) -> _Fields:
    """Raises ExecutionError where there are too many rows, or a value of a kind that does not travel."""
    if isinstance(result, Ok):
        return {"affected": result.affected_rows, "message": result.message, "warnings": list(result.warnings)}
    rows: list[list[Any]] = []
    for row in result.rows:
        if len(rows) == ROWS_MAX:
            raise ExecutionError(f"an answer of more than {ROWS_MAX} rows: ask the leader itself")
        rows.append([_written(value) for value in row])
    return {"columns": [[c.name, c.type.value, c.scale] for c in result.columns], "rows": rows}


def read_result(fields: _Fields) -> Result:
    if "columns" not in fields:
        return Ok(fields["affected"], fields["message"], tuple(fields["warnings"]))
    columns = [ResultColumn(name, ResultType(kind), scale) for name, kind, scale in fields["columns"]]
    return ResultTable(columns, [[_read(value) for value in row] for row in fields["rows"]])


def error_fields(error: RoutineLoadError, compat: Compat) -> _Fields:
    saying = Saying.of(error, compat)
    known = json.loads(saying.described)
    return {
        "class": known["class"],
        "message": error.message,
        "place": known["place"],
        "errno": saying.errno,
        "sqlstate": saying.sqlstate,
        "text": saying.text,
        "described": saying.described,
    }


def read_error(fields: _Fields) -> RoutineLoadError:
    """The same error; where this program does not know its class, it is an ExecutionError that says the same."""
    found = getattr(errors, fields["class"], None)
    kind = found if isinstance(found, type) and issubclass(found, RoutineLoadError) else ExecutionError
    place = Position(*fields["place"]) if fields["place"] else None
    saying = Saying(
        errno=fields["errno"], sqlstate=fields["sqlstate"], text=fields["text"], described=fields["described"]
    )
    return relayed(kind, fields["message"], place, saying)


def session_fields(session: Session) -> _Fields:
    return {
        "user": session.user,
        "compat": session.compat.value,
        "client": session.client,
        "database": session.database,
        "variables": session.variables,
        "timezone": session.timezone,
    }


def take_over(session: Session, fields: _Fields) -> None:
    """Give a session that was opened for the same user what the other one had."""
    session.database = fields["database"]
    session.variables = dict(fields["variables"])
    session.timezone = fields["timezone"]
    session.is_relayed = True


def _written(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    for kind, name, write in _WRITERS:
        if isinstance(value, kind):
            return {_MARK: name, "is": write(value)}
    return {_MARK: "text", "is": str(value)}


def _read(value: Any) -> Any:
    return _READERS[value[_MARK]](value["is"]) if isinstance(value, dict) else value
