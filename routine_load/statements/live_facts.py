"""What the running scheduler knows of a job and its tasks, for SHOW and the system tables.

Read only, and without a lock: the scheduler's dicts are copied whole before they are looked at.
"""

from __future__ import annotations

from collections.abc import Mapping

from routine_load.ids import NO_TXN, Compat, PartitionId
from routine_load.jobs.job import Job
from routine_load.jobs.lag import lag_seconds, unstable
from routine_load.jobs.show import NO_BACKEND, LiveFacts, TaskView
from routine_load.jobs.splitting import concurrency
from routine_load.statements.context import Context


def live_facts(job: Job, context: Context, ends: Mapping[PartitionId, int]) -> LiveFacts:
    """``ends`` are ends of the log that were asked for just now; they win over those that were seen."""
    run = context.scheduler.run_of(job.id)
    if run is None:
        return LiveFacts(latest={**context.scheduler.last_ends(job), **ends}, concurrency=_wanted(job, context))
    latest = {**run.ends, **ends}
    config = context.frontend_config(job.definition.compat)
    lags_s = lag_seconds(job.progress, latest, job.timestamps_ms, context.clock.now())
    return LiveFacts(
        task_num=len(run.slices),
        concurrency=run.plan.concurrency,
        partitions=run.plan.partitions,
        latest=latest,
        lag_reason=unstable(lags_s, config.routine_load_unstable_threshold_second),
        lag_s=lags_s if config.enable_routine_load_lag_time_metrics else {},
        running_txns=tuple(s.txn_id for s in run.slices if s.control is not None and s.txn_id is not None),
        said=run.said,
    )


def _wanted(job: Job, context: Context) -> int:
    """StarRocks: the number of tasks is known from CREATE on, by its admission check; Doris: once a job is planned."""
    compat = job.definition.compat
    if compat is Compat.DORIS:
        return 0
    partitions = len(job.progress or job.definition.source.partitions)
    desired = job.definition.properties.desired_concurrent_number
    return concurrency(compat, partitions, desired, context.frontend_config(compat), context.settings.backends)


def task_views(job: Job, context: Context) -> list[TaskView]:
    """The tasks of a job, those that wait included; none of one that is not divided into tasks."""
    run = context.scheduler.run_of(job.id)
    if run is None:
        return []
    compat, properties = job.definition.compat, job.definition.properties
    config = context.frontend_config(compat)
    return [
        TaskView(
            task_id=part.task_id,
            job_id=job.id,
            created_at=part.created_at,
            timeout_s=part.timeout_s
            if part.control is not None and part.timeout_s is not None
            else properties.timeout_s(compat, config, run.lag_of(part)),
            # What a task committed is in the job's record a moment before its run hears of it.
            offsets={p: max(run.progress[p], job.progress.get(p, 0)) for p in part.partitions},
            txn_id=NO_TXN if part.txn_id is None or part.control is None else part.txn_id,
            txn_status="PREPARE" if part.control is not None else None,
            last_scheduled_at=part.last_scheduled_at,
            execute_started_at=part.started_at,
            backend_id=NO_BACKEND if part.backend is None or part.control is None else part.backend,
            latest={p: run.ends[p] for p in part.partitions if p in run.ends},
            message=part.message,
        )
        for part in run.slices
    ]
