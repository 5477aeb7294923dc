"""Who may ask Kafka now: as many threads as there are, shared among clusters, so that one that is silent keeps none of
the others from their answers.

A cluster has at most ``_OF_ONE`` threads at a time; those that were slow lately have at most half of all together.
What waits is taken from one cluster after the other. Refuses to know threads and what is asked.

Belongs to the scheduler's loop.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

Work = Callable[[], object]

ASKING_THREADS: Final = 32
_OF_ONE: Final = 8
_SLOW_S: Final = 2.0
"""An answer that takes longer marks its cluster as slow, until one comes faster."""


@dataclass(slots=True)
class Askers:
    """``add`` what is to be asked, then ``take`` as long as there is something; say when it has ``ended``."""

    threads: int = ASKING_THREADS
    _waiting: dict[str, deque[Work]] = field(default_factory=dict)
    """By cluster, in the order of their turns."""
    _running: Counter[str] = field(default_factory=Counter)
    _slow: set[str] = field(default_factory=set)

    def add(self, cluster: str, work: Work) -> None:
        self._waiting.setdefault(cluster, deque()).append(work)

    def take(self) -> tuple[str, Work] | None:
        """What may be asked next; None where nothing waits, or nobody may ask now."""
        if self._running.total() >= self.threads:
            return None
        slow_may = sum(self._running[cluster] for cluster in self._slow) < self.threads // 2
        for cluster in self._waiting:
            if self._running[cluster] < _OF_ONE and (slow_may or cluster not in self._slow):
                return cluster, self._taken(cluster)
        return None

    def _taken(self, cluster: str) -> Work:
        queue = self._waiting.pop(cluster)
        work = queue.popleft()
        if queue:
            self._waiting[cluster] = queue  # behind the others
        self._running[cluster] += 1
        return work

    def ended(self, cluster: str, took_s: float) -> None:
        self._running[cluster] -= 1
        if not self._running[cluster]:
            del self._running[cluster]
        if took_s >= _SLOW_S:
            self._slow.add(cluster)
        else:
            self._slow.discard(cluster)
