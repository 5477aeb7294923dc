"""Places that are short are shared: by priority, whatever a job wants, and whoever does not answer."""

from __future__ import annotations

from collections import Counter

import pytest
from schedule_hand import Hand

from routine_load.ids import Compat, JobId
from routine_load.scheduler.asking import Askers
from routine_load.scheduler.rates import Meter
from routine_load.scheduler.turns import Turns

SR = Compat.STARROCKS


def served(turns: Turns[int], number: int) -> Counter[int]:
    """Who gets so many places, where everybody gets in line again."""
    got: Counter[int] = Counter()
    for _ in range(number):
        job = turns.take()
        assert job is not None
        got[job] += 1
        turns.wait(JobId(job), job, priority=job, cost_s=1.0)
    return got


def test_places_are_shared_in_proportion_to_priorities():
    """Ours: a job of priority 20 gets twice the places of one of priority 10, and no job gets none."""
    turns: Turns[int] = Turns()
    for priority in (10, 20, 1):
        turns.wait(JobId(priority), priority, priority=priority, cost_s=1.0)
    got = served(turns, 310)
    assert (got[20], got[10], got[1]) == (
        pytest.approx(200, abs=2),
        pytest.approx(100, abs=2),
        pytest.approx(10, abs=2),
    )


def test_a_job_that_wants_everything_gets_no_more_than_its_share():
    """Ours: a hundred slices of one job that wait are no more than one of another."""
    turns: Turns[str] = Turns()
    for _ in range(100):
        turns.wait(JobId(1), "greedy", priority=10, cost_s=1.0)
    turns.wait(JobId(2), "modest", priority=10, cost_s=1.0)
    assert "modest" in [turns.take(), turns.take()]
    assert len(turns) == 99


def test_long_turns_cost_more():
    """Ours: whoever holds a place for ten seconds comes back behind those who hold it for one."""
    turns: Turns[str] = Turns()
    order = []
    for _ in range(10):
        turns.wait(JobId(1), "long", priority=10, cost_s=10.0)
        turns.wait(JobId(2), "short", priority=10, cost_s=1.0)
    while (taken := turns.take()) is not None:
        order.append(taken)
    assert order[:11].count("short") >= 9


def test_who_did_not_wait_gathers_no_claim():
    """Ours: a job that was idle for an hour does not get an hour of places."""
    turns: Turns[str] = Turns()
    for _ in range(1000):
        turns.wait(JobId(1), "busy", priority=10, cost_s=1.0)
        turns.take()
    for _ in range(10):
        turns.wait(JobId(1), "busy", priority=10, cost_s=1.0)
        turns.wait(JobId(2), "idle", priority=10, cost_s=1.0)
    first = [turns.take() for _ in range(6)]
    assert first.count("busy") >= 2


def test_who_is_dropped_waits_no_more():
    """A job that is planned anew leaves nothing in line, and may get in line again."""
    turns: Turns[str] = Turns()
    turns.wait(JobId(1), "old", priority=10, cost_s=1.0)
    turns.drop(JobId(1))
    turns.wait(JobId(1), "new", priority=10, cost_s=1.0)
    assert (turns.take(), turns.take(), len(turns)) == ("new", None, 0)


def test_slices_without_a_slot_wait_for_one_and_say_so(tmp_path):
    """StarRocks: no worker has a slot: back to the queue, with the text that names the setting."""
    hand = Hand(tmp_path, backends=1, slots=1)
    for _ in range(3):
        hand.create(SR)
    hand.run(0.5)
    assert hand.message(2) == (
        "failed to allocate be slot, wait for 1 second to schedule again, you can set max_routine_load_task_num_per_be "
        "bigger in fe.conf, current value is 1"
    )
    hand.run(4)
    assert sorted(each.job for each in hand.began) == [1, 2, 3]


def test_of_jobs_that_wait_for_slots_the_one_of_higher_priority_gets_more(tmp_path):
    """Ours: ``priority``, over all backends."""
    hand = Hand(tmp_path, backends=1, slots=1)
    hand.took_s = 0.73
    hand.parts.planner.settings = hand.parts.settings.__class__(data_dir=tmp_path, batch_bytes_max=1)
    hand.produce(1000)
    hand.create(SR, priority=30)
    hand.create(SR, priority=10)
    hand.run(200)
    got = Counter(each.job for each in hand.began)
    assert got[1] == pytest.approx(3 * got[2], rel=0.1)


def test_one_job_with_a_backlog_does_not_keep_the_others_from_slots(tmp_path):
    """Ours: it waits its turn like everybody else."""
    hand = Hand(tmp_path, backends=1, slots=1, partitions=4)
    hand.alive = 4
    hand.parts.planner.settings = hand.parts.settings.__class__(data_dir=tmp_path, batch_bytes_max=1)
    for partition in range(4):
        hand.produce(1000, partition)
    hand.create(SR)
    hand.create(SR, ', "kafka_partitions" = "0"')
    hand.run(100)
    got = Counter(each.job for each in hand.began)
    assert got[2] == pytest.approx(50, abs=3)


