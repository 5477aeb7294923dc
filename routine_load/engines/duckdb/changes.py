"""INSERT, UPDATE and DELETE statements; rows for a merging table take the merging writer."""

from __future__ import annotations

import contextlib

import duckdb
from sqlglot import exp

from routine_load.engines.duckdb.guard import Checked
from routine_load.engines.duckdb.merge_sql import MergePlan, merge_statements
from routine_load.engines.duckdb.merging import MergeLock
from routine_load.engines.duckdb.names import Names, quote, quoted
from routine_load.engines.duckdb.writers import ORDINAL
from routine_load.errors import AnalysisError
from routine_load.loads.values import WriteMode
from routine_load.sql.schema import Column, KeyModel, Table, TypeName

_STAGE = "__rl_insert"


class Changes:
    """Runs one checked row change in one transaction; the merge lock is held where the table merges."""

    def __init__(self, names: Names, merge_lock: MergeLock) -> None:
        self._names = names
        self._merge_lock = merge_lock

    def run(self, cursor: duckdb.DuckDBPyConnection, checked: Checked) -> int:
        table = self._target(checked)
        with self._merge_lock.held() if table.key_model.merges else contextlib.nullcontext():
            cursor.execute("BEGIN")
            if isinstance(checked.tree, exp.Insert):
                affected = self._insert(cursor, checked.tree, table)
            else:
                if isinstance(checked.tree, exp.Update):
                    _check_update(checked.tree, table)
                affected = _count(cursor.execute(checked.sql()))
            cursor.execute("COMMIT")
        return affected

    def _target(self, checked: Checked) -> Table:
        target = checked.tree.this
        if isinstance(target, exp.Schema):
            target = target.this
        assert isinstance(target, exp.Table), target
        wanted = (target.db, target.name)
        found = next((t for t in checked.tables if (t.ref.database, t.ref.table) == wanted), None)
        if found is None:
            raise AnalysisError(f"'{target.name}' cannot be changed")
        return found

    def _insert(self, cursor: duckdb.DuckDBPyConnection, tree: exp.Insert, table: Table) -> int:
        columns = _insert_columns(tree, table)
        source = tree.expression
        if source is None:
            raise AnalysisError("INSERT needs VALUES or a SELECT")
        if isinstance(source, exp.Values):
            _check_widths(source, columns)
        query = source.sql(dialect="duckdb", identify=True, comments=False)
        named = f"({query}) AS s({quoted([c.name for c in columns])})"
        if not table.key_model.merges:
            sql = f"INSERT INTO {self._names.table(table.ref)} ({quoted([c.name for c in columns])}) {query}"
            return _count(cursor.execute(sql))
        plan = MergePlan(table, tuple(c.name for c in columns), has_op=False, mode=WriteMode())
        plan.check()
        cursor.execute(f"CREATE TEMP TABLE {quote(_STAGE)} ({plan.stage_columns()})")
        targets = ", ".join([quoted([c.name for c in columns]), quote(ORDINAL)])
        values = ", ".join([quoted([c.name for c in columns], "s."), "row_number() OVER ()"])
        inserted = _count(cursor.execute(f"INSERT INTO temp.{quote(_STAGE)} ({targets}) SELECT {values} FROM {named}"))
        for statement in merge_statements(plan, f"temp.{quote(_STAGE)}", self._names):
            cursor.execute(statement)
        return inserted


def _insert_columns(tree: exp.Insert, table: Table) -> list[Column]:
    if not isinstance(tree.this, exp.Schema):
        return list(table.columns)
    found = []
    for identifier in tree.this.expressions:
        column = table.column(identifier.name)
        if column is None:
            raise AnalysisError(f"Unknown column '{identifier.name}' in '{table.ref.table}'")
        found.append(column)
    return found


def _check_widths(values: exp.Values, columns: list[Column]) -> None:
    for row in values.expressions:
        given = row.expressions if isinstance(row, exp.Tuple) else [row]
        if len(given) != len(columns):
            raise AnalysisError(f"Column count doesn't match value count: {len(columns)} columns, {len(given)} values")
        for value, column in zip(given, columns, strict=True):
            limit = column.type.length
            if limit is None or column.type.name is TypeName.VARBINARY or not isinstance(value, exp.Literal):
                continue
            if len(value.name.encode()) > limit:
                raise AnalysisError(f"Column '{column.name}': value is longer than {limit} bytes")


def _check_update(tree: exp.Update, table: Table) -> None:
    if table.key_model is KeyModel.AGGREGATE:
        raise AnalysisError("UPDATE is not allowed in an AGGREGATE KEY table")
    if not table.key_model.merges:
        return
    for assignment in tree.expressions:
        column = table.column(assignment.this.name) if isinstance(assignment, exp.EQ) else None
        if column is not None and column.is_key:
            raise AnalysisError(f"Key column '{column.name}' cannot be updated")


def _count(cursor: duckdb.DuckDBPyConnection) -> int:
    row = cursor.fetchone()
    return int(row[0]) if row else 0
