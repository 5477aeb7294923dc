"""The error budget: how many bad rows a job may have (StarRocks: error window, max_filter_ratio; Doris: threshold).

Owns the windows' arithmetic. Refuses to know what made a row bad.
"""

from __future__ import annotations

from dataclasses import dataclass

from routine_load.ids import Compat
from routine_load.jobs.ports import RowCounts
from routine_load.jobs.properties import JobProperties
from routine_load.jobs.reasons import Cause, reason
from routine_load.jobs.states import Reason

_WINDOW_BATCHES = 10
_RATIO_SLACK = 0.001
TOO_MANY_FILTERED = "too many filtered rows"
EMPTY_LOAD = (
    "No partitions have data available for loading. If you are sure there may be no data to be loaded, you can use "
    "`ADMIN SET FRONTEND CONFIG ('empty_load_as_error' = 'false')` to ensure such load jobs can succeed"
)


@dataclass(frozen=True, slots=True)
class ErrorWindow:
    """Rows and bad rows since the window began."""

    errors: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Charged:
    """A window after one more batch. ``was_full``: the window ended with this batch; ``pause``: the budget is spent."""

    window: ErrorWindow
    errors: int
    was_full: bool = False
    pause: Reason | None = None


def charge(window: ErrorWindow, counts: RowCounts, properties: JobProperties, compat: Compat) -> Charged:
    """Count a visible batch in. The batch that breaks the budget stays loaded; the job pauses behind it."""
    errors, rows = window.errors + counts.filtered, window.rows + counts.total
    is_full = rows > properties.max_batch_rows * _WINDOW_BATCHES
    spent = errors > properties.max_error_number
    if compat is Compat.DORIS:
        spent = spent or (rows > 0 and errors / rows > properties.max_filter_ratio)
    told = {"errors": errors, "allowed": properties.max_error_number}
    pause = reason(Cause.ERROR_WINDOW, compat, **told) if spent else None
    after = ErrorWindow() if is_full or spent else ErrorWindow(errors, rows)
    return Charged(after, errors, is_full, pause)


def ratio_exceeded(counts: RowCounts, properties: JobProperties, compat: Compat) -> bool:
    """StarRocks: a batch with too large a share of bad rows fails before it is loaded. Doris never fails one."""
    return RatioLimit(max_filter_ratio=properties.max_filter_ratio, compat=compat)(counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioLimit:
    """``ratio_exceeded`` of one job, as a value that can be sent to whoever loads the batch."""

    max_filter_ratio: float
    compat: Compat

    def __call__(self, counts: RowCounts) -> bool:
        if self.compat is Compat.DORIS or self.max_filter_ratio >= 1.0 - _RATIO_SLACK:
            return False
        considered = counts.total - counts.unselected
        return considered > 0 and counts.filtered / considered > self.max_filter_ratio


def is_empty_load(counts: RowCounts) -> bool:
    """There were rows, and none was loaded."""
    return counts.total > 0 and counts.total == counts.filtered + counts.unselected
