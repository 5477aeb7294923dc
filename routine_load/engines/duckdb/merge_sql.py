"""The SQL of a merge: which statements make one row per key out of staged rows and rows that are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from routine_load.engines.duckdb import sequences
from routine_load.engines.duckdb.defaults import default_expression
from routine_load.engines.duckdb.merge_plan import IS_UPSERT, ORDER, MergePlan, sequences_table
from routine_load.engines.duckdb.merge_rows import row_by_row
from routine_load.engines.duckdb.names import Names, quote, quoted
from routine_load.engines.duckdb.thinning import is_quantile, thinned
from routine_load.engines.duckdb.types import duckdb_type
from routine_load.sql.schema import UNIONS, Aggregation, Column, KeyModel
from routine_load.transform.convert import kind_of
from routine_load.transform.functions_states import union, united

_REDUCED = 'temp."__rl_reduced"'
_MERGED = 'temp."__rl_merged"'
_FRESH = '"__rl_fresh"'


@dataclass(frozen=True, slots=True)
class Merge:
    """``reduce`` makes one row per key and ``write`` puts it into the table; what they make on the way is dropped.

    ``unknown_keys`` asks, in between, for a key that a partial update would add; it may be empty.
    """

    reduce: list[str]
    write: list[str]
    unknown_keys: str = ""

    def statements(self) -> list[str]:
        return [*self.reduce, *self.write]


def merge_of(plan: MergePlan, stage: str, names: Names) -> Merge:
    """Reduce, look up, delete, insert."""
    target = names.table(plan.table.ref)
    if plan.table.key_model is KeyModel.AGGREGATE:
        return _aggregate(plan, stage, target)
    return _replace(plan, stage, names)


def _finish(plan: MergePlan, target: str, source: str, dropped: Sequence[str]) -> list[str]:
    columns = quoted([c.name for c in plan.table.stored_columns])
    return [
        f"DELETE FROM {target} AS t USING {_REDUCED} AS r WHERE {plan.same_key('t', 'r')}",
        f"INSERT INTO {target} ({columns}) SELECT {columns} FROM {source}",
        *(f"DROP TABLE {name}" for name in dropped),
    ]


def _aggregate(plan: MergePlan, stage: str, target: str) -> Merge:
    reduced = [plan.keys()]
    merged = [plan.keys("r.")]
    for column in plan.table.stored_columns:
        if not column.is_key:
            reduced.append(f"{_reduced(column)} AS {quote(column.name)}")
            merged.append(f"{_combined(column)} AS {quote(column.name)}")
    filled = [f"{default_expression(c)} AS {quote(c.name)}" for c in plan.missing]
    if filled:
        # Both vendors: a column that the load does not fill is its default in every row, and aggregated like any other.
        stage = f"(SELECT *, {', '.join(filled)} FROM {stage})"
    joined = f"{_REDUCED} AS r LEFT JOIN {target} AS t ON {plan.same_key('t', 'r')}"
    return Merge(
        [f"CREATE TEMP TABLE {_REDUCED} AS SELECT {', '.join(reduced)} FROM {stage} GROUP BY {plan.keys()}"],
        [
            f"CREATE TEMP TABLE {_MERGED} AS SELECT {', '.join(merged)} FROM {joined}",
            *(thinned(_MERGED, column) for column in plan.table.stored_columns if is_quantile(column)),
            *_finish(plan, target, _MERGED, (_REDUCED, _MERGED)),
        ],
    )


def _reduced(column: Column) -> str:
    name = quote(column.name)
    match column.aggregation:
        case Aggregation.SUM:
            value = f"CAST({name} AS TINYINT)" if duckdb_type(column.type) == "BOOLEAN" else name
            return f"CAST(sum({value}) AS {duckdb_type(column.type)})"
        case Aggregation.MIN:
            return f"min({name})"
        case Aggregation.MAX:
            return f"max({name})"
        case Aggregation.REPLACE_IF_NOT_NULL:
            return f"arg_max({name}, {ORDER})"
        case _ if column.aggregation in UNIONS.values():
            return united(kind_of(column.type), name)
        case _:
            return f"arg_max_null({name}, {ORDER})"


def _combined(column: Column) -> str:
    old, new = f"t.{quote(column.name)}", f"r.{quote(column.name)}"
    match column.aggregation:
        case Aggregation.SUM:
            return f"CAST(coalesce({old} + {new}, {old}, {new}) AS {duckdb_type(column.type)})"
        case Aggregation.MIN:
            return f"least({old}, {new})"
        case Aggregation.MAX:
            return f"greatest({old}, {new})"
        case Aggregation.REPLACE_IF_NOT_NULL:
            return f"coalesce({new}, {old})"
        case _ if column.aggregation in UNIONS.values():
            both = union(kind_of(column.type), f"[{old}, {new}]")
            return f"CASE WHEN {old} IS NULL THEN {new} WHEN {new} IS NULL THEN {old} ELSE {both} END"
        case _:
            return new


def _replace(plan: MergePlan, stage: str, names: Names) -> Merge:
    """UNIQUE and PRIMARY: the winning row of each key replaces the one that is there, or deletes it."""
    target = names.table(plan.table.ref)
    alive = f" WHERE {IS_UPSERT}" if plan.has_op else ""
    reduce, finish = [], []
    if plan.sequence_column is not None:
        reduce.append(sequences.made(plan, names))
        finish = sequences.remembered(plan, names, _REDUCED)
    if plan.goes_row_by_row:
        reduce.append(f"CREATE TEMP TABLE {_REDUCED} AS {row_by_row(plan, stage, names)}")
    else:
        reduce.append(_winners(plan, stage))
        reduce += _drop_losers(plan, names)
    if not plan.keeps_missing or not (plan.missing or plan.masked):
        filled = [f"{default_expression(c)} AS {quote(c.name)}" for c in plan.missing]
        source = f"(SELECT {', '.join([quoted([c.name for c in plan.loaded]), *filled])} FROM {_REDUCED}{alive})"
        return Merge(reduce, [*finish, *_finish(plan, target, source, (_REDUCED,))])
    anew = f" AND NOT r.{_FRESH}" if plan.starts_anew or plan.goes_row_by_row else ""
    joined = f"(SELECT * FROM {_REDUCED}{alive}) AS r LEFT JOIN {target} AS t ON {plan.same_key('t', 'r')}{anew}"
    merged = f"CREATE TEMP TABLE {_MERGED} AS SELECT {', '.join(_kept(plan))} FROM {joined}"
    return Merge(
        reduce,
        [merged, *finish, *_finish(plan, target, _MERGED, (_REDUCED, _MERGED))],
        f"SELECT {plan.keys('r.')} FROM {joined} WHERE t.rowid IS NULL LIMIT 1" if plan.mode.refuses_new_keys else "",
    )


def _kept(plan: MergePlan) -> list[str]:
    """A partial update: what the rows bring, else what is there, else the default; a column that tells when the row was
    changed last is its default, the time, wherever no row brings it.
    """
    items = []
    for column in plan.table.stored_columns:
        name = quote(column.name)
        keeps = "t.rowid IS NULL OR true" if column.on_update else "t.rowid IS NULL"
        old = f"WHEN {keeps} THEN {default_expression(column)} ELSE t.{name} END AS {name}"
        if column in plan.masked:
            items.append(f"CASE WHEN {plan.brings(column, 'r.')} THEN r.{name} {old}")
        else:
            items.append(f"r.{name}" if column.name in plan.columns else f"CASE {old}")
    return items


def _winners(plan: MergePlan, stage: str) -> str:
    """One row per key: greatest rank, then latest. Where a delete starts a key anew, only what came after it counts."""
    rank = f"{quote(plan.rank_column)} DESC NULLS LAST, " if plan.rank_column is not None else ""
    source = f"SELECT * FROM {stage}"
    if plan.starts_anew:
        cut = f"max({ORDER}) FILTER (WHERE NOT {IS_UPSERT}) OVER (PARTITION BY {plan.keys()})"
        marked = f'SELECT *, {cut} AS "__rl_cut" FROM {stage}'
        source = f'SELECT * EXCLUDE ("__rl_cut"), "__rl_cut" IS NOT NULL AS {_FRESH} FROM ({marked})'
        source += f' WHERE "__rl_cut" IS NULL OR {ORDER} >= "__rl_cut"'
        rank = f"{IS_UPSERT} DESC, {rank}"
    window = f"PARTITION BY {plan.keys()} ORDER BY {rank}{ORDER} DESC"
    return f"CREATE TEMP TABLE {_REDUCED} AS {source} QUALIFY row_number() OVER ({window}) = 1"


def _drop_losers(plan: MergePlan, names: Names) -> list[str]:
    """Leave out rows that come after a greater one; StarRocks' merge condition does not hold deletes back."""
    if plan.rank_column is None:
        return []
    name = quote(plan.rank_column)
    exempt = f"NOT r.{_FRESH} AND " if plan.starts_anew else ""
    greater = []
    if plan.table.sequence_type is None:
        greater.append((names.table(plan.table.ref), name))
    if plan.sequence_column is not None:
        greater.append((sequences_table(names, plan.table.ref), sequences.KEPT))
    return [
        f"DELETE FROM {_REDUCED} AS r USING {table} AS t WHERE {plan.same_key('t', 'r')}"
        f" AND {exempt}t.{held} IS NOT NULL AND (r.{name} IS NULL OR r.{name} < t.{held})"
        for table, held in greater
    ]
