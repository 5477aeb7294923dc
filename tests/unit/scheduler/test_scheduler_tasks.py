"""What tasks are called, what they are told, and what becomes of a job around them."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from schedule_hand import Hand

from routine_load.errors import SourceError
from routine_load.ids import Compat, JobId
from routine_load.jobs.reasons import paused_by
from routine_load.jobs.states import JobState

SR, DORIS = Compat.STARROCKS, Compat.DORIS
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def pause(hand: Hand) -> None:
    hand.jobs[1] = hand.job().paused(paused_by("root"), hand.agenda.now())
    hand.scheduler.job_created(JobId(1))


@pytest.mark.parametrize(("compat", "label"), [(SR, rf"j1-1-{UUID}"), (DORIS, r"[0-9a-f]+-[0-9a-f]+")])
def test_a_label_is_made_of_the_tasks_id_and_used_once(tmp_path, compat, label):
    """StarRocks: ``<job name>-<job id>-<task uuid>``; Doris: the task's id in hexadecimal halves."""
    hand = Hand(tmp_path)
    hand.produce(1)
    hand.create(compat)
    hand.run(2)
    hand.produce(1)
    hand.run(4)
    labels = [each.task.label for each in hand.began]
    assert all(re.fullmatch(label, each) for each in labels)
    assert len(set(labels)) == len(labels) == 2


def test_a_task_is_told_where_to_begin_and_its_bounds(tmp_path):
    """StarRocks, Doris: begin offsets are a copy of the job's next offsets; seconds, bytes and rows go along."""
    hand = Hand(tmp_path, partitions=2)
    hand.produce(3)
    hand.create(SR, max_batch_interval=7, desired_concurrent_number=1)
    hand.create(DORIS, max_batch_interval=9, max_batch_rows=300000, desired_concurrent_number=1)
    hand.run(2)
    hand.produce(1)
    hand.run(4)
    told = [(each.job, each.start, each.task.limits.consume_s) for each in hand.began]
    assert sorted(told, key=str) == sorted(
        [(1, {0: 0, 1: 0}, 7), (1, {0: 3, 1: 0}, 7), (2, {0: 0, 1: 0}, 9), (2, {0: 3, 1: 0}, 9)], key=str
    )
    rows = {each.job: each.task.limits.rows_max for each in hand.began}
    assert (rows[1] > 2**62, rows[2]) == (True, 300000)


def test_a_task_that_goes_to_a_backend_says_so(tmp_path):
    """StarRocks: the message of a task that was submitted."""
    hand = Hand(tmp_path)
    hand.produce(3)
    hand.create(SR)
    hand.run(0.5)
    assert hand.message() == "task submitted to execute"


def test_a_partition_that_kafka_does_not_tell_pauses_a_doris_job_until_it_does(tmp_path):
    """Doris: a failure while NEED_SCHEDULE pauses with code 4; an auto-resume reads the partitions again."""
    hand = Hand(tmp_path)
    hand.silence = [SourceError("topic x does not exist")]
    hand.create(DORIS)
    hand.run(5)
    assert (hand.job().state, int(hand.job().reason.code)) == (JobState.PAUSED, 4)
    hand.silence = []
    hand.produce(2)
    hand.run(60)
    assert hand.job().state is JobState.RUNNING
    assert hand.job().progress == {0: 2}


def test_auto_resumes_of_a_doris_job_are_spaced_wider_and_wider(tmp_path):
    """Doris: at once, then after more than 20, 40, 80, 160 seconds, as rounds come."""
    hand = Hand(tmp_path, config={"period_of_auto_resume_min": 60})
    hand.silence = [SourceError("topic x does not exist")]
    hand.create(DORIS)
    resumed, known = [], None
    for second in range(400):
        hand.run(second)
        if hand.job().auto_resume.since != known:
            known = hand.job().auto_resume.since
            resumed.append(second)
    gaps = [later - earlier for earlier, later in pairwise(resumed)]
    assert gaps == [30, 50, 90, 170]


