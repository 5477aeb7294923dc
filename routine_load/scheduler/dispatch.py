"""The dispatcher: a due slice gets a task on a backend; an ended task is booked and decides when its slice is due next.

On the scheduler's loop, except where a method says otherwise. Refuses to plan: what an ended task means for the whole
job it hands to the scheduler (``Moves``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from routine_load.errors import (
    BeginRefused,
    BrokenInvariant,
    CommitUnsettled,
    InDoubt,
    JobNotFound,
    RoutineLoadError,
    TaskTimedOut,
)
from routine_load.ids import JobId, number_of
from routine_load.jobs.job import Job
from routine_load.jobs.show import NO_BACKEND
from routine_load.jobs.states import JobState
from routine_load.observe import events
from routine_load.observe.failpoints import failpoint
from routine_load.observe.logs import logger
from routine_load.observe.metrics import Loaded
from routine_load.scheduler.parts import Parts
from routine_load.scheduler.places import Places
from routine_load.scheduler.ports import Runs
from routine_load.scheduler.roster import Roster
from routine_load.scheduler.run import (
    NO_BACKENDS,
    NO_DATA,
    NO_SLOT,
    NO_SLOT_S,
    RATE_LIMITED,
    JobRun,
    Slice,
    finished_facts,
    loaded_by,
    remember,
)
from routine_load.scheduler.verdict import Step, Verdict, judge, unknown_fault
from routine_load.tasks.control import TaskControl
from routine_load.tasks.run import PROBE_ROWS, Task, TaskOutcome, TaskReport

log = logger("scheduler")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What the scheduler does with a whole job."""

    consider: Callable[[Job], None]
    plan_anew: Callable[[JobId], None]
    fail: Callable[[JobRun, Verdict], None]


