"""The agenda: what is due when, on one asyncio loop, and the way from the loop into threads and back.

Work per tick is proportional to what is due: a heap by due time, never a scan. It knows nothing of jobs.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from routine_load.clock import Clock
from routine_load.errors import LeadershipLost
from routine_load.observe import events
from routine_load.observe.logs import logger
from routine_load.scheduler.asking import ASKING_THREADS, Askers
from routine_load.scheduler.ticker import Ticker

log = logger("scheduler")

T = TypeVar("T")

_THREADS = 8
_TICK_S = 0.01
"""How long what is due may keep the loop from what else goes on there."""


@dataclass(order=True, slots=True)
class _Due:
    at: float
    number: int
    action: Callable[[], None] = field(compare=False)


class Agenda:
    """``due`` and ``spawn`` are called on the loop, ``call`` and ``wait_for`` from any thread."""

    def __init__(self, clock: Clock, tick_s: float) -> None:
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tick_s = tick_s
        self._ticker: Ticker | None = None
        self._threads, self._asking = self._pools()
        self._askers = Askers()
        self._heap: list[_Due] = []
        self._numbers = itertools.count()
        self._background: set[asyncio.Task[None]] = set()
        self.stopping = False
        self._ended_for_now = False

    def open(self) -> None:
        """Take the running loop; nothing comes due before ``start``. One that was stopped begins anew, empty."""
        self._loop = asyncio.get_running_loop()
        if self._ended_for_now:
            self._threads, self._asking = self._pools()
        self._askers = Askers()
        self._ended_for_now = self.stopping = False

    def _pools(self) -> tuple[ThreadPoolExecutor, ThreadPoolExecutor]:
        """For bookkeeping, and for asking Kafka."""
        return (
            ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="scheduler"),
            ThreadPoolExecutor(max_workers=ASKING_THREADS, thread_name_prefix="asking-kafka"),
        )

    def start(self) -> None:
        self._ticker = Ticker(self._tick_s, self._tick)
        self._ticker.start()
        self._tick()

    def stop(self) -> None:
        """Nothing comes due any more; threads end with what they are doing."""
        self._ended_for_now = self.stopping = True
        if self._ticker is not None:
            self._ticker.stop()
            self._ticker = None
        self._heap.clear()
        for task in list(self._background):
            task.cancel()
        for threads in (self._threads, self._asking):
            threads.shutdown(wait=False, cancel_futures=True)

    def due(self, after_s: float, action: Callable[[], None]) -> None:
        """Run ``action`` on the loop after that many seconds; 0 means as soon as the loop is free."""
        if self._ended_for_now:
            return
        heapq.heappush(self._heap, _Due(self._clock.monotonic() + after_s, next(self._numbers), action))
        if after_s == 0 and self._loop is not None:
            self._loop.call_soon(self._tick)

    def call(self, function: Callable[..., None], *arguments: object) -> None:
        """Run ``function`` on the loop, from any thread; after the end, never."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)

    def wait_for(self, work: Coroutine[None, None, None], timeout_s: float) -> None:
        """Run ``work`` on the loop and wait for its end, from another thread. Raises TimeoutError, and ends it then."""
        assert self._loop is not None, "the agenda was not opened"
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            future.result(timeout_s)
        finally:
            future.cancel()

    async def in_thread(self, work: Callable[[], T]) -> T:
        """The result of blocking work, on the loop."""
        assert self._loop is not None, "the agenda was not opened"
        return await self._loop.run_in_executor(self._threads, work)

    def in_background(self, work: Callable[[], object]) -> None:
        """Run blocking work in a thread; what it has to say it says by ``call``."""

        async def run() -> None:
            await self.in_thread(work)

        self.spawn(run())

    def asking_kafka(self, work: Callable[[], object], cluster: str = "") -> None:
        """``in_background`` for work that may wait long for that cluster's answer, with threads of its own."""
        self._askers.add(cluster, work)
        self._ask()

    def _ask(self) -> None:
        while not self.stopping and (turn := self._askers.take()) is not None:
            self.spawn(self._asked(*turn))

    async def _asked(self, cluster: str, work: Callable[[], object]) -> None:
        assert self._loop is not None, "the agenda was not opened"
        askers, began = self._askers, self._clock.monotonic()
        try:
            await self._loop.run_in_executor(self._asking, work)
        finally:
            askers.ended(cluster, self._clock.monotonic() - began)
            self._ask()

    def insist(
        self, work: Callable[[], None], wanted: Callable[[], bool], pause_s: Callable[[int], float], attempt: int = 1
    ) -> None:
        """Run blocking work in a thread, again and again while it fails and is ``wanted``."""

        def attempted() -> None:
            try:
                work()
            except LeadershipLost as error:
                log.warning(events.LEADERSHIP_LOST, reason=error.message)  # the next leader does it
            except Exception:  # whatever it is, giving up would leave the work undone for ever
                log.exception(events.SCHEDULER_FAULT, attempt=attempt)
                self.call(self.due, pause_s(attempt), again)

        def again() -> None:
            self.insist(work, wanted, pause_s, attempt + 1)

        if wanted() and not self.stopping:
            self.in_background(attempted)

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run a coroutine beside everything else; an exception is logged, not lost. After the end, it is dropped."""
        assert self._loop is not None, "the agenda was not opened"
        if self._ended_for_now:
            work.close()
            return
        task = self._loop.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, LeadershipLost):
            log.warning(events.LEADERSHIP_LOST, reason=error.message)
        else:
            log.error(events.SCHEDULER_FAULT, exc_info=error)

    def _tick(self) -> None:
        now = self._clock.monotonic()
        while self._heap and self._heap[0].at <= now and not self.stopping:
            action = heapq.heappop(self._heap).action
            try:
                action()
            except Exception:  # what else is due has nothing to do with it
                log.exception(events.SCHEDULER_FAULT)
            if self._loop is not None and self._clock.monotonic() - now > _TICK_S:
                self._loop.call_soon(self._tick)
                return
