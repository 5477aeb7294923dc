"""The scheduler at scale: real scheduler and metadata; source, watch, conversion and sink are made up.

    python -m benchmarks.scale [--jobs 10000] [--partitions 10] [--topics 100] [--seconds 20] [--metadata URL]

Tells: how long it takes from the start until every job runs; CPU of idle jobs, as a share of one core; then, while
messages come, the commits a second, how long ticks take and how late the loop is (middle, p99, most); peak memory.
``--only idle`` and ``--only start`` leave the rest out. ``--only commits``: two-phase commits a second
(``benchmarks.scale_commits``).
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import scale_commits
from benchmarks.scale_world import Compiler, Sink, Topics
from routine_load.backends.local import LocalBackends
from routine_load.clock import SystemClock
from routine_load.config import Settings
from routine_load.ids import Compat, JobId
from routine_load.jobs.definition import DefineContext, define
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.job import new_job
from routine_load.loads.path import LoadPath
from routine_load.loads.rejects import RejectLog
from routine_load.observe.logs import configure
from routine_load.scheduler.agenda import Agenda
from routine_load.scheduler.bookkeeping import Bookkeeper
from routine_load.scheduler.parts import Parts
from routine_load.scheduler.planning import Planner
from routine_load.scheduler.scheduler import Scheduler
from routine_load.sql.parser import parse
from routine_load.store import KEY_FILE, SecretBox, open_metadata
from routine_load.tasks.backlog import Backlog
from routine_load.tasks.run import TaskRunner

TICK_P99_MS = 50.0
MEMORY_MIB = 1024
IDLE_SHARE = 0.05
_LAG_EVERY_S = 0.01


class TimedAgenda(Agenda):
    """Remembers how long each tick that had something to do took."""

    def __init__(self, clock, tick_s):
        super().__init__(clock, tick_s)
        self.ticks: list[float] = []

    def _tick(self) -> None:
        had_work = bool(self._heap) and self._heap[0].at <= self._clock.monotonic()
        began = time.perf_counter()
        super()._tick()
        if had_work:
            self.ticks.append(time.perf_counter() - began)


def seed(store, jobs: int, topics: int, partitions: int) -> None:
    """Jobs as they are behind CREATE: with numeric starts that are yet to be placed."""
    for number in range(jobs):
        (statement,) = parse(
            f'CREATE ROUTINE LOAD d.j{number} ON t FROM KAFKA ("kafka_broker_list" = "127.0.0.1:9092", '
            f'"kafka_topic" = "topic{number % topics}")',
            Compat.STARROCKS,
        )
        context = DefineContext(
            compat=Compat.STARROCKS,
            config=FrontendConfig.of(Compat.STARROCKS),
            database="d",
            user="root",
            timezone="UTC",
            uuid=f"00000000-0000-0000-0000-{number:012}",
        )
        job = new_job(define(statement, context), datetime.now(UTC), Sink.incarnation)
        starts = dict.fromkeys(range(partitions), 0)
        store.jobs.insert(job.starting_at(starts))


def build(home: Path, store, topics: Topics, sink: Sink) -> tuple[Scheduler, TimedAgenda]:
    """A scheduler over the made-up world."""
    clock, settings = SystemClock(), Settings(data_dir=home)
    agenda, rejects = TimedAgenda(clock, settings.tick_ms / 1000), RejectLog(home / "error_log", raw_bytes_max=8192)
    backends = LocalBackends(3, slots=lambda: 64, host="127.0.0.1", clock=clock)
    path = LoadPath(sink=sink, compiler=Compiler(), reject_log=rejects, clock=clock)
    parts = Parts(
        agenda=agenda,
        bookkeeper=Bookkeeper(
            jobs=store.jobs, sink=sink, reject_log=rejects, clock=clock, frontend_config=FrontendConfig.of
        ),
        planner=Planner(
            sink=sink,
            metadata=topics,
            settings=settings,
            clock=clock,
            frontend_config=FrontendConfig.of,
            alive_backends=lambda: backends.alive,
            compiler=Compiler(),
            files=lambda _database, properties: properties,
        ),
        watch=topics,
        backends=backends,
        runner=TaskRunner(source=topics, path=path, backlog=Backlog(2), tell=lambda *_: None, clock=clock),
        settings=settings,
        clock=clock,
    )
    return Scheduler(parts), agenda


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def told(name: str, seconds: list[float]) -> tuple[str, float]:
    ordered = sorted(seconds) or [0.0]
    p99 = ordered[int(len(ordered) * 0.99)] * 1000
    return (
        f"{name}: middle {ordered[len(ordered) // 2] * 1000:.2f} ms, p99 {p99:.2f}, most {ordered[-1] * 1000:.1f}",
        p99,
    )


async def late(lags: list[float]) -> None:
    """How late the loop comes to what is due there."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _LAG_EVERY_S
        await asyncio.sleep(_LAG_EVERY_S)
        lags.append(loop.time() - due)


