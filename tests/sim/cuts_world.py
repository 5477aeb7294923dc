"""The world of the schedules of cuts: what outlives processes, and the strikes that a schedule says.

Everything happens on one thread, and nothing by chance. A process is a greenlet; whatever it does passes through
``World``, which counts the passings and strikes. A schedule takes a millisecond or two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

import greenlet

from routine_load.commit.values import CommitRecord
from routine_load.errors import MetadataError, RoutineLoadError
from routine_load.ids import JobId, PartitionId
from routine_load.jobs.job import Job
from tests.sim.cuts_records import Records
from tests.support.fake_target import Trouble
from tests.support.memory_intents import Kept

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
JOB = JobId(1)
PASSED_MAX = 3_000

T = TypeVar("T")


class Killed(BaseException):
    """The process of this greenlet was killed: nothing it does any more may be seen."""


class Violation(AssertionError):
    """A promise was broken: which one, and how."""


class Mode(StrEnum):
    """What a strike does. At a request the process lives on: the reply is lost, or the request comes late."""

    KILL = "kill"
    """The process ends there; a reply is lost."""
    ZOMBIE = "zombie"
    """It stands still there, and wakes up behind the next strike or when all is over; a request arrives that late."""
    TIMEOUT = "timeout"
    """Killed; before the next one starts, the target has given up what was not committed."""
    FORGET = "forget"
    """Killed; before the next one starts, the target has forgotten what is final."""


@dataclass(eq=False)
class Process:
    """A life of the service, or a task of it that runs somewhere else."""

    name: str
    is_task: bool = False
    is_dead: bool = False
    stands_still: bool = False
    woke_up: bool = False
    failure: BaseException | None = None
    thread: greenlet.greenlet | None = None


@dataclass
class Folder:
    """Files of rejected rows: in which places the rows of each stand. A service that takes over has one of its own."""

    pending: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    published: dict[str, list[tuple[int, int]]] = field(default_factory=dict)


@dataclass(eq=False)
class World:
    """``strikes``: at which passing each comes, counted from the one before it; ``told`` is the story so far.

    ``tasks_sleep``: what stands still is one task, which is given up, and not the service.
    """

    records: Records
    mode: Mode
    strikes: Sequence[int]
    tasks_sleep: bool = False
    time: float = 0.0
    struck: int = 0
    told: list[str] = field(default_factory=list)
    doubts: int = 0
    broken: Violation | None = None
    # what outlives processes
    job: Job | None = None
    kept: Kept = field(default_factory=Kept)
    standing: dict[PartitionId, int] = field(default_factory=dict)
    journal: list[CommitRecord] = field(default_factory=list)
    visible: list[tuple[str, int, int]] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=lambda: [Folder()])
    # what goes on
    _since: int = 0
    _current: Process | None = None
    _sleeping: list[Process] = field(default_factory=list)
    _late: list[Callable[[], object]] = field(default_factory=list)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.time)

    def monotonic(self) -> float:
        return self.time

    @property
    def passed(self) -> int:
        """How often a strike could have come since the last one."""
        return self._since

    # -- strikes ------------------------------------------------------------------------------------------------------

    def point(self, name: str) -> None:
        """A failpoint."""
        process = self._current
        if process is None:
            return
        self.check_alive()
        if not self._strikes(process, name):
            return
        if self.mode is not Mode.ZOMBIE or (self.tasks_sleep and not process.is_task):
            process.is_dead = True
            raise Killed
        process.stands_still = True
        self._sleeping.append(process)
        assert process.thread is not None
        assert process.thread.parent is not None
        process.thread.parent.switch()

    def request(self, name: str) -> Trouble:
        """Something is asked for elsewhere: what becomes of it."""
        process = self._current
        if process is None:
            return Trouble.NONE
        self.check_alive()
        if not self._strikes(process, f"{name}.reply_lost"):
            return Trouble.NONE
        return Trouble.LATE if self.mode is Mode.ZOMBIE else Trouble.UNHEARD

    def write(
        self, name: str, work: Callable[[], T], error: type[RoutineLoadError] = MetadataError, *, locks: bool = False
    ) -> T:
        """A transaction somewhere else: it is carried out, and perhaps nobody hears of it, or it comes late.

        ``locks``: not so late that others come before it.
        """
        trouble = self.request(name)
        if trouble is Trouble.LATE and not locks:
            self._late.append(work)
        else:
            done = work()
            if trouble is Trouble.NONE:
                return done
        raise error(f"the answer to {name} was lost")

    def hold_back(self, work: Callable[[], object]) -> None:
        """It arrives behind the next strike, or when all is over."""
        self._late.append(work)

    def check_alive(self) -> None:
        if self._current is not None and self._current.is_dead:
            raise Killed

    def _strikes(self, process: Process, name: str) -> bool:
        if process.woke_up:
            return False
        self._since += 1
        self.told.append(f"{process.name}: {name}")
        if len(self.told) > PASSED_MAX:
            raise Violation(f"unseen: not at its end after {PASSED_MAX} steps")
        if self.struck == len(self.strikes) or self._since != self.strikes[self.struck]:
            return False
        self.struck += 1
        self._since = 0
        self.told[-1] += f"   <-- {self.mode}"
        self._arrive()
        return True

    def _arrive(self) -> None:
        late, self._late = self._late, []
        process, self._current = self._current, None
        for act in late:
            try:
                act()
                self.told.append("what was held back arrives")
            except RoutineLoadError as refused:
                self.told.append(f"what was held back arrives, and is refused: {refused.message}")
        self._current = process

    def violated(self, what: str) -> Violation:
        """To be raised where it is seen; whatever the code under test makes of that, the schedule fails with it."""
        self.broken = self.broken or Violation(what)
        return self.broken

    # -- processes ----------------------------------------------------------------------------------------------------

    def run(self, process: Process, work: Callable[[], object]) -> None:
        """Begin a process; returns when it ends, is killed or stands still."""

        def life() -> None:
            try:
                work()
            except Killed:
                pass
            except BaseException as failure:
                process.failure = failure

        process.thread = greenlet.greenlet(life)
        self._go_on(process)

    def wake(self, but: Process | None = None) -> None:
        """Those that stand still go on to their end, and what was held back arrives."""
        woken = [each for each in self._sleeping if each is not but]
        self._sleeping = [each for each in self._sleeping if each is but]
        for process in woken:
            self.told.append(f"{process.name} wakes up")
            process.woke_up = True
            self._go_on(process)
        if but is None:
            self._arrive()

    def _go_on(self, process: Process) -> None:
        before, self._current = self._current, process
        assert process.thread is not None
        process.thread.parent = greenlet.getcurrent()
        process.stands_still = False
        process.thread.switch()
        self._current = before
        if isinstance(process.failure, AssertionError):
            raise process.failure
