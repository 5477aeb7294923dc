"""What a backend answers to a load: ``LoadOutcome`` in the vendor's keys, in the vendor's order (pure).

Clients read these by key, by order and by type: StarRocks has integers throughout, Doris ``TwoPhaseCommit`` as a text
and ``GroupCommit`` as a boolean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum

from routine_load.ids import Compat
from routine_load.statements.stream_load.values import Finished, LoadOutcome, OpenLoad

ErrorUrl = Callable[[str], str]
"""The address of a file of rejected rows, by its id."""

Pairs = Iterator[tuple[str, object]]

EXCEPTION = "class com.starrocks.common.StarRocksException: "
"""StarRocks: how the front end's transaction action names what was thrown."""


class Operation(StrEnum):
    """StarRocks: the calls of its transaction interface."""

    BEGIN = "begin"
    LOAD = "load"
    PREPARE = "prepare"
    COMMIT = "commit"
    ROLLBACK = "rollback"


def direct(outcome: LoadOutcome, compat: Compat, error_url: ErrorUrl) -> dict[str, object]:
    """The answer of ``_stream_load``."""
    if compat is Compat.DORIS:
        return dict(_doris(outcome, error_url))
    return dict(_merged(outcome) if outcome.merge_commit else _starrocks(outcome, error_url))


def _starrocks(outcome: LoadOutcome, error_url: ErrorUrl) -> Pairs:
    """StarRocks 4.0; before, ``Db`` and ``Table`` were not there."""
    yield "TxnId", int(outcome.txn_id)
    yield "Label", outcome.label
    yield "Db", outcome.database
    yield "Table", outcome.table
    yield "Status", outcome.status
    if outcome.existing_status is not None:
        yield "ExistingJobStatus", outcome.existing_status
    yield "Message", outcome.message
    yield from _rows(outcome)
    yield "LoadTimeMs", outcome.times.load
    yield "BeginTxnTimeMs", outcome.times.begin
    yield "StreamLoadPlanTimeMs", outcome.times.plan
    yield "ReadDataTimeMs", outcome.times.read
    yield "WriteDataTimeMs", outcome.times.write
    yield "CommitAndPublishTimeMs", outcome.times.commit
    yield from _error_url(outcome, error_url)


def _merged(outcome: LoadOutcome) -> Pairs:
    """StarRocks: a load that was merged with others has no counts of its own; its label is the server's."""
    times = outcome.times
    yield "TxnId", int(outcome.txn_id)
    yield "Label", outcome.label
    yield "Db", outcome.database
    yield "Table", outcome.table
    yield "Status", outcome.status
    yield "Message", outcome.message
    yield "RequestId", outcome.request_id
    yield "LoadBytes", outcome.counts.received_bytes
    yield "LoadTimeMs", times.load
    yield "ReadDataTimeMs", times.read
    yield "PendingTimeMs", times.begin
    yield "WaitPlanTimeMs", times.plan
    yield "WriteDataTimeMs", times.write
    yield "WaitFinishTimeMs", times.commit
    yield "LeftMergeTimeMs", 0


def _doris(outcome: LoadOutcome, error_url: ErrorUrl) -> Pairs:
    yield "TxnId", int(outcome.txn_id)
    yield "Label", outcome.label
    yield "Comment", outcome.comment
    if outcome.group_commit:
        yield "GroupCommit", True
    else:
        yield "TwoPhaseCommit", "true" if outcome.two_phase else "false"
    yield "Status", outcome.status
    if outcome.existing_status is not None:
        yield "ExistingJobStatus", outcome.existing_status
    yield "Message", outcome.message
    yield from _rows(outcome)
    yield "LoadTimeMs", outcome.times.load
    if not outcome.group_commit:
        yield "BeginTxnTimeMs", outcome.times.begin
    yield "StreamLoadPutTimeMs", outcome.times.plan
    yield "ReadDataTimeMs", outcome.times.read
    yield "WriteDataTimeMs", outcome.times.write
    yield "ReceiveDataTimeMs", outcome.times.read
    yield "CommitAndPublishTimeMs", outcome.times.commit
    yield from _error_url(outcome, error_url)
    if outcome.first_error:
        yield "FirstErrorMsg", outcome.first_error


