"""The SQL of a merge: which statements make one row per key out of staged rows and rows that are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from routine_load.engines.duckdb.defaults import default_expression
from routine_load.engines.duckdb.names import Names, quote, quoted
from routine_load.engines.duckdb.types import duckdb_type
from routine_load.engines.duckdb.writers import OP, ORDINAL, source_expression
from routine_load.errors import SinkError
from routine_load.loads.values import WriteMode
from routine_load.sql.schema import Aggregation, Column, KeyModel, Table

_REDUCED = 'temp."__rl_reduced"'
_MERGED = 'temp."__rl_merged"'
_ORDER = quote(ORDINAL)
_IS_UPSERT = f"(coalesce({quote(OP)}, 0) = 0)"
_FRESH = '"__rl_fresh"'
SEQUENCE_PROPERTY = "function_column.sequence_col"


@dataclass(frozen=True, slots=True)
class MergePlan:
    """What staged rows have (``columns``, perhaps ``__op``) and how they meet the table's rows."""

    table: Table
    columns: tuple[str, ...]
    has_op: bool
    mode: WriteMode

    def check(self) -> None:
        missing = [c.name for c in self.table.key_columns if c.name not in self.columns and not c.auto_increment]
        if missing:
            raise SinkError(f"{self.table.ref}: the rows lack the key column '{missing[0]}'")
        if self.has_op and self.table.key_model is KeyModel.AGGREGATE:
            raise SinkError(f"{self.table.ref}: rows cannot be deleted from an AGGREGATE KEY table")
        rank = self.rank_column
        if rank is not None and rank not in self.columns:
            raise SinkError(f"{self.table.ref}: the rows lack the column '{rank}' that decides which row wins")

    @property
    def rank_column(self) -> str | None:
        """The table's column whose greater value wins; None where arrival order decides alone."""
        wanted = self.sequence_column or self.mode.merge_condition
        if wanted is None:
            return None
        column = self.table.column(wanted)
        return column.name if column is not None else wanted

    @property
    def sequence_column(self) -> str | None:
        """Doris: the load's ORDER BY, or the column that the table was created with."""
        return self.mode.sequence_column or dict(self.table.properties).get(SEQUENCE_PROPERTY)

    @property
    def starts_anew(self) -> bool:
        """Whether it matters that a key was deleted earlier in the batch: what was there before counts no more."""
        held_back = self.rank_column is not None or self.keeps_missing
        return self.has_op and self.sequence_column is None and held_back

    @property
    def loaded(self) -> list[Column]:
        return [c for c in self.table.columns if c.name in self.columns]

    @property
    def keeps_missing(self) -> bool:
        return self.mode.partial_update and self.table.key_model is not KeyModel.AGGREGATE

    def stage_columns(self) -> str:
        parts = [f"{quote(c.name)} {duckdb_type(c.type)}" for c in self.loaded]
        if self.has_op:
            parts.append(f"{quote(OP)} TINYINT")
        return ", ".join([*parts, f"{quote(ORDINAL)} BIGINT"])


