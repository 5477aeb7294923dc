"""A request's body on its way from the event loop to the thread that loads it.

Owns the one buffer between them. Nothing is asked of the client before the first ``read`` (so that a request that is
refused by its headers is never told to continue), and no more than the buffer holds before somebody reads on: a client
that sends faster than we load is held back by TCP.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from starlette.types import Receive

from routine_load.statements.stream_load.values import ClientGone

BUFFER_BYTES: Final = 1024 * 1024
"""What waits for its reader, who may have taken as much already. More came in one piece at most: as much as the socket
gives at once."""

WANTED_BYTES: Final = BUFFER_BYTES // 2
"""A reader is woken for so many, or for what it asked for: to be woken for each piece costs more than to take it."""

PIECE_BYTES: Final = 64 * 1024
"""Smaller pieces are joined for their reader, others are given as they came."""


class StreamedBody:
    """``statements.stream_load.values.Body``: made and fed on a loop, read by one thread at a time."""

    def __init__(self, receive: Receive) -> None:
        self._loop = asyncio.get_running_loop()
        self._receive = receive
        self._state = threading.Condition()
        self._chunks: deque[bytes] = deque()
        self._bytes = 0
        self._taken: deque[bytes] = deque()  # by the reader, who needs no lock for it
        self._wanted = 0
        self._complete = False
        self._gone = False
        self._reason: str | None = None
        self._room = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._asked = False

    @property
    def complete(self) -> bool:
        """Whether all of it came in."""
        return self._complete

    def read(self, max_bytes: int) -> bytes:
        """At most ``max_bytes``, and at least as many or ``PIECE_BYTES``, fewer only at the end, and none behind it.

        Raises ClientGone, once all that came was read.
        """
        least = min(max_bytes, PIECE_BYTES)
        held = sum(map(len, self._taken))
        if held < least:
            self._take(min(max_bytes, WANTED_BYTES) - held)
        pieces, size = [], 0
        while self._taken and size < least:
            pieces.append(self._taken.popleft())
            size += len(pieces[-1])
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if size > max_bytes:
            self._taken.appendleft(piece[max_bytes:])
            piece = piece[:max_bytes]
        return piece

    def _take(self, wanted: int) -> None:
        """All that came, once it is so much."""
        with self._state:
            self._wanted = wanted
            if not self._asked:
                self._asked = True
                self._tell(self._start)
            self._state.wait_for(self._is_enough)
            if self._gone and not (self._chunks or self._taken):
                raise ClientGone(self._reason)
            was_full = self._bytes >= BUFFER_BYTES
            self._taken += self._chunks
            self._chunks.clear()
            self._bytes = 0
        if was_full:
            self._tell(self._room.set)

    def abandon(self, reason: str) -> None:
        """From the loop: no more of it is waited for. Whoever reads is told why, as if the client were gone."""
        if self._pump is not None:
            self._pump.cancel()
        with self._state:
            self._gone = not self._complete
            self._reason = reason
            self._state.notify_all()

    def _is_enough(self) -> bool:
        return self._bytes >= self._wanted or self._complete or self._gone

    def _start(self) -> None:
        if not self._gone:
            self._pump = self._loop.create_task(self._feed(), name="http-body")

    async def _feed(self) -> None:
        while not (self._complete or self._gone):
            message = await self._receive()
            with self._state:
                if message["type"] != "http.request":
                    self._gone = True
                else:
                    if chunk := message.get("body", b""):
                        self._chunks.append(chunk)
                        self._bytes += len(chunk)
                    self._complete = not message.get("more_body", False)
                full = self._bytes >= BUFFER_BYTES
                if full:
                    self._room.clear()
                if self._is_enough():
                    self._state.notify_all()
            if full and not self._complete:
                await self._room.wait()

    def _tell(self, what: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(what)
        except RuntimeError as error:  # the loop was closed under a load that the stop did not wait for
            raise ClientGone from error
