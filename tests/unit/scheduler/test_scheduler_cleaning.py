"""The cleaner: bounded rounds, and the next one in any case."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from routine_load.clock import SystemClock
from routine_load.ids import Compat, JobId
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.states import JobState
from routine_load.scheduler.cleaning import EVERY_S, FORGOTTEN_AT_ONCE, Cleaner


class Agenda:
    """Keeps what is due; threads are the caller's own."""

    def __init__(self) -> None:
        self.pending: list[tuple[float, object]] = []

    def due(self, after_s, action) -> None:
        self.pending.append((after_s, action))

    def call(self, function, *arguments) -> None:
        function(*arguments)

    def in_background(self, work) -> None:
        work()

    def step(self) -> float:
        after_s, action = self.pending.pop(0)
        action()
        return after_s


class Jobs:
    """Jobs that ended, none of which knows when."""

    def __init__(self, count: int) -> None:
        self.ids = list(range(1, count + 1))
        self.fails = False

    def final(self):
        return [SimpleNamespace(id=JobId(n), ended_at=None, database="d", state=JobState.STOPPED) for n in self.ids]

    def count(self) -> int:
        return len(self.ids)

    def delete_final(self, job_id) -> None:
        if self.fails:
            raise RuntimeError("disk full")
        self.ids.remove(job_id)


@pytest.fixture
def world():
    agenda, jobs, forgotten = Agenda(), Jobs(FORGOTTEN_AT_ONCE + 5), []
    sink = SimpleNamespace(forget_job=forgotten.append)
    settings = (Compat.STARROCKS, FrontendConfig.of(Compat.STARROCKS))
    cleaner = Cleaner(agenda, jobs, sink, lambda: settings, SystemClock())
    cleaner.start()
    return SimpleNamespace(agenda=agenda, jobs=jobs, forgotten=forgotten, cleaner=cleaner)


def test_a_round_is_bounded_and_the_rest_comes_soon(world):
    """Progress is forgotten at the sink, then the record."""
    world.agenda.step()
    assert len(world.forgotten) == FORGOTTEN_AT_ONCE
    assert world.agenda.step() < EVERY_S
    assert world.jobs.ids == []
    assert world.agenda.pending[0][0] == EVERY_S


def test_a_round_that_fails_does_not_end_the_cleaner(world):
    """What it could not forget is left for the next round."""
    world.jobs.fails = True
    world.agenda.step()
    assert len(world.jobs.ids) == FORGOTTEN_AT_ONCE + 5
    world.jobs.fails = False
    world.agenda.step()
    assert len(world.jobs.ids) == 5


def test_asking_for_a_round_does_not_make_two_cleaners(world):
    """A round that was due is replaced by the one that is asked for."""
    world.cleaner.soon()
    world.agenda.step()
    assert world.forgotten == []
    world.agenda.step()
    assert world.forgotten != []
    assert len(world.agenda.pending) == 1
