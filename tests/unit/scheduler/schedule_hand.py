"""The real scheduler with time in one's hand: nothing happens by itself, tasks take as long as a test says.

Kafka is a table of log ends, the sink a table of progress; both are as the ports promise.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from routine_load.backends.local import LocalBackends
from routine_load.commit.values import CommitRecord, Counts, OffsetRange
from routine_load.config import Settings
from routine_load.errors import RoutineLoadError, UnknownTable
from routine_load.ids import Compat, JobId
from routine_load.jobs.definition import DefineContext, define
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.job import Job, new_job
from routine_load.scheduler.bookkeeping import Bookkeeper
from routine_load.scheduler.parts import Parts
from routine_load.scheduler.planning import Planner
from routine_load.scheduler.scheduler import Scheduler
from routine_load.sql.parser import parse
from routine_load.tasks.run import TaskOutcome, TaskReport

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class HandAgenda:
    """The agenda's promises on one thread: ``run`` lets time pass."""

    def __init__(self) -> None:
        self.time = 0.0
        self.stopping = False
        self._heap: list = []
        self._numbers = itertools.count()

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.time)

    def monotonic(self) -> float:
        return self.time

    def due(self, after_s: float, action: Callable[[], object]) -> None:
        heapq.heappush(self._heap, (self.time + after_s, next(self._numbers), action))

    def call(self, function: Callable, *arguments: object) -> None:
        self.due(0, lambda: function(*arguments))

    def in_background(self, work: Callable[[], object]) -> None:
        self.due(0, work)

    def asking_kafka(self, work: Callable[[], object], cluster: str = "") -> None:
        self.due(0, work)

    def insist(self, work, wanted, pause_s, attempt: int = 1) -> None:
        self.due(0, lambda: work() if wanted() else None)

    def spawn(self, work) -> None:
        try:
            work.send(None)
        except StopIteration:
            return
        raise AssertionError("it waits for a task that runs: let it end first")

    def run(self, until: float) -> None:
        while self._heap and self._heap[0][0] <= until:
            self.time, _, action = heapq.heappop(self._heap)
            action()
        self.time = until


@dataclass
class Began:
    """A task that was given to a backend."""

    at: float
    job: int
    start: dict[int, int]
    task: object = field(repr=False)


