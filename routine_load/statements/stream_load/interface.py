"""StarRocks: the transaction interface. Begin, any number of loads, prepare, commit or rollback, by a label.

Any error of begin, load or prepare gives the transaction up, as in the original. What is PREPARED or ended is answered
in the front end's words, what is open or unknown in the backend's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from routine_load.errors import RoutineLoadError, TransactionBusy, TransactionEnded, TransactionNotFound
from routine_load.ids import Compat, TxnId
from routine_load.loads.open_transaction import OpenTransaction
from routine_load.loads.transaction_values import Transaction, TxnSource, TxnState
from routine_load.sql.access import require_on_table
from routine_load.sql.privileges import Privilege
from routine_load.statements.context import Context
from routine_load.statements.ports import Session
from routine_load.statements.stream_load.beginning import begin, begin_multi, require_database, require_target
from routine_load.statements.stream_load.header_values import leading_integer
from routine_load.statements.stream_load.headers_starrocks import format_of
from routine_load.statements.stream_load.plan import BodyFormat, Head, LoadPlan
from routine_load.statements.stream_load.running import (
    CLIENT_GONE,
    Loading,
    Stopwatch,
    give_up,
    require_label,
    told,
    with_records,
)
from routine_load.statements.stream_load.values import ClientGone, LoadOutcome, LoadRequest, OpenLoad
from routine_load.statements.stream_load.words import Code, Refused, by_front_end, invalid

BY_USER: Final = "User Abort"
_BUSY: Final = "Transaction is in processing"
_UNKNOWN: Final = "transaction with label {} not exists"
_COMMITTABLE: Final = frozenset({TxnState.PREPARED})
_ABORTABLE: Final = frozenset({TxnState.PREPARE, TxnState.PREPARED})


@dataclass(slots=True)
class _Begun:
    """An open transaction of this interface, with what its loads have in common, by table."""

    opened: OpenTransaction
    table: str
    keys: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    max_filter_ratio: float = 0.0
    records_max: int = 0

    @property
    def is_multi(self) -> bool:
        return not self.table

    def require_alike(self, table: str, plan: LoadPlan) -> None:
        """All loads into a table have the same headers. Raises Refused."""
        if self.keys.setdefault(table, plan.key) != plan.key:
            raise Refused(Code.INTERNAL_ERROR, "load request not equal last.")
        self.max_filter_ratio = max(self.max_filter_ratio, plan.max_filter_ratio)
        self.records_max = plan.records_max

    def require_loaded(self) -> None:
        """Raises Refused where it was given up from outside, and where nothing was sent."""
        try:
            self.opened.require_alive()
        except TransactionEnded as error:
            raise Refused(Code.ABORTED, error.message) from error
        if not self.keys:
            raise Refused(Code.INTERNAL_ERROR, f"transaction {self.opened.label} hasn't send any data yet")


class TransactionInterface:
    """Thread-safe. No call raises a refusal; each may raise ClientGone."""

    def __init__(self, loading: Loading) -> None:
        self._loading = loading
        self._context: Context = loading.context
        self._lock = threading.Lock()
        self._begun: dict[tuple[str, str], _Begun] = {}

    def begin(self, request: LoadRequest) -> LoadOutcome:
        return self._answered(request, self._begin)

    def load(self, request: LoadRequest) -> LoadOutcome:
        return self._answered(request, self._load)

    def prepare(self, request: LoadRequest) -> LoadOutcome:
        return self._answered(request, self._prepare)

    def commit(self, request: LoadRequest) -> LoadOutcome:
        return self._answered(request, self._commit)

    def rollback(self, request: LoadRequest) -> LoadOutcome:
        return self._answered(request, self._rollback)

    def opened(self, session: Session) -> list[OpenLoad]:
        """What is open, by label, of tables that the session's user may load into (StarRocks lists it to everybody)."""
        with self._lock:
            begun = sorted(self._begun.items())
        found = [each.opened for _, each in begun if not each.opened.transaction.state.is_final]
        now_s = self._context.clock.now().timestamp()
        return [_told_open(opened, now_s) for opened in found if _may_see(session, opened.transaction)]

    def _answered(self, request: LoadRequest, call: Callable[[LoadRequest, Stopwatch], LoadOutcome]) -> LoadOutcome:
        watch = Stopwatch(self._context)
        begun = self._find(request)
        try:
            label = require_label(request)
            outcome = call(request, watch)
        except TransactionBusy:
            outcome = LoadOutcome(status=Code.TXN_IN_PROCESSING, message=_BUSY)
        except Refused as error:
            outcome = LoadOutcome(
                status=error.code,
                message=error.text,
                existing_status=error.existing_status,
                has_context=bool(request.header("label")) and error.code is not Code.TXN_NOT_EXISTS,
            )
            is_it = begun is not None and self._find(request) is begun
            if begun is not None and is_it and begun.opened.transaction.state is TxnState.ABORTED:
                outcome = told(outcome, begun.opened)
                self._forget(request)
        label = request.header("label")
        table = request.table or (begun.table if begun is not None else outcome.table)
        if begun is not None:
            outcome = with_records(self._context, outcome, begun.records_max)
        elif outcome.rejects:
            path = self._context.loads.record_files.records_path(outcome.rejects)
            outcome = replace(outcome, rejected_record_path=path)
        return replace(outcome, label=label, database=request.database, table=table, times=watch.times)

    # The five calls. They raise Refused, TransactionBusy and ClientGone.

    def _begin(self, request: LoadRequest, watch: Stopwatch) -> LoadOutcome:
        self._forget_ended()
        if (found := self._find(request)) is not None:
            raise _already_begun(found)
        if request.header("channel_num") or request.header("channel_id"):
            raise invalid("parallel channels are not supported here: begin without channel_num")
        is_multi = request.header("transaction_type").lower() == "multi" or request.header("source_type") == "12"
        seconds = _seconds(request, "timeout", "Invalid timeout format")
        idle = _seconds(request, "idle_transaction_timeout", "Invalid timeout format") or 0
        with watch.part("begin"):
            if is_multi:
                opened = begin_multi(self._context, request, seconds, idle)
            else:
                front = Head(format=BodyFormat.CSV, label=request.header("label"), timeout_s=seconds, two_phase=True)
                opened = begin(self._context, request, front, idle_timeout_s=idle)
        with self._lock:
            self._begun[_name(request)] = _Begun(opened, "" if is_multi else request.table)
        return told(_ok(), opened)

    def _load(self, request: LoadRequest, watch: Stopwatch) -> LoadOutcome:
        begun = self._find(request)
        if begun is None:
            raise Refused(Code.TXN_NOT_EXISTS, f"Transaction with label {request.header('label')} not exists")
        transaction = begun.opened
        transaction.require_idle()
        try:
            if not begun.is_multi and begun.table != request.table:
                raise invalid(f"Request table {request.table} not equal transaction table {begun.table}")
            require_target(self._context, request)
            body_format, compression = format_of(request)
            front = Head(format=body_format, compression=compression, label=request.header("label"), two_phase=True)
            with watch.part("plan"):
                plan = self._loading.plan(request, front, of_transaction=not begun.is_multi)
            begun.require_alike(request.table, plan)
            counts = self._loading.load(request, plan, transaction, watch)
        except TransactionBusy:
            raise
        except ClientGone:
            give_up(transaction, CLIENT_GONE)
            raise
        except Refused as error:
            if isinstance(error.__cause__, TransactionBusy):
                raise error.__cause__ from error
            _give_up_quietly(transaction, error.text)
            raise
        return replace(told(_ok(), transaction), counts=counts, rejects="")

    def _prepare(self, request: LoadRequest, watch: Stopwatch) -> LoadOutcome:
        begun = self._find(request)
        if begun is None:
            raise Refused(Code.TXN_NOT_EXISTS, _UNKNOWN.format(request.header("label")))
        seconds = _seconds(
            request, "prepared_timeout", f"Invalid prepared_timeout: {request.header('prepared_timeout')}"
        )
        if seconds is not None and seconds <= 0:
            raise invalid(f"Invalid prepared_timeout: {request.header('prepared_timeout')}")
        config = self._context.frontend_config(Compat.STARROCKS)
        with self._ending(begun, watch) as opened:
            opened.prepare(seconds or config.prepared_transaction_default_timeout_second)
        self._forget(request)
        return told(_ok(), opened)

    def _commit(self, request: LoadRequest, watch: Stopwatch) -> LoadOutcome:
        begun = self._find(request)
        if begun is None:
            return self._commit_prepared(request)
        with self._ending(begun, watch) as opened, watch.part("commit"):
            opened.commit()
        self._forget(request)
        return told(_ok(), opened)

    def _rollback(self, request: LoadRequest, _watch: Stopwatch) -> LoadOutcome:
        begun = self._find(request)
        if begun is None:
            return self._rollback_prepared(request)
        self._require_privilege(request, begun.opened.transaction)
        with _ended_is_aborted():
            begun.opened.rollback(BY_USER)
        self._forget(request)
        said = f"stream load {begun.opened.label} abort" if begun.is_multi else ""
        return told(replace(_ok(), message=said), begun.opened)

    # What is prepared, or has ended: the front end's words.

    def _commit_prepared(self, request: LoadRequest) -> LoadOutcome:
        found, ended = self._end(request, _COMMITTABLE, self._context.transactions.commit)
        if ended:
            return _told_of(found, "OK", "")
        if found.state is TxnState.VISIBLE:
            return _told_of(found, "OK", f"Transaction {found.id} has already committed, label is {found.label}")
        state = "CANCELLED" if found.source is TxnSource.MULTI_TABLE else found.status
        raise Refused(Code.FAILED, f"Can not commit {state} transaction {found.id}, label is {found.label}")

    def _rollback_prepared(self, request: LoadRequest) -> LoadOutcome:
        found, ended = self._end(request, _ABORTABLE, partial(self._context.transactions.abort, reason=BY_USER))
        if ended:
            return _told_of(found, "OK", "")
        if found.state is TxnState.ABORTED:
            return _told_of(found, "OK", f"Transaction {found.id} has already aborted, label is {found.label}")
        raise Refused(Code.FAILED, f"Can not abort {found.status} transaction {found.id}, label is {found.label}")

    def _end(
        self, request: LoadRequest, states: AbstractSet[TxnState], end: Callable[[TxnId], Transaction]
    ) -> tuple[Transaction, bool]:
        """The label's transaction, and whether it was in one of the states and ended now; else it is as others left it.

        Raises Refused, TransactionBusy.
        """
        found = self._known(request)
        if found.state not in states:
            return found, False
        try:
            return end(found.id), True
        except (TransactionEnded, TransactionNotFound):
            return self._known(request), False
        except TransactionBusy:
            raise
        except RoutineLoadError as error:
            raise Refused(Code.FAILED, error.message) from error

    def _known(self, request: LoadRequest) -> Transaction:
        """The transaction of the label, whatever its state. Raises Refused."""
        require_database(self._context, request.database)
        label = request.header("label")
        found = self._context.transactions.find(request.database, label)
        if found is None:
            raise Refused(Code.TXN_NOT_EXISTS, _UNKNOWN.format(label))
        self._require_privilege(request, found)
        return found

    # What the calls share.

    @contextmanager
    def _ending(self, begun: _Begun, watch: Stopwatch) -> Iterator[OpenTransaction]:
        """Prepare or commit: only what has rows, and not too many bad ones. Raises Refused; then all is given up."""
        opened = begun.opened
        opened.require_idle()
        try:
            begun.require_loaded()
            self._loading.require_tolerable(opened, begun.max_filter_ratio)
            with watch.part("write"):
                yield opened
        except TransactionBusy:
            raise
        except TransactionEnded as error:
            raise Refused(Code.ABORTED, error.message) from error
        except Refused as error:
            _give_up_quietly(opened, error.text)
            raise
        except RoutineLoadError as error:
            _give_up_quietly(opened, error.message)
            raise by_front_end(error) from error

    @staticmethod
    def _require_privilege(request: LoadRequest, found: Transaction) -> None:
        for ref in found.table_refs:
            try:
                require_on_table(request.session, Privilege.INSERT, ref)
            except RoutineLoadError as error:
                raise by_front_end(error) from error

    def _find(self, request: LoadRequest) -> _Begun | None:
        with self._lock:
            return self._begun.get(_name(request))

    def _forget(self, request: LoadRequest) -> None:
        with self._lock:
            self._begun.pop(_name(request), None)

    def _forget_ended(self) -> None:
        """Of what ended by itself nobody may ever ask: it goes with the next begin."""
        with self._lock:
            ended = [name for name, begun in self._begun.items() if begun.opened.transaction.state.is_final]
            for name in ended:
                del self._begun[name]


