"""How many tasks a job has and which partitions each gets (StarRocks: number of tasks; Doris: concurrency, splitting).

Owns the formulas. Refuses to know which backend runs what.
"""

from __future__ import annotations

from collections.abc import Sequence

from routine_load.errors import ExecutionError
from routine_load.ids import Compat, PartitionId
from routine_load.jobs.frontend_config import FrontendConfig


def concurrency(compat: Compat, partitions: int, desired: int, config: FrontendConfig, alive_backends: int) -> int:
    """Number of tasks; 0 means: try again later.

    StarRocks: min(partitions, desired, alive backends, configured), partitions unlimited while unknown (0).
    Doris: min(partitions, desired, configured). ``desired`` 0 means the configured number.
    """
    configured = config.max_routine_load_task_concurrent_num
    bounds = [desired or configured, configured]
    if compat is Compat.STARROCKS:
        bounds.append(alive_backends)
    if partitions or compat is Compat.DORIS:
        bounds.append(partitions)
    return max(0, min(bounds))


def deal(partitions: Sequence[PartitionId], tasks: int) -> tuple[tuple[PartitionId, ...], ...]:
    """Partition at position j goes to task j mod n; no task is empty."""
    assert tasks > 0, tasks
    return tuple(tuple(partitions[i::tasks]) for i in range(min(tasks, len(partitions))))


def admit(used: int, needed: int, backends: int, config: FrontendConfig) -> None:
    """StarRocks: refuse a new job when all jobs together would need more task slots than there are."""
    slots = config.max_routine_load_task_num_per_be
    if used + needed > backends * slots:
        raise ExecutionError(
            f"Current routine load tasks is {used}. The new job need {needed} tasks. But we only support "
            f"{backends}*{slots} tasks.Please modify FE config max_routine_load_task_num_per_be if you want more job"
        )


def admit_job(existing: int, config: FrontendConfig) -> None:
    """Doris: refuse a new job when there are more than the configured number already."""
    limit = config.max_routine_load_job_num
    if existing > limit:
        raise ExecutionError(f"There are more than {limit} routine load jobs are running. exceed limit.")
