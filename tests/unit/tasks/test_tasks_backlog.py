"""Places to work on a backlog: bounded, never waited for, given back."""

from __future__ import annotations

import pytest

from routine_load.tasks.backlog import Backlog


def test_no_more_tasks_than_places_and_nobody_waits():
    """The one that finds none is held back, and says so."""
    backlog = Backlog(2)
    with backlog.visit() as first, backlog.visit() as second, backlog.visit() as third:
        assert first.enter()
        assert second.enter()
        assert not third.enter()
        assert (first.held_back, third.held_back) == (False, True)
    with backlog.visit() as later:
        assert later.enter()


def test_a_task_that_stays_inside_takes_one_place():
    """Entering twice is entering once."""
    backlog = Backlog(2)
    with backlog.visit() as first, backlog.visit() as second:
        assert first.enter()
        assert first.enter()
        assert second.enter()


def test_a_task_that_fails_gives_its_place_back():
    """Whatever happened to it; one that never entered has nothing to give."""
    backlog = Backlog(1)

    def fails() -> None:
        with backlog.visit() as visit:
            assert visit.enter()
            raise ValueError

    with pytest.raises(ValueError):
        fails()
    with backlog.visit() as idle:
        assert not idle.held_back
    with backlog.visit() as again:
        assert again.enter()
