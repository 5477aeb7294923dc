"""The scheduler: due jobs are planned, due slices get a task, ended tasks decide what is due next.

All state belongs to one asyncio loop (``agenda``); blocking work (planning, bookkeeping, the tasks themselves) runs in
threads and comes back to it.

Invariants:
- A slice has at most one task at a time; a new one is made only after the last one ended.
- Inside ``exclusively`` no task of the job runs, and nothing that began before brings one back or changes its state:
  plans, failures and automatic resumes ask ``Roster.still`` and are dropped when the job was changed meanwhile.
- A committed task is booked in the metadata (``Job.after_commit``) before its slice is due again or a statement may
  change the job; what the metadata refuses is written again and again.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from routine_load.backends.local import BackendFacts
from routine_load.errors import ExecutionError, JobNotFound, RoutineLoadError
from routine_load.ids import JobId, PartitionId
from routine_load.jobs.auto_resume import may_ever
from routine_load.jobs.job import Job
from routine_load.jobs.states import JobState
from routine_load.observe import events
from routine_load.observe.logs import logger
from routine_load.scheduler.dispatch import Dispatcher, Moves
from routine_load.scheduler.doors import Doors
from routine_load.scheduler.parts import Parts
from routine_load.scheduler.refreshing import Found, Refresher
from routine_load.scheduler.roster import Roster
from routine_load.scheduler.run import BACKENDS_AGAIN, NO_BACKENDS, JobRun, Plan
from routine_load.scheduler.verdict import Verdict, unknown_fault

log = logger("scheduler")

Still = Callable[[], bool]
"""Whether nothing has happened to a job since the question was made (``Roster.still``)."""


class Scheduler:
    """Start and stop it on its loop; the other public methods may be called from any thread."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._agenda = parts.agenda
        self._doors = Doors()
        self._roster = Roster(self._run_closed)
        self._plan_failures: defaultdict[JobId, int] = defaultdict(int)
        self._undivided: dict[JobId, Still] = {}
        self._without_backends: set[JobId] = set()
        self._brokers: dict[JobId, str] = {}
        """Whom planning a job will ask."""
        moves = Moves(consider=self._consider, plan_anew=self._plan_anew, fail=self._fail_job)
        self._dispatcher = Dispatcher(parts, self._roster, moves)
        self._refresher = Refresher(parts, self._refreshed, self._fail_job)

    def _run_closed(self, job_id: JobId) -> None:
        self._parts.watch.forget(job_id)
        self._dispatcher.closed(job_id)

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Recover every live job, then plan those that want to run. After ``stop`` or ``halt``, it begins anew."""
        self._agenda.open()
        for job in await self._agenda.in_thread(self._parts.bookkeeper.recover):
            self._consider(job)
        self._agenda.start()

    async def stop(self, drain_s: float) -> None:
        """No new tasks; running ones are cancelled, committing ones waited for (bounded)."""
        self._agenda.stopping = True
        try:
            async with asyncio.timeout(drain_s):
                await asyncio.gather(*map(self._take_out, self._roster.jobs()))
        except TimeoutError:  # what they did not commit is read again after the next start
            log.warning(events.TASKS_LEFT, jobs=len(self._roster.jobs()))
        finally:
            self.halt()

    def halt(self) -> None:
        """As ``stop``, and nothing is waited for: another coordinator leads, or is about to."""
        self._roster.withdraw_all()
        self._plan_failures.clear()
        self._undivided.clear()
        self._without_backends.clear()
        self._dispatcher.clear()
        self._refresher.clear()
        self._brokers.clear()
        self._agenda.stop()

    # -- from any thread ----------------------------------------------------------------------------------------------

    def job_created(self, job_id: JobId) -> None:
        """There is a new job: plan it now."""
        self._agenda.call(self._look_again, job_id)

    @contextmanager
    def exclusively(self, job_id: JobId, timeout_s: float = 60.0, *, settled: bool = False) -> Iterator[None]:
        """Inside, no task of the job runs and no other statement changes it; then it goes on in whatever state it is.

        ``settled``: nor is a commit of it open, unless it is in doubt. Raises ExecutionError where its tasks do not end
        in time, or where such a commit does not; the job then goes on as before.
        """
        with self._doors.enter(job_id, timeout_s):
            try:
                self._quiesce(job_id, timeout_s)
                if settled:
                    self._parts.bookkeeper.settle(job_id)
                yield
            finally:
                self._agenda.call(self._look_again, job_id)

    def _quiesce(self, job_id: JobId, timeout_s: float) -> None:
        try:
            self._agenda.wait_for(self._take_out(job_id), timeout_s)
        except TimeoutError as cause:
            raise ExecutionError(
                f"tasks of job {job_id} are committing and did not end within {timeout_s:g} s; try again"
            ) from cause
        self._parts.bookkeeper.catch_up(job_id)

    def commit_settled(self, job_id: JobId) -> None:
        """A commit of the job that had been left open has ended, or came into doubt: book it, and go on."""

        def work() -> None:
            if self._roster.get(job_id) is not None:
                self._parts.bookkeeper.catch_up(job_id)
                return
            with suppress(JobNotFound), self.exclusively(job_id):
                pass  # it is booked, and the job is looked at again, as behind any statement

        self._agenda.call(self._insist, work, lambda: True)

    def run_of(self, job_id: JobId) -> JobRun | None:
        """The job's run, to be read only; None while it has no tasks."""
        return self._roster.get(job_id)

    def last_ends(self, job: Job) -> Mapping[PartitionId, int]:
        """Ends of the log as they were seen last; a job that is paused keeps them."""
        return self._roster.last_ends(job.id, job.definition.source.topic)

    def backends(self) -> list[BackendFacts]:
        """What SHOW BACKENDS prints."""
        return self._parts.backends.facts()

    def forget(self, job_id: JobId) -> None:
        """The job is over and its record is gone: so is what is kept of it here."""
        self._doors.forget(job_id)
        self._agenda.call(self._forget, job_id)

    def _forget(self, job_id: JobId) -> None:
        self._roster.forget(job_id)
        self._plan_failures.pop(job_id, None)
        self._brokers.pop(job_id, None)

    def setting_changed(self, name: str) -> None:
        """ADMIN SET: what asks each time needs no telling; how running jobs are divided does."""
        if name == "max_routine_load_task_concurrent_num":
            self._agenda.call(self._divide_anew)

    def nodes_changed(self) -> None:
        """There are more or fewer nodes that take loads: running jobs are divided anew. From any thread."""
        self._agenda.call(self._divide_anew)

    def _divide_anew(self) -> None:
        for run in self._roster.runs():
            wanted = self._parts.planner.concurrency(run.plan.job, len(run.plan.partitions))
            if wanted != run.plan.concurrency:
                self._plan_anew(run.job_id)
        for job_id, still in self._undivided.items():
            self._plan(job_id, still)
        self._undivided.clear()

    # -- planning -----------------------------------------------------------------------------------------------------

    def _consider(self, job: Job) -> None:
        self._brokers[job.id] = job.definition.source.brokers
        if job.state.is_active:
            self._plan_anew(job.id)
        elif job.state is JobState.PAUSED and may_ever(job.definition.compat, job.reason):
            self._resume_later(job.id)

    def _look_again(self, job_id: JobId) -> None:
        """Do what the job's state asks for, whatever was being done for it."""
        self._roster.withdraw(job_id)
        still = self._roster.still(job_id)

        def work() -> None:
            job = self._parts.bookkeeper.jobs.get(job_id)
            if job is not None:
                self._agenda.call(self._consider_if, still, job)

        self._insist(work, still)

    def _consider_if(self, still: Still, job: Job) -> None:
        if still():
            self._consider(job)

    async def _take_out(self, job_id: JobId) -> None:
        """Afterwards no task of the job runs: neither of its run nor of one that was closed before."""
        self._roster.withdraw(job_id)
        await self._roster.drained(job_id)

    def _plan_anew(self, job_id: JobId) -> None:
        """Plan as soon as no task of the job runs, unless the job is changed before."""
        self._roster.withdraw(job_id)
        still = self._roster.still(job_id)

        async def plan() -> None:
            await self._roster.drained(job_id)
            self._plan(job_id, still)

        self._agenda.spawn(plan())

    def _plan(self, job_id: JobId, still: Still) -> None:
        if not still() or self._agenda.stopping:
            return

        def work() -> None:
            try:
                plan = self._parts.bookkeeper.plan(job_id, self._parts.planner, still)
            except RoutineLoadError as error:
                self._agenda.call(self._planning_failed, job_id, still, error)
            except Exception as error:
                log.exception(events.SCHEDULER_FAULT, job_id=job_id)
                self._agenda.call(self._planning_failed, job_id, still, unknown_fault(error))
            else:
                self._agenda.call(
                    *((self._planned, still, plan) if plan is not None else (self._plan_later, job_id, still))
                )

        self._agenda.asking_kafka(work, self._brokers.get(job_id, ""))

    def _plan_later(self, job_id: JobId, still: Still) -> None:
        """There may be no task now (no backend, or none allowed): StarRocks, Doris try again every round."""
        if still():
            self._undivided[job_id] = still
            self._agenda.due(self._parts.interval_s, lambda: self._plan_undivided(job_id, still))
            if not self._parts.backends.alive and job_id not in self._without_backends:  # said once, not every round
                self._without_backends.add(job_id)
                self._agenda.in_background(lambda: self._parts.bookkeeper.noted(job_id, NO_BACKENDS, still))

    def _plan_undivided(self, job_id: JobId, still: Still) -> None:
        if self._undivided.get(job_id) is still:
            del self._undivided[job_id]
            self._plan(job_id, still)

    def _planned(self, still: Still, plan: Plan) -> None:
        job_id = plan.job.id
        if not still() or self._agenda.stopping:
            return
        run = JobRun.of(plan, self._parts.clock.now(), self._parts.clock.monotonic())
        self._roster.open(run)
        self._plan_failures.pop(job_id, None)
        if job_id in self._without_backends:
            self._without_backends.discard(job_id)
            self._agenda.in_background(lambda: self._parts.bookkeeper.noted(job_id, BACKENDS_AGAIN, still))
        log.info(events.JOB_PLANNED, job_id=job_id, tasks=len(run.slices), partitions=len(plan.partitions))
        for part in run.slices:
            self._dispatcher.slice_due(run, part, run.rhythm.first_s)
        self._refresher.add(run)

    def _planning_failed(self, job_id: JobId, still: Still, error: RoutineLoadError) -> None:
        if not still() or self._agenda.stopping:
            return
        self._plan_failures[job_id] += 1
        failures = self._plan_failures[job_id]

        def work() -> None:
            job = self._parts.bookkeeper.planning_failed(job_id, error, failures, still)
            if job.state.is_active:
                self._agenda.call(self._agenda.due, self._parts.backoff_s(failures), lambda: self._plan(job_id, still))
            else:
                self._agenda.call(self._consider_if, still, job)

        self._insist(work, still)

    def _insist(self, work: Callable[[], None], still: Still) -> None:
        """Blocking work that has to get through, unless the job is changed before."""
        self._agenda.insist(work, still, self._parts.backoff_s)

    def _resume_later(self, job_id: JobId) -> None:
        """Some pauses end by themselves; ask again every round while the job stays paused."""
        still = self._roster.still(job_id)

        def work() -> None:
            job = self._parts.bookkeeper.auto_resume(job_id, self._parts.backends.dead, still)
            if job is not None:
                self._agenda.call(self._consider_if, still, job)

        self._agenda.due(self._parts.interval_s, lambda: self._insist(work, still))

    # -- partitions that come and go ----------------------------------------------------------------------------------

    def _refreshed(self, run: JobRun, found: Found) -> None:
        for partition, end in found.ends.items():
            run.ends[partition] = max(end, run.progress.get(partition, 0))
        if set(found.partitions) != set(run.plan.partitions):
            log.info(events.PARTITIONS_CHANGED, job_id=run.job_id, partitions=len(found.partitions))
            self._plan_anew(run.job_id)
            return
        for part in run.slices:
            if part.control is None and any(run.ends.get(p, 0) > run.progress[p] for p in part.partitions):
                self._dispatcher.slice_due(run, part, 0)

    def _fail_job(self, run: JobRun, verdict: Verdict) -> None:
        if run.closed:
            return
        self._roster.withdraw(run.job_id)
        still = self._roster.still(run.job_id)

        def work() -> None:
            job = self._parts.bookkeeper.failed(run.job_id, verdict, still)
            self._agenda.call(self._consider_if, still, job)

        async def fail() -> None:
            # what the other tasks commit is booked first: nothing becomes visible behind the job's end
            await self._roster.drained(run.job_id)
            self._insist(work, still)

        self._agenda.spawn(fail())
