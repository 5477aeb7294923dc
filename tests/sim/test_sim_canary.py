"""Broken twins of the code: the judge has to turn red for each, otherwise it is blind."""

from __future__ import annotations

import pytest

from routine_load.commit.values import OffsetRange
from routine_load.loads import path
from routine_load.scheduler.bookkeeping import Bookkeeper
from routine_load.scheduler.dispatch import Dispatcher
from routine_load.scheduler.roster import Roster
from routine_load.scheduler.scheduler import Scheduler
from tests.sim import sim_play, sim_world
from tests.sim.sim_stage import Hang
from tests.sim.sim_world import Violation

SEEDS = range(60)


def unfenced(patch) -> None:
    """The sink takes a batch wherever it starts."""
    patch.setattr(sim_world.Sink, "fenced", False, raising=False)


def a_record_is_skipped(patch) -> None:
    """A batch says that it ends one record behind its last."""
    real = path.Commit

    def further(**parts):
        longer = [OffsetRange(r.partition, r.start, r.end + (r.end > r.start)) for r in parts["ranges"]]
        return real(**parts | {"ranges": longer})

    patch.setattr(path, "Commit", further)


def pause_does_not_wait(patch) -> None:
    """A statement changes the job while its tasks still run."""
    patch.setattr(Scheduler, "_quiesce", lambda self, job_id, timeout_s: None)


def late_plans_count(patch) -> None:
    """What began before a statement is not dropped behind it."""
    patch.setattr(Roster, "still", lambda self, job_id: lambda: True)


def only_the_own_batch_is_booked(patch) -> None:
    """A task books its batch without those before it."""

    def catch_up(self, job_id):
        newest = self.sink.commits_after(job_id, 0)[-1:]
        return self.jobs.modify(job_id, lambda job: job.after_commit(newest[0]) if newest else job)

    patch.setattr(Bookkeeper, "catch_up", catch_up)


def offsets_are_placed_by_the_way(patch) -> None:
    """A job is planned though what ALTER said has not reached the sink."""
    real = Bookkeeper.plan

    def plan(self, job_id, planner, is_current):
        self.jobs.modify(job_id, lambda job: job.settled(job.sequence) if job.placing else job)
        return real(self, job_id, planner, is_current)

    patch.setattr(Bookkeeper, "plan", plan)


def rejected_rows_are_forgotten(patch) -> None:
    """The file of rejected rows keeps its pending name."""
    patch.setattr("routine_load.loads.rejects.RejectLog.publish", lambda self, opaque_id: None)


def a_booking_that_fails_is_given_up(patch) -> None:
    """The metadata is asked once."""

    def book(self, run, part, control, report, attempt):
        try:
            job = self._parts.bookkeeper.catch_up(run.job_id)
        except Exception:
            return
        self._agenda.call(self._finished, run, part, control, report, job)

    patch.setattr(Dispatcher, "_book", book)


TWINS = [
    unfenced,
    a_record_is_skipped,
    pause_does_not_wait,
    late_plans_count,
    only_the_own_batch_is_booked,
    offsets_are_placed_by_the_way,
    rejected_rows_are_forgotten,
    a_booking_that_fails_is_given_up,
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("twin", TWINS)
def test_the_judge_finds_a_broken_twin(tmp_path, monkeypatch, twin):
    """Within a few dozen seeds."""
    twin(monkeypatch)
    for seed in SEEDS:
        try:
            sim_play.Play(seed, tmp_path / str(seed)).run()
        except (Violation, Hang, AssertionError) as found:
            print(f"{twin.__name__}: seed {seed}: {found}")
            return
    pytest.fail(f"{twin.__name__} was not noticed in {len(SEEDS)} seeds")
