"""What nobody closed is closed when the program ends: once the main thread is done, while other threads still can work.

``atexit`` alone comes too late: from then on the standard library's pools of threads take nothing more, and a service
needs them to end in order. Refuses to know what is closed.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from contextlib import suppress

from routine_load.errors import RoutineLoadError

_lock = threading.Lock()
_open: dict[Callable[[], None], int] = {}
_begun = False


def at_the_end(close: Callable[[], None]) -> None:
    """Call it when the program ends; not in a forked child, whose parent owns threads and files."""
    global _begun  # noqa: PLW0603 - one registration for the whole process
    with _lock:
        _open[close] = os.getpid()
        if not _begun:
            # concurrent.futures uses the same hook; where an interpreter has it no more, atexit is the second best
            getattr(threading, "_register_atexit", atexit.register)(_leave)
            _begun = True


def forget(close: Callable[[], None]) -> None:
    """It was called already."""
    with _lock:
        _open.pop(close, None)


def _leave() -> None:
    with _lock:
        mine = [close for close, process in _open.items() if process == os.getpid()]
    for close in reversed(mine):
        with suppress(RoutineLoadError):
            close()
