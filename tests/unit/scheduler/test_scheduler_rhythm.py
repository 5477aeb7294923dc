"""When tasks begin: in our own timing, and in each vendor's (``early_commit`` off)."""

from __future__ import annotations

import pytest
from schedule_hand import Hand

from routine_load.errors import SinkError, SourceUnavailable
from routine_load.ids import Compat
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.properties import PropertyContext, default_properties
from routine_load.jobs.states import JobState
from routine_load.scheduler.rhythm import Rhythm

SR, DORIS = Compat.STARROCKS, Compat.DORIS
OFF = {"early_commit": "off", "max_batch_interval": 10}


def begins(hand: Hand, until: float) -> list[float]:
    return [at for at, _ in hand.run(until)]


@pytest.mark.parametrize("compat", list(Compat))
def test_with_early_commit_a_job_begins_at_once_and_then_whenever_messages_come(tmp_path, compat):
    """Ours: ``max_batch_interval`` is an upper bound, nothing waits for it."""
    hand = Hand(tmp_path)
    hand.create(compat, max_batch_interval=10)
    assert begins(hand, 2) == [0]
    hand.produce(5)
    assert begins(hand, 4) == [2]
    assert begins(hand, 60) == []
    hand.produce(5)
    assert begins(hand, 70) == [60]


def test_starrocks_first_batch_begins_one_interval_after_scheduling(tmp_path):
    """StarRocks: a task's time to execute is now plus ``max_batch_interval``."""
    hand = Hand(tmp_path)
    hand.create(SR, **OFF)
    hand.produce(5)
    assert begins(hand, 11.5) == [10]
    assert hand.job().progress == {0: 5}


def test_starrocks_slice_that_kept_up_comes_again_one_interval_after_it_became_visible(tmp_path):
    """StarRocks: the successor's time is now plus ``max_batch_interval``, also for messages that wait."""
    hand = Hand(tmp_path)
    hand.create(SR, **OFF)
    hand.produce(5)
    begins(hand, 11.5)
    hand.produce(5)
    assert begins(hand, 30) == [21]


def test_starrocks_slice_that_fell_behind_comes_again_at_once(tmp_path):
    """StarRocks: consumed less than the log end that it knew: queued for now."""
    hand = Hand(tmp_path)
    hand.create(SR, **OFF)
    hand.parts.settings = hand.parts.planner.settings = hand.parts.settings.__class__(
        data_dir=tmp_path, batch_bytes_max=3
    )
    hand.produce(7)
    assert begins(hand, 14) == [10, 11, 12]


def test_starrocks_slice_without_data_asks_once_an_interval_and_begins_no_transaction(tmp_path):
    """StarRocks: back to the queue, with the message that says so; substate and offsets stay."""
    hand = Hand(tmp_path)
    hand.took_s = 0
    hand.create(SR, **OFF)
    assert begins(hand, 35) == [10, 20, 30]
    assert hand.message() == "there is no new data in kafka, wait for 10 seconds to schedule again"
    assert hand.job().state is JobState.RUNNING
    assert hand.records == {}


def test_starrocks_successor_of_an_aborted_task_comes_one_interval_later_at_the_same_offsets(tmp_path):
    """StarRocks: any other reason: offsets unchanged, successor after the interval, whose message names the reason."""
    hand = Hand(tmp_path)
    hand.create(SR, **OFF)
    hand.produce(5)
    hand.fails = [SinkError("disk full")]
    assert begins(hand, 20) == [10]
    assert hand.message() == "previous task aborted because of disk full"
    assert hand.job().statistic.aborted_tasks == 1
    assert begins(hand, 23) == [21]
    assert [dict(each.start) for each in hand.began] == [{0: 0}, {0: 0}]


