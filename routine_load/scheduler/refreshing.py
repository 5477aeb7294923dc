"""Looking after running jobs: are their tables there, have their topics other partitions, how far do those reach.

Jobs of one topic are looked after together, up to ``_GROUP_MAX`` of them by one look: a thousand jobs of ten topics
cost ten questions to Kafka a round, and as many visits to the loop. Refuses to know what follows from what it finds.

Invariant: a log counts as cut only by a look that began after the progress was read which it contradicts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from routine_load.errors import RoutineLoadError, SourceUnavailable, TargetUnavailable
from routine_load.ids import PartitionId
from routine_load.observe import events
from routine_load.observe.logs import logger
from routine_load.scheduler.looks import Ends, shared_key
from routine_load.scheduler.parts import Parts
from routine_load.scheduler.planning import check_log_is_whole
from routine_load.scheduler.run import JobRun
from routine_load.scheduler.verdict import Step, Verdict, judge

log = logger("scheduler")

ANSWERS: Final = "what was silent answers again"

_GROUP_MAX: Final = 200
"""So many are handed to the loop at once."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a look saw of one job."""

    partitions: tuple[PartitionId, ...]
    ends: Ends


@dataclass(frozen=True, slots=True)
class Silence:
    """Kafka, or the target, did not answer: nothing is known against the job."""

    text: str


@dataclass(slots=True)
class _Group:
    key: object
    runs: list[JobRun] = field(default_factory=list)


class Refresher:
    """On the scheduler's loop. ``found`` and ``failed`` are told of runs that are not closed."""

    def __init__(
        self, parts: Parts, found: Callable[[JobRun, Found], None], failed: Callable[[JobRun, Verdict], None]
    ) -> None:
        self._parts = parts
        self._agenda = parts.agenda
        self._found = found
        self._failed = failed
        self._groups: dict[object, list[_Group]] = {}

    def add(self, run: JobRun) -> None:
        """Look after a run, from the next round of its topic on, until it is closed."""
        key = shared_key(run.plan.kafka)
        groups = self._groups.setdefault(key, [])
        group = next((each for each in groups if len(each.runs) < _GROUP_MAX), None)
        if group is None:
            group = _Group(key)
            groups.append(group)
            self._come_later(group)
        group.runs.append(run)

    def clear(self) -> None:
        """Nothing comes due any more."""
        self._groups.clear()

    def _come_later(self, group: _Group) -> None:
        parts = self._parts
        self._agenda.due(min(parts.settings.partition_refresh_s, parts.interval_s), lambda: self._round(group))

    def _round(self, group: _Group) -> None:
        group.runs = [run for run in group.runs if not run.closed]
        if not group.runs:
            self._forget(group)
            return
        since = self._parts.clock.monotonic()
        standing = [(run, dict(run.progress)) for run in group.runs]

        def work() -> None:
            self._agenda.call(self._seen, group, [(run, self._look(run, at, since)) for run, at in standing])

        self._agenda.asking_kafka(work, group.runs[0].plan.kafka.brokers)

    def _forget(self, group: _Group) -> None:
        groups = self._groups.get(group.key, [])
        if group in groups:
            groups.remove(group)
        if not groups:
            self._groups.pop(group.key, None)

    def _look(self, run: JobRun, progress: dict[PartitionId, int], since: float) -> Found | Verdict | Silence | None:
        """In a thread. None: what is wrong may be gone next time."""
        job, kafka, planner = run.plan.job, run.plan.kafka, self._parts.planner
        try:
            self._parts.bookkeeper.check_target(job)
            partitions, ends = planner.look(job, kafka)
            if any(end < progress.get(partition, 0) for partition, end in ends.items()):
                partitions, ends = planner.look(job, kafka, since)  # that look may be older than the progress
            check_log_is_whole(kafka, progress, ends)
        except (SourceUnavailable, TargetUnavailable) as error:
            return Silence(error.message)
        except RoutineLoadError as error:
            verdict = judge(run.case(error, 1))
            return None if verdict.step is Step.RETRY else verdict
        except Exception:
            log.exception(events.SCHEDULER_FAULT, job_id=run.job_id)
            return None
        return Found(partitions, ends)

    def _seen(self, group: _Group, outcomes: list[tuple[JobRun, Found | Verdict | Silence | None]]) -> None:
        for run, outcome in outcomes:
            if run.closed or outcome is None:
                continue
            if isinstance(outcome, Silence) is not run.met_silence:
                run.met_silence = not run.met_silence
                self._note(run, outcome.text if isinstance(outcome, Silence) else ANSWERS)
            if isinstance(outcome, Silence):
                continue
            if isinstance(outcome, Verdict):
                self._failed(run, outcome)
            else:
                self._found(run, outcome)
        self._come_later(group)

    def _note(self, run: JobRun, text: str) -> None:
        """StarRocks: a job stays RUNNING while Kafka is away, and OtherMsg says so; once for each time that it is."""
        self._agenda.in_background(lambda: self._parts.bookkeeper.noted(run.job_id, text, lambda: not run.closed))
