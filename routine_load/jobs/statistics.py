"""What a job has counted, and the Statistic column of both vendors (StarRocks and Doris: Statistic JSON).

Owns counters and their arithmetic. Refuses to know clocks: Doris' time base is handed in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from routine_load.ids import PartitionId, TxnId
from routine_load.jobs.ports import RowCounts

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """Sums over a job's life. ``execute_ms`` starts at 1, so that rates never divide by zero."""

    total_rows: int = 0
    error_rows: int = 0
    unselected_rows: int = 0
    received_bytes: int = 0
    messages: int = 0
    execute_ms: int = 1
    committed_tasks: int = 0
    aborted_tasks: int = 0
    error_rows_after_resumed: int = 0
    aborted_tasks_in_window: int = 0

    @property
    def loaded_rows(self) -> int:
        return self.total_rows - self.error_rows - self.unselected_rows

    def committed(self, counts: RowCounts, execute_ms: int, *, is_error: bool = False) -> Statistic:
        """One task's batch became visible. ``is_error``: it counts, but as an aborted task (StarRocks)."""
        counted = replace(
            self,
            total_rows=self.total_rows + counts.total,
            error_rows=self.error_rows + counts.filtered,
            unselected_rows=self.unselected_rows + counts.unselected,
            received_bytes=self.received_bytes + counts.received_bytes,
            messages=self.messages + counts.messages,
            execute_ms=self.execute_ms + execute_ms,
        )
        return counted.aborted() if is_error else replace(counted, committed_tasks=self.committed_tasks + 1)

    def aborted(self) -> Statistic:
        """One task ended without a visible batch; its rows count nowhere."""
        return replace(
            self,
            aborted_tasks=self.aborted_tasks + 1,
            aborted_tasks_in_window=self.aborted_tasks_in_window + 1,
        )


def starrocks_statistic(statistic: Statistic, lag_s: Mapping[PartitionId, int] | None = None) -> str:
    """StarRocks: Statistic; rates are over the time that tasks ran."""
    return _compact(
        _common(statistic, statistic.execute_ms)
        | {"partitionLagTime": {str(partition): lag for partition, lag in sorted((lag_s or {}).items())}}
    )


def doris_statistic(statistic: Statistic, age_ms: int, running: Sequence[TxnId] = ()) -> str:
    """Doris: Statistic; rates are over the time since the job was created."""
    return _compact(
        _common(statistic, max(1, age_ms))
        | {"errorRowsAfterResumed": statistic.error_rows_after_resumed, "runningTxns": list(running)}
    )


def _common(statistic: Statistic, time_ms: int) -> dict[str, object]:
    return {
        "receivedBytes": statistic.received_bytes,
        "errorRows": statistic.error_rows,
        "committedTaskNum": statistic.committed_tasks,
        "loadedRows": statistic.loaded_rows,
        "loadRowsRate": statistic.loaded_rows * 1000 // time_ms,
        "abortedTaskNum": statistic.aborted_tasks,
        "totalRows": statistic.total_rows,
        "unselectedRows": statistic.unselected_rows,
        "receivedBytesRate": statistic.received_bytes * 1000 // time_ms,
        "taskExecuteTimeMs": time_ms,
    }


def _compact(value: object) -> str:
    return _ENCODER.encode(value)
