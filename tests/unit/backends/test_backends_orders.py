"""Orders: taken once, in their session, from the newest leader, and given up when their time is over."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from routine_load.backends.agent.orders import Orders, TimedControl, Work
from routine_load.backends.codec import from_frame, to_frame
from routine_load.backends.messages import (
    Answer,
    Cancel,
    Heartbeat,
    Noted,
    Presence,
    Said,
    TaskEnded,
    TaskFailed,
    TaskOrder,
)
from routine_load.clock import Deadline, SystemClock
from routine_load.errors import BackendLost, BackendRefused, OffsetOutOfRange
from routine_load.ids import Compat, TableRef
from routine_load.jobs.budget import RatioLimit
from routine_load.loads.path import SingleTable
from routine_load.loads.rejects import RejectLog
from routine_load.loads.values import LoadSpec
from routine_load.tasks.ports import KafkaSpec
from routine_load.tasks.run import BatchLimits, Task, TaskOutcome, TaskReport

LIMITS = BatchLimits(rows_max=1, bytes_max=1, consume_s=1, linger_s=1, chunk_rows=1, chunk_bytes=1)
TASK = Task(
    id="t",
    job_id=1,
    label="l",
    kafka=KafkaSpec(brokers="b", topic="t"),
    start={0: 5},
    spec=LoadSpec(compat=Compat.STARROCKS),
    routes=SingleTable(TableRef("d", "t")),
    limits=LIMITS,
    refuses=RatioLimit(max_filter_ratio=1.0, compat=Compat.STARROCKS),
)
ORDER = TaskOrder(session="s", epoch=3, number=1, key="k1", coordinator=("h", 1), task=TASK, timeout_s=60.0)
PRESENCE = Presence(session="s", host="h", port=1, version="v", slots=2, started_at_ms=0)
NOTHING = TaskReport(outcome=TaskOutcome.NOTHING, positions={0: 5}, caught_up=True)


class Stage:
    """Tasks that wait until they are let go; what the coordinator is told."""

    def __init__(self, tmp_path) -> None:
        self.go = threading.Event()
        self.controls = []
        self.said = []
        self.told = threading.Event()
        self.ends = lambda control: NOTHING
        self.orders = Orders(
            Work(run=self.run, post=self.post, reject_log=RejectLog(tmp_path), clock=SystemClock()), PRESENCE
        )

    def run(self, order, voice, control):
        self.controls.append(control)
        assert self.go.wait(20)
        return self.ends(control)

    def post(self, address, path, body, timeout_s):
        self.said.append((address, path, from_frame(Said, body)[0]))
        self.told.set()
        return to_frame(Noted(), Answer)


@pytest.fixture
def stage(tmp_path):
    made = Stage(tmp_path)
    yield made
    made.go.set()
    made.orders.leave(10)


def test_a_task_runs_and_its_end_is_told_to_who_ordered_it(stage):
    """At the address that the order came from."""
    stage.go.set()
    stage.orders.take(ORDER, ("fe", 8030))
    assert stage.told.wait(20)
    assert stage.said == [(("fe", 8030), "/api/routine_load_backends/tasks/k1/1", TaskEnded(report=NOTHING))]


def test_a_failure_is_told_as_what_it_was(stage):
    """The job's fate is decided by the kind of error, as in the coordinator itself."""

    def fail(control):
        raise OffsetOutOfRange("gone")

    stage.ends = fail
    stage.go.set()
    stage.orders.take(ORDER, ("fe", 8030))
    assert stage.told.wait(20)
    said = stage.said[0][2]
    assert isinstance(said, TaskFailed)
    assert isinstance(said.problem.error(), OffsetOutOfRange)


