"""Rows on their way into tables: appended as they come, or staged for the merging writer.

Columnar throughout: a chunk is an Arrow table that DuckDB scans in place; no Python statement runs once per row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from routine_load.engines.duckdb.defaults import default_expression
from routine_load.engines.duckdb.names import Names, quote, quoted
from routine_load.errors import SinkError
from routine_load.loads.values import HAS, SEQUENCE
from routine_load.sql.schema import Column, Table

OP = "__op"
ORDINAL = "__rl_ord"
SCHEMAS_MAX = 10_000
ROW_GROUP = 122_880
"""Rows that DuckDB stores together."""
GATHERED_ROWS = 2 * ROW_GROUP
GATHERED_BYTES_MAX = 16 * 1024 * 1024


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


class Appended:
    """Rows that are appended to tables in one cursor's transaction, in their order.

    They are gathered until a statement is worth it: DuckDB writes whole row groups on all its threads, and copies what
    is less (measured: a third more CPU, twice the time). ``flush`` writes what is left.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, chunks: Chunks, names: Names) -> None:
        self._cursor = cursor
        self._chunks = chunks
        self._names = names
        self._waiting: list[pa.Table] = []
        self._table: Table | None = None
        self._rows = 0
        self._bytes = 0

    def add(self, table: Table, rows: pa.Table) -> None:
        """Columns that the rows lack get their default. Raises SinkError for a column that the table has not."""
        rows = rows.drop_columns([OP]) if OP in rows.column_names else rows
        if not table_columns(table, rows):
            raise SinkError(f"{table.ref}: the rows have none of its columns")
        if self._waiting and (table != self._table or rows.schema != self._waiting[0].schema):
            self.flush()
        self._table = table
        self._waiting.append(rows)
        self._rows += rows.num_rows
        self._bytes += rows.nbytes
        if self._bytes >= GATHERED_BYTES_MAX:
            self.flush()
        elif self._rows >= GATHERED_ROWS:
            self._write(self._rows // ROW_GROUP * ROW_GROUP)

    def flush(self) -> None:
        if self._rows:
            self._write(self._rows)

    def _write(self, count: int) -> None:
        """The first ``count`` of the rows that wait."""
        assert self._table is not None
        last, left = self._waiting[-1], self._rows - count
        assert left <= last.num_rows
        rows = pa.concat_tables(self._waiting).slice(0, count).combine_chunks()
        rest = last.slice(last.num_rows - left)  # of the last chunk, so that it keeps no others in memory
        self._waiting = [rest] if left else []
        self._rows, self._bytes = left, rest.nbytes
        pairs = table_columns(self._table, rows)
        targets = quoted([target for target, _ in pairs])
        columns = {column.name: column for column in self._table.columns}
        sources = ", ".join(source_expression(columns[target], source) for target, source in pairs)
        batches = pa.Table.from_batches(rows.to_batches(max_chunksize=ROW_GROUP), rows.schema)
        with self._chunks.view(batches) as chunk:
            into = self._names.table(self._table.ref)
            self._cursor.execute(f"INSERT INTO {into} ({targets}) SELECT {sources} FROM {chunk}")
