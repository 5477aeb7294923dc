"""One play: a service that is started, disturbed, killed and started again over a world that remembers.

Scheduler, bookkeeping, planning, statements, tasks, the load path and the live settings are the real ones.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from routine_load.app.frontend_config import LiveFrontendConfig
from routine_load.backends.local import LocalBackends
from routine_load.config import Settings
from routine_load.errors import RoutineLoadError
from routine_load.ids import Compat, Label
from routine_load.jobs.job import Job
from routine_load.jobs.states import JobState
from routine_load.loads.path import LoadPath
from routine_load.loads.rejects import RejectLog
from routine_load.observe import failpoints
from routine_load.scheduler.bookkeeping import Bookkeeper
from routine_load.scheduler.doors import Doors
from routine_load.scheduler.parts import Parts
from routine_load.scheduler.planning import Planner
from routine_load.scheduler.scheduler import Scheduler
from routine_load.statements.context import Context
from routine_load.tasks.backlog import Backlog
from routine_load.tasks.run import TaskRunner
from tests.sim import sim_users
from tests.sim.sim_cluster import ClusterSink
from tests.sim.sim_judge import Judge
from tests.sim.sim_stage import Stage, StageAgenda, StageLock, StageLoop, StageThreads, Violation
from tests.sim.sim_store import Sink, Store
from tests.sim.sim_world import Compiler, Faults, Kafka, Topic

CHAOS_S = 8.0
DAY_S = 86_400.0


class Play:
    """All of one seed's story."""

    def __init__(self, seed: int, directory: Path, *, on_cluster: bool = False) -> None:
        self.stage = Stage(seed)
        dice = self.stage.dice
        self.faults = Faults(self.stage, dice.choice((0.0, 0.01, 0.03)), dice.choice((0.0, 0.02, 0.1)))
        self.is_multi_table = seed % 4 == 1
        self.is_hasty = seed % 3 == 0  # tasks are given up in the middle of their work
        tables = ("t", "u") if self.is_multi_table else ()
        self.topics = {name: Topic(self.stage, dice.randrange(1, 5), tables) for name in ("a", "b")}
        self.store = Store(self.stage, self.faults)
        self.on_cluster = on_cluster
        if on_cluster:
            self.sink = ClusterSink(self.stage, self.faults, self.store, directory / "spool")
        else:
            self.sink = Sink(self.stage, self.faults, self.store)
        self.errors_max = dice.choice((0, 5, 100_000))
        self._base = directory
        self._talking = 0
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
            live = self.live()
            assert live is not None
            in_force = dict(self.config._overrides)
            if in_force != self.store.settings:
                raise Violation(f"kept are {self.store.settings}, in force {in_force}")
            if self.on_cluster:
                self.sink.check()
            self._judge().check(live.id, counted_strictly="empty_load_as_error" not in self.store.settings)
        finally:
            failpoints.disarm()
            if self.stage.loop is not None:
                self.stage.kill()

    def boot(self) -> None:
        """Start the service and those who disturb it."""
        stage, self.failed_to_start, self.jobs_are_recovered, self._talking = self.stage, False, False, 0
        for job_id in self.store.jobs:
            self._judge().check_versions(job_id)
        stage.loop = StageLoop(stage)
        kafka, rejects = Kafka(self.topics, stage, self.faults), RejectLog(self._log_of(stage.alive))
        settings = Settings(
            data_dir=self._base, linger_ms=50, partition_refresh_s=2.0, abort_backoff_s=0.2, abort_backoff_max_s=1.0
        )
        self.config = LiveFrontendConfig({}, self.store)
        self.config._setting = StageLock(stage)
        if self.on_cluster:
            self.sink.boot()
        self.scheduler = _scheduler(self, kafka, rejects, settings)
        self.sink.told = self.scheduler.commit_settled
        self.config.listen(self.scheduler.setting_changed)
        self.sink.is_of_a_task = self._is_of_a_task
        if self.is_hasty:
            self._hurry()
        self.context = _context(self, kafka, settings)
        starting = stage.loop.create_task(self.scheduler.start())
        starting.add_done_callback(self._note_start)
        for work in (self._user, self._user, self._producer, self._mover_of_clocks, lambda: self._watcher(kafka)):
            stage.spawn(work)

    def _hurry(self) -> None:
        dispatcher = self.scheduler._dispatcher
        time = dispatcher._time
        dispatcher._time = lambda run, part, timeout_s: time(run, part, 0.1 if self.faults.on else timeout_s)

    def _is_of_a_task(self, label: Label) -> bool:
        """Whether the scheduler waits for the end of the task of this label."""
        roster = self.scheduler._roster
        runs = [*roster.runs(), *(run for runs in roster._draining.values() for run in runs)]
        return any(part.control is not None and run.label_of(part) == label for run in runs for part in run.slices)

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
        self.jobs_are_recovered = not self.failed_to_start
        if self.jobs_are_recovered and self.on_cluster:
            self.sink.goes_on = True

    def _log_of(self, process: int) -> Path:
        return self._base / f"log{process}"

    def _judge(self) -> Judge:
        return Judge(self.store, self.topics, self._log_of(self.stage.alive), ended_jobs=not self.on_cluster)

    def live(self) -> Job | None:
        return next((job for job in self.store.jobs.values() if not job.state.is_final), None)

    # those who disturb

    def _producer(self) -> None:
        while self.faults.on:
            self.stage.sleep(self.stage.dice.expovariate(6))
            topic = self.topics[self.stage.dice.choice("ab")]
            topic.produce()
            if self.stage.dice.random() < 0.03 and len(topic.partitions) < 6:
                topic.grow()

    def _mover_of_clocks(self) -> None:
        while self.faults.on:
            self.stage.sleep(self.stage.dice.expovariate(0.3))
            self.stage.ahead_s += self.stage.dice.choice((-DAY_S, -5, 5, DAY_S))

    def _watcher(self, kafka: Kafka) -> None:
        while True:
            self.stage.sleep(0.1)
            kafka.look()

    def _user(self) -> None:
        self.stage.pause(lambda: self.jobs_are_recovered)  # the doors open behind that
        self._talking += 1
        self._talk()
        self._talking -= 1

    def _talk(self) -> None:
        dice = self.stage.dice
        known = sim_users.STATEMENTS | ({sim_users.settle_doubt: 4} if self.on_cluster else {})
        statements, weights = zip(*known.items(), strict=True)
        while self.faults.on:
            # often at the same moment as the other one
            self.stage.pause(lambda: False, 0.5 * dice.randrange(1, 4) + self.stage.time // 0.5 * 0.5)
            self._say(dice.choices(statements, weights)[0])

    def _heal(self) -> None:
        """Somebody who wants the job to run: it is made, resumed, and has no other trouble."""
        self.stage.pause(lambda: self.jobs_are_recovered)
        while True:
            self.sink.tables |= {"t", "u"}
            self._say(sim_users.settings_that_let_it_run)
            job = self.live()
            if job is None or job.state is JobState.PAUSED:
                self._say(sim_users.settle_doubt if self.on_cluster else sim_users.resume)
            self.stage.sleep(0.5)

    def _say(self, statement: Callable[[Play], None]) -> None:
        try:
            if self.live() is not None or statement is sim_users.settings_that_let_it_run:
                statement(self)
            else:
                sim_users.create(self)
        except RoutineLoadError as error:
            if not self.faults.on:
                self.last_refusal = error

    # the end

    def _is_done(self) -> bool:
        if self.stage.time > CHAOS_S + 200:
            raise Violation(f"not caught up 200 s after the last fault: {self.describe()}")
        job = self.live()
        if job is None or job.state is not JobState.RUNNING or job.placing or self._talking:
            return False
        if job.sequence < max((r.sequence for r in self.sink.kept if r.job_id == job.id), default=0):
            return False
        ends = self.topics[job.definition.source.topic].ends()
        return dict(job.progress) == ends == self.sink.standing.get(job.id)

    def describe(self) -> str:
        job = self.live()
        told = "no job" if job is None else f"{job.state} {job.reason} {dict(job.progress)} {job.other_msg}"
        refused = getattr(self, "last_refusal", None)
        return f"{told}; sink {self.sink.standing}; {dict(self.faults.failed)}; {refused}"


def _scheduler(play: Play, kafka: Kafka, rejects: RejectLog, settings: Settings) -> Scheduler:
    stage, config = play.stage, play.config
    slots = lambda: config(Compat.STARROCKS).max_routine_load_task_num_per_be  # noqa: E731 - one use
    backends = LocalBackends(2, slots=slots, host="sim", clock=stage)
    for backend in backends._pools:
        backends._pools[backend] = StageThreads(stage)
    gate = StageLock(stage, 2)
    path = LoadPath(sink=play.sink, compiler=Compiler(), reject_log=rejects, clock=stage, gate=gate)
    scheduler = Scheduler(
        Parts(
            agenda=StageAgenda(stage),
            bookkeeper=Bookkeeper(
                jobs=play.store, sink=play.sink, reject_log=rejects, clock=stage, frontend_config=config
            ),
            planner=Planner(
                sink=play.sink,
                metadata=kafka,
                settings=settings,
                clock=stage,
                frontend_config=config,
                alive_backends=lambda: 3,
                compiler=Compiler(),
                files=lambda _database, properties: properties,
                new_lock=lambda: StageLock(stage),
            ),
            watch=kafka,
            backends=backends,
            runner=TaskRunner(
                source=kafka, path=path, backlog=Backlog(1000), tell=lambda *_: kafka.strike("tell"), clock=stage
            ),
            settings=settings,
            clock=stage,
        )
    )
    scheduler._doors = Doors(lambda: StageLock(stage))
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
        frontend_config=play.config,
        error_log_url=str,
        http_address=lambda: ("", 0),
        backend_http_address=lambda: ("", 0),
        mysql_address=lambda: ("", 0),
        processes=list,
        loads=unused,
        transactions=unused,
        files=SimpleNamespace(resolve=lambda _database, properties: properties),
    )
