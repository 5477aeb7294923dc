"""Strikes at random moments, from one seed.

Owns when which fault strikes, and the counts. A fault strikes and heals what it struck before it returns, or says so
by an error, which ends the campaign.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

_WAIT_S_MIN: Final = 0.02


@dataclass(frozen=True, slots=True)
class Fault:
    """``strike`` is given the campaign's dice. ``weight``: how often, beside the others. ``kills``: it is one."""

    name: str
    strike: Callable[[random.Random], None]
    weight: float = 1.0
    kills: bool = True


@dataclass
class Campaign:
    """Run it by ``strike`` or ``run``. ``every_s`` is the time between two faults in the mean."""

    faults: Sequence[Fault]
    seed: int
    every_s: float
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        assert self.faults, "a campaign without a fault proves nothing"
        self._dice = random.Random(self.seed)  # noqa: S311 - a seed replays it
        self._kinds = {fault.name: fault for fault in self.faults}

    @property
    def kills(self) -> int:
        return sum(times for name, times in self.counts.items() if self._kinds[name].kills)

    @property
    def others(self) -> int:
        return self.counts.total() - self.kills

    def strike(self) -> None:
        """Wait a while, then let one fault happen."""
        (fault,) = self._dice.choices(self.faults, [each.weight for each in self.faults])
        self.strike_with(fault)

    def strike_with(self, fault: Fault) -> None:
        """Wait a while, then let this one happen."""
        wait_s = max(_WAIT_S_MIN, self._dice.uniform(0, 2 * self.every_s))
        threading.Event().wait(wait_s)
        fault.strike(self._dice)
        self.counts[fault.name] += 1

    def run(self, seconds: float, between: Callable[[], None] = lambda: None) -> None:
        """Strike until the time is over; ``between`` is called after each."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.strike()
            between()

    def told(self) -> str:
        """Counts by name: ``service 3, broker 1``."""
        return ", ".join(f"{name} {times}" for name, times in sorted(self.counts.items())) or "none"
