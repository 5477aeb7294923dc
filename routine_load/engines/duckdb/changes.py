"""INSERT, UPDATE and DELETE statements; rows for a merging table take the merging writer."""

from __future__ import annotations

import contextlib

import duckdb
import sqlglot
from sqlglot import exp

from routine_load.clock import Clock
from routine_load.engines.duckdb.defaults import default_expression
from routine_load.engines.duckdb.guard import Checked
from routine_load.engines.duckdb.labelled import Write
from routine_load.engines.duckdb.merge_plan import MergePlan
from routine_load.engines.duckdb.merge_sql import merge_of
from routine_load.engines.duckdb.merging import MergeLock
from routine_load.engines.duckdb.names import Names, quote, quoted
from routine_load.engines.duckdb.partition_queries import Partitions
from routine_load.engines.duckdb.partitions import by_now, named, rows_of
from routine_load.engines.duckdb.temporary import beside
from routine_load.engines.duckdb.types import duckdb_type
from routine_load.engines.duckdb.writers import ORDINAL, source_expression
from routine_load.errors import AnalysisError, ExecutionError, UnsupportedFeature
from routine_load.loads.values import SEQUENCE, WriteMode
from routine_load.sql.schema import Column, KeyModel, Table, TablePartition, TypeName

_STAGE = "__rl_insert"


class Changes:
    """Runs one checked row change in one transaction; the merge lock is held where the table merges."""

    def __init__(self, names: Names, merge_lock: MergeLock, clock: Clock) -> None:
        self._names = names
        self._clock = clock
        self._merge_lock = merge_lock

    def run(self, cursor: duckdb.DuckDBPyConnection, checked: Checked, also: Write | None = None) -> int:
        """``also`` writes what is to be committed together with the rows, and is told how many they are."""
        table = by_now(self.target(checked), self._clock.now())
        with self._merge_lock.held() if table.key_model.merges else contextlib.nullcontext():
            cursor.execute("BEGIN")
            if isinstance(checked.tree, exp.Insert):
                affected = self._insert(cursor, checked.tree, _Into(table, checked.into))
            else:
                if isinstance(checked.tree, exp.Update):
                    _check_update(checked.tree, table)
                    _stamp(checked.tree, table)
                affected = _count(cursor.execute(checked.sql()))
            if also is not None:
                also(cursor, affected)
            cursor.execute("COMMIT")
        return affected

    def target(self, checked: Checked) -> Table:
        target = checked.tree.this
        if isinstance(target, exp.Schema):
            target = target.this
        assert isinstance(target, exp.Table), target
        wanted = (target.db, target.name)
        found = next((t for t in checked.tables if (t.ref.database, t.ref.table) == wanted), None)
        if found is None:
            raise AnalysisError(f"'{target.name}' cannot be changed")
        return found

    def _insert(self, cursor: duckdb.DuckDBPyConnection, tree: exp.Insert, into: _Into) -> int:
        table = into.table
        columns = _insert_columns(tree, table)
        if tree.args.get("overwrite") or tree.args.get("ignore"):
            raise UnsupportedFeature("INSERT OVERWRITE and INSERT IGNORE are not kept here; use TRUNCATE and INSERT")
        source = tree.expression
        if source is None:
            raise AnalysisError("INSERT needs VALUES or a SELECT")
        if (with_ := tree.args.get("with_")) is not None and not source.args.get("with_"):
            source.set("with_", with_.pop())  # WITH … INSERT is INSERT … WITH
        if isinstance(source, exp.Values):
            _fill_defaults(source, columns)
            _check_widths(source, columns)
        query = source.sql(dialect="duckdb", identify=True, comments=False)
        _check_states(cursor, query, columns)
        names = quoted([c.name for c in columns])
        values = ", ".join(source_expression(c, c.name) for c in columns)
        named = f"({query}) AS s({names})"
        if not table.key_model.merges and into.partitions is None:
            sql = f"INSERT INTO {self._names.table(table.ref)} ({names}) SELECT {values} FROM {named}"
            return _count(cursor.execute(sql))
        stage = f"temp.{quote(_STAGE)} ({names}, {quote(ORDINAL)})"
        query = f"INSERT INTO {stage} SELECT {values}, row_number() OVER () FROM {named}"
        return self._merge(cursor, _plan(table, columns), query, into)

    def _merge(self, cursor: duckdb.DuckDBPyConnection, plan: MergePlan, staging: str, into: _Into) -> int:
        """Stage the rows, then append them, or let the merging writer's statements make one row per key."""
        stage = f"temp.{quote(_STAGE)}"
        cursor.execute(f"CREATE TEMP TABLE {quote(_STAGE)} ({plan.stage_columns()})")
        inserted = _count(cursor.execute(staging))
        into.check(cursor, stage, plan)
        if not plan.table.key_model.merges:
            columns = quoted(list(plan.columns))
            target = self._names.table(plan.table.ref)
            cursor.execute(f"INSERT INTO {target} ({columns}) SELECT {columns} FROM {stage} ORDER BY {quote(ORDINAL)}")
            return inserted
        for statement in merge_of(plan, stage, self._names).statements():
            cursor.execute(statement)
        return inserted


