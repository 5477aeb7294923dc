"""Plays of leadership: coordinators that keep one lease, each on a loop of its own, on a clock that nobody waits for.

``scheduler.leadership`` is the real one. A coordinator that is paused does not turn its loop; its requests may have been
carried out meanwhile. The database has its own clock, which may jump. A seed always plays the same story.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

from routine_load.commit.intents import Epoch
from routine_load.errors import MetadataError, RoutineLoadError
from routine_load.scheduler.leadership import Leadership, Timing
from routine_load.store.lease import FAR
from tests.sim.sim_stage import StageLoop, Violation

TTL_S, CHAOS_S, DAY_S = 15.0, 240.0, 86_400.0
TAKE_OVER_S = TTL_S + 5
STEPS_MAX = 40_000


@dataclass(frozen=True)
class Standing:
    holder: str
    epoch: Epoch
    left_s: float

    @property
    def is_held(self) -> bool:
        return self.holder != "" and self.left_s > 0


@dataclass
class Database:
    """The lease's row, its clock, and the epochs under which a leader's writes were taken."""

    holder: str = ""
    epoch: int = 0
    expires_at: float = float("-inf")
    ahead_s: float = 0.0
    written: list[int] = field(default_factory=list)
    refused: int = 0

    def write(self, epoch: int) -> bool:
        """A write of a leader: its epoch is the newest one, or nothing is written."""
        if self.is_fenced(epoch):
            self.refused += 1
            return False
        self.written.append(epoch)
        return True

    def is_fenced(self, epoch: int) -> bool:
        return epoch != self.epoch


class Company:
    """The hub of a story: time, what comes when, who is there."""

    def __init__(self, seed: int, *, chaos: bool = True) -> None:
        self.dice = random.Random(seed)
        self.time = 0.0
        self.database = Database()
        self.chaos = chaos
        self.faults: Counter[str] = Counter()
        self.members: list[Member] = []
        self.jumped = False
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def at(self, after_s: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.time + after_s, next(self._numbers), act))

    def monotonic(self) -> float:
        return self.time

    def join(self) -> Member:
        member = Member(self, f"c{len(self.members)}")
        self.members.append(member)
        return member

    @property
    def leaders(self) -> list[Member]:
        return [m for m in self.members if m.lives and m.leadership.leads]

    def run(self, until_s: float, finished: Callable[[], bool] = lambda: False) -> None:
        """Play until then."""
        for _ in range(STEPS_MAX):
            turned = [m.turn() for m in self.members if m.lives and not m.is_paused]
            self._check_trust()
            if finished():
                return
            if any(turned):
                continue
            moments = [m.next_moment() for m in self.members if m.lives and not m.is_paused]
            moments += [self._due[0][0]] if self._due else []
            now = min([*moments, until_s])
            self.time = max(self.time, now)
            if self.time >= until_s:
                return
            while self._due and self._due[0][0] <= self.time:
                heapq.heappop(self._due)[2]()
        raise Violation(f"unseen: not over after {STEPS_MAX} steps, at {self.time} s")

    def _check_trust(self) -> None:
        """Two trust the lease at a time only where the database's clock was moved."""
        trusting = [m.name for m in self.members if m.lives and not m.is_paused and m.trusts]
        if len(trusting) > 1 and not self.jumped:
            raise Violation(f"duplicate: {trusting} all trust the lease at {self.time:.2f} s")

    def judge(self) -> None:
        """Epochs only grow, each is one term of one coordinator, and one leads who can write."""
        written = self.database.written
        if written != sorted(written):
            raise Violation("out of order: an older leader wrote behind a newer one")
        terms = Counter(epoch for m in self.members for epoch in m.terms)
        if terms and max(terms.values()) > 1:
            raise Violation(f"duplicate: terms with one epoch: {terms.most_common(1)}")
        if len(self.leaders) != 1:
            raise Violation(f"unseen: {[m.name for m in self.leaders]} lead in the end")
        if not self.database.write(self.leaders[0].leadership.epoch or 0):
            raise Violation("unseen: the leader cannot write")

    # -- what goes wrong ----------------------------------------------------------------------------------------------

    def disturb(self) -> None:
        """One fault, and the next one later."""
        if self.time >= CHAOS_S:
            self.chaos = False
            return
        happens = self.dice.choice([self._kill, self._pause, self._pause, self._cut_off, self._resign, self._jump])
        if alive := [m for m in self.members if m.lives]:
            happens(self.dice.choice(alive))
        self.at(self.dice.expovariate(0.1), self.disturb)

    def _kill(self, member: Member) -> None:
        self.faults["kill"] += 1
        member.kill()
        self.at(self.dice.uniform(0, 10), lambda: self.join().start())

    def _pause(self, member: Member) -> None:
        self.faults["pause"] += 1
        member.is_paused = True
        self.at(self.dice.choice((0.01, 1, 8, 14, 30, 60)) * self.dice.random(), member.goes_on)

    def _cut_off(self, member: Member) -> None:
        self.faults["cut off"] += 1
        member.is_cut_off = True
        self.at(self.dice.uniform(0, 40), member.is_connected)

    def _resign(self, member: Member) -> None:
        if len([m for m in self.members if m.lives]) > 1 and not member.is_paused:
            self.faults["resign"] += 1
            member.stop()
            self.at(self.dice.uniform(0, 10), lambda: self.join().start())

    def _jump(self, _member: Member) -> None:
        if self.dice.random() < 0.3:
            self.faults["jump"] += 1
            self.jumped = True
            self.database.ahead_s += self.dice.choice((-DAY_S, DAY_S, -60, 60))