class Hand:
    """One coordinator's scheduler. ``took_s`` is how long tasks take; ``fails`` makes the next ones fail."""

    def __init__(
        self, tmp_path, *, backends: int = 3, slots: int = 16, partitions: int = 1, config: dict | None = None
    ) -> None:
        self.agenda = HandAgenda()
        self.config = {compat: replace(FrontendConfig.of(compat), **(config or {})) for compat in Compat}
        self.ends = dict.fromkeys(range(partitions), 0)
        self.tables = {"t"}
        self.jobs: dict[int, Job] = {}
        self.progress: dict[int, dict[int, int]] = {}
        self.records: dict[int, list[CommitRecord]] = {}
        self.watched: dict[int, list] = {}
        self.began: list[Began] = []
        self.took_s = 1.0
        self.hangs = False
        self.fails: list[RoutineLoadError] = []
        self.silence: list[RoutineLoadError] = []
        self.asked = 0
        settings = Settings(data_dir=tmp_path)
        self.backends = LocalBackends(backends, slots=lambda: slots, host="h", clock=self.agenda)
        self.backends.run = self._run
        planner = Planner(
            sink=_Sink(self),
            metadata=self,
            settings=settings,
            clock=self.agenda,
            frontend_config=self.config.__getitem__,
            alive_backends=lambda: self.alive,
            compiler=SimpleNamespace(check=lambda *_: None),
            files=lambda _database, properties: properties,
        )
        self.alive = backends
        parts = Parts(
            agenda=self.agenda,
            bookkeeper=Bookkeeper(
                jobs=self,
                sink=_Sink(self),
                reject_log=SimpleNamespace(settle=lambda _: None, publish=lambda _: None),
                clock=self.agenda,
                frontend_config=self.config.__getitem__,
            ),
            planner=planner,
            watch=self,
            backends=self.backends,
            runner=SimpleNamespace(run=self._run_task),
            settings=settings,
            clock=self.agenda,
        )
        self.scheduler = Scheduler(parts)
        self.parts = parts

    # what a test does

    def create(self, compat: Compat = Compat.STARROCKS, source: str = "", **properties: object) -> int:
        """A job, as behind CREATE; returns its number."""
        given = ", ".join(f'"{key}" = "{value}"' for key, value in properties.items())
        number = len(self.jobs) + 1
        (statement,) = parse(
            f"CREATE ROUTINE LOAD d.j{number} ON t {f'PROPERTIES ({given})' if given else ''} FROM KAFKA "
            f'("kafka_broker_list" = "127.0.0.1:1", "kafka_topic" = "x"{source})',
            compat,
        )
        context = DefineContext(
            compat=compat, config=self.config[compat], database="d", user="root", timezone="UTC", uuid="u"
        )
        job = replace(new_job(define(statement, context), self.agenda.now(), self.incarnation), id=JobId(number))
        self.jobs[number] = job.starting_at(dict.fromkeys(job.definition.source.partitions or self.ends, 0))
        self.scheduler.job_created(JobId(number))
        return number

    def produce(self, messages: int, partition: int = 0) -> None:
        self.ends[partition] += messages
        for job_id, arrived in [(job, told) for job, waiting in self.watched.items() for told in waiting]:
            self.watched[job_id] = []
            arrived(job_id)

    def run(self, until: float) -> list[tuple[float, int]]:
        """Let time pass; when which jobs' tasks began in it."""
        before = len(self.began)
        self.agenda.run(until)
        return [(each.at, each.job) for each in self.began[before:]]

    def job(self, number: int = 1) -> Job:
        return self.jobs[number]

    def slices(self, number: int = 1) -> list[tuple[int, ...]]:
        run = self.scheduler.run_of(JobId(number))
        return [] if run is None else [part.partitions for part in run.slices]

    def message(self, number: int = 1) -> str:
        run = self.scheduler.run_of(JobId(number))
        assert run is not None
        return run.slices[0].message

    # backends and tasks

    def _run(self, backend, job_id, work) -> Future[None]:
        ended: Future[None] = Future()
        self.began.append(Began(self.agenda.time, job_id, {}, None))
        number = len(self.began) - 1

        def end() -> None:
            self._number = number
            work()
            self.backends.seats.give_back(backend, job_id)
            ended.set_result(None)

        if not self.hangs:
            self.agenda.due(self.took_s, end)
        return ended

    def _run_task(self, task, control) -> TaskReport:
        self.began[self._number] = replace(self.began[self._number], start=dict(task.start), task=task)
        if self.fails:
            raise self.fails.pop(0)
        room = task.limits.bytes_max
        ends = {p: min(self.ends[p], start + room) for p, start in task.start.items()}
        caught_up = all(ends[p] == self.ends[p] for p in ends)
        moved = sum(ends[p] - start for p, start in task.start.items())
        if not control.enter_commit():
            return TaskReport(outcome=TaskOutcome.CANCELLED, positions=task.start, caught_up=False)
        if not moved:
            return TaskReport(outcome=TaskOutcome.NOTHING, positions=ends, caught_up=caught_up)
        record = CommitRecord(
            sequence=sum(map(len, self.records.values())) + 1,
            label=task.label,
            job_id=task.job_id,
            task_id=task.id,
            ranges=tuple(OffsetRange(p, start, ends[p]) for p, start in task.start.items()),
            counts=Counts(loaded=moved, received_bytes=moved, messages=moved),
            committed_at_ms=1,
        )
        self.records.setdefault(task.job_id, []).append(record)
        self.progress[task.job_id] |= ends
        return TaskReport(outcome=TaskOutcome.COMMITTED, positions=ends, caught_up=caught_up, record=record)

    # the ports: jobs, Kafka's metadata, watch

    incarnation = "hand"

    def get(self, job_id):
        return self.jobs.get(job_id)

    def all_live(self):
        return list(self.jobs.values())

    def modify(self, job_id, change):
        self.jobs[job_id] = change(self.jobs[job_id])
        return self.jobs[job_id]

    def modify_all(self, job_ids, change):
        return [self.modify(job_id, change) for job_id in job_ids]

    def partitions(self, spec, deadline):
        self.asked += 1
        if self.silence:
            raise self.silence[0]
        return tuple(sorted(self.ends))

    def topic_id(self, spec, deadline) -> str:
        return "id"

    def watermarks(self, spec, partitions, deadline):
        return {p: (0, self.ends[p]) for p in partitions}

    def watch(self, job_id, spec, offsets, arrived) -> None:
        if any(self.ends[p] > offset for p, offset in offsets.items()):
            arrived(job_id)
        else:
            self.watched.setdefault(job_id, []).append(arrived)

    def forget(self, job_id) -> None:
        self.watched.pop(job_id, None)


class _Sink:
    """The sink's port."""

    incarnation = Hand.incarnation

    def __init__(self, hand: Hand) -> None:
        self._hand = hand

    def table(self, ref):
        if ref.table not in self._hand.tables:
            raise UnknownTable(f"Unknown table '{ref.table}'")
        return SimpleNamespace(columns=())

    def progress(self, job_id):
        return dict(self._hand.progress.get(job_id, {}))

    def place(self, job_id, offsets, *, only: bool = False) -> None:
        known = {} if only else self._hand.progress.get(job_id, {})
        self._hand.progress[job_id] = known | dict(offsets)

    def commits_after(self, job_id, sequence: int):
        return [each for each in self._hand.records.get(job_id, []) if each.sequence > sequence]

    def forget_commits(self, job_id, up_to_sequence: int) -> None: ...

    def settle(self, job_id) -> None: ...

    def open_rejects(self):
        return ()
