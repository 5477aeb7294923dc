"""Labels and transactions as they stand: who has which label, which transactions run, and which are forgotten.

Owns the rules of the name space, per database: a label is taken while its newest transaction is in any state but
ABORTED, and as long as that transaction is remembered. StarRocks: ``label_keep_max_second``, ``label_keep_max_num``;
Doris: ``streaming_label_keep_max_second``, ``label_num_threshold``. Not thread-safe; does no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from routine_load.errors import AnalysisError, LabelUsed, LimitExceeded
from routine_load.ids import Compat, Label, TxnId, number_of
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.loads.transaction_values import Transaction, TxnState

_LABEL: Final = {Compat.STARROCKS: r"^[-\w]{1,128}$", Compat.DORIS: r"^[-_A-Za-z0-9:]{1,128}$"}


def require_label(label: str, compat: Compat) -> Label:
    """Raises AnalysisError for a text that cannot be a label (StarRocks; Doris: a colon, too)."""
    if re.fullmatch(_LABEL[compat].strip("^$"), label, re.ASCII) is None:
        raise AnalysisError(f"Label format error. regex: {_LABEL[compat]}, label: {label}")
    return Label(label)


class Labels:
    """Every transaction that is remembered, by id and by label."""

    def __init__(self, frontend_config: Callable[[Compat], FrontendConfig]) -> None:
        self._config = frontend_config
        self._by_id: dict[TxnId, Transaction] = {}
        self._newest: dict[tuple[str, Label], TxnId] = {}
        # By database, in the order in which they began to be there.
        self._running: dict[str, dict[TxnId, None]] = {}
        self._ended: dict[str, dict[TxnId, None]] = {}

    def claim(self, transaction: Transaction, running_elsewhere: int = 0) -> None:
        """Take the label. Raises LabelUsed and LimitExceeded, in the vendor's words."""
        holder = self.find(transaction.database, transaction.label)
        if holder is not None and holder.state is not TxnState.ABORTED:
            raise label_used(transaction.label, holder.id, holder.state, transaction.compat)
        running = len(self._running.get(transaction.database, ())) + running_elsewhere
        limit = self._config(transaction.compat).max_running_txn_num_per_db
        if running >= limit:
            number = number_of(transaction.database)
            raise LimitExceeded(f"current running txns on db {number} is {running}, larger than limit {limit}")
        self.put(transaction)

    def put(self, transaction: Transaction) -> None:
        """As it stands now. Transactions come by ascending id, or again."""
        is_new = transaction.id not in self._by_id
        self._by_id[transaction.id] = transaction
        name = (transaction.database, transaction.label)
        if is_new and self._newest.get(name, transaction.id) <= transaction.id:
            self._newest[name] = transaction.id
        if transaction.state.is_running:
            self._running.setdefault(transaction.database, {})[transaction.id] = None
            return
        self._unlist(self._running, transaction.database, transaction.id)
        self._ended.setdefault(transaction.database, {})[transaction.id] = None

    def drop(self, txn_id: TxnId) -> None:
        """As if it had never been; its label is free."""
        transaction = self._by_id.pop(txn_id, None)
        if transaction is None:
            return
        database, name = transaction.database, (transaction.database, transaction.label)
        if self._newest.get(name) == txn_id:
            del self._newest[name]
        self._unlist(self._running, database, txn_id)
        self._unlist(self._ended, database, txn_id)

    @staticmethod
    def _unlist(lists: dict[str, dict[TxnId, None]], database: str, txn_id: TxnId) -> None:
        ids = lists.get(database)
        if ids is None:
            return
        ids.pop(txn_id, None)
        if not ids:
            del lists[database]

    def get(self, txn_id: TxnId) -> Transaction | None:
        return self._by_id.get(txn_id)

    def find(self, database: str, label: str) -> Transaction | None:
        """The newest transaction with the label."""
        txn_id = self._newest.get((database, Label(label)))
        return None if txn_id is None else self._by_id[txn_id]

    def of(self, database: str) -> list[Transaction]:
        """Those of a database, by id."""
        ids = [*self._ended.get(database, ()), *self._running.get(database, ())]
        return [self._by_id[txn_id] for txn_id in sorted(ids)]

    def running(self, database: str | None = None) -> list[Transaction]:
        """Those that have not ended."""
        databases = self._running.values() if database is None else [self._running.get(database, {})]
        return [self._by_id[txn_id] for ids in databases for txn_id in ids]

    def forget_old(self, now: datetime) -> list[TxnId]:
        """Forget what has been kept for long enough, or is too much; returns which."""
        forgotten = []
        for database in list(self._ended):
            forgotten += self._forget_in(database, now)
        return forgotten

    def forget_ended(self, database: str) -> list[TxnId]:
        """Forget everything that has ended in a database; returns which."""
        ended = list(self._ended.get(database, ()))
        for txn_id in ended:
            self.drop(txn_id)
        return ended

    def _forget_in(self, database: str, now: datetime) -> list[TxnId]:
        ended = self._ended[database]
        chosen = []
        for txn_id in list(ended):
            transaction = self._by_id[txn_id]
            config, compat = self._config(transaction.compat), transaction.compat
            kept = len(ended) + len(self._running.get(database, ()))
            assert transaction.finished_at is not None, txn_id
            age_s = (now - transaction.finished_at).total_seconds()
            if kept <= _kept_max(config, compat) and age_s <= _kept_s(config, compat):
                break
            chosen.append(txn_id)
            self.drop(txn_id)
        return chosen


def _kept_max(config: FrontendConfig, compat: Compat) -> float:
    most = config.label_num_threshold if compat is Compat.DORIS else config.label_keep_max_num
    return float("inf") if most < 0 else most


def _kept_s(config: FrontendConfig, compat: Compat) -> int:
    return config.streaming_label_keep_max_second if compat is Compat.DORIS else config.label_keep_max_second


def label_used(label: str, txn_id: int, state: TxnState, compat: Compat) -> LabelUsed:
    """StarRocks; Doris: the id and the state are part of the text, which its clients read."""
    text = f"Label [{label}] has already been used"
    if compat is Compat.DORIS:
        text += f", relate to txn [{txn_id}], status [{state.shown(compat)}]"
    return LabelUsed(f"{text}.", txn_id=txn_id, state=state)
