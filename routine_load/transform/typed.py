"""Pieces of SQL with the kind of value they give, and the nested SELECTs that name what is used more than once.

A piece that is used twice is computed once: ``Stages.bind`` gives it a name in an inner SELECT. That keeps the text
proportional to the expression, however deep calls are nested. Because a bound piece is computed for every row, also
under a CASE that would skip it, every piece of SQL made in this room is total: it yields NULL, it never raises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

_BOUND_NAME = re.compile(r"\bb\d+\b")


class Kind(StrEnum):
    """What a value is, as far as the meaning of functions depends on it. The text is DuckDB's type."""

    TEXT = "VARCHAR"
    INT = "BIGINT"
    LARGEINT = "HUGEINT"
    DECIMAL = "DECIMAL"
    DOUBLE = "DOUBLE"
    BOOL = "BOOLEAN"
    DATE = "DATE"
    DATETIME = "TIMESTAMP"
    JSON = "JSON"
    ARRAY = "VARCHAR[]"
    MAP = "MAP(VARCHAR, VARCHAR)"
    STRUCT = "STRUCT"
    BITMAP = "UBIGINT[]"
    HLL = "STRUCT(hll UBIGINT[])"
    QUANTILE = "STRUCT(v DOUBLE, w UBIGINT)[]"
    BYTES = "BLOB"
    OTHER = "OTHER"
    NULL = "NULL"

    @property
    def is_number(self) -> bool:
        return self in {Kind.INT, Kind.LARGEINT, Kind.DECIMAL, Kind.DOUBLE}

    @property
    def is_nested(self) -> bool:
        return self in {Kind.ARRAY, Kind.MAP, Kind.STRUCT}

    @property
    def is_state(self) -> bool:
        """A value that stands for many; nothing else can be seen as one, nor it as anything else."""
        return self in {Kind.BITMAP, Kind.HLL, Kind.QUANTILE}

    @property
    def is_time(self) -> bool:
        return self in {Kind.DATE, Kind.DATETIME}


@dataclass(frozen=True, slots=True)
class Typed:
    """SQL over the names of stage ``level``. ``literal`` is a constant's text; ``atomic`` costs nothing twice.

    ``item`` is what an array's elements are (OTHER: not known).
    """

    sql: str
    kind: Kind
    level: int = 0
    atomic: bool = False
    literal: str | None = None
    item: Kind = Kind.TEXT


class Stages:
    """The SELECTs below the outermost one. Stage 0 reads ``src``; stage n sees all names bound before it."""

    def __init__(self) -> None:
        self._stages: list[list[str]] = []
        self._bound: dict[tuple[str, int], str] = {}

    def bind(self, value: Typed) -> Typed:
        """The value under a name; atomic values stay as they are."""
        if value.atomic:
            return value
        key = (value.sql, value.level)
        name = self._bound.get(key)
        if name is None:
            while len(self._stages) <= value.level:
                self._stages.append([])
            name = self._bound[key] = f"b{len(self._bound)}"
            self._stages[value.level].append(f"{value.sql} AS {name}")
        return replace(value, sql=name, level=value.level + 1, atomic=True)

    def select(self, outputs: list[tuple[str, Typed]]) -> str:
        """One SELECT of ``outputs`` over ``src`` with everything in between that they need: the rest costs planning."""
        items = ", ".join(f"{value.sql} AS {name}" for name, value in outputs)
        # A literal may look like a name; then a piece is kept that nobody needs.
        needed = set(_BOUND_NAME.findall(items))
        kept: list[list[str]] = []
        for stage in reversed(self._stages):
            pieces = [piece for piece in stage if piece.rpartition(" AS ")[2] in needed]
            needed.update(_BOUND_NAME.findall(" ".join(pieces)))
            kept.insert(0, pieces)
        source = "src"
        for stage in kept:
            source = f"(SELECT *, {', '.join(stage)} FROM {source})" if stage else source
        return f"SELECT {items} FROM {source}"


def quoted(text: str) -> str:
    """A DuckDB string literal."""
    return "'" + text.replace("'", "''") + "'"


def clamped(sql: str, low: int, high: int) -> str:
    """SQL of a number kept within bounds; NULL stays NULL (DuckDB's least and greatest would skip it)."""
    return f"(CASE WHEN {sql} < {low} THEN {low} WHEN {sql} > {high} THEN {high} ELSE {sql} END)"


def text_literal(text: str) -> Typed:
    return Typed(quoted(text), Kind.TEXT, atomic=True, literal=text)


def derived(sql: str, kind: Kind, *parts: Typed, item: Kind = Kind.TEXT) -> Typed:
    """SQL built of ``parts``; it can be evaluated where all of them can."""
    return Typed(sql, kind, max((part.level for part in parts), default=0), item=item)
