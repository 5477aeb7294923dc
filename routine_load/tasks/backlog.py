"""How many tasks of this process may work on a backlog at a time.

A task that has caught up holds a few rows for a moment; one with a backlog holds chunks, queues and a decoder at full
size, so that their number decides how much memory the process needs. More of them than cores are not faster (measured
on two cores: 2 tasks 603,000 rows/s in 466 MiB, 8 tasks 515,000 rows/s in 746 MiB).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Backlog:
    """``at_once`` places. A task takes one when it has a backlog, and keeps it to its end.

    Nobody waits for a place: whoever finds none ends, and its slice comes again. So waiting slices hold no consumer, no
    memory and no backend's slot, which jobs without a backlog need.
    """

    def __init__(self, at_once: int) -> None:
        self._places = threading.BoundedSemaphore(at_once)

    @contextmanager
    def visit(self) -> Iterator[BacklogVisit]:
        """What one task holds; a place that was taken is free again afterwards."""
        visit = BacklogVisit(self._places)
        try:
            yield visit
        finally:
            visit.leave()


class BacklogVisit:
    """``held_back``: a place was wanted, and there was none."""

    def __init__(self, places: threading.BoundedSemaphore) -> None:
        self._places = places
        self.inside = False
        self.held_back = False

    def enter(self) -> bool:
        """Take a place, unless all are taken."""
        self.inside = self.inside or self._places.acquire(blocking=False)
        self.held_back = not self.inside
        return self.inside

    def leave(self) -> None:
        if self.inside:
            self._places.release()
            self.inside = False
