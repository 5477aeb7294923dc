"""What was produced, and the judgement of what became of it.

The ledger stands outside of the service: it holds the numbers that a broker has acknowledged. Refuses to know where
messages come from, how they look and what is done to the service meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

Query = Callable[[str], Sequence[Sequence[Any]]]
"""Runs a SELECT and gives its rows."""

_EXAMPLES_MAX: Final = 10
_PIECE: Final = 100_000
"""Numbers that are looked at in one query, where missing ones are named."""


class Ledger:
    """Numbers ``first``, ``first + 1``, … each produced once. Thread-safe."""

    def __init__(self, first: int = 0) -> None:
        self.first = first
        self._next = first
        self._lock = threading.Lock()

    @property
    def next(self) -> int:
        """The first number that was not produced."""
        with self._lock:
            return self._next

    @property
    def messages(self) -> int:
        return self.next - self.first

    def acknowledged(self, until: int) -> None:
        """Everything before ``until`` is at the broker."""
        with self._lock:
            assert until >= self._next, "what was produced stays produced"
            self._next = until


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found. ``phantom`` rows bear numbers that nobody produced; ``counted`` is what the job says itself."""

    messages: int
    rows: int
    lost: int
    doubled: int
    phantom: int
    counted: int | None
    examples: tuple[str, ...] = ()

    @property
    def miscounted(self) -> int:
        """By so many rows the job's own count is off; 0 where it was not asked."""
        return 0 if self.counted is None else abs(self.counted - self.messages)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.phantom or self.miscounted)


def judge(query: Query, table: str, column: str, ledger: Ledger, counted: int | None = None) -> Verdict:
    """Compare the numbers in ``column`` of ``table`` with the ledger. Nothing may be produced or loaded meanwhile."""
    first, end = ledger.first, ledger.next
    mine = f"{column} >= {first} AND {column} < {end}"
    ((rows, numbers),) = query(f"SELECT count(*), count(DISTINCT {column}) FROM {table} WHERE {mine}")
    ((everything,),) = query(f"SELECT count(*) FROM {table}")
    lost = ledger.messages - numbers
    examples: list[str] = []
    if lost:
        examples += [f"lost: {number}" for number in _missing(query, table, column, ledger)]
    if rows > numbers:
        again = f"SELECT {column}, count(*) FROM {table} WHERE {mine} GROUP BY {column} HAVING count(*) > 1"
        found = query(f"{again} ORDER BY {column} LIMIT {_EXAMPLES_MAX}")
        examples += [f"doubled: {number} is there {times} times" for number, times in found]
    return Verdict(
        messages=ledger.messages,
        rows=everything,
        lost=lost,
        doubled=rows - numbers,
        phantom=everything - rows,
        counted=counted,
        examples=tuple(examples),
    )


def _missing(query: Query, table: str, column: str, ledger: Ledger) -> list[int]:
    """The first few numbers that are not there."""
    missing: list[int] = []
    end = ledger.next
    for start in range(ledger.first, end, _PIECE):
        stop = min(start + _PIECE, end)
        found = query(f"SELECT DISTINCT {column} FROM {table} WHERE {column} >= {start} AND {column} < {stop}")
        if len(found) < stop - start:
            missing += sorted(set(range(start, stop)) - {int(row[0]) for row in found})
        if len(missing) >= _EXAMPLES_MAX:
            break
    return missing[:_EXAMPLES_MAX]
