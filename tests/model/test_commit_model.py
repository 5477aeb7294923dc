"""The commit protocol survives every interleaving of a small world; each broken twin of it is caught.

``RL_MODEL=1`` explores the larger worlds too (minutes).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from routine_load.commit.labels import LabelState
from routine_load.commit.protocol import TABLE, Effect, Event, IntentState, Step, seen, step
from routine_load.errors import BrokenInvariant
from tests.model.commit_model import Coordinator, Model, Move, Troubles, World, explore

S, E, F = IntentState, Event, Effect
WORLDS = [
    (2, Troubles(aborts=1, forgets=1)),
    (2, Troubles(forgets=1, losses=1)),
    (1, Troubles(1, 1, 2)),
    (3, Troubles()),
]
LARGE = [(2, Troubles(1, 1, 1)), (3, Troubles(aborts=1)), (3, Troubles(forgets=1))]

IMPOSSIBLE = {
    (S.ABANDONING, E.SEEN_COMMITTED),  # nobody was told to commit it
    (S.DECIDED, E.SEEN_PREPARE),  # it was prepared before
    (S.INTENDED, E.USED_BEFORE),  # the metadata does not go back here
}
OF_SEVERAL_LABELS = {(S.IN_DOUBT, E.SAID_COMMITTED_IN_PART)} | {
    (s, e) for s in (S.DECIDED, S.ABANDONING) for e in (E.SEEN_BROKEN, E.SEEN_TORN)
}


def test_nothing_is_lost_or_doubled_and_everything_ends_in_all_interleavings():
    """And between them the worlds meet every line of the table that a world of one label can."""
    met = set()
    states = 0
    for coordinators, troubles in WORLDS + (LARGE if "RL_MODEL" in os.environ else []):
        model = Model()
        found = explore(model, coordinators, troubles)
        assert not found.fault, f"{coordinators}, {troubles}: {found.fault}"
        assert found.states > 1_000
        states += found.states
        met |= model.met
    print(f"{states} states of worlds of up to three coordinators: nothing lost or doubled, and every one can end")
    assert met == set(TABLE) - IMPOSSIBLE - OF_SEVERAL_LABELS - {(S.INTENDED, E.NOTHING_TO_LOAD)}


def altered(changes):
    return lambda state, event: changes.get((state, event)) or step(state, event)


class Unconditional(Model):
    """A batch is decided whatever has become of its intent, and whoever leads."""

    def may_write(self, w: World, c: Coordinator) -> bool:
        return c.todo == E.PREPARED or super().may_write(w, c)


class Overlapping(Model):
    """The next batch begins beside one that is decided."""

    def look(self, w: World, c: Coordinator) -> Iterator[Move]:
        decided = [i for i in w.intents if i.state is S.DECIDED]
        hidden = w._replace(intents=tuple(i._replace(state=S.ABANDONED) if i in decided else i for i in w.intents))
        for name, after, then in super().look(hidden, c):
            yield name, after._replace(intents=w.intents + after.intents[len(w.intents) :]), then


class TargetTruth(Model):
    """No decision record: who has prepared commits, and recovery asks the target alone."""

    def __init__(self) -> None:
        super().__init__(
            altered(
                {
                    (S.INTENDED, E.PREPARED): Step(S.INTENDED, F.COMMIT),
                    (S.INTENDED, E.COMMIT_DONE): Step(S.FINISHED, F.END),
                    (S.INTENDED, E.COMMIT_NOT_DONE): Step(S.INTENDED, F.ASK),
                    (S.INTENDED, E.SEEN_COMMITTED): Step(S.FINISHED, F.END),
                    (S.INTENDED, E.SEEN_PREPARED): Step(S.INTENDED, F.COMMIT),
                    (S.INTENDED, E.SEEN_PREPARE): Step(S.ABANDONING, F.ROLLBACK),
                    (S.INTENDED, E.SEEN_ABORTED): Step(S.ABANDONED, F.END),
                    (S.INTENDED, E.SEEN_UNKNOWN): Step(S.ABANDONED, F.END),
                    (S.INTENDED, E.NO_ANSWER): Step(S.INTENDED, F.WAIT),
                }
            )
        )

    def first(self, state: IntentState) -> Event | Effect:
        return F.ASK if state is S.INTENDED else super().first(state)


TWINS = {
    "what the target forgot counts as aborted": (
        lambda: Model(altered({(S.DECIDED, E.SEEN_UNKNOWN): Step(S.ABANDONED, F.END)})),
        "DUPLICATE",
    ),
    "what the target forgot counts as committed": (
        lambda: Model(altered({(S.DECIDED, E.SEEN_UNKNOWN): Step(S.FINISHED, F.END)})),
        "LOSS",
    ),
    "a commit that nobody heard of counts as refused": (
        lambda: Model(altered({(S.DECIDED, E.COMMIT_NOT_DONE): Step(S.ABANDONED, F.END)})),
        "DUPLICATE",
    ),
    "a commit that was sent counts as done": (
        lambda: Model(altered({(S.DECIDED, E.COMMIT_NOT_DONE): Step(S.FINISHED, F.END)})),
        "LOSS",
    ),
    "the offsets of an aborted batch are applied": (
        lambda: Model(altered({(S.DECIDED, E.SEEN_ABORTED): Step(S.FINISHED, F.END)})),
        "LOSS",
    ),
    "the offsets of a batch that was given up are applied": (
        lambda: Model(altered({(S.ABANDONING, E.ROLLBACK_DONE): Step(S.FINISHED, F.END)})),
        "LOSS",
    ),
    "the batch that nobody decided is rolled back only": (
        lambda: Model(altered({(S.INTENDED, E.GIVE_UP): Step(S.INTENDED, F.WAIT)})),
        "STUCK",
    ),
    "what is prepared is left lying": (
        lambda: Model(altered({(S.ABANDONING, E.SEEN_PREPARED): Step(S.ABANDONING, F.WAIT)})),
        "STUCK",
    ),
    "a person's word is turned round": (
        lambda: Model(altered({(S.IN_DOUBT, E.SAID_COMMITTED): Step(S.ABANDONED, F.TIDY)})),
        "DUPLICATE",
    ),
    "decisions are unconditional": (Unconditional, "DUPLICATE"),
    "batches overlap": (Overlapping, "DUPLICATE"),
    "the target alone knows": (TargetTruth, "DUPLICATE"),
}


@pytest.mark.parametrize("twin", TWINS)
def test_a_broken_twin_is_caught(twin):
    """In one of the worlds that the protocol survives."""
    make, fault = TWINS[twin]
    found = [explore(make(), 2, troubles).fault for troubles in (Troubles(0, 1, 1), Troubles(1, 1, 0))]
    assert any(each.startswith(fault) for each in found), found


@pytest.mark.parametrize("state", list(IntentState))
@pytest.mark.parametrize("event", list(Event))
def test_a_pair_that_is_not_in_the_table_raises(state, event):
    """Total: nothing is written for what cannot come about, and nothing follows the end of an intent."""
    if (state, event) in TABLE:
        assert state.is_open
        assert step(state, event) is TABLE[state, event]
    else:
        with pytest.raises(BrokenInvariant, match=f"{state} met {event}"):
            step(state, event)


def test_commit_and_rollback_are_sent_only_where_the_metadata_says_so():
    """The promise of the decision record, line by line."""
    wanted = {F.COMMIT: S.DECIDED, F.ROLLBACK: S.ABANDONING}
    assert all(wanted.get(then.effect, then.state) is then.state for then in TABLE.values())
    assert {s for (s, _), then in TABLE.items() if then.state is S.FINISHED} == {S.INTENDED, S.DECIDED, S.IN_DOUBT}
    assert [e for (s, e), then in TABLE.items() if (s, then.state) == (S.INTENDED, S.FINISHED)] == [E.NOTHING_TO_LOAD]


LABELS = """
    DECIDED     PREPARED                     seen_prepared
    DECIDED     PREPARED COMMITTED           seen_prepared
    DECIDED     COMMITTED VISIBLE            seen_committed
    DECIDED     ABORTED ABORTED              seen_aborted
    DECIDED     ABORTED PREPARED             seen_broken
    DECIDED     ABORTED VISIBLE              seen_torn
    DECIDED     UNKNOWN VISIBLE              seen_unknown
    DECIDED     UNKNOWN ABORTED              seen_unknown
    DECIDED     PREPARE                      seen_prepare
    DECIDED     PREPARE VISIBLE              seen_prepare
    ABANDONING  UNKNOWN UNKNOWN              seen_unknown
    ABANDONING  UNKNOWN PREPARE              seen_prepare
    ABANDONING  UNKNOWN PREPARED             seen_prepared
    ABANDONING  UNKNOWN ABORTED              seen_aborted
    ABANDONING  ABORTED PREPARED             seen_broken
    ABANDONING  ABORTED PREPARE              seen_broken
    ABANDONING  PREPARED VISIBLE             seen_committed
    ABANDONING  UNKNOWN VISIBLE              seen_committed
    ABANDONING  ABORTED COMMITTED            seen_torn
"""


@pytest.mark.parametrize("line", LABELS.strip().splitlines())
def test_the_states_of_several_labels_are_one_word(line):
    """What is committed and what may be is never overlooked behind another label."""
    state, *labels, event = line.split()
    assert seen(IntentState(state), [LabelState(label) for label in labels]) is Event(event)
