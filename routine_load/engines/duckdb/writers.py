"""Rows on their way into tables: appended as they come, or staged for the merging writer.

Columnar throughout: a chunk is an Arrow table that DuckDB scans in place; no Python statement runs once per row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from routine_load.engines.duckdb.names import Names, quote, quoted
from routine_load.errors import SinkError
from routine_load.sql.schema import Table

OP = "__op"
SEQUENCE = "__DORIS_SEQUENCE_COL__"
ORDINAL = "__rl_ord"
_CHUNK = "__rl_chunk"


@contextmanager
def chunk_view(cursor: duckdb.DuckDBPyConnection, rows: pa.Table) -> Iterator[str]:
    """The name under which the cursor sees the Arrow rows, while the block lasts."""
    cursor.register(_CHUNK, rows)
    try:
        yield quote(_CHUNK)
    finally:
        cursor.unregister(_CHUNK)


def table_columns(table: Table, rows: pa.Table) -> list[tuple[str, str]]:
    """Pairs (table's column, chunk's column), in the table's order. Raises SinkError for a column nobody knows."""
    given = {name.lower(): name for name in rows.column_names}
    if len(given) != rows.num_columns:
        raise SinkError(f"{table.ref}: a column comes twice in {', '.join(rows.column_names)}")
    known = {column.name.lower() for column in table.columns}
    unknown = [name for name in rows.column_names if name.lower() not in known and name not in (OP, SEQUENCE)]
    if unknown:
        raise SinkError(f"{table.ref} has no column '{unknown[0]}'")
    return [(c.name, given[c.name.lower()]) for c in table.columns if c.name.lower() in given]


def append(cursor: duckdb.DuckDBPyConnection, names: Names, table: Table, rows: pa.Table) -> int:
    """Append a chunk in the cursor's transaction. Columns that the chunk lacks get their default."""
    if OP in rows.column_names:
        rows = rows.drop_columns([OP])
    pairs = table_columns(table, rows)
    if not pairs:
        raise SinkError(f"{table.ref}: the rows have none of its columns")
    targets, sources = quoted([t for t, _ in pairs]), quoted([s for _, s in pairs])
    with chunk_view(cursor, rows) as chunk:
        cursor.execute(f"INSERT INTO {names.table(table.ref)} ({targets}) SELECT {sources} FROM {chunk}")
    return int(rows.num_rows)