def test_starrocks_task_that_times_out_is_replaced_after_an_interval_and_reads_for_half_the_time(tmp_path):
    """StarRocks: ``timeout by txn manager`` halves the consume seconds of the next task."""
    hand = Hand(tmp_path)
    hand.create(SR, **OFF, task_consume_second=8, task_timeout_second=20)
    hand.produce(5)
    hand.hangs = True
    begins(hand, 29)
    hand.hangs = False
    assert begins(hand, 45) == [40]
    assert hand.began[-1].task.limits.consume_s == 4
    assert "timeout by txn manager" in str(hand.job().other_msg)


def test_starrocks_own_timing_reads_for_the_consume_seconds_whatever_the_interval_is(tmp_path):
    """StarRocks: the worker's limit is ``task_consume_second``; a batch does not linger."""
    hand = Hand(tmp_path)
    hand.create(SR, **OFF, task_consume_second=30)
    hand.create(SR, max_batch_interval=10, task_consume_second=30, freshness="3s")
    hand.produce(1)
    begins(hand, 15)
    limits = {each.job: each.task.limits for each in hand.began}
    assert (limits[1].consume_s, limits[1].linger_s) == (30, 0)
    assert (limits[2].consume_s, limits[2].linger_s) == (10, 3)


def test_doris_first_batch_begins_with_the_first_message(tmp_path):
    """Doris: a new task is not delayed, and without data there is no transaction: it is looked at on the next turn."""
    hand = Hand(tmp_path)
    hand.create(DORIS, **OFF)
    assert begins(hand, 3) == [0]
    assert hand.records == {}
    hand.produce(5)
    assert begins(hand, 4.5) == [3]
    assert hand.job().progress == {0: 5}


def test_doris_task_that_read_to_the_end_is_spaced_from_when_it_was_scheduled(tmp_path):
    """Doris: an EOF task is delayed until ``max_batch_interval`` has passed since its last scheduling."""
    hand = Hand(tmp_path)
    hand.produce(5)
    hand.create(DORIS, **OFF)
    begins(hand, 2)
    hand.produce(5)
    assert begins(hand, 12) == [10]


def test_doris_task_behind_an_abort_is_delayed_from_when_that_one_was_scheduled(tmp_path):
    """Doris: after an abort progress is unchanged, and a new task is queued with delay."""
    hand = Hand(tmp_path)
    hand.produce(5)
    hand.fails = [SinkError("x")]
    hand.create(DORIS, **OFF)
    assert begins(hand, 13) == [0, 10]
    assert hand.job().progress == {0: 5}


def test_doris_task_that_ended_at_its_limits_is_followed_at_once(tmp_path):
    """Doris: not EOF, so no delay."""
    hand = Hand(tmp_path)
    hand.parts.planner.settings = hand.parts.settings.__class__(data_dir=tmp_path, batch_bytes_max=3)
    hand.produce(7)
    hand.create(DORIS, **OFF)
    assert begins(hand, 3.5) == [0, 1, 2]


def test_kafka_that_does_not_answer_a_running_job_leaves_it_running(tmp_path):
    """StarRocks: the check failed, back to the queue, the job stays RUNNING; ours in both modes."""
    hand = Hand(tmp_path)
    hand.create(SR)
    begins(hand, 2)
    hand.silence = [SourceUnavailable("no answer")]
    begins(hand, 30)
    assert hand.job().state is JobState.RUNNING
    hand.silence = []
    hand.produce(3)
    begins(hand, 40)
    assert hand.job().progress == {0: 3}


def test_a_table_that_is_gone_cancels_the_job_within_a_round(tmp_path):
    """StarRocks, Doris: the refresh of every job checks database and table."""
    hand = Hand(tmp_path)
    hand.create(SR)
    begins(hand, 2)
    hand.tables.clear()
    begins(hand, 13)
    assert (hand.job().state, int(hand.job().reason.code)) == (JobState.CANCELLED, 6)


