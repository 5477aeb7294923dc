"""MySQL packets over one TCP connection: owns framing, bounds and the TLS upgrade.

mysql-mimic's own stream takes half a header for a broken one, has no bound before authentication and forgets bytes
that arrive together with an SSLRequest, so this one replaces it. TLS runs over memory BIOs: the client's hello may
already lie in our buffer when we learn that TLS begins (the server answers nothing in between), and whatever lies
there goes to the TLS machine and nowhere else, so plain bytes slipped in behind an SSLRequest end the connection.
Refuses to know what packets mean.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Protocol

PAYLOAD_MAX = 0xFFFFFF
_HEADER_BYTES = 4
_READ_BYTES = 64 * 1024
_WRITE_BUFFER_BYTES = 256 * 1024


class ConnectionClosed(Exception):
    """The peer is gone, or cannot go on."""


class ProtocolViolation(Exception):
    """The peer sent what no MySQL client sends; ``errno`` is what to answer before closing."""

    def __init__(self, errno: int, message: str) -> None:
        super().__init__(message)
        self.errno = errno


class Writer(Protocol):
    """The part of ``asyncio.StreamWriter`` that is used here."""

    @property
    def transport(self) -> asyncio.WriteTransport: ...

    def write(self, data: bytes) -> None: ...

    async def drain(self) -> None: ...

    def close(self) -> None: ...


class BoundedStream:
    """Reads and writes packets; a packet larger than ``packet_bytes_max`` is refused before it is read."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: Writer, *, packet_bytes_max: int, write_timeout_s: float
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._write_timeout_s = write_timeout_s
        self._sequence = 0
        self._out = bytearray()
        self._plain = bytearray()
        self._early = bytearray()
        self._ended = False
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.packet_bytes_max = packet_bytes_max

    @property
    def secure(self) -> bool:
        return self._tls is not None

    @property
    def cipher(self) -> tuple[str, str]:
        """Cipher and protocol version of the TLS that is on; two empty texts without."""
        chosen = self._tls.cipher() if self._tls is not None else None
        return (chosen[0], chosen[1]) if chosen is not None else ("", "")

    def new_exchange(self) -> None:
        """The next packet starts a command: its sequence number is 0 again."""
        self._sequence = 0

    async def read(self) -> bytes:
        """One payload, joined from its 16 MiB pieces. Raises ConnectionClosed or ProtocolViolation."""
        parts: list[bytes] = []
        total = 0
        while True:
            header = await self._exactly(_HEADER_BYTES)
            length = int.from_bytes(header[:3], "little")
            if header[3] != self._sequence:
                raise ProtocolViolation(1156, f"Got packets out of order: {header[3]} instead of {self._sequence}")
            self._sequence = (self._sequence + 1) % 256
            total += length
            if total > self.packet_bytes_max:
                raise ProtocolViolation(1153, f"Got a packet bigger than {self.packet_bytes_max} bytes")
            if length:
                parts.append(await self._exactly(length))
            if length < PAYLOAD_MAX:
                return parts[0] if len(parts) == 1 else b"".join(parts)

    async def peer_left(self) -> None:
        """Returns when the peer is gone; may be cancelled. Only while nobody reads; what comes meanwhile is kept."""
        while len(self._early) <= self.packet_bytes_max:
            try:
                data = await self._reader.read(_READ_BYTES)
            except OSError:
                data = b""
            if not data:
                self._ended = True
                return
            self._early += data
        await asyncio.Event().wait()

    def put(self, payload: bytes) -> None:
        """Frames a payload into the output buffer; ``flush`` sends it."""
        at = 0
        while True:
            piece = payload[at : at + PAYLOAD_MAX] if at or len(payload) >= PAYLOAD_MAX else payload
            self._out += len(piece).to_bytes(3, "little")
            self._out.append(self._sequence)
            self._out += piece
            self._sequence = (self._sequence + 1) % 256
            at += PAYLOAD_MAX
            if len(piece) < PAYLOAD_MAX:
                return

    @property
    def full(self) -> bool:
        """Whether the output buffer should be flushed before more is put."""
        return len(self._out) >= _WRITE_BUFFER_BYTES

    async def flush(self) -> None:
        """Sends what was put and waits until the peer takes it. Raises ConnectionClosed when it does not in time."""
        data, self._out = bytes(self._out), bytearray()
        try:
            if self._tls is None:
                self._writer.write(data)
            else:
                self._tls.write(data)
                self._writer.write(self._outgoing.read())
            async with asyncio.timeout(self._write_timeout_s):
                await self._writer.drain()
        except TimeoutError as error:
            self._writer.transport.abort()
            raise ConnectionClosed("the client does not take our answer") from error
        except OSError as error:
            raise ConnectionClosed("the connection broke") from error

    async def write(self, payload: bytes) -> None:
        self.put(payload)
        await self.flush()

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """The server's side of the handshake. Raises ConnectionClosed when it fails."""
        self._incoming.write(bytes(self._plain))
        self._plain.clear()
        tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._send_tls()
                self._incoming.write(await self._receive())
            except ssl.SSLError as error:
                await self._send_tls()
                raise ConnectionClosed(f"the TLS handshake failed: {error.reason}") from error
        await self._send_tls()
        self._tls = tls

    def abort(self) -> None:
        """Ends the connection at once, whatever it does; its reader and writer notice."""
        self._writer.transport.abort()

    def close(self) -> None:
        if self._tls is not None:
            with contextlib.suppress(OSError):
                self._tls.unwrap()
            self._writer.write(self._outgoing.read())
        self._writer.close()

    async def _exactly(self, count: int) -> bytes:
        while len(self._plain) < count:
            self._plain += await self._more()
        taken = bytes(memoryview(self._plain)[:count])
        del self._plain[:count]
        return taken

    async def _more(self) -> bytes:
        if self._tls is None:
            return await self._receive()
        while True:
            try:
                clear = self._tls.read(_READ_BYTES)
            except ssl.SSLWantReadError:
                await self._send_tls()
                self._incoming.write(await self._receive())
                continue
            except ssl.SSLError as error:
                raise ConnectionClosed(f"TLS ended: {error.reason}") from error
            if not clear:
                raise ConnectionClosed("the client closed TLS")
            return clear

    async def _receive(self) -> bytes:
        if self._early:
            early, self._early = bytes(self._early), bytearray()
            return early
        if self._ended:
            raise ConnectionClosed("the client closed the connection")
        try:
            data = await self._reader.read(_READ_BYTES)
        except OSError as error:
            raise ConnectionClosed("the connection broke") from error
        if not data:
            raise ConnectionClosed("the client closed the connection")
        return data

    async def _send_tls(self) -> None:
        data = self._outgoing.read()
        if not data:
            return
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise ConnectionClosed("the connection broke") from error
