"""Who runs how many tasks of which jobs, and who gets the next one (StarRocks: slot of a task).

Owns the counts. Refuses to know where a backend is. Invariant: what is taken is given back once.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Mapping

from routine_load.ids import BackendId


class Seats:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: Counter[BackendId] = Counter()
        self._jobs: defaultdict[BackendId, Counter[int]] = defaultdict(Counter)

    def take(self, job_id: int, previous: BackendId | None, slots: Mapping[BackendId, int]) -> BackendId | None:
        """A seat on one of the backends that ``slots`` names: the previous one if it can, else the least loaded one
        that does not run this job, else the least loaded one. None where every slot is taken.
        """
        with self._lock:
            free = [each for each, most in slots.items() if self._running[each] < most]
            if not free:
                return None
            chosen = previous if previous in free else min(free, key=lambda each: self._rank(each, job_id))
            assert chosen is not None
            self._running[chosen] += 1
            self._jobs[chosen][job_id] += 1
            return chosen

    def _rank(self, backend: BackendId, job_id: int) -> tuple[bool, int, BackendId]:
        return self._jobs[backend][job_id] > 0, self._running[backend], backend

    def give_back(self, backend: BackendId, job_id: int) -> None:
        with self._lock:
            assert self._running[backend] > 0, backend
            self._running[backend] -= 1
            jobs = self._jobs[backend]
            jobs[job_id] -= 1
            if not jobs[job_id]:
                del jobs[job_id]

    def running(self, backend: BackendId) -> int:
        with self._lock:
            return self._running[backend]
