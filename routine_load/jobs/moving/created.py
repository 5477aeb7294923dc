r"""SHOW CREATE ROUTINE LOAD of a real front end, read although it is no statement that could be executed.

Layout, and what is wrong with it (StarRocks, Doris: SHOW CREATE ROUTINE LOAD): StarRocks joins clauses by ``",\n"``
also in front of the first, prints separators with Java's escapes and leaves ROWS TERMINATED BY out; neither escapes
quotes within values; Doris forgets a line break before WITH. So the text is cut by its lines, and only the clauses
between are parsed. Separators are not read here: SHOW ROUTINE LOAD has them unescaped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from routine_load.errors import AnalysisError, RoutineLoadError
from routine_load.ids import Compat
from routine_load.jobs.moving.values import Texts
from routine_load.sql.literals import unescape
from routine_load.sql.parser import parse
from routine_load.sql.statement_parts import NO_CLAUSES, LoadClauses, MergeType
from routine_load.sql.statements import CreateRoutineLoad

_PROPERTIES: Final = re.compile(r"^[ \t]*PROPERTIES[ \t]*\n?[ \t]*\(", re.MULTILINE)
_SOURCE: Final = re.compile(r"^[ \t)]*FROM KAFKA[ \t]*\n?[ \t]*\(", re.MULTILINE)
_COMMENT: Final = re.compile(r"\)\s*COMMENT\s+\"(.*)\"\s*;?\s*\Z", re.DOTALL)
_MERGE: Final = re.compile(r"WITH (APPEND|DELETE|MERGE)[ \t]*\Z")
_MERGE_LINE: Final = re.compile(r"\A\s*WITH (APPEND|DELETE|MERGE)\b[ \t]*")
_NEXT_KEY: Final = re.compile(r"\n(?=[ \t]*\"[\w.\-]+\"[ \t]*=)")
_PROPERTY: Final = re.compile(r"\s*\"([\w.\-]+)\"([ \t]*)=[ \t]*\"(.*)\"\s*,?\s*\Z", re.DOTALL)
_SEPARATOR: Final = tuple(
    re.compile(rf"\A\s*{word} TERMINATED BY (['\"])(?:[^\n]*\1[ \t]*(?:,[ \t]*)?(?=\n|\Z)|.*?\1,?[ \t]*\n)", re.DOTALL)
    for word in ("COLUMNS", "ROWS")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """What the text says. ``clauses`` are without separators."""

    merge_type: MergeType = MergeType.APPEND
    clauses: LoadClauses = NO_CLAUSES
    properties: Texts = field(default_factory=dict)
    source: Texts = field(default_factory=dict, repr=False)
    comment: str = ""


def vendor_of(text: str) -> Compat | None:
    """Whose layout it is: Doris writes ``"key" = "value"``, StarRocks ``"key"="value"``."""
    for line in text.splitlines():
        if match := _PROPERTY.fullmatch(line):
            return Compat.DORIS if match[2] else Compat.STARROCKS
    return None


def read_created(text: str, compat: Compat) -> Created:
    """Raises AnalysisError where the clauses cannot be read."""
    head, _, rest = text.strip().partition("\n")
    tail = _SOURCE.search(rest)
    if tail is None:
        raise AnalysisError("SHOW CREATE ROUTINE LOAD has no FROM KAFKA")
    properties = _PROPERTIES.search(rest, 0, tail.start())
    clauses = rest[: properties.start() if properties else tail.start()]
    merge = _MERGE.search(head)
    if merge is None and (merge := _MERGE_LINE.search(clauses)):
        clauses = clauses[merge.end() :]
    comment = _COMMENT.search(rest, tail.end())
    end = comment.start() if comment else len(rest)
    return Created(
        merge_type=MergeType(merge[1]) if merge else MergeType.APPEND,
        clauses=read_clauses(clauses, compat),
        properties=_pairs(rest[properties.end() : tail.start()]) if properties else {},
        source=_pairs(rest[tail.end() : end]),
        comment=unescape(comment[1], '"') if comment else "",
    )


def read_clauses(text: str, compat: Compat) -> LoadClauses:
    """Load clauses without their separators. Raises AnalysisError."""
    text = text.strip().strip(",")
    for separator in _SEPARATOR:
        text = separator.sub("", text).strip().strip(",")
    if not text.strip():
        return NO_CLAUSES
    try:
        (statement,) = parse(f"CREATE ROUTINE LOAD j ON t\n{text}\nFROM KAFKA", compat)
    except (RoutineLoadError, ValueError) as error:
        raise AnalysisError(
            f"the clauses cannot be read: {getattr(error, 'message', 'more than one statement')}"
        ) from error
    if not isinstance(statement, CreateRoutineLoad):
        raise AnalysisError("the clauses cannot be read: they begin another statement")
    return statement.clauses


def _pairs(block: str) -> dict[str, str]:
    """One property a line; a value may hold quotes and line breaks of its own."""
    block = re.sub(r"\)?\s*;?\s*\Z", "", block.strip())
    found = (_PROPERTY.fullmatch(piece) for piece in _NEXT_KEY.split(block))
    return {match[1]: unescape(match[3], '"') for match in found if match}
