"""LIKE and WHERE of SHOW DATABASES, TABLES, TABLE STATUS and COLUMNS: which rows of the answer are shown.

Owns that small language: one LIKE, or conditions on the answer's own columns joined by AND. Refuses to know what is
shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from routine_load.errors import AnalysisError
from routine_load.sql.ddl_tokens import Kind, Reader
from routine_load.sql.like import Matches, Wildcards, like
from routine_load.sql.results import ResultTable, text_table

Row = Sequence[Any]
Keep = Matches
_WILDCARDS: Final = Wildcards()


def filtered(reader: Reader, columns: list[str], rows: Sequence[Row]) -> ResultTable:
    """The rows that the statement's end asks for; LIKE is about the first column."""
    keep: list[tuple[int, Keep]] = []
    if reader.accept("LIKE"):
        keep.append((0, like(reader.string(), _WILDCARDS)))
    elif reader.accept("WHERE"):
        keep.append(_condition(reader, columns))
        while reader.accept("AND"):
            keep.append(_condition(reader, columns))
    reader.expect_end()
    chosen = [row for row in rows if all(row[i] is not None and test(str(row[i])) for i, test in keep)]
    return text_table(columns, chosen)


def _condition(reader: Reader, columns: list[str]) -> tuple[int, Keep]:
    name = reader.name()
    index = next((i for i, column in enumerate(columns) if column.lower() == name.lower()), None)
    if index is None:
        raise AnalysisError(f"Unknown column '{name}', there are {', '.join(columns)}")
    if reader.accept("NOT"):
        test = _like_or_in(reader)
        return index, lambda value: not test(value)
    return index, _like_or_in(reader) if reader.looks_at("LIKE") or reader.looks_at("IN") else _comparison(reader)


def _like_or_in(reader: Reader) -> Keep:
    if reader.accept("LIKE"):
        return like(reader.string(), _WILDCARDS)
    reader.expect("IN")
    reader.expect_symbol("(")
    values = [_value(reader)]
    while reader.accept_symbol(","):
        values.append(_value(reader))
    reader.expect_symbol(")")
    return lambda value: value.lower() in values


def _comparison(reader: Reader) -> Keep:
    differs = reader.accept_symbol("!=") or reader.accept_symbol("<>")
    if not differs:
        reader.expect_symbol("=")
    wanted = _value(reader)
    return lambda value: (value.lower() == wanted) is not differs


def _value(reader: Reader) -> str:
    return (reader.next().text if reader.peek().kind is Kind.NUMBER else reader.string()).lower()
