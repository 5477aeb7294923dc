"""Statements made of values: names and property values are quoted, pieces of SQL stay what their caller says they are.

What was put together is parsed again and compared: a piece of SQL that would end its clause and begin another is
refused. Refuses to know connections.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Final

from routine_load.errors import AnalysisError, IncorrectName, PropertyError
from routine_load.ids import Compat
from routine_load.sql.literals import name_value, quote_name, quote_string
from routine_load.sql.render import render_job
from routine_load.sql.statements import AlterRoutineLoad, CreateRoutineLoad, JobName, LoadClauses, Property

Value = str | int | float | bool
Values = Mapping[str, Value]
Offsets = Mapping[int, int | str]

_PART: Final = r"`(?:[^`]|``)+`|[^`.]+"
_NAME: Final = re.compile(rf"(?:({_PART})\.)?({_PART})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clauses:
    """What CREATE and ALTER have in common. ``columns`` and ``where`` are SQL; the rest are values."""

    columns: str | Sequence[str] | None = None
    where: str | None = None
    column_separator: str | None = None
    properties: Values = field(default_factory=dict)
    source: Values = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return self == Clauses()

    def lines(self) -> list[str]:
        """The clauses as they stand in a statement."""
        loads = []
        if self.column_separator is not None:
            loads.append(f"COLUMNS TERMINATED BY {quote_string(self.column_separator)}")
        if self.columns is not None:
            loads.append(f"COLUMNS ({self.columns if isinstance(self.columns, str) else ', '.join(self.columns)})")
        if self.where is not None:
            loads.append(f"WHERE {self.where}")
        lines = [",\n".join(loads)] if loads else []
        if self.properties:
            lines.append(f"PROPERTIES ({_listed(self.properties)})")
        if self.source:
            lines.append(f"FROM KAFKA ({_listed(self.source)})")
        return lines

    def check(self, statement: CreateRoutineLoad | AlterRoutineLoad) -> None:
        """Raises AnalysisError where the statement says something else."""
        clauses = statement.clauses
        given = {
            "columns": self.columns is not None,
            "where": self.where is not None,
            "column_separator": self.column_separator is not None,
        }
        for each in fields(LoadClauses):
            there = getattr(clauses, each.name) != getattr(LoadClauses(), each.name)
            if there is not given.get(each.name, False):
                raise AnalysisError(f"columns and where are one clause each; they would also say {each.name}")
        if clauses.where is not None and clauses.where.text != (self.where or "").strip():
            raise AnalysisError(f"where is one condition; only this is: {clauses.where.text[:200]}")
        if _pairs(statement.properties) != _texts(self.properties):
            raise AnalysisError("columns and where are one clause each; they would also say PROPERTIES")
        if _pairs(statement.source_properties) != _texts(self.source):
            raise AnalysisError("columns and where are one clause each; they would also say FROM KAFKA")


def job_name(text: str) -> JobName:
    """``name`` or ``database.name``, either part in back-quotes where it has a point in it. Raises IncorrectName."""
    match = _NAME.fullmatch(text)
    if match is None:
        raise IncorrectName(f"{text[:128]!r} names no job; write database.name")
    return JobName(name=name_value(match[2]), database=name_value(match[1]) if match[1] else None)


def alter_text(job: JobName, clauses: Clauses) -> str:
    """Raises RoutineLoadError where a clause does not make sense."""
    if clauses.is_empty:
        raise PropertyError("alter needs something to change: properties, columns, where, offsets or source")
    return _checked("\n".join([f"ALTER ROUTINE LOAD FOR {render_job(job)}", *clauses.lines()]), clauses)


def create_text(job: JobName, table: str | None, clauses: Clauses) -> str:
    """Raises RoutineLoadError where a clause does not make sense. ``table`` None: Doris' job for many tables."""
    on = "" if table is None else f" ON {quote_name(table)}"
    return _checked("\n".join([f"CREATE ROUTINE LOAD {render_job(job)}{on}", *clauses.lines()]), clauses)


def resume_text(job: JobName, properties: Values) -> str:
    return f"RESUME ROUTINE LOAD FOR {render_job(job)}" + (f" PROPERTIES ({_listed(properties)})" if properties else "")


def offsets_as_source(offsets: Offsets) -> Values:
    """Where each partition is to be read from, as properties of the source."""
    if not offsets:
        return {}
    placed = sorted(offsets.items())
    return {
        "kafka_partitions": ",".join(str(partition) for partition, _ in placed),
        "kafka_offsets": ",".join(str(offset) for _, offset in placed),
    }


def _checked(text: str, clauses: Clauses) -> str:
    from routine_load.sql.parser import parse  # noqa: PLC0415 - importing the API stays cheap

    statements = parse(text, Compat.STARROCKS)
    if len(statements) != 1 or not isinstance(statements[0], CreateRoutineLoad | AlterRoutineLoad):
        raise AnalysisError("columns and where are one clause each; they would begin another statement")
    clauses.check(statements[0])
    return text


def _listed(values: Values) -> str:
    return ", ".join(f"{quote_string(key)} = {quote_string(text)}" for key, text in _texts(values).items())


def _texts(values: Values) -> dict[str, str]:
    return {key: _text(key, value) for key, value in values.items()}


def _text(key: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise PropertyError(f"{key} is a {type(value).__name__}; allowed: a text, a number, True or False")


def _pairs(properties: Sequence[Property]) -> dict[str, str]:
    return {each.key: each.value for each in properties}
