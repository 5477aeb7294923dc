"""States of a job, what moves it between them, and why (StarRocks: job state machine; Doris: states).

Owns the transition table, reason codes and the print form of a reason; the reasons are ``jobs.reasons``'. Refuses to
know when a job should move.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from routine_load.errors import JobStateError
from routine_load.ids import Compat


class JobState(StrEnum):
    NEED_SCHEDULE = "NEED_SCHEDULE"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        return self in {JobState.STOPPED, JobState.CANCELLED}

    @property
    def is_active(self) -> bool:
        """The scheduler looks after it."""
        return self in {JobState.NEED_SCHEDULE, JobState.RUNNING}


class Event(StrEnum):
    """What happens to a job's state."""

    SCHEDULE = "schedule"
    """The scheduler divided the job into tasks."""
    RESCHEDULE = "reschedule"
    """The division has to be made anew: the topic's partitions changed, or the process started."""
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    CANCEL = "cancel"


TARGETS: dict[Event, JobState] = {
    Event.SCHEDULE: JobState.RUNNING,
    Event.RESCHEDULE: JobState.NEED_SCHEDULE,
    Event.PAUSE: JobState.PAUSED,
    Event.RESUME: JobState.NEED_SCHEDULE,
    Event.STOP: JobState.STOPPED,
    Event.CANCEL: JobState.CANCELLED,
}
"""Where each event leads."""

_EVERY = frozenset(Event)

ALLOWED: dict[JobState, frozenset[Event]] = {
    JobState.NEED_SCHEDULE: _EVERY,
    JobState.RUNNING: _EVERY,
    # only RESUME leads back to work: a scheduler that comes late must not wake a paused job
    JobState.PAUSED: frozenset({Event.RESUME, Event.STOP, Event.CANCEL}),
    JobState.STOPPED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
"""What may happen in each state; everything else is refused."""


def transition(state: JobState, event: Event) -> JobState:
    """The state that follows. Raises JobStateError in the vendors' common words."""
    target = TARGETS[event]
    if event not in ALLOWED[state]:
        raise JobStateError(f"Could not transform {state} to {target}")
    return target


class StarRocksReason(IntEnum):
    IMPOSSIBLE = 1
    INTERNAL = 2
    REPLICA_FEW = 3
    PARTITIONS = 4
    DATABASE = 5
    TABLE = 6
    META_NOT_FOUND = 7
    MANUAL_PAUSE = 100
    MANUAL_STOP = 101
    TOO_MANY_FAILURE_ROWS = 102
    CREATE_TASKS = 103
    TASKS_ABORT = 104
    SLOW_RUNNING = 105
    DATA_PARSE_ERROR = 5611


class DorisReason(IntEnum):
    INTERNAL = 2
    REPLICA_FEW = 3
    PARTITIONS = 4
    DATABASE = 5
    TABLE = 6
    META_NOT_FOUND = 7
    MANUAL_PAUSE = 100
    MANUAL_STOP = 101
    TOO_MANY_FAILURE_ROWS = 102
    CREATE_TASKS = 103
    TASKS_ABORT = 104
    CANNOT_RESUME = 105


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a job's state changed: the vendors' code and a text."""

    code: int
    text: str

    def printed(self, compat: Compat) -> str:
        """ReasonOfStateChanged as this vendor prints it."""
        prefix = "code=" if compat is Compat.DORIS else ""
        return f"ErrorReason{{{prefix}errCode = {int(self.code)}, msg='{self.text}'}}"
