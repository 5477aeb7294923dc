"""Bookkeeping: every change that scheduling makes to a job's record, and recovery at start.

Blocking; called from worker threads. Invariants: the sink's progress is the truth and the record follows it; committed
batches are booked in the sink's order whoever books them, by the same method live and in recovery; a state change
names its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

from routine_load.clock import Clock
from routine_load.commit.values import CommitRecord
from routine_load.errors import (
    CommitUnsettled,
    ExecutionError,
    InDoubt,
    JobStateError,
    MetadataOlder,
    RoutineLoadError,
    TargetUnavailable,
)
from routine_load.ids import Compat, JobId
from routine_load.jobs.auto_resume import AutoResumeFacts, decide
from routine_load.jobs.budget import is_empty_load
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.job import Job, OutOfStep, reconciled
from routine_load.jobs.ports import RowCounts
from routine_load.jobs.reasons import Cause, reason
from routine_load.jobs.states import JobState, Reason
from routine_load.loads.ports import Sink
from routine_load.loads.rejects import RejectLog
from routine_load.observe import events
from routine_load.observe.failpoints import failpoint
from routine_load.observe.logs import logger
from routine_load.scheduler.planning import Planner
from routine_load.scheduler.run import Plan
from routine_load.scheduler.verdict import Step, Verdict, case_of, judge

log = logger("bookkeeping")

RECOVERED_AT_ONCE: Final = 200
"""Jobs that are written in one transaction at a start."""


class Jobs(Protocol):
    """The store of jobs, as scheduling needs it."""

    def get(self, job_id: JobId) -> Job | None: ...

    def all_live(self) -> list[Job]: ...

    def modify(self, job_id: JobId, change: Callable[[Job], Job]) -> Job:
        """Change one record atomically; ``change`` may be called again on a conflict."""
        ...

    def modify_all(self, job_ids: Sequence[JobId], change: Callable[[Job], Job]) -> list[Job]:
        """``modify`` of several, not thousands, written together where nobody else writes them meanwhile."""
        ...


@dataclass(slots=True, kw_only=True)
class Bookkeeper:
    jobs: Jobs
    sink: Sink
    reject_log: RejectLog
    clock: Clock
    frontend_config: Callable[[Compat], FrontendConfig]

    def recover(self) -> list[Job]:
        """Bring every live job up to the sink; returns them. Runs before anything is scheduled."""
        rejects = set(self.sink.open_rejects())
        recovered: list[Job] = []
        failpoint("recovery.scan.before")
        live = self.jobs.all_live()
        failpoint("recovery.scan.after")
        for first in range(0, len(live), RECOVERED_AT_ONCE):
            together = [job.id for job in live[first : first + RECOVERED_AT_ONCE]]
            failpoint("recovery.resolve.before")
            recovered += self.jobs.modify_all(together, lambda job: self._recovered(job, rejects))
            failpoint("recovery.resolve.after")
        self.reject_log.settle(rejects.__contains__)
        log.info(events.JOB_RECOVERED, jobs=len(recovered))
        return recovered

    def _recovered(self, job: Job, rejects: set[str]) -> Job:
        """``rejects`` gets the files of rejected rows that the records name which were not booked."""
        records = self._newest_records(job)
        rejects.update(record.rejects for record in records if record.rejects)
        if self._is_replaced(job):
            if not job.state.is_active:
                return job
            text = self._told_replaced(job)
            return job.paused(reason(Cause.IN_DOUBT, job.definition.compat, detail=text), self.clock.now())
        now = self.clock.now()
        if job.is_unchecked:
            return job  # the sink knows nothing of it yet; planning places all its partitions at once
        if job.placing:
            self.sink.place(job.id, job.placing, only=job.places_all)
            return job.settled(_newest(records))
        try:
            is_error = partial(self.counts_as_error, job)
            for record in records:
                self.reject_log.publish(record.rejects)  # as ``catch_up`` does, before it is booked
            job = reconciled(job, records, self.sink.progress(job.id), is_error)
        except OutOfStep as doubt:
            job = doubt.follow(job)
            return (
                job.paused(reason(Cause.IN_DOUBT, job.definition.compat, detail=doubt.message), now)
                if job.state.is_active
                else job
            )
        return job.rescheduled(now) if job.state is JobState.RUNNING else job

    def _newest_records(self, job: Job) -> list[CommitRecord]:
        """From the one that was booked last on, where the sink has it: that is nearly always, and few. Else all."""
        if job.sequence and not job.placing and (newest := self.sink.commits_after(job.id, job.sequence - 1)):
            return newest
        return self.sink.commits_after(job.id, 0)

    def _is_replaced(self, job: Job) -> bool:
        """Whether the job's progress belongs to another sink; not while this one cannot say which it is."""
        try:
            return job.sink_incarnation != self.sink.incarnation
        except TargetUnavailable:
            return False

    def _told_replaced(self, job: Job) -> str:
        return (
            f"the target was replaced: it is {self.sink.incarnation}, the job's progress belongs to "
            f"{job.sink_incarnation}. ALTER the offsets and RESUME, or STOP the job"
        )

    def plan(self, job_id: JobId, planner: Planner, is_current: Callable[[], bool]) -> Plan | None:
        """Plan an active job and set it RUNNING; None where it is not active any more, or came too late."""
        job = self.jobs.get(job_id)
        if job is None or not job.state.is_active:
            return None
        if job.sink_incarnation != self.sink.incarnation:
            raise InDoubt(self._told_replaced(job))
        failpoint("job.claim.before")
        self.sink.settle(job_id)
        job = self.catch_up(job_id)
        failpoint("job.claim.after")
        if job.is_unchecked:
            job = self._checked(job, planner, is_current)
        if job.placing:
            # CREATE and ALTER write the record only; whoever plans next tells the sink, before any task runs.
            failpoint("job.place.before")
            if not planner.place(job_id, job.placing, is_current, only=job.places_all):
                return None
            failpoint("job.place.after")
            placed, newest = job.placing, _newest(self.sink.commits_after(job_id, 0))
            job = self.jobs.modify(job_id, lambda j: j.settled(newest) if j.placing == placed else j)
        plan = planner.plan(job, is_current)
        if plan is None or plan.concurrency == 0:
            return None

        def started(current: Job) -> Job:
            if not current.state.is_active or not is_current():
                return current
            missing = {p: o for p, o in plan.progress.items() if p not in current.progress}
            started = current.placed(missing).scheduled(self.clock.now())
            return replace(started, topic_id=current.topic_id or plan.topic_id)

        failpoint("task.plan.before")
        job = self.jobs.modify(job_id, started)
        failpoint("task.plan.after")
        return replace(plan, job=job) if job.state is JobState.RUNNING and is_current() else None

    def _checked(self, job: Job, planner: Planner, is_current: Callable[[], bool]) -> Job:
        """What CREATE did not check is checked, and its offsets are numbers from now on."""
        starts = planner.starts(job)
        return self.jobs.modify(job.id, lambda j: j.starting_at(starts) if j.is_unchecked and is_current() else j)

    def planning_failed(
        self, job_id: JobId, error: RoutineLoadError, failures: int, is_current: Callable[[], bool]
    ) -> Job:
        """Kafka that does not answer is asked again, saying so in OtherMsg; anything else pauses or cancels."""
        return self._judged(job_id, lambda job: judge(case_of(job, error, failures, planning=True)), is_current)

    def catch_up(self, job_id: JobId) -> Job:
        """Book whatever the sink holds of a job and the record does not, in the sink's order."""
        before = -1

        def booked(job: Job) -> Job:
            nonlocal before
            before = job.sequence
            if job.placing or self._is_replaced(job):
                return job  # ALTER came behind everything that was to be booked; another file's commits are not ours
            for record in self.sink.commits_after(job.id, job.sequence):
                # Before it is booked: once it is, the sink may forget the record, and a start the file.
                self.reject_log.publish(record.rejects)
                job = job.after_commit(record, is_error=self.counts_as_error(job, record.counts))
            return job

        failpoint("commit.mirror.before")
        job = self.jobs.modify(job_id, booked)
        failpoint("commit.mirror.after")
        if job.sequence != before:
            self.sink.forget_commits(job.id, job.sequence)
        return job

    def settle(self, job_id: JobId) -> None:
        """Bring to its end what commit of the job is open. Raises ExecutionError where that cannot be had now."""
        try:
            self.sink.settle(job_id)
        except CommitUnsettled as cause:
            raise ExecutionError(f"job {job_id} {cause.message}; try again") from cause
        except MetadataOlder:
            pass  # nothing of the job is under way, and its offsets have to be set right
        except InDoubt as cause:
            raise ExecutionError(f"job {job_id} has a transaction in doubt: {cause.message}") from cause
        self.catch_up(job_id)

    def counts_as_error(self, job: Job, counts: RowCounts) -> bool:
        """StarRocks: a batch of which no row was loaded is an aborted task, where the front end says so."""
        compat = job.definition.compat
        return compat is Compat.STARROCKS and is_empty_load(counts) and self.frontend_config(compat).empty_load_as_error

    def aborted(self, job_id: JobId, text: str) -> Job:
        """A task left nothing behind and will be repeated."""
        return self.jobs.modify(job_id, lambda job: job.after_abort(text, self.clock.now()))

    def noted(self, job_id: JobId, text: str, is_current: Callable[[], bool]) -> Job:
        """Something that is no failure of the job's is said in OtherMsg."""
        return self.jobs.modify(job_id, lambda job: job.noted(text, self.clock.now()) if is_current() else job)

    def failed(self, job_id: JobId, verdict: Verdict, is_current: Callable[[], bool]) -> Job:
        """Pause or cancel a running job for an error, or note it where it will be tried again."""
        return self._judged(job_id, lambda _: verdict, is_current)

    def _judged(self, job_id: JobId, verdict_of: Callable[[Job], Verdict], is_current: Callable[[], bool]) -> Job:
        """A job that was changed since is left alone."""

        def judged(job: Job) -> Job:
            if not is_current():
                return job
            verdict, now = verdict_of(job), self.clock.now()
            if verdict.of_task:
                job = job.after_abort(verdict.text, now, verdict.rejects)
            try:
                if verdict.step is Step.PAUSE:
                    return job.paused(Reason(verdict.code, verdict.text), now)
                if verdict.step is Step.CANCEL:
                    return job.cancelled(Reason(verdict.code, verdict.text), now)
            except JobStateError:
                return job
            return job.noted(verdict.text, now)

        job = self.jobs.modify(job_id, judged)
        log.warning(
            events.JOB_STATE_CHANGED, job_id=job_id, state=job.state, reason=int(job.reason.code) if job.reason else 0
        )
        return job

    def auto_resume(self, job_id: JobId, dead_backends: int, is_current: Callable[[], bool]) -> Job | None:
        """Resume a paused job where the vendor's rule says so; None for a job that is gone or runs."""

        def decided(job: Job) -> Job:
            if job.state is not JobState.PAUSED or not is_current():
                return job
            compat = job.definition.compat
            facts = AutoResumeFacts(
                now=self.clock.now(), dead_backends=dead_backends, config=self.frontend_config(compat)
            )
            decision = decide(compat, job.reason, job.auto_resume, facts)
            if decision.resume:
                return job.auto_resumed(decision.memory, self.clock.now())
            return job if decision.memory == job.auto_resume else replace(job, auto_resume=decision.memory)

        before = self.jobs.get(job_id)
        if before is None or before.state is not JobState.PAUSED:
            return None
        return self.jobs.modify(job_id, decided)

    def check_target(self, job: Job) -> None:
        """Raises UnknownDatabase or UnknownTable where a single-table job's table is gone."""
        if job.definition.table_ref is not None:
            self.sink.table(job.definition.table_ref)


def _newest(records: Sequence[CommitRecord]) -> int:
    return max((record.sequence for record in records), default=0)
