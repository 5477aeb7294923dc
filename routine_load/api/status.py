"""What the service says of a job and of its tasks, as typed values: rows of SHOW read back, in either vendor's columns.

Offsets are ``next_offset`` everywhere, the first that was not loaded yet; SHOW ROUTINE LOAD prints the last one that
was. Moments are aware and in UTC. Owns reading; refuses to know connections and statements.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from routine_load.jobs.states import Reason

Row = Mapping[str, Any]
"""Column name → value, as a SHOW statement answered in a session whose clock is UTC."""


class JobState(StrEnum):
    """State of a job as SHOW ROUTINE LOAD prints it."""

    NEED_SCHEDULE = "NEED_SCHEDULE"
    """Created, resumed or re-planned; it runs as soon as it is divided into tasks."""
    RUNNING = "RUNNING"
    UNSTABLE = "UNSTABLE"
    """StarRocks: running, but too far behind; ``reason`` says how far."""
    PAUSED = "PAUSED"
    """By a user or by itself: ``reason`` says why."""
    STOPPED = "STOPPED"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        """Nothing leads out of it."""
        return self in {JobState.STOPPED, JobState.CANCELLED}

    @property
    def is_running(self) -> bool:
        """RUNNING, or UNSTABLE, which is a RUNNING that lags."""
        return self in {JobState.RUNNING, JobState.UNSTABLE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """What a job counted since it was created.

    A total row is a loaded, an error or an unselected one (left out by WHERE). Rates are per second: in StarRocks mode
    of the time that tasks ran, in Doris mode of the job's age. ``error_rows_after_resumed`` is Doris' only.
    """

    total_rows: int = 0
    loaded_rows: int = 0
    error_rows: int = 0
    unselected_rows: int = 0
    received_bytes: int = 0
    committed_tasks: int = 0
    aborted_tasks: int = 0
    loaded_rows_per_s: int = 0
    received_bytes_per_s: int = 0
    task_execute_ms: int = 0
    error_rows_after_resumed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """How far a job is behind the log, in records, by Kafka partition.

    ``unknown`` are partitions whose end was not looked at, as that of every partition of a job that does not run.
    """

    partitions: Mapping[int, int] = field(default_factory=dict)
    unknown: tuple[int, ...] = ()

    @property
    def total(self) -> int | None:
        """Records behind on all partitions together; None while one is unknown."""
        return None if self.unknown or not self.partitions else sum(self.partitions.values())

    def __getitem__(self, partition: int) -> int:
        """Records behind on one partition. Raises KeyError where it is not known."""
        return self.partitions[partition]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task of a job, waiting or at work: a set of partitions that is read together.

    ``progress`` is where it begins, by partition; ``latest`` the log ends it knows. ``txn_id``, ``backend_id``,
    ``last_scheduled_at`` and ``started_at`` are None before there is one.
    """

    id: str
    job_id: int
    txn_id: int | None
    txn_status: str
    created_at: datetime
    last_scheduled_at: datetime | None
    started_at: datetime | None
    timeout_s: int
    backend_id: int | None
    progress: Mapping[int, int]
    latest: Mapping[int, int]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """Everything that one look at a job saw. A value: it never changes; ``Job`` has the same names."""

    id: int
    name: str
    database: str
    table: str | None
    state: JobState
    reason: Reason | None
    created_at: datetime
    paused_at: datetime | None
    ended_at: datetime | None
    task_count: int
    progress: Mapping[int, int]
    lag: Lag
    statistic: Statistic
    properties: Mapping[str, str]
    source: Mapping[str, str]
    client_properties: Mapping[str, str]
    other_message: str
    error_log_urls: tuple[str, ...]


def read_job(row: Row, *, asked: bool = False) -> JobStatus:
    """A row of SHOW ROUTINE LOAD.

    ``asked``: Kafka was asked for the log's ends; else only those of a job that runs are of now, and tell its lag.
    """
    progress = _next_offsets(row.get("Progress"))
    state = JobState(row["State"])
    return JobStatus(
        id=int(row["Id"]),
        name=str(row["Name"]),
        database=str(row["DbName"]),
        table=row["TableName"] or None,
        state=state,
        reason=read_reason(row.get("ReasonOfStateChanged")),
        created_at=_moment(row["CreateTime"]) or datetime.fromtimestamp(0, UTC),
        paused_at=_moment(row.get("PauseTime")),
        ended_at=_moment(row.get("EndTime")),
        task_count=int(row.get("CurrentTaskNum") or 0),
        progress=progress,
        lag=_lag(row, progress) if asked or state.is_running else Lag(partitions={}, unknown=tuple(sorted(progress))),
        statistic=_statistic(row.get("Statistic")),
        properties=_texts(row.get("JobProperties")),
        source=_texts(row.get("DataSourceProperties")),
        client_properties=_texts(row.get("CustomProperties")),
        other_message=row.get("OtherMsg") or "",
        error_log_urls=tuple(filter(None, re.split(r",\s*", row.get("ErrorLogUrls") or ""))),
    )


