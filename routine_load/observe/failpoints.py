"""Named points at which tests cut the process or make a step fail.

Disarmed, a failpoint costs one dictionary look-up. ``arm`` is called at start only (``RL_FAILPOINTS``) or by tests.
"""

from __future__ import annotations

import os
import signal

from routine_load.errors import RoutineLoadError


class InjectedFailure(RoutineLoadError):
    """A failpoint was armed to fail here."""


_armed: dict[str, tuple[str, int]] = {}


def arm(text: str) -> None:
    """Arm points from ``name=kill``, ``name=fail`` (comma-separated); ``name=kill@3`` acts at the third passing."""
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, action = item.partition("=")
        verb, _, count = action.partition("@")
        if verb not in {"kill", "fail"}:
            raise ValueError(f"failpoint {name!r}: action {verb!r} is not kill or fail")
        _armed[name] = (verb, int(count or 1))


def disarm() -> None:
    _armed.clear()


def failpoint(name: str) -> None:
    """Pass the point ``name``; acts only where it was armed."""
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
