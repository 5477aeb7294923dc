"""The sink over a cluster: what becomes of counts, empty parts, refusals, words of people, and of what has to wait."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace

import pyarrow as pa
import pytest

from routine_load.clock import SystemClock
from routine_load.commit.intents import Report
from routine_load.commit.labels import LabelState
from routine_load.commit.values import CommitRecord, Counts, OffsetRange
from routine_load.errors import CommitUnsettled, InDoubt, SinkError
from routine_load.ids import JobId, Label, PartitionId, TableRef, TaskId
from routine_load.loads.path import Commit
from routine_load.loads.two_phase import SpoolPlace, TwoPhaseSink
from routine_load.loads.values import TableBatch, WriteMode
from routine_load.observe import failpoints
from tests.support.fake_target import FakeTarget, Trouble
from tests.support.memory_intents import Kept, MemoryIntents

JOB, P0 = JobId(7), PartitionId(0)
MODE = WriteMode()


class Over:
    """A sink over a target, with one partition that stands at 0."""

    def __init__(self, folder, target: FakeTarget) -> None:
        self.target, self.folder, self.kept = target, folder, Kept()
        self.open()
        self.log.place(JOB, {P0: 0})

    def open(self) -> None:
        self.log = MemoryIntents(self.kept)
        self.sink = TwoPhaseSink(self.target, self.log, SpoolPlace(folder=self.folder, bytes_max=10**6), SystemClock())

    def load(self, rows: dict[str, list[int]], end: int, **counts: int):
        start = self.sink.progress(JOB)[P0]
        transaction = self.sink.begin(Label("task"), JOB)
        for table, values in rows.items():
            transaction.write(TableBatch(TableRef("d", table), pa.table({"o": pa.array(values, pa.int64())}), MODE))
        counts = Counts(**({"loaded": sum(map(len, rows.values()))} | counts))
        return transaction.commit(Commit(task_id=TaskId("x"), ranges=[OffsetRange(P0, start, end)], counts=counts))

    def told(self) -> list[str]:
        return [operation for operation, _ in self.target.asked]


@pytest.fixture
def over(tmp_path):
    return lambda **target: Over(tmp_path / "spool", FakeTarget(**target))


def test_a_batch_asks_for_its_label_prepares_and_commits(over):
    """Each request once; the record has the label that the target knows."""
    world = over()
    record = world.load({"t": [1, 2]}, 5, filtered=1)
    assert world.told() == ["state", "prepare", "commit"]
    assert (record.label, record.sequence, record.counts.loaded, record.counts.filtered) == ("rl-7-1", 1, 2, 1)
    assert world.sink.commits_after(JOB, 0) == world.sink.recent_commits([JOB], 5) == [record]
    assert world.sink.progress(JOB) == {P0: 5}


def test_of_several_labels_none_is_committed_before_all_are_asked_for(over):
    """One that was lost meanwhile would tear the batch."""
    world = over()
    world.load({"t": [1], "u": [2]}, 5)
    assert world.told() == ["state", "state", "prepare", "prepare", "state", "state", "commit", "commit"]


def test_a_batch_without_rows_asks_nothing_of_the_target(over):
    """What was filtered or unselected is counted."""
    world = over()
    record = world.load({"t": []}, 9, filtered=3, unselected=6)
    assert world.target.asked == []
    assert (record.counts, world.sink.progress(JOB)) == (Counts(0, 3, 6), {P0: 9})


def test_rows_that_the_target_filters_are_counted_as_filtered(over):
    """By the target's own word; the batch is loaded."""
    world = over(refused_rows=lambda row: row["o"] == 2)
    record = world.load({"t": [1, 2, 3]}, 5, filtered=1)
    assert record.counts == Counts(2, 2, 0)


def test_a_batch_of_which_the_target_takes_nothing_is_consumed_all_the_same(over):
    """StarRocks: No partitions have data available for loading. It would be refused again for ever."""
    world = over(refused_rows=lambda row: True)
    record = world.load({"t": [1, 2]}, 5)
    assert (record.counts, record.first_error) == (Counts(0, 2, 0), "bad")
    assert world.sink.progress(JOB) == {P0: 5}
    assert "commit" not in world.told()
    assert world.target.visible == []


