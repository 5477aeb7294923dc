from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs_builders import NOON, commit_of, defined, job_of

from routine_load.commit.values import Counts
from routine_load.errors import BrokenInvariant
from routine_load.ids import Compat, JobId, PartitionId
from routine_load.jobs.budget import ErrorWindow, is_empty_load
from routine_load.jobs.job import Job, OutOfStep, new_job, reconciled
from routine_load.jobs.reasons import paused_by
from routine_load.jobs.states import JobState

P0, P1, P2 = PartitionId(0), PartitionId(1), PartitionId(2)


def test_a_commit_moves_progress_and_counts():
    """One record: next offsets, counters, timestamps, rejected rows and the sequence, together."""
    counts = Counts(loaded=7, filtered=1, unselected=2, received_bytes=500, messages=10)
    record = commit_of(5, {0: (0, 10), 1: (4, 4)}, counts, timestamps_ms=((P0, 99),), rejects="log1", first_error="bad")
    job = job_of(defined(properties={"max_error_number": "1"}), progress={0: 0, 1: 4, 2: 9}).after_commit(record)
    assert dict(job.progress) == {P0: 10, P1: 4, P2: 9}
    assert (job.statistic.total_rows, job.statistic.loaded_rows, job.statistic.error_rows) == (10, 7, 1)
    assert (job.statistic.received_bytes, job.statistic.execute_ms, job.statistic.committed_tasks) == (500, 11, 1)
    assert (dict(job.timestamps_ms), job.error_logs, job.first_error, job.sequence) == (
        {P0: 99},
        ("log1",),
        "bad",
        5,
    )
    assert (job.window, job.state) == (ErrorWindow(1, 10), JobState.RUNNING)


def test_a_commit_is_applied_once():
    """A record whose sequence is not beyond the job's changes nothing: replies may come twice."""
    once = job_of().after_commit(commit_of(1, {0: (0, 5)}))
    assert once.after_commit(commit_of(1, {0: (0, 5)})) is once


def test_a_gap_or_overlap_stops_the_job():
    """Ranges tile: a record that starts elsewhere is a broken invariant, named with both offsets."""
    job = job_of(progress={0: 5})
    for start in (4, 6):
        with pytest.raises(BrokenInvariant, match=f"starts at offset {start} of partition 0, job db.j stands at 5"):
            job.after_commit(commit_of(1, {0: (start, 9)}))
    with pytest.raises(BrokenInvariant):
        job.after_commit(commit_of(1, {3: (0, 1)}))
    with pytest.raises(BrokenInvariant):
        job.after_commit(replace(commit_of(1, {0: (5, 6)}), job_id=JobId(8)))


def test_the_batch_that_spends_the_budget_is_kept_and_the_job_pauses_behind_it():
    """The pause comes after the commit: progress has moved, RESUME goes on behind the bad rows."""
    job = job_of().after_commit(commit_of(1, {0: (0, 5)}, Counts(loaded=4, filtered=1)))
    assert (job.state, dict(job.progress), job.paused_at) == (JobState.PAUSED, {P0: 5}, NOON)
    assert job.reason is not None
    assert job.reason.code == 102
    assert job.statistic.loaded_rows == 4


@pytest.mark.parametrize("state", [JobState.PAUSED, JobState.STOPPED, JobState.CANCELLED])
def test_a_late_commit_counts_without_a_second_pause(state):
    """A batch that became visible after PAUSE or STOP is booked; the state and its reason stay."""
    job = replace(job_of(state=state), reason=paused_by("root"))
    after = job.after_commit(commit_of(1, {0: (0, 5)}, Counts(filtered=5)))
    assert (after.state, after.reason, dict(after.progress)) == (state, paused_by("root"), {P0: 5})


def test_the_last_three_error_logs_are_kept():
    """ErrorLogUrls holds the last three; a commit without rejected rows adds none."""
    job = job_of(defined(properties={"max_error_number": "99"}))
    for number in range(1, 6):
        rejects = "" if number == 3 else f"log{number}"
        job = job.after_commit(commit_of(number, {0: (number - 1, number)}, Counts(filtered=1), rejects=rejects))
    assert job.error_logs == ("log2", "log4", "log5")


def test_an_abort_moves_nothing():
    """Progress stands still, the abort is counted, OtherMsg says why."""
    before = job_of(progress={0: 5})
    after = before.after_abort("network failure", NOON)
    assert (dict(after.progress), after.statistic.aborted_tasks, after.statistic.total_rows) == ({P0: 5}, 1, 0)
    assert (after.state, after.other_msg.text) == (JobState.RUNNING, "network failure")


def test_what_is_to_be_placed_may_be_all_there_is():
    """ALTER to another topic leaves no partition of the old one; ALTER of some offsets leaves the others."""
    job = job_of(progress={0: 5, 1: 6})
    assert not job.places_all
    assert not replace(job, placing={P0: 1}).places_all
    assert replace(job, placing={P0: 1, PartitionId(1): 2}).places_all


def test_doris_counts_errors_since_the_last_resume():
    """Doris: errorRowsAfterResumed is the window's count, and 0 after a manual RESUME."""
    job = job_of(defined(Compat.DORIS, {"max_error_number": "9"}))
    job = job.after_commit(commit_of(1, {0: (0, 5)}, Counts(loaded=3, filtered=2)))
    assert job.statistic.error_rows_after_resumed == 2
    assert job.resumed(NOON).statistic.error_rows_after_resumed == 0


ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(0, 3)), max_size=25)


def history(rows: list[tuple[int, int, int]]):
    progress, records = {0: 0, 1: 0, 2: 0}, []
    for sequence, (partition, length, filtered) in enumerate(rows, 1):
        start = progress[partition]
        progress[partition] = start + length
        counts = Counts(loaded=length, filtered=filtered)
        records.append(commit_of(sequence, {partition: (start, start + length)}, counts))
    return progress, records


