"""Which jobs that have ended are forgotten (StarRocks: label_keep_max_second and _num; Doris: label_num_threshold).

Pure choice. Refuses to know where jobs are kept and when the cleaner comes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from routine_load.ids import Compat, JobId
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.job import Job

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """Jobs that have ended, and how many there are in all, those that live too."""

    ended: Sequence[Job]
    total: int


def forgettable(census: Census, compat: Compat, config: FrontendConfig, now: datetime) -> list[JobId]:
    """The oldest by their end first: those past their time, then those beyond the number that the vendor keeps."""
    by_end = sorted(census.ended, key=lambda job: (job.ended_at or _NEVER, job.id))
    oldest = now - timedelta(seconds=config.label_keep_max_second)
    expired = [job for job in by_end if job.ended_at is None or job.ended_at < oldest]
    kept = by_end[len(expired) :]
    if compat is Compat.DORIS:
        excess = census.total - len(expired) - config.label_num_threshold
        beyond = kept[: max(0, excess)] if config.label_num_threshold >= 0 else []
    else:
        beyond = _beyond_by_database(kept, config.label_keep_max_num)
    return [job.id for job in (*expired, *beyond)]


def _beyond_by_database(jobs: Sequence[Job], kept_max: int) -> list[Job]:
    databases: defaultdict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        databases[job.database].append(job)
    return [job for ended in databases.values() for job in ended[: max(0, len(ended) - kept_max)]]
