"""Results as people and programs read them: an aligned table, rows below each other, JSON, CSV."""

from __future__ import annotations

import csv
import datetime as dt
import decimal
import json
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from routine_load.sql.results import Ok, Result, ResultTable, ResultType

_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {10: "\\n", 13: "\\r", 9: "\\t"}
_NUMBERS = frozenset(
    {
        ResultType.TINYINT,
        ResultType.SMALLINT,
        ResultType.INT,
        ResultType.BIGINT,
        ResultType.LARGEINT,
        ResultType.FLOAT,
        ResultType.DOUBLE,
        ResultType.DECIMAL,
    }
)


def aligned(result: Result) -> Iterator[str]:
    """Lines of a boxed table, as MySQL's client draws it."""
    if isinstance(result, Ok):
        yield _ok(result)
        return
    names = [column.name for column in result.columns]
    rows = [[_cell(value) for value in row] for row in result.rows]
    widths = [max(map(_width, cells)) for cells in zip(names, *rows, strict=True)]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    to_right = [column.type in _NUMBERS for column in result.columns]
    yield rule
    yield _line(names, widths, [False] * len(names))
    yield rule
    for row in rows:
        yield _line(row, widths, to_right)
    yield rule
    yield f"{len(rows)} row{'' if len(rows) == 1 else 's'}"


def vertical(result: Result) -> Iterator[str]:
    r"""Lines of one column each, as MySQL's client shows after ``\G``."""
    if isinstance(result, Ok):
        yield _ok(result)
        return
    width = max((_width(column.name) for column in result.columns), default=0)
    number = 0
    for number, row in enumerate(result.rows, 1):
        yield f"{'*' * 27} {number}. row {'*' * 27}"
        for column, value in zip(result.columns, row, strict=True):
            yield f"{' ' * (width - _width(column.name))}{column.name}: {_cell(value)}"
    yield f"{number} row{'' if number == 1 else 's'}"


def as_json(result: Result) -> Iterator[str]:
    """One line: an array of row objects, or an object for a statement without rows."""
    if isinstance(result, Ok):
        yield json.dumps({"affected_rows": result.affected_rows, "warnings": list(result.warnings)})
        return
    names = [column.name for column in result.columns]
    rows = [dict(zip(names, row, strict=True)) for row in result.rows]
    yield json.dumps(rows, ensure_ascii=False, default=_json_value)


def as_csv(result: Result) -> Iterator[str]:
    """Lines with a header; NULL is an empty field. A statement without rows gives nothing."""
    if isinstance(result, ResultTable):
        lines: list[str] = []
        writer = csv.writer(_Lines(lines), lineterminator="")
        writer.writerow([column.name for column in result.columns])
        yield lines.pop()
        for row in result.rows:
            writer.writerow(["" if value is None else _text(value) for value in row])
            yield lines.pop()


def show(results: Sequence[Result], style: Callable[[Result], Iterator[str]]) -> None:
    """Print results one after the other."""
    for result in results:
        for line in style(result):
            sys.stdout.write(line + "\n")
    sys.stdout.flush()


class _Lines:
    """Where the csv writer writes to: one item a line."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def write(self, text: str) -> None:
        self._lines.append(text)


def _ok(result: Ok) -> str:
    said = [f"OK, {result.affected_rows} row{'' if result.affected_rows == 1 else 's'} affected"]
    said += [part for part in (result.message, *result.warnings) if part]
    return "\n".join(said)


def _line(cells: Sequence[str], widths: Sequence[int], to_right: Sequence[bool]) -> str:
    padded = []
    for cell, width, right in zip(cells, widths, to_right, strict=True):
        space = " " * (width - _width(cell))
        padded.append(space + cell if right else cell + space)
    return "| " + " | ".join(padded) + " |"


def _cell(value: Any) -> str:
    """Text without control characters: a row must not speak to the terminal."""
    return "NULL" if value is None else _text(value).translate(_CONTROL)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )


def _json_value(value: Any) -> Any:
    """Numbers stay exact and times stay readable: both as text."""
    if isinstance(value, decimal.Decimal | dt.date | dt.time | dt.timedelta):
        return str(value)
    if isinstance(value, bytes):
        return _text(value)
    raise TypeError(f"a {type(value).__name__} has no JSON form")
