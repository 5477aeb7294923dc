"""A front end whose jobs are looked at, paused and resumed: of either vendor, or another service of this kind.

Owns which statements each of the three understands. What they answer is read in ``jobs.moving``; refuses to know what
is done with it.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from routine_load.api.address import Address
from routine_load.api.doors import Client
from routine_load.api.remote import RemoteDoor
from routine_load.api.status import JobState, read_reason
from routine_load.clock import Deadline
from routine_load.errors import AnalysisError, ConnectionLost, JobStateError, PropertyError, RoutineLoadError
from routine_load.ids import Compat
from routine_load.jobs.auto_resume import may_ever
from routine_load.jobs.moving import starts
from routine_load.jobs.moving.created import vendor_of
from routine_load.jobs.moving.values import Told
from routine_load.jobs.states import StarRocksReason
from routine_load.sql.literals import quote_name
from routine_load.sql.render import render_job
from routine_load.sql.results import ResultTable
from routine_load.sql.statements import JobName

Row = dict[str, str | None]

SYSTEM: Final = frozenset({"information_schema", "mysql", "sys", "_statistics_", "__internal_schema"})
ACTIVE: Final = frozenset({JobState.NEED_SCHEDULE, JobState.RUNNING, JobState.UNSTABLE})
_READ_TIMEOUT_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.25
_DORIS_COLUMNS: Final = frozenset({"Lag", "IsMultiTable", "ComputeGroup"})
_STARROCKS_COLUMNS: Final = frozenset({"TrackingSQL", "TimestampProgress", "LatestSourcePosition", "OffsetLag"})
_WAITS: Final = "waits on commit"


def open_source(url: str) -> tuple[FrontEnd, str | None]:
    """The front end behind ``mysql://``, ``starrocks://`` or ``doris://``, and the database of the URL.

    The two vendors' schemes only say which vendor to expect. Raises PropertyError, AccessDenied, ConnectionLost.
    """
    scheme = urlsplit(url).scheme.lower()
    if scheme not in {"mysql", *Compat}:
        raise PropertyError(
            "url is not allowed; allowed: mysql://, starrocks:// or doris://user:password@host:port/database"
        )
    address = Address.of(f"mysql{url[len(scheme) :]}")
    address = replace(address, read_timeout_s=address.read_timeout_s or _READ_TIMEOUT_S)
    vendor = None if scheme == "mysql" else Compat(scheme)
    try:
        return FrontEnd(RemoteDoor(address).open(None), vendor), address.database
    except RoutineLoadError as error:
        raise type(error)(f"the front end at {address.host}:{address.port}: {error.message}") from error


class FrontEnd:
    """One session of a front end. ``vendor`` None: it is told apart by the columns of its answers."""

    def __init__(self, client: Client, vendor: Compat | None = None) -> None:
        self._client = client
        self._vendor = vendor
        self.is_ours = bool(self._rows_or_none("SHOW VARIABLES LIKE 'show_create_offsets'"))

    def close(self) -> None:
        self._client.close()

    def ask(self, text: str, database: str | None = None) -> list[Row]:
        """Rows by column. Raises RoutineLoadError."""
        result = self._client.run(text, database)[-1]
        if not isinstance(result, ResultTable):
            return []
        names = [column.name for column in result.columns]
        return [{n: _text(v) for n, v in zip(names, row, strict=True)} for row in result.rows]

    def databases(self) -> list[str]:
        names = [next(iter(row.values())) or "" for row in self.ask("SHOW DATABASES")]
        return sorted(name for name in names if name and name.lower() not in SYSTEM)

    def live_jobs(self, database: str) -> list[str]:
        """Names of the jobs that have not ended; neither vendor needs more than the current database."""
        return [row["Name"] or "" for row in self.ask("SHOW ROUTINE LOAD", database)]

    def told(self, job: JobName) -> Told:
        """What it says of a job now. Raises JobNotFound, RoutineLoadError."""
        created = self._created(job)
        compat = self._vendor
        if self.is_ours:
            compat = vendor_of(created) or compat
        show = f"SHOW ROUTINE LOAD FOR {render_job(job)}"
        rows = self.ask(f"SET compat = '{compat}'; {show}" if self.is_ours and compat else show, job.database)
        if not rows:
            raise AnalysisError(f"there is no job {job.database}.{job.name} that has not ended")
        row = rows[0]
        return Told(compat=compat or _vendor(row), row=row, created=created, is_ours=self.is_ours)

    def settled(self, job: JobName, deadline: Deadline) -> Told:
        """A paused job once nothing of it commits any more: two looks apart tell the same, and no task is there.

        Raises JobStateError where it does not come to rest, or is resumed meanwhile.
        """
        before: tuple[str, ...] | None = None
        while True:
            told = self.told(job)
            if state_of(told) is not JobState.PAUSED:
                raise JobStateError(f"it is {told.column('State')} there, and was paused a moment ago")
            now = _signature(told)
            if now == before and _is_at_rest(told):
                return told
            if deadline.expired:
                raise JobStateError("it does not come to rest there: a task is still committing, or its progress moves")
            before = now
            time.sleep(min(_LOOK_EVERY_S, deadline.remaining))

    def pause(self, job: JobName) -> None:
        self.ask(f"PAUSE ROUTINE LOAD FOR {render_job(job)}", job.database)

    def resume(self, job: JobName) -> None:
        self.ask(f"RESUME ROUTINE LOAD FOR {render_job(job)}", job.database)

    def tables(self, database: str) -> list[str]:
        """Base tables, without views."""
        rows = self.ask(f"SHOW FULL TABLES FROM {quote_name(database)}")
        return [next(iter(row.values())) or "" for row in rows if "VIEW" not in (row.get("Table_type") or "").upper()]

    def table_text(self, database: str, table: str, compat: Compat | None = None) -> str:
        """SHOW CREATE TABLE; of one of ours in the words of ``compat``."""
        show = f"SHOW CREATE TABLE {quote_name(database)}.{quote_name(table)}"
        rows = self.ask(f"SET compat = '{compat}'; {show}" if self.is_ours and compat else show, database)
        text = (rows[0].get("Create Table") if rows else None) or ""
        if not text:
            raise AnalysisError(f"SHOW CREATE TABLE {database}.{table} tells nothing")
        return text.rstrip().rstrip(";")

    def _created(self, job: JobName) -> str:
        """SHOW CREATE ROUTINE LOAD; empty where the front end knows no such statement (StarRocks before 3.2)."""
        shapes = ["SHOW CREATE ROUTINE LOAD FOR", "SHOW CREATE ROUTINE LOAD"]
        if self.is_ours:
            shapes = ["SET show_create_offsets = 'current'; SHOW CREATE ROUTINE LOAD FOR"]
        for shape in shapes:
            rows = self._rows_or_none(f"{shape} {render_job(job)}", job.database)
            if rows:
                return list(rows[0].values())[-1] or ""
        return ""

    def _rows_or_none(self, text: str, database: str | None = None) -> list[Row] | None:
        try:
            return self.ask(text, database)
        except ConnectionLost:
            raise
        except RoutineLoadError:
            return None


def state_of(told: Told) -> JobState:
    try:
        return JobState(told.column("State"))
    except ValueError as error:
        raise AnalysisError(f"its state is '{told.column('State')[:64]}'; known: {', '.join(JobState)}") from error


def why_not_at_rest(told: Told) -> str:
    """Why a PAUSED job cannot be moved as it is; empty where it can.

    Neither vendor resumes what a user paused. What the front end paused it may resume by itself (StarRocks: automatic
    resume; Doris: auto-resume), and then two would load.
    """
    reason = read_reason(told.column("ReasonOfStateChanged"))
    if reason is None or reason.code == StarRocksReason.MANUAL_PAUSE:
        return ""
    if told.is_ours and reason.code != StarRocksReason.TOO_MANY_FAILURE_ROWS:
        return f"it was paused by the service, not by a user ({reason.text[:200]}): RESUME it there, then PAUSE it"
    if may_ever(told.compat, reason):
        return (
            f"it was paused by the front end, which may resume it ({reason.text[:200]}): RESUME it there, then PAUSE it"
        )
    return ""


def _vendor(row: Row) -> Compat:
    if _STARROCKS_COLUMNS & row.keys():
        return Compat.STARROCKS
    if _DORIS_COLUMNS & row.keys():
        return Compat.DORIS
    raise AnalysisError("SHOW ROUTINE LOAD has neither vendor's columns; write starrocks:// or doris:// in the url")


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return None if value is None else str(value)


def _signature(told: Told) -> tuple[str, ...]:
    statistic = starts.read_json(told.column("Statistic"), "Statistic")
    counts = (str(statistic.get(key)) for key in ("committedTaskNum", "loadedRows", "totalRows"))
    return (told.column("Progress"), told.created, *counts)


def _is_at_rest(told: Told) -> bool:
    """No task, no transaction of Doris' that runs, and, of ours, no commit that a cluster has not answered."""
    running = starts.read_json(told.column("Statistic"), "Statistic").get("runningTxns") or []
    return told.column("CurrentTaskNum") in {"", "0"} and not running and _WAITS not in told.column("OtherMsg")