def test_dead_backends_keep_a_paused_job_paused(tmp_path):
    """StarRocks, Doris: no more than ``max_tolerable_backend_down_num`` may be down for an automatic resume."""
    hand = Hand(tmp_path)
    hand.silence = [SourceError("topic x does not exist")]
    hand.parts.backends = type("Dead", (), {"dead": 1, "slots": 1, "place": lambda *_: None})()
    hand.create(DORIS)
    hand.run(5)
    hand.silence = []
    hand.run(300)
    assert hand.job().state is JobState.PAUSED


@pytest.mark.parametrize("compat", list(Compat))
def test_a_paused_job_has_no_successor_for_its_tasks(tmp_path, compat):
    """StarRocks, Doris: a successor is made only if the job is RUNNING."""
    hand = Hand(tmp_path)
    hand.create(compat)
    hand.run(2)
    pause(hand)
    hand.run(3)
    hand.produce(9)
    assert hand.run(60) == []
    assert hand.job().state is JobState.PAUSED


@pytest.mark.parametrize("compat", list(Compat))
def test_a_paused_job_finds_new_partitions_when_it_is_resumed(tmp_path, compat):
    """StarRocks, Doris: not while it is paused."""
    hand = Hand(tmp_path)
    hand.create(compat)
    hand.run(2)
    pause(hand)
    hand.ends[1] = 3
    hand.run(40)
    assert set(hand.job().progress) == {0}
    hand.jobs[1] = hand.job().resumed(hand.agenda.now())
    hand.scheduler.job_created(JobId(1))
    hand.run(50)
    assert hand.job().progress == {0: 0, 1: 3}


@pytest.mark.parametrize("compat", list(Compat))
def test_files_of_a_job_are_looked_up_again_whenever_it_is_planned(tmp_path, compat):
    """StarRocks, Doris: properties are converted anew when a job is scheduled."""
    hand = Hand(tmp_path)
    seen = []
    hand.parts.planner.files = lambda database, properties: seen.append(database) or properties
    hand.create(compat)
    hand.run(2)
    before = len(seen)
    hand.scheduler.job_created(JobId(1))
    hand.run(3)
    assert len(seen) > before


def test_a_recovered_job_is_divided_anew(tmp_path):
    """StarRocks, Doris: RUNNING is not kept over a restart: progress is, tasks are not."""
    hand = Hand(tmp_path, partitions=2)
    hand.produce(4)
    hand.create(SR)
    hand.run(3)
    (recovered,) = hand.parts.bookkeeper.recover()
    assert recovered.state is JobState.NEED_SCHEDULE
    assert recovered.progress == {0: 4, 1: 0}


def test_recovery_reads_what_was_not_booked(tmp_path):
    """All that the target keeps of a job would take the longer, the longer it runs."""
    hand = Hand(tmp_path)
    hand.create(SR)
    for until in (12, 24, 36):
        hand.produce(2)
        hand.run(until)
    asked, after = [], hand.parts.bookkeeper.sink.commits_after

    def commits_after(job_id, sequence):
        asked.append(sequence)
        return after(job_id, sequence)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(hand.parts.bookkeeper.sink), "commits_after", lambda _, *words: commits_after(*words))
        (recovered,) = hand.parts.bookkeeper.recover()
    assert recovered.sequence >= 2
    assert asked == [recovered.sequence - 1]


def test_a_doris_batch_adapts_to_its_backlog(tmp_path):
    """Doris: a task that lags by more than a batch has 360 s, 20 million rows and ten times that as its timeout."""
    hand = Hand(tmp_path)
    hand.create(DORIS, max_batch_interval=10, max_batch_rows=200000)
    hand.run(2)
    job = hand.job()
    plain, adaptive = hand.parts.planner.batch(job, 0), hand.parts.planner.batch(job, 200_001)
    assert (plain.limits.consume_s, plain.limits.rows_max, plain.timeout_s) == (10, 200_000, 100)
    assert (adaptive.limits.consume_s, adaptive.limits.rows_max, adaptive.timeout_s) == (360, 20_000_000, 3600)


def test_a_job_whose_state_was_changed_by_a_plan_too_late_stays_as_it_is(tmp_path):
    """Ours: what was begun for a job before its last change finds that it is not wanted."""
    hand = Hand(tmp_path)
    hand.create(SR)
    hand.agenda.due(0, lambda: pause(hand))
    hand.run(20)
    assert hand.job().state is JobState.PAUSED
