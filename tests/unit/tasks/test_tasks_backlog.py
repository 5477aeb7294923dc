"""Places to work on a backlog: bounded, waited for, given back."""

from __future__ import annotations

import threading

from routine_load.tasks.backlog import Backlog
from routine_load.tasks.control import TaskControl


def test_no_more_tasks_than_places():
    """The next one waits until a place is given back; entering twice is entering once."""
    backlog = Backlog(1)
    entered = threading.Event()
    left = threading.Event()

    def second() -> None:
        with backlog.visit(TaskControl()) as visit:
            assert visit.enter()
            assert left.is_set()
            entered.set()

    with backlog.visit(TaskControl()) as visit:
        assert visit.enter()
        assert visit.enter()
        waiting = threading.Thread(target=second)
        waiting.start()
        assert not entered.wait(0.1)
        left.set()
    assert entered.wait(10)
    waiting.join()


def test_a_task_that_is_cancelled_stops_waiting():
    """It has no place then, and gives none back."""
    backlog = Backlog(1)
    control = TaskControl()
    with backlog.visit(TaskControl()) as holder:
        assert holder.enter()
        control.cancel()
        with backlog.visit(control) as visit:
            assert not visit.enter()
    with backlog.visit(TaskControl()) as visit:
        assert visit.enter()
