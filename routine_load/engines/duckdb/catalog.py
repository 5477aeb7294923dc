"""Which databases and tables there are, and how each was declared.

The declarations are rows of the file; this keeps them in memory too, changed only after the transaction that changed
the file has committed. Names are case-sensitive for users and not for DuckDB, so two names that differ only by case
are refused.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import duckdb

from routine_load.engines.duckdb.definitions import dump_table, load_table
from routine_load.engines.duckdb.failures import plain
from routine_load.engines.duckdb.names import NAME_BYTES_MAX, RESERVED_DATABASES, Names
from routine_load.engines.duckdb.views import Views
from routine_load.engines.duckdb.warehouse import Warehouse
from routine_load.errors import (
    AnalysisError,
    DatabaseExists,
    EngineError,
    TableExists,
    UnknownDatabase,
    UnknownTable,
)
from routine_load.ids import TableRef
from routine_load.sql.ddl_views import View
from routine_load.sql.schema import Table

Change = Callable[[duckdb.DuckDBPyConnection], object]


class Catalog:
    """The declarations of one open file. Reads are lock-free snapshots; changes are one at a time."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._lock = threading.RLock()
        self._databases: dict[str, dict[str, Table]] = {}
        self.views = Views(warehouse)
        cursor = warehouse.cursor()
        self._read(cursor)
        cursor.close()
        warehouse.when_reopened(self._read)

    def _read(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """What the file says. A change whose COMMIT was answered by an error may be in it."""
        names = self._warehouse.names
        rows = cursor.execute(f"SELECT name FROM {names.own('databases')}").fetchall()
        tables = cursor.execute(f"SELECT definition FROM {names.own('tables')}").fetchall()
        databases: dict[str, dict[str, Table]] = {str(row[0]): {} for row in rows}
        for (definition,) in tables:
            table = load_table(definition)
            databases[table.ref.database][table.ref.table] = table
        self._databases = databases

    def databases(self) -> list[str]:
        return sorted(self._databases)

    def has_database(self, database: str) -> bool:
        return database in self._databases

    def tables(self, database: str) -> list[str]:
        """Raises UnknownDatabase."""
        return sorted(self._database(database))

    def declarations(self) -> list[Table]:
        return [table for name in self.databases() for _, table in sorted(self._databases[name].items())]

    def table(self, ref: TableRef) -> Table:
        """Raises UnknownDatabase or UnknownTable."""
        found = self._database(ref.database).get(ref.table)
        if found is None:
            if self.views.find(ref) is not None:
                raise UnknownTable(f"'{ref}' is a view")
            raise UnknownTable(f"Unknown table '{ref.table[:NAME_BYTES_MAX]}'")
        return found

    def _database(self, database: str) -> dict[str, Table]:
        found = self._databases.get(database)
        if found is None:
            raise UnknownDatabase(f"Unknown database '{database}'")
        return found

    def create_database(self, name: str, *, if_not_exists: bool) -> None:
        with self._lock:
            if name in self._databases:
                if if_not_exists:
                    return
                raise DatabaseExists(f"Can't create database '{name}'; database exists")
            _refuse_twin(name, self._databases, "Database")
            if name.lower() in RESERVED_DATABASES:
                raise AnalysisError(f"Incorrect database name '{name}': the name is reserved")
            names = self._warehouse.names

            def change(cursor: duckdb.DuckDBPyConnection) -> None:
                cursor.execute(f"CREATE SCHEMA {names.schema(name)}")
                cursor.execute(f"INSERT INTO {names.own('databases')} VALUES (?)", [name])

            self.change(change)
            self._databases = {**self._databases, name: {}}

    def drop_database(self, name: str, *, if_exists: bool) -> None:
        with self._lock:
            if name not in self._databases:
                if if_exists:
                    return
                raise UnknownDatabase(f"Unknown database '{name}'")
            names = self._warehouse.names

            def change(cursor: duckdb.DuckDBPyConnection) -> None:
                cursor.execute(f"DROP SCHEMA {names.schema(name)} CASCADE")
                cursor.execute(f"DELETE FROM {names.own('databases')} WHERE name = ?", [name])
                cursor.execute(f"DELETE FROM {names.own('tables')} WHERE database = ?", [name])
                self.views.drop_all(cursor, name)

            self.change(change)
            self.views.committed(dropped=lambda ref: ref.database == name)
            self._databases = {key: value for key, value in self._databases.items() if key != name}

    def add_table(self, table: Table, change: Change) -> None:
        """Declare a table that ``change`` makes. Raises TableExists, UnknownDatabase, AnalysisError."""
        with self._lock:
            self.require_absent(table.ref)
            self._store(table, change, replacing=None)

    def require_absent(self, ref: TableRef) -> None:
        tables = self._names(ref.database)
        if ref.table in tables:
            raise TableExists(f"Table '{ref.table}' already exists")
        _refuse_twin(ref.table, tables, "Table")

    def add_view(self, view: View, *, replaces: bool) -> None:
        """Declare a view; with ``replaces``, in place of one of its name. Raises TableExists, UnknownDatabase."""
        with self._lock:
            if not (replaces and self.views.find(view.ref) is not None):
                self.require_absent(view.ref)
            self.change(lambda cursor: self.views.keep(cursor, view))
            self.views.committed(view)

    def view(self, ref: TableRef) -> View:
        """Raises UnknownDatabase or UnknownTable, and AnalysisError where it is a table."""
        found = self.views.find(ref)
        if found is None:
            if ref.table in self._database(ref.database):
                raise AnalysisError(f"'{ref}' is not VIEW")
            raise UnknownTable(f"Unknown table '{ref.table}'")
        return found

    def drop_view(self, ref: TableRef) -> None:
        with self._lock:
            self.view(ref)
            self.change(lambda cursor: self.views.drop(cursor, ref))
            self.views.committed(dropped=lambda other: other == ref)

    def _names(self, database: str) -> dict[str, None]:
        """Of tables and views: no two are the same."""
        return dict.fromkeys([*self._database(database), *(view.ref.table for view in self.views.of(database))])

    def replace_table(self, old: TableRef, table: Table, change: Change) -> None:
        """Change a declaration (ALTER); the name may change too."""
        with self._lock:
            self.table(old)
            if table.ref != old:
                tables = {key: None for key in self._names(old.database) if key != old.table}
                _refuse_twin(table.ref.table, tables, "Table")
                if table.ref.table in tables:
                    raise TableExists(f"Table '{table.ref.table}' already exists")
            self._store(table, change, replacing=old)

    def drop_table(self, ref: TableRef, change: Change) -> None:
        with self._lock:
            self.table(ref)
            self._store(None, change, replacing=ref)

    def _store(self, table: Table | None, change: Change, *, replacing: TableRef | None) -> None:
        own = self._warehouse.names.own("tables")

        def whole(cursor: duckdb.DuckDBPyConnection) -> None:
            change(cursor)
            if replacing is not None:
                cursor.execute(
                    f"DELETE FROM {own} WHERE database = ? AND name = ?", [replacing.database, replacing.table]
                )
            if replacing is not None and table is not None and table.ref != replacing:
                wide = self._warehouse.names.own("wide_tables")
                moved = [table.ref.database, table.ref.table, replacing.database, replacing.table]
                cursor.execute(f"UPDATE {wide} SET database = ?, name = ? WHERE database = ? AND name = ?", moved)
            if table is not None:
                values = [table.ref.database, table.ref.table, dump_table(table)]
                cursor.execute(f"INSERT INTO {own} VALUES (?, ?, ?)", values)

        self.change(whole)
        database = (table.ref if table is not None else replacing or TableRef("", "")).database
        tables = dict(self._database(database))
        if replacing is not None:
            tables.pop(replacing.table, None)
        if table is not None:
            tables[table.ref.table] = table
        self._databases = {**self._databases, database: tables}

    @property
    def names(self) -> Names:
        return self._warehouse.names

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query of the engine's own gives; it bounds its rows."""
        cursor = self._warehouse.cursor()
        try:
            return cursor.execute(query).fetchall()
        except duckdb.Error as error:
            raise EngineError(plain(error)) from error
        finally:
            cursor.close()

    def change(self, change: Change) -> None:
        """Run a change of the file in one transaction."""
        cursor = self._warehouse.cursor()
        try:
            cursor.execute("BEGIN")
            change(cursor)
            cursor.execute("COMMIT")
        except duckdb.Error as error:
            raise EngineError(plain(error)) from error
        finally:
            cursor.close()


def _refuse_twin(
    name: str, existing: dict[str, Table] | dict[str, dict[str, Table]] | dict[str, None], what: str
) -> None:
    twin = next((other for other in existing if other != name and other.lower() == name.lower()), None)
    if twin is not None:
        raise AnalysisError(
            f"{what} '{name}' differs from existing '{twin}' only by case, which cannot be kept apart here"
        )
