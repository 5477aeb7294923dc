"""What DDL statements do to the file: create, drop, truncate, alter."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import duckdb

from routine_load.clock import Clock
from routine_load.engines.duckdb import sequences
from routine_load.engines.duckdb.alterations import altered
from routine_load.engines.duckdb.catalog import Catalog, Change
from routine_load.engines.duckdb.defaults import default_expression
from routine_load.engines.duckdb.generated import generated_expression
from routine_load.engines.duckdb.merging import MergeLock
from routine_load.engines.duckdb.names import Names, quote, quoted
from routine_load.engines.duckdb.partitions import PartitionAction, by_now, deletion, named, repartitioned
from routine_load.engines.duckdb.temporary import beside, carried, check_alterable, emptied, exchanged
from routine_load.engines.duckdb.types import duckdb_type
from routine_load.errors import AnalysisError, TableExists, UnknownTable
from routine_load.ids import TableRef
from routine_load.sql.ddl import AlterTable, CreateTable, CreateTableLike, DropTable, TruncateTable
from routine_load.sql.ddl_alter import (
    AddColumn,
    AlterAction,
    CommentOn,
    DropPartitions,
    RenameColumn,
    RenameTable,
    ReplacePartitions,
)
from routine_load.sql.ddl_rules import RESERVED_PREFIX, check_altered
from routine_load.sql.schema import Column, Table


class Tables:
    """DDL on tables; every statement is one transaction of the file."""

    def __init__(self, catalog: Catalog, names: Names, merge_lock: MergeLock, clock: Clock) -> None:
        self._catalog = catalog
        self._clock = clock
        self._names = names
        self._merge_lock = merge_lock

    def create(self, statement: CreateTable) -> None:
        table = statement.table
        if statement.if_not_exists and self._exists(table.ref):
            return
        with _quiet(TableExists, when=statement.if_not_exists):
            self._catalog.require_absent(table.ref)
            if table.ref.table.lower().startswith(RESERVED_PREFIX):
                name = table.ref.table
                raise AnalysisError(f"Incorrect table name '{name}': names that begin with __rl_ are reserved")
            table = by_now(table, self._clock.now())
            self._catalog.add_table(table, self._creation(table))

    def create_like(self, statement: CreateTableLike) -> None:
        if statement.if_not_exists and self._exists(statement.ref):
            return
        with _quiet(TableExists, when=statement.if_not_exists):
            self._catalog.require_absent(statement.ref)
            table = replace(self._catalog.table(statement.like), ref=statement.ref, temporary=())
            self._catalog.add_table(table, self._creation(table))

    def create_filled(self, table: Table, query: str, *, if_not_exists: bool = False) -> None:
        """CREATE TABLE … AS: ``query`` is DuckDB's SQL."""

        def change(cursor: duckdb.DuckDBPyConnection) -> None:
            self._creation(table)(cursor)
            cursor.execute(f"INSERT INTO {self._names.table(table.ref)} {query}")

        with _quiet(TableExists, when=if_not_exists):
            self._catalog.add_table(table, change)

    def drop(self, statement: DropTable) -> None:
        if statement.if_exists and not self._exists(statement.ref):
            return
        with _quiet(UnknownTable, when=statement.if_exists), self._merge_lock.held():
            table = self._catalog.table(statement.ref)

            def change(cursor: duckdb.DuckDBPyConnection) -> None:
                for each in (table, *([beside(table)] if table.temporary else [])):
                    cursor.execute(f"DROP TABLE {self._names.table(each.ref)}")
                    sequences.forget(cursor, self._names, each)

            self._catalog.drop_table(statement.ref, change)

    def truncate(self, statement: TruncateTable) -> None:
        table = by_now(self._catalog.table(statement.ref), self._clock.now())
        wanted = statement.partitions
        emptied = f"DELETE FROM {self._names.table(table.ref)}"
        if wanted is not None and table.partition_kind is not None:
            emptied = deletion(self._names, table, named(table, wanted))
        elif wanted is not None and {name.lower() for name in wanted} != {table.ref.table.lower()}:
            raise AnalysisError(f"Error in list of partitions to {wanted[0]}")

        def change(cursor: duckdb.DuckDBPyConnection) -> None:
            cursor.execute(emptied)
            if wanted is None:
                sequences.forget(cursor, self._names, table)

        with self._merge_lock.held():
            self._catalog.change(change)

    def alter(self, statement: AlterTable) -> None:
        with self._merge_lock.held():
            expected = self._catalog.table(statement.ref)
            if not any(isinstance(action, PartitionAction) for action in statement.actions):
                check_alterable(expected, statement.actions)
            for action in statement.actions:  # all of them can be done, or none is
                expected = altered(expected, action)
                check_altered(expected)
            for action in statement.actions:
                self._alter(statement.ref, action)

    def _exists(self, ref: TableRef) -> bool:
        return ref.table in self._catalog.tables(ref.database)

    def _creation(self, table: Table) -> Change:
        columns = ", ".join(_declared(table, column) for column in table.columns)
        return lambda cursor: cursor.execute(f"CREATE TABLE {self._names.table(table.ref)} ({columns})")

    def _alter(self, ref: TableRef, action: AlterAction) -> None:
        old = self._catalog.table(ref)
        if isinstance(action, PartitionAction):
            self._repartition(old, action)
            return
        new = altered(old, action)
        check_altered(new)
        if isinstance(action, CommentOn):
            self._catalog.replace_table(ref, new, lambda _: None)
            return
        target = self._names.table(ref)
        match action:
            case _ if _computes(old) or _computes(new):
                change = ""  # what is computed of other columns is declared anew with them
            case AddColumn(column=column, after=None) if not column.is_key:
                if not column.nullable and column.default is None and not column.type.name.is_state:
                    raise AnalysisError(f"Column[{column.name}]: a NOT NULL column that is added needs a DEFAULT")
                change = f"ALTER TABLE {target} ADD COLUMN {quote(column.name)} {duckdb_type(column.type)}"
                change += f" DEFAULT {default_expression(column)}"
            case RenameColumn(name=name, to=to):
                change = f"ALTER TABLE {target} RENAME COLUMN {quote(name)} TO {quote(to)}"
            case RenameTable(to=to):
                change = f"ALTER TABLE {target} RENAME TO {quote(to)}"
            case _:
                change = ""

        def whole(cursor: duckdb.DuckDBPyConnection) -> None:
            if change:
                cursor.execute(change)
            else:
                self._rebuild(cursor, old, new)
            sequences.carry(cursor, self._names, old, new)
            carried(cursor, self._names, old, new)

        self._catalog.replace_table(ref, new, whole)

    def _repartition(self, old: Table, action: PartitionAction) -> None:
        """Partitions that came with time stay when time is to bring no more."""
        table = by_now(old, self._clock.now())
        new = repartitioned(table, action)

        def change(cursor: duckdb.DuckDBPyConnection) -> None:
            if new.temporary and not table.temporary:
                self._creation(beside(new))(cursor)
            if isinstance(action, DropPartitions):
                holder = beside(table) if action.temporary else table
                gone = named(holder, action.names, may_lack=action.if_exists, temporary=action.temporary)
                emptied(cursor, self._names, holder, gone)
            if isinstance(action, ReplacePartitions):
                exchanged(cursor, self._names, table, action)
            if table.temporary and not new.temporary:
                cursor.execute(f"DROP TABLE {self._names.table(beside(table).ref)}")
                sequences.forget(cursor, self._names, beside(table))

        self._catalog.replace_table(old.ref, new, change)

    def _rebuild(self, cursor: duckdb.DuckDBPyConnection, old: Table, new: Table) -> None:
        """Write the table again with other columns: their order in the file is the order of SELECT *."""
        aside = replace(new, ref=TableRef(new.ref.database, f"__rl_rebuilt_{new.ref.table}"))
        self._creation(aside)(cursor)
        sources = []
        for column in new.stored_columns:
            kept = old.column(column.name)
            value = quote(kept.name) if kept is not None else default_expression(column)
            sources.append(f"CAST({value} AS {duckdb_type(column.type)})")
        columns = quoted([c.name for c in new.stored_columns])
        source, target = self._names.table(old.ref), self._names.table(aside.ref)
        cursor.execute(f"INSERT INTO {target} ({columns}) SELECT {', '.join(sources)} FROM {source}")
        cursor.execute(f"DROP TABLE {source}")
        cursor.execute(f"ALTER TABLE {target} RENAME TO {quote(new.ref.table)}")


def _quiet(error: type[Exception], *, when: bool) -> contextlib.AbstractContextManager[None]:
    """IF (NOT) EXISTS holds also where another client comes between the look and the change."""
    return contextlib.suppress(*([error] if when else []))


def _computes(table: Table) -> bool:
    return any(column.generated is not None for column in table.columns)


def _declared(table: Table, column: Column) -> str:
    parts = [quote(column.name), duckdb_type(column.type)]
    if column.generated is not None:
        return " ".join([*parts, f"GENERATED ALWAYS AS ({generated_expression(table, column)}) VIRTUAL"])
    if column.default is not None or column.auto_increment or column.type.name.is_state:
        parts.append(f"DEFAULT {default_expression(column)}")
    if not column.nullable and not column.auto_increment:
        parts.append("NOT NULL")
    return " ".join(parts)
