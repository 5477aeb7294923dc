"""A coordinator's or a backend's life in the foreground: start, say so, wait for a signal, drain."""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType
from typing import Protocol, TypeVar

from routine_load.cli import process


class Lives(Protocol):
    """A coordinator, or a backend."""

    def start(self) -> None: ...
    def stop(self, drain: bool = True) -> None: ...
    def wait_closed(self) -> None: ...


L = TypeVar("L", bound=Lives)


def live(part: L, ready: Callable[[L], None]) -> None:
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
        part.start()
        bell = _Bell()
        watcher = threading.Thread(target=_until_closed, args=(part, leave, bell), name="until-closed", daemon=True)
        watcher.start()
        try:
            ready(part)
            while not leave.is_set():
                bell.wait()
        finally:
            _stop(part, bell)
            watcher.join()
            bell.close()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class _Bell:
    """Wakes the main thread, which alone runs Python's signal handlers, whichever thread the system gave a signal to.

    A main thread that waits for a lock would not notice a signal that another thread took.
    """

    def __init__(self) -> None:
        self._hears, self._rings = socket.socketpair()
        self._rings.setblocking(False)
        self._before = signal.set_wakeup_fd(self._rings.fileno(), warn_on_full_buffer=False)

    def wait(self) -> None:
        self._hears.recv(64)

    def ring(self) -> None:
        self._rings.send(b"\0")

    def close(self) -> None:
        signal.set_wakeup_fd(self._before)
        self._hears.close()
        self._rings.close()


def _until_closed(part: Lives, leave: threading.Event, bell: _Bell) -> None:
    """What ends by itself ends the process, too."""
    part.wait_closed()
    leave.set()
    bell.ring()


def _stop(part: Lives, bell: _Bell) -> None:
    """Drain in another thread, so that this one still hears a second signal."""
    stopped = threading.Event()

    def stop() -> None:
        try:
            part.stop(drain=True)
        finally:
            stopped.set()
            bell.ring()

    stopping = threading.Thread(target=stop, name="stop")
    stopping.start()
    while not stopped.is_set():
        bell.wait()
    stopping.join()
