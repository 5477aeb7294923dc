"""Commits in two phases a second: the real sink and its log in a metadata database, a target that answers at once.

Each of some threads commits batches of its own job, one behind the other: intend, prepare, decide, commit, finish; and
the batch is booked in the job's record, as the scheduler does it.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from routine_load.clock import SystemClock
from routine_load.commit.labels import LabelState, Prepared, Reply
from routine_load.commit.values import Counts, OffsetRange
from routine_load.ids import Compat, Label, TableRef, TaskId, TxnId
from routine_load.jobs.definition import DefineContext, define
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.job import new_job
from routine_load.loads.path import Commit
from routine_load.loads.rejects import RejectLog
from routine_load.loads.two_phase import SpoolPlace, TwoPhaseSink
from routine_load.loads.values import TableBatch, WriteMode
from routine_load.scheduler.bookkeeping import Bookkeeper
from routine_load.sql.parser import parse
from routine_load.sql.schema import Column, ColumnType, Table, TypeName
from routine_load.store import KEY_FILE, SecretBox, open_metadata

TARGET = 200
_THREADS = 16
_ROWS = pa.table({"a": ["x"] * 20})


class _Target:
    """Answers at once, and means it."""

    incarnation = "scale"
    name = "scale"

    def table(self, ref):
        return Table(ref=ref, columns=(Column(name="a", type=ColumnType(name=TypeName.VARCHAR)),))

    def state(self, database, label):
        return LabelState.UNKNOWN

    def prepare(self, part, body):
        return Prepared(reply=Reply.done(), txn_id=TxnId(1), loaded=_ROWS.num_rows)

    def commit(self, part):
        return Reply.done()

    def rollback(self, part):
        return Reply.done()


def _jobs(store, number: int) -> list:
    jobs = []
    for each in range(number):
        (statement,) = parse(
            f'CREATE ROUTINE LOAD d.j{each} ON t FROM KAFKA ("kafka_broker_list" = "127.0.0.1:9092", '
            '"kafka_topic" = "x")',
            Compat.STARROCKS,
        )
        context = DefineContext(
            compat=Compat.STARROCKS,
            config=FrontendConfig.of(Compat.STARROCKS),
            database="d",
            user="root",
            timezone="UTC",
            uuid="u",
        )
        job = new_job(define(statement, context), datetime.now(UTC), _Target.incarnation)
        jobs.append(store.jobs.insert(replace(job.starting_at({0: 0}), placing={})))
    return jobs


def _commit(sink: TwoPhaseSink, bookkeeper: Bookkeeper, job, number: int) -> None:
    transaction = sink.begin(Label(f"{job.id}-{number}"), job.id)
    ref = TableRef("d", "t")
    transaction.write(TableBatch(ref, _ROWS, WriteMode()))
    rows = _ROWS.num_rows
    transaction.commit(
        Commit(
            task_id=TaskId(f"{job.id}-{number}"),
            ranges=(OffsetRange(0, number * rows, (number + 1) * rows),),
            counts=Counts(loaded=rows, messages=rows),
        )
    )
    bookkeeper.catch_up(job.id)


def measure(url: str, home: Path, seconds: float, threads: int) -> tuple[float, float]:
    """Commits a second, and milliseconds of CPU that this process needs for one."""
    done = [0] * threads
    with open_metadata(url, SecretBox.at(home / KEY_FILE), threads + 4) as store:
        spool = SpoolPlace(folder=home / "spool", bytes_max=64 * 1024 * 1024)
        intents = store.intents("scale", lambda: time.time_ns() // 1_000_000)
        sink = TwoPhaseSink(_Target(), intents, spool, SystemClock())
        rejects = RejectLog(home / "error_log")
        bookkeeper = Bookkeeper(
            jobs=store.jobs, sink=sink, reject_log=rejects, clock=SystemClock(), frontend_config=FrontendConfig.of
        )
        jobs = _jobs(store, threads)
        for job in jobs:
            sink.place(job.id, {0: 0})
        ends = time.monotonic() + seconds

        def work(index: int) -> None:
            while time.monotonic() < ends:
                _commit(sink, bookkeeper, jobs[index], done[index])
                done[index] += 1

        workers = [threading.Thread(target=work, args=(index,)) for index in range(threads)]
        used = time.process_time()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        used = time.process_time() - used
        sink.close()
    return sum(done) / seconds, used * 1000 / max(1, sum(done))


def main(url: str = "", seconds: float = 10.0) -> None:
    """On the database of that URL, or on a PostgreSQL that is started for it."""
    server = None
    if not url:
        from tests.support.databases import PostgresServer  # noqa: PLC0415 - needs Debian's packages

        server = PostgresServer()
        url = server.url(server.database())
    try:
        with tempfile.TemporaryDirectory() as directory:
            home = Path(directory)
            for name in ("spool", "error_log"):
                (home / name).mkdir()
            speed, cpu_ms = measure(url, home, seconds, _THREADS)
            met = "yes" if speed >= TARGET else "no"
            print(
                f"{speed:,.0f} two-phase commits/s of {_THREADS} jobs at a time (target {TARGET}), {cpu_ms:.1f} ms of "
                f"CPU each, load average {os.getloadavg()[0]:.1f}  {met}"
            )
    finally:
        if server is not None:
            server.close()
