"""What is known of one load transaction of a client: the values that its label stands for (StarRocks, Doris).

A transaction goes PREPARE → PREPARED → VISIBLE, or PREPARE → VISIBLE where nobody asked to prepare it, and from each of
the first two to ABORTED. COMMITTED is a name for what both vendors have between commit and visibility; here the two are
one moment. A label is taken by whatever transaction of its database has it in a state other than ABORTED.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from routine_load.commit.values import Counts
from routine_load.ids import Compat, Label, TableRef, TxnId

REASON_MAX = 1_024


class TxnState(StrEnum):
    """StarRocks: the states of a transaction."""

    PREPARE = "PREPARE"
    PREPARED = "PREPARED"
    COMMITTED = "COMMITTED"
    VISIBLE = "VISIBLE"
    ABORTED = "ABORTED"

    def shown(self, compat: Compat) -> str:
        """The vendor's word. Doris says PRECOMMITTED."""
        return "PRECOMMITTED" if compat is Compat.DORIS and self is TxnState.PREPARED else self.value

    @property
    def is_final(self) -> bool:
        return self in {TxnState.VISIBLE, TxnState.ABORTED}

    @property
    def is_running(self) -> bool:
        return not self.is_final


class TxnSource(StrEnum):
    """StarRocks, Doris: LoadJobSourceType of SHOW TRANSACTION."""

    STREAM_LOAD = "BACKEND_STREAMING"
    INSERT = "INSERT_STREAMING"
    MULTI_TABLE = "MULTI_STATEMENT_STREAMING"
    MERGE_COMMIT = "FRONTEND_STREAMING"
    ROUTINE_LOAD = "ROUTINE_LOAD_TASK"


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginLoad:
    """What begins a transaction. ``timeout_s`` bounds PREPARE, ``idle_timeout_s`` the time between two calls (0: none).

    ``two_phase``: it may be prepared, or have several loads or tables; without it the rows of one load go straight to
    their table, and only commit and rollback are left. ``tables`` may be empty where they come with the loads.
    """

    database: str
    label: Label
    compat: Compat
    tables: tuple[str, ...] = ()
    source: TxnSource = TxnSource.STREAM_LOAD
    user: str = ""
    client: str = ""
    comment: str = ""
    timeout_s: int = 600
    idle_timeout_s: int = 0
    two_phase: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One transaction, as it stood when it was asked for."""

    id: TxnId
    database: str
    label: Label
    compat: Compat
    source: TxnSource
    tables: tuple[str, ...]
    user: str
    client: str
    comment: str
    two_phase: bool
    timeout_s: int
    idle_timeout_s: int
    prepared_timeout_s: int = 0
    state: TxnState = TxnState.PREPARE
    began_at: datetime
    prepared_at: datetime | None = None
    committed_at: datetime | None = None
    finished_at: datetime | None = None
    counts: Counts = field(default_factory=Counts)
    reason: str = ""
    rejects: str = ""
    first_error: str = ""

    @classmethod
    def begun(cls, txn_id: TxnId, begin: BeginLoad, at: datetime) -> Transaction:
        return cls(
            id=txn_id,
            database=begin.database,
            label=begin.label,
            compat=begin.compat,
            source=begin.source,
            tables=begin.tables,
            user=begin.user,
            client=begin.client,
            comment=begin.comment,
            two_phase=begin.two_phase,
            timeout_s=begin.timeout_s,
            idle_timeout_s=begin.idle_timeout_s,
            began_at=at,
        )

    @property
    def table_refs(self) -> tuple[TableRef, ...]:
        return tuple(TableRef(self.database, table) for table in self.tables)

    @property
    def status(self) -> str:
        """The state in the word of the transaction's vendor."""
        return self.state.shown(self.compat)

    def prepared(self, at: datetime, timeout_s: int) -> Transaction:
        return replace(self, state=TxnState.PREPARED, prepared_at=at, prepared_timeout_s=timeout_s)

    def visible(self, at: datetime) -> Transaction:
        return replace(self, state=TxnState.VISIBLE, committed_at=at, finished_at=at)

    def aborted(self, reason: str, at: datetime) -> Transaction:
        return replace(self, state=TxnState.ABORTED, finished_at=at, reason=reason[:REASON_MAX])

    def told(self, counts: Counts, rejects: str, first_error: str) -> Transaction:
        """With what became of its rows."""
        return replace(self, counts=counts, rejects=rejects, first_error=first_error)

    def loading(self, table: str) -> Transaction:
        return self if table in self.tables else replace(self, tables=(*self.tables, table))
