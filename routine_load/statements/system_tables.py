"""Tables of ``information_schema`` about routine loads: ``routine_load_jobs``, ``loads``, ``load_tracking_logs``.

Owns which rows they have and what is in them, by the vendor of the session that asks. A query that names jobs or
databases costs only those. Refuses to know how a query finds the table.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from routine_load.errors import AnalysisError
from routine_load.ids import Compat, JobId, TxnId
from routine_load.jobs.job import Job
from routine_load.jobs.states import DorisReason, JobState
from routine_load.jobs.timezones import zone
from routine_load.loads.history import Load
from routine_load.sql.show_loads import LOAD_TRACKING_LOGS, LOADS, ROUTINE_LOAD_JOBS
from routine_load.sql.system_tables import SystemTable, Viewer, Wanted, wanted_numbers
from routine_load.statements.context import Context
from routine_load.statements.known_loads import loads_of
from routine_load.statements.loads import LOAD_TYPE, progress_of, runtime_details, state_of, tracking_sql, type_of
from routine_load.statements.show import told_row

_DORIS_NAMES = {
    "JOB_ID": "Id",
    "JOB_NAME": "Name",
    "USER_NAME": "User",
    "REASON_OF_STATE_CHANGED": "ReasonOfStateChanged",
    "ERROR_LOG_URLS": "ErrorLogUrls",
}


def system_tables(context: Context) -> list[SystemTable]:
    """What ``information_schema`` tells beside the catalog."""
    return [
        SystemTable(name="routine_load_jobs", columns=ROUTINE_LOAD_JOBS, rows=partial(_jobs, context)),
        SystemTable(name="loads", columns=dict.fromkeys(Compat, LOADS), rows=partial(_loads, context)),
        SystemTable(
            name="load_tracking_logs",
            columns=dict.fromkeys(Compat, LOAD_TRACKING_LOGS),
            rows=partial(_tracking_logs, context),
        ),
    ]


# -- routine_load_jobs ------------------------------------------------------------------------------------------------


def _jobs(context: Context, viewer: Viewer, wanted: Wanted) -> Iterator[Sequence[Any]]:
    names = [column.name for column in ROUTINE_LOAD_JOBS[viewer.compat]]
    row = _doris_job if viewer.compat is Compat.DORIS else _starrocks_job
    for job in _wanted_jobs(context, viewer, wanted):
        values = row(job, context, viewer)
        yield [values[name] for name in names]


def _wanted_jobs(context: Context, viewer: Viewer, wanted: Wanted) -> Iterable[Job]:
    """Every job that may pass the query's filter, final ones included; no more of them are read than need be."""
    prefix = "JOB_" if viewer.compat is Compat.DORIS else ""
    numbers = wanted_numbers(wanted, f"{prefix}ID")
    names, databases = wanted.get(f"{prefix}NAME"), wanted.get("DB_NAME")
    found: list[Job] = []
    if numbers is not None:
        found = [job for number in sorted(numbers) if (job := context.jobs.get(JobId(number))) is not None]
    else:
        for database in [None] if databases is None else sorted(databases):
            if names is None:
                found += context.jobs.list(database, include_final=True)
            for name in sorted(names or ()):
                found += context.jobs.find(database, name, include_final=True)
    return context.visible_jobs(viewer, found)


def _starrocks_job(job: Job, context: Context, viewer: Viewer) -> Mapping[str, Any]:
    row = told_row(job, viewer, context)
    return {
        "ID": job.id,
        "NAME": row["Name"],
        "CREATE_TIME": _local(job.created_at, viewer),
        "PAUSE_TIME": _local(job.paused_at, viewer),
        "END_TIME": _local(job.ended_at, viewer),
        "DB_NAME": row["DbName"],
        "TABLE_NAME": row["TableName"],
        "STATE": job.state.value,
        "DATA_SOURCE_TYPE": row["DataSourceType"],
        "CURRENT_TASK_NUM": int(row["CurrentTaskNum"] or 0),
        "JOB_PROPERTIES": row["JobProperties"],
        "DATA_SOURCE_PROPERTIES": row["DataSourceProperties"],
        "CUSTOM_PROPERTIES": row["CustomProperties"],
        "STATISTICS": row["Statistic"],
        "PROGRESS": row["Progress"],
        "REASONS_OF_STATE_CHANGED": "" if job.state is JobState.RUNNING else row["ReasonOfStateChanged"],
        "ERROR_LOG_URLS": ",".join(map(context.error_log_url, job.error_logs)),
        "TRACKING_SQL": row["TrackingSQL"],
        "OTHER_MSG": row["OtherMsg"],
        "LATEST_SOURCE_POSITION": row["LatestSourcePosition"],
        "OFFSET_LAG": row["OffsetLag"],
        "TIMESTAMP_PROGRESS": row["TimestampProgress"],
    }


def _doris_job(job: Job, context: Context, viewer: Viewer) -> Mapping[str, Any]:
    row = told_row(job, viewer, context)
    by_name = {name.replace("_", "").lower(): value for name, value in row.items()}
    values: dict[str, Any] = {
        column.name: by_name.get(_DORIS_NAMES.get(column.name, column.name).replace("_", "").lower())
        for column in ROUTINE_LOAD_JOBS[Compat.DORIS]
    }
    abnormal = job.reason is not None and job.reason.code != DorisReason.MANUAL_PAUSE
    return values | {
        "CURRENT_ABORT_TASK_NUM": job.statistic.aborted_tasks_in_window,
        "IS_ABNORMAL_PAUSE": job.state is JobState.PAUSED and abnormal,
    }


