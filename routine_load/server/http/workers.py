"""The threads that loads block in: bounded, and refused at once rather than queued where all are taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from routine_load.errors import LimitExceeded

Answer = TypeVar("Answer")


class Workers:
    """Used on one loop. ``run`` may be cancelled: its thread goes on until what it does ends."""

    def __init__(self, threads_max: int) -> None:
        self.threads_max = threads_max
        self._pool = ThreadPoolExecutor(threads_max, thread_name_prefix="http-load")
        self._running: set[Future[object]] = set()

    async def run(self, function: Callable[..., Answer], *arguments: object) -> Answer:
        """What the function answers or raises. Raises LimitExceeded where every thread is taken."""
        if len(self._running) >= self.threads_max:
            raise LimitExceeded(f"Stream Load exceed http cuncurrent limit {self.threads_max}, please try again later")
        future: Future[Answer] = self._pool.submit(function, *arguments)
        running: Future[object] = future  # type: ignore[assignment] # what it answers is of no interest here
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        return await asyncio.wrap_future(future)

    def close(self, wait_s: float) -> None:
        """Blocking: no more work; what runs gets so long to end."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        wait(list(self._running), timeout=wait_s)
