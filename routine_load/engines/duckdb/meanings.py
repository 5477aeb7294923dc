"""What queries may say beyond load expressions, where it means something else in DuckDB or nothing: its DuckDB form.

A form is DuckDB's SQL in which ``a0``, ``a1`` … stand for the arguments and ``tz`` for the session's time zone as a
string. Functions that load expressions have too are no matter of this module: ``expressions`` writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, partial
from itertools import islice
from typing import Any, ClassVar

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.dialects.starrocks import StarRocks
from sqlglot.parsers.starrocks import StarRocksParser

from routine_load.engines.duckdb.expressions import SHARED_FUNCTIONS, QueryExpressions
from routine_load.engines.duckdb.kinds import Kinds
from routine_load.engines.duckdb.state_queries import AGGREGATES, aggregate, count_members
from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.sql.expressions import read_lambda
from routine_load.sql.schema import Table

# The function, not the keyword: DuckDB would take that for a column or alias of the same name.
_NOW = "(transaction_timestamp() AT TIME ZONE tz)"
_TIME_NOW = f"CAST(date_trunc('second', {_NOW}) AS TIME)"
_TIME = "TRY_CAST(a0 AS TIMESTAMP)"

NODES_MAX = 20_000
"""Size of one function's form: a form that names an argument twice doubles with every level of nesting."""

TEXT_BYTES_MAX = 1024 * 1024
"""Longest text that a function makes (StarRocks: its longest STRING). DuckDB makes 2,048 of them at a time."""

_TOO_LONG = f"error('a text of more than {TEXT_BYTES_MAX} bytes would be made')"


def _bounded(size: str, argument: str) -> str:
    """The argument, where a result of ``size`` bytes may be made; an error otherwise, before anything is made."""
    return f"(CASE WHEN {size} > {TEXT_BYTES_MAX} THEN {_TOO_LONG} ELSE {argument} END)"


_TEXT = "CAST(a0 AS VARCHAR)"
_BYTES = f"strlen({_TEXT})"
_PADDED = _bounded("CAST(a1 AS BIGINT)", "CAST(a1 AS INTEGER)")

FORMS: dict[str, dict[int, str]] = {
    # functions that make more text than they get
    "lpad": {2: f"lpad({_TEXT}, {_PADDED}, ' ')"},
    "rpad": {2: f"rpad({_TEXT}, {_PADDED}, ' ')"},
    "to_json": {1: f"to_json({_bounded(_BYTES, 'a0')})"},
    # text; lengths are in bytes unless the name says otherwise
    "find_in_set": {2: "coalesce(list_position(string_split(a1, ','), a0), 0)"},
    "md5sum": {1: "md5(a0)"},
    # time
    "now": {0: f"date_trunc('second', {_NOW})", 1: _NOW},
    "current_timestamp": {0: f"date_trunc('second', {_NOW})", 1: _NOW},
    "curtime": {0: _TIME_NOW},
    "current_time": {0: _TIME_NOW},
    "week": {1: f"CAST(strftime({_TIME}, '%U') AS INTEGER)"},
    "from_days": {1: "CAST(DATE '1970-01-01' + CAST(a0 - 719528 AS INTEGER) AS DATE)"},
    # numbers
    "fmod": {2: "fmod(a0, a1)"},
    "truncate": {2: "trunc(a0, CAST(a1 AS INTEGER))"},
    "square": {1: "(a0 * a0)"},
    "dround": {1: "round(a0)", 2: "round(a0, a1)"},
    "e": {0: "exp(1.0)"},
    "positive": {1: "(+a0)"},
    "negative": {1: "(-a0)"},
    # logic and aggregates
    "nvl": {2: "coalesce(a0, a1)"},
    "ndv": {1: "approx_count_distinct(a0)"},
    "approx_count_distinct": {1: "approx_count_distinct(a0)"},
    "multi_distinct_count": {1: "count(DISTINCT a0)"},
    "percentile_approx": dict.fromkeys((2, 3), "approx_quantile(CAST(a0 AS DOUBLE), CAST(a1 AS FLOAT))"),
    "typeof": {1: "lower(typeof(a0))"},
    # JSON and containers
    "jsonb_extract_string": {2: "json_extract_string(a0, a1)"},
    "array_length": {1: "CAST(len(a0) AS INTEGER)"},
    "cardinality": {1: "CAST(cardinality(a0) AS INTEGER)"},
    "map_size": {1: "CAST(cardinality(a0) AS INTEGER)"},
    "array_join": {2: "array_to_string(a0, a1)"},
    "element_at": {2: "a0[a1]"},
    "size": {1: "CAST(len(a0) AS INTEGER)"},
    "split_by_string": {2: "string_split(a0, a1)"},
}

_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)


_OURS = FORMS.keys() | SHARED_FUNCTIONS | AGGREGATES.keys()


