"""LIKE and WHERE at the end of a SHOW whose rows are ready: which of them are shown (MySQL: SHOW).

LIKE is about the first column. WHERE is about the answer's own columns: comparisons with literals, LIKE, IN and IS NULL
under AND, OR and NOT. Text compares without regard to case. Refuses to know what is shown.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlglot import exp

from routine_load.errors import AnalysisError, StatementSyntaxError
from routine_load.sql.expressions import parse_expression
from routine_load.sql.like import Wildcards, like
from routine_load.sql.literals import string_value

Row = Sequence[Any]
Test = Callable[[Row], bool]

_WILDCARDS: Final = Wildcards(any_case=True)
_LIKE: Final = re.compile(r"like\s+('(?:[^'\\]|\\.|'')*+'|\"(?:[^\"\\]|\\.|\"\")*+\")\s*", re.IGNORECASE | re.DOTALL)
_WHERE: Final = re.compile(r"where\b(.*)", re.IGNORECASE | re.DOTALL)
_COMPARISONS: Final[dict[type[exp.Expr], Callable[[Any, Any], bool]]] = {
    exp.EQ: operator.eq,
    exp.NEQ: operator.ne,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
}


def row_condition(ending: str, columns: Sequence[str]) -> Test:
    """What ``LIKE …`` or ``WHERE …`` lets pass; an empty ending lets all pass.

    Raises StatementSyntaxError for another ending, AnalysisError for a condition that cannot be asked of these rows.
    """
    ending = ending.strip()
    if not ending:
        return lambda _: True
    if match := _LIKE.fullmatch(ending):
        matches = like(string_value(match[1]), _WILDCARDS)
        return lambda row: row[0] is not None and matches(str(row[0]))
    if match := _WHERE.fullmatch(ending):
        return _test(parse_expression(match[1]), [column.lower() for column in columns])
    raise StatementSyntaxError("expected LIKE 'pattern', WHERE or the end")  # the rest may hold anything


def _test(node: exp.Expr, columns: list[str]) -> Test:  # noqa: PLR0911 - one return per kind of condition
    match node:
        case exp.Paren():
            return _test(node.this, columns)
        case exp.And():
            left, right = _test(node.left, columns), _test(node.right, columns)
            return lambda row: left(row) and right(row)
        case exp.Or():
            left, right = _test(node.left, columns), _test(node.right, columns)
            return lambda row: left(row) or right(row)
        case exp.Not():
            inner = _test(node.this, columns)
            return lambda row: not inner(row)
        case exp.Is() if isinstance(node.expression, exp.Null):
            index = _column(node.this, columns)
            return lambda row: row[index] is None
        case exp.In():
            wanted = {_value(value) for value in node.expressions}
            return _on(_column(node.this, columns), lambda seen: seen in wanted)
        case exp.Like():
            return _on(_column(node.this, columns), like(_text(node.expression), _WILDCARDS))
    compare = _COMPARISONS.get(type(node))
    if compare is None:
        raise AnalysisError(f"`{node.sql('mysql')[:64]}` is not allowed in `where` clause.")
    return _comparison(node, compare, columns)


def _comparison(node: exp.Expr, compare: Callable[[Any, Any], bool], columns: list[str]) -> Test:
    wanted = _value(node.expression)
    if isinstance(node.expression, exp.Literal) and not node.expression.is_string:
        number = float(wanted)
        return _on(_column(node.this, columns), lambda seen: _is_number(seen) and compare(float(seen), number))
    return _on(_column(node.this, columns), lambda seen: compare(seen, wanted))


def _on(index: int, test: Callable[[str], bool]) -> Test:
    """The test on one column's value as lower-case text; NULL never passes."""
    return lambda row: row[index] is not None and test(str(row[index]).lower())


def _column(node: exp.Expr, columns: list[str]) -> int:
    if not isinstance(node, exp.Column) or node.name.lower() not in columns:
        raise AnalysisError(f"Unknown column '{node.sql('mysql')[:64]}', there are {', '.join(columns)}")
    return columns.index(node.name.lower())


def _value(node: exp.Expr) -> str:
    """A literal as lower-case text; a word is the text it is (``WHERE Charset = utf8``)."""
    if isinstance(node, exp.Literal):
        return str(node.this).lower()
    if isinstance(node, exp.Boolean):
        return str(node.this).lower()
    raise AnalysisError(f"`{node.sql('mysql')[:64]}` is not allowed in `where` clause, only literals are.")


def _text(node: exp.Expr) -> str:
    if isinstance(node, exp.Literal) and node.is_string:
        return str(node.this)
    raise AnalysisError(f"`{node.sql('mysql')[:64]}` is not allowed as pattern, only a string is.")


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None
