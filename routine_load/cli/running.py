"""A coordinator's life in the foreground: start, say so, wait for a signal, drain."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

from routine_load.app.coordinator import Coordinator
from routine_load.cli import process
from routine_load.config import Settings


def run(settings: Settings, ready: Callable[[Coordinator], None]) -> None:
    """Run until SIGTERM or SIGINT, then drain and return. A second signal ends the process at once.

    SIGUSR1 prints every thread's stack on stderr. ``ready`` is called once the doors accept
    connections. Raises RoutineLoadError where the start fails.
    """
    leave = threading.Event()

    def signalled(number: int, _frame: FrameType | None) -> None:
        if leave.is_set():
            os._exit(128 + number)
        leave.set()

    faulthandler.register(signal.SIGUSR1, all_threads=True)
    previous = {number: signal.signal(number, signalled) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        process.tune()
        coordinator = Coordinator(settings)
        coordinator.start()
        watcher = threading.Thread(target=_until_closed, args=(coordinator, leave), name="until-closed", daemon=True)
        watcher.start()
        try:
            ready(coordinator)
            leave.wait()
        finally:
            coordinator.stop(drain=True)
            watcher.join()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _until_closed(coordinator: Coordinator, leave: threading.Event) -> None:
    """A coordinator that ends by itself ends the process, too."""
    coordinator.wait_closed()
    leave.set()
