"""Rows of SHOW ROUTINE LOAD and SHOW ROUTINE LOAD TASK, as values by column name.

Owns the contents of every column of both vendors. A row holds all columns of its vendor's releases; the column list of
the statement picks and orders them. Refuses to know result sets, and which jobs are shown to whom.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from routine_load.ids import NO_TXN, BackendId, Compat, JobId, PartitionId, TableRef, TaskId, TxnId
from routine_load.jobs.definition import JobDefinition
from routine_load.jobs.job import Job, Message
from routine_load.jobs.show_properties import job_properties
from routine_load.jobs.states import JobState, Reason
from routine_load.jobs.statistics import doris_statistic, starrocks_statistic
from routine_load.jobs.timezones import local_text
from routine_load.sql.doris_casts import Columns

OFFSET_ZERO = "OFFSET_ZERO"
_UNSTABLE = "UNSTABLE"
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
"""Made once: ``dumps`` with settings makes one each time, which a list of a thousand jobs feels."""
_LAG_REASON = "LagReason"
_UNKNOWN_LAG = -1
NO_BACKEND = BackendId(-1)

Row = dict[str, str | None]
"""Column name → text as printed; None is NULL."""


def _no_url(rejects: str) -> str:
    return rejects


def _all_columns(_table: TableRef) -> Columns | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """For whom rows are made: whose columns, on which clocks, with which address of rejected rows.

    ``columns_of`` knows a table's columns, in lower case; None: it does not know.
    """

    compat: Compat
    timezone: str
    now: datetime
    error_log_url: Callable[[str], str] = _no_url
    columns_of: Callable[[TableRef], Columns | None] = _all_columns


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFacts:
    """What only the running scheduler knows of a job.

    ``task_num`` counts queued and running tasks, ``concurrency`` is the number last computed. ``partitions`` are those
    read now; ``latest`` the log ends last seen. ``lag_reason`` makes a RUNNING job UNSTABLE; ``said`` is what its tasks
    said last (both StarRocks).
    """

    task_num: int = 0
    concurrency: int = 0
    partitions: tuple[PartitionId, ...] = ()
    latest: Mapping[PartitionId, int] = field(default_factory=dict)
    lag_reason: Reason | None = None
    lag_s: Mapping[PartitionId, int] = field(default_factory=dict)
    running_txns: tuple[TxnId, ...] = ()
    said: Message | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """One task as SHOW ROUTINE LOAD TASK prints it. ``offsets`` are where it begins, ``latest`` the log ends it knows.

    ``txn_status`` None: no transaction was begun; StarRocks knows none before it has ended.
    """

    task_id: TaskId
    job_id: JobId
    created_at: datetime
    timeout_s: int
    offsets: Mapping[PartitionId, int]
    txn_id: TxnId = NO_TXN
    txn_status: str | None = None
    last_scheduled_at: datetime | None = None
    execute_started_at: datetime | None = None
    backend_id: BackendId = NO_BACKEND
    latest: Mapping[PartitionId, int] | None = None
    message: str = ""


def job_row(job: Job, facts: LiveFacts, view: View) -> Row:
    """SHOW ROUTINE LOAD: one job, all columns of the view's vendor."""
    return _common(job, facts, view) | (
        _doris(job, facts, view) if view.compat is Compat.DORIS else _starrocks(job, facts, view)
    )


def _common(job: Job, facts: LiveFacts, view: View) -> Row:
    definition, source = job.definition, job.definition.source
    columns = _columns(definition, view)
    partitions = facts.partitions or source.partitions or tuple(job.progress)
    data_source = {
        "topic": source.topic,
        "currentKafkaPartitions": ",".join(str(partition) for partition in sorted(partitions)),
        "brokerList": source.brokers,
    }
    if source.registry_url and view.compat is Compat.STARROCKS:
        data_source["confluent.schema.registry.url"] = source.masked_registry_url
    return {
        "Id": str(job.id),
        "Name": definition.name,
        "CreateTime": local_text(job.created_at, view.timezone),
        "PauseTime": _time(job.paused_at, view),
        "EndTime": _time(job.ended_at, view),
        "DbName": definition.database,
        "TableName": definition.table or "",
        "State": job.state.value,
        "DataSourceType": "KAFKA",
        "CurrentTaskNum": str(facts.task_num if job.state is JobState.RUNNING else 0),
        "JobProperties": compact(job_properties(definition, view.compat, facts.concurrency, columns)),
        "DataSourceProperties": compact(data_source),
        "CustomProperties": compact(dict(source.masked_properties)),
        "Progress": compact({str(partition): printed(offset) for partition, offset in job.progress.items()}),
        "ReasonOfStateChanged": _reason(job, view.compat),
        "ErrorLogUrls": ", ".join(view.error_log_url(rejects) for rejects in job.error_logs),
        "OtherMsg": _message(job.other_msg, view),
    }


def _columns(definition: JobDefinition, view: View) -> Columns | None:
    """Doris: asked only where an expression may name a column that is none of them."""
    clauses, table = definition.clauses, definition.table_ref
    told = view.compat is Compat.DORIS and (clauses.preceding_filter or clauses.where or clauses.delete_on)
    return view.columns_of(table) if told and table is not None else None


