"""A locked DuckDB in memory for decoding: no files, no extensions, no settings, no Python variables, bounded memory."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from routine_load.errors import LimitExceeded
from routine_load.loads.prepared import PreparedQueries

MEMORY_LIMIT = "192MB"
UNREADABLE = "The reason cannot be read: it cites a part of a character"
"""DuckDB cuts the text that it cites in an error anywhere, and Python then fails to read the error itself."""


class MemoryDuckDB:
    """One connection of one decoder; ``query`` reads the Arrow table it is given under the name ``src``."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "threads": "1",
                "memory_limit": MEMORY_LIMIT,
                "enable_external_access": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "python_enable_replacements": "false",
            },
        )
        self._connection.execute("SET lock_configuration = true")
        self._queries = PreparedQueries(self._connection)

    def query(self, sql: str, src: pa.Table) -> pa.Table:
        """Run one SELECT over ``src``; rows keep their order. Raises duckdb.Error or LimitExceeded."""
        try:
            return self._queries.query(sql, src)
        except duckdb.OutOfMemoryException as cause:
            raise LimitExceeded(f"Decoding needs more than {MEMORY_LIMIT} for one chunk") from cause
        except UnicodeDecodeError as cause:
            raise duckdb.InvalidInputException(UNREADABLE) from cause

    def close(self) -> None:
        self._connection.close()