def _already_begun(begun: _Begun) -> Refused:
    """What a backend says of a label that is open there; of many tables it is the front end."""
    if not begun.is_multi:
        return Refused(Code.LABEL_ALREADY_EXISTS, "", existing_status="")
    text = f"Transaction already started with label [{begun.opened.label}], txnId: {begun.opened.transaction.id}"
    return Refused(Code.LABEL_ALREADY_EXISTS, text, existing_status="RUNNING")


def _may_see(session: Session, transaction: Transaction) -> bool:
    if not transaction.tables:
        return session.rights.has(Privilege.INSERT, transaction.database)
    return all(session.rights.has(Privilege.INSERT, ref.database, ref.table) for ref in transaction.table_refs)


def _told_open(opened: OpenTransaction, now_s: float) -> OpenLoad:
    transaction = opened.transaction
    return OpenLoad(
        label=opened.label,
        txn_id=opened.id,
        is_busy=opened.is_busy,
        counts=transaction.counts,
        began_s=int(transaction.began_at.timestamp()),
        touched_s=int(now_s - opened.quiet_s),
        timeout_s=transaction.timeout_s,
        idle_timeout_s=transaction.idle_timeout_s,
    )


def _ok() -> LoadOutcome:
    return LoadOutcome(status="OK", message="")


def _name(request: LoadRequest) -> tuple[str, str]:
    return request.database, request.header("label")


def _told_of(found: Transaction, status: str, message: str) -> LoadOutcome:
    return LoadOutcome(
        status=status,
        message=message,
        txn_id=found.id,
        table=found.tables[0] if len(found.tables) == 1 else "",
        counts=found.counts,
        rejects=found.rejects,
        first_error=found.first_error,
    )


def _seconds(request: LoadRequest, name: str, refusal: str) -> int | None:
    text = request.header(name)
    if not text:
        return None
    number = leading_integer(text)
    if number is None:
        raise invalid(refusal)
    return number


@contextmanager
def _ended_is_aborted() -> Iterator[None]:
    try:
        yield
    except TransactionEnded as error:
        raise Refused(Code.ABORTED, error.message) from error


def _give_up_quietly(transaction: OpenTransaction, reason: str) -> None:
    """Another caller may be ending it."""
    with suppress(TransactionBusy, TransactionEnded):
        give_up(transaction, reason)
