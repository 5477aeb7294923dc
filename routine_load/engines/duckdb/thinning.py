"""Quantile states that have grown too long are thinned out: neighbouring values become one of their weight.

Few at both ends, many in the middle, as in a merging t-digest: the ends of a distribution stay sharp. A state that is
short enough keeps every value. Knows SQL of one temporary table, and nothing of merges.
"""

from __future__ import annotations

from typing import Final

from routine_load.engines.duckdb.names import quote
from routine_load.sql.schema import Aggregation, Column

VALUES_MAX: Final = 4_096
"""Of so many values a state is exact; Doris keeps 2,048. A state has at most 64 KiB."""

_BUCKETS: Final = 2_048


def is_quantile(column: Column) -> bool:
    return column.aggregation in (Aggregation.QUANTILE_UNION, Aggregation.PERCENTILE_UNION)


def thinned(table: str, column: Column) -> str:
    """SQL that shortens the states of a column of a temporary table to ``_BUCKETS``, where they are too long."""
    name = quote(column.name)
    each = f"SELECT rowid AS r, unnest({name}) AS c FROM {table} WHERE len({name}) > {VALUES_MAX}"
    order = "PARTITION BY r ORDER BY c.v, c.w ROWS UNBOUNDED PRECEDING"
    placed = f"SELECT r, c.v AS v, c.w AS w, sum(c.w) OVER ({order}) AS upto, sum(c.w) OVER (PARTITION BY r) AS total"
    share = "least(1, (upto - w / 2.0) / total)"
    bucket = f"floor({_BUCKETS - 1} * (asin(2 * {share} - 1) / pi() + 0.5))"
    ranked = f"SELECT r, v, w, {bucket} AS b FROM ({placed} FROM ({each}))"
    merged = f"SELECT r, sum(v * w) / sum(w) AS v, CAST(sum(w) AS UBIGINT) AS w FROM ({ranked}) GROUP BY r, b"
    states = f"SELECT r, list({{'v': v, 'w': w}} ORDER BY v) AS s FROM ({merged}) GROUP BY r"
    return f"UPDATE {table} AS m SET {name} = q.s FROM ({states}) AS q WHERE m.rowid = q.r"