@given(ROWS, st.integers(0, 25))
def test_recovery_and_live_bookkeeping_agree(rows, mirrored):
    """Whatever part of the commits was mirrored before a crash, recovery ends where live bookkeeping ends."""
    progress, records = history(rows)
    live = job_of(progress={0: 0, 1: 0, 2: 0})
    cut = live
    for number, record in enumerate(records):
        live = live.after_commit(record)
        if number < mirrored:
            cut = live
    assert reconciled(cut, records, progress) == live
    assert dict(live.progress) == progress
    assert live.statistic.total_rows == sum(r.counts.total for r in records)


def test_recovery_adopts_what_the_sink_was_told():
    """A partition placed at the sink before a crash, and offsets placed by ALTER, are the sink's truth."""
    job = job_of(progress={0: 5})
    after = reconciled(job, [commit_of(3, {0: (5, 6), 1: (100, 120)})], {P0: 2, P1: 120})
    assert (dict(after.progress), after.sequence) == ({P0: 2, P1: 120}, 3)


def test_recovery_of_a_mirror_that_missed_nothing_changes_nothing():
    """The job comes back as the same value, so that nothing is written."""
    job = job_of(progress={0: 5})
    assert reconciled(job, [], {P0: 5}) is job


def test_progress_cannot_be_changed_in_place():
    """A job is a value: its maps are read-only and sorted."""
    job = job_of(progress={2: 1, 0: 1})
    assert list(job.progress) == [0, 2]
    with pytest.raises(TypeError):
        job.progress[P0] = 9  # type: ignore[index]
    with pytest.raises(AssertionError):
        job_of(progress={0: -1})


def test_a_new_job_waits_for_its_schedule():
    """CREATE leaves NEED_SCHEDULE, no id yet, nothing counted."""
    job = new_job(defined(), NOON, "sink-1")
    assert (job.id, job.state, job.sink_incarnation, job.version) == (0, JobState.NEED_SCHEDULE, "sink-1", 0)
    assert isinstance(job, Job)


def test_the_end_of_a_window_forgets_its_aborts():
    """Doris: the count of aborted tasks shown for the window starts anew with it."""
    job = job_of(defined(Compat.DORIS, {"max_batch_rows": "200000"})).after_abort("network", NOON)
    assert job.statistic.aborted_tasks_in_window == 1
    ended = job.after_commit(commit_of(1, {0: (0, 2_000_001)}))
    assert (ended.statistic.aborted_tasks_in_window, ended.statistic.aborted_tasks) == (0, 1)


def test_a_target_restored_from_a_backup_is_followed():
    """Rows and progress of the file went back together: so do the mirror and what counts as booked."""
    job = replace(job_of(progress={0: 500}), sequence=50)
    after = reconciled(job, [commit_of(30, {0: (200, 300)})], {P0: 300})
    assert (dict(after.progress), after.sequence) == ({P0: 300}, 30)
    booked = after.after_commit(commit_of(31, {0: (300, 310)}))
    assert dict(booked.progress) == {P0: 310}


def test_a_target_that_does_not_know_the_job_is_a_doubt():
    """It is older than the job: what the job has loaded is not in it, and nobody guesses from where to go on."""
    with pytest.raises(OutOfStep, match="the target is older than job j"):
        reconciled(replace(job_of(progress={0: 500}), sequence=50), [], {})


def test_metadata_restored_from_a_backup_is_a_doubt_where_records_are_missing():
    """Progress is the target's; the counts between are lost, which is said and not hidden."""
    job = replace(job_of(progress={0: 5}), sequence=3)
    with pytest.raises(OutOfStep, match="the metadata is older than the target") as doubt:
        reconciled(job, [commit_of(200, {0: (900, 910)})], {P0: 910})
    after = doubt.value.follow(job)
    assert (dict(after.progress), after.sequence) == ({P0: 910}, 200)


def test_commits_of_another_life_of_the_file_are_not_booked():
    """New metadata beside an old file hand out the numbers of old jobs again: what they committed is not the new job's."""
    job = replace(job_of(progress={0: 0}), placing={P0: 0}).settled(77)
    assert job.after_commit(commit_of(77, {0: (0, 9)})) is job
    assert job.after_commit(commit_of(78, {0: (0, 4)})).statistic.total_rows == 4


def test_a_batch_that_loaded_nothing_may_count_as_an_aborted_task():
    """StarRocks: empty_load_as_error: rows and offsets count, the task as aborted; OtherMsg says what to set."""
    record = commit_of(1, {0: (0, 3)}, Counts(unselected=3, received_bytes=9, messages=3))
    job = job_of().after_commit(record, is_error=True)
    statistic = job.statistic
    assert (statistic.total_rows, statistic.committed_tasks, statistic.aborted_tasks) == (3, 0, 1)
    assert dict(job.progress) == {P0: 3}
    assert job.other_msg.text.startswith("No partitions have data available for loading. If you are sure there may be")
    assert job_of().after_commit(record).statistic.committed_tasks == 1
    assert is_empty_load(record.counts)
    assert not is_empty_load(Counts())
    assert not is_empty_load(Counts(loaded=1, unselected=2))


def test_recovery_counts_an_empty_batch_as_it_would_have_been_counted():
    """The same rule live and in recovery."""
    record = commit_of(1, {0: (0, 3)}, Counts(filtered=3))
    job = reconciled(job_of(), [record], {P0: 3}, is_empty_load)
    assert (job.statistic.committed_tasks, job.statistic.aborted_tasks) == (0, 1)
