"""``Job``: one ROUTINE LOAD job in Python's hands.

A ``Job`` remembers what the last look saw, and everything it does ends with another look. Reading a property never
talks to the service: the values of one look belong together. Refuses to know rules: each action is a statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from routine_load.api import wording
from routine_load.api.looking import Goal, Looking
from routine_load.api.rows import Rows
from routine_load.api.status import JobState, JobStatus, Lag, Statistic, Task, read_task
from routine_load.api.wording import Clauses, Offsets, Value, Values
from routine_load.errors import JobStateError, PropertyError
from routine_load.jobs.states import Reason
from routine_load.sql.literals import quote_name, quote_string
from routine_load.sql.render import render_job
from routine_load.sql.statements import JobName


class Job:
    """A job, as it was when it was last looked at: by the call that gave it, by ``refresh``, or by an action.

    It stands for one job, by its id: when that was stopped and another took its name, this is still the old one.
    Threads may share it; ``status`` is a value whose fields are of one moment.

    Every method that talks to the service raises RoutineLoadError, with the number and text that a MySQL client gets:
    JobNotFound when the history has forgotten the job, ConnectionLost, ConnectionClosed, AccessDenied, …
    """

    def __init__(self, looking: Looking, status: JobStatus) -> None:
        self._looking = looking
        self._status = status

    def __repr__(self) -> str:
        seen = self._status
        return (
            f"<Job {self.full_name} #{seen.id} {seen.state}, {seen.statistic.loaded_rows} rows, lag {seen.lag.total}>"
        )

    # -- what the last look saw ----------------------------------------------

    @property
    def status(self) -> JobStatus:
        """Everything that the last look saw, as a value."""
        return self._status

    @property
    def id(self) -> int:
        """Its number; never used again for another job."""
        return self._status.id

    @property
    def name(self) -> str:
        """Its name within the database."""
        return self._status.name

    @property
    def database(self) -> str:
        """The database that it belongs to."""
        return self._status.database

    @property
    def full_name(self) -> str:
        """``database.name``."""
        return f"{self.database}.{self.name}"

    @property
    def table(self) -> str | None:
        """The table that it fills; None where each message names its own (Doris)."""
        return self._status.table

    @property
    def state(self) -> JobState:
        """Its state."""
        return self._status.state

    @property
    def reason(self) -> Reason | None:
        """Why it is PAUSED, CANCELLED or UNSTABLE: ``code``, the vendor's number, and ``text``; otherwise None."""
        return self._status.reason

    @property
    def progress(self) -> Mapping[int, int]:
        """Kafka partition → next offset, the first that is not loaded yet. SHOW prints the one before it."""
        return self._status.progress

    @property
    def lag(self) -> Lag:
        """Records behind the log, by partition and in total. See ``refresh`` for how new the log's ends are."""
        return self._status.lag

    @property
    def statistic(self) -> Statistic:
        """What it counted since it was created."""
        return self._status.statistic

    @property
    def properties(self) -> Mapping[str, str]:
        """The JobProperties column, in the vendor's spelling."""
        return self._status.properties

    @property
    def source(self) -> Mapping[str, str]:
        """The DataSourceProperties column: topic, brokers, partitions."""
        return self._status.source

    @property
    def client_properties(self) -> Mapping[str, str]:
        """The CustomProperties column: what was given as ``property.*``, secrets masked."""
        return self._status.client_properties

    @property
    def task_count(self) -> int:
        """Tasks that wait or run."""
        return self._status.task_count

    @property
    def other_message(self) -> str:
        """The OtherMsg column: the last trouble that did not pause the job, with its moment; otherwise empty."""
        return self._status.other_message

    @property
    def error_log_urls(self) -> tuple[str, ...]:
        """Where the last rejected rows can be read; paths of Parquet files where the HTTP port is shut."""
        return self._status.error_log_urls

    @property
    def created_at(self) -> datetime:
        """Aware, in UTC, to the second; likewise the other moments."""
        return self._status.created_at

    @property
    def paused_at(self) -> datetime | None:
        """When it was paused; None while it is not."""
        return self._status.paused_at

    @property
    def ended_at(self) -> datetime | None:
        """When it was stopped or cancelled; None before."""
        return self._status.ended_at

    # -- looking closer ------------------------------------------------------

    def refresh(self, *, ask_kafka: bool = False) -> Job:
        """Look again; returns the job itself.

        The log's ends, and so the lag, are those that the service saw last: while a task runs they are new, on a quiet
        topic up to ``partition_refresh_s`` (5 s) old, and none of a job that does not run. ``ask_kafka`` has Kafka
        asked now, and raises SourceError or SourceUnavailable where it does not answer.
        """
        look = self._looking.job_with_lag if ask_kafka else self._looking.job
        self._status = look(self._name, self.id)
        return self

    def tasks(self) -> tuple[Task, ...]:
        """Its tasks, those that wait included; none while it does not run."""
        if self.refresh().state.is_final:
            return ()
        condition = f"FROM {quote_name(self.database)} WHERE JobName = {quote_string(self.name)}"
        return tuple(read_task(row) for row in self._looking.rows(f"SHOW ROUTINE LOAD TASK {condition}"))

    def rejects(self, limit: int = 100) -> Rows:
        """Its rejected rows, the newest first, at most ``limit``: reason, raw bytes, partition, offset, column, …"""
        return self._looking.table(
            f"SELECT * FROM information_schema.routine_load_rejects WHERE job_id = {self.id} "
            f"ORDER BY rejected_at DESC, `partition`, `offset` LIMIT {int(limit)}"
        )

    def create_statement(self) -> str:
        """A statement that makes this job again (SHOW CREATE ROUTINE LOAD); in Doris mode from where it is now."""
        which = "ALL " if self.state.is_final else ""
        rows = self._looking.rows(f"SHOW {which}CREATE ROUTINE LOAD FOR {render_job(self._name)}")
        mine = [row for row in rows if row.get("JobId") == str(self.id)] or rows
        if not mine:
            raise JobStateError(f"{self.full_name} is {self.state}, and there is no statement kept for it")
        return str(list(mine[-1].values())[-1])

    def versions(self) -> Rows:
        """What ALTER changed, and what it can go back to: SHOW ROUTINE LOAD VERSIONS."""
        return self._looking.table(f"SHOW ROUTINE LOAD VERSIONS FOR {render_job(self._name)}")

    # -- acting --------------------------------------------------------------

    def pause(self) -> Job:
        """PAUSE: what its tasks hold is let go; nothing is lost, RESUME reads it again. Returns the job itself."""
        return self._act(f"PAUSE ROUTINE LOAD FOR {render_job(self._name)}")

    def resume(self, **properties: Value) -> Job:
        """RESUME a paused job, from its progress. ``properties`` as RESUME takes them, such as ``in_doubt``."""
        return self._act(wording.resume_text(self._name, properties))

    def stop(self) -> Job:
        """STOP for good: the job stays in the history, its name is free. Rows that were loaded stay."""
        return self._act(f"STOP ROUTINE LOAD FOR {render_job(self._name)}")

    def alter(
        self,
        properties: Values | None = None,
        *,
        columns: str | Sequence[str] | None = None,
        where: str | None = None,
        offsets: Offsets | None = None,
        source: Values | None = None,
        **more: Value,
    ) -> Job:
        """ALTER what is given; the rest stays. Returns the job itself.

        ``properties`` are job properties by the vendor's name; keywords are more of them (``max_error_number=10``).
        ``columns`` and ``where`` are SQL, as they stand within ``COLUMNS (…)`` and after WHERE. ``offsets`` says from
        where partitions are read on: the first offset to load, or ``OFFSET_BEGINNING``, ``OFFSET_END``. ``source`` are
        other properties of FROM KAFKA. Values are quoted here.

        Raises PropertyError for a value that is not allowed, AnalysisError for SQL that is not one clause,
        JobStateError where the state does not allow it.
        """
        clauses = Clauses(
            columns=columns,
            where=where,
            properties={**(properties or {}), **more},
            source={**(source or {}), **wording.offsets_as_source(offsets or {})},
        )
        return self._act(wording.alter_text(self._name, clauses))

    def rollback(self, version: int) -> Job:
        """ALTER … ROLLBACK TO VERSION: what ``versions`` shows under this number holds again."""
        return self._act(f"ALTER ROUTINE LOAD FOR {render_job(self._name)} ROLLBACK TO VERSION {int(version)}")

    def wait(
        self,
        *,
        loaded_rows: int | None = None,
        caught_up: bool = False,
        state: JobState | str | None = None,
        timeout: float = 30.0,
    ) -> Job:
        """Return the job itself once all that is asked for holds.

        ``loaded_rows``: it has loaded so many since it was created. ``caught_up``: all that was in Kafka when it was
        last asked is loaded; Kafka is asked at each look, so what was produced before the call counts. ``state``: it is
        in this state; RUNNING is also reached by UNSTABLE.

        Raises JobStateError with the job's own reason when it is stopped, cancelled, or, waiting for rows, paused
        before; LimitExceeded when ``timeout`` seconds pass; ConnectionClosed.
        """
        goal = goal_of(loaded_rows, caught_up=caught_up, state=state)
        self._status = self._looking.wait(self._name, goal, timeout, self.id)
        return self

    @property
    def _name(self) -> JobName:
        return JobName(name=self.name, database=self.database)

    def _act(self, text: str) -> Job:
        """Statements go by name; where it belongs to another job by now, nothing is sent."""
        newest = self._looking.job(self._name)
        if newest.id != self.id:
            raise JobStateError(
                f"{self.full_name} with the id {self.id} is over; the job of that name is another now, with the id "
                f"{newest.id}"
            )
        self._looking.act(text)
        return self.refresh()


def goal_of(loaded_rows: int | None, *, caught_up: bool, state: JobState | str | None) -> Goal:
    """Raises PropertyError where nothing is waited for, or for a state that there is not."""
    if loaded_rows is None and not caught_up and state is None:
        raise PropertyError("wait needs loaded_rows, caught_up or state")
    try:
        wanted = None if state is None else JobState(state)
    except ValueError as error:
        raise PropertyError(f"state = {state!r} is not allowed; allowed: {', '.join(JobState)}") from error
    return Goal(loaded_rows=loaded_rows, caught_up=caught_up, state=wanted)
