"""From a request to an open transaction: privilege, database, table, time-out, label, in the vendors' order."""

from __future__ import annotations

import uuid

from routine_load.errors import LabelUsed, RoutineLoadError, UnknownDatabase, UnknownTable
from routine_load.ids import Compat, Label, TableRef, TxnId
from routine_load.loads.open_transaction import OpenTransaction
from routine_load.loads.transaction_values import BeginLoad, TxnSource, TxnState
from routine_load.sql.access import require_on_table
from routine_load.sql.privileges import Privilege
from routine_load.statements.context import Context
from routine_load.statements.stream_load.plan import Head
from routine_load.statements.stream_load.values import LoadRequest
from routine_load.statements.stream_load.words import Code, Refused, by_front_end, invalid

COMMENT_CHARS_MAX = 1_024


def begin(context: Context, request: LoadRequest, front: Head, *, idle_timeout_s: int = 0) -> OpenTransaction:
    """The transaction of a load into one table. Raises Refused."""
    require_target(context, request)
    compat = request.session.compat
    return begun(
        context,
        BeginLoad(
            database=request.database,
            label=Label(front.label or str(uuid.uuid4())),
            compat=compat,
            tables=(request.table,),
            user=request.session.user,
            client=request.client,
            comment=front.comment[:COMMENT_CHARS_MAX],
            timeout_s=timeout_s(context, front.timeout_s, compat),
            idle_timeout_s=idle_timeout_s,
            two_phase=front.two_phase,
        ),
    )


def begin_multi(context: Context, request: LoadRequest, seconds: int | None, idle_timeout_s: int) -> OpenTransaction:
    """StarRocks 4.0: the transaction of loads into several tables of one database. Raises Refused."""
    require_database(context, request.database)
    return begun(
        context,
        BeginLoad(
            database=request.database,
            label=Label(request.header("label")),
            compat=request.session.compat,
            source=TxnSource.MULTI_TABLE,
            user=request.session.user,
            client=request.client,
            timeout_s=timeout_s(context, seconds, request.session.compat),
            idle_timeout_s=idle_timeout_s,
            two_phase=True,
        ),
    )


def begun(context: Context, wanted: BeginLoad) -> OpenTransaction:
    """Take the label. Raises Refused."""
    try:
        return context.transactions.begin(wanted)
    except LabelUsed as error:
        raise Refused(
            Code.LABEL_ALREADY_EXISTS,
            error.message,
            error_number=2,
            existing_status=existing_status(TxnState(error.txn_state), wanted.compat),
            txn_id=TxnId(error.txn_id),
        ) from error
    except RoutineLoadError as error:
        raise by_front_end(error) from error


def existing_status(state: TxnState, compat: Compat) -> str:
    """``ExistingJobStatus``: what has the label (both vendors)."""
    if state in {TxnState.COMMITTED, TxnState.VISIBLE}:
        return "FINISHED"
    return "PRECOMMITTED" if compat is Compat.DORIS and state is TxnState.PREPARED else "RUNNING"


def require_target(context: Context, request: LoadRequest) -> None:
    """The privilege first: a denial tells nothing of what is there. Raises Refused."""
    ref = TableRef(request.database, request.table)
    try:
        require_on_table(request.session, Privilege.INSERT, ref)
    except RoutineLoadError as error:
        raise by_front_end(error) from error
    require_database(context, request.database)
    require_table(context, ref, request.session.compat)


def require_database(context: Context, database: str) -> None:
    if not context.engine.has_database(database):
        raise _unknown_database(database)


def require_table(context: Context, ref: TableRef, compat: Compat) -> None:
    try:
        context.sink.table(ref)
    except UnknownDatabase as error:
        raise _unknown_database(ref.database) from error
    except UnknownTable as error:
        text = f"table not found, tableName={ref.table}" if compat is Compat.DORIS else f'unknown table "{ref}"'
        raise Refused(Code.NOT_FOUND, text, error_number=7) from error


def _unknown_database(database: str) -> Refused:
    return Refused(Code.NOT_FOUND, f"unknown database, database={database}", error_number=7)


def timeout_s(context: Context, asked: int | None, compat: Compat) -> int:
    """How long a load may take. Raises Refused for what is out of bounds."""
    config = context.frontend_config(compat)
    if asked is None:
        return config.stream_load_default_timeout_second
    least, most = config.min_load_timeout_second, config.max_stream_load_timeout_second
    if not least <= asked <= most:
        text = f"Invalid timeout. Timeout should between {least} and {most} seconds"
        raise invalid(text) if compat is Compat.STARROCKS else Refused(Code.ANALYSIS_ERROR, text, error_number=2)
    return asked
