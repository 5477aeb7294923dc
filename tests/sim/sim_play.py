"""One play: a service that is started, disturbed, killed and started again over a world that remembers, and its judge.

Scheduler, bookkeeping, planning, statements, tasks and the load path are the real ones.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq

from routine_load.backends.local import LocalBackends
from routine_load.config import Settings
from routine_load.errors import RoutineLoadError
from routine_load.ids import Compat, PartitionId
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.job import Job
from routine_load.jobs.states import JobState
from routine_load.loads.path import LoadPath
from routine_load.loads.rejects import RejectLog
from routine_load.observe import failpoints
from routine_load.scheduler.bookkeeping import Bookkeeper
from routine_load.scheduler.parts import Parts
from routine_load.scheduler.planning import Planner
from routine_load.scheduler.scheduler import Scheduler
from routine_load.sql.statements import (
    AlterRoutineLoad,
    CreateRoutineLoad,
    JobName,
    PauseRoutineLoad,
    Property,
    ResumeRoutineLoad,
    StopRoutineLoad,
)
from routine_load.statements import routine_load as handlers
from routine_load.statements.alter import alter as alter_job
from routine_load.statements.context import Context
from routine_load.statements.ports import Session
from routine_load.tasks.backlog import Backlog
from routine_load.tasks.run import TaskRunner
from tests.sim.sim_stage import Stage, StageAgenda, StageLock, StageLoop, StageThreads
from tests.sim.sim_world import Compiler, Faults, Kafka, Sink, Store, Topic, Violation

NAME = JobName(name="j", database="db")
SESSION = Session(user="root", compat=Compat.STARROCKS, database="db")
CHAOS_S = 8.0


class Play:
    """All of one seed's story."""

    def __init__(self, seed: int, directory: Path) -> None:
        self.stage = Stage(seed)
        dice = self.stage.dice
        self.faults = Faults(self.stage, dice.choice((0.0, 0.01, 0.03)))
        self.topic = Topic(self.stage, dice.randrange(1, 5))
        self.store = Store(self.stage, self.faults)
        self.sink = Sink(self.stage, self.faults, self.store)
        self.errors_max = dice.choice((0, 5, 100_000))
        self.is_hasty = seed % 3 == 0  # tasks are given up in the middle of their work
        self._base = directory
        self._log_of(0).mkdir(parents=True)

    # the story

    def run(self) -> None:
        """Disturb, heal, judge."""
        failpoints.observe(self.faults.failpoint)
        try:
            self.boot()
            dice = self.stage.dice
            for moment in sorted(dice.uniform(0, CHAOS_S) for _ in range(dice.randrange(3))):
                self._until(lambda moment=moment: self.stage.time >= moment)
                self._kill_and_boot()
            self._until(lambda: self.stage.time >= CHAOS_S)
            self.faults.on = False
            if self.failed_to_start:
                self._kill_and_boot()
            self.stage.spawn(self._heal)
            self.stage.run(self._is_done)
            Judge(self).check()
        finally:
            failpoints.disarm()
            if self.stage.loop is not None:
                self.stage.kill()

    def boot(self) -> None:
        """Start the service and those who disturb it."""
        stage, self.failed_to_start = self.stage, False
        stage.loop = StageLoop(stage)
        kafka, rejects = Kafka(self.topic, stage, self.faults), RejectLog(self._log_of(stage.alive))
        settings = Settings(
            data_dir=self._base, linger_ms=50, partition_refresh_s=2.0, abort_backoff_s=0.2, abort_backoff_max_s=1.0
        )
        self.scheduler = _scheduler(self, kafka, rejects, settings)
        if self.is_hasty:
            self._hurry()
        self.context = _context(self, kafka, settings)
        starting = stage.loop.create_task(self.scheduler.start())
        starting.add_done_callback(self._note_start)
        for work in (self._user, self._user, self._producer, lambda: self._watcher(kafka)):
            stage.spawn(work)

    def _hurry(self) -> None:
        dispatcher = self.scheduler._dispatcher
        time = dispatcher._time
        dispatcher._time = lambda run, part, timeout_s: time(run, part, 0.1 if self.faults.on else timeout_s)

    def _until(self, reached: Callable[[], bool]) -> None:
        """Go on; a service that failed to start is started again, as whoever looks after it would."""
        while True:
            self.stage.run(lambda: reached() or self.failed_to_start)
            if not self.failed_to_start:
                return
            self._kill_and_boot()

    def _kill_and_boot(self) -> None:
        before = self.stage.alive
        shutil.copytree(self._log_of(before), self._log_of(before + 1))
        self.stage.kill()
        self.boot()

    def _note_start(self, task: asyncio.Task[None]) -> None:
        self.failed_to_start = not task.cancelled() and task.exception() is not None

    def _log_of(self, process: int) -> Path:
        return self._base / f"log{process}"

    @property
    def log(self) -> Path:
        return self._log_of(self.stage.alive)

    # those who disturb

    def _producer(self) -> None:
        while self.faults.on:
            self.stage.sleep(self.stage.dice.expovariate(4))
            self.topic.produce()
            if self.stage.dice.random() < 0.03 and len(self.topic.partitions) < 6:
                self.topic.grow()

    def _watcher(self, kafka: Kafka) -> None:
        while True:
            self.stage.sleep(0.1)
            kafka.look()

    def _user(self) -> None:
        dice = self.stage.dice
        while self.faults.on:
            # often at the same moment as the other one
            self.stage.pause(lambda: False, 0.5 * dice.randrange(1, 4) + self.stage.time // 0.5 * 0.5)
            self._say(dice.choices((pause, resume, alter), (3, 5, 3))[0])

    def _heal(self) -> None:
        """Somebody who wants the job to run: it is made, resumed, and has no other trouble."""
        while True:
            job = next(iter(self.store.jobs.values()), None)
            if job is not None and job.state is JobState.PAUSED:
                self._say(resume)
            self.stage.sleep(0.5)

    def _say(self, statement: Callable[[Play], None]) -> None:
        try:
            if self.store.jobs:
                statement(self)
            else:
                create(self)
        except RoutineLoadError as error:
            if not self.faults.on and statement is resume:
                self.last_refusal = error

    # the end

    def _is_done(self) -> bool:
        if self.stage.time > CHAOS_S + 200:
            raise Violation(f"not caught up 200 s after the last fault: {self.describe()}")
        job = next(iter(self.store.jobs.values()), None)
        if job is None or job.state is not JobState.RUNNING or job.sequence != len(self.sink.history):
            return False
        ends = {p: self.topic.end(p) for p in self.topic.partitions}
        return dict(job.progress) == ends == self.sink.standing.get(job.id)

    def describe(self) -> str:
        job = next(iter(self.store.jobs.values()), None)
        told = "no job" if job is None else f"{job.state} {job.reason} {dict(job.progress)} {job.other_msg}"
        return f"{told}; sink {self.sink.standing}; {dict(self.faults.failed)}"


def create(play: Play) -> None:
    properties = {"format": "json", "max_error_number": str(play.errors_max), "desired_concurrent_number": "3"}
    source = {"kafka_broker_list": "kafka:9092", "kafka_topic": "topic"}
    source["property.kafka_default_offsets"] = "OFFSET_BEGINNING"
    statement = CreateRoutineLoad(
        job=NAME, table="t", properties=_listed(properties), source="KAFKA", source_properties=_listed(source)
    )
    handlers.create(statement, SESSION, play.context)


def pause(play: Play) -> None:
    handlers.pause(PauseRoutineLoad(job=NAME), SESSION, play.context)


def resume(play: Play) -> None:
    handlers.resume(ResumeRoutineLoad(job=NAME), SESSION, play.context)


def stop(play: Play) -> None:
    handlers.stop(StopRoutineLoad(job=NAME), SESSION, play.context)


def alter(play: Play) -> None:
    partition = play.stage.dice.randrange(len(play.topic.partitions))
    offset = play.stage.dice.randrange(play.topic.end(PartitionId(partition)) + 1)
    source = {"kafka_partitions": str(partition), "kafka_offsets": str(offset)}
    statement = AlterRoutineLoad(job=NAME, source="KAFKA", source_properties=_listed(source))
    alter_job(statement, SESSION, play.context)


def _listed(values: dict[str, str]) -> tuple[Property, ...]:
    return tuple(Property(key=key, value=value) for key, value in values.items())


def _scheduler(play: Play, kafka: Kafka, rejects: RejectLog, settings: Settings) -> Scheduler:
    stage = play.stage
    backends = LocalBackends(2, slots=lambda: 4, host="sim", clock=stage)
    for backend in backends._backends.values():
        backend.pool = StageThreads(stage)
    gate = StageLock(stage, 2)
    path = LoadPath(sink=play.sink, compiler=Compiler(), reject_log=rejects, clock=stage, gate=gate)
    scheduler = Scheduler(
        Parts(
            agenda=StageAgenda(stage),
            bookkeeper=Bookkeeper(
                jobs=play.store, sink=play.sink, reject_log=rejects, clock=stage, frontend_config=FrontendConfig.of
            ),
            planner=Planner(
                sink=play.sink,
                metadata=kafka,
                settings=settings,
                clock=stage,
                frontend_config=FrontendConfig.of,
                alive_backends=lambda: 3,
                compiler=Compiler(),
                files=lambda _database, properties: properties,
                placing=StageLock(stage),
            ),
            watch=kafka,
            backends=backends,
            runner=TaskRunner(
                source=kafka, path=path, backlog=Backlog(1000), tell=lambda *_: kafka._strike("tell"), clock=stage
            ),
            settings=settings,
            clock=stage,
        )
    )
    scheduler._doors._locks = defaultdict(lambda: StageLock(stage))
    return scheduler


def _context(play: Play, kafka: Kafka, settings: Settings) -> Context:
    unused = SimpleNamespace()
    return Context(
        settings=settings,
        engine=SimpleNamespace(has_database=lambda _: True),
        sink=play.sink,
        jobs=play.store,
        users=unused,
        privileges=unused,
        metadata=kafka,
        compiler=Compiler(),
        scheduler=play.scheduler,
        check_client_properties=lambda *_: None,
        clock=play.stage,
        frontend_config=FrontendConfig.of,
        error_log_url=str,
        http_address=lambda: ("", 0),
        mysql_address=lambda: ("", 0),
        processes=list,
        loads=unused,
        files=SimpleNamespace(resolve=lambda _database, properties: properties),
    )


class Judge:
    """Compares what the world remembers with what was promised."""

    def __init__(self, play: Play) -> None:
        self._topic, self._sink, self._moves, self._log = play.topic, play.sink, play.store.moves, play.log
        self._job: Job = next(iter(play.store.jobs.values()))

    def check(self) -> None:
        for partition in self._topic.partitions:
            self._check_ranges(partition)
            self._check_rows(partition)
        for record in self._sink.history:
            self._check_record(record)
        self._check_statistic()

    def _ranges(self, partition: PartitionId) -> list[tuple[int, int]]:
        return [(r.start, r.end) for record in self._sink.history for r in record.ranges if r.partition == partition]

    def _check_ranges(self, partition: PartitionId) -> None:
        """Committed ranges tile, from where CREATE or ALTER said; ALTER finds the partition where they ended."""
        moves = [(behind + 0.5, before, after) for behind, p, before, after in self._moves if p == partition]
        ranges = [
            (c.sequence, r.start, r.end) for c in self._sink.history for r in c.ranges if r.partition == partition
        ]
        at = 0
        for when, before, after in sorted(moves + ranges, key=lambda each: each[0]):
            fits = before == at or (before == -1 and at == 0)
            _require(fits, f"partition {partition} stood at {at}, and went from {before} to {after} ({when})")
            at = after
        _require(at == self._topic.end(partition), f"partition {partition} ends at {at}")

    def _check_rows(self, partition: PartitionId) -> None:
        """Every visible record of the committed ranges, in their order, once."""
        wanted = [o for start, end in self._ranges(partition) for o in self._topic.visible(partition, start, end, b"g")]
        _require(self._sink.rows[partition] == wanted, f"partition {partition}: {self._sink.rows[partition]} {wanted}")

    def _check_record(self, record) -> None:
        """Each batch counts its own records by their fate, and its rejected rows can be read."""

        def fated(fate: bytes) -> list[tuple[int, int]]:
            return [
                (r.partition, offset)
                for r in record.ranges
                for offset in self._topic.visible(r.partition, r.start, r.end, fate)
            ]

        bad = fated(b"b")
        counts = (record.counts.loaded, record.counts.filtered, record.counts.unselected)
        _require(counts == (len(fated(b"g")), len(bad), len(fated(b"w"))), f"{record.label} is miscounted: {counts}")
        _require(bool(record.rejects) == bool(bad), f"{record.label}: {bad} were rejected into {record.rejects!r}")
        if bad:
            path = self._log / f"{record.rejects}.parquet"
            _require(path.is_file(), f"{record.label}: the rejected rows {bad} cannot be read")
            rows = pq.read_table(path, columns=["partition", "offset"]).to_pylist()
            told = sorted((row["partition"], row["offset"]) for row in rows)
            _require(told == sorted(bad), f"{record.label}: {told} are in the error log, {bad} were rejected")

    def _check_statistic(self) -> None:
        statistic, counts = self._job.statistic, [record.counts for record in self._sink.history]
        told = (statistic.total_rows, statistic.error_rows, statistic.unselected_rows, statistic.committed_tasks)
        wanted = (
            sum(c.total for c in counts),
            sum(c.filtered for c in counts),
            sum(c.unselected for c in counts),
            sum(1 for c in counts if c.loaded or not c.total),  # the others count as aborted (StarRocks)
        )
        _require(told == wanted, f"Statistic says {told}, the sink {wanted}")
        _require(self._job.sequence == len(counts), f"booked up to {self._job.sequence} of {len(counts)}")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise Violation(message)
