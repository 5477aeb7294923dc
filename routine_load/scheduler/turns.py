"""Whose turn it is where fewer places are free than are wanted: jobs share them by priority, however much they want.

Weighted fair queueing. A job that takes a turn moves on in a time of its own, by what the turn costs over the job's
priority; the job that is least far gets the next one. So a job of priority 20 gets twice the places of one of priority
10, nobody waits for ever, and one that did not wait gathers no claim. Refuses to know what the places are.

Invariants: items of one job come in the order in which they were given; work is O(log jobs) for each.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from routine_load.ids import JobId

T = TypeVar("T")

_COST_MIN: Final = 0.01
_REMEMBERED_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Item(Generic[T]):
    item: T
    step: float


@dataclass(slots=True)
class _Queue(Generic[T]):
    number: int
    """Tells the job's entry in the heap from one of an earlier queue of the same job."""
    items: deque[_Item[T]] = field(default_factory=deque)


class Turns(Generic[T]):
    """Belongs to one thread."""

    def __init__(self) -> None:
        self._queues: dict[JobId, _Queue[T]] = {}
        self._heap: list[tuple[float, int, JobId]] = []
        self._reached: dict[JobId, float] = {}
        self._now = 0.0
        self._numbers = itertools.count()
        self._waiting = 0

    def __len__(self) -> int:
        """How many items wait."""
        return self._waiting

    def wait(self, job_id: JobId, item: T, *, priority: int, cost_s: float) -> None:
        """Get in line; ``cost_s`` is how long the place will be taken, as far as is known."""
        queue = self._queues.get(job_id)
        if queue is None:
            queue = self._queues[job_id] = _Queue(next(self._numbers))
            heapq.heappush(self._heap, (max(self._now, self._reached.pop(job_id, 0.0)), queue.number, job_id))
        queue.items.append(_Item(item, max(cost_s, _COST_MIN) / priority))
        self._waiting += 1

    def peek(self) -> T | None:
        """Whose turn it is; None where nobody waits."""
        while self._heap:
            _, number, job_id = self._heap[0]
            queue = self._queues.get(job_id)
            if queue is not None and queue.number == number:
                return queue.items[0].item
            heapq.heappop(self._heap)  # it was dropped
        return None

    def take(self) -> T | None:
        """``peek``, and the turn is taken."""
        if self.peek() is None:
            return None
        at, number, job_id = self._heap[0]
        queue = self._queues[job_id]
        taken = queue.items.popleft()
        self._waiting -= 1
        self._now = at
        if queue.items:
            heapq.heapreplace(self._heap, (at + taken.step, number, job_id))
        else:
            heapq.heappop(self._heap)
            del self._queues[job_id]
            self._remember(job_id, at + taken.step)
        return taken.item

    def drop(self, job_id: JobId) -> None:
        """Nothing of this job waits any more."""
        queue = self._queues.pop(job_id, None)
        if queue is not None:
            self._waiting -= len(queue.items)

    def _remember(self, job_id: JobId, reached: float) -> None:
        if len(self._reached) >= _REMEMBERED_MAX:
            self._reached = {job: at for job, at in self._reached.items() if at > self._now}
        if len(self._reached) < _REMEMBERED_MAX:
            self._reached[job_id] = reached
