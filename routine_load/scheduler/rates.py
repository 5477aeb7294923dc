"""How many bytes a job's next task may read, so that all its tasks together keep to the job's ``rate_limit``.

A bucket of one second's bytes, kept by whoever hands out the tasks: a task is told how many bytes are its own, wherever
it runs, and what it does not use comes back. A message that is larger than the bucket comes alone and leaves a debt,
which is waited for. Refuses to know clocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

_WAIT_MIN_S: Final = 0.01


@dataclass(slots=True)
class Meter:
    """``rate`` bytes a second, full at first."""

    rate: int
    at: float
    left: float = 0.0
    _line: list[int] = field(default_factory=list)
    """Who was told to wait, first come first served: of a job's slices none falls behind the others."""

    def __post_init__(self) -> None:
        self.left = float(self.rate)

    def grant(self, now: float, tasks: int, who: int = 0) -> tuple[int, float]:
        """Bytes for the task of one of so many slices; where they are too few for a task to be worth it, or others come
        first, 0 and how long to wait before it asks again.
        """
        self._fill(now)
        least = max(1.0, self.rate / (2 * tasks))
        if who not in self._line:
            self._line.append(who)
        before = self._line.index(who)
        if before or self.left < least:
            return 0, max(_WAIT_MIN_S, (least * (before + 1) - self.left) / self.rate)
        self._line.remove(who)
        granted = int(min(self.left, max(least, self.rate / tasks)))
        self.left -= granted
        return granted, 0.0

    def settle(self, now: float, granted: int, used: int) -> None:
        """A task ended: of what it was granted it loaded ``used``, which may be more."""
        self._fill(now)
        self.left = min(float(self.rate), self.left + granted - used)

    def _fill(self, now: float) -> None:
        self.left = min(float(self.rate), self.left + max(0.0, now - self.at) * self.rate)
        self.at = now
