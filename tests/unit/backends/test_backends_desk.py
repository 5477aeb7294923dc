"""The owner's desk: what a backend elsewhere says becomes one commit, or none."""

from __future__ import annotations

import threading

import pytest

from routine_load.backends.codec import to_frame
from routine_load.backends.conversation import Conversation
from routine_load.backends.desk import Desk, IntoTransaction, Owner, TaskCancelled
from routine_load.backends.messages import CommitAsked, PartsPrepared, Problem, Said, TableAsked, TaskEnded, TaskFailed
from routine_load.clock import SystemClock
from routine_load.commit.values import CommitRecord, Counts, OffsetRange
from routine_load.errors import BackendLost, BrokenInvariant, RoutineLoadError, UnknownTable
from routine_load.ids import TableRef
from routine_load.loads.preparing import Preparation
from routine_load.loads.rejects import RejectLog
from routine_load.tasks.control import TaskControl
from routine_load.tasks.run import TaskOutcome, TaskReport
from tests.unit.backends.test_backends_orders import TASK


class Sink:
    """Remembers what was committed and how transactions ended."""

    def __init__(self) -> None:
        self.commits, self.rollbacks = [], 0

    def begin(self, label, job_id, *, many_tables=False):
        return self

    def commit(self, commit) -> CommitRecord:
        self.commits.append(commit)
        return CommitRecord(
            sequence=1, label="l", job_id=1, task_id="t", ranges=tuple(commit.ranges), counts=commit.counts
        )

    def rollback(self) -> None:
        self.rollbacks += 1

    def table(self, ref):
        raise UnknownTable(f"Unknown table '{ref.table}'")


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture
def desk(sink, tmp_path):
    owner = Owner(
        sink=sink,
        reject_log=RejectLog(tmp_path),
        clock=SystemClock(),
        committing=lambda task: IntoTransaction(sink, task),
    )
    return Desk(owner, TASK, TaskControl())


def served(desk, *said, then: RoutineLoadError | None = None) -> TaskReport:
    """Serve a conversation of these turns, and an interruption behind them."""
    conversation = Conversation("k")

    def speak() -> None:
        for number, each in enumerate(said, 1):
            conversation.say(number, to_frame(each, Said)).exception(20)
        if then is not None:
            conversation.interrupt(then)

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        return desk.serve(conversation)
    finally:
        conversation.close()
        thread.join()


def asked(start: int, end: int, partition: int = 0, rejects: str = "") -> CommitAsked:
    return CommitAsked(ranges=(OffsetRange(partition, start, end),), counts=Counts(loaded=end - start), rejects=rejects)


def test_a_batch_becomes_one_commit_and_what_is_lost_afterwards_does_not_undo_it(desk, sink):
    """The backend may die before it has said how it ended: the commit is booked."""
    report = served(desk, asked(5, 9), then=BackendLost("gone"))
    assert (report.outcome, report.positions, report.caught_up) == (TaskOutcome.COMMITTED, {0: 9}, False)
    assert len(sink.commits) == 1


@pytest.mark.parametrize("wrong", [asked(4, 9), asked(6, 9), asked(5, 9, partition=1), asked(5, 9, rejects="0" * 32)])
def test_nothing_is_committed_but_what_the_task_was_to_read(desk, sink, wrong):
    """Neither other offsets or partitions, nor counts of rejected rows that never came."""
    with pytest.raises(BrokenInvariant):
        served(desk, wrong)
    assert sink.commits == []


def test_a_task_that_was_cancelled_commits_nothing(desk, sink):
    """The cancel comes first: a PAUSE, or its time is over."""
    desk.control.cancel()
    with pytest.raises(TaskCancelled):
        served(desk, asked(5, 9))
    assert sink.commits == []


def test_a_backend_cannot_claim_a_commit(desk, sink):
    """Positions move with a commit of the owner's, not with what is said about one."""
    for outcome, positions in ((TaskOutcome.COMMITTED, {0: 9}), (TaskOutcome.NOTHING, {0: 9})):
        with pytest.raises(BrokenInvariant, match="speaks of a commit that there was not"):
            served(desk, TaskEnded(report=TaskReport(outcome=outcome, positions=positions, caught_up=True)))
    with pytest.raises(BrokenInvariant):
        served(desk, PartsPrepared(preparation=Preparation()))
    assert sink.commits == []


def test_what_a_missing_table_means_is_said_by_the_backend_that_asked_for_it(desk):
    """Doris: a multi-table job names the table that its row named; the task reads as one of this process would."""
    meant = UnknownTable("table not found, table name is nope")
    with pytest.raises(UnknownTable, match=r"^table not found, table name is nope$"):
        served(desk, TableAsked(ref=TableRef("d", "nope")), TaskFailed(problem=Problem.of(meant)))
