"""A PostgreSQL connection that waits no longer than it may: psycopg itself waits for an answer as long as TCP lives.

Owns that limit. Imported only where PostgreSQL is used, since psycopg is an extra.
"""

from __future__ import annotations

import time
from typing import TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.rows import TupleRow

from routine_load.store.connections import SILENCE_TIMEOUT_S

T = TypeVar("T")


class LimitedConnection(psycopg.Connection[TupleRow]):
    """A server that takes longer is taken to be gone, and the connection with it."""

    silence_s: float = SILENCE_TIMEOUT_S

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        return super().wait(self._limited(gen), interval)

    def _limited(self, gen: PQGen[T]) -> PQGen[T]:
        """It is asked again every moment, with nothing ready: that is when the time is looked at."""
        give_up = time.monotonic() + self.silence_s
        try:
            state = next(gen)
            while True:
                ready = yield state
                if not ready and time.monotonic() > give_up:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"no answer within {self.silence_s:g} s")
                state = gen.send(ready)
        except StopIteration as end:
            value: T = end.value
            return value
