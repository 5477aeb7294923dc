"""Broken twins of the code: the judge has to turn red for each, otherwise it is blind."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import pytest

from routine_load.commit.values import OffsetRange
from routine_load.jobs.alteration import Alteration
from routine_load.jobs.job import Job
from routine_load.jobs.states import JobState
from routine_load.loads import path
from routine_load.scheduler import planning
from routine_load.scheduler.bookkeeping import Bookkeeper
from routine_load.scheduler.dispatch import Dispatcher
from routine_load.scheduler.doors import Doors
from routine_load.scheduler.roster import Roster
from routine_load.scheduler.scheduler import Scheduler
from routine_load.tasks.control import TaskControl
from tests.sim import sim_play, sim_store
from tests.sim.sim_stage import Hang, Violation

SEEDS = range(400)


def unfenced(patch) -> None:
    """The sink takes a batch wherever it starts."""
    patch.setattr(sim_store.Sink, "fenced", False, raising=False)


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


def statements_do_not_wait_for_each_other(patch) -> None:
    """The lock of a job is no lock."""

    @contextmanager
    def enter(self, job_id, timeout_s):
        yield

    patch.setattr(Doors, "enter", enter)


def committing_tasks_are_not_waited_for(patch) -> None:
    """A statement asks tasks to end, and does not look whether they did."""

    async def take_out(self, job_id):
        self._roster.withdraw(job_id)

    patch.setattr(Scheduler, "_take_out", take_out)


def a_job_is_planned_once(patch) -> None:
    """What ALTER changed does not reach the tasks."""
    real, first = planning.load_spec, {}
    patch.setattr(planning, "load_spec", lambda job: first.setdefault((id(patch), job.id, job.created_at), real(job)))


def the_topic_stays(patch) -> None:
    """ALTER of the topic reaches the record, and where the new one is read, but not the tasks."""
    real, first = planning.kafka_spec, {}
    patch.setattr(planning, "kafka_spec", lambda job, files: first.setdefault(job.created_at, real(job, files)))


def alter_leaves_the_job_running(patch) -> None:
    """And what was planned before goes on."""
    real_applied, real_quiesce = Alteration.applied, Scheduler._quiesce

    def applied(self, job, incarnation, at):
        changed = real_applied(self, job, incarnation, at)
        return replace(changed, state=job.state)

    @contextmanager
    def exclusively(self, job_id, timeout_s=60.0, *, settled=False):
        with self._doors.enter(job_id, timeout_s):
            yield

    patch.setattr(Alteration, "applied", applied)
    patch.setattr(Scheduler, "exclusively", exclusively)
    patch.setattr(Scheduler, "_quiesce", real_quiesce)


def a_task_that_was_given_up_commits(patch) -> None:
    """Its successor has begun by then."""

    def enter_commit(self):
        self._committing = True
        return True

    patch.setattr(TaskControl, "enter_commit", enter_commit)


def a_version_is_written_behind_the_definition(patch) -> None:
    """In a transaction of its own."""

    def revise(self, job_id, change, revision):
        before = self.jobs[job_id]
        changed = self._modify(job_id, change, revision.user)
        self._strike("store.write")
        self.really_keep_version(before, changed, revision.user)
        return changed

    patch.setattr(sim_store.Store, "really_keep_version", sim_store.Store.keep_version, raising=False)
    patch.setattr(sim_store.Store, "keep_version", lambda self, before, after, by: None)
    patch.setattr(sim_store.Store, "revise", revise)


def a_batch_of_which_nothing_is_loaded_is_booked_twice(patch) -> None:
    """As an aborted task, and as a batch."""
    real = Job.after_commit

    def after_commit(self, record, *, is_error=False):
        booked = real(self, record, is_error=is_error)
        if is_error and booked is not self:
            statistic = booked.statistic.committed(record.counts, record.execute_ms, is_error=False)
            return replace(booked, statistic=statistic)
        return booked

    patch.setattr(Job, "after_commit", after_commit)


def rollback_starts_at_the_beginning(patch) -> None:
    """Not where the job left the topic."""
    real = Alteration.applied

    def applied(self, job, incarnation, at):
        offsets = dict.fromkeys(self.offsets, 0) if self.topic_id else self.offsets
        return real(replace(self, offsets=offsets), job, incarnation, at)

    patch.setattr(Alteration, "applied", applied)


def the_cleaner_forgets_jobs_that_live(patch) -> None:
    """A paused job is taken for one that ended."""
    patch.setattr(
        sim_store.Store, "final", lambda self: [j for j in self.jobs.values() if j.state is not JobState.RUNNING]
    )


TWINS = [
    statements_do_not_wait_for_each_other,
    committing_tasks_are_not_waited_for,
    a_job_is_planned_once,
    the_topic_stays,
    alter_leaves_the_job_running,
    a_task_that_was_given_up_commits,
    a_version_is_written_behind_the_definition,
    a_batch_of_which_nothing_is_loaded_is_booked_twice,
    rollback_starts_at_the_beginning,
    the_cleaner_forgets_jobs_that_live,
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
    """Most within a few dozen seeds, the rarest within some hundred."""
    twin(monkeypatch)
    for seed in SEEDS:
        try:
            sim_play.Play(seed, tmp_path / str(seed)).run()
        except (Violation, Hang, AssertionError) as found:
            print(f"{twin.__name__}: seed {seed}: {found}")
            return
    pytest.fail(f"{twin.__name__} was not noticed in {len(SEEDS)} seeds")
