"""Rows on their way into tables: appended as they come, or staged for the merging writer.

Columnar throughout: a chunk is an Arrow table that DuckDB scans in place; no Python statement runs once per row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from routine_load.engines.duckdb.defaults import default_expression
from routine_load.engines.duckdb.names import quote, quoted
from routine_load.errors import SinkError
from routine_load.loads.values import HAS, SEQUENCE
from routine_load.sql.schema import Column, Table

OP = "__op"
ORDINAL = "__rl_ord"
SCHEMAS_MAX = 10_000


class _Slot:
    """What DuckDB scans: whatever Arrow rows are in it when a statement runs."""

    def __init__(self) -> None:
        self.rows: pa.Table | None = None

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        assert self.rows is not None
        return self.rows.__arrow_c_stream__(requested_schema)


class Chunks:
    """Shows one Arrow chunk after another to one cursor.

    A view registered inside a transaction keeps its rows until the end of it (measured: a 10 M row load then holds all
    its chunks), so a view is registered once per schema, over a slot whose rows change.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor
        self._slots: dict[pa.Schema, tuple[str, _Slot]] = {}

    @contextmanager
    def view(self, rows: pa.Table) -> Iterator[str]:
        """The quoted name under which the cursor sees the rows, while the block lasts."""
        schema = rows.schema.remove_metadata()
        if schema not in self._slots:
            if len(self._slots) >= SCHEMAS_MAX:
                raise SinkError(f"A load transaction may bring rows of at most {SCHEMAS_MAX} shapes")
            name, slot = f"__rl_chunk_{len(self._slots)}", _Slot()
            slot.rows = rows
            self._cursor.register(name, slot)
            self._slots[schema] = (name, slot)
        name, slot = self._slots[schema]
        slot.rows = rows
        try:
            yield quote(name)
        finally:
            slot.rows = None


def table_columns(table: Table, rows: pa.Table) -> list[tuple[str, str]]:
    """Pairs (table's column, chunk's column), in the table's order. Raises SinkError for a column nobody knows."""
    given = {name.lower(): name for name in rows.column_names}
    if len(given) != rows.num_columns:
        raise SinkError(f"{table.ref}: a column comes twice in {', '.join(rows.column_names)}")
    known = {column.name.lower() for column in table.columns} | {OP, SEQUENCE}
    unknown = [name for name in given if name not in known and not name.startswith(HAS)]
    if unknown:
        raise SinkError(f"{table.ref} has no column '{given[unknown[0]]}'")
    return [(c.name, given[c.name.lower()]) for c in table.columns if c.name.lower() in given]


def source_expression(column: Column, source: str) -> str:
    """What a chunk's column gives: its value, or the next number where an AUTO_INCREMENT column has none."""
    if column.auto_increment:
        return f"coalesce({quote(source)}, {default_expression(column)})"
    return quote(source)


def append(cursor: duckdb.DuckDBPyConnection, chunks: Chunks, target: str, table: Table, rows: pa.Table) -> None:
    """Append a chunk to ``target`` in the cursor's transaction. Columns that the chunk lacks get their default."""
    if OP in rows.column_names:
        rows = rows.drop_columns([OP])
    pairs = table_columns(table, rows)
    if not pairs:
        raise SinkError(f"{table.ref}: the rows have none of its columns")
    targets = quoted([target for target, _ in pairs])
    columns = {column.name: column for column in table.columns}
    sources = ", ".join(source_expression(columns[target], source) for target, source in pairs)
    with chunks.view(rows) as chunk:
        cursor.execute(f"INSERT INTO {target} ({targets}) SELECT {sources} FROM {chunk}")
