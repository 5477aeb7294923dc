"""SHOW TRANSACTION and SHOW LOAD: what became of each load transaction, in each vendor's columns and words.

Owns the contents of their columns. Which loads there are is ``known_loads``'; which conditions may be said,
``sql.load_conditions``'.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from routine_load.errors import ExecutionError
from routine_load.ids import Compat, JobId
from routine_load.jobs.timezones import local_text
from routine_load.loads.history import Load
from routine_load.loads.rejects import CLIENTS
from routine_load.loads.transaction_values import TxnSource, TxnState
from routine_load.sql.ddl_tokens import literal
from routine_load.sql.load_conditions import load_filter, sorted_loads, transaction_condition
from routine_load.sql.predicates import limit_rows
from routine_load.sql.results import ResultTable, text_table
from routine_load.sql.show_loads import LOAD_COLUMNS, TRANSACTION_COLUMNS
from routine_load.sql.statements import ShowLoad, ShowTransaction
from routine_load.sql.system_tables import Viewer
from routine_load.statements.context import Context
from routine_load.statements.known_loads import loads_of
from routine_load.statements.ports import Session

LOAD_TYPE = "ROUTINE_LOAD"
_TYPES = {TxnSource.ROUTINE_LOAD: LOAD_TYPE, TxnSource.INSERT: "INSERT"}
_PREPARED_TIMEOUT_MS = 86_400_000
_STATES = {
    TxnState.PREPARE: "LOADING",
    TxnState.PREPARED: "PREPARED",
    TxnState.COMMITTED: "COMMITED",
    TxnState.VISIBLE: "FINISHED",
    TxnState.ABORTED: "CANCELLED",
}
_PROGRESS = {
    Compat.STARROCKS: {
        TxnState.PREPARE: "ETL:100%; LOAD:0%",
        TxnState.PREPARED: "ETL:100%; LOAD:99%",
        TxnState.COMMITTED: "ETL:100%; LOAD:99%",
        TxnState.VISIBLE: "ETL:100%; LOAD:100%",
        TxnState.ABORTED: "ETL:N/A; LOAD:N/A",
    },
    Compat.DORIS: {
        TxnState.PREPARE: "0.00% (0/1)",
        TxnState.PREPARED: "0.00% (0/1)",
        TxnState.COMMITTED: "0.00% (0/1)",
        TxnState.VISIBLE: "100.00% (1/1)",
        TxnState.ABORTED: "0.00% (0/1)",
    },
}


def transactions(statement: ShowTransaction, session: Session, context: Context) -> ResultTable:
    """One transaction by id or label, or all of a label pattern or status (Doris); StarRocks knows the id only."""
    database = context.database(statement.database, session)
    wanted = transaction_condition(statement.where, session.compat)
    found = [
        load
        for load in loads_of(database, session, context)
        if wanted.matches(load.txn_id, load.label, load.status.shown(session.compat))
    ]
    if not found and wanted.id is not None:
        raise ExecutionError(f"transaction with id {wanted.id} does not exist")
    if not found and wanted.label is not None:
        raise ExecutionError(f"transaction with label {wanted.label} does not exist")
    return transaction_table(found, session, context)


def transaction_table(found: Sequence[Load], session: Session, context: Context) -> ResultTable:
    """These loads in the columns of SHOW TRANSACTION."""
    columns = TRANSACTION_COLUMNS[session.compat]
    timeout = timeouts(context)
    host = context.mysql_address()[0]
    rows = [
        _transaction_row(each, session, timeout(each)) | {"Coordinator": _coordinator(each, host)} for each in found
    ]
    return text_table(columns, [[row[column] for column in columns] for row in rows])


def loads(statement: ShowLoad, session: Session, context: Context) -> ResultTable:
    """Loads of one database, by the time they began unless ORDER BY says otherwise."""
    database = context.database(statement.database, session)
    timeout = timeouts(context)
    found = [load for load in loads_of(database, session, context) if load.source in _TYPES]
    rows: list[Mapping[str, Any]] = [_load_row(load, session, context, timeout(load)) for load in found]
    if statement.where is not None:
        keep = load_filter(statement.where)
        rows = [row for row in rows if keep(row)]
    columns = LOAD_COLUMNS[session.compat]
    rows = sorted_loads(rows, statement.order_by, columns)
    chosen = limit_rows(rows, statement.limit, statement.offset)
    return text_table(columns, [[row[column] for column in columns] for row in chosen])


def timeouts(context: Context) -> Callable[[Load], int]:
    """How long a load may take: as it was begun, or as its job says now; each job is asked once."""

    @cache
    def of_job(job_id: JobId) -> int:
        job = context.jobs.get(job_id)
        if job is None:
            return 0
        definition = job.definition
        return definition.properties.timeout_s(definition.compat, context.frontend_config(definition.compat))

    return lambda load: of_job(load.job_id) if load.timeout_s is None else load.timeout_s


def state_of(load: Load) -> str:
    """StarRocks, Doris: the state of a load job that a transaction stands for."""
    return _STATES[load.status]


def type_of(load: Load) -> str:
    """StarRocks, Doris: what kind of load it is."""
    return _TYPES.get(load.source, "STREAM_LOAD")


def progress_of(load: Load, compat: Compat) -> str:
    return _PROGRESS[compat][load.status]


def tracking_sql(load: Load) -> str:
    """A query that shows the load's rejected rows; empty where there are none (StarRocks: TrackingSQL)."""
    if not load.rejects:
        return ""
    which = f"label={literal(load.label)}" if load.job_id else f"job_id={load.txn_id}"
    return f"select tracking_log from information_schema.load_tracking_logs where {which}"


