"""The hand on a running task: who may still stop it, and from when on nobody can."""

from __future__ import annotations

import threading


class TaskControl:
    """Cancel and commit exclude each other: whichever comes first wins."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._committing = False

    def cancel(self) -> bool:
        """Ask the task to give up. False where it has begun to commit: then its end has to be waited for."""
        with self._lock:
            if not self._committing:
                self._cancelled = True
            return self._cancelled

    def enter_commit(self) -> bool:
        """True where the task may commit; from now on it cannot be cancelled."""
        with self._lock:
            if not self._cancelled:
                self._committing = True
            return self._committing

    @property
    def cancelled(self) -> bool:
        return self._cancelled
