"""Doors: one statement at a time changes a job."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from routine_load.errors import ExecutionError
from routine_load.ids import JobId


class Doors:
    """One lock per job; as many as there are jobs."""

    def __init__(self, new_lock: Callable[[], threading.Lock] = threading.Lock) -> None:
        self._new_lock = new_lock
        self._locks: dict[JobId, threading.Lock] = {}

    def forget(self, job_id: JobId) -> None:
        """Nobody will change this job again."""
        self._locks.pop(job_id, None)

    @contextmanager
    def enter(self, job_id: JobId, timeout_s: float) -> Iterator[None]:
        """Raises ExecutionError where another statement holds the job for longer than that."""
        lock = self._locks.setdefault(job_id, self._new_lock())
        if not lock.acquire(timeout=timeout_s):
            raise ExecutionError(f"another statement is still changing job {job_id} after {timeout_s:g} s; try again")
        try:
            yield
        finally:
            lock.release()
