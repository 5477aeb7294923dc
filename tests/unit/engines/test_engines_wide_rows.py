"""Rows of which a few are as large as the engine's memory: kept, and no end of the engine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from routine_load.commit.values import OffsetRange
from routine_load.engines.duckdb import DuckDbEngine
from routine_load.engines.duckdb.breadth import COMPACTING
from routine_load.errors import EngineError, SinkError
from routine_load.ids import Compat, JobId, Label, PartitionId, TableRef
from routine_load.loads.values import TableBatch, WriteMode
from routine_load.statements.ports import Session
from tests.contract.test_sink_contract import Pending

JOB = JobId(7)
PART = PartitionId(0)
MEMORY = "64MB"
SIZE = 100_000
WIDE = TableRef("d", "wide")


class World:
    """An engine of little memory, with a table that appends and one that merges."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.number = 0
        self.open()
        self.run("CREATE DATABASE d")
        for name, model in (("wide", "DUPLICATE"), ("merged", "PRIMARY")):
            self.run(f"CREATE TABLE d.{name} (id BIGINT, v VARCHAR(1048576)) {model} KEY (id)")
        self.engine.place(JOB, {PART: 0})

    def open(self) -> None:
        self.engine = DuckDbEngine.open(
            self.directory / "w.duckdb", error_log_dir=self.directory / "e", memory=MEMORY, threads=2
        )

    def run(self, sql: str) -> list[tuple[object, ...]]:
        result = self.engine.execute(sql, Session(user="root", compat=Compat.STARROCKS, database="d"))
        return [tuple(row) for row in getattr(result, "rows", ())]

    def raw(self, sql: str) -> list[tuple[object, ...]]:
        """Past all bounds of the engine."""
        cursor = self.engine._warehouse.cursor()
        try:
            return cursor.execute(sql).fetchall()
        finally:
            cursor.close()

    def load(self, table: TableRef, count: int, size: int = SIZE) -> None:
        """One transaction of ``count`` rows, none like another."""
        load = self.engine.begin(Label(f"l{self.number}"), JOB)
        first, self.number = self.number, self.number + count
        values = [f"{n:09}" * (size // 9 + 1) for n in range(first, self.number)]
        rows = pa.table({"id": pa.array(range(first, self.number), pa.int64()), "v": values})
        load.write(TableBatch(table, rows, WriteMode()))
        load.commit(Pending(ranges=(OffsetRange(PART, first, self.number),)))

    def overfill(self) -> None:
        """Make DuckDB give the file up: rows in small portions, which its next checkpoint puts together."""
        for portion in range(100):
            self.raw(f"INSERT INTO w.d.wide SELECT {portion} * 10 + i, repeat(i || 'v', {SIZE}) FROM range(10) AS r(i)")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.engine.close()


@pytest.mark.parametrize("table", [WIDE, TableRef("d", "merged")], ids=str)
def test_a_table_takes_more_wide_rows_than_fit_into_memory(world: World, table: TableRef) -> None:
    """Checkpoints of wide rows in many small commits stay within the engine's memory, also after a restart."""
    for _ in range(60):
        world.load(table, 25)
    world.engine.close()
    world.open()
    for _ in range(10):
        world.load(table, 25)
    assert world.run(f"SELECT count(*), count(DISTINCT id) FROM {table}") == [(70 * 25, 70 * 25)]


def test_row_groups_are_put_together_where_rows_are_narrow(world: World) -> None:
    """What wide rows cost is not paid by files without them, nor when the last such table is gone."""
    setting = f"SELECT current_setting('{COMPACTING}')"
    world.load(WIDE, 500, size=100)
    assert world.raw(setting) == [(100,)]
    for _ in range(5):
        world.load(WIDE, 25)
    assert world.raw(setting) == [(0,)]
    world.run("ALTER TABLE d.wide RENAME still_wide")
    world.engine.close()
    world.open()
    assert world.raw(setting) == [(0,)]
    world.run("DROP TABLE d.still_wide FORCE")
    world.engine.close()
    world.open()
    assert world.raw(setting) == [(100,)]


def test_a_transaction_of_wide_rows_says_when_it_is_full(world: World) -> None:
    """At an eighth of the engine's memory: what is in a transaction is one row group of the next checkpoint."""
    load = world.engine.begin(Label("full"), JOB)
    chunk = pa.table({"id": pa.array(range(50), pa.int64()), "v": ["v" * SIZE] * 50})
    many = pa.table({"id": pa.array(range(500_000), pa.int64()), "v": ["narrow text " * 3] * 500_000})
    load.write(TableBatch(WIDE, many, WriteMode()))
    full = []
    for _ in range(4):
        full.append(load.is_full)
        load.write(TableBatch(WIDE, chunk, WriteMode()))
    full.append(load.is_full)
    load.rollback()
    assert full == [False, False, True, True, True]


def test_a_file_that_duckdb_gave_up_is_opened_again(world: World) -> None:
    """What was committed is there, and the next statement, load and definition find an engine that works."""
    with pytest.raises(duckdb.FatalException):
        world.overfill()
    rows = world.raw("SELECT count(*) FROM w.d.wide")
    world.engine._warehouse.cursor(sound=True).close()
    assert world.run("SELECT count(*) FROM d.wide") == rows
    world.run("CREATE TABLE d.another (id BIGINT) DUPLICATE KEY (id)")
    world.load(WIDE, 3)
    assert world.engine.progress(JOB) == {PART: 3}
    world.overfill()  # not a second time


def test_what_a_commit_says_is_true_also_where_its_checkpoint_failed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is opened again and asked: rows and progress are there together and once, or not at all."""
    monkeypatch.setattr(world.engine._warehouse.breadth, "wide_bytes", lambda _rows: 0)
    reopened: list[bool] = []
    read = world.engine._catalog._read
    world.engine._warehouse.when_reopened(lambda cursor: (read(cursor), reopened.append(True))[0])
    while not reopened and world.number < 2_000:
        before = world.number
        try:
            world.load(WIDE, 10)
        except SinkError:
            world.number = before
        assert world.engine.progress(JOB) == {PART: world.number}
    assert reopened
    world.load(WIDE, 10)
    assert world.run("SELECT count(*), count(DISTINCT id) FROM d.wide") == [(world.number, world.number)]


@pytest.mark.parametrize("table", [WIDE, TableRef("d", "merged")], ids=str)
def test_a_transaction_that_is_open_when_the_file_is_opened_again_leaves_nothing(world: World, table: TableRef) -> None:
    """It fails with what it does next, and its rows come again in another one."""
    load = world.engine.begin(Label("open"), JOB)
    rows = pa.table({"id": pa.array([1], pa.int64()), "v": ["v"]})
    load.write(TableBatch(table, rows, WriteMode()))
    warehouse = world.engine._warehouse
    warehouse._open_again(warehouse._root)
    with pytest.raises(SinkError):
        load.commit(Pending(ranges=(OffsetRange(PART, 0, 1),)))
    assert world.engine.progress(JOB) == {PART: 0}
    assert world.run(f"SELECT count(*) FROM {table}") == [(0,)]
    world.load(table, 1)
    assert world.engine.progress(JOB) == {PART: 1}


def test_who_comes_while_the_file_is_opened_again_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Statements wait for a moment, then have a clear error; a file that could not be opened is tried again."""
    warehouse = world.engine._warehouse
    monkeypatch.setattr("routine_load.engines.duckdb.warehouse.REOPEN_WAIT_S", 0.01)
    entered, go = threading.Event(), threading.Event()
    opening = warehouse._opening

    def slow() -> object:
        entered.set()
        go.wait(30)
        raise EngineError("no such disk")

    monkeypatch.setattr(warehouse, "_opening", slow)
    with pytest.raises(duckdb.FatalException):
        world.overfill()
    told: list[EngineError] = []

    def first() -> None:
        with pytest.raises(EngineError) as caught:
            warehouse.cursor(sound=True)
        told.append(caught.value)

    thread = threading.Thread(target=first)
    thread.start()
    assert entered.wait(30)
    with pytest.raises(EngineError, match="being opened again"):
        world.run("SELECT count(*) FROM d.wide")
    go.set()
    thread.join(30)
    assert [error.message for error in told] == ["no such disk"]
    monkeypatch.setattr(warehouse, "_opening", opening)
    assert world.run("SELECT count(*) > 0 FROM d.wide") == [(1,)]
