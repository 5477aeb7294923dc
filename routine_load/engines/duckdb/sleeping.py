"""``SELECT sleep(n)``: a statement that only waits (StarRocks, Doris: scripts wait so for a load).

It holds no cursor, and ends early with the statement: KILL, ``query_timeout``, the end of the service.
"""

from __future__ import annotations

from sqlglot import exp

from routine_load.clock import Deadline
from routine_load.engines.duckdb.running import Statement
from routine_load.sql.results import ResultColumn, ResultTable, ResultType


def seconds_asleep(tree: exp.Expr) -> float | None:
    """How long the query sleeps, if sleeping is all it does; None for every other query."""
    if not isinstance(tree, exp.Select) or tree.args.get("from_") is not None or len(tree.expressions) != 1:
        return None
    call = tree.expressions[0].unalias()
    if not isinstance(call, exp.Anonymous) or call.name.lower() != "sleep" or len(call.expressions) != 1:
        return None
    argument = call.expressions[0]
    return float(argument.name) if isinstance(argument, exp.Literal) and not argument.is_string else None


def sleep(tree: exp.Expr, seconds: float, statement: Statement) -> ResultTable:
    """Wait; the answer is 1. Raises the statement's reason where it is stopped before."""
    statement.wait(Deadline.after(seconds))
    return ResultTable([ResultColumn(tree.expressions[0].alias_or_name, ResultType.BOOLEAN)], [(True,)])
