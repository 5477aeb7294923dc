"""HTTP connections whose clients dawdle end: uvicorn itself waits for ever for the rest of a request, or for a reader.

Refuses to know paths and answers.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol


class Patient(H11Protocol):
    """uvicorn's protocol with a limit on how long a connection may stay in one state.

    Looked at every ``interval_s``: a connection that had no new request, or the same unfinished answer, ``head_looks``
    or ``answer_looks`` times in a row is cut. So a request head takes at most two intervals.
    """

    interval_s: ClassVar[float] = 5.0
    head_looks: ClassVar[int] = 1
    answer_looks: ClassVar[int] = 60

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._seen: object = None
        self._looks = 0
        self._next_look = self.loop.call_later(self.interval_s, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._next_look.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        answering = self.cycle is not None and not self.cycle.response_complete
        seen = (self.cycle, answering)
        self._looks = self._looks + 1 if seen == self._seen else 0
        self._seen = seen
        if self._looks >= (self.answer_looks if answering else self.head_looks):
            self.transport.abort()
            return
        self._next_look = self.loop.call_later(self.interval_s, self._look)
