"""Where the figures of /metrics come from: counters, the store's jobs, the scheduler's runs; and Kafka, timed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from routine_load.clock import Clock, Deadline
from routine_load.config import Settings
from routine_load.ids import Compat, PartitionId
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.job import Job
from routine_load.jobs.metrics import JobFacts, MetricFacts, families
from routine_load.jobs.states import JobState
from routine_load.observe.metrics import Counters, Family
from routine_load.scheduler.ports import KafkaMetadata
from routine_load.scheduler.scheduler import Scheduler
from routine_load.store.jobs import JobStore
from routine_load.tasks.ports import KafkaSpec

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Asked by the HTTP door, in its worker threads, once a scrape."""

    settings: Settings
    counters: Counters
    jobs: JobStore
    scheduler: Scheduler
    frontend_config: Callable[[Compat], FrontendConfig]
    clock: Clock

    def families(self) -> list[Family]:
        """Raises MetadataError."""
        compat = self.settings.compat
        facts = MetricFacts(
            totals=self.counters.totals(),
            jobs=[self._facts(job) for job in self.jobs.list(None)],
            config=self.frontend_config(compat),
            now=self.clock.now(),
        )
        return families(compat, facts)

    def _facts(self, job: Job) -> JobFacts:
        run = self.scheduler.run_of(job.id)
        return JobFacts(job=job) if run is None else JobFacts(job=job, ends=dict(run.ends))


def count_pauses(counters: Counters) -> Callable[[Job, Job], None]:
    """For the store: told of each change of a job that was saved."""

    def saved(before: Job, after: Job) -> None:
        if after.state is JobState.PAUSED and before.state is not JobState.PAUSED:
            counters.job_paused()

    return saved


@dataclass(frozen=True, slots=True)
class TimedMetadata:
    """Kafka's metadata, with every question counted."""

    asked: KafkaMetadata
    counters: Counters
    clock: Clock

    def partitions(self, spec: KafkaSpec, deadline: Deadline) -> tuple[PartitionId, ...]:
        return self._timed(lambda: self.asked.partitions(spec, deadline))

    def watermarks(
        self, spec: KafkaSpec, partitions: tuple[PartitionId, ...], deadline: Deadline
    ) -> dict[PartitionId, tuple[int, int]]:
        return self._timed(lambda: self.asked.watermarks(spec, partitions, deadline))

    def topic_id(self, spec: KafkaSpec, deadline: Deadline) -> str:
        return self._timed(lambda: self.asked.topic_id(spec, deadline))

    def offsets_for_time(
        self, spec: KafkaSpec, partitions: tuple[PartitionId, ...], timestamp_ms: int, deadline: Deadline
    ) -> dict[PartitionId, int]:
        return self._timed(lambda: self.asked.offsets_for_time(spec, partitions, timestamp_ms, deadline))

    def _timed(self, ask: Callable[[], T]) -> T:
        began, failed = self.clock.monotonic(), True
        try:
            answer = ask()
            failed = False
        finally:
            self.counters.asked(round((self.clock.monotonic() - began) * 1000), failed=failed)
        return answer
