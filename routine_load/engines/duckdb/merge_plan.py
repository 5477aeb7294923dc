"""How staged rows meet a table's rows: what a merge needs to know, decided once per stage. Makes no SQL of merges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from routine_load.engines.duckdb.defaults import default_expression
from routine_load.engines.duckdb.names import Names, quote, quoted
from routine_load.engines.duckdb.types import duckdb_type
from routine_load.engines.duckdb.writers import OP, ORDINAL, source_expression
from routine_load.errors import SinkError
from routine_load.ids import TableRef
from routine_load.loads.values import HAS, SEQUENCE, WriteMode
from routine_load.sql.schema import Column, KeyModel, Table

ORDER = quote(ORDINAL)
IS_UPSERT = f"(coalesce({quote(OP)}, 0) = 0)"


@dataclass(frozen=True, slots=True)
class MergePlan:
    """What staged rows have (``columns``, perhaps ``__op`` and a hidden sequence) and how they meet the table's."""

    table: Table
    columns: tuple[str, ...]
    has_op: bool
    mode: WriteMode
    has_sequence: bool = False

    def check(self) -> None:
        brought = {*self.columns, *(column.name for column in self.numbered)}
        missing = [c.name for c in self.table.key_columns if c.name not in brought]
        if missing:
            raise SinkError(f"{self.table.ref}: the rows lack the key column '{missing[0]}'")
        if self.has_op and self.table.key_model is KeyModel.AGGREGATE:
            raise SinkError(f"{self.table.ref}: rows cannot be deleted from an AGGREGATE KEY table")
        rank = self.rank_column
        if rank is not None and rank not in self.columns and not (rank == SEQUENCE and self.has_sequence):
            raise SinkError(f"{self.table.ref}: the rows lack the column '{rank}' that decides which row wins")

    @property
    def rank_column(self) -> str | None:
        """The staged column whose greater value wins; None where arrival order decides alone."""
        if self.sequence_column is not None or self.mode.merge_condition is None:
            return self.sequence_column
        column = self.table.column(self.mode.merge_condition)
        return column.name if column is not None else self.mode.merge_condition

    @property
    def sequence_column(self) -> str | None:
        """Doris: sequence column. The hidden one, or the column that the table was created with."""
        return SEQUENCE if self.table.sequence_type is not None else self.table.sequence_column

    @property
    def starts_anew(self) -> bool:
        """Whether it matters that a key was deleted earlier in the batch: what was there before counts no more."""
        held_back = self.rank_column is not None or self.keeps_missing
        return self.has_op and self.sequence_column is None and held_back

    @property
    def goes_row_by_row(self) -> bool:
        """Whether the last row of a key does not say it all: rows bring different columns, or a delete between two
        partial updates counts only if its sequence is great enough.
        """
        return self.keeps_missing and (self.mode.flexible or (self.has_op and self.sequence_column is not None))

    @property
    def numbered(self) -> list[Column]:
        """Key columns that no row brings: they number the rows (both vendors: AUTO_INCREMENT), or have their default.

        In a partial update only the first: a default would be another row's key.
        """
        absent = [c for c in self.table.key_columns if c.name not in self.columns]
        if self.keeps_missing:
            return [c for c in absent if c.auto_increment]
        return [c for c in absent if c.auto_increment or c.nullable or c.default is not None]

    @property
    def loaded(self) -> list[Column]:
        return [c for c in self.table.stored_columns if c.name in self.columns or c in self.numbered]

    @property
    def missing(self) -> list[Column]:
        """Columns that no row brings."""
        return [c for c in self.table.stored_columns if c.name not in self.columns and c not in self.numbered]

    @property
    def keeps_missing(self) -> bool:
        return self.mode.partial_update and self.table.key_model is not KeyModel.AGGREGATE

    @property
    def required(self) -> list[Column]:
        """Columns that a partial update has to bring for a key that is not there, and may not."""
        if not self.keeps_missing:
            return []
        open_ = self.table.stored_columns if self.mode.flexible else self.missing
        return [c for c in open_ if not (c.is_key or c.nullable or c.auto_increment) and c.default is None]

    @property
    def masked(self) -> list[Column]:
        """Columns that some rows bring and others do not."""
        return [c for c in self.loaded if not c.is_key] if self.mode.flexible else []

    def brings(self, column: Column, prefix: str = "") -> str:
        """SQL: whether a staged row brings the column."""
        if self.mode.flexible and not column.is_key:
            return f"{prefix}{quote(HAS + column.name)}"
        return "true"

    def extras(self) -> list[tuple[str, str]]:
        """Staged columns that are none of the table's: (name, type)."""
        parts = [(HAS + column.name, "BOOLEAN") for column in self.masked]
        if self.has_sequence:
            parts.append((SEQUENCE, sequence_kind(self.table)))
            parts += [(HAS + SEQUENCE, "BOOLEAN")] if self.mode.flexible else []
        return [*parts, (OP, "TINYINT")] if self.has_op else parts

    def stage_columns(self) -> str:
        parts = [(c.name, duckdb_type(c.type)) for c in self.loaded if c not in self.numbered]
        parts += [(c.name, f"{duckdb_type(c.type)} DEFAULT {default_expression(c)}") for c in self.numbered]
        return ", ".join(f"{quote(name)} {kind}" for name, kind in [*parts, *self.extras(), (ORDINAL, "BIGINT")])

    def staged_columns(self, given: Sequence[str]) -> list[tuple[str, str]]:
        """Pairs (stage's column, its SQL expression over the chunk)."""
        by_name = {name.lower(): name for name in given}
        pairs = [(c.name, source_expression(c, by_name[c.name.lower()])) for c in self.loaded if c.name in self.columns]
        return [*pairs, *((name, quote(by_name[name.lower()])) for name, _ in self.extras())]

    def keys(self, prefix: str = "") -> str:
        return quoted([c.name for c in self.table.key_columns], prefix)

    def same_key(self, left: str, right: str) -> str:
        keys = [quote(c.name) for c in self.table.key_columns]
        return " AND ".join(f"{left}.{key} IS NOT DISTINCT FROM {right}.{key}" for key in keys)


def sequence_kind(table: Table) -> str:
    """DuckDB's type of a table's sequence, hidden or not."""
    hidden = table.sequence_type
    if hidden is None:
        column = table.column(table.sequence_column or "")
        assert column is not None, table.ref
        hidden = column.type
    return duckdb_type(hidden)


def sequences_ref(ref: TableRef) -> TableRef:
    """The table beside a table that remembers sequences; see ``sequences``."""
    return TableRef(ref.database, f"__rl_sequences_{ref.table}")


def sequences_table(names: Names, ref: TableRef) -> str:
    return names.table(sequences_ref(ref))
