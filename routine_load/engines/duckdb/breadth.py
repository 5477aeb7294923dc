"""Which tables have wide rows, and what that asks of the file.

A checkpoint of DuckDB reads a column 2,048 rows of a row group at a time and holds all their texts in memory; where
that does not fit, the checkpoint fails and with it the whole database. Rows that are committed between two checkpoints
are a row group of their own, so two bounds hold: what one transaction brings of wide rows (``batch_bytes_max``), and
that row groups are not put together while there are tables of wide rows, which DuckDB otherwise does at checkpoints
(``max_vacuum_tasks``).
Refuses to know what the rows are.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Final

import duckdb
import pyarrow as pa

from routine_load.engines.duckdb.names import Names
from routine_load.ids import TableRef

VECTOR_ROWS: Final = 2_048
COMPACTING: Final = "max_vacuum_tasks"
COMPACTING_TASKS: Final = 100
"""DuckDB's default."""

_VECTOR_SHARE: Final = 4
_BATCH_SHARE: Final = 8
"""A row group of wide rows has what was logged since a checkpoint, which is a fourth of the memory, and the transaction
behind it; beside it stand what other transactions hold that are not committed, two with a backlog. With a fourth for
each, one in ten found no memory and had to come again."""
_NOTED_SHARE: Final = 8
_UNITS: Final = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


class Breadth:
    """Counts wide rows per table, beginning with an open file. Thread-safe."""

    def __init__(self, memory_bytes: int, names: Names) -> None:
        self.batch_bytes_max = max(1, memory_bytes // _BATCH_SHARE)
        self._row_bytes = memory_bytes / _VECTOR_SHARE / VECTOR_ROWS
        self._noted_bytes = memory_bytes // _NOTED_SHARE
        self._names = names
        self._lock = threading.Lock()
        self._seen: dict[TableRef, int] = {}
        self._wide: set[TableRef] = set()

    def wide_bytes(self, rows: pa.Table) -> int:
        """The bytes of those columns of which 2,048 such rows would be too much."""
        return sum(size for column in rows.columns if (size := column.nbytes) > self._row_bytes * len(column))

    def note(self, cursor: duckdb.DuckDBPyConnection, brought: Mapping[TableRef, int]) -> None:
        """Before a commit: remember tables of which there are many wide rows, in the commit's transaction.

        A table that is remembered by a transaction that fails stays remembered until the file is opened again.
        """
        with self._lock:
            for ref, size in brought.items():
                self._seen[ref] = self._seen.get(ref, 0) + size
            found = [ref for ref in brought if self._seen[ref] > self._noted_bytes and ref not in self._wide]
            self._wide.update(found)
        if not found:
            return
        keep_apart(cursor)
        values = [(ref.database, ref.table) for ref in found]
        cursor.executemany(f"INSERT INTO {self._names.own('wide_tables')} VALUES (?, ?)", values)

    def recall(self, cursor: duckdb.DuckDBPyConnection) -> bool:
        """Whether the file remembers a table of wide rows that is still there."""
        row = cursor.execute(
            f"SELECT count(*) FROM {self._names.own('wide_tables')}"
            f" SEMI JOIN {self._names.own('tables')} USING (database, name)"
        ).fetchone()
        return row is not None and row[0] > 0


def keep_apart(cursor: duckdb.DuckDBPyConnection) -> None:
    """From now on checkpoints leave row groups as they are; those without a row that is alive still go."""
    cursor.execute(f"SET GLOBAL {COMPACTING} = 0")


def memory_bytes(cursor: duckdb.DuckDBPyConnection) -> int:
    """DuckDB's memory limit. It tells it as people write it: ``244.1 MiB``."""
    row = cursor.execute("SELECT current_setting('memory_limit')").fetchone()
    found = re.fullmatch(r"([\d.]+) (\w+)", str(row[0] if row else ""))
    assert found is not None, row
    return int(float(found.group(1)) * _UNITS[found.group(2)])
