"""The chunks of one body through the three steps of a load, each in a thread of its own: read, converted, written.

Reading stays with the caller, so that nobody waits for a client but the thread that the client was given. Chunks are
converted, and written, in the order of the body, and at most ``CHUNKS_AHEAD`` of them wait between reading and writing.
What is loaded, and which failure is told, does not depend on how the threads fall: a chunk is written once the one
behind it was read, and what a chunk before failed of counts more than what comes behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from types import TracebackType
from typing import Final, Self

from routine_load.ids import Compat
from routine_load.loads.open_transaction import TableStream
from routine_load.loads.path import Converted
from routine_load.loads.values import Payloads
from routine_load.statements.stream_load.bodies import ReceivedBody
from routine_load.statements.stream_load.words import Code, Refused

CHUNKS_AHEAD: Final = 3
"""Enough to read and convert the next while some are written; with one more, a load of 5 GiB takes 25 MiB more."""


def add_all(stream: TableStream, found: Iterator[Payloads], body: ReceivedBody, compat: Compat) -> None:
    """All chunks of a body; one of a single chunk needs no other thread. Raises what reading and adding do, Refused.

    The last chunk waits for the end of the body, so that all bytes are counted with some rows.
    """
    first = next(found, None)
    second = next(found, None)
    if second is None:
        body.finish()
        if first is not None:
            stream.add(first, received_bytes=body.since())
            _stop_at_parse_error(stream, compat)
        return
    assert first is not None
    with _Steps(stream, compat) as steps:
        ready = steps.convert(first)
        for payloads in chain((second,), found):
            following = steps.convert(payloads)
            steps.take(ready, body.since())
            ready = following
        body.finish()
        steps.take(ready, body.since())


class _Steps:
    """The two steps behind reading. Leaving the block waits for what was handed over, and raises what failed of it."""

    def __init__(self, stream: TableStream, compat: Compat) -> None:
        self._stream = stream
        self._compat = compat
        self._converter = ThreadPoolExecutor(1, thread_name_prefix="stream-load")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="stream-load-write")
        self._taking: deque[Future[None]] = deque()
        self._failed = False

    def convert(self, payloads: Payloads) -> Future[Converted]:
        return self._converter.submit(self._stream.convert, payloads)

    def take(self, converted: Future[Converted], received_bytes: int) -> None:
        """Once it is converted, and all before it were taken. Raises what went wrong with one of those."""
        while self._taking and (len(self._taking) >= CHUNKS_AHEAD or self._taking[0].done()):
            self._taking.popleft().result()
        self._taking.append(self._writer.submit(self._take, converted, received_bytes))

    def _take(self, converted: Future[Converted], received_bytes: int) -> None:
        if self._failed:
            return
        try:
            self._stream.take(converted.result(), received_bytes=received_bytes)
            _stop_at_parse_error(self._stream, self._compat)
        except BaseException:
            self._failed = True
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            while self._taking:
                self._taking.popleft().result()
        finally:
            self._converter.shutdown(cancel_futures=True)
            self._writer.shutdown(cancel_futures=True)


def _stop_at_parse_error(stream: TableStream, compat: Compat) -> None:
    """StarRocks: a document that cannot be parsed ends the scan, and with it the load."""
    if compat is Compat.STARROCKS and stream.parse_error:
        raise Refused(Code.INTERNAL_ERROR, stream.parse_error)