def test_what_nobody_planned_for_tells_its_kind_and_no_data(stage):
    """The text of a foreign exception may hold a row."""

    def fail(control):
        raise ValueError("row contents")

    stage.ends = fail
    stage.go.set()
    stage.orders.take(ORDER, ("fe", 8030))
    assert stage.told.wait(20)
    assert "ValueError" in stage.said[0][2].problem.message
    assert "row contents" not in stage.said[0][2].problem.message


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"number": 1, "key": "k2"}, "order 1 of epoch 3 was given before"),
        ({"number": 2, "key": "k2", "session": "before"}, "another session"),
        ({"number": 2, "key": "k2", "epoch": 2}, "epoch 2 is past"),
    ],
)
def test_an_order_that_is_repeated_or_of_the_past_is_refused(stage, changes, why):
    """Whoever recorded it: the session is this process, the number is used once, epochs only grow."""
    stage.orders.take(ORDER, ("fe", 8030))
    with pytest.raises(BackendRefused, match=why):
        stage.orders.take(replace(ORDER, **changes), ("fe", 8030))


def test_old_numbers_are_refused_also_when_they_are_forgotten(stage):
    """What is remembered is bounded; below it everything is taken for a repetition."""
    stage.go.set()
    for number in range(1, 4200):
        stage.orders._past.require_epoch(0)
        stage.orders._past.take(number)
    assert len(stage.orders._past.numbers) < 4200
    with pytest.raises(BackendRefused):
        stage.orders._past.take(1)


def test_no_more_tasks_than_slots(stage):
    """The coordinator counts, too; this bound is the backend's own."""
    for number in (1, 2):
        stage.orders.take(replace(ORDER, number=number, key=f"k{number}"), ("fe", 8030))
    with pytest.raises(BackendRefused, match="all 2 slots are taken"):
        stage.orders.take(replace(ORDER, number=3, key="k3"), ("fe", 8030))
    assert set(stage.orders.presence.tasks) == {"k1", "k2"}


def test_a_new_leader_makes_an_end_of_the_tasks_of_the_one_before(stage):
    """It plans everything anew; they could only repeat work."""
    stage.orders.take(ORDER, ("fe", 8030))
    stage.orders.heartbeat(Heartbeat(epoch=4, backend_id=1))
    assert stage.orders._running["k1"][0].cancelled
    with pytest.raises(BackendRefused, match="epoch 3 is past"):
        stage.orders.heartbeat(Heartbeat(epoch=3, backend_id=1))


def test_a_task_is_taken_back_in_its_own_session_only(stage):
    """A recorded cancel of another process does nothing."""
    stage.orders.take(ORDER, ("fe", 8030))
    stage.orders.cancel(Cancel(session="before", key="k1"))
    stage.orders.cancel(Cancel(session="s", key="other"))
    assert not stage.orders._running["k1"][0].cancelled
    stage.orders.cancel(Cancel(session="s", key="k1"))
    assert stage.orders._running["k1"][0].cancelled


def test_who_leaves_takes_no_more_and_says_so(stage):
    """SIGTERM: running tasks are told to give up, and their ends are waited for."""
    stage.orders.take(ORDER, ("fe", 8030))
    stage.go.set()
    stage.orders.leave(10)
    assert stage.orders.presence.is_leaving
    with pytest.raises(BackendRefused, match="leaving"):
        stage.orders.take(replace(ORDER, number=2, key="k2"), ("fe", 8030))


def test_a_task_that_slept_through_its_time_does_not_commit():
    """Whatever told it before, or nobody: the deadline alone decides."""
    awake = TimedControl(Deadline.after(60))
    assert not awake.cancelled
    assert awake.enter_commit()
    late = TimedControl(Deadline.after(0))
    assert late.cancelled
    assert not late.enter_commit()


def test_a_coordinator_that_cannot_be_told_is_no_reason_to_stay(stage):
    """It finds out by itself: the task is not among those that run any more."""

    def lost(*_):
        stage.told.set()
        raise BackendLost("gone")

    stage.orders._work = replace(stage.orders._work, post=lost)
    stage.go.set()
    stage.orders.take(ORDER, ("fe", 8030))
    assert stage.told.wait(20)
    stage.orders.leave(10)
    assert stage.orders.presence.tasks == ()
