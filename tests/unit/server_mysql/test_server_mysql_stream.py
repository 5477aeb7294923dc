"""Packets over a stream that is fed by hand, without sockets."""

from __future__ import annotations

import asyncio
import random

import pytest

from routine_load.server.mysql.stream import PAYLOAD_MAX, BoundedStream, ConnectionClosed, ProtocolViolation


class Sink:
    """Keeps what is written."""

    def __init__(self):
        self.data = bytearray()

    def write(self, data):
        self.data += data

    async def drain(self):
        return

    def close(self):
        return


def fed(data, packet_bytes_max=1 << 26):
    reader = asyncio.StreamReader(limit=1 << 30)
    reader.feed_data(data)
    reader.feed_eof()
    sink = Sink()
    return BoundedStream(reader, sink, packet_bytes_max=packet_bytes_max, write_timeout_s=5), sink


def run(coroutine_function):
    asyncio.run(coroutine_function())


def frame(payload, sequence=0):
    return len(payload).to_bytes(3, "little") + bytes([sequence]) + payload


@pytest.mark.parametrize("size", [0, 1, 250, PAYLOAD_MAX - 1, PAYLOAD_MAX, PAYLOAD_MAX + 1, 2 * PAYLOAD_MAX])
def test_what_is_written_can_be_read(size):
    """A payload of any size comes back the same, split at 16 MiB and ended by a shorter piece."""

    async def body():
        payload = bytes(size)
        writing, sink = fed(b"")
        await writing.write(payload)
        assert len(sink.data) == size + 4 * (size // PAYLOAD_MAX + 1)
        reading, _ = fed(bytes(sink.data))
        assert await reading.read() == payload

    run(body)


def test_bound_is_on_the_whole_payload():
    """The bound counts all pieces of a payload, and is checked before a piece is read."""

    async def body():
        stream, _ = fed(frame(bytes(PAYLOAD_MAX)) + (5).to_bytes(3, "little") + b"\x01", PAYLOAD_MAX + 4)
        with pytest.raises(ProtocolViolation, match="bigger than") as caught:
            await stream.read()
        assert caught.value.errno == 1153

    run(body)


def test_end_within_a_packet():
    """An end within header or body is a closed connection."""

    async def body():
        for cut in range(7):
            stream, _ = fed(frame(b"abc")[:cut])
            with pytest.raises(ConnectionClosed):
                await stream.read()

    run(body)


def test_sequence_goes_on_and_starts_anew():
    """Sequence numbers go on within an exchange, both ways, wrap at 256 and start at 0 with the next."""

    async def body():
        stream, sink = fed(frame(b"a") + frame(b"b", 2) + frame(b"c"))
        assert await stream.read() == b"a"
        await stream.write(b"x")
        assert sink.data[3] == 1
        assert await stream.read() == b"b"
        stream.new_exchange()
        assert await stream.read() == b"c"
        for _ in range(300):
            stream.put(b"")
        await stream.flush()
        assert sink.data[-1] == (1 + 299) % 256

    run(body)


def test_any_bytes():
    """5,000 random byte strings are read as packets or refused by the two named errors, never otherwise."""
    seed = 20240229
    chance = random.Random(seed)

    async def body():
        for _ in range(5_000):
            data = bytearray()
            for sequence in range(chance.randrange(4)):
                data += frame(chance.randbytes(chance.choice([0, 1, 7, 300])), sequence)
            data += chance.randbytes(chance.randrange(40))
            if data and chance.random() < 0.5:
                data[chance.randrange(len(data))] = chance.randrange(256)
            stream, _ = fed(bytes(data), 4096)
            read = 0
            try:
                while True:
                    read += 4 + len(await stream.read())
            except (ConnectionClosed, ProtocolViolation):
                assert read <= len(data), f"seed {seed}"

    run(body)


def test_client_that_takes_nothing():
    """A peer that does not take our bytes in time is cut off, with what it has not taken."""

    class Stuck(Sink):
        aborted = False

        @property
        def transport(self):
            return self

        def abort(self):
            self.aborted = True

        async def drain(self):
            await asyncio.Event().wait()

    async def body():
        sink = Stuck()
        stream = BoundedStream(asyncio.StreamReader(), sink, packet_bytes_max=10, write_timeout_s=0.01)
        with pytest.raises(ConnectionClosed):
            await stream.write(b"x")
        assert sink.aborted

    run(body)