def runtime_details(load: Load) -> dict[str, Any]:
    """What is known of a load's size (StarRocks: RUNTIME_DETAILS; both: JobDetails)."""
    return {
        "load_id": load.task_id or load.txn_id,
        "txn_id": load.txn_id,
        "backends": [] if load.backend is None else [load.backend],
        "scan_rows": load.counts.total,
        "scan_bytes": load.counts.received_bytes,
        "messages": load.counts.messages,
    }


def _coordinator(load: Load, host: str) -> str:
    """StarRocks, Doris: a backend coordinates what clients send."""
    return f"{'BE' if load.source is TxnSource.STREAM_LOAD else 'FE'}: {host}"


def _transaction_row(load: Load, viewer: Viewer, timeout_s: int) -> dict[str, Any]:
    committed = _time(load.committed_at, viewer)
    return {
        "TransactionId": load.txn_id,
        "Label": load.label,
        "TransactionStatus": load.status.shown(viewer.compat),
        "LoadJobSourceType": load.source.value,
        "PrepareTime": _time(load.began_at, viewer),
        "PreparedTime": _time(load.prepared_at, viewer),
        "PreCommitTime": _time(load.prepared_at, viewer),
        "CommitTime": committed,
        "PublishTime": committed,
        "FinishTime": _time(load.finished_at, viewer),
        "Reason": load.reason,
        "ErrorReplicasCount": 0,
        "ListenerId": -1 if load.job_id == CLIENTS else load.job_id,
        "TimeoutMs": timeout_s * 1000,
        "PreparedTimeoutMs": load.prepared_timeout_s * 1000 or _PREPARED_TIMEOUT_MS,
        "ErrMsg": "",
    }


def _load_row(load: Load, session: Session, context: Context, timeout_s: int) -> dict[str, Any]:
    counts, began = load.counts, _time(load.began_at, session)
    doris = session.compat is Compat.DORIS
    fates = {
        "unselected.rows": counts.unselected,
        "dpp.abnorm.ALL": counts.filtered,
        "dpp.norm.ALL": counts.loaded,
    }
    return {
        "JobId": load.txn_id,
        "Label": load.label,
        "State": state_of(load),
        "Progress": progress_of(load, session.compat),
        "Type": type_of(load),
        "Priority": "NORMAL",
        "ScanRows": counts.total,
        "FilteredRows": counts.filtered,
        "UnselectedRows": counts.unselected,
        "SinkRows": counts.loaded,
        "EtlInfo": "; ".join(f"{name}={count}" for name, count in fates.items()),
        "TaskInfo": f"{'cluster' if doris else 'resource'}:N/A; timeout(s):{timeout_s}; max_filter_ratio:1.0",
        "ErrorMsg": f"type:LOAD_RUN_FAIL; msg:{load.reason}" if load.reason else None,
        "CreateTime": began,
        "EtlStartTime": began,
        "EtlFinishTime": began,
        "LoadStartTime": began,
        "LoadFinishTime": _time(load.finished_at, session),
        "TrackingSQL": tracking_sql(load),
        "URL": context.error_log_url(load.rejects) if load.rejects else None,
        "JobDetails": json.dumps(runtime_details(load), separators=(",", ":")),
        "Warehouse": "default_warehouse",
        "TransactionId": load.txn_id,
        "ErrorTablets": "{}",
        "User": load.user,
        "Comment": load.comment,
        "FirstErrorMsg": load.first_error,
    }


def _time(moment: datetime | None, viewer: Viewer) -> str | None:
    return None if moment is None else local_text(moment, viewer.timezone)