def test_of_two_tables_the_one_without_rows_is_left_out(over):
    """The other one is committed."""
    world = over(refused_rows=lambda row: row["o"] > 5)
    record = world.load({"t": [7, 8], "u": [1]}, 5)
    assert (record.counts.loaded, record.counts.filtered) == (1, 2)
    assert [label for label, _, _ in world.target.visible] == ["rl-7-1-2"]
    assert world.target.txns["d", "rl-7-1"].state is LabelState.ABORTED


def test_a_refusal_gives_the_label_up_and_says_why(over):
    """The next attempt has a label of its own."""
    refused = iter([Trouble.NONE, Trouble.REFUSED])
    world = over(disturb=lambda *_: next(refused, Trouble.NONE))
    with pytest.raises(SinkError, match="prepare of rl-7-1 is refused"):
        world.load({"t": [1]}, 5)
    assert world.log.open_intents() == []
    assert world.load({"t": [1]}, 5).label == "rl-7-2"


def test_a_target_that_is_silent_behind_the_decision_is_waited_for(over):
    """The job's other work goes on elsewhere: the message names label and target; no other batch begins."""
    troubled = []
    world = over(disturb=lambda operation, _: Trouble.LOST if operation in troubled else Trouble.NONE)
    troubled += ["commit"]
    with pytest.raises(CommitUnsettled, match=r"waits on commit of label rl-7-1 at starrocks://fe:9030: label rl-7-1"):
        world.load({"t": [1]}, 5)
    troubled += ["state"]
    with pytest.raises(
        CommitUnsettled, match=r"waits on commit of label rl-7-1 at starrocks://fe:9030: get_load_state"
    ):
        world.sink.settle(JOB)
    with pytest.raises(CommitUnsettled):
        world.sink.place(JOB, {P0: 0})
    world.sink.settle(JobId(8))
    troubled.clear()
    world.sink.settle(JOB)
    assert world.sink.progress(JOB) == {P0: 5}


def test_the_settler_goes_on_by_itself_and_tells_whose_commit_has_ended(over):
    """Also for a job that nobody plans any more."""
    troubled = ["commit"]
    world = over(disturb=lambda operation, _: Trouble.LOST if operation in troubled else Trouble.NONE)
    with pytest.raises(CommitUnsettled):
        world.load({"t": [1]}, 5)
    troubled.clear()
    told, ended = [], threading.Event()
    world.open()
    world.sink.settler.settled = lambda job_id: (told.append(job_id), ended.set())
    world.sink.start()
    world.sink.go_on()
    assert ended.wait(30)
    world.sink.close()
    assert told == [JOB]
    assert world.sink.progress(JOB) == {P0: 5}


def test_a_rollback_that_is_refused_again_and_again_is_left_to_the_targets_time_out(over):
    """StarRocks after a restart of a backend: the label stays in PREPARE until then. Nobody will commit it."""
    troubles = {"prepare": Trouble.UNHEARD, "rollback": Trouble.REFUSED}
    world = over(disturb=lambda operation, _: troubles.get(operation, Trouble.NONE))
    with pytest.raises(CommitUnsettled, match="waits on roll-back of label rl-7-1"):
        world.load({"t": [1]}, 5)
    for _ in range(2):
        with pytest.raises(CommitUnsettled):
            world.sink.settle(JOB)
    world.sink.settle(JOB)
    assert world.log.open_intents() == []
    assert world.target.visible == []
    assert world.target.txns["d", "rl-7-1"].state is LabelState.PREPARED


def test_what_came_late_is_swept_at_the_next_start(over):
    """A request that was held back prepares a label that was given up meanwhile; nobody will ever commit it."""
    troubles = {"prepare": Trouble.LATE}
    world = over(disturb=lambda operation, _: troubles.get(operation, Trouble.NONE))
    with pytest.raises(SinkError):
        world.load({"t": [1]}, 5)
    for act in world.target.late:
        act()
    assert world.target.txns["d", "rl-7-1"].state is LabelState.PREPARED
    troubles.clear()
    world.load({"t": [1]}, 5)
    world.open()
    assert (world.sink.sweep(), world.sink.sweep()) == (1, 0)
    assert world.target.txns["d", "rl-7-1"].state is LabelState.ABORTED
    assert world.target.txns["d", "rl-7-2"].state is LabelState.VISIBLE