class _Into:
    """The table that an INSERT fills, and the partitions that its rows have to be in; None: any row has one."""

    def __init__(self, table: Table, into: Partitions | None) -> None:
        self.table = table
        self.partitions: tuple[TablePartition, ...] | None = None
        if into is not None and into.temporary:
            self.table = beside(table)
        if into is not None and (table.partition_kind is not None or into.temporary):
            self.partitions = tuple(named(self.table, into.names, temporary=into.temporary))
        elif into is not None and {name.lower() for name in into.names} != {table.ref.table.lower()}:
            raise AnalysisError(f"Error in list of partitions to {into.names[0]}")
        elif table.partition_kind is not None and not table.partitions_come:
            self.partitions = table.partitions

    def check(self, cursor: duckdb.DuckDBPyConnection, stage: str, plan: MergePlan) -> None:
        """Both vendors: one row without a partition, and nothing is inserted."""
        if self.partitions is None:
            return
        missing = [c for c in map(self.table.column, self.table.partition_columns) if c and c.name not in plan.columns]
        more = "".join(f", {default_expression(c)} AS {quote(c.name)}" for c in missing)
        inside = rows_of(self.table, self.partitions)
        rows = f"(SELECT *{more} FROM {stage})"
        outside = _count(cursor.execute(f"SELECT count(*) FROM {rows} WHERE NOT coalesce({inside}, false)"))
        if outside > 0:
            raise ExecutionError(f"Insert has filtered data: {outside} row(s) out of partition ranges")


def _check_states(cursor: duckdb.DuckDBPyConnection, query: str, columns: list[Column]) -> None:
    """Both vendors: what goes into a column of states is a state; DuckDB would read one from its text."""
    if not any(column.type.name.is_state for column in columns):
        return
    given = [str(row[1]) for row in cursor.execute(f"DESCRIBE {query}").fetchall()]
    for column, kind in zip(columns, given, strict=False):
        if column.type.name.is_state and kind not in (duckdb_type(column.type), '"NULL"', "NULL"):
            name = column.type.name
            raise AnalysisError(f"{name} column {column.name} require the function return type is {name.upper()}")


def _plan(table: Table, columns: list[Column]) -> MergePlan:
    missing = [c.name for c in table.key_columns if c not in columns and not c.auto_increment]
    if missing and table.key_model.merges:
        raise AnalysisError(f"Key column '{missing[0]}' of '{table.ref.table}' must be given")
    names = [c.name for c in columns]
    sequence = SEQUENCE if table.sequence_type is not None else table.sequence_column
    if sequence is not None and sequence not in names:
        raise AnalysisError(f"Table {table.ref.table} has sequence column, need to specify the sequence column")
    given = tuple(name for name in names if name != SEQUENCE)
    plan = MergePlan(table, given, has_op=False, mode=WriteMode(), has_sequence=SEQUENCE in names)
    if table.key_model.merges:
        plan.check()
    return plan


def _fill_defaults(values: exp.Values, columns: list[Column]) -> None:
    """``DEFAULT`` in a row of VALUES is the column's default."""
    for row in values.expressions:
        for value, column in zip(row.expressions if isinstance(row, exp.Tuple) else [], columns, strict=False):
            if isinstance(value, exp.Var | exp.Column) and value.name.upper() == "DEFAULT":
                value.replace(sqlglot.parse_one(default_expression(column), read="duckdb"))


def _insert_columns(tree: exp.Insert, table: Table) -> list[Column]:
    if not isinstance(tree.this, exp.Schema):
        return list(table.stored_columns)
    found = []
    for identifier in tree.this.expressions:
        column = table.column(identifier.name)
        if column is None and table.sequence_type is not None and identifier.name.lower() == SEQUENCE:
            column = Column(name=SEQUENCE, type=table.sequence_type)
        if column is None:
            raise AnalysisError(f"Unknown column '{identifier.name}' in '{table.ref.table}'")
        if column.generated is not None:
            raise AnalysisError(f"generated column: {column.name} can not be specified")
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
    for assignment in tree.expressions:
        column = table.column(assignment.this.name) if isinstance(assignment, exp.EQ) else None
        if column is not None and column.generated is not None:
            raise AnalysisError(f"generated column: {column.name} can not be specified")
        if column is not None and column.is_key and table.key_model.merges:
            raise AnalysisError(f"Key column '{column.name}' cannot be updated")


def _stamp(tree: exp.Update, table: Table) -> None:
    """Doris: ON UPDATE CURRENT_TIMESTAMP."""
    given = {assignment.this.name.lower() for assignment in tree.expressions if isinstance(assignment, exp.EQ)}
    for column in table.columns:
        if column.on_update and column.name.lower() not in given:
            now = exp.Var(this=default_expression(column))
            tree.append(
                "expressions", exp.EQ(this=exp.column(exp.to_identifier(column.name, quoted=True)), expression=now)
            )


def _count(cursor: duckdb.DuckDBPyConnection) -> int:
    row = cursor.fetchone()
    return int(row[0]) if row else 0
