"""The one merging writer: rows of UNIQUE, PRIMARY and AGGREGATE tables become one row per key.

A batch is staged in arrival order, reduced to one row per key, and merged with the rows that are there by delete and
insert, without an index. Keys are compared by IS NOT DISTINCT FROM: NULL equals NULL. One merge runs at a time, in a
snapshot taken after the lock, because two concurrent inserts of one new key would both succeed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import duckdb
import pyarrow as pa

from routine_load.engines.duckdb.catalog import Catalog
from routine_load.engines.duckdb.merge_checks import take_out
from routine_load.engines.duckdb.merge_plan import MergePlan
from routine_load.engines.duckdb.merge_sql import merge_of
from routine_load.engines.duckdb.names import Names, quote, quoted
from routine_load.engines.duckdb.temporary import beside, owner
from routine_load.engines.duckdb.writers import OP, ORDINAL, Chunks, table_columns
from routine_load.errors import SinkError
from routine_load.loads.values import SEQUENCE, RefusedRow, WriteMode
from routine_load.sql.schema import Table

LOCK_WAIT_S = 60.0
KEY_CHARS = 64
"""Of a key that is shown in an error, at most so much of each column."""


class MergeLock:
    """Lets one merging transaction through at a time, in the order of their coming.

    ``wait_s`` bounds the wait for one other to end, not for all that came before: where merges go on, however many
    wait, nobody gives up a batch that is ready.
    """

    def __init__(self, wait_s: float = LOCK_WAIT_S) -> None:
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._wait_s = wait_s

    def acquire(self) -> None:
        """Raises SinkError when one other has held the lock for too long."""
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            while (ahead := self._queue[0]) is not ticket:
                if not self._changed.wait_for(partial(self._has_gone, ahead), self._wait_s):
                    self._queue.remove(ticket)
                    raise SinkError(f"The merging writer was busy for {self._wait_s:g} s")

    def _has_gone(self, ticket: object) -> bool:
        return self._queue[0] is not ticket

    def release(self) -> None:
        with self._changed:
            self._queue.popleft()
            self._changed.notify_all()

    @contextmanager
    def held(self) -> Iterator[None]:
        """For statements: hold the lock while the block runs."""
        self.acquire()
        try:
            yield
        finally:
            self.release()


@dataclass(slots=True)
class Stage:
    """One table of staged rows of one table, all with the same columns and mode. ``source`` is its name as SQL."""

    source: str
    plan: MergePlan
    rows: int = 0


class Staging:
    """Rows that wait for the commit, in arrival order: temporary tables of one cursor, which spill to disk.

    ``kept_as`` begins the name of tables of the file, which outlive the cursor once they are committed.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, chunks: Chunks, names: Names, kept_as: str = "") -> None:
        self._cursor = cursor
        self._chunks = chunks
        self._names = names
        self._kept_as = kept_as
        self.stages: list[Stage] = []

    @property
    def merges(self) -> bool:
        """Whether there is anything that needs the merge lock."""
        return any(stage.plan.table.key_model.merges for stage in self.stages)

    def add(self, table: Table, rows: pa.Table, mode: WriteMode) -> Sequence[RefusedRow]:
        """Stage a chunk; returns the rows that cannot be taken. Raises SinkError where the key is not complete."""
        columns = tuple(target for target, _ in table_columns(table, rows))
        merges = table.key_model.merges
        plan = MergePlan(
            table=table,
            columns=columns,
            has_op=merges and OP in rows.column_names,
            mode=mode,
            has_sequence=SEQUENCE in rows.column_names,
        )
        if merges:
            plan.check()
        if rows.num_rows == 0:
            return ()
        stage = self._stage_for(plan)
        first = stage.rows
        pairs = plan.staged_columns(rows.column_names)
        ordinals = pa.arange(stage.rows, stage.rows + rows.num_rows)
        with self._chunks.view(rows.append_column(ORDINAL, ordinals)) as chunk:
            targets = ", ".join([quoted([t for t, _ in pairs]), quote(ORDINAL)])
            sources = ", ".join([*(expression for _, expression in pairs), quote(ORDINAL)])
            self._cursor.execute(f"INSERT INTO {stage.source} ({targets}) SELECT {sources} FROM {chunk}")
        stage.rows += rows.num_rows
        return take_out(self._cursor, self._names, plan, (stage.source, first))

    def _stage_for(self, plan: MergePlan) -> Stage:
        """The stage that the rows go on to: the table's last one, where columns and mode are still the same."""
        last = next((s for s in reversed(self.stages) if s.plan.table.ref == plan.table.ref), None)
        if last is not None and last.plan == plan:
            return last
        number = len(self.stages)
        if self._kept_as:
            source = self._names.own(f"{self._kept_as}{number}")
            self._cursor.execute(f"CREATE TABLE {source} ({plan.stage_columns()})")
        else:
            name = quote(f"__rl_stage_{number}")
            source = f"temp.{name}"
            self._cursor.execute(f"CREATE TEMP TABLE {name} ({plan.stage_columns()})")
        stage = Stage(source, plan)
        self.stages.append(stage)
        return stage

    def merge(self, catalog: Catalog) -> None:
        """Merge, or append, every stage, in order, in the cursor's transaction. The caller holds the merge lock."""
        for stage in self.stages:
            table = catalog.table(owner(stage.plan.table.ref))
            if (beside(table) if stage.plan.mode.temporary_partitions else table) != stage.plan.table:
                raise SinkError(f"Table {stage.plan.table.ref} was altered during the load")
            source = stage.source
            if not stage.plan.table.key_model.merges:
                self._append(stage.plan, source)
                continue
            merge = merge_of(stage.plan, source, self._names)
            for statement in merge.reduce:
                self._cursor.execute(statement)
            if merge.unknown_keys:
                self._require_known(self._cursor.execute(merge.unknown_keys).fetchone())
            for statement in merge.write:
                self._cursor.execute(statement)

    def _require_known(self, unknown: tuple[object, ...] | None) -> None:
        """Doris: partial_update_new_key_behavior ERROR: one unknown key, and nothing of the batch is loaded."""
        if unknown is not None:
            key = ", ".join("NULL" if value is None else str(value)[:KEY_CHARS] for value in unknown)
            raise SinkError(
                "Can't append new rows in partial update when partial_update_new_key_behavior is ERROR. "
                f"Row with key=[{key}] is not in table."
            )

    def _append(self, plan: MergePlan, source: str) -> None:
        columns = quoted([column.name for column in plan.loaded])
        target = self._names.table(plan.table.ref)
        self._cursor.execute(f"INSERT INTO {target} ({columns}) SELECT {columns} FROM {source}")
