"""What became of jobs that move: values for programs, and for the command line to print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """What was done with a job, or, of a dry run, what would be."""

    READY = "ready"
    """A dry run: it would be done."""
    DONE = "done"
    HERE_ALREADY = "here already"
    """Nothing was done: a job of this name is there."""
    REFUSED = "refused"
    """Nothing was done; ``problem`` says why."""
    FAILED = "failed"
    """It was begun, and all of it was taken back; ``problem`` says why."""
    UNKNOWN = "unknown"
    """Nobody can say whether the job was made: the one at the source stays paused. ``problem`` says what to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedReport:
    """One job. ``state`` is the one at its source before anything was done, ``offsets`` where it goes on.

    ``tables`` says of each table ``made``, ``to be made``, ``there already`` or ``left alone``. ``statement`` is what
    makes the job, with masks over secrets. ``follows_topic`` None: the source does not tell.
    """

    job: str
    compat: str
    state: str
    outcome: Outcome
    offsets: Mapping[int, str] = field(default_factory=dict)
    follows_topic: bool | None = None
    tables: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problem: str = ""
    statement: str = ""

    @property
    def is_well(self) -> bool:
        return self.outcome in {Outcome.READY, Outcome.DONE, Outcome.HERE_ALREADY}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedJob:
    """A report, and the SQL that makes the job elsewhere: with secrets where they were given, empty where it is not."""

    report: MovedReport
    sql: str = field(default="", repr=False)
