"""Leadership on a clock that a test moves: when the lease is asked for, trusted, kept and lost, counted in questions."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass, field

import pytest

from routine_load.commit.intents import Epoch
from routine_load.errors import MetadataUnavailable
from routine_load.scheduler.leadership import Leadership, Timing

NO_TERM = Epoch(0)
TIMING = Timing(ttl_s=15.0, renew_s=5.0, margin_s=2.0, look_s=1.0)


@dataclass
class Kept:
    """How the lease stands."""

    holder: str = ""
    epoch: Epoch = NO_TERM
    left_s: float = 0.0

    @property
    def is_held(self) -> bool:
        return self.left_s > 0


@dataclass
class World:
    """One lease, kept by a clock of its own, and what was asked of it and done under it."""

    time: float = 0.0
    kept: Kept = field(default_factory=Kept)
    expires_at: float = 0.0
    broken: bool = False
    asked: list[str] = field(default_factory=list)
    done: list[object] = field(default_factory=list)
    fails: Exception | None = None

    def monotonic(self) -> float:
        return self.time


class Lease:
    def __init__(self, world: World, holder: str) -> None:
        self.world, self.holder = world, holder

    def _standing(self) -> Kept:
        kept = self.world.kept
        return Kept(kept.holder, kept.epoch, self.world.expires_at - self.world.time)

    def _note(self, what: str) -> None:
        self.world.asked.append(f"{self.holder} {what}")
        if self.world.broken:
            raise MetadataUnavailable("away")

    def acquire(self) -> Kept:
        self._note("acquire")
        world = self.world
        if world.kept.holder == self.holder or world.expires_at <= world.time:
            world.kept = Kept(self.holder, Epoch(world.kept.epoch + 1))
            world.expires_at = world.time + TIMING.ttl_s
        return self._standing()

    def renew(self, epoch: Epoch) -> Kept:
        self._note("renew")
        world = self.world
        if (world.kept.holder, world.kept.epoch) == (self.holder, epoch):
            world.expires_at = world.time + TIMING.ttl_s
        return self._standing()

    def resign(self, epoch: Epoch) -> None:
        self._note("resign")
        if (self.world.kept.holder, self.world.kept.epoch) == (self.holder, epoch):
            self.world.kept, self.world.expires_at = Kept("", epoch), 0.0


@dataclass
class Duties:
    world: World
    name: str

    async def gain(self, epoch: Epoch) -> None:
        self.world.done.append((self.name, "gain", epoch))
        if self.world.fails is not None:
            raise self.world.fails

    async def lose(self, drain_s: float | None) -> None:
        self.world.done.append((self.name, "lose", drain_s))

    def beat(self) -> None:
        self.world.asked.append(f"{self.name} beat")


class Play(Leadership):
    """Rounds are made by the test, one after the other; ``waits`` says when the next one would come."""

    def __init__(self, world: World, name: str, timing: Timing = TIMING) -> None:
        super().__init__(Lease(world, name), Duties(world, name), world, timing, lambda: 0.5)
        self.world = world

    async def begin(self) -> None:
        await self._look()
        await self.settle()

    async def settle(self) -> None:
        if self._gaining is not None:
            await asyncio.wait([self._gaining])

    async def round(self) -> float:
        wait_s = await self._kept()
        await self.settle()
        return wait_s

    async def pass_time(self, seconds: float) -> None:
        """Rounds as they come in so much time."""
        until = self.world.time + seconds
        while (wait_s := await self.round()) and self.world.time + wait_s <= until:
            self.world.time += wait_s
        self.world.time = until


@pytest.fixture
def world() -> World:
    return World()


def played(test):
    """Each test is a play on a loop of its own."""

    @functools.wraps(test)
    def play(*arguments, **fixtures):
        asyncio.run(test(*arguments, **fixtures))

    return play


@played
async def test_a_leader_renews_three_times_a_lease(world):
    """Every 5 s of 15; in a minute nothing else is asked, and the term is one."""
    one = Play(world, "one")
    await one.begin()
    await one.pass_time(60)
    assert world.asked.count("one renew") == 13
    assert world.done == [("one", "gain", 1)]
    assert one.leads


@played
async def test_who_follows_looks_every_second_and_takes_over_when_the_lease_ends(world):
    """The leader is killed: no more than the lease's time and one look later the other one leads."""
    one, two = Play(world, "one"), Play(world, "two")
    await one.begin()
    await two.begin()
    await two.pass_time(10)
    assert not two.leads
    assert world.asked.count("two acquire") == 1 + 11
    await two.pass_time(TIMING.ttl_s - 10 + TIMING.look_s)
    assert two.leads
    assert world.done == [("one", "gain", 1), ("two", "gain", 2)]


