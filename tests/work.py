"""Work that is counted and time that is made up: a real clock also counts the machine and the neighbours."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType


@dataclass
class Work:
    """Calls of functions, in Python and in C, that this thread has made."""

    calls: int = 0


@contextmanager
def bounded_work(calls_max: int) -> Iterator[Work]:
    """Fail as soon as the block's thread has made more calls than these, however long each of them takes.

    The collector rests meanwhile: it would run the callbacks and finalizers of whatever the process has left behind.
    """
    work = Work()
    before, collects = sys.getprofile(), gc.isenabled()

    def seen(_frame: FrameType, event: str, _argument: object) -> None:
        if event in {"call", "c_call"}:
            work.calls += 1
            if work.calls > calls_max:
                raise AssertionError(f"more than {calls_max} calls")

    gc.disable()
    sys.setprofile(seen)
    try:
        yield work
    finally:
        sys.setprofile(before)
        if collects:
            gc.enable()
    assert work.calls <= calls_max  # where the block has swallowed the error


@dataclass
class Timepiece:
    """A clock whose time passes only when it is told to."""

    seconds: float = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    def passes(self, seconds: float) -> None:
        self.seconds += seconds
