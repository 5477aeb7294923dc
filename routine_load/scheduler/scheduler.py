"""The scheduler: due jobs are planned, due slices get a task, ended tasks decide what is due next.

All state belongs to one asyncio loop (``agenda``); blocking work (planning, bookkeeping, the tasks themselves) runs in
threads and comes back to it.

Invariants:
- A slice has at most one task at a time; a new one is made only after the last one ended.
- A job that was taken out (``quiesce``) runs no task when the call returns, and no late plan brings it back:
  every plan carries the job's number of changes (``_changes``) and is dropped when that has moved.
- A committed task is booked in the metadata (``Job.after_commit``) before its slice is due again.
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections import defaultdict
from dataclasses import dataclass

from routine_load.backends.local import BackendFacts, LocalBackends
from routine_load.clock import Clock
from routine_load.config import Settings
from routine_load.errors import BrokenInvariant, RoutineLoadError, SourceUnavailable
from routine_load.ids import JobId, PartitionId, TaskId, TxnId
from routine_load.jobs.job import Job
from routine_load.jobs.states import JobState
from routine_load.observe import events
from routine_load.observe.logs import logger
from routine_load.scheduler.agenda import Agenda
from routine_load.scheduler.bookkeeping import Bookkeeper
from routine_load.scheduler.planning import Planner
from routine_load.scheduler.ports import Watch
from routine_load.scheduler.run import NO_DATA, JobRun, Plan, Slice
from routine_load.scheduler.verdict import Case, Step, judge
from routine_load.tasks.control import TaskControl
from routine_load.tasks.run import Task, TaskOutcome, TaskReport, TaskRunner

log = logger("scheduler")


@dataclass(slots=True, kw_only=True)
class Parts:
    """What the scheduler works with; ``app`` puts them together."""

    bookkeeper: Bookkeeper
    planner: Planner
    watch: Watch
    backends: LocalBackends
    runner: TaskRunner
    settings: Settings
    clock: Clock


class Scheduler:
    """Start and stop it on its loop; the other public methods may be called from any thread."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._agenda = Agenda(parts.clock, parts.settings.tick_ms / 1000)
        self._txn_ids = itertools.count(int(parts.clock.now().timestamp() * 1000) % 1_000_000_000)
        self._runs: dict[JobId, JobRun] = {}
        self._changes: defaultdict[JobId, int] = defaultdict(int)
        self._plan_failures: defaultdict[JobId, int] = defaultdict(int)
        self._draining: defaultdict[JobId, list[JobRun]] = defaultdict(list)

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Recover every live job, then plan those that want to run."""
        self._agenda.open()
        for job in await self._agenda.in_thread(self._parts.bookkeeper.recover):
            self._consider(job)
        self._agenda.start()

    async def stop(self, drain_s: float) -> None:
        """No new tasks; running ones are cancelled, committing ones waited for (bounded)."""
        self._agenda.stopping = True
        leaving = {job_id: self._take_out(job_id) for job_id in [*self._runs, *self._draining]}
        try:
            async with asyncio.timeout(drain_s):
                await asyncio.gather(*leaving.values())
        except TimeoutError:  # what they did not commit is read again after the next start
            log.warning(events.TASKS_LEFT, jobs=len(self._draining))
        finally:
            self._agenda.stop()

    # -- from any thread ----------------------------------------------------------------------------------------------

    def job_changed(self, job: Job) -> None:
        """A job was created or resumed: plan it now."""
        self._agenda.call(self._consider, job)

    def quiesce(self, job_id: JobId, timeout_s: float = 60.0) -> None:
        """When this returns, no task of the job runs and none will until ``job_changed``."""
        self._agenda.wait_for(self._take_out(job_id), timeout_s)

    def run_of(self, job_id: JobId) -> JobRun | None:
        """The job's run, to be read only; None while it has no tasks."""
        return self._runs.get(job_id)

    def backends(self) -> list[BackendFacts]:
        """What SHOW BACKENDS prints."""
        return self._parts.backends.facts()

    # -- planning -----------------------------------------------------------------------------------------------------

    def _consider(self, job: Job) -> None:
        if job.state in {JobState.NEED_SCHEDULE, JobState.RUNNING} and not self._agenda.stopping:
            self._changes[job.id] += 1
            self._plan_now(job.id)
        elif job.state is JobState.PAUSED:
            self._resume_later(job.id)

    def _plan_now(self, job_id: JobId) -> None:
        change = self._changes[job_id]

        def work() -> None:
            try:
                plan = self._parts.bookkeeper.plan(job_id, self._parts.planner, lambda: self._changes[job_id] == change)
            except RoutineLoadError as error:
                self._agenda.call(self._planning_failed, job_id, change, error)
            except Exception as error:
                log.exception(events.SCHEDULER_FAULT, job_id=job_id)
                self._agenda.call(self._planning_failed, job_id, change, _unknown_fault(error))
            else:
                if plan is not None:
                    self._agenda.call(self._planned, change, plan)

        self._agenda.in_background(work)

    def _planned(self, change: int, plan: Plan) -> None:
        job_id = plan.job.id
        if self._changes[job_id] != change or self._agenda.stopping:
            return
        now = self._parts.clock.now()
        run = JobRun(
            job_id=job_id,
            plan=plan,
            slices=[
                Slice(index=i, partitions=p, task_id=_new_task_id(), created_at=now) for i, p in enumerate(plan.slices)
            ],
            progress=dict(plan.progress),
            ends=dict(plan.ends),
        )
        self._runs[job_id] = run
        self._plan_failures.pop(job_id, None)
        log.info(events.JOB_PLANNED, job_id=job_id, tasks=len(run.slices), partitions=len(plan.partitions))
        for part in run.slices:
            self._slice_due(run, part, 0)
        self._refresh_later(run)

    def _planning_failed(self, job_id: JobId, change: int, error: RoutineLoadError) -> None:
        if self._changes[job_id] != change or self._agenda.stopping:
            return
        self._plan_failures[job_id] += 1
        failures = self._plan_failures[job_id]

        def work() -> None:
            job = self._parts.bookkeeper.planning_failed(job_id, error, failures)
            if job.state is JobState.NEED_SCHEDULE:
                delay = self._backoff(failures)
                self._agenda.call(self._agenda.due, delay, lambda: self._retry_plan(job_id, change))
            elif job.state is JobState.PAUSED:
                self._agenda.call(self._resume_later, job_id)

        self._agenda.in_background(work)

    def _retry_plan(self, job_id: JobId, change: int) -> None:
        if self._changes[job_id] == change:
            self._plan_now(job_id)

    def _backoff(self, failures: int) -> float:
        settings = self._parts.settings
        return float(min(settings.abort_backoff_max_s, settings.abort_backoff_s * 2 ** min(failures - 1, 10)))

    def _resume_later(self, job_id: JobId) -> None:
        """Doris resumes some pauses by itself; ask again every ten seconds while the job stays paused."""
        change = self._changes[job_id]

        def work() -> None:
            job = self._parts.bookkeeper.auto_resume(job_id, 0)
            if job is not None:
                self._agenda.call(self._consider if job.state is not JobState.PAUSED else again, job)

        def again(job: Job) -> None:
            if self._changes[job.id] == change:
                self._agenda.due(10.0, lambda: self._agenda.in_background(work))

        self._agenda.due(10.0, lambda: self._agenda.in_background(work))

    # -- partitions that come and go ----------------------------------------------------------------------------------

    def _refresh(self, run: JobRun) -> None:
        if run.closed:
            return
        plan = run.plan

        def work() -> None:
            try:
                self._parts.bookkeeper.check_target(plan.job)
                partitions, ends = self._parts.planner.look(plan.job, plan.kafka)
            except SourceUnavailable:
                self._agenda.call(self._refresh_later, run)
            except RoutineLoadError as error:
                self._agenda.call(self._fail_job, run, error)
            else:
                self._agenda.call(self._refreshed, run, partitions, ends)

        self._agenda.in_background(work)

    def _refreshed(self, run: JobRun, partitions: tuple[PartitionId, ...], ends: dict[PartitionId, int]) -> None:
        if run.closed:
            return
        for partition, end in ends.items():
            run.ends[partition] = max(end, run.progress.get(partition, 0))
        if set(partitions) != set(run.plan.partitions):
            log.info(events.PARTITIONS_CHANGED, job_id=run.job_id, partitions=len(partitions))
            self._replan(run)
            return
        for part in run.slices:
            if part.control is None and any(run.ends.get(p, 0) > run.progress[p] for p in part.partitions):
                self._slice_due(run, part, 0)
        self._refresh_later(run)

    def _refresh_later(self, run: JobRun) -> None:
        self._agenda.due(self._parts.settings.partition_refresh_s, lambda: self._refresh(run))

    def _replan(self, run: JobRun) -> None:
        async def replan() -> None:
            await self._take_out(run.job_id)
            change = self._changes[run.job_id]
            self._retry_plan(run.job_id, change)

        self._agenda.spawn(replan())

    # -- tasks --------------------------------------------------------------------------------------------------------

    def _slice_due(self, run: JobRun, part: Slice, after_s: float) -> None:
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
            self._slice_due(run, part, 1.0)
            return
        part.backend = backend
        part.task_id = part.task_id if part.txn_id is None else _new_task_id()
        part.txn_id = TxnId(next(self._txn_ids))
        part.started_at = parts.clock.now()
        part.txn_status, part.message = "UNKNOWN", "task submitted to execute"
        control = part.control = TaskControl()
        run.note_idle()
        task = run.task_of(part)
        parts.backends.run(backend, run.job_id, lambda: self._execute(run, part, task, control))

    def _execute(self, run: JobRun, part: Slice, task: Task, control: TaskControl) -> None:
        """In the backend's thread: run the task and book what it committed."""
        try:
            report = self._parts.runner.run(task, control)
            job = self._parts.bookkeeper.committed(report.record) if report.record is not None else None
        except RoutineLoadError as error:
            self._agenda.call(self._failed, run, part, error)
        except Exception as error:
            log.exception(events.SCHEDULER_FAULT, job_id=run.job_id, task_id=task.id)
            self._agenda.call(self._failed, run, part, _unknown_fault(error))
        else:
            self._agenda.call(self._finished, run, part, report, job)

    def _finished(self, run: JobRun, part: Slice, report: TaskReport, job: Job | None) -> None:
        self._release(run, part)
        part.failures = 0
        if report.outcome is not TaskOutcome.CANCELLED:
            run.advance(dict(report.positions))
        if report.record is not None:
            counts = report.record.counts
            part.txn_status = "VISIBLE"
            log.info(
                events.TASK_FINISHED,
                job_id=run.job_id,
                task_id=report.record.task_id,
                label=report.record.label,
                loaded=counts.loaded,
                filtered=counts.filtered,
                unselected=counts.unselected,
                received_bytes=counts.received_bytes,
                execute_ms=report.record.execute_ms,
            )
        if job is not None and job.state is not JobState.RUNNING:
            self._close(run)
            if job.state is JobState.PAUSED:
                self._resume_later(run.job_id)
        if run.closed:
            return
        if report.caught_up:
            interval = run.plan.job.definition.properties.max_batch_interval_s
            part.message = NO_DATA.format(interval=interval)
            self._parts.watch.watch(
                run.job_id,
                run.plan.kafka,
                {p: run.progress[p] for p in part.partitions},
                lambda _: self._agenda.call(self._slice_due, run, part, 0),
            )
        else:
            self._slice_due(run, part, 0)

    def _failed(self, run: JobRun, part: Slice, error: RoutineLoadError) -> None:
        self._release(run, part)
        part.failures += 1
        part.txn_status = "ABORTED"
        definition = run.plan.job.definition
        verdict = judge(
            Case(
                error=error,
                compat=definition.compat,
                multi_table=definition.is_multi_table,
                failures=part.failures,
            )
        )
        log.warning(events.TASK_ABORTED, job_id=run.job_id, task_id=part.task_id, error=type(error).__name__)
        if run.closed:
            return
        part.message = f"previous task aborted because of {verdict.text}"
        if verdict.step is Step.RETRY:
            self._agenda.in_background(lambda: self._parts.bookkeeper.aborted(run.job_id, verdict.text))
            self._slice_due(run, part, self._backoff(part.failures))
        elif verdict.step is Step.REPLAN:
            self._replan(run)
        else:
            self._fail_job(run, error, part.failures)

    def _fail_job(self, run: JobRun, error: RoutineLoadError, failures: int = 99) -> None:
        if run.closed:
            return
        self._close(run)

        def work() -> None:
            job = self._parts.bookkeeper.failed(run.job_id, error, failures)
            if job.state is JobState.PAUSED:
                self._agenda.call(self._resume_later, job.id)

        self._agenda.in_background(work)

    def _release(self, run: JobRun, part: Slice) -> None:
        part.control = None
        part.started_at = None
        run.note_idle()
        if run.closed and run.running == 0:
            self._draining[run.job_id].remove(run)
            if not self._draining[run.job_id]:
                del self._draining[run.job_id]

    def _close(self, run: JobRun) -> None:
        """No more tasks of this run; those that run are cancelled unless they commit."""
        run.closed = True
        self._changes[run.job_id] += 1
        if self._runs.get(run.job_id) is run:
            del self._runs[run.job_id]
        self._parts.watch.forget(run.job_id)
        run.note_idle()
        if run.running:
            self._draining[run.job_id].append(run)
        for part in run.slices:
            if part.control is not None:
                part.control.cancel()

    async def _take_out(self, job_id: JobId) -> None:
        """Afterwards no task of the job runs: neither of its run nor of one that was closed before."""
        self._changes[job_id] += 1
        if job_id in self._runs:
            self._close(self._runs[job_id])
        for run in list(self._draining.get(job_id, ())):
            await run.idle.wait()


def _unknown_fault(error: Exception) -> BrokenInvariant:
    """An exception that nobody planned for; its text may hold data, its type may not."""
    return BrokenInvariant(f"an unexpected {type(error).__name__} stopped the task; the log has it")


def _new_task_id() -> TaskId:
    return TaskId(str(uuid.uuid4()))
