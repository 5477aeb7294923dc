"""Backends inside this process: threads, a bounded number of slots each, and how much each is doing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from routine_load.clock import Clock
from routine_load.ids import BackendId

FIRST_BACKEND_ID = 10001

SLOTS_MAX = 1024
"""Threads that one backend has at most, whatever the front end allows; they are made when they are needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendFacts:
    """What SHOW BACKENDS knows of one backend."""

    id: BackendId
    host: str
    alive: bool
    running_tasks: int
    slots: int
    started_at: datetime


@dataclass(slots=True)
class _Backend:
    id: BackendId
    pool: ThreadPoolExecutor
    running: int = 0
    jobs: dict[int, int] = field(default_factory=dict)


class LocalBackends:
    """The in-process backends.

    Invariant: a backend never begins a task where it runs ``slots`` or more; that number is asked for each time.
    ``place`` and ``run`` are called from one thread (the scheduler's); tasks end in their own.
    """

    def __init__(self, count: int, *, slots: Callable[[], int], host: str, clock: Clock) -> None:
        self._lock = threading.Lock()
        self._slots = slots
        self._host = host
        self._started_at = clock.now()
        self._backends = {
            BackendId(FIRST_BACKEND_ID + n): _Backend(
                BackendId(FIRST_BACKEND_ID + n),
                ThreadPoolExecutor(max_workers=SLOTS_MAX, thread_name_prefix=f"backend-{FIRST_BACKEND_ID + n}"),
            )
            for n in range(count)
        }

    @property
    def alive(self) -> int:
        return len(self._backends)

    @property
    def slots(self) -> int:
        """Tasks that each backend may run at a time, as it is now."""
        return min(SLOTS_MAX, self._slots())

    def place(self, job_id: int, previous: BackendId | None) -> BackendId | None:
        """A backend with a free slot: the previous one if it can, else the least loaded one that does not run this
        job, else the least loaded one (StarRocks: slot of a task). None where every slot is taken.
        """
        slots = self.slots
        with self._lock:
            free = [b for b in self._backends.values() if b.running < slots]
            if not free:
                return None
            chosen = next((b for b in free if b.id == previous), None)
            if chosen is None:
                chosen = min(free, key=lambda b: (b.jobs.get(job_id, 0) > 0, b.running, b.id))
            chosen.running += 1
            chosen.jobs[job_id] = chosen.jobs.get(job_id, 0) + 1
            return chosen.id

    def run(self, backend_id: BackendId, job_id: int, work: Callable[[], None]) -> Future[None]:
        """Run ``work`` in the slot that ``place`` reserved; the slot is free again when it ends."""
        backend = self._backends[backend_id]

        def occupied() -> None:
            try:
                work()
            finally:
                self._release(backend, job_id)

        return backend.pool.submit(occupied)

    def facts(self) -> list[BackendFacts]:
        slots = self.slots
        with self._lock:
            return [
                BackendFacts(
                    id=b.id,
                    host=self._host,
                    alive=True,
                    running_tasks=b.running,
                    slots=slots,
                    started_at=self._started_at,
                )
                for b in self._backends.values()
            ]

    def close(self) -> None:
        """Wait for running tasks and end the threads."""
        for backend in self._backends.values():
            backend.pool.shutdown(wait=True, cancel_futures=False)

    def _release(self, backend: _Backend, job_id: int) -> None:
        with self._lock:
            backend.running -= 1
            left = backend.jobs[job_id] - 1
            if left:
                backend.jobs[job_id] = left
            else:
                del backend.jobs[job_id]
