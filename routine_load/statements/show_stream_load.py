"""SHOW STREAM LOAD: what became of each load that a client sent, in each vendor's columns and words.

Owns the contents of their columns. Which loads there are is ``known_loads``'. Better than the originals: StarRocks
lists running loads alone without ALL, Doris those whose record a backend sent; here all that are remembered are listed.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from routine_load.ids import Compat
from routine_load.jobs.timezones import local_text
from routine_load.loads.history import Load
from routine_load.loads.transaction_values import TxnSource, TxnState
from routine_load.sql.load_conditions import STREAM_LOAD_CONDITIONS, load_filter, sorted_loads
from routine_load.sql.predicates import limit_rows
from routine_load.sql.results import ResultTable, text_table
from routine_load.sql.show_loads import STREAM_LOAD_COLUMNS
from routine_load.sql.statements import ShowStreamLoad
from routine_load.statements.context import Context
from routine_load.statements.known_loads import loads_of
from routine_load.statements.loads import state_of, tracking_sql, type_of
from routine_load.statements.ports import Session

_OTHERS: Final = frozenset({TxnSource.ROUTINE_LOAD, TxnSource.INSERT})
_PREPARED: Final = frozenset({TxnState.PREPARED, TxnState.COMMITTED, TxnState.VISIBLE})


def stream_loads(statement: ShowStreamLoad, session: Session, context: Context) -> ResultTable:
    """Clients' loads of one database, by the time they began unless ORDER BY says otherwise."""
    database = context.database(statement.database, session)
    doris = session.compat is Compat.DORIS
    found = [load for load in loads_of(database, session, context) if load.source not in _OTHERS]
    if statement.label is not None:
        found = [load for load in found if load.label == statement.label]
    if doris:
        found = [load for load in found if load.status is not TxnState.PREPARE]
    row = _doris_row if doris else _starrocks_row
    rows: list[Mapping[str, Any]] = [row(load, session, context) for load in found]
    if statement.where is not None:
        keep = load_filter(statement.where, STREAM_LOAD_CONDITIONS[session.compat])
        rows = [row for row in rows if keep(row)]
    columns = STREAM_LOAD_COLUMNS[session.compat]
    rows = sorted_loads(rows, statement.order_by, columns)
    chosen = limit_rows(rows, statement.limit, statement.offset)
    return text_table(columns, [[row[column] for column in columns] for row in chosen])


def _starrocks_row(load: Load, session: Session, context: Context) -> dict[str, Any]:
    counts, began = load.counts, _time(load.began_at, session)
    prepared = _time(load.prepared_at or load.committed_at, session)
    return {
        "Label": load.label,
        "Id": load.txn_id,
        "LoadId": str(uuid.UUID(int=load.txn_id)),
        "TxnId": load.txn_id,
        "DbName": load.database,
        "TableName": ",".join(load.tables),
        "State": state_of(load),
        "ErrorMsg": load.reason,
        "TrackingURL": context.error_log_url(load.rejects) if load.rejects else "",
        "ChannelNum": 1,
        "PreparedChannelNum": int(load.status in _PREPARED),
        "NumRowsNormal": counts.loaded,
        "NumRowsAbNormal": counts.filtered,
        "NumRowsUnselected": counts.unselected,
        "NumLoadBytes": counts.received_bytes,
        "TimeoutSecond": load.timeout_s,
        "CreateTimeMs": began,
        "BeforeLoadTimeMs": began,
        "StartLoadingTimeMs": began,
        "StartPreparingTimeMs": prepared,
        "FinishPreparingTimeMs": prepared,
        "EndTimeMs": _time(load.finished_at, session),
        "ChannelState": "",
        "Type": type_of(load),
        "TrackingSQL": tracking_sql(load),
    }


def _doris_row(load: Load, session: Session, context: Context) -> dict[str, Any]:
    counts = load.counts
    failed = load.status is TxnState.ABORTED
    return {
        "Label": load.label,
        "Db": load.database,
        "Table": ",".join(load.tables),
        "ClientIp": _host(load.client),
        "Status": "Fail" if failed else "Success",
        "Message": load.reason if failed else "OK",
        "Url": context.error_log_url(load.rejects) if load.rejects else "N/A",
        "TotalRows": counts.total,
        "LoadedRows": counts.loaded,
        "FilteredRows": counts.filtered,
        "UnselectedRows": counts.unselected,
        "LoadBytes": counts.received_bytes,
        "StartTime": _time(load.began_at, session),
        "FinishTime": _time(load.finished_at or load.prepared_at, session),
        "User": load.user,
        "Comment": load.comment,
        "FirstErrorMsg": load.first_error,
    }


def _host(client: str) -> str:
    """An address without its port."""
    host, colon, port = client.rpartition(":")
    return host.strip("[]") if colon and port.isdigit() and (":" not in host or host.startswith("[")) else client


def _time(moment: datetime | None, session: Session) -> str | None:
    return None if moment is None else local_text(moment, session.timezone)
