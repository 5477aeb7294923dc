"""The two-phase commit protocol as a table: (state, event) → (state, what is done next).

    with nothing to load ----------------------------------------------------+
    INTENDED --(target: begin, load, prepare)--> DECIDED --(target: commit)--> FINISHED    progress = end
        |                                          |
        +--> ABANDONING --(rollback)--> ABANDONED <-+ the target says ABORTED              progress unchanged
                                                   |
                                                   +-- the target says UNKNOWN --> IN_DOUBT; the job pauses

A change of state is written in the metadata, on condition of the state before, *before* anything is done. Hence a label
is committed only while DECIDED is written, and rolled back only while ABANDONING is (or after a person has spoken); an
intent that is ABANDONED moves no progress, whatever it carried. The table is total: a pair that is not listed cannot
come about, and raises. Pure: production, model and simulation drive this one table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from routine_load.commit.labels import LabelState
from routine_load.errors import BrokenInvariant


class IntentState(StrEnum):
    INTENDED = "INTENDED"
    """The label may carry the batch; nobody has promised that it will."""
    DECIDED = "DECIDED"
    """Every label of the batch was prepared, and will be committed."""
    ABANDONING = "ABANDONING"
    """No label of it will ever be committed; what the target holds of it is given up."""
    IN_DOUBT = "IN_DOUBT"
    FINISHED = "FINISHED"
    ABANDONED = "ABANDONED"

    @property
    def is_open(self) -> bool:
        """Its partitions have no other intent beside it."""
        return self not in {IntentState.FINISHED, IntentState.ABANDONED}


class Event(StrEnum):
    """What happens to an intent. ``SEEN_…``: the target's word on its labels, taken together (``seen``)."""

    NOTHING_TO_LOAD = "nothing_to_load"
    """No row of the batch is left for the target, which has been asked to commit nothing."""
    PREPARED = "prepared"
    """Whoever began its labels reports that all of them were prepared."""
    GIVE_UP = "give_up"
    """A label could not be prepared, or nobody knows whether it was; or whoever began it is gone."""
    USED_BEFORE = "used_before"
    """The target knows a label that was never given to anybody: the metadata is older than the target."""
    COMMIT_DONE = "commit_done"
    COMMIT_NOT_DONE = "commit_not_done"
    """Refused or unknown: what it means, the label's state tells."""
    ROLLBACK_DONE = "rollback_done"
    ROLLBACK_NOT_DONE = "rollback_not_done"
    LEFT_TO_TIMEOUT = "left_to_timeout"
    """The target refuses to roll back what it has not committed: its own time-out will end it."""
    NO_ANSWER = "no_answer"
    SEEN_UNKNOWN = "seen_unknown"
    SEEN_PREPARE = "seen_prepare"
    SEEN_PREPARED = "seen_prepared"
    """Nothing is lost: each label is prepared or committed, at least one is to be committed yet."""
    SEEN_COMMITTED = "seen_committed"
    SEEN_ABORTED = "seen_aborted"
    SEEN_BROKEN = "seen_broken"
    """One label was aborted, and none was committed."""
    SEEN_TORN = "seen_torn"
    """One label was aborted, another one committed."""
    SAID_COMMITTED = "said_committed"
    """A person has looked: what the target does not know any more was committed."""
    SAID_COMMITTED_IN_PART = "said_committed_in_part"
    """The same, and the target has other labels of the batch, which are to be committed yet."""
    SAID_NOT_COMMITTED = "said_not_committed"


class Effect(StrEnum):
    """What whoever made the step does next."""

    ASK = "ask"
    """Ask the target for the labels' states."""
    COMMIT = "commit"
    """Ask the target to commit every label."""
    ROLLBACK = "rollback"
    WAIT = "wait"
    """Leave it open, and come back later."""
    RETRY_LATER = "retry_later"
    """What was asked for has not happened: come back later, and then ask for the state first."""
    END = "end"
    """It is final: progress has moved (FINISHED) or the range is read again (ABANDONED)."""
    TIDY = "tidy"
    """Final as well; what the target may still hold of it is rolled back, once, for order's sake."""
    DOUBT = "doubt"
    """The job pauses and says why."""


@dataclass(frozen=True, slots=True)
class Step:
    state: IntentState
    effect: Effect


_S, _E, _F = IntentState, Event, Effect

