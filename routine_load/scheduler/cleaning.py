"""The cleaner: jobs that ended are forgotten after their time, or when there are too many (``jobs.forgetting``).

Its work in one round is bounded; what is left over comes with the next, a moment later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from routine_load.clock import Clock
from routine_load.ids import Compat, JobId
from routine_load.jobs.forgetting import Census, forgettable
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.job import Job
from routine_load.loads.ports import Sink
from routine_load.observe import events
from routine_load.observe.logs import logger
from routine_load.scheduler.agenda import Agenda

log = logger("cleaner")

FORGOTTEN_AT_ONCE: Final = 200
EVERY_S: Final = 60.0
_MORE_S: Final = 1.0


class EndedJobs(Protocol):
    """The store of jobs, as cleaning needs it."""

    def final(self) -> Sequence[Job]: ...

    def count(self) -> int: ...

    def delete_final(self, job_id: JobId) -> None: ...


class Cleaner:
    """``start`` on the agenda's loop; ``soon`` from any thread."""

    def __init__(
        self,
        agenda: Agenda,
        jobs: EndedJobs,
        sink: Sink,
        frontend_config: Callable[[], tuple[Compat, FrontendConfig]],
        clock: Clock,
    ) -> None:
        self.forgotten: Callable[[JobId], None] = lambda _: None
        """Told of each job whose record is gone."""
        self._agenda = agenda
        self._jobs = jobs
        self._sink = sink
        self._config = frontend_config
        self._clock = clock
        self._rounds = 0

    def start(self) -> None:
        self._come_later(0)

    def soon(self) -> None:
        """A setting changed: do not wait for the next round."""
        self._agenda.call(self._come_later, 0)

    def _come_later(self, after_s: float) -> None:
        self._rounds += 1
        round_ = self._rounds
        self._agenda.due(after_s, lambda: self._come(round_))

    def _come(self, round_: int) -> None:
        if round_ == self._rounds:  # another one was asked for meanwhile
            self._agenda.in_background(self._clean)

    def _clean(self) -> None:
        """In a thread. Progress goes first: a job whose record is gone could not be found again."""
        after_s = min(EVERY_S, self._config()[1].label_clean_interval_second)
        try:
            if self.clean() == FORGOTTEN_AT_ONCE:
                after_s = _MORE_S
        except Exception:  # the next round comes in any case
            log.exception(events.SCHEDULER_FAULT)
        self._agenda.call(self._come_later, after_s)

    def clean(self) -> int:
        """One round; how many jobs were forgotten."""
        compat, config = self._config()
        census = Census(ended=self._jobs.final(), total=self._jobs.count())
        chosen = forgettable(census, compat, config, self._clock.now())[:FORGOTTEN_AT_ONCE]
        for job_id in chosen:
            self._sink.forget_job(job_id)
            self._jobs.delete_final(job_id)
            self.forgotten(job_id)
        if chosen:
            log.info(events.JOBS_FORGOTTEN, jobs=len(chosen))
        return len(chosen)
