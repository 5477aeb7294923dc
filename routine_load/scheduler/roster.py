"""The roster: which run each job has, which runs still end, and how often a job was changed.

Belongs to the scheduler's loop; ``still`` may be asked from any thread. Invariant: whatever was begun for a job before
its last change finds that ``still`` says no, and does nothing.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable

from routine_load.ids import JobId, PartitionId
from routine_load.scheduler.run import JobRun, Slice


class Roster:
    """``closed`` is told of each job whose run ends."""

    def __init__(self, closed: Callable[[JobId], None]) -> None:
        self._closed = closed
        self._runs: dict[JobId, JobRun] = {}
        self._changes: dict[JobId, int] = {}
        self._numbers = itertools.count(1)
        self._terms = 0
        self._draining: defaultdict[JobId, list[JobRun]] = defaultdict(list)
        self._last_ends: dict[JobId, tuple[str, dict[PartitionId, int]]] = {}

    def last_ends(self, job_id: JobId, topic: str) -> dict[PartitionId, int]:
        """Ends of that topic's log as a run of the job saw them last; they outlive PAUSE (StarRocks, Doris: SHOW)."""
        run = self._runs.get(job_id)
        of, ends = (run.plan.kafka.topic, run.ends) if run else self._last_ends.get(job_id, ("", {}))
        return dict(ends) if of == topic else {}

    def get(self, job_id: JobId) -> JobRun | None:
        return self._runs.get(job_id)

    def runs(self) -> list[JobRun]:
        return list(self._runs.values())

    def jobs(self) -> set[JobId]:
        """Jobs that have a run, or one that still ends."""
        return {*self._runs, *self._draining}

    def open(self, run: JobRun) -> None:
        assert run.job_id not in self._runs, run.job_id
        self._runs[run.job_id] = run
        self._last_ends.pop(run.job_id, None)

    def still(self, job_id: JobId) -> Callable[[], bool]:
        """Whether nothing has happened to the job since now."""
        change, term = self._changes.get(job_id, 0), self._terms
        return lambda: self._changes.get(job_id, 0) == change and self._terms == term

    def withdraw_all(self) -> None:
        """Of no job, whether it has a run or not: whatever is under way counts no more."""
        self._terms += 1
        for job_id in list(self._runs):
            self.withdraw(job_id)

    def withdraw(self, job_id: JobId) -> None:
        """No new task of the job, and nothing that is under way for it counts any more."""
        self._changes[job_id] = next(self._numbers)
        run = self._runs.pop(job_id, None)
        if run is None:
            return
        run.closed = True
        self._last_ends[job_id] = (run.plan.kafka.topic, run.ends)
        self._closed(job_id)
        run.note_idle()
        if run.running:
            self._draining[job_id].append(run)
        for part in run.slices:
            if part.control is not None:
                part.control.cancel()

    def ended(self, run: JobRun, part: Slice) -> None:
        """The slice's task has ended, and is booked if it committed."""
        part.control = None
        part.started_at = None
        run.note_idle()
        if run.closed and run.running == 0:
            self._draining[run.job_id].remove(run)
            if not self._draining[run.job_id]:
                del self._draining[run.job_id]

    def forget(self, job_id: JobId) -> None:
        """The job is over: it has no run and gets none."""
        assert job_id not in self._runs, job_id
        self._changes.pop(job_id, None)
        self._last_ends.pop(job_id, None)

    async def drained(self, job_id: JobId) -> None:
        """Wait until no task of the job runs: it must have been withdrawn."""
        for run in list(self._draining.get(job_id, ())):
            await run.idle.wait()
