"""HTTP connections whose clients dawdle end: uvicorn itself waits for ever for the rest of a request, or for a reader.

Only waiting for a client is bounded here. A body that goes on arriving is never cut, however long it is, and neither
is a client that waits for us: how long our own work may take is the business of whoever does it.

An answer that goes out before the request was read to its end (a redirect, a refusal by the headers alone) is followed
by a lingering close: our side says it is done, and what the client still sends is thrown away for a while. Closing at
once would make the system reset the connection, and the client would lose the answer it was sent.

Refuses to know paths and answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from routine_load.server.http.unparsed import counted_as_parsed


class Patient(H11Protocol):
    """uvicorn's protocol with a limit on how long a client may be waited for.

    Looked at every ``interval_s``: a connection that had no new request, or the same unfinished answer, ``head_looks``
    or ``answer_looks`` times in a row is cut. So a request head takes at most two intervals. A body has to bring
    ``body_bytes_min`` in ``body_looks`` looks at which it was the client's turn.
    """

    interval_s: ClassVar[float] = 5.0
    head_looks: ClassVar[int] = 1
    answer_looks: ClassVar[int] = 60
    body_looks: ClassVar[int] = 12
    body_bytes_min: ClassVar[int] = 1024
    read_bytes: ClassVar[int] = 64 * 1024
    """Taken from the socket at once. All of it is parsed before another connection has its turn, and in the smallest
    chunks that is the slowest thing a client can send."""
    body_read_bytes: ClassVar[int] = 256 * 1024
    """Of a body whose length was said, once somebody takes it: it needs no parsing, and each piece costs a turn."""
    linger_s: ClassVar[float] = 5.0
    last_linger_s: ClassVar[float] = 0.5
    linger_bytes_max: ClassVar[int] = 64 * 1024 * 1024

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        transport.max_size = self.read_bytes  # type: ignore[attr-defined] # asyncio's own default is 256 KiB
        super().connection_made(transport)
        self._socket = transport
        self.transport = _Unhurried(transport, self)  # type: ignore[assignment] # has all that uvicorn asks of one
        self._seen: object = None
        self._looks = 0
        self._body_looks = 0
        self._received = 0
        self._received_before = 0
        self._missing = 0
        self._is_read = False
        self._waits_in: object = None
        self._lingering: asyncio.TimerHandle | None = None
        self._is_last = False
        self._next_look = self.loop.call_later(self.interval_s, self._look)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._lingering is None:
            before = self.cycle
            is_taken = before is not None and before is self._waits_in and not before.body
            if not ((is_taken or self._is_read) and self._past_parser(data)):
                super().data_received(data)
            self._size_reads(len(data), is_new=self.cycle is not before, is_taken=is_taken)
        elif self._received > self._received_before + self.linger_bytes_max:
            self._socket.abort()

    def _past_parser(self, data: bytes) -> bool:
        """Hand a piece of a body of known length, which somebody reads, to its reader as it is. No more comes for now
        where one waits already.

        A body's first piece and its last are h11's, and so is what comes before it is read, which uvicorn stops.
        """
        cycle = self.cycle
        if self._missing <= len(data) or cycle.response_complete or not counted_as_parsed(self.conn, len(data)):
            return False
        if cycle.body:
            self.flow.pause_reading()
            cycle.body += data
        else:
            cycle.body = data  # type: ignore[assignment] # whoever takes it makes bytes of it, which costs nothing
        cycle.message_event.set()
        return True

    def _size_reads(self, size: int, *, is_new: bool, is_taken: bool) -> None:
        """How much the socket gives next. ``is_taken``: what had come of the body was gone when this came."""
        cycle = self.cycle
        if is_new:
            self._missing, self._is_read = _length_said(cycle.scope["headers"]), False
        self._missing -= size  # the head is counted with it: never is less missing than is thought
        self._is_read = self._is_read or is_taken
        most = min(self.body_read_bytes, self._missing) if self._is_read else 0
        self._socket.max_size = max(self.read_bytes, most)  # type: ignore[attr-defined] # see above
        self._waits_in = cycle if cycle is not None and cycle.body else None

    def send_400_response(self, msg: str) -> None:
        """To bytes that are no HTTP. Where they came within a body, whoever reads it is told, and answers nobody.

        Written as it is: h11 refuses to send a text in answer to HEAD, and a second answer after a first.
        """
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: {len(msg)}\r\n"
            self._socket.write(f"{head}connection: close\r\n\r\n{msg}".encode())
            self._linger()
        else:
            self._socket.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._next_look.cancel()
        if self._lingering is not None:
            self._lingering.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        self._is_last = True
        super().shutdown()

    @property
    def closes(self) -> bool:
        return self._lingering is not None or self._socket.is_closing()

    def close(self) -> None:
        """Close for good, after what was written; slowly where the client may still be sending."""
        if self.conn.their_state is h11.SEND_BODY:
            self._linger()
        else:
            self._socket.close()

    def _linger(self) -> None:
        if self.closes or not self._socket.can_write_eof():
            self._socket.close()
            return
        self._next_look.cancel()
        self._received_before = self._received
        linger_s = self.last_linger_s if self._is_last else self.linger_s
        self._lingering = self.loop.call_later(linger_s, self._socket.abort)
        self._socket.write_eof()
        self.flow.resume_reading()

    def _look(self) -> None:
        answering = self.cycle is not None and not self.cycle.response_complete
        started = answering and self.cycle.response_started
        seen = (self.cycle, answering, started)
        self._looks = self._looks + 1 if seen == self._seen else 0
        self._seen = seen
        if self._is_cut(answering=answering, started=started):
            self._socket.abort()
            return
        self._next_look = self.loop.call_later(self.interval_s, self._look)

    def _is_cut(self, *, answering: bool, started: bool) -> bool:
        if not answering:
            return self._looks >= self.head_looks
        if started:
            return self._looks >= self.answer_looks
        if not self._is_clients_turn:
            return False
        if self._received - self._received_before >= self.body_bytes_min:
            self._received_before = self._received
            self._body_looks = 0
            return False
        self._body_looks += 1
        return self._body_looks >= self.body_looks

    @property
    def _is_clients_turn(self) -> bool:
        """Whether somebody waits for more of the body, and none of it is here."""
        cycle = self.cycle
        return cycle.more_body and not (cycle.body or cycle.waiting_for_100_continue or self.flow.read_paused)


def _length_said(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """Of a request's body; 0 where it comes in chunks, or not at all. h11 has checked that it is a number."""
    said = dict(headers)
    return 0 if b"transfer-encoding" in said else int(said.get(b"content-length", 0))


class _Unhurried:
    """The transport as uvicorn's protocol sees it: like the real one, but closed in ``Patient``'s way."""

    def __init__(self, transport: asyncio.Transport, protocol: Patient) -> None:
        self._protocol = protocol
        self.write = transport.write
        self.abort = transport.abort
        self.get_extra_info = transport.get_extra_info
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading

    def close(self) -> None:
        self._protocol.close()

    def is_closing(self) -> bool:
        return self._protocol.closes
