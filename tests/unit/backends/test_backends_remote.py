"""Tasks on backends elsewhere, on a wire that only remembers: ordered, cancelled at once, and left with the lead."""

from __future__ import annotations

import asyncio
import threading

import pytest

from routine_load import __version__
from routine_load.backends.codec import from_json
from routine_load.backends.desk import Owner
from routine_load.backends.everywhere import Backends
from routine_load.backends.facts import BackendRecord, BackendState
from routine_load.backends.local import LocalBackends
from routine_load.backends.members import Members, Terms
from routine_load.backends.messages import CANCEL_PATH, TASK_PATH, Cancel, Presence, TaskOrder
from routine_load.backends.remote import Leading, Links, RemoteBackends
from routine_load.backends.seats import Seats
from routine_load.backends.signing import SharedSecret
from routine_load.backends.wire import Unreachable
from routine_load.clock import SystemClock
from routine_load.errors import BackendLost
from routine_load.loads.rejects import RejectLog
from routine_load.tasks.control import TaskControl
from routine_load.tasks.run import TaskOutcome
from tests.unit.backends.test_backends_orders import TASK

PRESENCE = Presence(session="s", host="h", port=1, version=__version__, slots=2, started_at_ms=0)


class Wire:
    """Every message arrives, unless ``trouble`` is what becomes of orders."""

    def __init__(self) -> None:
        self.secret = SharedSecret(b"a secret of this test")
        self.trouble: Exception | None = None
        self.ordered, self.cancelled = threading.Event(), threading.Event()
        self.orders, self.cancels = [], []

    def post(self, address, path, body, timeout_s) -> bytes:
        if path == TASK_PATH:
            if self.trouble is not None:
                raise self.trouble
            self.orders.append(from_json(TaskOrder, self.secret.opened(body)))
            self.ordered.set()
        if path == CANCEL_PATH:
            self.cancels.append(from_json(Cancel, body))
            self.cancelled.set()
        return b""

    async def close_soon(self) -> None: ...

    def close(self) -> None: ...


class Records:
    def all(self):
        return [BackendRecord(id=1, host="h", port=1, state=BackendState.ADDED)]


class NeverEnding:
    """A commit that never begins."""

    def close(self) -> None: ...


class Running:
    """One task, run in a thread as a slot does."""

    def __init__(self, remote: RemoteBackends) -> None:
        self.control, self.ended = TaskControl(), None
        self._remote = remote
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.ended = self._remote.elsewhere(1).run(TASK, self.control)
        except BackendLost as error:
            self.ended = error

    def result(self):
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.ended


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
def seats():
    return Seats()


@pytest.fixture
def remote(wire, seats, tmp_path):
    clock = SystemClock()
    made = RemoteBackends(
        Members(clock, Terms(tasks_max=1)),
        Links(Records(), wire, seats),
        Owner(sink=None, reject_log=RejectLog(tmp_path), clock=clock, committing=lambda _task: NeverEnding()),
        Leading(epoch=lambda: 1, coordinator=lambda: ("", 1)),
    )
    made.look_again()
    made.members.heard(1, PRESENCE)
    yield made
    made.close()


def test_a_task_that_is_cancelled_is_over_at_once_here_and_there(remote, wire):
    """PAUSE and STOP wait for nothing that a backend does; it is told to give up."""
    running = Running(remote)
    assert wire.ordered.wait(20)
    running.control.cancel()
    assert running.result().outcome is TaskOutcome.CANCELLED
    assert wire.cancelled.wait(20)
    assert wire.cancels == [Cancel(session="s", key=wire.orders[0].key)]


def test_who_leads_no_more_waits_for_no_task_not_even_for_one_that_commits(remote, wire):
    """A backend that prepares at a cluster may never answer: whoever leads next decides, and this process may end."""
    running = Running(remote)
    assert wire.ordered.wait(20)
    assert running.control.enter_commit()
    assert not running.control.cancel()
    asyncio.run(remote.follow())
    assert "does not lead any more" in running.result().message
    assert remote.members.alive == 0  # what was known of them grows old


def test_a_task_that_is_ordered_while_its_backend_dies_is_lost_with_it(remote, wire):
    """It was dead before, as far as was known: it is lost all the same."""
    remote.members.missed(1, "no answer", surely=True)
    running = Running(remote)
    assert wire.ordered.wait(20)
    remote.members.missed(1, "connection refused", surely=True)
    assert "connection refused" in running.result().message


def test_a_backend_that_cannot_be_reached_with_an_order_is_dead(remote, wire):
    """No heartbeat has to be missed first."""
    wire.trouble = Unreachable("h:1: refused")
    assert "failed to send task" in Running(remote).result().message
    assert remote.members.alive == 0


def test_tasks_elsewhere_are_bounded_together(remote, seats):
    """Whatever slots backends offer: each task has a thread and a connection here; those in this process have neither."""
    clock = SystemClock()
    alone = Backends(LocalBackends(0, slots=lambda: 16, host="h", clock=clock, seats=seats), remote)
    assert alone.place(7, None) == 1
    assert alone.place(7, None) is None
    local = LocalBackends(1, slots=lambda: 16, host="h", clock=clock, seats=seats)
    assert Backends(local, remote).place(7, None) == 10001
    local.close()