class Dispatcher:
    """Gives slices their tasks."""

    def __init__(self, parts: Parts, roster: Roster, moves: Moves) -> None:
        self._parts = parts
        self._agenda = parts.agenda
        self._roster = roster
        self._moves = moves
        self._places = Places(parts.agenda, self._begin, self._dispatch)
        self._running: Counter[str] = Counter()

    def slice_due(self, run: JobRun, part: Slice, after_s: float) -> None:
        if run.closed or part.queued or part.control is not None:
            return
        part.queued = True
        self._agenda.due(after_s, lambda: self._consider(run, part))

    def closed(self, job_id: JobId) -> None:
        """The job's run is closed: its slices wait for nothing any more."""
        self._places.drop(job_id)

    def clear(self) -> None:
        """Nothing comes due any more."""
        self._places.clear()

    def _consider(self, run: JobRun, part: Slice) -> None:
        """It is due: its task begins, unless others wait already for the place that it needs."""
        part.queued = False
        part.due_at = self._parts.clock.monotonic()
        if run.closed:
            return
        if self._places.waits_for_seats and run.lag_of(part) > PROBE_ROWS:
            self._places.wait_for_seat(run, part)
        else:
            self._dispatch(run, part)

    def _dispatch(self, run: JobRun, part: Slice) -> None:
        if self._places.waits_for_slots or not self._begin(run, part):
            parts = self._parts
            why = NO_SLOT.format(wait=NO_SLOT_S, slots=parts.backends.slots) if parts.backends.alive else NO_BACKENDS
            run.say(part, why, parts.clock.now())
            self._places.wait_for_slot(run, part)

    def _begin(self, run: JobRun, part: Slice) -> bool:
        """Whether a slot was found, or is not needed now."""
        parts = self._parts
        if run.closed or part.control is not None or self._agenda.stopping:
            return True
        part.last_scheduled_at = parts.clock.now()
        if not self._may_begin(run) or not self._may_read(run, part):
            return True
        backend = parts.backends.place(run.job_id, part.backend)
        if backend is None:
            self._settle(run, part, 0)
            return False
        batch = parts.planner.batch(run.plan.job, run.lag_of(part))
        if part.granted:
            batch = batch.within(part.granted)
        part.backend = backend
        part.txn_id = parts.next_txn_id()
        part.started_at = parts.clock.now()
        part.began_at = parts.clock.monotonic()
        part.message = "task submitted to execute"
        control = part.control = TaskControl()
        run.note_idle()
        self._running[run.database] += 1
        parts.history.began(run.load_of(part))
        self._time(run, part, batch.timeout_s)
        task = replace(run.task_of(part, batch.limits), timeout_s=batch.timeout_s)
        runner = parts.backends.elsewhere(backend) or parts.runner
        part.has_backlog = task.has_backlog
        ended = parts.backends.run(backend, run.job_id, lambda: self._execute(run, part, task, control, runner))
        ended.add_done_callback(self._slot_left)
        return True

    def _slot_left(self, _: object) -> None:
        """From any thread. The slice that left it gets in line before the next one is chosen."""
        if self._places.waits_for_slots:
            self._agenda.call(self._agenda.due, 0, self._places.slot_left)

    def _may_read(self, run: JobRun, part: Slice) -> bool:
        """A job with a rate limit reads what its meter grants, and waits where that is nothing."""
        if run.meter is None:
            return True
        part.granted, wait_s = run.meter.grant(self._parts.clock.monotonic(), len(run.slices), part.index)
        if not part.granted:
            run.say(part, RATE_LIMITED.format(rate=run.meter.rate), self._parts.clock.now())
            self.slice_due(run, part, wait_s)
        return part.granted > 0

    def _settle(self, run: JobRun, part: Slice, loaded: int) -> None:
        if run.meter is not None and part.granted:
            run.meter.settle(self._parts.clock.monotonic(), part.granted, loaded)
            part.granted = 0

    def _may_begin(self, run: JobRun) -> bool:
        """StarRocks, Doris: running transactions of a database are bounded; a job that meets the bound is paused."""
        compat = run.plan.job.definition.compat
        running = self._running[run.database] + self._parts.clients_running(run.database)
        limit = self._parts.planner.frontend_config(compat).max_running_txn_num_per_db
        if running < limit:
            return True
        text = f"current running txns on db {number_of(run.database)} is {running}, larger than limit {limit}"
        self._moves.fail(run, judge(run.case(BeginRefused(text), 1)))
        return False

    # -- timeouts -----------------------------------------------------------------------------------------------------

    def _time(self, run: JobRun, part: Slice, timeout_s: int) -> None:
        """Give the task that begins so much time. A slice has one look at its timeout pending, not one per task."""
        part.timeout_s = timeout_s
        part.gives_up_at = self._parts.clock.monotonic() + timeout_s
        if part.looked_at is None or part.gives_up_at < part.looked_at:
            self._look_at_timeout_later(run, part)

    def _look_at_timeout_later(self, run: JobRun, part: Slice) -> None:
        at = part.looked_at = part.gives_up_at
        after_s = max(0.0, at - self._parts.clock.monotonic())
        self._agenda.due(after_s, lambda: self._look_at_timeout(run, part, at))

    def _look_at_timeout(self, run: JobRun, part: Slice, at: float) -> None:
        if part.looked_at != at:
            return  # an earlier look was asked for meanwhile, which goes on instead
        part.looked_at = None
        control = part.control
        if control is None:
            return
        if part.gives_up_at <= self._parts.clock.monotonic():
            if control.cancel():  # from here on it cannot commit, whatever it still does
                self._failed(run, part, control, TaskTimedOut())
                return
            part.gives_up_at += part.timeout_s or 1  # it commits: its end is waited for
        self._look_at_timeout_later(run, part)

    # -- running and ending -------------------------------------------------------------------------------------------

    def _execute(self, run: JobRun, part: Slice, task: Task, control: TaskControl, runner: Runs) -> None:
        """In the backend's thread: run the task, here or elsewhere, and book what it committed."""
        try:
            failpoint("task.dispatch.before")
            report = runner.run(task, control)
        except RoutineLoadError as error:
            self._agenda.call(self._failed, run, part, control, error)
        except Exception as error:
            log.exception(events.SCHEDULER_FAULT, job_id=run.job_id, task_id=task.id)
            self._agenda.call(self._failed, run, part, control, unknown_fault(error))
        else:
            self._book(run, part, control, report, 1)
            failpoint("task.dispatch.after")

    def _book(self, run: JobRun, part: Slice, control: TaskControl, report: TaskReport, attempt: int) -> None:
        """What is committed stays committed: it is booked as soon as the metadata takes it, and the slice waits."""
        try:
            job = self._parts.bookkeeper.catch_up(run.job_id) if report.record is not None else None
        except (BrokenInvariant, JobNotFound) as error:
            self._agenda.call(self._failed, run, part, control, error)
        except Exception as error:
            log.warning(events.BOOKING_FAILED, job_id=run.job_id, attempt=attempt, exc_info=error)
            again = lambda: self._book(run, part, control, report, attempt + 1)  # noqa: E731 - one use
            self._agenda.call(self._book_later, part, again, self._parts.backoff_s(attempt + 1))
        else:
            self._agenda.call(self._finished, run, part, control, report, job)

    def _book_later(self, part: Slice, again: Callable[[], None], after_s: float) -> None:
        part.message = "the batch is loaded, its booking waits for the metadata database"
        self._agenda.due(after_s, lambda: self._agenda.in_background(again))

    def _ended(self, run: JobRun, part: Slice) -> None:
        self._running[run.database] -= 1
        if not self._running[run.database]:
            del self._running[run.database]
        part.took_s = self._parts.clock.monotonic() - part.began_at
        self._roster.ended(run, part)

    def _finished(self, run: JobRun, part: Slice, control: TaskControl, report: TaskReport, job: Job | None) -> None:
        if part.control is not control:
            return  # it was given up, and committed nothing
        remember(self._parts.history, run.label_of(part), report, self._parts.clock.now())
        self._ended(run, part)
        part.ended(report, self._parts.clock.now())
        self._settle(run, part, 0 if report.record is None else report.record.counts.received_bytes)
        if part.has_backlog and not report.held_back:
            self._places.seat_left()
        if report.outcome is not TaskOutcome.CANCELLED:
            run.advance(dict(report.positions))
        if report.record is not None:
            log.info(events.TASK_FINISHED, **finished_facts(report.record))
            is_error = self._parts.bookkeeper.counts_as_error(run.plan.job, report.record.counts)
            self._parts.counters.task_ended(run.table, loaded_by(report.record, is_error=is_error))
        if run.closed:
            return
        if job is not None and job.state is not JobState.RUNNING:
            log.info(events.JOB_STATE_CHANGED, job_id=run.job_id, state=job.state)
            self._roster.withdraw(run.job_id)
            self._moves.consider(job)
            return
        self._next(run, part, report)

    def _next(self, run: JobRun, part: Slice, report: TaskReport) -> None:
        """When a slice is due whose task ended well."""
        if report.held_back:
            self._places.wait_for_seat(run, part)
            return
        if not report.caught_up:
            part.is_spaced = False
            self.slice_due(run, part, 0)
            return
        part.is_spaced = part.is_spaced or report.outcome is TaskOutcome.COMMITTED
        interval = run.plan.job.definition.properties.max_batch_interval_s
        run.say(part, NO_DATA.format(interval=interval), self._parts.clock.now())
        after_s = run.rhythm.caught_up_s(self._since_due(part), is_spaced=part.is_spaced)
        if after_s is not None:
            self.slice_due(run, part, after_s)
            return
        self._parts.watch.watch(
            run.job_id,
            run.plan.kafka,
            {p: run.progress[p] for p in part.partitions},
            lambda _: self._agenda.call(self.slice_due, run, part, 0),
        )

    def _since_due(self, part: Slice) -> float:
        return self._parts.clock.monotonic() - part.due_at

    def _failed(self, run: JobRun, part: Slice, control: TaskControl, error: RoutineLoadError) -> None:
        if part.control is not control:
            return  # it was given up before
        self._ended(run, part)
        self._settle(run, part, 0)
        if part.has_backlog:
            self._places.seat_left()
        part.failures += 1
        part.is_spaced = True
        part.timed_out = isinstance(error, TaskTimedOut)
        verdict = judge(run.case(error, part.failures, NO_BACKEND if part.backend is None else part.backend))
        now = self._parts.clock.now()
        if isinstance(error, CommitUnsettled | InDoubt):
            self._parts.history.unused(run.label_of(part))  # it may yet become visible, as a commit of the sink's
        else:
            self._parts.history.aborted(run.label_of(part), verdict.text, now)
            self._parts.counters.task_ended(run.table, Loaded(aborted=1))
        log.warning(events.TASK_ABORTED, job_id=run.job_id, task_id=part.task_id, error=type(error).__name__)
        part.succeed(now)
        if run.closed:
            return
        run.say(part, f"previous task aborted because of {verdict.text}", now)
        if verdict.step is Step.RETRY:
            self._agenda.in_background(lambda: self._parts.bookkeeper.aborted(run.job_id, verdict.text))
            self.slice_due(run, part, run.rhythm.failed_s(self._since_due(part), self._parts.backoff_s(part.failures)))
        elif verdict.step is Step.REPLAN:
            self._moves.plan_anew(run.job_id)
        else:
            self._moves.fail(run, replace(verdict, of_task=True))
