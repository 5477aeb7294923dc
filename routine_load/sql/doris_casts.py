"""A load expression as Doris shows it once it knows the table: with the cast that a column of no table gets.

Doris: JobProperties, ``precedingFilter``, ``whereExpr``, ``delete``. Such a column has no type; compared with a number,
both become decimals. Other casts that Doris adds while it analyses are not known here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from sqlglot import exp

from routine_load.ids import Compat
from routine_load.sql.expression_text import printed, printed_tree
from routine_load.sql.expressions import parse_expression

Columns = frozenset[str]
"""A table's columns in lower case."""

_CACHED_MAX: Final = 1024
_COMPARISONS: Final = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ)
_DECIMAL: Final = "decimalv3(38,6)"


@lru_cache(maxsize=_CACHED_MAX)
def printed_for(text: str, columns: Columns | None) -> str:
    """The expression as Doris prints it for a table with these columns; None: every column is one of the table's."""
    if columns is None:
        return printed(text, Compat.DORIS)
    tree = parse_expression(text)
    for node in list(tree.walk()):
        if isinstance(node, _COMPARISONS) and _has_unknown_and_number(node, columns):
            node.set("this", _as_decimal(node.this))
            node.set("expression", _as_decimal(node.expression))
    return printed_tree(tree, Compat.DORIS)


def _has_unknown_and_number(node: exp.Expr, columns: Columns) -> bool:
    sides = (node.this, node.expression)
    unknown = any(type(side) is exp.Column and side.name.lower() not in columns for side in sides)
    return unknown and any(_is_number(side) for side in sides)


def _is_number(node: exp.Expr) -> bool:
    number = node.this if isinstance(node, exp.Neg) else node
    return isinstance(number, exp.Literal) and not number.is_string


def _as_decimal(node: exp.Expr) -> exp.Expr:
    return exp.Cast(this=node, to=exp.DataType(this=exp.DataType.Type.USERDEFINED, kind=_DECIMAL))
