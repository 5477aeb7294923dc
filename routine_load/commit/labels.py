"""Labels at a target, as the commit protocol speaks of them: their states, the three replies, and who is asked.

A *target* is a cluster that knows load transactions by label. Refuses to know its wire format.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self

from routine_load.ids import NO_TXN, Label, TableRef, TxnId


class LabelState(StrEnum):
    """What the target says of a label (StarRocks, Doris: get_load_state; Doris' PRECOMMITTED is PREPARED here)."""

    UNKNOWN = "UNKNOWN"
    """It was never begun, or the target has forgotten how it ended."""
    PREPARE = "PREPARE"
    PREPARED = "PREPARED"
    COMMITTED = "COMMITTED"
    VISIBLE = "VISIBLE"
    ABORTED = "ABORTED"


class Outcome(StrEnum):
    DONE = "done"
    """It has happened, now or before."""
    REFUSED = "refused"
    """The target said in so many words that it has not happened and does not happen."""
    UNKNOWN = "unknown"
    """Anything else: no answer, a lost or late one, one that nobody can read, a time-out told by the target."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a request that changes a label: one of three outcomes. *unknown* is never *refused*."""

    outcome: Outcome
    text: str = ""

    @classmethod
    def done(cls, text: str = "") -> Self:
        return cls(Outcome.DONE, text)

    @classmethod
    def refused(cls, text: str) -> Self:
        return cls(Outcome.REFUSED, text)

    @classmethod
    def unknown(cls, text: str) -> Self:
        return cls(Outcome.UNKNOWN, text)


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one table of a batch: one label. ``txn_id`` is the target's number, once it was prepared."""

    table: TableRef
    label: Label
    txn_id: TxnId = NO_TXN


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """How preparing a part ended.

    The counts are the target's own, of the rows that it was sent. ``loaded`` 0 with ``is_empty``: it has nothing that
    could be committed (StarRocks: ``No partitions have data available for loading``), whatever the reply. ``rejects``
    tells where the rows are that the target itself filtered, ``first_error`` what was wrong with the first of them.
    """

    reply: Reply
    txn_id: TxnId = NO_TXN
    loaded: int = 0
    filtered: int = 0
    unselected: int = 0
    is_empty: bool = False
    first_error: str = ""
    error_url: str = ""


class Labels(Protocol):
    """The target, asked about labels that were prepared. Called from several threads; every call is bounded in time.

    No request is repeated inside: whether to ask again is the protocol's decision.
    """

    def state(self, database: str, label: Label) -> LabelState:
        """What became of a label, asked of the one who decides (the leader). Raises TargetUnavailable for no answer.

        Only the target's own word is an answer: a time-out, an unreadable page or a proxy's error is none.
        """
        ...

    def commit(self, part: Part) -> Reply:
        """Make a prepared label visible. "Already committed" is done; committed but not yet visible is done."""
        ...

    def rollback(self, part: Part) -> Reply:
        """Give a label up. "Already aborted" and a label that was never begun are done."""
        ...
