"""Header values as both vendors' backends read them, in C's manner, and load clauses as their front ends do."""

from __future__ import annotations

import math
import re
from typing import Final

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.sql.parser import parse
from routine_load.sql.statements import AlterRoutineLoad, LoadClauses

_INTEGER: Final = re.compile(r"\s*([+-]?\d{1,19})")
_NUMBER: Final = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)")
_LONG_MAX: Final = 2**63 - 1


def leading_integer(text: str) -> int | None:
    """What C++'s ``stoll`` finds: a number at the start, whatever follows; None where there is none."""
    found = _INTEGER.match(text)
    number = int(found[1]) if found else None
    return number if number is not None and abs(number) <= _LONG_MAX else None


def leading_ratio(text: str) -> float:
    """What C's ``strtod`` finds: 0 where there is no number."""
    found = _NUMBER.match(text)
    number = float(found[1]) if found else 0.0
    return number if math.isfinite(number) else 0.0


def is_true(text: str) -> bool:
    """``true`` in any case; everything else is false."""
    return text.lower() == "true"


def names(text: str) -> tuple[str, ...]:
    """A comma list."""
    return tuple(name for name in (part.strip().strip("`") for part in text.split(",")) if name)


def clause(kind: str, text: str, compat: Compat) -> LoadClauses:
    """One load clause, by the grammar of routine loads (both vendors wrap the header so). Raises AnalysisError."""
    statements = parse(f"ALTER ROUTINE LOAD FOR header {_CLAUSES[kind].format(text)}", compat)
    found = statements[0] if len(statements) == 1 else None
    if not isinstance(found, AlterRoutineLoad) or found.properties or found.source or found.table:
        raise AnalysisError(f"the header {kind} holds more than its own clause")
    value = getattr(found.clauses, _FIELDS.get(kind, kind))
    alone = LoadClauses(**{_FIELDS.get(kind, kind): value})
    if value is None or found.clauses != alone:
        raise AnalysisError(f"the header {kind} holds more than its own clause")
    return found.clauses


_CLAUSES: Final = {
    "columns": "COLUMNS ({})",
    "where": "WHERE {}",
    "delete": "DELETE ON {}",
    "preceding_filter": "PRECEDING FILTER {}",
}
_FIELDS: Final = {"delete": "delete_on"}
