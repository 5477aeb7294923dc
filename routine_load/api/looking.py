"""How job objects speak to the service: one look, one action, one wait. Every call is a statement.

A look names the job and then picks by id, so that a job that took the name later is never mistaken for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from routine_load.api.rows import Rows
from routine_load.api.sessions import Purpose, Sessions
from routine_load.api.status import JobState, JobStatus, read_job
from routine_load.clock import Deadline
from routine_load.errors import (
    ConnectionClosed,
    ConnectionLost,
    JobNotFound,
    JobStateError,
    LimitExceeded,
    RoutineLoadError,
    SourceError,
)
from routine_load.sql.render import render_job
from routine_load.sql.results import ResultTable
from routine_load.sql.statements import JobName

_POLL_S: Final = 0.05
_LAG_NOW: Final = "SET @routine_load_lag = 'now'"
_LAG_SEEN: Final = "SET @routine_load_lag = 'seen'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What a wait waits for; all that is given has to hold."""

    loaded_rows: int | None = None
    caught_up: bool = False
    state: JobState | None = None

    def reached(self, status: JobStatus) -> bool:
        return (
            (self.loaded_rows is None or status.statistic.loaded_rows >= self.loaded_rows)
            and (not self.caught_up or status.lag.total == 0)
            and (self.state is None or self._in_state(status.state))
        )

    def hopeless(self, status: JobStatus) -> bool:
        """Nothing but a person can bring it about. A pause may end by itself, but then no one said it should."""
        if status.state.is_final:
            return True
        return status.state is JobState.PAUSED and (self.loaded_rows is not None or self.caught_up)

    def progress(self, status: JobStatus) -> str:
        """How far it is, for an error text."""
        if self.loaded_rows is not None:
            return f"{status.statistic.loaded_rows} of {self.loaded_rows} rows"
        if self.caught_up:
            behind = "an unknown number of" if status.lag.total is None else str(status.lag.total)
            return f"{behind} records to go"
        return f"{self.state} wanted"

    def _in_state(self, state: JobState) -> bool:
        return state is self.state or (self.state is JobState.RUNNING and state.is_running)


class Looking:
    """Looks at jobs and acts on them, in sessions of its own whose clock is UTC. Thread-safe."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def rows(self, text: str) -> list[dict[str, Any]]:
        """The rows that a statement answers, by column name."""
        return self.table(text).dicts()

    def table(self, text: str) -> Rows:
        result = self._sessions.run(text, purpose=Purpose.JOBS)[-1]
        assert isinstance(result, ResultTable), text
        return Rows(result)

    def act(self, text: str) -> None:
        """Run a statement that answers no rows."""
        self._sessions.run(text, purpose=Purpose.JOBS)

    def job(self, name: JobName, job_id: int | None = None, *, asked: bool = False) -> JobStatus:
        """The job of this id, or the newest of this name. Raises JobNotFound, NoDatabaseSelected, UnknownDatabase."""
        shown = [read_job(row, asked=asked) for row in self.rows(f"SHOW ALL ROUTINE LOAD FOR {render_job(name)}")]
        found = [status for status in shown if job_id in {None, status.id}]
        if not found:
            which = "" if job_id is None else f" with the id {job_id}"
            raise JobNotFound(f"there is no routine load job {name.database}.{name.name}{which}")
        return max(found, key=lambda status: status.id)

    def job_with_lag(self, name: JobName, job_id: int | None = None) -> JobStatus:
        """Likewise, with log ends that Kafka was asked for now. Raises SourceError, SourceUnavailable, too."""
        self.act(_LAG_NOW)
        try:
            return self.job(name, job_id, asked=True)
        finally:
            self.act(_LAG_SEEN)

    def wait(self, name: JobName, goal: Goal, timeout: float, job_id: int | None = None) -> JobStatus:
        """The job once the goal is reached. Raises JobStateError, LimitExceeded, JobNotFound, ConnectionClosed."""
        deadline = Deadline.after(timeout)
        seen: JobStatus | None = None
        trouble: RoutineLoadError | None = None
        while True:
            try:
                seen, trouble = self._look(name, goal, job_id), None
            except (ConnectionLost, SourceError) as error:  # what may be over at the next look
                trouble = error
            if seen is not None and trouble is None:
                if goal.reached(seen):
                    return seen
                if goal.hopeless(seen):
                    raise JobStateError(f"{_called(name)} is {seen.state} with {goal.progress(seen)}: {_why(seen)}")
            if deadline.expired:
                raise _late(name, goal, timeout, seen, trouble)
            if self._sessions.closing.wait(min(_POLL_S, deadline.remaining)):
                raise ConnectionClosed("the connection was closed during a wait")

    def _look(self, name: JobName, goal: Goal, job_id: int | None) -> JobStatus:
        if not goal.caught_up:
            return self.job(name, job_id)
        status = self.job(name, job_id)
        return status if goal.hopeless(status) else self.job_with_lag(name, job_id)


def _late(
    name: JobName, goal: Goal, timeout: float, seen: JobStatus | None, trouble: RoutineLoadError | None
) -> RoutineLoadError:
    if seen is None:
        assert trouble is not None
        return trouble
    how_far = f"loaded {goal.progress(seen)}" if goal.loaded_rows is not None else f"has {goal.progress(seen)}"
    why = "; ".join(filter(None, [_why(seen), trouble.message if trouble else ""]))
    late = LimitExceeded(f"{_called(name)} {how_far} within {timeout} s and is {seen.state}{'; ' if why else ''}{why}")
    late.__cause__ = trouble
    return late


def _why(status: JobStatus) -> str:
    reason = status.reason.text if status.reason else ""
    return "; ".join(filter(None, [reason, status.other_message, ", ".join(status.error_log_urls)]))


def _called(name: JobName) -> str:
    return f"{name.database}.{name.name}" if name.database else name.name
