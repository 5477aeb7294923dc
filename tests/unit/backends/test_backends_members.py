"""Backends elsewhere: who counts as alive, who gets tasks, and what is told when one is lost."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from routine_load.backends.facts import BackendRecord, BackendState
from routine_load.backends.members import FAILURES_MAX, Members, Terms
from routine_load.backends.messages import Presence
from routine_load.backends.seats import Seats


class Hands:
    """A clock whose hands are set."""

    def __init__(self) -> None:
        self.at = 100.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.at


def record(number: int, state: BackendState = BackendState.ADDED) -> BackendRecord:
    return BackendRecord(id=number, host="h", port=number, state=state)


def presence(session: str = "one", **changes) -> Presence:
    given = {"host": "h", "port": 1, "version": "v", "slots": 4, "started_at_ms": 0} | changes
    return Presence(session=session, **given)


@pytest.fixture
def hands():
    return Hands()


@pytest.fixture
def told():
    return []


@pytest.fixture
def members(hands, told):
    made = Members(hands, Terms(missed_max=3, shut_out_s=60.0))
    made.changed = lambda: told.append("changed")
    made.lost = lambda number, why: told.append((number, why))
    made.records([record(1), record(2)])
    return made


def test_a_backend_gets_tasks_once_it_was_heard(members, told):
    """Being known is not being there."""
    assert members.offers(16) == {}
    assert (members.alive, members.dead) == (0, 2)
    members.heard(1, presence())
    assert members.offers(16) == {1: 4}
    assert members.offers(2) == {1: 2}
    assert (members.alive, members.dead) == (1, 1)
    assert told == ["changed"]


def test_it_is_dead_when_it_missed_some_heartbeats_or_nobody_listens_there(members, told):
    """A slow answer is no death; a refused connection is."""
    members.heard(1, presence())
    members.heard(2, presence("two"))
    told.clear()
    members.missed(1, "slow")
    members.missed(1, "slow")
    assert members.alive == 2
    members.missed(1, "slow")
    assert told == [(1, "slow"), "changed"]
    members.missed(2, "refused", surely=True)
    assert members.offers(16) == {}
    assert {f.id: (f.alive, f.trouble, f.failures) for f in members.facts(16, lambda _: 0)} == {
        1: (False, "slow", 3),
        2: (False, "refused", 1),
    }


def test_another_session_is_another_process(members, told):
    """What the one before ran is lost, however short the pause was."""
    members.heard(1, presence())
    told.clear()
    members.heard(1, presence("two"))
    assert told == [(1, "its process ended, and another one began")]
    members.heard(1, presence("two"))
    assert len(told) == 1


def test_who_says_that_it_leaves_gets_no_more(members):
    """At once, not when heartbeats are missed."""
    members.heard(1, presence())
    members.heard(1, presence(is_leaving=True))
    assert members.offers(16) == {}
    assert members.facts(16, lambda _: 0)[0].trouble == "it is leaving"


def test_a_backend_that_loses_task_after_task_gets_none_for_a_while(members, hands):
    """Doris: blacklist. Where there is no other, it is tried all the same."""
    members.heard(1, presence())
    members.heard(2, presence("two"))
    for _ in range(FAILURES_MAX):
        members.failed(1)
    assert members.offers(16) == {2: 4}
    assert "3 tasks in a row were lost on it; it gets none for 60 s" in members.facts(16, lambda _: 0)[0].trouble
    members.missed(2, "gone", surely=True)
    assert members.offers(16) == {1: 4}
    members.heard(2, presence("two"))
    hands.at += 60
    assert members.offers(16) == {1: 4, 2: 4}
    members.failed(1)
    assert members.offers(16) == {2: 4}
    members.succeeded(1)
    assert members.offers(16) == {1: 4, 2: 4}


def test_decommissioned_keeps_what_it_runs_and_dropped_loses_it(members, told):
    """StarRocks, Doris: DECOMMISSION is patient, DROP is not."""
    members.heard(1, presence())
    members.heard(2, presence("two"))
    told.clear()
    members.records([record(1, BackendState.DECOMMISSIONED), record(2, BackendState.DROPPED)])
    assert members.offers(16) == {}
    assert (2, "it was dropped") in told
    assert not any(each[0] == 1 for each in told if isinstance(each, tuple))
    assert [f.is_decommissioned for f in members.facts(16, lambda _: 0)] == [True]
    members.heard(2, presence("two"))
    assert members.get(2) is None


def test_tasks_are_spread_and_go_back_to_where_they_were():
    """StarRocks: slot of a task: the predecessor's worker, else the least loaded one without this job."""
    seats = Seats()
    assert [seats.take(7, None, {1: 2, 2: 2}) for _ in range(4)] == [1, 2, 1, 2]
    assert seats.take(7, None, {1: 2, 2: 2}) is None
    seats.give_back(2, 7)
    assert seats.take(8, 1, {1: 3, 2: 2}) == 1
    assert seats.take(8, 3, {1: 4, 2: 2}) == 2
    assert seats.running(1) == 3
