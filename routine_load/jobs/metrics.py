"""The figures of GET /metrics under the vendors' names (StarRocks: metrics; Doris: metrics).

Pure: what was counted, and what the jobs are now, is handed in. Refuses to know how a page is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from routine_load.ids import Compat, PartitionId
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.job import Job
from routine_load.jobs.lag import lag_messages, lag_seconds, unstable
from routine_load.jobs.states import JobState
from routine_load.observe.metrics import Family, Loaded, Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """One job, and the ends of its log where the scheduler has seen them."""

    job: Job
    ends: Mapping[PartitionId, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFacts:
    """Everything that the page tells, at one moment."""

    totals: Totals
    jobs: Sequence[JobFacts]
    config: FrontendConfig
    now: datetime


def families(compat: Compat, facts: MetricFacts) -> list[Family]:
    """All metrics of one vendor."""
    return _doris(facts) if compat is Compat.DORIS else _starrocks(facts)


# -- StarRocks --------------------------------------------------------------------------------------------------------


def _starrocks(facts: MetricFacts) -> list[Family]:
    loaded, name = facts.totals.loaded, "starrocks_fe_routine_load_"
    states = Counter(known.job.state.value for known in facts.jobs)
    states["UNSTABLE"] = sum(1 for known in facts.jobs if _is_unstable(known, facts))
    told = [
        Family(
            name=name + "jobs",
            kind="gauge",
            help="routine load jobs by state; RUNNING includes the UNSTABLE ones",
            samples=tuple(((("state", state),), states[state]) for state in (*JobState, "UNSTABLE")),
        ),
        _counter(name + "rows", "rows of committed tasks", loaded.rows, "rows"),
        _counter(name + "receive_bytes", "bytes of committed tasks", loaded.bytes, "bytes"),
        _counter(name + "error_rows", "rows that were filtered", loaded.errors, "rows"),
        _counter(name + "paused", "transitions to PAUSED", facts.totals.paused, "requests"),
    ]
    if facts.config.enable_routine_load_lag_metrics:
        told.append(_lags(name + "max_lag_of_partition", "largest lag of a partition in messages", _messages(facts)))
    if facts.config.enable_routine_load_lag_time_metrics:
        told.append(_lags(name + "max_lag_time_of_partition", "largest lag of a partition in seconds", _seconds(facts)))
    return told + [
        _by_table(facts.totals.tables, "starrocks_fe_table_load_" + suffix, help_, unit, of)
        for suffix, help_, unit, of in _TABLE_METRICS
    ]


_TABLE_METRICS: tuple[tuple[str, str, str, Callable[[Loaded], int]], ...] = (
    ("bytes", "bytes loaded into the table", "bytes", lambda loaded: loaded.bytes),
    ("rows", "rows loaded into the table", "rows", lambda loaded: loaded.loaded),
    ("finished", "loads into the table that finished", "requests", lambda loaded: loaded.committed),
    ("error_rows", "rows that were filtered", "rows", lambda loaded: loaded.errors),
    ("unselected_rows", "rows that WHERE removed", "rows", lambda loaded: loaded.unselected),
    ("committed_tasks", "tasks that committed", "requests", lambda loaded: loaded.committed),
    ("aborted_tasks", "tasks that left nothing behind", "requests", lambda loaded: loaded.aborted),
)


def _by_table(
    tables: Mapping[tuple[str, str], Loaded], name: str, help_: str, unit: str, of: Callable[[Loaded], int]
) -> Family:
    samples = tuple(
        ((("db_name", database), ("tbl_name", table), ("type", "routine_load")), of(loaded))
        for (database, table), loaded in sorted(tables.items())
    )
    return Family(name=name, kind="counter", help=help_, unit=unit, samples=samples)


def _lags(name: str, help_: str, lags: Iterable[tuple[str, int]]) -> Family:
    """One sample a job name: two jobs of one name in two databases tell the larger lag, not two samples alike."""
    largest: dict[str, int] = {}
    for job_name, lag in lags:
        largest[job_name] = max(lag, largest.get(job_name, 0))
    samples = tuple(((("job_name", job_name),), lag) for job_name, lag in sorted(largest.items()))
    return Family(name=name, kind="gauge", help=help_, samples=samples)


def _messages(facts: MetricFacts) -> Iterable[tuple[str, int]]:
    for known in _running(facts):
        lag = max(lag_messages(known.job.progress, known.ends).values(), default=0)
        if lag >= facts.config.min_routine_load_lag_for_metrics:
            yield known.job.name, lag


def _seconds(facts: MetricFacts) -> Iterable[tuple[str, int]]:
    for known in _running(facts):
        lags = _lag_seconds(known, facts)
        if lags:
            yield known.job.name, max(lags.values())


def _running(facts: MetricFacts) -> Iterable[JobFacts]:
    return (known for known in facts.jobs if known.job.state is JobState.RUNNING)


def _lag_seconds(known: JobFacts, facts: MetricFacts) -> dict[PartitionId, int]:
    return lag_seconds(known.job.progress, known.ends, known.job.timestamps_ms, facts.now)


def _is_unstable(known: JobFacts, facts: MetricFacts) -> bool:
    if known.job.state is not JobState.RUNNING:
        return False
    threshold_s = facts.config.routine_load_unstable_threshold_second
    return unstable(_lag_seconds(known, facts), threshold_s) is not None


# -- Doris ------------------------------------------------------------------------------------------------------------


def _doris(facts: MetricFacts) -> list[Family]:
    totals, name = facts.totals, "doris_fe_routine_load_"
    live = [known for known in facts.jobs if not known.job.state.is_final]
    states = Counter(known.job.state for known in facts.jobs)
    lag = sum(sum(lag_messages(known.job.progress, known.ends).values()) for known in live)
    progress = sum(sum(known.job.progress.values()) for known in live)
    aborted = sum(known.job.statistic.aborted_tasks_in_window for known in live)
    return [
        Family(
            name="doris_fe_job",
            kind="gauge",
            help="routine load jobs by state",
            samples=tuple(
                ((("job", "load"), ("type", "ROUTINE_LOAD"), ("state", state.value)), states[state])
                for state in JobState
            ),
        ),
        _counter(name + "rows", "rows of committed tasks", totals.loaded.rows, "rows"),
        _counter(name + "receive_bytes", "bytes of committed tasks", totals.loaded.bytes, "bytes"),
        _counter(name + "error_rows", "rows that were filtered", totals.loaded.errors, "rows"),
        _counter(name + "get_meta_latency", "time of questions to Kafka", totals.questions_ms, "milliseconds"),
        _counter(name + "get_meta_count", "questions to Kafka about topics", totals.questions),
        _counter(name + "get_meta_fail_count", "questions that failed", totals.questions_failed),
        _counter(name + "task_execute_time", "time of tasks", totals.loaded.execute_ms, "milliseconds"),
        _counter(name + "task_execute_count", "tasks", totals.loaded.committed + totals.loaded.aborted),
        _gauge(name + "lag", "messages that wait, of all jobs", lag),
        _gauge(name + "progress", "sum of the next offsets of all jobs", progress),
        _gauge(name + "abort_task_num", "aborted tasks of all jobs in their sampling windows", aborted),
    ]


def _counter(name: str, help_: str, value: int, unit: str = "nounit") -> Family:
    return Family(name=name, kind="counter", help=help_, unit=unit, samples=(((), value),))


def _gauge(name: str, help_: str, value: int) -> Family:
    return Family(name=name, kind="gauge", help=help_, samples=(((), value),))