def _starrocks(job: Job, facts: LiveFacts, view: View) -> Row:
    unstable = facts.lag_reason if job.state is JobState.RUNNING else None
    row: Row = {
        "Statistic": starrocks_statistic(job.statistic, facts.lag_s),
        "TimestampProgress": compact({str(p): str(moment) for p, moment in job.timestamps_ms.items()}),
        "TrackingSQL": _tracking(job),
        "LatestSourcePosition": compact({str(p): str(end) for p, end in sorted(facts.latest.items())}),
        "OffsetLag": compact(_offset_lag(job, facts)),
    }
    row["OtherMsg"] = _message(_last_said(job, facts), view)
    row[_LAG_REASON] = unstable.printed(view.compat) if unstable is not None else ""
    return row


def _last_said(job: Job, facts: LiveFacts) -> Message | None:
    """StarRocks: what became of a task stands until the next one begins, there ``max_batch_interval`` later."""
    told, said = job.other_msg, facts.said if job.state is JobState.RUNNING else None
    if told is None or said is None:
        return told or said
    interval = timedelta(seconds=job.definition.properties.max_batch_interval_s)
    return told if said.at < told.at + interval else said


def as_shown(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """StarRocks: a RUNNING job that lags is printed as UNSTABLE, with the reason; conditions see RUNNING."""
    if not row.get(_LAG_REASON):
        return row
    return {**row, "State": _UNSTABLE, "ReasonOfStateChanged": row[_LAG_REASON]}


def _doris(job: Job, facts: LiveFacts, view: View) -> Row:
    age_ms = (view.now - job.created_at) // timedelta(milliseconds=1)
    return {
        "IsMultiTable": "true" if job.definition.is_multi_table else "false",
        "Statistic": doris_statistic(job.statistic, age_ms, facts.running_txns),
        "Lag": compact(
            {
                str(partition): facts.latest[partition] - offset if partition in facts.latest else _UNKNOWN_LAG
                for partition, offset in job.progress.items()
            }
        ),
        "User": job.definition.user,
        "Comment": job.definition.comment,
        "ComputeGroup": "",
        "FirstErrorMsg": job.first_error,
    }


def printed(next_offset: int) -> str:
    """Progress prints the last consumed offset; nothing consumed from the log's very start is OFFSET_ZERO."""
    return OFFSET_ZERO if next_offset == 0 else str(next_offset - 1)


def _offset_lag(job: Job, facts: LiveFacts) -> dict[str, str]:
    """StarRocks: log end minus *printed* progress, so that a job that has caught up shows 1."""
    return {
        str(partition): str(max(0, facts.latest[partition] - (offset - 1)))
        for partition, offset in job.progress.items()
        if offset > 0 and partition in facts.latest
    }


def _reason(job: Job, compat: Compat) -> str:
    if job.reason is None or job.state not in {JobState.PAUSED, JobState.CANCELLED}:
        return ""
    return job.reason.printed(compat)


def _tracking(job: Job) -> str:
    if not job.error_logs:
        return ""
    return f"select tracking_log from information_schema.load_tracking_logs where job_id={job.id}"


def _message(message: Message | None, view: View) -> str:
    if message is None or not message.text:
        return ""
    at = local_text(message.at, view.timezone)
    return f"{at}:{message.text}" if view.compat is Compat.DORIS else f"[{at}] {message.text}"


def _time(moment: datetime | None, view: View) -> str | None:
    return None if moment is None else local_text(moment, view.timezone)


def task_row(task: TaskView, view: View) -> Row:
    """SHOW ROUTINE LOAD TASK: one task, all columns of the view's vendor."""
    offsets = compact({str(partition): offset for partition, offset in sorted(task.offsets.items())})
    row: Row = {
        "TaskId": str(task.task_id),
        "TxnId": str(task.txn_id),
        "TxnStatus": task.txn_status if task.txn_status not in {None, "PREPARE"} else "UNKNOWN",
        "JobId": str(task.job_id),
        "CreateTime": local_text(task.created_at, view.timezone),
        "LastScheduledTime": _time(task.last_scheduled_at, view) or "NULL",
        "ExecuteStartTime": _time(task.execute_started_at, view) or "NULL",
        "Timeout": str(task.timeout_s),
        "BeId": str(task.backend_id),
        "DataSourceProperties": f"Progress:{offsets},LatestOffset:{_latest(task)}",
        "Message": task.message or "NULL",
    }
    if view.compat is Compat.DORIS:
        row |= {
            "TaskId": two_halves(task.task_id),
            "TxnStatus": task.txn_status,
            "ExecuteStartTime": _time(task.execute_started_at, view),
            "DataSourceProperties": offsets,
        }
    return row


def _latest(task: TaskView) -> str:
    if task.latest is None:
        return "null"
    return compact({str(partition): end for partition, end in sorted(task.latest.items())})


def two_halves(task_id: TaskId) -> str:
    """Doris: a UUID as two 64-bit numbers in hexadecimal."""
    number = UUID(task_id).int
    return f"{number >> 64:x}-{number & (2**64 - 1):x}"


def compact(value: object) -> str:
    """JSON as the vendors print it: no blanks, text as it is."""
    return _ENCODER.encode(value)
