"""The stage: threads that run one at a time, in an order that a seed decides, on a clock that nobody waits for.

The code under test is blocking code of several threads beside an asyncio loop. Here each of its threads is a greenlet,
which stands still at every ``pause`` (ports, failpoints, locks). Which of those that can go on is next is the seed's
choice, so that a seed always plays the same story.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import random
import selectors
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import greenlet

from routine_load.scheduler.agenda import Agenda

_SLOW = 0.1
START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


class Killed(BaseException):
    """The process of this thread was killed: nothing it does any more may be seen."""


class Hang(AssertionError):
    """Nothing can go on, or nothing comes to an end."""


class Violation(AssertionError):
    """A promise was broken."""


class Stage:
    """The hub. ``alive`` is the process that runs now: threads of an earlier one end at their next pause."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.time = 0.0
        self.ahead_s = 0.0
        self.alive = 0
        self.steps = 0
        self.broken: Violation | None = None
        self.loop: StageLoop | None = None
        self.agenda: StageAgenda | None = None
        self._threads: list[_Actor] = []
        self._on: _Actor | None = None

    # clock

    def now(self) -> datetime:
        """The wall's clock, which may have been moved."""
        return START + timedelta(seconds=self.time + self.ahead_s)

    def monotonic(self) -> float:
        return self.time

    # threads

    def spawn(self, work: Callable[[], None]) -> None:
        self._threads.append(_Actor(self, work, self.alive))

    def pause(self, ready: Callable[[], bool] = lambda: True, until: float | None = None) -> bool:
        """Let others go first; go on once ``ready``, or at ``until``. Says whether it is ready."""
        actor = self._on
        if actor is None:  # the loop's own callbacks do not wait
            return True
        self.check_alive(actor.process)
        actor.ready, actor.until = ready, until
        actor.stand_still()
        self.check_alive(actor.process)
        return ready()

    def sleep(self, seconds: float) -> None:
        self.pause(lambda: False, self.time + seconds)

    def violated(self, what: str) -> Violation:
        """To be raised where it is seen; whatever the code under test makes of that, the play ends with it."""
        self.broken = self.broken or Violation(what)
        return self.broken

    def check_alive(self, process: int) -> None:
        if process != self.alive:
            raise Killed

    def run(self, finished: Callable[[], bool], *, steps_max: int = 60_000) -> None:
        """Play until ``finished``. Raises Hang where that does not come."""
        for _ in range(steps_max):
            if self.broken is not None:
                raise self.broken
            if finished():
                return
            self._step()
        raise Hang(f"not finished after {steps_max} steps, at {self.time:.1f} s")

    def kill(self) -> None:
        """End the process: every thread unwinds without being seen, the loop goes."""
        self.alive += 1
        for actor in list(self._threads):
            self._give(actor)
            assert actor.ended
        self._threads.clear()
        assert self.loop is not None
        for _ in range(5):
            self.loop.faults.clear()
            self._turn_loop()
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
        self.loop.close()
        self.loop = self.agenda = None

    def _step(self) -> None:
        self.steps += 1
        going = [actor for actor in self._threads if actor.may_go(self.time)]
        turns = len(going) + self._loop_wants()
        if turns == 0:
            self._let_time_pass()
        elif (choice := self.dice.randrange(turns)) == len(going):
            self._turn_loop()
        elif not going[choice].slow or turns == 1 or self.dice.random() < _SLOW:
            self._give(going[choice])

    def _loop_wants(self) -> bool:
        return self.loop is not None and bool(self.loop._ready)

    def _turn_loop(self) -> None:
        assert self.loop is not None
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()
        if self.loop.faults:
            raise self.loop.faults[0]

    def _give(self, actor: _Actor) -> None:
        self._on = actor
        actor.go_on()
        self._on = None
        if actor.ended and actor in self._threads and actor.process == self.alive:
            self._threads.remove(actor)
        if actor.failure is not None:
            raise actor.failure

    def _let_time_pass(self) -> None:
        moments = [actor.until for actor in self._threads if actor.until is not None]
        if self.agenda is not None and self.agenda._heap:
            moments.append(self.agenda._heap[0].at)
        if not moments:
            raise Hang(f"nothing will ever happen again, at {self.time:.1f} s")
        self.time = max(self.time, min(moments))
        if self.agenda is not None and self.loop is not None:
            self.loop.call_soon(self.agenda._tick)


class _Actor:
    def __init__(self, stage: Stage, work: Callable[[], None], process: int) -> None:
        self.ready: Callable[[], bool] = lambda: True
        self.until: float | None = None
        self.process = process
        self.slow = stage.dice.random() < _SLOW  # a thread that nearly stands still while others go on
        self.ended = False
        self.failure: BaseException | None = None
        self._greenlet = greenlet.greenlet(lambda: self._run(stage, work))

    def may_go(self, now: float) -> bool:
        return (self.until is not None and self.until <= now) or self.ready()

    def go_on(self) -> None:
        self._greenlet.parent = greenlet.getcurrent()
        self._greenlet.switch()

    def stand_still(self) -> None:
        assert self._greenlet.parent is not None
        self._greenlet.parent.switch()

    def _run(self, stage: Stage, work: Callable[[], None]) -> None:
        try:
            if self.process == stage.alive:
                work()
        except Killed:
            pass
        except BaseException as failure:
            self.failure = failure if self.process == stage.alive else None
        self.ended = True


class _NothingToHear(selectors.SelectSelector):
    def select(self, timeout: float | None = None) -> list:
        return []


class StageLoop(asyncio.SelectorEventLoop):
    """A loop without sockets, on the stage's clock."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(_NothingToHear())
        self._stage = stage
        self.faults: list[BaseException] = []
        self.set_exception_handler(lambda _, about: self.faults.append(about.get("exception") or Hang(str(about))))

    def time(self) -> float:
        return self._stage.time

    def _write_to_self(self) -> None: ...


class StageLock:
    """A lock, or with ``places`` a semaphore, that waits on the stage."""

    def __init__(self, stage: Stage, places: int = 1) -> None:
        self._stage = stage
        self._free = places

    def acquire(self, timeout: float | None = None) -> bool:
        until = None if timeout is None else self._stage.time + timeout
        if not self._stage.pause(lambda: self._free > 0, until):
            return False
        self._free -= 1
        return True

    def release(self) -> None:
        self._free += 1

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class StageThreads(concurrent.futures.Executor):
    """A thread pool whose threads are the stage's."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._process = stage.alive

    def submit(self, work, /, *arguments, **keywords):
        future: concurrent.futures.Future = concurrent.futures.Future()

        def run() -> None:
            try:
                future.set_result(work(*arguments, **keywords))
            except Killed:
                raise
            except BaseException as error:
                future.set_exception(error)

        if self._process == self._stage.alive:
            self._stage.spawn(run)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        pass


class StageAgenda(Agenda):
    """The agenda, with the stage's threads and no ticker: time passes when nothing else happens."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage, 1.0)
        for threads in (self._threads, self._asking):
            threads.shutdown(wait=False)
        self._threads = self._asking = StageThreads(stage)
        self._stage = stage

    def open(self) -> None:
        super().open()
        self._stage.agenda = self

    def start(self) -> None:
        self._tick()

    def wait_for(self, work, timeout_s: float) -> None:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            if not self._stage.pause(future.done, self._stage.time + timeout_s):
                raise TimeoutError
            future.result()
        finally:
            if self._loop is not None and not self._loop.is_closed():
                future.cancel()
