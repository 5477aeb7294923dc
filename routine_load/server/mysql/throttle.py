"""Slows down whoever guesses passwords: per user and address, each wrong one makes the next wait longer.

A lock-out would let anybody shut out others; a wait does not. Refuses to know how a password is checked.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from routine_load.clock import Clock, SystemClock

FREE: Final = 3
"""Wrong passwords in a row that cost nothing: people mistype."""

FIRST_S: Final = 0.25
LONGEST_S: Final = 4.0
FORGOTTEN_AFTER_S: Final = 300.0
_KEPT_MAX: Final = 4096


@dataclass(slots=True)
class _Failures:
    count: int
    at: float


class Throttle:
    """Counts wrong passwords. Bounded: of too many guessers the one that was quiet longest is forgotten."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()

    def wait_s(self, user: str, client: str) -> float:
        """How long this login has to wait before it is looked at."""
        known = self._failures.get(_key(user, client))
        if known is None or known.count < FREE or self._clock.monotonic() - known.at > FORGOTTEN_AFTER_S:
            return 0.0
        return float(min(LONGEST_S, FIRST_S * 2 ** min(known.count - FREE, 10)))

    def failed(self, user: str, client: str) -> None:
        key, now = _key(user, client), self._clock.monotonic()
        known = self._failures.pop(key, None)
        again = known is not None and now - known.at <= FORGOTTEN_AFTER_S
        self._failures[key] = _Failures(known.count + 1 if known is not None and again else 1, now)
        while len(self._failures) > _KEPT_MAX:
            self._failures.popitem(last=False)

    def passed(self, user: str, client: str) -> None:
        self._failures.pop(_key(user, client), None)


def _key(user: str, client: str) -> tuple[str, str]:
    """The address without its port, and no more of a name than a user's may have."""
    return user[:64], client.rpartition(":")[0]