def of_transaction(operation: Operation, outcome: LoadOutcome, error_url: ErrorUrl) -> dict[str, object]:
    """StarRocks: a backend's answer in the transaction interface."""
    return dict(_of_transaction(operation, outcome, error_url))


def _of_transaction(operation: Operation, outcome: LoadOutcome, error_url: ErrorUrl) -> Pairs:
    yield "Status", outcome.status
    if outcome.existing_status is not None:
        yield "ExistingJobStatus", outcome.existing_status
    elif outcome.status == "TXN_IN_PROCESSING":
        yield "Label", outcome.label
    yield "Message", outcome.message
    if outcome.has_context:
        yield "Db", outcome.database
        yield "Table", outcome.table
    if outcome.ok:
        yield from _done(operation, outcome)
    yield from _error_url(outcome, error_url)


def _done(operation: Operation, outcome: LoadOutcome) -> Pairs:
    times = outcome.times
    yield "Label", outcome.label
    if operation is Operation.ROLLBACK:
        return
    yield "TxnId", int(outcome.txn_id)
    if operation is Operation.BEGIN:
        yield "BeginTxnTimeMs", times.begin
    elif operation is Operation.LOAD:
        yield "LoadBytes", outcome.counts.received_bytes
        yield "StreamLoadPlanTimeMs", times.plan
        yield "ReceivedDataTimeMs", times.read
    else:
        yield from _rows(outcome)
        yield "LoadTimeMs", times.load
        yield "StreamLoadPlanTimeMs", times.plan
        yield "ReceivedDataTimeMs", times.read
        yield "WriteDataTimeMs", times.write
        yield "CommitAndPublishTimeMs", times.commit


def of_frontend_transaction(outcome: LoadOutcome, *, many_tables: bool = False) -> dict[str, object]:
    """StarRocks: the front end's own answer to begin (of many tables), commit and rollback.

    It knows no more words than three; what it did not foresee is told as the exception that it was.
    """
    status, message = outcome.status, outcome.message
    if not outcome.ok and status not in {"LABEL_ALREADY_EXISTS", "FAILED"}:
        status, message = "FAILED", EXCEPTION + message
    fields: dict[str, object] = {"Label": outcome.label, "Status": status}
    if outcome.existing_status is not None:
        fields["ExistingJobStatus"] = outcome.existing_status
    if outcome.ok:
        fields["TxnId"] = int(outcome.txn_id)
    if outcome.ok and many_tables:
        fields["ChannelId"] = 0
    fields["Message"] = message
    if outcome.ok and many_tables:
        fields["Prepared Channel Num"] = 1
    return fields


def finished(answer: Finished) -> dict[str, object]:
    """Doris: ``_stream_load_2pc``; both keys in lower case, both values texts."""
    return {"status": answer.status, "msg": answer.message}


def _rows(outcome: LoadOutcome) -> Pairs:
    counts = outcome.counts
    yield "NumberTotalRows", counts.total if outcome.total_rows is None else outcome.total_rows
    yield "NumberLoadedRows", counts.loaded
    yield "NumberFilteredRows", counts.filtered
    yield "NumberUnselectedRows", counts.unselected
    yield "LoadBytes", counts.received_bytes


def _error_url(outcome: LoadOutcome, error_url: ErrorUrl) -> Pairs:
    """StarRocks, Doris: there exactly where a row was filtered."""
    if outcome.rejects:
        yield "ErrorURL", error_url(outcome.rejects)
    if outcome.rejected_record_path:
        yield "RejectedRecordPath", outcome.rejected_record_path


def open_transaction(opened: OpenLoad) -> dict[str, object]:
    """StarRocks: one of ``/api/transaction/list``; while a call is at work its status is not known."""
    status: dict[str, object] = {} if opened.is_busy else {"Status": "OK"}
    counts = opened.counts
    return status | {
        "InProcessing": opened.is_busy,
        "Label": opened.label,
        "TxnId": int(opened.txn_id),
        "NumberTotalRows": counts.total,
        "NumberLoadedRows": counts.loaded,
        "NumberFilteredRows": counts.filtered,
        "NumberUnselectedRows": counts.unselected,
        "LoadBytes": counts.received_bytes,
        "BeginTimestamp": opened.began_s,
        "LastActiveTimestamp": opened.touched_s,
        "TransactionTimeoutSec": opened.timeout_s,
        "IdleTransactionTimeoutSec": opened.idle_timeout_s,
    }