@pytest.mark.parametrize("tasks", [1, 3])
def test_a_rate_limit_holds_over_all_tasks_of_a_job(tmp_path, tasks):
    """Ours: ``rate_limit`` bytes a second, whichever backends the tasks run on."""
    hand = Hand(tmp_path, partitions=tasks)
    hand.took_s = 0.01
    for partition in range(tasks):
        hand.produce(100_000, partition)
    hand.create(SR, rate_limit=600)
    hand.run(100)
    loaded = sum(record.counts.received_bytes for record in hand.records[1])
    assert 0.9 * 60_000 <= loaded <= 61_000
    assert len(hand.began) <= 100 * 2 * tasks + tasks
    shares = list(hand.job().progress.values())
    assert max(shares) - min(shares) <= 600


def test_a_meter_gives_back_what_was_not_used_and_waits_for_a_debt():
    """Ours: a message larger than a second's bytes comes alone, and is paid for afterwards."""
    meter = Meter(rate=100, at=0.0)
    assert meter.grant(0.0, 1) == (100, 0.0)
    meter.settle(0.0, 100, 40)
    assert meter.grant(0.0, 1) == (60, 0.0)
    meter.settle(0.0, 60, 1060)
    granted, wait_s = meter.grant(0.0, 1)
    assert (granted, wait_s) == (0, pytest.approx(10.5))
    assert meter.grant(10.5, 1)[0] == 50


def test_a_job_that_waits_for_its_rate_says_so(tmp_path):
    """Ours: the message of its tasks names the limit."""
    hand = Hand(tmp_path)
    hand.took_s = 0.01
    hand.produce(10_000)
    hand.create(SR, rate_limit=100)
    hand.run(3.2)
    assert hand.message() == "the job has loaded what its rate_limit of 100 bytes a second allows, and waits"


def test_clusters_that_do_not_answer_leave_threads_to_the_others():
    """Ours: what waits for silent brokers fills its share of the threads, and no more."""
    askers = Askers(threads=32)
    dead = [f"dead{n}" for n in range(10)]
    for cluster in dead:
        askers.add(cluster, lambda: None)
        assert askers.take() is not None
        askers.ended(cluster, 8.0)
        for _ in range(100):
            askers.add(cluster, lambda: None)
    taken = 0
    while askers.take() is not None:
        taken += 1
    assert taken == 16
    askers.add("alive", lambda: None)
    turn = askers.take()
    assert turn is not None
    assert turn[0] == "alive"


def test_one_cluster_has_a_share_of_the_threads_until_it_answers():
    """Ours: a thousand jobs of one cluster do not keep a job of another from being planned."""
    askers = Askers(threads=32)
    for _ in range(1000):
        askers.add("one", lambda: None)
    askers.add("other", lambda: None)
    turns = []
    while (turn := askers.take()) is not None:
        turns.append(turn[0])
    assert Counter(turns) == {"one": 8, "other": 1}
    askers.ended("one", 0.1)
    turn = askers.take()
    assert turn is not None
    assert turn[0] == "one"


def test_a_cluster_that_answers_again_has_its_share_again():
    """Ours: being slow is forgotten with the next quick answer."""
    askers = Askers(threads=2)
    askers.add("a", lambda: None)
    askers.take()
    askers.ended("a", 9.0)
    for _ in range(2):
        askers.add("a", lambda: None)
    assert askers.take() is not None
    assert askers.take() is None
    askers.ended("a", 0.1)
    askers.add("a", lambda: None)
    assert askers.take() is not None
    assert askers.take() is not None


def test_jobs_of_one_topic_are_looked_after_together(tmp_path):
    """Ours: work is proportional to topics, not to jobs."""
    hand = Hand(tmp_path)
    for _ in range(50):
        hand.create(SR)
    hand.run(2)
    planned = hand.asked
    hand.run(52)
    assert hand.asked - planned <= 12


def test_a_job_that_gets_far_between_two_looks_has_no_log_that_was_cut(tmp_path):
    """Jobs of one topic share a look, which may be older than what one of them has read since: it is looked again."""
    hand = Hand(tmp_path)
    hand.create(SR)
    hand.run(5.1)
    run = hand.scheduler.run_of(JobId(1))
    assert run is not None
    refresher, planner = hand.scheduler._refresher, hand.parts.planner
    planner.look(run.plan.job, run.plan.kafka)
    hand.produce(50)
    hand.run(6.5)
    assert dict(run.progress) == {0: 50}
    assert planner.look(run.plan.job, run.plan.kafka)[1] == {0: 0}  # some job's, of a moment ago
    found = refresher._look(run, dict(run.progress), hand.agenda.time)
    assert found.ends == {0: 50}


def test_slices_that_wait_for_their_jobs_rate_come_in_turn():
    """Ours: who was told to wait first is served first."""
    meter = Meter(rate=100, at=0.0)
    assert [meter.grant(0.0, 2, who)[0] for who in (0, 1, 0, 1)] == [50, 50, 0, 0]
    assert meter.grant(0.5, 2, 1)[0] == 0
    assert meter.grant(0.5, 2, 0)[0] == 50
