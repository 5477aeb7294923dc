"""Schedules of cuts: which there are, and how one is played.

A schedule is written ``sink/workload/mode/first/second``, for example ``cluster/poison/zombie/12/7``: strike at the
12th passing, and again at the 7th after that. ``python -m tests.sim cluster/poison/zombie/12/7`` plays it and tells
every step; ``make sim PLAY=…`` is the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Self

from routine_load.observe import failpoints
from tests.sim.cuts_judge import judge
from tests.sim.cuts_life import Life
from tests.sim.cuts_ports import Target
from tests.sim.cuts_records import WORKLOADS, Records
from tests.sim.cuts_world import Folder, Mode, Process, Violation, World

CLUSTER, FILE = "cluster", "file"
SINKS: Final = (CLUSTER, FILE)
_LIVES_MAX: Final = 6
_RECORDS: Final = {
    (sink, name): Records(workload, refusing=sink == CLUSTER) for sink in SINKS for name, workload in WORKLOADS.items()
}


@dataclass(frozen=True)
class Schedule:
    sink: str
    workload: str
    mode: Mode
    strikes: tuple[int, ...] = ()

    def __str__(self) -> str:
        return "/".join((self.sink, self.workload, self.mode, *map(str, self.strikes)))

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises ValueError, KeyError for what is none."""
        sink, workload, mode, *strikes = text.split("/")
        _ = _RECORDS[sink, workload]
        return cls(sink, workload, Mode(mode), tuple(map(int, strikes)))

    def then(self, second: int) -> Schedule:
        return replace(self, strikes=(*self.strikes, second))


class TooFewPassings(ValueError):
    """The schedule was played to its end before its last strike."""


@dataclass
class Played:
    """``after``: how many strikes could have come since the last one."""

    after: int
    told: list[str]
    doubts: int


def play(schedule: Schedule) -> Played:
    """Raises Violation, with the command that plays it again."""
    is_file = schedule.sink == FILE
    world = World(
        records=_RECORDS[schedule.sink, schedule.workload],
        mode=schedule.mode,
        strikes=schedule.strikes,
        tasks_sleep=is_file and schedule.mode is Mode.ZOMBIE,
    )
    target = None if is_file else Target(world)
    failpoints.observe(world.point)
    try:
        _live(world, target, schedule.mode)
        after = world.passed
        if schedule.mode is Mode.ZOMBIE and world.struck:
            world.wake()
            _begin(world, target, Process("the last life"))
        if target is None:
            judge(world, world.journal, world.visible)
        else:
            judge(
                world,
                sorted(_finished(world), key=lambda record: record.sequence),
                [(label, row["p"], row["o"]) for label, _, row in target.visible],
            )
        if world.broken is not None:
            raise world.broken
    except AssertionError as failure:
        found = world.broken or failure
        found.add_note(f"make sim PLAY={schedule}")
        found.add_note("\n".join(world.told[-60:]))
        raise found from None
    finally:
        failpoints.disarm()
    if world.struck != len(schedule.strikes):
        raise TooFewPassings(
            f"{schedule}: struck {world.struck} times, there are only so many passings: {world.passed}"
        )
    return Played(after, world.told, world.doubts)


def _finished(world: World):
    return [i.record for i in world.kept.intents.values() if i.record.sequence]


def _live(world: World, target: Target | None, mode: Mode) -> None:
    """Lives, one after another, until one of them ends well."""
    for number in range(1, _LIVES_MAX):
        process = Process(f"life {number}")
        _begin(world, target, process)
        if process.stands_still:
            world.wake(but=process)
            world.folders.append(Folder())
        elif process.is_dead:
            _meanwhile(world, target, mode)
        else:
            return
    raise Violation(f"unseen: {_LIVES_MAX} lives were not enough")


def _begin(world: World, target: Target | None, process: Process) -> None:
    world.run(process, Life(world, process, target).live)
    if process.failure is not None:
        raise Violation(f"unseen: {process.name} fell: {process.failure!r}") from process.failure


def _meanwhile(world: World, target: Target | None, mode: Mode) -> None:
    """What the target does by itself before the next one starts."""
    if target is not None:
        for _, label in list(target.txns):
            if mode is Mode.TIMEOUT:
                target.gives_up(label)
            elif mode is Mode.FORGET:
                target.forgets(label)


def singles(sink: str, workload: str, mode: Mode) -> Iterator[tuple[Schedule, Played]]:
    """Each strike alone. Where tasks sleep, only those in which one does."""
    begun = Schedule(sink, workload, mode)
    told = play(begun).told
    for first in itertools.count(1):
        if first > len(told):
            return
        if sink == FILE and mode is Mode.ZOMBIE and not _is_of_a_task(told, first):
            continue
        alone = begun.then(first)
        yield alone, play(alone)


def _is_of_a_task(told: list[str], first: int) -> bool:
    return ", task" in told[first - 1] or told[first - 1].endswith(".reply_lost")


def pairs(alone: Schedule, played: Played) -> Iterator[Schedule]:
    """Each second strike behind the first one."""
    for second in range(1, played.after + 1):
        yield alone.then(second)
