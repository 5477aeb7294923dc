"""When a slice is due: at once where there is work, or in the vendor's rhythm where the job asks for that.

Ours (``early_commit``, the default): the first task begins at once, a slice with a backlog goes on at once, one that
has caught up waits until the watch tells of new messages; a batch ends a linger after its partitions were read.
StarRocks (timing of tasks): the first task begins one ``max_batch_interval`` after planning; a slice that has caught
up, found nothing, or whose task was aborted comes again after one interval; one that fell behind comes at once.
Doris (task scheduler): the first task begins with the first message; after a task that read to the end, or was aborted,
an interval passes from when that task was scheduled.

Pure: times are handed in.
"""

from __future__ import annotations

from dataclasses import dataclass

from routine_load.ids import Compat
from routine_load.jobs.properties import JobProperties


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """Of one job."""

    compat: Compat
    properties: JobProperties

    @property
    def interval_s(self) -> int:
        return self.properties.max_batch_interval_s

    @property
    def first_s(self) -> float:
        """From planning to the first task of each slice."""
        early = self.properties.early_commit or self.compat is Compat.DORIS
        return 0.0 if early else float(self.interval_s)

    def linger_s(self, default_s: float) -> float:
        """How long a batch whose partitions are read to the end waits for more."""
        if not self.properties.early_commit:
            return 0.0
        given = self.properties.freshness_ms
        return default_s if given is None else given / 1000

    def caught_up_s(self, since_scheduled_s: float, *, is_spaced: bool) -> float | None:
        """From the end of a task that read to the end; None: when there are messages.

        ``is_spaced``: a task of this slice has loaded something, or failed, since it was last behind.
        """
        if self.properties.early_commit:
            return None
        if self.compat is Compat.STARROCKS:
            return float(self.interval_s)
        return self._left_s(since_scheduled_s) if is_spaced else None

    def failed_s(self, since_scheduled_s: float, backoff_s: float) -> float:
        """From the abort of a task to the next one."""
        if self.properties.early_commit:
            return backoff_s
        spaced = self._left_s(since_scheduled_s) if self.compat is Compat.DORIS else float(self.interval_s)
        return max(backoff_s, spaced)

    def _left_s(self, since_scheduled_s: float) -> float:
        return max(0.0, self.interval_s - since_scheduled_s)
