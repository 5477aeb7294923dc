"""Partial updates in which a key's rows have to be followed one after another, as one SELECT.

That is where each row brings columns of its own (Doris: flexible partial update), and where a sequence decides whether
a delete between two partial updates counts. A row is applied when no row before it, in the batch or in the table, has a
greater sequence; a row that brings no sequence is, and leaves the one there was. What was applied before a key's last
delete counts no more.
"""

from __future__ import annotations

from routine_load.engines.duckdb import sequences
from routine_load.engines.duckdb.merge_plan import IS_UPSERT, ORDER, MergePlan, sequences_table
from routine_load.engines.duckdb.names import Names, quote
from routine_load.engines.duckdb.writers import OP
from routine_load.loads.values import HAS

_APPLIED, _CUT, _LIVE, _HELD = '"__rl_applied"', '"__rl_cut"', '"__rl_live"', '"__rl_held"'


def row_by_row(plan: MergePlan, stage: str, names: Names) -> str:
    """SELECT of one row per key: its last values, whether it brings them, its operation, and ``__rl_fresh``."""
    upsert = IS_UPSERT if plan.has_op else "true"
    applied = _applied(plan, stage, names)
    over = f"OVER (PARTITION BY {plan.keys()})"
    cut = f"SELECT *, max({ORDER}) FILTER (WHERE NOT {upsert}) {over} AS {_CUT} FROM ({applied})"
    live = f"SELECT *, {upsert} AND {ORDER} > coalesce({_CUT}, -1) AS {_LIVE} FROM ({cut})"
    items = [plan.keys(), f'max({_CUT}) IS NOT NULL AS "__rl_fresh"']
    for column in plan.loaded:
        if column.is_key:
            continue
        name, brings = quote(column.name), plan.brings(column)
        value = f"arg_max_null({name}, {ORDER}) FILTER (WHERE {_LIVE} AND {brings})"
        if column.name == plan.sequence_column:
            # A delete is remembered with the sequence it had; a row that brought none leaves what there was.
            value = f"coalesce({value}, max({name}) FILTER (WHERE {brings}), max({_HELD}))"
        items.append(f"{value} AS {name}")
        if column in plan.masked:
            items.append(f"coalesce(bool_or({_LIVE} AND {brings}), false) AS {quote(HAS + column.name)}")
    if plan.has_op:
        items.append(f"CASE WHEN bool_or({_LIVE}) THEN 0 ELSE 1 END AS {quote(OP)}")
    if plan.has_sequence and plan.sequence_column is not None:
        name = quote(plan.sequence_column)
        items.append(f"coalesce(max({name}), max({_HELD})) AS {name}")
    return f"SELECT {', '.join(items)} FROM ({live}) GROUP BY {plan.keys()}"


def _applied(plan: MergePlan, stage: str, names: Names) -> str:
    """SELECT of the staged rows that no greater sequence holds back."""
    if plan.sequence_column is None:
        return f"SELECT * FROM {stage}"
    sequence = quote(plan.sequence_column)
    column = plan.table.column(plan.sequence_column)
    hidden = quote(HAS + plan.sequence_column) if plan.mode.flexible else "true"
    brings = plan.brings(column) if column is not None else hidden
    kept = f"LEFT JOIN {sequences_table(names, plan.table.ref)} AS k ON {plan.same_key('k', 's')}"
    held = f"k.{sequences.KEPT}"
    if plan.table.sequence_type is None:
        kept += f" LEFT JOIN {names.table(plan.table.ref)} AS t ON {plan.same_key('t', 's')}"
        held = f"greatest({held}, t.{sequence})"
    joined = f"SELECT s.*, {held} AS {_HELD} FROM {stage} AS s {kept}"
    before = f"PARTITION BY {plan.keys()} ORDER BY {ORDER} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    so_far = f"greatest(max({sequence}) FILTER (WHERE {brings}) OVER ({before}), {_HELD})"
    applied = f"NOT {brings} OR {so_far} IS NULL OR coalesce({sequence} >= {so_far}, false)"
    return f"SELECT * EXCLUDE ({_APPLIED}) FROM (SELECT *, {applied} AS {_APPLIED} FROM ({joined})) WHERE {_APPLIED}"
