"""Named points at which tests cut the process or make a step fail.

Disarmed, a failpoint costs one comparison and one dictionary look-up. ``arm`` is called at start only
(``RL_FAILPOINTS``) or by tests. ``CUTS`` are what a batch and its job pass on their way, each ``.before`` and
``.after``; ``POINTS`` are all names there are.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Final

from routine_load.errors import RoutineLoadError

CUTS: Final = (
    "lease.acquire",
    "lease.renew",
    "recovery.scan",
    "recovery.resolve",
    "job.claim",
    "job.place",
    "task.plan",
    "task.dispatch",
    "source.assign",
    "source.poll",
    "transform.decode",
    "transform.filter",
    "commit.commit",
    "commit.intend",
    "commit.prepare",
    "commit.begin",
    "commit.load",
    "commit.report",
    "commit.decide",
    "commit.send",
    "commit.finish",
    "commit.abandon",
    "commit.rollback",
    "offsets.publish",
    "commit.mirror",
    "backend.commit",
    "job.pause",
    "job.resume",
    "job.alter",
    "job.version",
)
"""``commit.commit`` is the whole of a batch's commit; ``commit.send`` tells a cluster to commit a label."""

_OF_CLIENTS: Final = (
    "transaction.prepare",
    "transaction.commit",
    "transaction.finish",
    "transaction.abort",
    "prepared.prepare",
)
_ELSEWHERE: Final = ("backend.order", "backend.task")
POINTS: Final = frozenset(
    f"{cut}.{side}" for cut in (*CUTS, *_OF_CLIENTS, *_ELSEWHERE) for side in ("before", "after")
) | {
    "transaction.recover.before",
    "prepared.abort.before",
    "prepared.commit.locked",
    "prepared.commit.merged",
    "prepared.commit.dropped",
    "prepared.commit.after",
}


class InjectedFailure(RoutineLoadError):
    """A failpoint was armed to fail here."""


_SIGNALS: Final = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}
_armed: dict[str, tuple[str, int]] = {}
_observer: Callable[[str], None] | None = None


def arm(text: str) -> None:
    """Arm points from ``name=kill``, ``name=fail`` (comma-separated); ``name=kill@3`` acts at the third passing.

    ``name=stop`` puts the process to sleep, as SIGSTOP does, until somebody wakes it.
    """
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, action = item.partition("=")
        verb, _, count = action.partition("@")
        if verb not in {*_SIGNALS, "fail"}:
            raise ValueError(f"failpoint {name!r}: action {verb!r} is not kill, stop or fail")
        if name not in POINTS:
            raise ValueError(f"there is no failpoint {name!r}")
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
    if verb in _SIGNALS:
        os.kill(os.getpid(), _SIGNALS[verb])
        return  # whoever slept goes on as if nothing had been
    raise InjectedFailure(f"failpoint {name}")
