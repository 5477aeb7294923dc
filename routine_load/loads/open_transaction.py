"""A transaction that is open for rows: from its begin until it is prepared, committed or given up.

Invariants: one caller at a time, and a second one is told so; any failure of a load, of prepare or of commit gives the
whole transaction up (StarRocks: "any error makes the BE roll back by itself"); what the log keeps is written before
anybody is told. Whoever gives it up from outside while a caller is at work does so at once: the label is free, and the
caller learns of it with the next chunk.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from routine_load.clock import Clock
from routine_load.commit.values import Counts
from routine_load.errors import BrokenInvariant, RoutineLoadError, SinkError, TransactionBusy, TransactionEnded
from routine_load.ids import Compat, Label, TableRef, TxnId
from routine_load.loads.path import Converted, LoadPath, LoadRows, LoadStream, SingleTable
from routine_load.loads.ports import ClientRows, TransactionLog
from routine_load.loads.rejects import CLIENTS, RejectSource
from routine_load.loads.transaction_values import Transaction, TxnState
from routine_load.loads.values import LoadSpec, Payloads
from routine_load.observe import events
from routine_load.observe.failpoints import failpoint
from routine_load.observe.logs import logger

log = logger("loads")

ABORTED_TEXT = "current transaction is aborted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an open transaction works with. ``changed`` is told of every change of state, after it is kept."""

    log: TransactionLog
    path: LoadPath
    clock: Clock
    changed: Callable[[Transaction], None]


class TableStream:
    """One load into one table of an open transaction."""

    def __init__(self, opened: OpenTransaction, rows: LoadRows, stream: LoadStream) -> None:
        self._opened = opened
        self._rows = rows
        self._stream = stream
        self._before = rows.counts

    @property
    def counts(self) -> Counts:
        """Of this load alone."""
        now, before = self._rows.counts, self._before
        return Counts(
            now.loaded - before.loaded,
            now.filtered - before.filtered,
            now.unselected - before.unselected,
            now.received_bytes - before.received_bytes,
            now.messages - before.messages,
        )

    @property
    def parse_error(self) -> str:
        """Why a payload could not be parsed at all, of the first one in the transaction."""
        return self._rows.parse_error

    def add(self, payloads: Payloads, *, received_bytes: int) -> None:
        """Load one chunk. Raises SinkError, UnknownTable, AnalysisError, TransactionEnded."""
        self._opened.require_alive()
        self._rows.add(self._stream, payloads, received_bytes=received_bytes)

    def convert(self, payloads: Payloads) -> Converted:
        """The first half of ``add``, in another thread, chunk after chunk (``LoadRows.convert``)."""
        return self._rows.convert(self._stream, payloads)

    def take(self, converted: Converted, *, received_bytes: int) -> None:
        """The second half of ``add``."""
        self._opened.require_alive()
        self._rows.take(self._stream, converted, received_bytes=received_bytes)


