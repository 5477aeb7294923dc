"""WHERE, ORDER BY and LIMIT of SHOW ROUTINE LOAD as functions over rows.

Owns the rules of StarRocks' SHOW filters and their texts (StarRocks: WHERE, ORDER BY, LIMIT) and the one condition of
SHOW ROUTINE LOAD TASK. Refuses to know where rows come from: a row is a mapping from column name to a Python value.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlglot import exp

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.sql.expression_text import BINARY, printed_tree
from routine_load.sql.expressions import parse_expression
from routine_load.sql.like import Wildcards, like
from routine_load.sql.statements import Expression, ShowRoutineLoadTask, SortKey

Row = Mapping[str, Any]
RowFilter = Callable[[Row], bool]

TEXT_COLUMNS: Final = ("Name", "TableName", "State", "ReasonOfStateChanged", "OtherMsg")
INTEGER_COLUMNS: Final = ("Id", "CurrentTaskNum")
TIME_COLUMNS: Final = ("CreateTime", "PauseTime", "EndTime")
_COLUMNS: Final = {name.lower(): name for name in (*TEXT_COLUMNS, *INTEGER_COLUMNS, *TIME_COLUMNS)}

_TIME_FORMAT: Final = "%Y-%m-%d %H:%M:%S"
_COMPARISONS: Final[dict[type[exp.Expr], tuple[str, Callable[[Any, Any], bool]]]] = {
    exp.EQ: ("=", operator.eq),
    exp.NEQ: ("!=", operator.ne),
    exp.LT: ("<", operator.lt),
    exp.LTE: ("<=", operator.le),
    exp.GT: (">", operator.gt),
    exp.GTE: (">=", operator.ge),
}
_TEXT_OPERATORS: Final = (exp.EQ, exp.NEQ)
_STARROCKS_WILDCARDS: Final = Wildcards(one="?", escapes=False)


def row_filter(where: Expression) -> RowFilter:
    """The condition as a function of a row; NULL never matches. Raises AnalysisError for what SHOW cannot filter.

    Text compares without regard to case. Time columns may hold datetimes or their printed texts.
    """
    conditions = [_condition(part) for part in _conjuncts(parse_expression(where.text))]
    return lambda row: all(condition(row) for condition in conditions)


def name_filter(pattern: str) -> RowFilter:
    """Doris' SHOW … LIKE: ``%`` any text, ``_`` any one character, by exact case."""
    matches = like(pattern, Wildcards())
    return lambda row: row.get("Name") is not None and matches(str(row["Name"]))


def sort_rows(rows: Iterable[Row], keys: Sequence[SortKey]) -> list[Row]:
    """Rows by these keys, the first the most significant, NULLs first. Raises AnalysisError for other columns."""
    ordered = list(rows)
    for key in reversed(keys):
        column = _COLUMNS.get(key.column.lower())
        if column is None:
            raise AnalysisError(f"Column `{key.column}` is not allowed in `order by` clause")
        nothing_first = _sort_value(column)
        ordered.sort(key=nothing_first, reverse=key.descending)
    return ordered


def limit_rows(rows: Sequence[Row], limit: int | None, offset: int = 0) -> Sequence[Row]:
    """The rows from ``offset`` on, ``limit`` of them at most."""
    return rows[offset:] if limit is None else rows[offset : offset + limit]


def job_name_condition(where: Expression) -> str | None:
    """The literal of ``JobName = "…"`` if the condition is exactly that."""
    tree = parse_expression(where.text)
    while isinstance(tree, exp.Paren):
        tree = tree.this
    if not isinstance(tree, exp.EQ) or not isinstance(tree.this, exp.Column):
        return None
    literal = tree.expression
    if tree.this.name.lower() != "jobname" or not isinstance(literal, exp.Literal) or not literal.is_string:
        return None
    return str(literal.this)


def task_job_name(statement: ShowRoutineLoadTask, compat: Compat) -> str:
    """The job that SHOW ROUTINE LOAD TASK asks for, or the vendor's complaint that it does not say so."""
    if statement.job_name is not None:
        return statement.job_name
    if compat is Compat.STARROCKS:
        raise AnalysisError(
            "analysis show routine load task error: show routine load job only support one equal expr "
            'which is sames like JobName="ILoveStarRocks"'
        )
    if statement.where is None:
        raise AnalysisError('please designate a jobName in where expr such as JobName="ILoveDoris"')
    raise AnalysisError('show routine load job only support one equal expr which is sames like JobName="ILoveDoris"')


def _conjuncts(tree: exp.Expr) -> list[exp.Expr]:
    waiting, found = [tree], []
    while waiting:
        node = waiting.pop()
        if isinstance(node, exp.And):
            waiting += [node.expression, node.this]
        elif isinstance(node, exp.Paren):
            waiting.append(node.this)
        elif isinstance(node, exp.Or | exp.Xor):
            raise AnalysisError("Only `AND` operator is allowed in compound predicates.")
        else:
            found.append(node)
    return found