def settled(scheduler: Scheduler, jobs: int) -> bool:
    """Every job runs, and no slice has anything to do."""
    runs = [scheduler.run_of(JobId(number + 1)) for number in range(jobs)]
    return all(run and not any(part.queued or part.control for part in run.slices) for run in runs)


async def play(options: argparse.Namespace, home: Path, store) -> list[str]:
    """The story; what was missed of the targets."""
    topics, sink, missed = Topics(options.topics, options.partitions), Sink(), []
    scheduler, agenda = build(home, store, topics, sink)
    began, used = time.perf_counter(), cpu()
    await scheduler.start()
    print(f"recovered after {time.perf_counter() - began:.1f} s", flush=True)
    while not settled(scheduler, options.jobs):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.05)
    print(
        f"{options.jobs:,} jobs with {options.jobs * options.partitions:,} partitions of {options.topics} topics run "
        f"after {time.perf_counter() - began:.1f} s and {cpu() - used:.1f} s of CPU; peak {peak_mib():.0f} MiB"
    )
    if options.only != "start":
        began, used, asked = time.perf_counter(), cpu(), topics.asked
        await asyncio.sleep(options.seconds)
        share = (cpu() - used) / (time.perf_counter() - began)
        print(f"idle: {share:.1%} of a core, {(topics.asked - asked) / options.seconds:.1f} looks at topics a second")
        if options.jobs <= 1_000 and share > IDLE_SHARE:
            missed.append("idle")
    if options.only == "":
        missed += await load(options, topics, sink, agenda)
    print(f"peak memory {peak_mib():.0f} MiB (target {MEMORY_MIB})")
    if peak_mib() > MEMORY_MIB:
        missed.append("memory")
    await scheduler.stop(5)
    return missed


async def load(options: argparse.Namespace, topics: Topics, sink: Sink, agenda: TimedAgenda) -> list[str]:
    """Messages come; each wakes all jobs of its topic."""
    dice, lags = random.Random(1), []
    agenda.ticks.clear()
    watching = asyncio.create_task(late(lags))
    commits, began, used = sink.commits, time.perf_counter(), cpu()
    while time.perf_counter() - began < options.seconds:
        topics.grow(f"topic{dice.randrange(options.topics)}", dice.randrange(options.partitions), 20)
        await asyncio.sleep(options.pause)
    watching.cancel()
    took = time.perf_counter() - began
    ticks, p99 = told("ticks", agenda.ticks)
    late_text, _ = told("loop is late", lags)
    done = sink.commits - commits
    print(f"loading: {done / took:,.0f} commits/s of {sink.rows:,} rows, {(cpu() - used) / took:.1%} of a core")
    print(f"{ticks} (target p99 {TICK_P99_MS:.0f} ms, {len(agenda.ticks):,} ticks)\n{late_text}", flush=True)
    return ["ticks"] if p99 > TICK_P99_MS else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--partitions", type=int, default=10)
    parser.add_argument("--topics", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two arrivals of messages")
    parser.add_argument("--only", choices=("", "start", "idle", "commits"), default="")
    parser.add_argument("--metadata", default="", help="SQLAlchemy URL; SQLite where it is absent")
    options = parser.parse_args()
    if options.only == "commits":
        scale_commits.main(options.metadata)
        return
    configure(level="error")
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        home = Path(directory)
        (home / "error_log").mkdir()
        url = options.metadata or f"sqlite:///{home / 'metadata.db'}"
        began = time.perf_counter()
        with open_metadata(url, SecretBox.at(home / KEY_FILE)) as store:
            seed(store, options.jobs, options.topics, options.partitions)
        print(f"seeded after {time.perf_counter() - began:.1f} s", flush=True)
        store = stack.enter_context(open_metadata(url, SecretBox.at(home / KEY_FILE)))
        missed = asyncio.run(play(options, home, store))
    print("no: " + ", ".join(missed) if missed else "every target is met")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
