"""The few rows of a chunk that the cheap program could not settle, run through programs that are planned only once.

Planning the expressions for all spellings costs more than converting thousands of rows. A prepared statement keeps its
plan as long as the tables it reads stay, so the rows are copied into one table that does.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

_SOURCE = "FROM src"
_DUCK = {pa.string(): "VARCHAR", pa.int64(): "BIGINT", pa.binary(): "BLOB"}


class Suspects:
    """One table and its prepared programs, on the connection of one transformer."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, schema: pa.Schema) -> None:
        self._connection = connection
        self._prepared: dict[str, str] = {}
        columns = ", ".join(f"{field.name} {_DUCK[field.type]}" for field in schema)
        connection.execute(f"CREATE TABLE suspects ({columns})")

    def query(self, program: str, rows: pa.Table) -> pa.Table:
        """What ``program``, a SELECT over ``src``, makes of these rows. Raises duckdb.Error."""
        name = self._prepared.get(program)
        if name is None:
            name = self._prepared[program] = f"program{len(self._prepared)}"
            # The source is named last: whatever a literal says stands before it.
            head, _, tail = program.rpartition(_SOURCE)
            self._connection.execute(f"PREPARE {name} AS {head}FROM suspects{tail}")
        self._connection.register("src", rows)
        try:
            self._connection.execute("DELETE FROM suspects")
            self._connection.execute("INSERT INTO suspects SELECT * FROM src")
        finally:
            self._connection.unregister("src")
        return self._connection.sql(f"EXECUTE {name}").to_arrow_table()