TABLE: Final[dict[tuple[IntentState, Event], Step]] = {
    (_S.INTENDED, _E.NOTHING_TO_LOAD): Step(_S.FINISHED, _F.TIDY),
    (_S.INTENDED, _E.PREPARED): Step(_S.DECIDED, _F.COMMIT),
    (_S.INTENDED, _E.GIVE_UP): Step(_S.ABANDONING, _F.ASK),
    (_S.INTENDED, _E.USED_BEFORE): Step(_S.IN_DOUBT, _F.DOUBT),
    # decided
    (_S.DECIDED, _E.COMMIT_DONE): Step(_S.FINISHED, _F.END),
    (_S.DECIDED, _E.COMMIT_NOT_DONE): Step(_S.DECIDED, _F.ASK),
    (_S.DECIDED, _E.NO_ANSWER): Step(_S.DECIDED, _F.WAIT),
    (_S.DECIDED, _E.SEEN_PREPARED): Step(_S.DECIDED, _F.COMMIT),
    (_S.DECIDED, _E.SEEN_COMMITTED): Step(_S.FINISHED, _F.END),
    (_S.DECIDED, _E.SEEN_ABORTED): Step(_S.ABANDONED, _F.END),
    (_S.DECIDED, _E.SEEN_BROKEN): Step(_S.ABANDONING, _F.ROLLBACK),
    # may be committed and forgotten
    (_S.DECIDED, _E.SEEN_UNKNOWN): Step(_S.IN_DOUBT, _F.DOUBT),
    # cannot be: it was prepared before it was decided
    (_S.DECIDED, _E.SEEN_PREPARE): Step(_S.IN_DOUBT, _F.DOUBT),
    (_S.DECIDED, _E.SEEN_TORN): Step(_S.IN_DOUBT, _F.DOUBT),
    # abandoning
    (_S.ABANDONING, _E.ROLLBACK_DONE): Step(_S.ABANDONED, _F.END),
    (_S.ABANDONING, _E.ROLLBACK_NOT_DONE): Step(_S.ABANDONING, _F.RETRY_LATER),
    (_S.ABANDONING, _E.LEFT_TO_TIMEOUT): Step(_S.ABANDONED, _F.END),
    (_S.ABANDONING, _E.NO_ANSWER): Step(_S.ABANDONING, _F.WAIT),
    (_S.ABANDONING, _E.SEEN_UNKNOWN): Step(_S.ABANDONED, _F.END),
    (_S.ABANDONING, _E.SEEN_PREPARE): Step(_S.ABANDONING, _F.ROLLBACK),
    (_S.ABANDONING, _E.SEEN_PREPARED): Step(_S.ABANDONING, _F.ROLLBACK),
    (_S.ABANDONING, _E.SEEN_BROKEN): Step(_S.ABANDONING, _F.ROLLBACK),
    (_S.ABANDONING, _E.SEEN_ABORTED): Step(_S.ABANDONED, _F.END),
    # cannot be: nobody was told to commit it
    (_S.ABANDONING, _E.SEEN_COMMITTED): Step(_S.IN_DOUBT, _F.DOUBT),
    (_S.ABANDONING, _E.SEEN_TORN): Step(_S.IN_DOUBT, _F.DOUBT),
    # in doubt
    (_S.IN_DOUBT, _E.SAID_COMMITTED): Step(_S.FINISHED, _F.END),
    (_S.IN_DOUBT, _E.SAID_COMMITTED_IN_PART): Step(_S.DECIDED, _F.COMMIT),
    (_S.IN_DOUBT, _E.SAID_NOT_COMMITTED): Step(_S.ABANDONED, _F.TIDY),
}
"""Every pair that can come about."""


def step(state: IntentState, event: Event) -> Step:
    """What follows. Raises BrokenInvariant for a pair that cannot come about: nothing is done and nothing written."""
    found = TABLE.get((state, event))
    if found is None:
        raise BrokenInvariant(f"an intent that is {state} met {event}")
    return found


FIRST: Final[dict[IntentState, Event | Effect]] = {
    IntentState.INTENDED: Event.GIVE_UP,
    IntentState.DECIDED: Effect.ASK,
    IntentState.ABANDONING: Effect.ASK,
    IntentState.IN_DOUBT: Effect.DOUBT,
}
"""What recovery begins with, for an intent that was found open and that nobody works on any more."""

_COMMITTED = frozenset({LabelState.COMMITTED, LabelState.VISIBLE})


def seen(state: IntentState, labels: Iterable[LabelState]) -> Event:
    """The target's word on all labels of an intent, as one event.

    A label that was never begun does not matter to an intent that is given up; for one that was decided, a label
    that nobody knows may be committed and forgotten.
    """
    found = set(labels)
    assert found, "an intent without labels has nothing to ask for"
    if state is IntentState.ABANDONING and found != {LabelState.UNKNOWN}:
        found.discard(LabelState.UNKNOWN)
    committed = bool(found & _COMMITTED)
    if LabelState.UNKNOWN in found:
        return Event.SEEN_UNKNOWN
    if LabelState.ABORTED in found:
        if committed:
            return Event.SEEN_TORN
        return Event.SEEN_ABORTED if found == {LabelState.ABORTED} else Event.SEEN_BROKEN
    if committed and state is IntentState.ABANDONING:
        return Event.SEEN_COMMITTED
    if LabelState.PREPARE in found:
        return Event.SEEN_PREPARE
    return Event.SEEN_PREPARED if LabelState.PREPARED in found else Event.SEEN_COMMITTED
