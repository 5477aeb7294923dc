"""The transactions of clients: begun under a label, loaded, perhaps prepared, committed or aborted (StarRocks, Doris).

Owns the name space of labels, ids, time-outs and what a restart makes of each. One name space per database for Stream
Load, transactions of several requests and INSERT, which routine load tasks share. Refuses to know headers, HTTP and
statements. No lock is held while the log works.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final, Protocol

from routine_load.clock import Clock
from routine_load.errors import RoutineLoadError, TransactionBusy, TransactionEnded, TransactionNotFound
from routine_load.ids import Compat, Label, TxnId
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.loads.history import Load
from routine_load.loads.labels import Labels, label_used, require_label
from routine_load.loads.open_transaction import OpenTransaction, Surroundings
from routine_load.loads.path import LoadPath
from routine_load.loads.ports import TransactionLog
from routine_load.loads.transaction_values import BeginLoad, Transaction, TxnState
from routine_load.observe import events
from routine_load.observe.failpoints import failpoint
from routine_load.observe.logs import logger

log = logger("loads")

TIMED_OUT: Final = "timeout by txn manager"
DATABASE_GONE: Final = "the database was dropped"
RESTARTED: Final = "coordinate BE restart"
_IDS_AT_ONCE: Final = 1_000_000
_FORGOTTEN_AT_ONCE: Final = 1_000


class TxnIds:
    """Numbers of transactions, for clients' loads and routine load tasks alike: they grow, across restarts, too.

    A million is reserved at start, so that nobody waits for the file but once in a million.
    """

    def __init__(self, reserve: Callable[[int], int]) -> None:
        self._reserve = reserve
        self._lock = threading.Lock()
        self._next = reserve(_IDS_AT_ONCE)
        self._end = self._next + _IDS_AT_ONCE

    def next(self) -> TxnId:
        with self._lock:
            if self._next == self._end:
                self._next = self._reserve(_IDS_AT_ONCE)
                self._end = self._next + _IDS_AT_ONCE
            self._next += 1
            return TxnId(self._next - 1)

    @classmethod
    def of(cls, transactions: TransactionLog, clock: Clock) -> TxnIds:
        """Beginning no earlier than the milliseconds of now: earlier versions counted from there."""
        least = int(clock.now().timestamp() * 1000)
        return cls(lambda count: transactions.reserve_txn_ids(count, least=least))


class Elsewhere(Protocol):
    """Loads that are not begun here but share the name space: routine load tasks."""

    def with_label(self, database: str, label: Label) -> Load | None: ...

    def running_in(self, database: str) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionParts:
    """What ``Transactions`` works with."""

    log: TransactionLog
    path: LoadPath
    clock: Clock
    ids: TxnIds
    elsewhere: Elsewhere
    frontend_config: Callable[[Compat], FrontendConfig]


class Transactions:
    """Thread-safe; every method may block on the file. ``recover`` comes first, ``tick`` every second or so."""

    def __init__(self, parts: TransactionParts) -> None:
        self._parts = parts
        self._lock = threading.Lock()
        self._labels = Labels(parts.frontend_config)
        self._open: dict[TxnId, OpenTransaction] = {}
        self._settling: set[TxnId] = set()
        self._to_forget: list[TxnId] = []
        self._around = Surroundings(log=parts.log, path=parts.path, clock=parts.clock, changed=self._changed)

    def recover(self) -> set[str]:
        """After a start: what was open is aborted, what was prepared stays. Returns the ids of files of rejected rows
        that count.
        """
        rejects = set()
        for found in self._parts.log.transactions():
            transaction = found
            if found.state is TxnState.PREPARE:
                transaction = found.aborted(RESTARTED, self._parts.clock.now())
                failpoint("transaction.recover.before")
                self._parts.log.give_up(transaction)
            elif found.state is TxnState.VISIBLE and found.rejects:
                self._parts.path.reject_log.publish(found.rejects)
                rejects.add(found.rejects)
            self._labels.put(transaction)
        return rejects

    def begin(self, begin: BeginLoad) -> OpenTransaction:
        """Take a label. Raises LabelUsed, LimitExceeded, AnalysisError (the label's form), SinkError."""
        parts = self._parts
        require_label(begin.label, begin.compat)
        other = parts.elsewhere.with_label(begin.database, begin.label)
        if other is not None and other.status is not TxnState.ABORTED:
            raise label_used(begin.label, other.txn_id, other.status, begin.compat)
        running = parts.elsewhere.running_in(begin.database)
        begun = Transaction.begun(parts.ids.next(), begin, parts.clock.now())
        with self._lock:
            self._labels.claim(begun, running)
        try:
            opened = OpenTransaction(begun, parts.log.begin_rows(begun), self._around)
        except BaseException:
            with self._lock:
                self._labels.drop(begun.id)
            raise
        with self._lock:
            self._open[begun.id] = opened
        return opened

    def open(self, database: str, label: str) -> OpenTransaction | None:
        """The transaction of that label, where it is open for rows."""
        with self._lock:
            found = self._labels.find(database, label)
            return None if found is None else self._open.get(found.id)

    def find(self, database: str, label: str) -> Transaction | None:
        """The newest transaction with the label."""
        with self._lock:
            found = self._labels.find(database, label)
            return None if found is None else self._told(found)

    def get(self, txn_id: TxnId) -> Transaction | None:
        with self._lock:
            found = self._labels.get(txn_id)
            return None if found is None else self._told(found)

    def list(self, database: str) -> list[Transaction]:
        """Those of a database that are remembered, by id."""
        with self._lock:
            return [self._told(each) for each in self._labels.of(database)]

    def running(self, database: str) -> int:
        """How many have not ended."""
        with self._lock:
            return len(self._labels.running(database))

    def commit(self, txn_id: TxnId) -> Transaction:
        """Make a prepared transaction visible. Raises TransactionNotFound, TransactionEnded where it is not PREPARED,
        TransactionBusy, and SinkError: then it is still prepared, and may be tried again.
        """
        with self._settled_alone(txn_id) as prepared:
            visible = prepared.visible(self._parts.clock.now())
            failpoint("transaction.finish.before")
            visible = self._parts.log.commit_prepared(visible)
            self._changed(visible)
            failpoint("transaction.finish.after")
            self._parts.path.reject_log.publish(visible.rejects)
        return visible

    def abort(self, txn_id: TxnId, reason: str) -> Transaction:
        """Give up what is open or prepared. Raises what ``commit`` does, but takes PREPARE, too."""
        with self._lock:
            opened = self._open.get(txn_id)
        if opened is not None:
            return opened.abort(reason)
        with self._settled_alone(txn_id) as prepared:
            aborted = prepared.aborted(reason, self._parts.clock.now())
            failpoint("transaction.abort.before")
            self._parts.log.give_up(aborted)
            self._changed(aborted)
            failpoint("transaction.abort.after")
        return aborted

    def forget_databases(self, names: Collection[str]) -> None:
        """These were dropped: what was open or prepared in them is given up, and their labels are free."""
        for database in names:
            with self._lock:
                running = self._labels.running(database)
            for transaction in running:
                _ended_quietly(partial(self.abort, transaction.id, DATABASE_GONE))
            with self._lock:
                self._to_forget += self._labels.forget_ended(database)

    def tick(self) -> None:
        """Abort what took too long; forget what was kept for long enough. Never raises."""
        try:
            self._expire()
            self._forget()
        except Exception:  # the next tick comes in any case
            log.exception(events.SCHEDULER_FAULT)

    def close(self) -> None:
        """The end of the process: what is open is given up."""
        with self._lock:
            opened = list(self._open.values())
        for each in opened:
            _ended_quietly(partial(each.abort, "the service stops"))

    def _expire(self) -> None:
        now = self._parts.clock.now()
        with self._lock:
            opened = list(self._open.values())
            prepared = [each for each in self._labels.running() if each.state is TxnState.PREPARED]
        for each in opened:
            if why := each.overdue():
                _ended_quietly(partial(each.abort, TIMED_OUT, why))
        for transaction in prepared:
            assert transaction.prepared_at is not None
            if now - transaction.prepared_at > timedelta(seconds=transaction.prepared_timeout_s):
                _ended_quietly(partial(self.abort, transaction.id, TIMED_OUT))

    def _forget(self) -> None:
        with self._lock:
            self._to_forget += self._labels.forget_old(self._parts.clock.now())
            chosen = self._to_forget[:_FORGOTTEN_AT_ONCE]
        if chosen:
            self._parts.log.forget_transactions(chosen)
            with self._lock:
                del self._to_forget[: len(chosen)]

    @contextmanager
    def _settled_alone(self, txn_id: TxnId) -> Iterator[Transaction]:
        """A prepared transaction, for one caller at a time."""
        with self._lock:
            found = self._labels.get(txn_id)
            if found is None:
                raise TransactionNotFound(f"transaction [{txn_id}] not found")
            if found.state is not TxnState.PREPARED:
                raise _not_prepared(found)
            if txn_id in self._settling:
                raise TransactionBusy
            self._settling.add(txn_id)
        try:
            yield found
        finally:
            with self._lock:
                self._settling.discard(txn_id)

    def _changed(self, transaction: Transaction) -> None:
        with self._lock:
            if transaction.state is not TxnState.PREPARE:
                self._open.pop(transaction.id, None)
            self._labels.put(transaction)

    def _told(self, found: Transaction) -> Transaction:
        opened = self._open.get(found.id)
        return found if opened is None else opened.transaction


def _not_prepared(found: Transaction) -> TransactionEnded:
    return TransactionEnded(
        f"transaction [{found.id}] is {found.status}", txn_id=found.id, state=found.state, reason=found.reason
    )


def _ended_quietly(end: Callable[[], object]) -> None:
    """It may have ended by itself meanwhile; what the file refuses is tried with the next tick."""
    try:
        end()
    except (TransactionEnded, TransactionBusy, TransactionNotFound):
        return
    except RoutineLoadError as error:
        log.warning(events.TRANSACTION_LEFT, error=error.message)
