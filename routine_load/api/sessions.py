"""Which thread speaks through which session: each has its own, so threads never wait for each other.

A session is opened when its thread first asks, and given back when the thread has ended. A thread has two: one for the
statements of its user, and one for those of job objects, whose clock is UTC whatever the user SETs. Owns closing while
others are at work; refuses to know what a session runs.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from routine_load.api.doors import Client, Door
from routine_load.clock import Deadline
from routine_load.errors import ConnectionClosed, LimitExceeded, RoutineLoadError
from routine_load.sql.results import Result

SESSIONS_MAX: Final = 256
"""Sessions of one connection: half of what a service takes from all its clients by default."""

_LEAVE_S: Final = 15.0
_TELL_AGAIN_S: Final = 0.05


class Purpose(StrEnum):
    USER = "user"
    JOBS = "jobs"


_JOBS_CLOCK: Final = "SET time_zone = 'UTC'"


@dataclass(slots=True)
class _Held:
    thread: threading.Thread
    client: Client
    running: bool = False


class Sessions:
    """All sessions of one connection. Thread-safe. ``closing`` is set when it closes, for those who wait."""

    def __init__(self, door: Door, database: str | None) -> None:
        self._door = door
        self._database = database
        self._changed = threading.Condition()
        self._held: dict[tuple[int, Purpose], _Held] = {}
        self._opening = 0
        self.closing = threading.Event()

    def run(self, text: str, database: str | None = None, purpose: Purpose = Purpose.USER) -> list[Result]:
        """Run a text in the calling thread's session. Raises RoutineLoadError; ConnectionClosed where it was closed."""
        held = self._begin(purpose)
        try:
            return held.client.run(text, database)
        except RoutineLoadError as error:
            if self.closing.is_set():
                raise ConnectionClosed("the connection was closed while this statement ran") from error
            if error.place:  # tracebacks show it
                error.add_note(f"in the statement{error.place}")
            raise
        finally:
            with self._changed:
                held.running = False
                self._changed.notify_all()

    def open_here(self) -> None:
        """Open the calling thread's session. Raises RoutineLoadError where that cannot be done."""
        self._begin(Purpose.USER).running = False

    def close(self) -> bool:
        """End what other threads run, then every session. False where somebody else closes, or has closed, already."""
        with self._changed:
            if self.closing.is_set():
                return False
            self.closing.set()
        deadline = Deadline.after(_LEAVE_S)
        me = threading.current_thread()
        while busy := [held for held in self._all() if held.running and held.thread is not me]:
            if deadline.expired:
                break
            for held in busy:  # again and again: it may be just about to start
                held.client.interrupt()
            with self._changed:
                self._changed.wait(_TELL_AGAIN_S)
        for held in self._all():
            held.client.close()
        return True

    def _all(self) -> list[_Held]:
        with self._changed:
            return list(self._held.values())

    def _begin(self, purpose: Purpose) -> _Held:
        me, key = threading.current_thread(), (threading.get_ident(), purpose)
        with self._changed:
            self._refuse_when_closing()
            held = self._held.get(key)
            if held is not None and held.thread is me:
                held.running = True
                return held
        self._take_place()
        try:
            client = self._opened(purpose)
        finally:
            with self._changed:
                self._opening -= 1
        held = _Held(me, client, running=True)
        with self._changed:
            if not self.closing.is_set():
                self._held[key] = held
                return held
        client.close()
        raise ConnectionClosed

    def _take_place(self) -> None:
        for forgotten in self._of_ended_threads():
            forgotten.client.close()
        with self._changed:
            if len(self._held) + self._opening >= SESSIONS_MAX:
                raise LimitExceeded(
                    f"{SESSIONS_MAX} sessions of this connection are open; end threads, or connect again"
                )
            self._opening += 1

    def _opened(self, purpose: Purpose) -> Client:
        if purpose is Purpose.USER:
            return self._door.open(self._database)
        # no database: StarRocks refuses to ALTER a job of another database than the session's
        client = self._door.open(None)
        try:
            client.run(_JOBS_CLOCK, None)
        except BaseException:
            client.close()
            raise
        return client

    def _of_ended_threads(self) -> list[_Held]:
        with self._changed:
            ended = {key: held for key, held in self._held.items() if not held.thread.is_alive()}
            for key in ended:
                del self._held[key]
        return list(ended.values())

    def _refuse_when_closing(self) -> None:
        if self.closing.is_set():
            raise ConnectionClosed