def staged_columns(plan: MergePlan, given: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs (stage's column, its SQL expression over the chunk)."""
    by_name = {name.lower(): name for name in given}
    pairs = [(c.name, source_expression(c, by_name[c.name.lower()])) for c in plan.loaded]
    return [*pairs, (OP, quote(OP))] if plan.has_op else pairs


def merge_statements(plan: MergePlan, stage: str, names: Names) -> list[str]:
    """Reduce, look up, delete, insert; what they make on the way is dropped again."""
    target = names.table(plan.table.ref)
    if plan.table.key_model is KeyModel.AGGREGATE:
        return _aggregate(plan, stage, target)
    return _replace(plan, stage, target)


def _same_key(plan: MergePlan, left: str, right: str) -> str:
    keys = plan.table.key_columns
    return " AND ".join(f"{left}.{quote(c.name)} IS NOT DISTINCT FROM {right}.{quote(c.name)}" for c in keys)


def _keys(plan: MergePlan, prefix: str = "") -> str:
    return quoted([c.name for c in plan.table.key_columns], prefix)


def _finish(plan: MergePlan, target: str, source: str, dropped: Sequence[str]) -> list[str]:
    columns = quoted([c.name for c in plan.table.columns])
    return [
        f"DELETE FROM {target} AS t USING {_REDUCED} AS r WHERE {_same_key(plan, 't', 'r')}",
        f"INSERT INTO {target} ({columns}) SELECT {columns} FROM {source}",
        *(f"DROP TABLE {name}" for name in dropped),
    ]


def _aggregate(plan: MergePlan, stage: str, target: str) -> list[str]:
    reduced = [_keys(plan)]
    merged = [_keys(plan, "r.")]
    for column in plan.table.columns:
        if not column.is_key:
            reduced.append(f"{_reduced(column)} AS {quote(column.name)}")
            merged.append(f"{_combined(column)} AS {quote(column.name)}")
    filled = [f"{default_expression(c)} AS {quote(c.name)}" for c in plan.table.columns if c.name not in plan.columns]
    if filled:
        # Both vendors: a column that the load does not fill is its default in every row, and aggregated like any other.
        stage = f"(SELECT *, {', '.join(filled)} FROM {stage})"
    joined = f"{_REDUCED} AS r LEFT JOIN {target} AS t ON {_same_key(plan, 't', 'r')}"
    return [
        f"CREATE TEMP TABLE {_REDUCED} AS SELECT {', '.join(reduced)} FROM {stage} GROUP BY {_keys(plan)}",
        f"CREATE TEMP TABLE {_MERGED} AS SELECT {', '.join(merged)} FROM {joined}",
        *_finish(plan, target, _MERGED, (_REDUCED, _MERGED)),
    ]


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
            return f"arg_max({name}, {_ORDER})"
        case _:
            return f"arg_max_null({name}, {_ORDER})"


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
        case _:
            return new


def _replace(plan: MergePlan, stage: str, target: str) -> list[str]:
    """UNIQUE and PRIMARY: the winning row of each key replaces the one that is there, or deletes it."""
    statements = [_winners(plan, stage)]
    if plan.rank_column is not None:
        statements.append(_drop_losers(plan, target, plan.rank_column))
    alive = f" WHERE {_IS_UPSERT}" if plan.has_op else ""
    missing = [c for c in plan.table.columns if c.name not in plan.columns]
    if plan.keeps_missing and missing:
        kept = [f"r.{quote(c.name)}" for c in plan.loaded]
        kept += [
            f"CASE WHEN t.rowid IS NULL THEN {default_expression(c)} ELSE t.{quote(c.name)} END AS {quote(c.name)}"
            for c in missing
        ]
        anew = f" AND NOT r.{_FRESH}" if plan.starts_anew else ""
        joined = f"(SELECT * FROM {_REDUCED}{alive}) AS r LEFT JOIN {target} AS t ON {_same_key(plan, 't', 'r')}{anew}"
        statements.append(f"CREATE TEMP TABLE {_MERGED} AS SELECT {', '.join(kept)} FROM {joined}")
        return [*statements, *_finish(plan, target, _MERGED, (_REDUCED, _MERGED))]
    filled = [f"{default_expression(c)} AS {quote(c.name)}" for c in missing]
    selected = ", ".join([quoted([c.name for c in plan.loaded]), *filled])
    return [*statements, *_finish(plan, target, f"(SELECT {selected} FROM {_REDUCED}{alive})", (_REDUCED,))]


def _winners(plan: MergePlan, stage: str) -> str:
    """One row per key: greatest rank, then latest. Where a delete starts a key anew, only what came after it counts."""
    rank = f"{quote(plan.rank_column)} DESC NULLS LAST, " if plan.rank_column is not None else ""
    source = f"SELECT * FROM {stage}"
    if plan.starts_anew:
        cut = f"max({_ORDER}) FILTER (WHERE NOT {_IS_UPSERT}) OVER (PARTITION BY {_keys(plan)})"
        marked = f'SELECT *, {cut} AS "__rl_cut" FROM {stage}'
        source = f'SELECT * EXCLUDE ("__rl_cut"), "__rl_cut" IS NOT NULL AS {_FRESH} FROM ({marked})'
        source += f' WHERE "__rl_cut" IS NULL OR {_ORDER} >= "__rl_cut"'
        rank = f"{_IS_UPSERT} DESC, {rank}"
    window = f"PARTITION BY {_keys(plan)} ORDER BY {rank}{_ORDER} DESC"
    return f"CREATE TEMP TABLE {_REDUCED} AS {source} QUALIFY row_number() OVER ({window}) = 1"


def _drop_losers(plan: MergePlan, target: str, rank: str) -> str:
    """Leave out rows that come after a greater one; StarRocks' merge condition does not hold deletes back."""
    name = quote(rank)
    exempt = f"NOT r.{_FRESH} AND " if plan.starts_anew else ""
    return (
        f"DELETE FROM {_REDUCED} AS r USING {target} AS t WHERE {_same_key(plan, 't', 'r')}"
        f" AND {exempt}t.{name} IS NOT NULL AND (r.{name} IS NULL OR r.{name} < t.{name})"
    )
