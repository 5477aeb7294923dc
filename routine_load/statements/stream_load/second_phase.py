"""Doris: the second phase of a two-phase load, in the words that its clients look for.

The Flink and Kafka connectors read these texts by regular expressions: each stands as the vendor has it.
"""

from __future__ import annotations

from typing import Final

from routine_load.errors import RoutineLoadError, TransactionBusy, TransactionEnded, TransactionNotFound
from routine_load.ids import TxnId
from routine_load.loads.transaction_values import Transaction, TxnState
from routine_load.sql.access import require_on_table
from routine_load.sql.privileges import Privilege
from routine_load.statements.context import Context
from routine_load.statements.ports import Session
from routine_load.statements.stream_load.beginning import require_database
from routine_load.statements.stream_load.header_values import leading_integer
from routine_load.statements.stream_load.values import Finished, LoadRequest
from routine_load.statements.stream_load.words import Code, Refused, by_front_end

ABORTED_BY_USER: Final = "User Abort"
_TXN_MAX: Final = 2**63 - 1


def finish(context: Context, request: LoadRequest) -> Finished:
    """Commit or abort, by the id, or by the label where there is no id."""
    try:
        return Finished("Success", _finish(context, request))
    except Refused as error:
        return Finished(error.code, error.said(request.session.compat).removeprefix(f"[{error.code}]"))


def _finish(context: Context, request: LoadRequest) -> str:
    number, label = request.header("txn_id"), request.header("label")
    operation = request.header("txn_operation").lower()
    if not number and not label:
        raise Refused(Code.INTERNAL_ERROR, "no valid txn_id or label")
    if not operation:
        raise Refused(Code.INTERNAL_ERROR, "no valid txn operation")
    if operation not in {"commit", "abort"}:
        raise Refused(Code.INTERNAL_ERROR, "transaction operation should be 'commit' or 'abort'")
    try:
        require_database(context, request.database)
        found = _by_number(context, request, number) if number else _by_label(context, request, operation)
        _require_privilege(request.session, found)
        if operation == "commit":
            _commit(context, found)
        else:
            _abort(context, found)
    except RoutineLoadError as error:
        raise by_front_end(error) from error
    said = " ".join(
        part for part in (f"label [{label}]" if label else "", f"transaction [{number}]" if number else "") if part
    )
    return f"{said} {operation} successfully."


def _by_number(context: Context, request: LoadRequest, text: str) -> Transaction:
    number = leading_integer(text)
    if number is None or not text.strip().lstrip("+-").isdecimal():
        raise Refused(Code.INTERNAL_ERROR, f"convert txn_id [{text}] failed, reason=stoll")
    found = context.transactions.get(TxnId(number))
    if found is None or found.database != request.database:
        raise _said(f"transaction [{number}] not found")
    return found


def _by_label(context: Context, request: LoadRequest, operation: str) -> Transaction:
    label = request.header("label")
    found = context.transactions.find(request.database, label)
    if found is None:
        raise _said(f"transaction not found, label={label}")
    wanted = {TxnState.PREPARED} if operation == "commit" else {TxnState.PREPARED, TxnState.PREPARE}
    if found.state not in wanted:
        raise _said(f"running transaction not found, label={label}")
    return found


def _require_privilege(session: Session, found: Transaction) -> None:
    for ref in found.table_refs:
        require_on_table(session, Privilege.INSERT, ref)


def _commit(context: Context, found: Transaction) -> None:
    if found.state is not TxnState.PREPARED:
        raise commit_refused(found)
    try:
        context.transactions.commit(found.id)
    except (TransactionEnded, TransactionNotFound, TransactionBusy) as error:
        raise _meanwhile(context, found, error, commit_refused) from error


def _abort(context: Context, found: Transaction) -> None:
    if found.state.is_final:
        raise abort_refused(found)
    try:
        context.transactions.abort(found.id, ABORTED_BY_USER)
    except (TransactionEnded, TransactionNotFound, TransactionBusy) as error:
        raise _meanwhile(context, found, error, abort_refused) from error


def _meanwhile(context: Context, found: Transaction, error: RoutineLoadError, refused: object) -> Refused:
    """Somebody else is ending it, or has."""
    now = context.transactions.get(found.id)
    if now is None:
        return _said(f"transaction [{found.id}] not found")
    if not now.state.is_final:
        return _said(f"get tableList write lock timeout, tableList=({', '.join(found.tables)}): {error.message}")
    return commit_refused(now) if refused is commit_refused else abort_refused(now)


def commit_refused(found: Transaction) -> Refused:
    """Doris: the state does not allow a commit."""
    if found.state is TxnState.ABORTED:
        return _said(f"transaction [{found.id}] is already aborted. abort reason: {found.reason}")
    if found.state is TxnState.PREPARE:
        return _said(f"transaction [{found.id}] is prepare, not pre-committed.")
    return _said(f"transaction [{found.id}] is already {found.status.lower()}, not pre-committed.")


def abort_refused(found: Transaction) -> Refused:
    """Doris: the state does not allow an abort."""
    if found.state is TxnState.ABORTED:
        return _said(f"transaction [{found.id}] is already aborted, abort reason: {found.reason}")
    return _said(f"transaction [{found.id}] is already {found.status}, could not abort.")


def _said(text: str) -> Refused:
    return Refused(Code.ANALYSIS_ERROR, text, error_number=2)
