"""Rows of one body into an open transaction, and whether what came of them may be committed.

Any failure gives the transaction up. Owns the tolerance of errors (both vendors: ``max_filter_ratio``; StarRocks: a
load without rows is an error, and so is a document that cannot be parsed).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from routine_load.commit.values import Counts
from routine_load.errors import RoutineLoadError, TransactionEnded
from routine_load.formats.json_documents import SEVERAL_DOCUMENTS
from routine_load.formats.json_framing import BodyBroken
from routine_load.ids import NO_TXN, Compat, TableRef
from routine_load.loads.lines import BodyRows
from routine_load.loads.open_transaction import OpenTransaction, TableStream
from routine_load.loads.transaction_values import TxnState
from routine_load.statements.context import Context
from routine_load.statements.stream_load import headers_doris, headers_starrocks
from routine_load.statements.stream_load.bodies import ReceivedBody, opened
from routine_load.statements.stream_load.checks import check_plan
from routine_load.statements.stream_load.plan import Head, LoadPlan, StreamLoadLimits
from routine_load.statements.stream_load.steps import add_all
from routine_load.statements.stream_load.values import ClientGone, LoadOutcome, LoadRequest, LoadTimes
from routine_load.statements.stream_load.words import TOO_MANY_FILTERED, Code, Refused, by_front_end, invalid

CLIENT_GONE = "sender is gone"
SEVERAL_IN_LINE = "Multiple JSON objects in a single line, each has to have a line of its own with read_json_by_line"
NO_ROWS = (
    "No partitions have data available for loading. If you are sure there may be no data to be loaded, you can use "
    "`ADMIN SET FRONTEND CONFIG ('empty_load_as_error' = 'false')` to ensure such load jobs can succeed"
)


class Stopwatch:
    """Measures the parts of a load; ``times`` are milliseconds."""

    def __init__(self, context: Context) -> None:
        self._now = context.clock.monotonic
        self._began = self._now()
        self._parts: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        began = self._now()
        try:
            yield
        finally:
            self._parts[name] = self._parts.get(name, 0.0) + self._now() - began

    def waited(self, seconds: float) -> None:
        """So much of ``write`` was waiting for the client."""
        self._parts["read"] = seconds
        self._parts["write"] = max(self._parts.get("write", 0.0) - seconds, 0.0)

    @property
    def times(self) -> LoadTimes:
        parts = {name: int(seconds * 1000) for name, seconds in self._parts.items()}
        return LoadTimes(load=int((self._now() - self._began) * 1000), **parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """Loads bodies. ``limits`` by vendor."""

    context: Context
    limits: dict[Compat, StreamLoadLimits]

    def head(self, request: LoadRequest) -> Head:
        """Raises Refused."""
        compat = request.session.compat
        read = headers_doris.head if compat is Compat.DORIS else headers_starrocks.head
        return read(request, self.limits[compat])

    def plan(self, request: LoadRequest, front: Head, *, of_transaction: bool = False) -> LoadPlan:
        """Headers and table looked at. Raises Refused."""
        if request.session.compat is Compat.DORIS:
            plan = headers_doris.plan(request, front)
        else:
            plan = headers_starrocks.plan(request, front, of_transaction=of_transaction)
        try:
            table = self.context.sink.table(TableRef(request.database, request.table))
            check_plan(plan, table)
            self.context.compiler.check(plan.spec, table)
        except RoutineLoadError as error:
            raise by_front_end(error) from error
        return plan

    def load(self, request: LoadRequest, plan: LoadPlan, transaction: OpenTransaction, watch: Stopwatch) -> Counts:
        """All rows of the body into the transaction; what became of them. Raises Refused, ClientGone."""
        limits = self.limits[request.session.compat]
        body = ReceivedBody(request, limits, self.context.clock)
        ref = TableRef(request.database, request.table)
        try:
            with watch.part("write"), _refusals():
                source = opened(plan, body, limits)
                with transaction.load(ref, source.spec) as stream:
                    try:
                        add_all(stream, source.payloads, body, request.session.compat)
                    except BodyBroken as error:
                        _count_whole_body(stream, error, request.session.compat)
                    return stream.counts
        finally:
            watch.waited(body.spent_s)

    def require_tolerable(self, transaction: OpenTransaction, max_filter_ratio: float) -> None:
        """Raises Refused where too many rows were filtered, or (StarRocks) none is left."""
        counts, compat = transaction.counts, transaction.transaction.compat
        if too_many(counts, max_filter_ratio):
            several = compat is Compat.DORIS and SEVERAL_DOCUMENTS in transaction.transaction.first_error
            raise Refused(_QUALITY[compat], SEVERAL_IN_LINE if several else TOO_MANY_FILTERED)
        is_empty = compat is Compat.STARROCKS and counts.loaded == 0
        if is_empty and self.context.frontend_config(compat).empty_load_as_error:
            raise Refused(Code.INTERNAL_ERROR, NO_ROWS)


_QUALITY = {Compat.STARROCKS: Code.INTERNAL_ERROR, Compat.DORIS: Code.DATA_QUALITY_ERROR}


def too_many(counts: Counts, max_filter_ratio: float) -> bool:
    """Both vendors: the ratio is of what WHERE left; equal is allowed."""
    judged = counts.loaded + counts.filtered
    return judged > 0 and counts.filtered / judged > max_filter_ratio


def give_up(transaction: OpenTransaction, reason: str) -> None:
    """Roll back what did not end by itself."""
    if transaction.transaction.state is TxnState.PREPARE:
        transaction.rollback(reason)


def told(outcome: LoadOutcome, transaction: OpenTransaction) -> LoadOutcome:
    """With what is known of the transaction. A load that failed loaded nothing, which Doris says."""
    now = transaction.transaction
    counts = transaction.counts
    total = None
    if now.state is TxnState.ABORTED and now.compat is Compat.DORIS:
        total, counts = counts.total, replace(counts, loaded=0)
    return replace(
        outcome,
        txn_id=now.id,
        label=str(now.label),
        database=now.database,
        comment=now.comment,
        counts=counts,
        total_rows=total,
        rejects=now.rejects,
        first_error=now.first_error,
    )


def refused(request: LoadRequest, error: Refused, label: str = "") -> LoadOutcome:
    """The answer of a direct load that is refused before a transaction began."""
    named = label or request.header("label")
    if not named and request.session.compat is Compat.STARROCKS:
        named = str(uuid.uuid4())  # the original makes one before it looks at anything else
    return LoadOutcome(
        status=error.status,
        message=error.said(request.session.compat),
        existing_status=error.existing_status,
        txn_id=NO_TXN,
        label=named,
        database=request.database,
        table=request.table,
        comment=request.header("comment"),
        two_phase=request.header("two_phase_commit") == "true",
    )


def with_records(context: Context, outcome: LoadOutcome, rows_max: int) -> LoadOutcome:
    """StarRocks: ``log_rejected_record_num``. The rows that were rejected are there to be read by now."""
    if not rows_max or not outcome.rejects:
        return outcome
    return replace(outcome, rejected_record_path=context.loads.record_files.write_records(outcome.rejects, rows_max))


@contextmanager
def _refusals() -> Iterator[None]:
    """What goes wrong while rows are loaded, in the vendors' words."""
    try:
        yield
    except (Refused, ClientGone):
        raise
    except TransactionEnded as error:
        raise Refused(Code.ABORTED, error.message) from error
    except RoutineLoadError as error:
        raise by_front_end(error) from error


def _count_whole_body(stream: TableStream, error: BodyBroken, compat: Compat) -> None:
    """Doris: a body that is no JSON as a whole is one bad row, and nothing else."""
    stream.add(BodyRows([error.near or b"?"]), received_bytes=0)
    if compat is Compat.STARROCKS:
        raise Refused(Code.INTERNAL_ERROR, error.message) from error
    raise Refused(Code.DATA_QUALITY_ERROR, TOO_MANY_FILTERED) from error


def require_label(request: LoadRequest) -> str:
    """StarRocks: the transaction interface is about a label. Raises Refused."""
    label = request.header("label")
    if not label:
        raise invalid("empty label")
    return label
