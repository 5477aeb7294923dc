"""Long runs of the simulation, and single stories told again. ``make sim SEEDS=1000``, ``make sim PLAY=…``.

``PLAY`` is what a failure prints: ``seed/file/17`` and ``seed/cluster/17`` are plays of the whole scheduler,
``seed/lease/17`` is one of leadership, ``cluster/poison/zombie/12/7`` is a schedule of cuts. A run plays each seed in
these three ways, and a schedule of three cuts that the seed draws.
"""

from __future__ import annotations

import argparse
import itertools
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import structlog

from tests.sim import cuts_schedule, lease_play
from tests.sim.cuts_records import WORKLOADS
from tests.sim.cuts_schedule import CLUSTER, FILE, Schedule, TooFewPassings
from tests.sim.cuts_world import Mode
from tests.sim.sim_play import Play

LEASE = "lease"
FAILURES_MAX = 20
AT_ONCE = 25
THIRD = range(1, 60)


def drop(_logger: object, _method: str, _event: object) -> object:
    raise structlog.DropEvent


@dataclass
class Counted:
    """What a run has seen: each failure is the name of its story, and what happened."""

    plays: int = 0
    schedules: int = 0
    failures: tuple[tuple[str, str], ...] = ()

    def __add__(self, other: Counted) -> Counted:
        return Counted(self.plays + other.plays, self.schedules + other.schedules, self.failures + other.failures)


def play(name: str) -> list[str]:
    """One story, by its name; what it tells. Raises AssertionError where it breaks a promise."""
    kind, _, rest = name.partition("/")
    if kind != "seed":
        return cuts_schedule.play(Schedule.read(name)).told
    sink, _, seed = rest.partition("/")
    if sink == LEASE:
        company = lease_play.play(int(seed))
        return [f"{len(company.members)} coordinators, {dict(company.faults)}, terms {company.database.written[-1:]}"]
    if sink not in {FILE, CLUSTER}:
        raise ValueError(f"a seed is played as {FILE}, {CLUSTER} or {LEASE}, not {sink!r}")
    folder = Path(tempfile.mkdtemp(prefix="sim-"))
    try:
        story = Play(int(seed), folder / "play", on_cluster=sink == CLUSTER)
        story.run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return [story.describe()]


def three_cuts(seed: int) -> str:
    """A schedule on a cluster: a thing that no test run plays through."""
    dice = random.Random(seed)
    mode = dice.choice([Mode.KILL, Mode.ZOMBIE])
    return str(Schedule(CLUSTER, dice.choice(sorted(WORKLOADS)), mode, tuple(dice.choice(THIRD) for _ in range(3))))


def names(seed: int) -> Iterator[str]:
    yield f"seed/{FILE}/{seed}"
    yield f"seed/{CLUSTER}/{seed}"
    yield f"seed/{LEASE}/{seed}"
    yield three_cuts(seed)


def run(seeds: range) -> Counted:
    """Some seeds, in a process of their own."""
    structlog.configure(processors=[drop])
    counted = Counted()
    for name in itertools.chain.from_iterable(map(names, seeds)):
        failures: tuple[tuple[str, str], ...] = ()
        try:
            play(name)
        except TooFewPassings:
            pass  # it came to its end before the third cut, and was judged
        except Exception as failure:  # whatever it is: it is told, and the next one played
            failures = ((name, f"{type(failure).__name__}: {failure}"),)
        is_play = name.startswith("seed/")
        counted += Counted(int(is_play), int(not is_play), failures)
    return counted


def long_run(first: int, seeds: int, processes: int) -> int:
    """The number of failures; each is printed as the command that plays it again."""
    began, total = time.monotonic(), Counted()
    pieces = [range(at, min(at + AT_ONCE, first + seeds)) for at in range(first, first + seeds, AT_ONCE)]
    with ProcessPoolExecutor(processes) as pool:
        for done, counted in enumerate(pool.map(run, pieces), 1):
            for name, text in counted.failures:
                print(f"FAILED: make sim PLAY={name}\n    {text}", flush=True)
            total += counted
            if done % 20 == 0:
                print(f"{total.plays} plays, {total.schedules} schedules, {len(total.failures)} failures", flush=True)
            if len(total.failures) > FAILURES_MAX:
                pool.shutdown(cancel_futures=True)
                break
    broken = Counter(text.split(":")[0] for _, text in total.failures)
    print(
        f"seeds {first} to {first + seeds - 1}: {total.plays} plays, {total.schedules} schedules of three cuts, "
        f"{len(total.failures)} failures {dict(broken) or ''}in {time.monotonic() - began:.0f} s"
    )
    return len(total.failures)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("play", nargs="?", help="the name of one story")
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds (1000)")
    parser.add_argument("--first", type=int, default=0, help="the first one (0)")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args(arguments)
    if not given.play:
        return 1 if long_run(given.first, given.seeds, given.processes) else 0
    try:
        print(*play(given.play), sep="\n")
    except AssertionError as failure:
        print(f"{type(failure).__name__}: {failure}", *getattr(failure, "__notes__", ()), sep="\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
