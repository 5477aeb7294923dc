"""The judge of chaos sees what is lost, doubled, never produced, and counted wrongly."""

from __future__ import annotations

from dataclasses import replace

import pytest

import routine_load
from routine_load.testing.chaos.campaign import Campaign, Fault
from routine_load.testing.chaos.feed import Feed
from routine_load.testing.chaos.ledger import Ledger, judge
from routine_load.testing.feeder import BrokerFailed


@pytest.fixture(scope="module")
def rl():
    with routine_load.connect() as connection:
        connection.execute("CREATE DATABASE d")
        yield connection


@pytest.fixture
def judged(rl):
    """Judges rows against the numbers 10 … 19."""

    def judge_rows(*numbers: int, counted: int | None = None):
        rl.execute("DROP TABLE IF EXISTS d.t; CREATE TABLE d.t (n BIGINT) DUPLICATE KEY(n) DISTRIBUTED BY HASH(n)")
        rl.execute(f"INSERT INTO d.t VALUES {', '.join(f'({number})' for number in numbers)}")
        ledger = Ledger(10)
        ledger.acknowledged(20)
        return judge(lambda sql: [tuple(row) for row in rl.execute(sql).rows], "d.t", "n", ledger, counted)

    return judge_rows


def test_all_of_them_once_is_clean(judged):
    """Ten of ten."""
    verdict = judged(*range(10, 20), counted=10)
    assert verdict.is_clean
    assert (verdict.messages, verdict.rows) == (10, 10)


@pytest.mark.parametrize(
    ("rows", "kind", "examples"),
    [
        ([*range(10, 15), *range(17, 20)], {"lost": 2}, ("lost: 15", "lost: 16")),
        ([*range(10, 20), 13, 13], {"doubled": 2}, ("doubled: 13 is there 3 times",)),
        ([*range(10, 20), 20, 9], {"phantom": 2}, ()),
        ([*range(10, 19), 18], {"lost": 1, "doubled": 1}, ("lost: 19", "doubled: 18 is there 2 times")),
    ],
)
def test_what_is_wrong_is_counted_and_named(judged, rows, kind, examples):
    """One kind does not hide another: as many rows as messages may be nine of them and one twice."""
    verdict = judged(*rows)
    clean = replace(verdict, lost=0, doubled=0, phantom=0, examples=())
    assert verdict == replace(clean, **kind, examples=examples)
    assert not verdict.is_clean


def test_a_job_that_counts_wrongly_is_not_clean(judged):
    """What a table that replaces rows by key hides is seen in the job's own count."""
    verdict = judged(*range(10, 20), counted=12)
    assert verdict.miscounted == 2
    assert not verdict.is_clean


def test_numbers_are_dealt_out_and_in_the_ledger_once_the_broker_has_them():
    """What the broker did not take is in no ledger."""
    taken = []

    class Broker:
        def produce(self, topic, values, *, partition=None):
            if len(taken) == 3:
                raise BrokerFailed("away")
            taken.append((topic, partition, list(values)))

    ledger = Ledger(5)
    feed = Feed(Broker(), "t", lambda number, partition: f"{number}@{partition}", (0, 2), ledger)
    feed.portion(3)
    assert taken == [("t", 0, ["5@0", "7@0"]), ("t", 2, ["6@2"])]
    assert ledger.messages == 3
    with pytest.raises(BrokerFailed):
        feed.portion(2)
    assert ledger.messages == 3


def struck(seed):
    """Which faults a seed lets happen, and with which dice."""
    found = []

    def fault(name):
        return Fault(name, lambda dice: found.append((name, dice.random())))

    campaign = Campaign([*map(fault, "abc"), Fault("sleep", lambda _: None, kills=False)], seed, 0.0)
    while campaign.counts.total() < 20:
        campaign.strike()
    assert (campaign.kills, campaign.others) == (len(found), 20 - len(found))
    return found


def test_a_seed_replays_its_faults():
    """The same faults in the same order, each counted."""
    assert struck(42) == struck(42) != struck(43)
