"""The hand on a running task: who may still stop it, and from when on nobody can."""

from __future__ import annotations

import threading
from collections.abc import Callable


class TaskControl:
    """Cancel and commit exclude each other: whichever comes first wins."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._committing = False
        self._told: Callable[[], None] | None = None

    def tell(self, cancelled: Callable[[], None]) -> None:
        """Call this, which must not block, when the task is cancelled: for whoever cannot look now and then."""
        with self._lock:
            self._told = cancelled
            is_too_late = self._cancelled
        if is_too_late:
            cancelled()

    def cancel(self) -> bool:
        """Ask the task to give up. False where it has begun to commit: then its end has to be waited for."""
        with self._lock:
            if not self._committing:
                self._cancelled = True
            is_cancelled, told = self._cancelled, self._told
        if is_cancelled and told is not None:
            told()
        return is_cancelled

    def enter_commit(self) -> bool:
        """True where the task may commit; from now on it cannot be cancelled."""
        with self._lock:
            if not self._cancelled:
                self._committing = True
            return self._committing

    @property
    def cancelled(self) -> bool:
        return self._cancelled