class Killed(BaseException):
    """The process ended here."""


def kill_at(point: str, world: Over, rows: dict[str, list[int]]) -> None:
    def passing(name: str) -> None:
        if name == point:
            raise Killed

    failpoints.observe(passing)
    try:
        with pytest.raises(Killed):
            world.load(rows, 5)
    finally:
        failpoints.disarm()
    world.open()


@pytest.mark.parametrize(("said", "progress"), [(True, 5), (False, 0)])
def test_a_doubt_is_settled_by_a_persons_word_alone(over, said, progress):
    """It stays one until then; the word is asked for once."""
    world = over()
    kill_at("commit.send.after", world, {"t": [1]})
    world.target.forgets("rl-7-1")
    for _ in range(2):
        with pytest.raises(InDoubt, match=r"rl-7-1 is UNKNOWN.*partitions 0 \[0, 5\)"):
            world.sink.settle(JOB)
    assert world.sink.resolve(JobId(8), committed=said) == []
    assert world.sink.resolve(JOB, committed=said) == ["rl-7-1"]
    assert world.sink.resolve(JOB, committed=said) == []
    world.sink.settle(JOB)
    assert world.sink.progress(JOB) == {P0: progress}


def test_of_several_doubts_a_person_says_which_one_is_meant(over):
    """Each may have ended in its own way."""
    world = over()
    world.log.place(JOB, {P0: 0, PartitionId(1): 0})
    for partition in (0, 1):
        record = CommitRecord(
            sequence=0,
            label=Label(""),
            job_id=JOB,
            task_id=TaskId("x"),
            ranges=(OffsetRange(PartitionId(partition), 0, 3),),
            counts=Counts(3),
        )
        intent = world.log.intend(record, [TableRef("d", "t")])
        world.log.decide(intent, Report(parts=intent.parts, counts=record.counts))
    for _ in range(2):
        with pytest.raises(InDoubt):
            world.sink.settle(JOB)
        for intent in world.log.open_intents():
            with suppress(InDoubt):
                world.sink.settler.visit(intent.label)
    with pytest.raises(SinkError, match=r"more than one .* .in_doubt_label.; in doubt: rl-7-1, rl-7-2"):
        world.sink.resolve(JOB, committed=True)
    with pytest.raises(SinkError, match="label rl-7-9 is not in doubt"):
        world.sink.resolve(JOB, committed=True, label="rl-7-9")
    assert world.sink.resolve(JOB, committed=True, label="rl-7-2") == ["rl-7-2"]
    assert world.sink.resolve(JOB, committed=False) == ["rl-7-1"]
    assert world.sink.progress(JOB) == {0: 0, 1: 3}


def test_a_word_that_the_target_knows_better_is_refused(over):
    """It remembers the label after all."""
    world = over()
    kill_at("commit.send.after", world, {"t": [1]})
    remembered = dict(world.target.txns)
    world.target.forgets("rl-7-1")
    with pytest.raises(InDoubt):
        world.sink.settle(JOB)
    world.target.txns = remembered
    with pytest.raises(SinkError, match="has label rl-7-1 as VISIBLE: it was committed; nothing was changed"):
        world.sink.resolve(JOB, committed=False)
    world.target.txns["d", "rl-7-1"] = replace(remembered["d", "rl-7-1"], state=LabelState.ABORTED)
    with pytest.raises(SinkError, match="has label rl-7-1 as ABORTED: it was not committed; nothing was changed"):
        world.sink.resolve(JOB, committed=True)
    assert world.sink.resolve(JOB, committed=False) == ["rl-7-1"]


def test_a_batch_that_was_torn_names_its_labels(over):
    """One table has its rows, the other one has not: nobody but a person can help."""
    world = over()
    kill_at("commit.send.after", world, {"t": [1], "u": [2]})
    world.target.gives_up("rl-7-1-2")
    with pytest.raises(InDoubt, match=r"committed one label .* \(rl-7-1 is VISIBLE, rl-7-1-2 is ABORTED\)"):
        world.sink.settle(JOB)
