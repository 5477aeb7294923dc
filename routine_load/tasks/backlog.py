"""How many tasks of this process may work on a backlog at a time.

A task that has caught up holds a few rows for a moment; one with a backlog holds chunks, queues and a decoder at full
size, so that their number decides how much memory the process needs. More of them than cores are not faster (measured
on two cores: 2 tasks 603,000 rows/s in 466 MiB, 8 tasks 515,000 rows/s in 746 MiB).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from routine_load.tasks.control import TaskControl

_WAIT_S = 0.25


class Backlog:
    """``at_once`` places. A task takes one when it sees that it has a backlog, and keeps it to its end.

    One that is known to have a backlog takes it before it opens a consumer: then waiting holds no memory.
    """

    def __init__(self, at_once: int) -> None:
        self._places = threading.BoundedSemaphore(at_once)

    @contextmanager
    def visit(self, control: TaskControl) -> Iterator[BacklogVisit]:
        """What one task holds; a place that was taken is free again afterwards."""
        visit = BacklogVisit(self._places, control)
        try:
            yield visit
        finally:
            visit.leave()


class BacklogVisit:
    def __init__(self, places: threading.BoundedSemaphore, control: TaskControl) -> None:
        self._places = places
        self._control = control
        self.inside = False

    def enter(self) -> bool:
        """Wait for a place. False where the task was cancelled meanwhile."""
        while not self.inside and not self._control.cancelled:
            self.inside = self._places.acquire(timeout=_WAIT_S)
        return self.inside

    def leave(self) -> None:
        if self.inside:
            self._places.release()
            self.inside = False
