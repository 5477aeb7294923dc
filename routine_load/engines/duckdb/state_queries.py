"""Aggregates over bitmaps, HLL and quantile states in queries, and what counts of such columns mean.

How states become one is the load path's: ``transform.functions_states``. Plain functions of a state are load functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sqlglot import exp

from routine_load.engines.duckdb.kinds import Kinds
from routine_load.transform.functions_states import EMPTY, cardinality, united
from routine_load.transform.typed import Kind

_ARGUMENTS_MAX: Final = 64


def _once(state: str, form: Callable[[str], str]) -> str:
    """A form that names the state more than once, over a state that is computed once."""
    return f"list_transform([{state}], lambda __s: {form('__s')})[1]"


def _union(kind: Kind) -> Callable[[Sequence[str]], str]:
    return lambda args: united(kind, args[0])


def _bitmap_count(args: Sequence[str]) -> str:
    return f"coalesce(len({united(Kind.BITMAP, args[0])}), 0)"


def _hll_count(args: Sequence[str]) -> str:
    return _once(united(Kind.HLL, args[0]), cardinality)


def _bitmap_of(args: Sequence[str]) -> str:
    value = f"TRY_CAST({args[0]} AS UBIGINT)"
    return f"list_sort(list(DISTINCT {value}) FILTER ({value} IS NOT NULL))"


def _intersection(args: Sequence[str]) -> str:
    states = f"list({args[0]}) FILTER ({args[0]} IS NOT NULL)"
    return f"list_sort(list_reduce({states}, lambda __a, __b: list_intersect(__a, __b)))"


def _shared(args: Sequence[str]) -> str:
    """Members that the rows of every one of the values have (``intersect_count(bitmap, column, value, …)``)."""
    made = ""
    for value in args[2:]:
        rows = f"list({args[0]}) FILTER ({args[0]} IS NOT NULL AND {args[1]} = {value})"
        of_value = f"coalesce(list_distinct(flatten({rows})), {EMPTY[Kind.BITMAP]})"
        made = f"list_intersect({made}, {of_value})" if made else of_value
    return f"len({made})"


AGGREGATES: Final[dict[str, tuple[range, Kind, Callable[[Sequence[str]], str]]]] = {
    "bitmap_union": (range(1, 2), Kind.BITMAP, _union(Kind.BITMAP)),
    "bitmap_union_count": (range(1, 2), Kind.INT, _bitmap_count),
    "bitmap_union_int": (range(1, 2), Kind.INT, lambda args: f"count(DISTINCT {args[0]})"),
    "bitmap_agg": (range(1, 2), Kind.BITMAP, _bitmap_of),
    "bitmap_intersect": (range(1, 2), Kind.BITMAP, _intersection),
    "intersect_count": (range(3, _ARGUMENTS_MAX), Kind.INT, _shared),
    "hll_union": (range(1, 2), Kind.HLL, _union(Kind.HLL)),
    "hll_raw_agg": (range(1, 2), Kind.HLL, _union(Kind.HLL)),
    "hll_union_agg": (range(1, 2), Kind.INT, _hll_count),
    "quantile_union": (range(1, 2), Kind.QUANTILE, _union(Kind.QUANTILE)),
    "percentile_union": (range(1, 2), Kind.QUANTILE, _union(Kind.QUANTILE)),
}
"""Name → how many arguments, what it gives, how it is written; arguments are DuckDB's SQL."""

_COUNTED = {Kind.BITMAP: "bitmap_union_count", Kind.HLL: "hll_union_agg"}
_SIZES = {"size", "cardinality"}
_SIZES_OF = {Kind.MAP: "map_size", Kind.ARRAY: "array_length"}
_COUNTING = {"ndv", "approx_count_distinct", "multi_distinct_count"}


def count_members(tree: exp.Expr, kinds: Kinds) -> None:
    """Both vendors: COUNT(DISTINCT state), and NDV of one, count what the states were given; SIZE is of maps, too."""
    for node in list(tree.walk()):
        counted: exp.Expr | None = None
        if isinstance(node, exp.Count) and isinstance(node.this, exp.Distinct) and len(node.this.expressions) == 1:
            counted = node.this.expressions[0]
        elif isinstance(node, exp.Anonymous) and node.name.lower() in _COUNTING and len(node.expressions) == 1:
            counted = node.expressions[0]
        elif isinstance(node, exp.Anonymous) and node.name.lower() in _SIZES and len(node.expressions) == 1:
            node.set("this", _SIZES_OF.get(kinds.of(node.expressions[0]) or Kind.NULL, node.name))
        name = _COUNTED.get(kinds.of(counted) or Kind.NULL) if counted is not None else None
        if counted is not None and name is not None:
            node.replace(exp.Anonymous(this=name, expressions=[counted.copy()]))


def aggregate(node: exp.Expr) -> exp.Expr | None:
    """DuckDB's SQL of a call whose arguments are finished; None where it is no call of these."""
    known = AGGREGATES.get(node.name.lower()) if isinstance(node, exp.Anonymous) else None
    if known is None or len(node.expressions) not in known[0]:
        return None
    arguments = [argument.sql(dialect="duckdb", identify=True, comments=False) for argument in node.expressions]
    return exp.Var(this=f"({known[2](arguments)})")