class QueryDialect(StarRocks):
    """StarRocks as sqlglot reads it, but the functions that have a form of ours keep name and arguments."""

    class Parser(StarRocksParser):
        LAMBDAS: ClassVar[dict[Any, Any]] = {**StarRocksParser.LAMBDAS, TokenType.ARROW: read_lambda}
        FUNCTIONS: ClassVar[dict[str, Any]] = {
            name: build for name, build in StarRocksParser.FUNCTIONS.items() if name.lower() not in _OURS
        }
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: parse
            for name, parse in StarRocksParser.FUNCTION_PARSERS.items()
            if name.lower() not in FORMS and name not in {"JSON_VALUE", "CHAR", "CHR", "OVERLAY", "JSON_OBJECT"}
        }


def to_duckdb(tree: exp.Expr, tables: Iterable[Table], compat: Compat, timezone: str) -> exp.Expr:
    """The whole tree with the vendors' meaning: load expressions' own where they have one, then the rest."""
    try:
        kinds = Kinds(tables)
        count_members(tree, kinds)
        QueryExpressions(kinds, compat, timezone, partial(_finished, timezone=timezone)).rewrite(tree)
    except RecursionError as cause:
        raise AnalysisError("The statement is nested too deeply") from cause
    if (left := tree.find(exp.Lambda)) is not None:
        raise AnalysisError(
            f"{left.parent.name if left.parent is not None else ''}: it cannot be told what the lambda expression is "
            "over, or what it gives; use CAST(… AS ARRAY<…>), functions of load expressions, and no aggregate inside"
        )
    return _finished(tree, timezone)


def _finished(tree: exp.Expr, timezone: str) -> exp.Expr:
    """The tree with a form of ours for all that has one."""
    for node in reversed(list(tree.walk())):
        changed = _meaning(node, timezone)
        if changed is node:
            continue
        if node is tree:
            tree = changed
        else:
            node.replace(changed)
    return tree


def _meaning(node: exp.Expr, timezone: str) -> exp.Expr:
    match node:
        case exp.Anonymous():
            return _function(node, timezone)
        case exp.Cast() if type(node) is exp.Cast:
            return exp.TryCast(this=node.this.copy(), to=node.args["to"].copy())
        case exp.TimestampDiff():
            unit = exp.Literal.string((node.text("unit") or "day").lower())
            ends = [_timestamp(node.expression), _timestamp(node.this)]
            return exp.Anonymous(this="date_sub", expressions=[unit, *ends])
        case exp.Concat() if type(node) is exp.Concat:
            return exp.Paren(this=_chained([exp.cast(part.copy(), "text") for part in node.expressions]))
        case exp.Binary() if isinstance(node, _ARITHMETIC):
            return _arithmetic(node)
        case _:
            return node


def _arithmetic(node: exp.Binary) -> exp.Expr:
    """A string in arithmetic is a number (MySQL): DuckDB would look for an operator on text."""
    if not any(isinstance(side, exp.Literal) and side.is_string for side in (node.this, node.expression)):
        return node
    copy = node.copy()
    for key in ("this", "expression"):
        side = copy.args[key]
        if isinstance(side, exp.Literal) and side.is_string:
            copy.set(key, exp.TryCast(this=side.copy(), to=exp.DataType.build("double")))
    return copy


def _timestamp(value: exp.Expr) -> exp.Expr:
    return exp.TryCast(this=value.copy(), to=exp.DataType.build("timestamp"))


def _chained(parts: Sequence[exp.Expr]) -> exp.Expr:
    whole: exp.Expr = parts[0]
    for part in parts[1:]:
        whole = exp.DPipe(this=whole, expression=part, safe=True)
    return whole


def _function(node: exp.Anonymous, timezone: str) -> exp.Expr:
    if (made := aggregate(node)) is not None:
        return made
    forms = FORMS.get(str(node.this).lower())
    if forms is None:
        build = StarRocksParser.FUNCTIONS.get(str(node.this).upper())
        if build is None or str(node.this).lower() not in SHARED_FUNCTIONS:
            return node
        arguments = [argument.copy() for argument in node.expressions]
        by_dialect = "dialect" in build.__code__.co_varnames
        return _meaning(build(arguments, dialect=QueryDialect()) if by_dialect else build(arguments), timezone)
    form = forms.get(len(node.expressions))
    if form is None:
        return node
    given: dict[str, exp.Expr] = {f"a{i}": argument for i, argument in enumerate(node.expressions)}
    given["tz"] = exp.Literal.string(timezone)
    pattern = _parsed(form)
    if sum(_weight(given[c.name]) for c in pattern.find_all(exp.Column) if c.name in given) > NODES_MAX:
        raise AnalysisError(f"{node.this}: the functions are nested too deeply")
    return pattern.copy().transform(
        lambda part: given[part.name].copy() if isinstance(part, exp.Column) and part.name in given else part
    )


def _weight(node: exp.Expr) -> int:
    return sum(1 for _ in islice(node.walk(), NODES_MAX))


@cache
def _parsed(form: str) -> exp.Expr:
    tree = sqlglot.parse_one(form, read="duckdb")
    for bracket in tree.find_all(exp.Bracket):
        bracket.set("offset", 1)  # an argument that is a number already counts from 1
    return tree