class OpenTransaction:
    """Thread-safe; what is called while another call is at work raises TransactionBusy."""

    def __init__(self, begun: Transaction, rows: ClientRows, around: Surroundings) -> None:
        self._around = around
        self._sink = rows
        self._rows = LoadRows(around.path, RejectSource(job_id=CLIENTS, label=begun.label, compat=begun.compat), rows)
        self._lock = threading.Lock()
        self._transaction = begun
        self._is_busy = False
        self._is_ending = False
        self._left_to_worker = False
        self._why_ended = ""
        self._began = self._touched = around.clock.monotonic()

    @property
    def id(self) -> TxnId:
        return self._transaction.id

    @property
    def database(self) -> str:
        return self._transaction.database

    @property
    def label(self) -> Label:
        return self._transaction.label

    @property
    def transaction(self) -> Transaction:
        """As it stands, with what was counted so far."""
        now = self._transaction
        if now.state is not TxnState.PREPARE:
            return now
        return now.told(self._rows.counts, "", self._rows.first_error)

    @property
    def counts(self) -> Counts:
        return self._rows.counts

    @property
    def is_busy(self) -> bool:
        """A call is at work."""
        return self._is_busy

    @property
    def quiet_s(self) -> float:
        """How long ago the last call ended, or the begin."""
        return 0.0 if self._is_busy else self._around.clock.monotonic() - self._touched

    @property
    def parse_error(self) -> str:
        return self._rows.parse_error

    @property
    def has_rejects(self) -> bool:
        return bool(self._rows.rejects)

    @contextmanager
    def load(self, table: TableRef, spec: LoadSpec) -> Iterator[TableStream]:
        """Load into one table. Leaving the block with an error gives the whole transaction up, for that reason."""
        if not self._transaction.two_phase and self._transaction.tables not in ((), (table.table,)):
            raise BrokenInvariant(f"{self.label}: a direct load has one table")
        with self._alone(), self._given_up_on_failure():
            with self._lock:
                self._transaction = self._transaction.loading(table.table)
            stream = LoadStream(spec, SingleTable(table))
            try:
                yield TableStream(self, self._rows, stream)
            finally:
                stream.close()
            self.require_alive()
            self._sink.keep()

    def prepare(self, prepared_timeout_s: int) -> Transaction:
        """From here on the rows survive, invisible. Raises SinkError; the transaction is then given up."""
        if not self._transaction.two_phase:
            raise BrokenInvariant(f"{self.label}: a direct load is not prepared")
        with self._alone(ending=True), self._given_up_on_failure():
            counts, first_error = self._rows.counts, self._rows.first_error
            told = self._transaction.told(counts, self._rows.refused(), first_error)
            prepared = told.prepared(self._around.clock.now(), prepared_timeout_s)
            failpoint("transaction.prepare.before")
            self._sink.prepare(prepared)
            self._end(prepared)
            failpoint("transaction.prepare.after")
        return prepared

    def commit(self) -> Transaction:
        """Make the rows visible. Raises SinkError; then none is, and the transaction is given up."""
        with self._alone(ending=True), self._given_up_on_failure():
            rows = self._rows
            rows.seal()
            told = self._transaction.told(rows.counts, rows.rejects, rows.first_error)
            visible = told.visible(self._around.clock.now())
            failpoint("transaction.commit.before")
            self._sink.commit(visible)
            rows.counted()
            self._end(visible)
            failpoint("transaction.commit.after")
            self._around.path.reject_log.publish(visible.rejects)
        return visible

    @contextmanager
    def done_elsewhere(self) -> Iterator[Callable[[Transaction], None]]:
        """For rows that come by another way than ``load`` (INSERT): the block commits them, then says so."""
        with self._alone(ending=True), self._given_up_on_failure():
            yield self._end
            if self._transaction.state is TxnState.PREPARE:
                raise BrokenInvariant(f"{self.label}: the transaction was not ended")
            self._rows.close()

    def rollback(self, reason: str) -> Transaction:
        """Give everything up; rejected rows can still be read. Raises nothing but TransactionBusy, TransactionEnded."""
        with self._alone(ending=True):
            self._give_up(reason)
        return self._transaction

    def abort(self, reason: str, told: str = ABORTED_TEXT) -> Transaction:
        """``rollback`` from outside, also while a load is at work, which is told why. Raises TransactionBusy where it
        is just being prepared, committed or given up, and TransactionEnded where it was.
        """
        with self._lock:
            self._require_not_ended()
            if self._is_ending:
                raise TransactionBusy
            self._why_ended, self._is_ending = told, True
            self._left_to_worker = self._is_busy
            if self._left_to_worker:
                # The label is free at once; whoever is at work undoes the rows, when it comes to the next chunk.
                self._transaction = self._transaction.told(self._rows.counts, "", self._rows.first_error).aborted(
                    reason, self._around.clock.now()
                )
            aborted = self._transaction
        if aborted.state is TxnState.ABORTED:
            self._around.changed(self._transaction)
        else:
            self._give_up(reason)
        return self._transaction

    def overdue(self) -> str:
        """What the client of a transaction that took too long is told; empty where it did not."""
        now, transaction = self._around.clock.monotonic(), self._transaction
        if now - self._began > transaction.timeout_s:
            return f"transaction is aborted by timeout {transaction.timeout_s} seconds."
        idle = transaction.idle_timeout_s
        if idle and not self._is_busy and now - self._touched > idle:
            return f"transaction is aborted by idle timeout {idle} seconds."
        return ""

    def require_alive(self) -> None:
        """Raises TransactionEnded where it was given up meanwhile."""
        if self._transaction.state is not TxnState.PREPARE or self._why_ended:
            self._raise_ended()

    def require_idle(self) -> None:
        """Raises TransactionBusy where another call is at work, which may be just beginning."""
        if self._is_busy:
            raise TransactionBusy

    @contextmanager
    def _alone(self, *, ending: bool = False) -> Iterator[None]:
        with self._lock:
            self._require_not_ended()
            if self._is_busy or self._is_ending:
                raise TransactionBusy
            self._is_busy, self._is_ending = True, ending
        try:
            yield
        finally:
            with self._lock:
                self._is_busy = False
                self._touched = self._around.clock.monotonic()
                is_orphan, self._left_to_worker = self._left_to_worker, False
            if is_orphan:
                self._undo()

    @contextmanager
    def _given_up_on_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            if self._transaction.state is TxnState.PREPARE:
                self._give_up(error.message if isinstance(error, RoutineLoadError) else type(error).__name__)
            raise

    def _give_up(self, reason: str) -> None:
        counts, first_error = self._rows.counts, self._rows.first_error
        rejects = ""
        with suppress(SinkError):
            rejects = self._rows.refused()
        if self._transaction.compat is Compat.DORIS:
            counts = replace(counts, loaded=0)  # Doris: of a load that failed, no row was loaded
        aborted = self._transaction.told(counts, rejects, first_error)
        self._end(aborted.aborted(reason, self._around.clock.now()))
        self._undo()

    def _undo(self) -> None:
        """Never raises: what the file still holds of it, the next start drops."""
        self._rows.close()
        if self._transaction.two_phase:
            try:
                self._around.log.give_up(self._transaction)
            except SinkError as error:
                log.warning(events.TRANSACTION_LEFT, label=self.label, txn_id=self.id, error=error.message)

    def _end(self, ended: Transaction) -> None:
        with self._lock:
            self._transaction = ended
            self._is_ending = True
        self._around.changed(ended)

    def _require_not_ended(self) -> None:
        if self._transaction.state is not TxnState.PREPARE:
            self._raise_ended()

    def _raise_ended(self) -> None:
        now = self._transaction
        text = (self._why_ended or ABORTED_TEXT) if now.state is TxnState.ABORTED else ""
        raise TransactionEnded(
            text or f"Transaction {now.id} is {now.status}, label is {now.label}",
            txn_id=now.id,
            state=now.state,
            reason=now.reason,
        )