@played
async def test_a_leader_that_cannot_renew_stops_before_its_lease_ends(world):
    """A margin before, by its own clock; when the database is back and nobody took the lease, it leads anew."""
    one = Play(world, "one")
    await one.begin()
    world.broken = True
    await one.pass_time(TIMING.ttl_s - TIMING.margin_s - 0.5)
    assert one.leads
    await one.pass_time(0.6)
    assert not one.leads
    assert world.time < world.expires_at
    assert world.done == [("one", "gain", 1), ("one", "lose", None)]
    world.broken = False
    await one.pass_time(2)
    assert world.done[2:] == [("one", "gain", 2)]


@played
async def test_trust_counts_from_the_question_not_from_the_answer(world):
    """The answer may have been under way for as long as it likes."""
    one = Play(world, "one")
    await one.begin()
    slow = one._lease.renew
    one._lease.renew = lambda epoch: (slow(epoch), setattr(world, "time", world.time + 9))[0]
    await one.round()
    assert one._trusted_until == TIMING.ttl_s - TIMING.margin_s


@played
async def test_who_wakes_after_its_lease_ended_does_nothing_but_follow(world):
    """It was stopped for a minute and another one leads: its first round ends its term."""
    one, two = Play(world, "one"), Play(world, "two")
    await one.begin()
    world.time += 60
    await two.begin()
    await one.round()
    assert world.done == [("one", "gain", 1), ("two", "gain", 2), ("one", "lose", None)]
    assert (one.leads, two.leads) == (False, True)


@played
async def test_who_alone_can_do_the_work_is_ended_by_another_holder_only(world):
    """Tables in a file of its own: time ends no term."""
    one = Play(world, "one", Timing.of(15, patient=True))
    await one.begin()
    world.broken = True
    await one.pass_time(300)
    assert one.leads
    world.broken = False
    two = Play(world, "two")
    await two.begin()
    await one.round()
    assert not one.leads


@played
async def test_who_leaves_hands_over_at_once(world):
    """What commits gets its time, while the lease is held; then the next one to look leads."""
    one, two = Play(world, "one"), Play(world, "two")
    await one.begin()
    await two.begin()
    await one.stop(20)
    assert world.done[1:] == [("one", "lose", 20)]
    await two.round()
    assert two.leads
    assert world.time == 0


@played
async def test_a_recovery_that_fails_gives_the_lease_up(world):
    """Another one may succeed; so may this one, later."""
    world.fails = MetadataUnavailable("a job cannot be read")
    one = Play(world, "one")
    await one.begin()
    assert not one.leads
    await one.round()
    assert world.done == [("one", "gain", 1), ("one", "lose", None)]
    assert world.kept.holder == ""
    world.fails = None
    await one.round()
    assert one.leads


@played
async def test_a_coordinator_that_has_its_own_metadata_asks_once(world):
    """Nobody else can have it: there is nothing to renew."""
    one = Play(world, "one")
    await one.start_alone()
    assert one.leads
    world.time += 10_000
    assert world.asked == ["one acquire"]


def test_by_default_a_lease_of_15_s_is_renewed_every_5_and_trusted_13():
    """So that two renewals may fail, and a take-over comes within 20 s."""
    timing = Timing.of(15)
    assert (timing.renew_s, timing.margin_s, timing.look_s) == (5, 2, 1)
