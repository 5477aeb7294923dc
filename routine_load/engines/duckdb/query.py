"""Queries and row changes: SELECT, EXPLAIN, INSERT, UPDATE, DELETE, CREATE TABLE … AS."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import duckdb
from sqlglot import exp

from routine_load.engines.duckdb.catalog import Catalog
from routine_load.engines.duckdb.changes import Changes
from routine_load.engines.duckdb.failures import query_failure
from routine_load.engines.duckdb.guard import Checked, Guard
from routine_load.engines.duckdb.labelled import LABEL, LabelledInserts, Write
from routine_load.engines.duckdb.rows import result_table
from routine_load.engines.duckdb.session import Session
from routine_load.engines.duckdb.sleeping import seconds_asleep, sleep
from routine_load.engines.duckdb.system_tables import SystemTables
from routine_load.engines.duckdb.tables import Tables
from routine_load.engines.duckdb.titles import titled
from routine_load.engines.duckdb.types import column_type, is_state
from routine_load.engines.duckdb.views import view_of, with_databases
from routine_load.engines.duckdb.warehouse import Warehouse
from routine_load.errors import AnalysisError, UnsupportedFeature
from routine_load.sql.ddl import CreateTable
from routine_load.sql.ddl_views import CreateView
from routine_load.sql.results import Ok, Result, text_table
from routine_load.sql.schema import Column, KeyModel, Table
from routine_load.sql.splitting import first_words

_READS = (exp.Select, exp.SetOperation, exp.Subquery)


class Queries:
    """Runs checked statements, each on a cursor of its own."""

    def __init__(
        self,
        warehouse: Warehouse,
        catalog: Catalog,
        system: SystemTables,
        changes: Changes,
        guard: Guard,
    ) -> None:
        self._warehouse = warehouse
        self._system = system
        self._catalog = catalog
        self._guard = guard
        self._changes = changes
        self.labelled: LabelledInserts | None = None
        """Who runs an INSERT with a label."""

    def execute(self, text: str, session: Session) -> Result:
        tree = self._guard.read(text)
        self._warehouse.statements.current().check()
        if (seconds := seconds_asleep(tree)) is not None:
            return sleep(titled(tree, text), seconds, self._warehouse.statements.current())
        if isinstance(tree, _READS):
            return self._select(self._check(titled(tree, text), session), session)
        if isinstance(tree, exp.Describe) and isinstance(tree.this, exp.Expr) and isinstance(tree.this, _READS):
            return self._explain(self._check(tree.this, session), session)
        if isinstance(tree, exp.Insert | exp.Update | exp.Delete):
            label = str(tree.meta.get(LABEL, ""))
            if label and self.labelled is None:
                raise UnsupportedFeature("INSERT … WITH LABEL needs a service that keeps labels; leave it out")
            return self._change(self._check(tree, session), session, label)
        words = " ".join(first_words(text, 3))[:64]
        raise UnsupportedFeature(f"This statement is not supported: {words} …")

    def create_from_query(self, create: CreateTable, tables: Tables, session: Session) -> Result:
        """CREATE TABLE … AS: the query's columns decide the table's."""
        tree = self._guard.read(create.query)
        if not isinstance(tree, _READS):
            raise AnalysisError("CREATE TABLE … AS needs a SELECT")
        checked = self._check(titled(tree, create.query), session)
        if checked.system:
            raise UnsupportedFeature("CREATE TABLE … AS cannot read information_schema")
        with self._cursor(session) as cursor:
            cursor.execute(f"DESCRIBE {checked.sql()}")
            described = [(str(row[0]), str(row[1])) for row in cursor.fetchall()]
        table = _table_of_query(create.table, described)
        tables.create_filled(table, checked.sql(), if_not_exists=create.if_not_exists)
        return Ok()

    def create_view(self, create: CreateView, session: Session) -> Result:
        """The query is planned, not run: what it reads has to be there, and the maker needs SELECT on it."""
        tree = self._guard.read(create.query)
        if not isinstance(tree, _READS):
            raise AnalysisError("A view needs a SELECT")
        checked = self._check(titled(tree, create.query), session)
        if create.ref in checked.views:
            raise AnalysisError(f"View '{create.ref}' cannot read itself")
        with self._cursor(session) as cursor:
            self._system.provide(cursor, checked.system, session)
            described = cursor.execute(f"DESCRIBE {checked.sql()}").fetchall()
        view = view_of(create, [(str(row[0]), str(row[1])) for row in described], session.database)
        view = replace(view, query=with_databases(self._guard.read(view.query), view))
        self._catalog.add_view(view, replaces=create.replaces or create.must_exist)
        return Ok()

    def _check(self, tree: exp.Expr, session: Session) -> Checked:
        checked = self._guard.check(tree, session, self._system.view_name)
        self._warehouse.statements.current().check()
        return checked

    def _select(self, checked: Checked, session: Session) -> Result:
        cursor = self._warehouse.cursor()
        try:
            self._system.provide(cursor, checked.system, session)
            cursor.execute(checked.sql())
            if (hidden := _without_states(checked.sql(), cursor.description or [])) is not None:
                cursor.execute(hidden)
            return result_table(cursor, session.compat, wide=checked.wide, statements=self._warehouse.statements)
        except duckdb.Error as error:
            cursor.close()
            raise query_failure(error, session.compat) from error
        except BaseException:
            cursor.close()
            raise

    def _explain(self, checked: Checked, session: Session) -> Result:
        with self._cursor(session) as cursor:
            self._system.provide(cursor, checked.system, session)
            rows = cursor.execute(f"EXPLAIN {checked.sql()}").fetchall()
        lines = [(line,) for row in rows for line in str(row[-1]).splitlines()]
        return text_table(["Explain String"], lines)

    def _change(self, checked: Checked, session: Session, label: str) -> Result:
        with self._cursor(session) as cursor:
            self._system.provide(cursor, checked.system, session)
            if not label or self.labelled is None:
                return Ok(affected_rows=self._changes.run(cursor, checked))
            table = self._changes.target(checked).ref

            def insert(also: Write) -> int:
                try:
                    return self._changes.run(cursor, checked, also)
                except duckdb.Error as error:
                    raise query_failure(error, session.compat) from error

            return self.labelled.run(label, table, session, insert)

    @contextlib.contextmanager
    def _cursor(self, session: Session) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._warehouse.cursor()
        try:
            yield cursor
        except duckdb.Error as error:
            raise query_failure(error, session.compat) from error
        finally:
            cursor.close()


def _without_states(query: str, described: list[Any]) -> str | None:
    """Both vendors show a bitmap, an HLL or a quantile state as NULL; None where the query gives none."""
    if not any(is_state(str(column[1])) for column in described):
        return None
    names = [f"c{i}" for i in range(len(described))]
    titles = [exp.to_identifier(str(column[0]), quoted=True).sql() for column in described]
    values = [
        "NULL::VARCHAR" if is_state(str(column[1])) else name for name, column in zip(names, described, strict=True)
    ]
    shown = [f"{value} AS {title}" for value, title in zip(values, titles, strict=True)]
    return f"SELECT {', '.join(shown)} FROM ({query}) AS q({', '.join(names)})"


def _table_of_query(draft: Table, described: list[tuple[str, str]]) -> Table:
    if draft.key_model is not KeyModel.DUPLICATE:
        raise UnsupportedFeature(f"CREATE TABLE … AS makes DUPLICATE KEY tables here, not {draft.key_model}")
    columns = tuple(
        Column(name=name, type=column_type(text), is_key=i == 0) for i, (name, text) in enumerate(described)
    )
    return replace(draft, columns=columns)