# -- loads ------------------------------------------------------------------------------------------------------------


def _loads(context: Context, viewer: Viewer, wanted: Wanted) -> Iterator[Sequence[Any]]:
    jobs, labels = wanted_numbers(wanted, "JOB_ID"), wanted.get("LABEL")
    for load in _known(context, viewer, wanted.get("DB_NAME"), jobs):
        if labels is None or load.label in labels:
            row = _load(load, context, viewer)
            yield [row[column.name] for column in LOADS]


def _known(context: Context, viewer: Viewer, databases: frozenset[str] | None, jobs: set[int] | None) -> Iterator[Load]:
    if jobs is not None:
        named = [job for number in jobs if (job := context.jobs.get(JobId(number))) is not None]
        databases = frozenset(job.database for job in named)
    for database in sorted(context.engine.databases() if databases is None else databases):
        yield from (load for load in loads_of(database, viewer, context) if jobs is None or load.job_id in jobs)


def _load(load: Load, context: Context, viewer: Viewer) -> Mapping[str, Any]:
    job = context.jobs.get(load.job_id)
    topic = job.definition.source.topic if job is not None else ""
    began = _local(load.began_at, viewer)
    return {
        "ID": load.txn_id,
        "LABEL": load.label,
        "PROFILE_ID": None,
        "DB_NAME": load.database,
        "TABLE_NAME": load.table,
        "USER": load.user,
        "WAREHOUSE": "default_warehouse",
        "STATE": state_of(load),
        "PROGRESS": progress_of(load, Compat.STARROCKS),
        "TYPE": type_of(load),
        "PRIORITY": "NORMAL",
        "SCAN_ROWS": load.counts.total,
        "SCAN_BYTES": load.counts.received_bytes,
        "FILTERED_ROWS": load.counts.filtered,
        "UNSELECTED_ROWS": load.counts.unselected,
        "SINK_ROWS": load.counts.loaded,
        "RUNTIME_DETAILS": json.dumps(runtime_details(load)),
        "CREATE_TIME": began,
        "LOAD_START_TIME": began,
        "LOAD_COMMIT_TIME": _local(load.committed_at, viewer),
        "LOAD_FINISH_TIME": _local(load.finished_at, viewer),
        "PROPERTIES": json.dumps({"kafka_topic": topic} if job is not None else {}),
        "ERROR_MSG": load.reason or load.first_error,
        "TRACKING_SQL": tracking_sql(load),
        "REJECTED_RECORD_PATH": _records(load, context),
        "JOB_ID": load.job_id or None,
    }


def _records(load: Load, context: Context) -> str | None:
    """The file that a client asked for; of a job, where its rejected rows can be read."""
    if not load.rejects:
        return None
    return context.loads.record_files.records_path(load.rejects) or (
        context.error_log_url(load.rejects) if load.job_id else None
    )


# -- load_tracking_logs -----------------------------------------------------------------------------------------------


def _tracking_logs(context: Context, viewer: Viewer, wanted: Wanted) -> Iterator[Sequence[Any]]:
    """A job by its id: the files it remembers, as one text. A load by its label, or a client's by its id: its own."""
    numbers, labels = wanted_numbers(wanted, "JOB_ID"), wanted.get("LABEL")
    if numbers is None and labels is None:
        raise AnalysisError("load_tracking_logs must specify label or job_id")
    if numbers is not None and labels is None:
        for job in _wanted_jobs(context, viewer, {"ID": wanted["JOB_ID"], "JOB_ID": wanted["JOB_ID"]}):
            if text := _lines(context, job.error_logs):
                yield (job.id, job.id, job.name, job.database, text, LOAD_TYPE)
        for number in sorted(numbers):
            if (transaction := context.transactions.get(TxnId(number))) is not None:
                known = loads_of(transaction.database, viewer, context)
                yield from (_log_of(load, context) for load in known if load.txn_id == number and load.rejects)
        return
    for load in _known(context, viewer, wanted.get("DATABASE_NAME"), numbers):
        if load.label in (labels or ()) and load.rejects:
            yield _log_of(load, context)


def _log_of(load: Load, context: Context) -> Sequence[Any]:
    """A client's load is a job of its own."""
    job_id = load.job_id or load.txn_id
    return (load.txn_id, job_id, load.label, load.database, _lines(context, (load.rejects,)), type_of(load))


def _lines(context: Context, files: Iterable[str]) -> str:
    """Their rejected rows, a line each, while they are kept; ``routine_load_rejects`` has those beyond the bound."""
    bound = context.settings.tracking_log_bytes_max
    lines: list[str] = []
    size = 0
    for name in files:
        try:
            for line in context.loads.error_lines(name):
                lines.append(line)
                size += len(line) + 1
                if size > bound:
                    return "\n".join(lines)[:bound]
        except FileNotFoundError:
            continue
    return "\n".join(lines)


def _local(moment: datetime | None, viewer: Viewer) -> datetime | None:
    return None if moment is None else moment.astimezone(zone(viewer.timezone)).replace(tzinfo=None, microsecond=0)
