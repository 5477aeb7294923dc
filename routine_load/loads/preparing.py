"""Preparing the labels of one batch at a target: what a backend does between *intend* and *report*.

Owns the order: every label is asked for before the first is begun, each is begun once, and the first that is in doubt
ends it. Refuses to know what follows from it (``commit.protocol``), and who was told to prepare.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from routine_load.commit.labels import LabelState, Outcome, Part, Prepared
from routine_load.errors import RoutineLoadError, TargetUnavailable
from routine_load.loads.ports import PartBody, Target
from routine_load.observe.failpoints import failpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """``used_before`` tells which label somebody has used; ``given_up`` why all are given up; else all are prepared."""

    prepared: tuple[tuple[Part, Prepared], ...] = ()
    used_before: str = ""
    given_up: str | None = None


Prepares = Callable[[Sequence[Part]], Preparation]


def prepare(target: Target, parts: Sequence[Part], body: Callable[[Part], PartBody]) -> Preparation:
    """Begin, load and prepare each part, here and now."""
    try:
        for part in parts:
            state = target.state(part.table.database, part.label)
            if state is not LabelState.UNKNOWN:
                return Preparation(used_before=f"label {part.label} as {state}")
    except TargetUnavailable as error:
        return Preparation(given_up=error.message)
    prepared: list[tuple[Part, Prepared]] = []
    for part in parts:
        failpoint("commit.prepare.before")
        try:
            done = target.prepare(part, body(part))
        except RoutineLoadError as error:
            return Preparation(given_up=error.message)
        failpoint("commit.prepare.after")
        if done.reply.outcome is not Outcome.DONE and not done.is_empty:
            return Preparation(given_up=done.reply.text or f"label {part.label}: not prepared")
        prepared.append((part, done))
    return Preparation(prepared=tuple(prepared))