class Member(Executor):
    """One coordinator: its loop, the threads in which it asks, and what it does as a leader."""

    def __init__(self, company: Company, name: str) -> None:
        self.name = self.holder = name
        self.lives, self.is_paused, self.is_cut_off = True, False, False
        self.terms: list[int] = []
        self._company = company
        self._loop = StageLoop(company)
        self._writing: asyncio.Handle | None = None
        self._tasks: list[asyncio.Task[None]] = []
        timing = Timing.of(TTL_S)
        self.leadership = Leadership(self, self, company, timing, jitter=company.dice.random)
        self.leadership._threads.shutdown(wait=False)
        self.leadership._threads = self

    @property
    def trusts(self) -> bool:
        return self.leadership.has_lease and self._company.time < self.leadership._trusted_until

    # -- the process --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._tasks.append(self._loop.create_task(self._started()))

    async def _started(self) -> None:
        try:
            await self.leadership.start()
        except RoutineLoadError:  # whoever looks after it starts another one
            self._company.at(1, lambda: self._company.join().start())
            self.lives = False

    def stop(self) -> None:
        self._tasks.append(self._loop.create_task(self._stopped()))

    async def _stopped(self) -> None:
        await self.leadership.stop(5.0)
        self.lives = False

    def kill(self) -> None:
        self.lives = False

    def goes_on(self) -> None:
        self.is_paused = False

    def is_connected(self) -> None:
        self.is_cut_off = False

    def turn(self) -> bool:
        """Whether there was something to do."""
        due = bool(self._loop._scheduled) and self._loop._scheduled[0].when() <= self._company.time
        if not self._loop._ready and not due:
            return False
        self._loop.call_soon(self._loop.stop)
        self._loop.run_forever()
        if self._loop.faults:
            raise self._loop.faults[0]
        return True

    def next_moment(self) -> float:
        return self._loop._scheduled[0].when() if self._loop._scheduled else float("inf")

    def close(self) -> None:
        """The end of the story: nothing is left that would be told of."""
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        for _ in range(4):
            self._loop.faults.clear()
            self._loop.call_soon(self._loop.stop)
            self._loop.run_forever()
        self._loop.close()

    # -- its threads --------------------------------------------------------------------------------------------------

    def submit(self, work, /, *arguments, **keywords) -> Future:
        """Asked in a while, answered in another; cut off, it fails after its time-out, asked or not."""
        future: Future = Future()
        company, dice = self._company, self._company.dice
        there, back = (dice.expovariate(50), dice.expovariate(50))
        is_lost = company.chaos and self.is_cut_off
        is_unheard = company.chaos and not is_lost and dice.random() < 0.03
        if company.chaos and dice.random() < 0.05:
            there, back = there + dice.uniform(0, 20) * dice.random(), back + dice.uniform(0, 20) * dice.random()

        def asks() -> None:
            done, failure = None, MetadataError("no answer")
            if not is_lost:
                try:
                    done = work(*arguments, **keywords)
                except RoutineLoadError as error:
                    failure = error
            heard = not is_lost and not is_unheard and done is not None
            company.at(back, lambda: self._answered(future, done if heard else None, failure))

        company.at(there + (8.0 if is_lost else 0.0), asks)
        return future

    def _answered(self, future: Future, done: object, failure: Exception) -> None:
        if future.cancelled() or not self.lives or self._loop.is_closed():
            return
        if done is None:
            future.set_exception(failure)
        else:
            future.set_result(done)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        pass

    # -- the lease, as ``store.lease`` has it -------------------------------------------------------------------------

    def acquire(self) -> Standing:
        row = self._company.database
        is_far = row.expires_at > self._now() + FAR * TTL_S
        if row.holder in {"", self.holder} or row.expires_at <= self._now() or is_far:
            row.holder, row.epoch, row.expires_at = self.holder, row.epoch + 1, self._now() + TTL_S
        return self._standing()

    def renew(self, epoch: Epoch) -> Standing:
        row = self._company.database
        if (row.holder, row.epoch) == (self.holder, epoch):
            row.expires_at = self._now() + TTL_S
        return self._standing()

    def resign(self, epoch: Epoch) -> Standing:
        row = self._company.database
        if (row.holder, row.epoch) == (self.holder, epoch):
            row.holder, row.expires_at = "", float("-inf")
        return self._standing()

    def _now(self) -> float:
        return self._company.time + self._company.database.ahead_s

    def _standing(self) -> Standing:
        row = self._company.database
        return Standing(row.holder, Epoch(row.epoch), row.expires_at - self._now())

    # -- its duties ---------------------------------------------------------------------------------------------------

    async def gain(self, epoch: Epoch) -> None:
        if self._writing is not None:
            raise Violation(f"duplicate: {self.name} leads twice at a time")
        self.terms.append(epoch)
        self._writing = self._loop.call_soon(self._write, epoch)
        await asyncio.sleep(self._company.dice.uniform(0, 2))

    async def lose(self, drain_s: float | None) -> None:
        if self._writing is None:
            raise Violation(f"unseen: {self.name} ends a term that it has not begun")
        self._writing.cancel()
        self._writing = None

    def beat(self) -> bool:
        return True

    def _write(self, epoch: Epoch) -> None:
        if self._company.database.write(epoch):
            self._writing = self._loop.call_later(0.5, self._write, epoch)


def play(seed: int, members: int = 3) -> Company:
    """Disturb, heal, judge. Raises Violation."""
    company = Company(seed)
    for _ in range(members):
        company.join().start()
    company.at(5, company.disturb)
    try:
        company.run(CHAOS_S)
        company.chaos = False
        company.run(CHAOS_S + 300)
        company.judge()
    finally:
        for member in company.members:
            member.close()
    return company
