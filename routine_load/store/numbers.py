"""Numbers of counters, taken in blocks: most of them cost the database nothing.

A block is counted in the transaction of whoever needs its first number, and is there for others once that transaction
is durable. Invariants: a number is given once, also by programs that come later; of one counter each number that is
given is above those that were given before. What is left of a block when the program ends is never given. Refuses to
know what is counted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from routine_load.store.counters import counted

NAMES_MAX: Final = 20_000
"""Counters of which a block is kept; beyond, all blocks are dropped, and a late one may be kept after all."""


@dataclass(slots=True)
class _Block:
    next: int
    end: int


class _Staged(threading.local):
    """Blocks that the transaction of this thread has counted and not committed yet."""

    def __init__(self) -> None:
        self.blocks: dict[str, _Block] = {}


@dataclass(slots=True)
class Numbers:
    """Thread-safe. Numbers are taken inside ``lasting``, in a transaction that ends before it."""

    _blocks: dict[str, _Block] = field(default_factory=dict)
    _above: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _staged: _Staged = field(default_factory=_Staged)

    @contextmanager
    def lasting(self) -> Iterator[None]:
        """What was counted inside stays, unless it ends with an error."""
        try:
            yield
        except BaseException:
            self._staged.blocks.clear()
            raise
        if self._staged.blocks:
            with self._lock:
                for name, block in self._staged.blocks.items():
                    self._keep(name, block)
            self._staged.blocks.clear()

    def take(
        self,
        connection: sa.Connection,
        name: str,
        size: int,
        floor: Callable[[sa.Connection], int] = lambda _connection: 0,
    ) -> int:
        """The next number of a counter; a new block has so many, above the floor."""
        with self._lock:
            known = self._blocks.get(name)
            if known is not None and known.next < known.end:
                known.next += 1
                return known.next - 1
        last = counted(connection, name, size, floor(connection))
        first = last - size + 1
        self.pass_over(name, first)
        self._staged.blocks[name] = _Block(first + 1, last + 1)
        return first

    def pass_over(self, name: str, number: int) -> None:
        """This number is given: those below it are given no more, whoever has counted them and keeps them late."""
        with self._lock:
            self._above[name] = max(number, self._above.get(name, 0))
            known = self._blocks.get(name)
            if known is not None and known.next <= number:
                del self._blocks[name]

    def _keep(self, name: str, block: _Block) -> None:
        if block.next <= self._above.get(name, 0):
            return
        if name not in self._blocks and len(self._blocks) >= NAMES_MAX:
            self._blocks.clear()
            self._above.clear()
        self._blocks[name] = block
