"""Statements over Arrow rows that are planned once and run for chunk after chunk.

A statement whose source is registered anew for each chunk is planned anew each time, which costs as much as ten
thousand rows and, with expressions for all spellings, more than a whole chunk. A prepared statement keeps its plan as
long as the catalog stays as it is, so it reads a view over a slot whose rows change. Knows a connection by what it does
and no SQL but the name of the source.
"""

from __future__ import annotations

from typing import Any, Protocol

import pyarrow as pa

STATEMENTS_MAX = 64
_SOURCE = "FROM src"


class Connection(Protocol):
    """What of a DuckDB connection is needed."""

    def execute(self, query: str, /) -> Any: ...
    def register(self, view_name: str, python_object: object, /) -> Any: ...
    def unregister(self, view_name: str, /) -> Any: ...
    def sql(self, query: str, /) -> Any: ...


class _Slot:
    """What DuckDB scans: whatever rows are in it when a statement runs."""

    def __init__(self, rows: pa.Table) -> None:
        self.rows: pa.Table | None = rows

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        assert self.rows is not None
        return self.rows.__arrow_c_stream__(requested_schema)


class PreparedQueries:
    """SELECTs over ``src`` on one connection, each planned once for each shape of rows. Not for several threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._slots: dict[pa.Schema, tuple[str, _Slot]] = {}
        self._names: dict[tuple[str, pa.Schema], str] = {}

    def query(self, sql: str, src: pa.Table) -> pa.Table:
        """What ``sql`` makes of the rows of ``src``. Raises duckdb.Error."""
        schema = src.schema.remove_metadata()
        name = self._names.get((sql, schema))
        # Where the words come twice, a literal may have them.
        if name is None and (len(self._names) >= STATEMENTS_MAX or sql.count(_SOURCE) != 1):
            return self.query_once(sql, src)
        view, slot = self._slot(schema, src)
        slot.rows = src
        try:
            if name is None:
                name = f"__rl_program_{len(self._names)}"
                self._connection.execute(f"PREPARE {name} AS {sql.replace(_SOURCE, f'FROM {view}')}")
                self._names[sql, schema] = name
            return self._connection.sql(f"EXECUTE {name}").to_arrow_table()
        finally:
            slot.rows = None

    def query_once(self, sql: str, src: pa.Table) -> pa.Table:
        """The same of a statement that is not worth keeping."""
        self._connection.register("src", src)
        try:
            return self._connection.sql(sql).to_arrow_table()
        finally:
            self._connection.unregister("src")

    def _slot(self, schema: pa.Schema, src: pa.Table) -> tuple[str, _Slot]:
        if schema not in self._slots:
            view, slot = f"__rl_src_{len(self._slots)}", _Slot(src)
            self._connection.register(view, slot)
            self._slots[schema] = view, slot
        return self._slots[schema]
