"""A target in memory (``loads.ports.Target``): labels, rows, and every way in which a cluster can disappoint.

Refusals and states are those of StarRocks' transaction interface. ``disturb`` is asked before each request, and may
lose it, lose its reply, or hold it back until later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from routine_load.commit.labels import LabelState, Part, Prepared, Reply
from routine_load.errors import TargetUnavailable, UnknownTable
from routine_load.ids import Label, TableRef, TxnId
from routine_load.sql.schema import Column, ColumnType, Table, TypeName

_DONE = frozenset({LabelState.COMMITTED, LabelState.VISIBLE})


class Trouble(StrEnum):
    """What becomes of one request."""

    NONE = "none"
    LOST = "lost"
    """It never arrives."""
    UNHEARD = "unheard"
    """It is carried out, and nobody hears of it."""
    LATE = "late"
    """It is carried out after whoever asked has given up waiting."""
    REFUSED = "refused"
    """The target says no, and means it."""


@dataclass(frozen=True)
class Txn:
    table: TableRef
    txn_id: TxnId
    state: LabelState
    rows: tuple[dict, ...] = ()


@dataclass
class FakeTarget:
    """``visible`` are the rows that anybody can read, in the order in which labels were committed."""

    disturb: Callable[[str, Label], Trouble] = lambda _operation, _label: Trouble.NONE
    tables: set[str] = field(default_factory=lambda: {"t", "u"})
    refused_rows: Callable[[dict], bool] = lambda _row: False
    txns: dict[tuple[str, Label], Txn] = field(default_factory=dict)
    visible: list[tuple[Label, str, dict]] = field(default_factory=list)
    late: list[Callable[[], object]] = field(default_factory=list)
    asked: list[tuple[str, Label]] = field(default_factory=list)
    incarnation: str = "cluster-1"
    name: str = "starrocks://fe:9030"
    _ids: int = 0

    def table(self, ref: TableRef) -> Table:
        if ref.table not in self.tables:
            raise UnknownTable(f"Unknown table '{ref.table}'")
        return Table(ref=ref, columns=(Column(name="p", type=ColumnType(name=TypeName.INT)),))

    def state(self, database: str, label: Label) -> LabelState:
        trouble = self._trouble("state", label)
        if trouble is not Trouble.NONE:
            raise TargetUnavailable(f"get_load_state of {label} was not answered")
        txn = self.txns.get((database, label))
        return txn.state if txn else LabelState.UNKNOWN

    def prepare(self, part: Part, body) -> Prepared:
        rows = tuple(row for batch in body.batches() for row in batch.to_pylist())
        return self._request("prepare", part, lambda: self._prepare(part, rows), Prepared(reply=_UNHEARD))

    def commit(self, part: Part) -> Reply:
        return self._request("commit", part, lambda: self._commit(part), _UNHEARD)

    def rollback(self, part: Part) -> Reply:
        return self._request("rollback", part, lambda: self._rollback(part), _UNHEARD)

    # what clusters do by themselves

    def gives_up(self, label: Label) -> None:
        """The time-out of a transaction that was not committed."""
        for key, txn in self.txns.items():
            if key[1] == label and txn.state in {LabelState.PREPARE, LabelState.PREPARED}:
                self.txns[key] = replace(txn, state=LabelState.ABORTED)

    def forgets(self, label: Label) -> None:
        """One label too many: a final one goes."""
        for key in [k for k, t in self.txns.items() if k[1] == label and t.state in {*_DONE, LabelState.ABORTED}]:
            del self.txns[key]

    def rows_of(self, label: Label) -> list[dict]:
        return [row for of, _, row in self.visible if of == label or of.startswith(f"{label}-")]

    # inside

    def _request(self, operation: str, part: Part, act, unheard):
        trouble = self._trouble(operation, part.label)
        if trouble is Trouble.REFUSED:
            refusal = Reply.refused(f"{operation} of {part.label} is refused")
            return Prepared(reply=refusal) if operation == "prepare" else refusal
        if trouble is Trouble.LATE:
            self.late.append(act)
        if trouble in {Trouble.LATE, Trouble.LOST}:
            return unheard
        answer = act()
        return unheard if trouble is Trouble.UNHEARD else answer

    def _trouble(self, operation: str, label: Label) -> Trouble:
        self.asked.append((operation, label))
        return self.disturb(operation, label)

    def _prepare(self, part: Part, rows: tuple[dict, ...]) -> Prepared:
        key = (part.table.database, part.label)
        known = self.txns.get(key)
        if known is not None and known.state is not LabelState.ABORTED:
            return Prepared(reply=Reply.refused(f"Label [{part.label}] has already been used."))
        self._ids += 1
        taken = tuple(row for row in rows if not self.refused_rows(row))
        txn = Txn(part.table, TxnId(self._ids), LabelState.PREPARED, taken)
        counts = {"loaded": len(taken), "filtered": len(rows) - len(taken)}
        if not taken:
            self.txns[key] = replace(txn, state=LabelState.ABORTED)
            refusal = Reply.refused("No partitions have data available for loading")
            return Prepared(reply=refusal, is_empty=True, first_error="bad", **counts)
        self.txns[key] = txn
        return Prepared(reply=Reply.done(), txn_id=txn.txn_id, **counts)

    def _commit(self, part: Part) -> Reply:
        key = (part.table.database, part.label)
        txn = self.txns.get(key)
        if txn is None:
            return Reply.refused(f"No transaction found by label {part.label}")
        if txn.state in _DONE:
            return Reply.done(f"Transaction {txn.txn_id} has already committed, label is {part.label}")
        if txn.state is LabelState.ABORTED:
            return Reply.refused(f"Can not commit ABORTED transaction {txn.txn_id}, label is {part.label}")
        self.txns[key] = replace(txn, state=LabelState.VISIBLE)
        self.visible += [(part.label, txn.table.table, row) for row in txn.rows]
        return Reply.done()

    def _rollback(self, part: Part) -> Reply:
        key = (part.table.database, part.label)
        txn = self.txns.get(key)
        if txn is None:
            return Reply.done("there is nothing to roll back")
        if txn.state in _DONE:
            return Reply.refused(f"Can not abort VISIBLE transaction {txn.txn_id}, label is {part.label}")
        self.txns[key] = replace(txn, state=LabelState.ABORTED)
        return Reply.done()


_UNHEARD = Reply.unknown("the connection was reset")
