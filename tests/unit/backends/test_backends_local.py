"""In-process backends: slots are bounded, spread and sticky."""

from __future__ import annotations

import threading

import pytest

from routine_load.backends.local import LocalBackends
from routine_load.clock import SystemClock


@pytest.fixture
def backends():
    made = LocalBackends(2, slots=lambda: 2, host="127.0.0.1", clock=SystemClock())
    yield made
    made.close()


def test_tasks_of_a_job_spread_and_go_back_to_where_they_were(backends):
    """StarRocks: slot of a task: the previous backend, else one that does not run this job."""
    first, second = backends.place(1, None), backends.place(1, None)
    assert {first, second} == {facts.id for facts in backends.facts()}
    assert backends.place(1, first) == first


def test_no_more_tasks_than_slots(backends):
    """A full backend takes nothing until a task has ended."""
    go = threading.Event()
    futures = [backends.run(backends.place(1, None), 1, go.wait) for _ in range(4)]
    assert backends.place(1, None) is None
    go.set()
    for future in futures:
        future.result(5)
    assert backends.place(1, None) is not None


def test_a_task_that_fails_frees_its_slot(backends):
    """Whatever happened in it."""

    def fail() -> None:
        raise ValueError

    future = backends.run(backends.place(1, None), 1, fail)
    with pytest.raises(ValueError):
        future.result(5)
    assert sum(facts.running_tasks for facts in backends.facts()) == 0