def test_partitions_that_come_divide_the_job_anew_and_start_at_their_beginning(tmp_path):
    """StarRocks, Doris: the set is looked at every round; tasks are cleared and divided anew."""
    hand = Hand(tmp_path, partitions=2)
    hand.create(SR)
    begins(hand, 2)
    assert hand.slices() == [(0,), (1,)]
    hand.ends[2] = 4
    begins(hand, 15)
    assert hand.slices() == [(0,), (1,), (2,)]
    assert hand.job().progress == {0: 0, 1: 0, 2: 4}


def test_a_partition_that_goes_leaves_the_division_and_stays_in_the_progress(tmp_path):
    """StarRocks, Doris: removed partitions leave the current list; their progress is still shown."""
    hand = Hand(tmp_path, partitions=2)
    hand.create(SR)
    begins(hand, 2)
    del hand.ends[1]
    begins(hand, 15)
    assert hand.slices() == [(0,)]
    assert hand.job().progress == {0: 0, 1: 0}


def test_a_pinned_job_does_not_see_partitions_that_come(tmp_path):
    """StarRocks, Doris: only unpinned jobs follow their topic."""
    hand = Hand(tmp_path, partitions=2)
    hand.create(SR, ', "kafka_partitions" = "1"')
    begins(hand, 2)
    hand.ends[2] = 0
    begins(hand, 15)
    assert hand.slices() == [(1,)]


def test_the_worked_example_three_backends_five_partitions(tmp_path):
    """StarRocks: n = min(5, 4, 3, 5) = 3; slices by index; first transactions one interval after scheduling."""
    hand = Hand(tmp_path, partitions=5)
    for partition in range(5):
        hand.produce(1, partition)
    hand.create(SR, **OFF, desired_concurrent_number=4)
    assert begins(hand, 12) == [10, 10, 10]
    assert hand.slices() == [(0, 3), (1, 4), (2,)]


def test_no_backend_leaves_the_job_to_the_next_round(tmp_path):
    """StarRocks: concurrency of 0 or less: try again in 10 s."""
    hand = Hand(tmp_path)
    hand.alive = 0
    hand.create(SR)
    begins(hand, 5)
    assert hand.job().state is JobState.NEED_SCHEDULE
    hand.alive = 1
    assert begins(hand, 12) == [10]


def test_a_new_number_of_tasks_divides_running_jobs(tmp_path):
    """Ours: ADMIN SET of the configured number counts at once, not when a job is scheduled again."""
    hand = Hand(tmp_path, partitions=4, backends=4)
    hand.create(SR)
    begins(hand, 2)
    assert len(hand.slices()) == 4
    hand.config[SR] = hand.config[SR].with_value("max_routine_load_task_concurrent_num", "2")
    hand.scheduler.setting_changed("max_routine_load_task_concurrent_num")
    begins(hand, 4)
    assert hand.slices() == [(0, 2), (1, 3)]


@pytest.mark.parametrize("compat", list(Compat))
def test_a_task_that_is_given_up_can_no_longer_commit(tmp_path, compat):
    """StarRocks, Doris: the transaction of a replaced task is refused; what it read is read again."""
    hand = Hand(tmp_path)
    hand.took_s = 500.0
    hand.produce(5)
    hand.create(compat, task_consume_second=5, task_timeout_second=20)
    begins(hand, 21)
    hand.took_s = 1.0
    begins(hand, 600)
    assert hand.job().progress == {0: 5}
    assert len(hand.records[1]) == 1
    assert hand.job().statistic.aborted_tasks >= 1


def test_waits_are_the_longer_of_rhythm_and_backoff():
    """A job that fails again and again is not tried more often because its interval is short."""
    context = PropertyContext(compat=DORIS, config=FrontendConfig.of(DORIS), early_commit=False)
    rhythm = Rhythm(compat=DORIS, properties=default_properties(context))
    assert rhythm.failed_s(3.0, 1.0) == 57.0
    assert rhythm.failed_s(3.0, 100.0) == 100.0
