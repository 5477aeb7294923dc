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
from routine_load.observe import events
from routine_load.observe.logs import logger
from routine_load.scheduler.ticker import Ticker

log = logger("scheduler")

T = TypeVar("T")

_THREADS = 8
_ASKING_THREADS = 32
"""Threads that wait for Kafka: brokers that do not answer keep nobody from planning, booking and pausing other jobs."""


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
        self._ticker = Ticker(tick_s, self._tick)
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="scheduler")
        self._asking = ThreadPoolExecutor(max_workers=_ASKING_THREADS, thread_name_prefix="asking-kafka")
        self._heap: list[_Due] = []
        self._numbers = itertools.count()
        self._background: set[asyncio.Task[None]] = set()
        self.stopping = False

    def open(self) -> None:
        """Take the running loop; nothing comes due before ``start``."""
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        self._ticker.start()
        self._tick()

    def stop(self) -> None:
        """Nothing comes due any more; threads end with what they are doing."""
        self._ticker.stop()
        for task in list(self._background):
            task.cancel()
        for threads in (self._threads, self._asking):
            threads.shutdown(wait=False, cancel_futures=True)

    def due(self, after_s: float, action: Callable[[], None]) -> None:
        """Run ``action`` on the loop after that many seconds; 0 means as soon as the loop is free."""
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

    def asking_kafka(self, work: Callable[[], object]) -> None:
        """``in_background`` for work that may wait long for an answer, with threads of its own."""

        async def run() -> None:
            assert self._loop is not None, "the agenda was not opened"
            await self._loop.run_in_executor(self._asking, work)

        self.spawn(run())

    def insist(
        self, work: Callable[[], None], wanted: Callable[[], bool], pause_s: Callable[[int], float], attempt: int = 1
    ) -> None:
        """Run blocking work in a thread, again and again while it fails and is ``wanted``."""

        def attempted() -> None:
            try:
                work()
            except Exception:  # whatever it is, giving up would leave the work undone for ever
                log.exception(events.SCHEDULER_FAULT, attempt=attempt)
                self.call(self.due, pause_s(attempt), again)

        def again() -> None:
            self.insist(work, wanted, pause_s, attempt + 1)

        if wanted() and not self.stopping:
            self.in_background(attempted)

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run a coroutine beside everything else; an exception is logged, not lost."""
        assert self._loop is not None, "the agenda was not opened"
        task = self._loop.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error(events.SCHEDULER_FAULT, exc_info=error)

    def _tick(self) -> None:
        now = self._clock.monotonic()
        while self._heap and self._heap[0].at <= now and not self.stopping:
            action = heapq.heappop(self._heap).action
            try:
                action()
            except Exception:  # what else is due has nothing to do with it
                log.exception(events.SCHEDULER_FAULT)
