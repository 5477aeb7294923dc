"""Backends inside this process: threads, a bounded number of slots each, and how much each is doing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from routine_load.backends.facts import BackendFacts
from routine_load.backends.seats import Seats
from routine_load.clock import Clock
from routine_load.ids import BackendId

FIRST_BACKEND_ID = 10001

SLOTS_MAX = 1024
"""Threads that one backend has at most, whatever the front end allows; they are made when they are needed."""

__all__ = ["FIRST_BACKEND_ID", "SLOTS_MAX", "BackendFacts", "LocalBackends"]


class LocalBackends:
    """The in-process backends.

    Invariant: a backend never begins a task where it runs ``slots`` or more; that number is asked for each time.
    ``place`` and ``run`` are called from one thread (the scheduler's); tasks end in their own.
    """

    def __init__(
        self, count: int, *, slots: Callable[[], int], host: str, clock: Clock, seats: Seats | None = None
    ) -> None:
        self.seats = seats or Seats()
        self._slots = slots
        self._host = host
        self._clock = clock
        self._started_at = clock.now()
        self._pools = {
            BackendId(FIRST_BACKEND_ID + n): ThreadPoolExecutor(
                max_workers=SLOTS_MAX, thread_name_prefix=f"backend-{FIRST_BACKEND_ID + n}"
            )
            for n in range(count)
        }

    @property
    def alive(self) -> int:
        return len(self._pools)

    @property
    def dead(self) -> int:
        """None: they live as long as the process."""
        return 0

    @property
    def slots(self) -> int:
        """Tasks that each backend may run at a time, as it is now."""
        return min(SLOTS_MAX, self._slots())

    def offers(self) -> dict[BackendId, int]:
        """How many tasks each may run."""
        return dict.fromkeys(self._pools, self.slots)

    def place(self, job_id: int, previous: BackendId | None) -> BackendId | None:
        """A backend with a free slot, as ``Seats.take`` chooses it; None where every slot is taken."""
        return self.seats.take(job_id, previous, self.offers())

    def elsewhere(self, backend_id: BackendId) -> None:
        """Nothing of it: its tasks run in this process."""

    def run(self, backend_id: BackendId, job_id: int, work: Callable[[], None]) -> Future[None]:
        """Run ``work`` in the slot that ``place`` reserved; the slot is free again when it ends."""

        def occupied() -> None:
            try:
                work()
            finally:
                self.seats.give_back(backend_id, job_id)

        return self._pools[backend_id].submit(occupied)

    def facts(self) -> list[BackendFacts]:
        slots = self.slots
        return [
            BackendFacts(
                id=each,
                host=self._host,
                alive=True,
                running_tasks=self.seats.running(each),
                slots=slots,
                started_at=self._started_at,
                heard_at=self._clock.now(),
            )
            for each in self._pools
        ]

    def close(self) -> None:
        """Wait for running tasks and end the threads."""
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=False)
