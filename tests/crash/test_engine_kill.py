"""A process that commits in a tight loop is killed at a random moment; the file then holds whole batches only."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from routine_load.engines.duckdb import DuckDbEngine
from routine_load.ids import Compat, JobId
from routine_load.statements.ports import Session

JOB = JobId(1)
KILLS = 5

CHILD = """
import sys
from pathlib import Path
import pyarrow as pa
from dataclasses import dataclass
from routine_load.commit.values import Counts, OffsetRange
from routine_load.engines.duckdb import DuckDbEngine
from routine_load.ids import JobId, Label, TableRef
from routine_load.loads.values import TableBatch, WriteMode

@dataclass
class Pending:
    ranges: tuple
    task_id: str = "t"
    counts: Counts = Counts()
    timestamps_ms: tuple = ()
    rejects: str = ""
    execute_ms: int = 0
    first_error: str = ""
    txn_id: int = 7

directory = Path(sys.argv[1])
engine = DuckDbEngine.open(directory / "w.duckdb", error_log_dir=directory / "e", memory="128MB", threads=2)
offset = engine.progress(JobId(1))[0]
while True:
    rows = pa.table({"k": pa.arange(offset, offset + 500)})
    transaction = engine.begin(Label(f"l-{offset}"), JobId(1), many_tables=True)
    for table in ("appended", "merged"):
        transaction.write(TableBatch(TableRef("d", table), rows, WriteMode()))
    transaction.commit(Pending((OffsetRange(0, offset, offset + 500),)))
    offset += 500
    print(offset, flush=True)
"""


def open_engine(directory: Path) -> DuckDbEngine:
    return DuckDbEngine.open(directory / "w.duckdb", error_log_dir=directory / "e", memory="128MB", threads=2)


def rows(engine: DuckDbEngine, sql: str) -> list[tuple[object, ...]]:
    result = engine.execute(sql, Session(user="root", compat=Compat.STARROCKS, database="d"))
    return [tuple(row) for row in getattr(result, "rows", ())]


@pytest.mark.slow
def test_after_every_kill_rows_and_progress_agree(tmp_path: Path) -> None:
    """After each SIGKILL: rows = distinct rows = progress, in a table that appends and in one that merges."""
    engine = open_engine(tmp_path)
    rows(engine, "CREATE DATABASE d")
    rows(engine, "CREATE TABLE appended (k BIGINT NOT NULL) DUPLICATE KEY(k)")
    rows(engine, "CREATE TABLE merged (k BIGINT NOT NULL) PRIMARY KEY(k)")
    engine.place(JOB, {0: 0})
    engine.close()
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    before = 0
    for _ in range(KILLS):
        with subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(chance.randrange(1, 40)):
                told = int(child.stdout.readline())
            child.kill()
        engine = open_engine(tmp_path)
        progress = engine.progress(JOB)[0]
        assert progress >= told > before
        assert progress % 500 == 0
        for table in ("appended", "merged"):
            expected = [(progress, progress, 0, progress - 1)]
            assert rows(engine, f"SELECT count(*), count(DISTINCT k), min(k), max(k) FROM {table}") == expected
        last = engine.commits_after(JOB, 0)[-1]
        assert last.ranges[0].end == progress
        engine.close()
        before = progress
