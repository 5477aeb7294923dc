"""A TCP proxy that mistreats what passes: delays it, drips it, holds it back, cuts it.

One loop in a thread of its own serves all proxies of a test. ``Toxic.mood`` may be changed at any time; connections that
are open feel it at once.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import Self

from routine_load.testing.chaos.campaign import Fault

_PIECE = 64 * 1024
_BUFFER = 256 * 1024
_DRIP_BYTES = 7


class Mood(StrEnum):
    FINE = "fine"
    SLOW = "slow"
    """Everything comes late."""
    DRIPPING = "dripping"
    """A few bytes at a time."""
    MUTE = "mute"
    """Half-open: nothing passes, and nobody is told; new connections are taken and hear nothing."""
    DEAF = "deaf"
    """What the client says does not arrive, what the server says does."""
    SHUT = "shut"
    """New connections are reset."""


class Toxic:
    """From ``address`` to an upstream port; ``cut`` resets every connection that is open."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.upstream = upstream
        self.mood = Mood.FINE
        self.delay_s = 0.1
        self.connections = 0
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.host, self.port = "127.0.0.1", 0

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    async def start(self, host: str, port: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = await asyncio.start_server(self._taken, host, port)
        self.host, self.port = self._server.sockets[0].getsockname()[:2]

    async def stop(self) -> None:
        self._server.close()
        self._reset()
        await asyncio.sleep(0)

    def cut(self) -> None:
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(10)

    @contextmanager
    def being(self, mood: Mood) -> Iterator[None]:
        """So for a while; what was open then is cut afterwards where bytes were lost of it."""
        self.mood = mood
        try:
            yield
        finally:
            self.mood = Mood.FINE
            if mood in {Mood.MUTE, Mood.DEAF}:
                self.cut()

    def faults(self, name: str, longest_s: float = 2.0) -> list[Fault]:
        """Each mood for a while, and cuts."""

        def moody(mood: Mood) -> Callable[[random.Random], None]:
            def strike(dice: random.Random) -> None:
                with self.being(mood):
                    if mood is Mood.SHUT:
                        self.cut()
                    threading.Event().wait(dice.uniform(0.05, longest_s))

            return strike

        moods = [mood for mood in Mood if mood is not Mood.FINE]
        found = [Fault(f"{name} {mood}", moody(mood), kills=False) for mood in moods]
        return [*found, Fault(f"{name} cut", lambda _dice: self.cut(), 2.0, kills=False)]

    async def _cut(self) -> None:
        self._reset()

    def _reset(self) -> None:
        for writer in tuple(self._open):
            if (found := writer.get_extra_info("socket")) is not None:
                with suppress(OSError):
                    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            if self.mood is Mood.SHUT:
                writer.transport.abort()
                return
            with suppress(OSError):
                up_reader, up_writer = await asyncio.open_connection(*self.upstream, limit=_BUFFER)
                self._open.add(up_writer)
                try:
                    async with asyncio.TaskGroup() as both:
                        both.create_task(self._carry(reader, up_writer, of_client=True))
                        both.create_task(self._carry(up_reader, writer, of_client=False))
                except* OSError:
                    pass
                finally:
                    self._open.discard(up_writer)
                    up_writer.transport.abort()
        finally:
            self._open.discard(writer)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, of_client: bool) -> None:
        while piece := await reader.read(_PIECE):
            if self.mood is Mood.MUTE or (self.mood is Mood.DEAF and of_client):
                continue
            if self.mood is Mood.SLOW:
                await asyncio.sleep(self.delay_s)
            if self.mood is Mood.DRIPPING:
                await self._drip(piece, writer)
                continue
            writer.write(piece)
            await writer.drain()
        with suppress(OSError):
            if writer.can_write_eof():
                writer.write_eof()

    async def _drip(self, piece: bytes, writer: asyncio.StreamWriter) -> None:
        for start in range(0, len(piece), _DRIP_BYTES):
            if self.mood is not Mood.DRIPPING:  # healed: the rest at once
                writer.write(piece[start:])
                break
            writer.write(piece[start : start + _DRIP_BYTES])
            await asyncio.sleep(0.001)
        await writer.drain()


class Toxins:
    """Proxies and their loop. A context."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="toxins")
        self._made: list[Toxic] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        for toxic in self._made:
            self._run(toxic.stop())
        self._run(self._finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def before(self, port: int, *, host: str = "127.0.0.1", at: int = 0, upstream_host: str = "127.0.0.1") -> Toxic:
        toxic = Toxic((upstream_host, port))
        self._run(toxic.start(host, at))
        self._made.append(toxic)
        return toxic

    def _run(self, coroutine) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    async def _finish(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