def _condition(node: exp.Expr) -> RowFilter:
    negated = isinstance(node, exp.Not)
    inner = node.this if negated else node
    if negated and not isinstance(inner, exp.In):
        if isinstance(inner, exp.Like):
            raise _operator_error("NOT LIKE", _column(inner.this))
        raise AnalysisError("Only `AND` operator is allowed in compound predicates.")
    if isinstance(inner, exp.In):
        return _in_list(inner, negated=negated)
    if isinstance(inner, exp.Like):
        return _like(inner)
    if type(inner) in _COMPARISONS:
        return _comparison(inner)
    if isinstance(inner, exp.Binary | exp.Between):
        raise _operator_error(BINARY.get(type(inner), type(inner).__name__.upper()), _column(inner.this))
    raise AnalysisError(f"`{_said(inner)}` is not allowed in `where` clause.")


def _column(node: exp.Expr | None) -> str:
    if not isinstance(node, exp.Column):
        raise AnalysisError(f"`{_said(node)}` is not allowed in `where` clause.")
    column = _COLUMNS.get(node.name.lower())
    if column is None:
        raise AnalysisError(f"Column `{node.name}` is not allowed in `where` clause")
    return column


def _said(node: exp.Expr | None) -> str:
    if node is None or isinstance(node, exp.Column):
        return node.name if node is not None else ""
    return printed_tree(node, Compat.STARROCKS)


def _operator_error(symbol: str, column: str) -> AnalysisError:
    return AnalysisError(f"Operator `{symbol}` is not allowed in `where` clause for column `{column}`.")


def _in_list(node: exp.Expr, *, negated: bool) -> RowFilter:
    column = _column(node.this)
    values = node.expressions
    if not all(isinstance(value, exp.Literal) and value.is_string for value in values):
        raise AnalysisError(
            f"Only `string` values are allowed in the predicate `in()` or `not in()` for column `{column}` "
        )
    if column not in TEXT_COLUMNS:
        raise _operator_error("NOT IN" if negated else "IN", column)
    wanted = {str(value.this).lower() for value in values}
    return _on(column, lambda value: (str(value).lower() in wanted) is not negated)


def _like(node: exp.Expr) -> RowFilter:
    column = _column(node.this)
    if column not in TEXT_COLUMNS:
        raise _operator_error("LIKE", column)
    pattern = node.expression
    if not isinstance(pattern, exp.Literal) or not pattern.is_string:
        raise _wrong_value(column)
    matches = like(str(pattern.this).lower(), _STARROCKS_WILDCARDS)
    return _on(column, lambda value: matches(str(value).lower()))


def _comparison(node: exp.Expr) -> RowFilter:
    column = _column(node.this)
    symbol, compare = _COMPARISONS[type(node)]
    wanted: Any
    if column in TEXT_COLUMNS:
        if not isinstance(node, _TEXT_OPERATORS):
            raise _operator_error(symbol, column)
        wanted = _literal(node.expression, column, text=True).lower()
        return _on(column, lambda value: compare(str(value).lower(), wanted))
    if column in INTEGER_COLUMNS:
        wanted = int(_literal(node.expression, column, text=False))
        return _on(column, lambda value: compare(int(value), wanted))
    wanted = _time(_literal(node.expression, column, text=True))
    if wanted is None:
        raise _wrong_value(column)
    return _on(column, lambda value: (seen := _time(value)) is not None and compare(seen, wanted))


def _literal(node: exp.Expr, column: str, *, text: bool) -> str:
    sign = ""
    if isinstance(node, exp.Neg) and not text:
        node, sign = node.this, "-"
    if not isinstance(node, exp.Literal) or node.is_string is not text:
        raise _wrong_value(column)
    value = sign + str(node.this)
    if not text and not re.fullmatch(r"-?\d{1,18}", value):
        raise _wrong_value(column)
    return value


def _wrong_value(column: str) -> AnalysisError:
    return AnalysisError(f"Wrong RValue's type in `where` clause for column `{column}` ")


def _time(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value.replace(microsecond=0, tzinfo=None)
    try:
        return datetime.strptime(str(value), _TIME_FORMAT)  # noqa: DTZ007 - printed without a zone
    except ValueError:
        return None


def _on(column: str, test: Callable[[Any], bool]) -> RowFilter:
    """The test on one column's value; NULL never matches."""

    def matches(row: Row) -> bool:
        value = row.get(column)
        return value is not None and test(value)

    return matches


def _sort_value(column: str) -> Callable[[Row], tuple[bool, Any]]:
    def key(row: Row) -> tuple[bool, Any]:
        value = row.get(column)
        if value is None:
            return (False, 0)
        return (True, int(value) if column in INTEGER_COLUMNS else str(value))

    return key
