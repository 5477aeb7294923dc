"""The hand on a running task: cancel and commit exclude each other."""

from __future__ import annotations

import threading

from routine_load.tasks.control import TaskControl


def test_a_cancelled_task_may_not_commit():
    """Whoever comes first wins."""
    control = TaskControl()
    assert control.cancel()
    assert not control.enter_commit()


def test_a_committing_task_cannot_be_cancelled():
    """Its end has to be waited for."""
    control = TaskControl()
    assert control.enter_commit()
    assert not control.cancel()
    assert not control.cancelled


def test_of_two_threads_exactly_one_wins():
    """No interleaving lets both through."""
    for _ in range(200):
        control = TaskControl()
        start = threading.Barrier(2)
        outcomes = []

        def attempt(act, start=start, outcomes=outcomes):
            start.wait()
            outcomes.append(act())

        threads = [threading.Thread(target=attempt, args=(act,)) for act in (control.cancel, control.enter_commit)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == [False, True]
