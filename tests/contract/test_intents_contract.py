"""The promises of ``commit.intents.IntentLog``, run on the metadata database and on the fake in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from routine_load.commit.intents import Report
from routine_load.commit.labels import Part
from routine_load.commit.protocol import IntentState
from routine_load.commit.values import CommitRecord, Counts, OffsetRange
from routine_load.errors import CommitUnsettled, LeadershipLost, StaleRange
from routine_load.ids import JobId, Label, PartitionId, TableRef, TaskId, TxnId
from routine_load.store.database import Database
from routine_load.store.intents import IntentStore
from tests.support.memory_intents import Kept, MemoryIntents
from tests.support.metadata_fixtures import KINDS, clean_url

JOB, OTHER = JobId(7), JobId(8)
TABLES = (TableRef("d", "t"), TableRef("d", "u"))
S = IntentState


def record(*ranges: tuple[int, int, int], job: JobId = JOB, loaded: int = 3) -> CommitRecord:
    return CommitRecord(
        sequence=0,
        label=Label(""),
        job_id=job,
        task_id=TaskId("t-1"),
        ranges=tuple(OffsetRange(PartitionId(p), start, end) for p, start, end in ranges),
        counts=Counts(loaded, 1, 2, 30, 6),
        timestamps_ms=((PartitionId(0), 17),),
        rejects="abc",
        execute_ms=5,
        first_error="",
        txn_id=TxnId(9),
    )


@pytest.fixture(params=["memory", *KINDS])
def opened(request, tmp_path):
    """A function that opens the log as one more coordinator would."""
    if request.param == "memory":
        kept = Kept()
        yield lambda: MemoryIntents(kept, "rl-x", lambda: 1234)
        return
    database = Database(clean_url(request.param, request, tmp_path))
    yield lambda: IntentStore(database, "rl-x", lambda: 1234)
    database.close()


@pytest.fixture
def log(opened):
    log = opened()
    log.place(JOB, {PartitionId(0): 0, PartitionId(1): 5})
    return log


def report(intent, loaded=2):
    parts = tuple(Part(part.table, part.label, TxnId(n)) for n, part in enumerate(intent.parts, 40))
    return Report(parts=parts, counts=Counts(loaded, 2, 2, 30, 6), first_error="the target's")


def test_an_intent_is_found_as_it_was_written(log):
    """Labels are one per table, the first one named as the intent; ranges, counts and numbers are kept."""
    intent = log.intend(record((0, 0, 4), (1, 5, 5)), TABLES)
    assert log.find(intent.label) == intent
    assert log.open_intents() == log.open_intents(JOB) == [intent]
    assert [part.label for part in intent.parts] == [intent.label, f"{intent.label}-2"]
    assert (intent.state, intent.was_decided) == (S.INTENDED, False)
    assert replace(intent.record, label=Label("")) == record((0, 0, 4), (1, 5, 5))
    assert log.progress(JOB) == {0: 0, 1: 5}


def test_labels_are_given_once_and_grow(log):
    """Also where the intent before was given up; each job counts for itself."""
    first = log.intend(record((0, 0, 4)), TABLES)
    assert log.move(first, S.ABANDONED, "no")
    second = log.intend(record((0, 0, 4)), TABLES)
    stem, number = first.label.rsplit("-", 1)
    assert second.label == f"{stem}-{int(number) + 1}"
    assert stem.endswith("-7")


def test_labels_go_on_where_another_coordinator_left(opened):
    """And its prefix is the same: what the target knows can be recognised."""
    log = opened()
    log.place(JOB, {PartitionId(0): 0})
    first = log.intend(record((0, 0, 4)), TABLES)
    again = opened()
    assert again.move(first, S.ABANDONED, "")
    assert again.intend(record((0, 0, 4)), TABLES).label.rsplit("-", 1)[0] == first.label.rsplit("-", 1)[0]


@pytest.mark.parametrize("ranges", [((0, 1, 4),), ((0, 0, 4), (2, 0, 1)), ((1, 4, 6),)])
def test_a_batch_begins_where_its_partitions_stand(log, ranges):
    """All of them, or nothing is written."""
    for attempt in (lambda r: log.intend(r, TABLES), log.finish_without_target):
        with pytest.raises(StaleRange):
            attempt(record(*ranges))
    assert log.open_intents() == []
    assert log.progress(JOB) == {0: 0, 1: 5}


def test_a_partition_has_one_open_intent(log):
    """Another partition of the job, and the same one of another job, are free."""
    log.place(OTHER, {PartitionId(0): 0})
    log.intend(record((0, 0, 4)), TABLES)
    with pytest.raises(StaleRange):
        log.intend(record((0, 0, 4)), TABLES)
    with pytest.raises(StaleRange):
        log.finish_without_target(record((0, 0, 4)))
    log.intend(record((1, 5, 6)), TABLES)
    log.intend(record((0, 0, 4), job=OTHER), TABLES)
    assert [i.job_id for i in log.open_intents()] == [JOB, JOB, OTHER]


def test_a_decision_carries_the_targets_numbers(log):
    """And is made once."""
    intent = log.intend(record((0, 0, 4)), TABLES)
    assert log.decide(intent, report(intent))
    assert not log.decide(intent, report(intent))
    decided = log.find(intent.label)
    assert (decided.state, decided.was_decided) == (S.DECIDED, True)
    assert [part.txn_id for part in decided.parts] == [40, 41]
    assert (decided.record.counts.loaded, decided.record.first_error) == (2, "the target's")


@pytest.mark.parametrize("state", [S.ABANDONING, S.IN_DOUBT])
def test_a_state_that_was_left_is_not_changed_from(log, state):
    """Whoever read it before writes nothing."""
    intent = log.intend(record((0, 0, 4)), TABLES)
    assert log.move(intent, state, "why")
    assert not log.decide(intent, report(intent))
    assert not log.move(intent, S.ABANDONED, "")
    assert log.finish(intent) is None
    assert (log.find(intent.label).state, log.find(intent.label).reason) == (state, "why")


def test_finish_moves_progress_and_gives_the_record_its_place(log):
    """In one go; the partitions are free again. Sequences grow over all jobs, in the order of the finishes."""
    one = log.intend(record((0, 0, 4)), TABLES)
    two = log.intend(record((1, 5, 6)), TABLES)
    for intent in (two, one):
        assert log.decide(intent, report(intent))
    finished = [log.finish(log.find(intent.label)) for intent in (two, one)]
    assert finished[0].sequence < finished[1].sequence
    assert [each.committed_at_ms for each in finished] == [1234, 1234]
    assert log.progress(JOB) == {0: 4, 1: 6}
    assert log.records_after(JOB, 0) == finished
    assert log.records_after(JOB, finished[0].sequence) == finished[1:]
    assert log.recent_records([JOB, OTHER], 1) == finished[1:]
    assert log.open_intents() == []
    assert log.find(one.label).record == finished[1]
    assert log.finish(replace(one, state=S.DECIDED)) is None


def test_an_intent_that_is_given_up_moves_nothing(log):
    """Whatever it carried; its partitions are free."""
    intent = log.intend(record((0, 0, 4)), TABLES)
    assert log.decide(intent, report(intent))
    assert log.move(log.find(intent.label), S.ABANDONED, "aborted")
    assert log.progress(JOB) == {0: 0, 1: 5}
    assert log.records_after(JOB, 0) == log.open_intents() == []
    log.intend(record((0, 0, 9)), TABLES)


def test_a_batch_without_rows_is_finished_at_once(log):
    """Progress and record, with a label of its own."""
    finished = log.finish_without_target(record((0, 0, 4), loaded=0))
    assert log.records_after(JOB, 0) == [finished]
    assert log.find(finished.label).parts == ()
    assert log.progress(JOB) == {0: 4, 1: 5}


def test_what_the_target_left_nothing_of_is_finished_with_its_counts(log):
    """All rows were filtered there."""
    intent = log.intend(record((0, 0, 4)), TABLES)
    finished = log.finish(intent, report(intent, loaded=0))
    assert (finished.counts.loaded, finished.first_error) == (0, "the target's")
    assert log.records_after(JOB, 0) == [finished]


def test_progress_is_set_only_between_batches(log):
    """ALTER waits for what is under way; the partitions that it does not name stay, unless they are all there are."""
    intent = log.intend(record((0, 0, 4)), TABLES)
    with pytest.raises(CommitUnsettled, match=intent.label):
        log.place(JOB, {PartitionId(1): 2})
    log.place(OTHER, {PartitionId(0): 1})
    assert log.move(intent, S.ABANDONED, "")
    log.place(JOB, {PartitionId(1): 2, PartitionId(3): 0})
    assert log.progress(JOB) == {0: 0, 1: 2, 3: 0}
    log.place(JOB, {PartitionId(1): 8}, only=True)
    assert log.progress(JOB) == {1: 8}
    assert log.progress(OTHER) == {0: 1}


def test_an_old_coordinator_writes_nothing(opened):
    """Every write is fenced by the newest epoch; reading is free."""
    old = opened()
    old.place(JOB, {PartitionId(0): 0, PartitionId(1): 0})
    intent = old.intend(record((0, 0, 4)), TABLES)
    opened()
    writes = [
        lambda: old.intend(record((1, 0, 1)), TABLES),
        lambda: old.finish_without_target(record((1, 0, 1))),
        lambda: old.decide(intent, report(intent)),
        lambda: old.move(intent, S.ABANDONED, ""),
        lambda: old.finish(intent),
        lambda: old.place(OTHER, {PartitionId(0): 1}),
        lambda: old.forget_job(JOB),
        lambda: old.skip_labels(JOB),
    ]
    for write in writes:
        with pytest.raises(LeadershipLost, match="another coordinator commits now"):
            write()
    assert old.find(intent.label) == intent


def test_a_job_that_is_forgotten_leaves_what_is_decided(log):
    """That commit has to get through; everything else goes."""
    decided = log.intend(record((0, 0, 4)), TABLES)
    log.decide(decided, report(decided))
    given_up = log.intend(record((1, 5, 6)), TABLES)
    log.forget_job(JOB)
    assert [i.label for i in log.open_intents()] == [decided.label]
    assert log.find(given_up.label) is None
    assert log.finish(log.find(decided.label)) is not None
    log.forget_job(JOB)
    assert log.progress(JOB) == {}
    assert log.find(decided.label) is None


def test_intents_that_were_given_up_are_found_again(log):
    """The newest first: the target may hold something of them."""
    for _ in range(3):
        log.move(log.intend(record((0, 0, 4)), TABLES), S.ABANDONED, "")
    log.finish_without_target(record((0, 0, 4)))
    assert len({i.label for i in log.abandoned(2)}) == 2
    assert len(log.abandoned(9)) == 3


def test_labels_that_the_target_may_know_are_passed_over(log):
    """After the metadata went back to an older state."""
    first = log.finish_without_target(record((0, 0, 1)))
    log.skip_labels(JOB)
    second = log.finish_without_target(record((0, 1, 2)))
    assert int(second.label.rsplit("-", 1)[1]) > int(first.label.rsplit("-", 1)[1]) + 1_000