def read_task(row: Row) -> Task:
    """A row of SHOW ROUTINE LOAD TASK."""
    begins, latest = _task_offsets(str(row["DataSourceProperties"] or ""))
    return Task(
        id=str(row["TaskId"]),
        job_id=int(row["JobId"]),
        txn_id=_known(row["TxnId"]),
        txn_status=row["TxnStatus"] or "UNKNOWN",
        created_at=_moment(row["CreateTime"]) or datetime.fromtimestamp(0, UTC),
        last_scheduled_at=_moment(row.get("LastScheduledTime")),
        started_at=_moment(row.get("ExecuteStartTime")),
        timeout_s=int(row["Timeout"]),
        backend_id=_known(row["BeId"]),
        progress=begins,
        latest=latest,
        message="" if row.get("Message") in {None, "NULL"} else str(row["Message"]),
    )


_REASON: Final = re.compile(r"ErrorReason\{(?:code=)?errCode = (\d+), msg='(.*)'\}", re.DOTALL)
_OBJECT: Final = re.compile(r"\{[^{}]*\}")
_ZERO: Final = "OFFSET_ZERO"


def read_reason(text: str | None) -> Reason | None:
    if not text:
        return None
    match = _REASON.fullmatch(text)
    return Reason(int(match[1]), match[2]) if match else Reason(0, text)


def _moment(text: Any) -> datetime | None:
    if text is None or text in {"", "NULL", "N/A", "\\N"}:
        return None
    if isinstance(text, datetime):
        return text.replace(tzinfo=UTC)
    return datetime.strptime(str(text)[:19], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def _json(text: Any) -> dict[str, Any]:
    if not text or text in {"N/A", "\\N"}:
        return {}
    value = json.loads(text)
    return value if isinstance(value, dict) else {}


def _texts(text: Any) -> Mapping[str, str]:
    return {key: str(value) for key, value in _json(text).items()}


def _next_offsets(text: Any) -> Mapping[int, int]:
    """Progress prints the last consumed offset; a word such as OFFSET_END stands for none yet, and is left out."""
    found: dict[int, int] = {}
    for partition, printed in _json(text).items():
        if printed == _ZERO:
            found[int(partition)] = 0
        elif str(printed).lstrip("-").isdigit():
            found[int(partition)] = int(printed) + 1
    return found


def _lag(row: Row, progress: Mapping[int, int]) -> Lag:
    if "LatestSourcePosition" in row:  # StarRocks' OffsetLag counts from the last consumed offset, one too many
        ends = {int(partition): int(end) for partition, end in _json(row["LatestSourcePosition"]).items()}
        behind = {each: max(0, end - progress.get(each, 0)) for each, end in ends.items()}
    else:
        printed = {int(partition): int(lag) for partition, lag in _json(row.get("Lag")).items()}
        behind = {each: lag for each, lag in printed.items() if lag >= 0}
    unknown = tuple(sorted(set(progress) - set(behind)))
    return Lag(partitions=dict(sorted(behind.items())), unknown=unknown)


def _statistic(text: Any) -> Statistic:
    counted = _json(text)

    def number(name: str) -> int:
        return int(counted.get(name) or 0)

    after = counted.get("errorRowsAfterResumed")
    return Statistic(
        total_rows=number("totalRows"),
        loaded_rows=number("loadedRows"),
        error_rows=number("errorRows"),
        unselected_rows=number("unselectedRows"),
        received_bytes=number("receivedBytes"),
        committed_tasks=number("committedTaskNum"),
        aborted_tasks=number("abortedTaskNum"),
        loaded_rows_per_s=number("loadRowsRate"),
        received_bytes_per_s=number("receivedBytesRate"),
        task_execute_ms=number("taskExecuteTimeMs"),
        error_rows_after_resumed=None if after is None else int(after),
    )


def _known(number: Any) -> int | None:
    return None if number is None or int(number) < 0 else int(number)


def _task_offsets(text: str) -> tuple[Mapping[int, int], Mapping[int, int]]:
    """StarRocks: ``Progress:{…},LatestOffset:{…}``; Doris: the first object alone."""
    objects = [json.loads(each) for each in _OBJECT.findall(text)[:2]]
    offsets = [{int(key): int(value) for key, value in each.items()} for each in objects]
    empty: Mapping[int, int] = {}
    return (offsets[0] if offsets else empty), (offsets[1] if len(offsets) > 1 else empty)
