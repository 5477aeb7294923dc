"""Named points at which tests cut the process or make a step fail.

Disarmed, a failpoint costs one comparison and one dictionary look-up. ``arm`` is called at start only
(``RL_FAILPOINTS``) or by tests.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from routine_load.errors import RoutineLoadError


class InjectedFailure(RoutineLoadError):
    """A failpoint was armed to fail here."""


_armed: dict[str, tuple[str, int]] = {}
_observer: Callable[[str], None] | None = None


def arm(text: str) -> None:
    """Arm points from ``name=kill``, ``name=fail`` (comma-separated); ``name=kill@3`` acts at the third passing."""
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, action = item.partition("=")
        verb, _, count = action.partition("@")
        if verb not in {"kill", "fail"}:
            raise ValueError(f"failpoint {name!r}: action {verb!r} is not kill or fail")
        _armed[name] = (verb, int(count or 1))


def observe(observer: Callable[[str], None]) -> None:
    """Tell ``observer`` of every passing, in the thread that passes; what it raises is raised there (tests)."""
    global _observer  # noqa: PLW0603 - one process, one observer
    _observer = observer


def disarm() -> None:
    """Nothing acts and nobody is told any more."""
    global _observer  # noqa: PLW0603 - one process, one observer
    _observer = None
    _armed.clear()


def failpoint(name: str) -> None:
    """Pass the point ``name``; acts only where it was armed."""
    if _observer is not None:
        _observer(name)
    if name not in _armed:
        return
    verb, left = _armed[name]
    if left > 1:
        _armed[name] = (verb, left - 1)
        return
    del _armed[name]
    if verb == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise InjectedFailure(f"failpoint {name}")
