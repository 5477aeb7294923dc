"""How far behind a job is, and when that makes it UNSTABLE (StarRocks: UNSTABLE, partitionLagTime; both: metrics).

Pure figures of one moment. Refuses to know where progress and log ends come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from routine_load.ids import Compat, PartitionId
from routine_load.jobs.reasons import Cause, reason
from routine_load.jobs.states import Reason

Offsets = Mapping[PartitionId, int]


def lag_messages(progress: Offsets, ends: Offsets) -> dict[PartitionId, int]:
    """Messages between a partition's ``next_offset`` and its end, where that is known."""
    return {p: max(0, ends[p] - offset) for p, offset in progress.items() if p in ends}


def lag_seconds(progress: Offsets, ends: Offsets, timestamps_ms: Offsets, now: datetime) -> dict[PartitionId, int]:
    """Age of the last loaded message of each partition that has more to read; 0 where there is nothing more.

    A partition of which nothing was loaded yet is left out: nobody knows how old its next message is.
    """
    now_ms = int(now.timestamp() * 1000)
    waiting = lag_messages(progress, ends)
    return {
        p: max(0, now_ms - moment) // 1000 if waiting[p] else 0
        for p, moment in timestamps_ms.items()
        if p in waiting and moment > 0
    }


def unstable(lags_s: Offsets, threshold_s: int) -> Reason | None:
    """Why a running job is shown as UNSTABLE: the partition that lags most, where it lags too much."""
    if not lags_s:
        return None
    partition = max(lags_s, key=lambda p: (lags_s[p], -p))
    if lags_s[partition] <= threshold_s:
        return None
    return reason(Cause.LAG, Compat.STARROCKS, lag=lags_s[partition], partition=partition, threshold=threshold_s)
