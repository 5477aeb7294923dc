"""One life of the service in the schedules of cuts: recover, plan, run tasks, book, until everything is read.

Bookkeeping, planning, verdicts, tasks, load path, sink, driver and table of the protocol are the real ones. What the
scheduler does with threads and a loop is done one after another here; the plays of seeds have the scheduler itself.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from routine_load.commit.protocol import IntentState
from routine_load.config import Settings
from routine_load.errors import LeadershipLost, MetadataError, RoutineLoadError, TaskTimedOut
from routine_load.ids import Compat
from routine_load.jobs.definition import DefineContext, JobDefinition, define
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.job import Job, new_job
from routine_load.jobs.states import JobState
from routine_load.loads.path import LoadPath
from routine_load.loads.two_phase import SpoolPlace, TwoPhaseSink
from routine_load.observe.failpoints import failpoint
from routine_load.scheduler.bookkeeping import Bookkeeper
from routine_load.scheduler.planning import Planner
from routine_load.scheduler.run import JobRun, Slice
from routine_load.scheduler.verdict import Step, judge
from routine_load.sql.statements import CreateRoutineLoad, JobName, Property
from routine_load.tasks.backlog import Backlog
from routine_load.tasks.control import TaskControl
from routine_load.tasks.run import BatchLimits, Task, TaskReport, TaskRunner
from tests.sim.cuts_ports import FileSink, Intents, Jobs, Rejects, Target
from tests.sim.cuts_records import Source
from tests.sim.cuts_world import JOB, START, Process, Violation, World

ROUNDS_MAX: Final = 40
CONFIG: Final = FrontendConfig()
SETTINGS: Final = Settings(data_dir=Path("/nowhere"), linger_ms=0)


@cache
def definition(tasks: int) -> JobDefinition:
    source = {"kafka_broker_list": "k:9092", "kafka_topic": "a", "property.kafka_default_offsets": "OFFSET_BEGINNING"}
    properties = {"desired_concurrent_number": str(tasks), "max_error_number": "1000"}
    statement = CreateRoutineLoad(
        job=JobName(name="j", database="db"),
        table="t",
        properties=tuple(Property(key=k, value=v) for k, v in properties.items()),
        source="KAFKA",
        source_properties=tuple(Property(key=k, value=v) for k, v in source.items()),
    )
    context = DefineContext(
        compat=Compat.STARROCKS, config=CONFIG, database="db", user="root", timezone="UTC", uuid="u"
    )
    return define(statement, context)


def created(world: World, incarnation: str) -> Job:
    """The job as CREATE has left it: where it starts is said, and the sink not told yet."""
    starts = dict.fromkeys(world.records.partitions_of_topic, 0)
    job = new_job(definition(world.records.workload.tasks), START, incarnation).placed(starts)
    return replace(job, id=JOB, placing=starts, version=1)


class Life:
    """``target``: None where the sink is a file of its own."""

    def __init__(self, world: World, process: Process, target: Target | None) -> None:
        self._world, self._process, self._target = world, process, target
        self._tasks = 0

    def live(self) -> None:
        """To the end of the topic, or of the leadership."""
        try:
            self._lead()
        except LeadershipLost:
            self._world.told.append(f"{self._process.name} does not lead any more")

    def _lead(self) -> None:
        for _ in range(ROUNDS_MAX):
            try:
                self._boot()
                if self._world.job is None:
                    self._world.job = created(self._world, self.sink.incarnation)
                break
            except LeadershipLost:
                raise
            except RoutineLoadError:
                continue  # whoever looks after the service starts it again
        for _ in range(ROUNDS_MAX):
            try:
                if self._round():
                    return
            except MetadataError:
                self._world.time += 1
        raise Violation(f"unseen: {self._process.name} has tried {ROUNDS_MAX} times")

    def _boot(self) -> None:
        world = self._world
        failpoint("lease.acquire.before")
        if self._target is None:
            self.sink: TwoPhaseSink | FileSink = FileSink(world)
            is_fenced = lambda: False  # noqa: E731 - one use: who has the file is alone
        else:
            self.log = Intents(world)
            self.sink = TwoPhaseSink(self._target, self.log, _SPOOL, world)
            is_fenced = lambda: self.log.epoch != world.kept.epoch  # noqa: E731 - one use
        failpoint("lease.acquire.after")
        rejects = Rejects(world)
        config = lambda _compat: CONFIG  # noqa: E731 - two uses
        self.jobs = Jobs(world, is_fenced)
        self.books = Bookkeeper(jobs=self.jobs, sink=self.sink, reject_log=rejects, clock=world, frontend_config=config)
        self.planner = Planner(
            sink=self.sink,
            metadata=world.records,
            settings=SETTINGS,
            clock=world,
            frontend_config=config,
            alive_backends=lambda: 3,
            compiler=world.records,
            files=lambda _database, properties: properties,
        )
        path = LoadPath(
            sink=self.sink, compiler=world.records, reject_log=rejects, clock=world, gate=threading.Semaphore(9)
        )
        self.runner = TaskRunner(source=Source(world), path=path, backlog=Backlog(9), tell=lambda *_: None, clock=world)
        if isinstance(self.sink, TwoPhaseSink):
            self.sink.start()
        self.books.recover()

    def _round(self) -> bool:
        """Plan the job and run its tasks; whether everything is read."""
        job = self.jobs.get(JOB)
        assert job is not None
        if job.state is JobState.PAUSED:
            self._somebody_looks()
        try:
            plan = self.books.plan(JOB, self.planner, lambda: True)
        except (LeadershipLost, MetadataError):
            raise
        except RoutineLoadError as error:
            self.books.planning_failed(JOB, error, 1, lambda: True)
            self._world.time += 1
            return False
        if plan is None:
            return False
        run = JobRun.of(plan, self._world.now())
        return all(self._reads_on(run, part) for part in run.slices)

    def _somebody_looks(self) -> None:
        """A person tells the truth about a doubt, and resumes the job."""
        world, sink = self._world, self.sink
        if self._target is None or not isinstance(sink, TwoPhaseSink):
            raise Violation(f"unseen: the job is paused: {world.job and world.job.reason}")
        for intent in self.log.open_intents(JOB):
            if intent.state is IntentState.IN_DOUBT:
                world.doubts += 1
                sink.resolve(JOB, committed=bool(self._target.rows_of(intent.label)), label=intent.label)
        self.jobs.modify(JOB, lambda job: job.resumed(world.now()) if job.state is JobState.PAUSED else job)

    def _reads_on(self, run: JobRun, part: Slice) -> bool:
        """Tasks of a slice to its end; False where the job has to be planned again."""
        failures = 0
        while run.lag_of(part):
            try:
                report = self._run(run, part)
            except LeadershipLost:
                raise
            except RoutineLoadError as error:
                failures += 1
                part.succeed(self._world.now())
                verdict = judge(run.case(error, failures))
                if verdict.step is Step.RETRY and failures < ROUNDS_MAX:
                    self.books.aborted(JOB, verdict.text)
                    continue
                if verdict.step is not Step.REPLAN:
                    self.books.failed(JOB, replace(verdict, of_task=True), lambda: True)
                return False
            part.ended(report, self._world.now())
            run.advance(dict(report.positions))
            failures = 0
        return True

    def _run(self, run: JobRun, part: Slice) -> TaskReport:
        failpoint("task.dispatch.before")
        task = run.task_of(part, _LIMITS)
        report = self._elsewhere(task) if self._world.tasks_sleep else self.runner.run(task, TaskControl())
        while report.record is not None:
            try:
                self.books.catch_up(JOB)
                break
            except MetadataError:
                self._world.time += 1
        failpoint("task.dispatch.after")
        return report

    def _elsewhere(self, task: Task) -> TaskReport:
        """A task that may stand still while this process goes on without it."""
        self._tasks += 1
        process = Process(f"{self._process.name}, task {self._tasks}", is_task=True)
        found: list[TaskReport] = []
        self._world.run(process, lambda: found.append(self.runner.run(task, TaskControl())))
        if process.stands_still:
            raise TaskTimedOut
        if process.failure is not None:
            raise process.failure
        return found[0]


_LIMITS: Final = BatchLimits(rows_max=10, bytes_max=1000, consume_s=10, linger_s=0, chunk_rows=10, chunk_bytes=1000)
_SPOOL: Final = SpoolPlace(folder=Path("/nowhere"), bytes_max=10**6)
