"""What every memory of commits promises: ``statements.context.CommitLog``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from routine_load.commit.values import CommitRecord, Counts
from routine_load.engines.duckdb import DuckDbEngine
from routine_load.ids import NO_TXN, JobId, Label, TaskId, TxnId
from routine_load.loads.path import Commit


class DuckDbLog:
    """An engine over a file that may be closed, changed from outside and opened again."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "w.duckdb"
        self.open()

    def open(self) -> None:
        self.engine = DuckDbEngine.open(self.file, error_log_dir=self.file.parent / "error_log")

    def close(self) -> None:
        self.engine.close()

    def commit(self, job: int, number: int) -> CommitRecord:
        """An empty batch under a label of its own."""
        pending = Commit(task_id=TaskId("t"), ranges=(), counts=Counts(loaded=number), txn_id=TxnId(number))
        return self.engine.begin(Label(f"l-{number}"), JobId(job)).commit(pending)

    def recent(self, *jobs: int, limit: int = 10) -> list[CommitRecord]:
        return self.engine.recent_commits([JobId(job) for job in jobs], limit)


@pytest.fixture(params=[DuckDbLog])
def log(request, tmp_path) -> Iterator[DuckDbLog]:
    opened = request.param(tmp_path)
    yield opened
    opened.close()


def test_the_newest_commits_of_some_jobs_come_first(log):
    """As they were recorded, with the number that SHOW gave them; others' are left out."""
    records = [log.commit(job, number) for number, job in enumerate((1, 2, 1, 3, 1), start=1)]
    assert log.recent(1, 2) == [records[4], records[2], records[1], records[0]]
    assert [record.txn_id for record in log.recent(1, 2)] == [5, 3, 2, 1]
    assert log.recent(1, 2, limit=2) == [records[4], records[2]]
    assert (log.recent(), log.recent(9)) == ([], [])


def test_they_are_there_after_a_restart(log):
    """The sink's memory is as durable as its rows."""
    record = log.commit(1, 7)
    log.close()
    log.open()
    assert log.recent(1) == [record]


def test_a_file_from_before_numbers_were_kept_opens(log):
    """Its commits have no number; new ones do."""
    log.commit(1, 7)
    log.close()
    with duckdb.connect(str(log.file)) as raw:
        [(schema,)] = raw.execute(
            "SELECT table_schema FROM information_schema.tables WHERE table_name = 'commits'"
        ).fetchall()
        raw.execute(f'ALTER TABLE "{schema}".commits DROP COLUMN txn_id')
    log.open()
    log.commit(1, 8)
    assert [record.txn_id for record in log.recent(1)] == [8, NO_TXN]
