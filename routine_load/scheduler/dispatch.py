"""The dispatcher: a due slice gets a task on a backend; an ended task is booked and decides when its slice is due next.

On the scheduler's loop, except where a method says otherwise. Refuses to plan: what an ended task means for the whole
job it hands to the scheduler (``Moves``).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from routine_load.errors import BrokenInvariant, JobNotFound, RoutineLoadError
from routine_load.ids import JobId, TxnId
from routine_load.jobs.job import Job
from routine_load.jobs.states import JobState
from routine_load.observe import events
from routine_load.observe.failpoints import failpoint
from routine_load.observe.logs import logger
from routine_load.scheduler.parts import Parts
from routine_load.scheduler.roster import Roster
from routine_load.scheduler.run import HELD_BACK_S, NO_DATA, JobRun, Slice, finished_facts, new_task_id, remember
from routine_load.scheduler.verdict import Step, judge, unknown_fault
from routine_load.tasks.control import TaskControl
from routine_load.tasks.run import Task, TaskOutcome, TaskReport

log = logger("scheduler")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What the scheduler does with a whole job."""

    consider: Callable[[Job], None]
    plan_anew: Callable[[JobId], None]
    fail: Callable[[JobRun, RoutineLoadError, int], None]


class Dispatcher:
    """Gives slices their tasks."""

    def __init__(self, parts: Parts, roster: Roster, moves: Moves) -> None:
        self._parts = parts
        self._agenda = parts.agenda
        self._roster = roster
        self._moves = moves
        self._txn_ids = itertools.count(int(parts.clock.now().timestamp() * 1000))

    def slice_due(self, run: JobRun, part: Slice, after_s: float) -> None:
        if run.closed or part.queued or part.control is not None:
            return
        part.queued = True
        self._agenda.due(after_s, lambda: self._dispatch(run, part))

    def _dispatch(self, run: JobRun, part: Slice) -> None:
        part.queued = False
        if run.closed or part.control is not None or self._agenda.stopping:
            return
        parts = self._parts
        part.last_scheduled_at = parts.clock.now()
        backend = parts.backends.place(run.job_id, part.backend)
        if backend is None:
            part.message = "failed to allocate be slot, wait for 1 second to schedule again"
            self.slice_due(run, part, 1.0)
            return
        part.backend = backend
        part.task_id = part.task_id if part.txn_id is None else new_task_id()
        part.txn_id = TxnId(next(self._txn_ids))
        part.started_at = parts.clock.now()
        part.txn_status, part.message = "UNKNOWN", "task submitted to execute"
        control = part.control = TaskControl()
        run.note_idle()
        parts.history.began(run.load_of(part))
        task = run.task_of(part)
        parts.backends.run(backend, run.job_id, lambda: self._execute(run, part, task, control))

    def _execute(self, run: JobRun, part: Slice, task: Task, control: TaskControl) -> None:
        """In the backend's thread: run the task and book what it committed."""
        try:
            failpoint("task.dispatch")
            report = self._parts.runner.run(task, control)
        except RoutineLoadError as error:
            self._agenda.call(self._failed, run, part, error)
        except Exception as error:
            log.exception(events.SCHEDULER_FAULT, job_id=run.job_id, task_id=task.id)
            self._agenda.call(self._failed, run, part, unknown_fault(error))
        else:
            self._book(run, part, report, 1)

    def _book(self, run: JobRun, part: Slice, report: TaskReport, attempt: int) -> None:
        """What is committed stays committed: it is booked as soon as the metadata takes it, and the slice waits."""
        try:
            job = self._parts.bookkeeper.catch_up(run.job_id) if report.record is not None else None
        except (BrokenInvariant, JobNotFound) as error:
            self._agenda.call(self._failed, run, part, error)
        except Exception as error:
            log.warning(events.BOOKING_FAILED, job_id=run.job_id, attempt=attempt, exc_info=error)
            self._agenda.call(self._book_later, run, part, report, attempt + 1)
        else:
            self._agenda.call(self._finished, run, part, report, job)

    def _book_later(self, run: JobRun, part: Slice, report: TaskReport, attempt: int) -> None:
        part.message = "the batch is loaded, its booking waits for the metadata database"
        again = lambda: self._agenda.in_background(lambda: self._book(run, part, report, attempt))  # noqa: E731 - one use
        self._agenda.due(self._parts.backoff_s(attempt), again)

    def _finished(self, run: JobRun, part: Slice, report: TaskReport, job: Job | None) -> None:
        remember(self._parts.history, run.label_of(part), report, self._parts.clock.now())
        self._roster.ended(run, part)
        part.ended(report)
        if report.outcome is not TaskOutcome.CANCELLED:
            run.advance(dict(report.positions))
        if report.record is not None:
            log.info(events.TASK_FINISHED, **finished_facts(report.record))
        if run.closed:
            return
        if job is not None and job.state is not JobState.RUNNING:
            log.info(events.JOB_STATE_CHANGED, job_id=run.job_id, state=job.state)
            self._roster.withdraw(run.job_id)
            self._moves.consider(job)
            return
        if report.caught_up:
            interval = run.plan.job.definition.properties.max_batch_interval_s
            part.message = NO_DATA.format(interval=interval)
            self._parts.watch.watch(
                run.job_id,
                run.plan.kafka,
                {p: run.progress[p] for p in part.partitions},
                lambda _: self._agenda.call(self.slice_due, run, part, 0),
            )
        else:
            self.slice_due(run, part, HELD_BACK_S if report.held_back else 0)

    def _failed(self, run: JobRun, part: Slice, error: RoutineLoadError) -> None:
        self._roster.ended(run, part)
        part.failures += 1
        part.txn_status = "ABORTED"
        verdict = judge(run.case(error, part.failures))
        self._parts.history.aborted(run.label_of(part), verdict.text, self._parts.clock.now())
        log.warning(events.TASK_ABORTED, job_id=run.job_id, task_id=part.task_id, error=type(error).__name__)
        if run.closed:
            return
        part.message = f"previous task aborted because of {verdict.text}"
        if verdict.step is Step.RETRY:
            self._agenda.in_background(lambda: self._parts.bookkeeper.aborted(run.job_id, verdict.text))
            self.slice_due(run, part, self._parts.backoff_s(part.failures))
        elif verdict.step is Step.REPLAN:
            self._moves.plan_anew(run.job_id)
        else:
            self._moves.fail(run, error, part.failures)
