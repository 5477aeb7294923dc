"""Processes of the service that are started, killed, put to sleep and woken, as an operator or a machine would.

Owns how they are started and that none outlives ``close``. Refuses to know why they are struck.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, Protocol

from routine_load.testing.feeder import BrokerFailed

_END_S: Final = 60.0
_LAST_WORDS: Final = 4000


class ProcessFailed(BrokerFailed):
    """A process did not start, or did not end."""


class Running(Protocol):
    """A process that was started."""

    @property
    def pid(self) -> int: ...
    def first_line(self) -> str:
        """What it prints first; empty where it ended before."""
        ...

    def poll(self) -> int | None: ...
    def wait(self, timeout: float) -> int: ...
    def close(self) -> None: ...


Launch = Callable[[Sequence[str], Mapping[str, str], Path], Running]
"""Start ``routine-load`` with these words and more environment; its stderr is appended to a file."""


class _Spawned:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._out: IO[str] | None = process.stdout
        self.pid = process.pid

    def first_line(self) -> str:
        assert self._out is not None
        return self._out.readline()

    def poll(self) -> int | None:
        return self._process.poll()

    def wait(self, timeout: float) -> int:
        return self._process.wait(timeout)

    def close(self) -> None:
        if self._out is not None:
            self._out.close()


def spawn(words: Sequence[str], environment: Mapping[str, str], log: Path) -> Running:
    """A new Python each time."""
    with log.open("a") as stderr:
        process = subprocess.Popen(  # noqa: S603 - this program itself, no shell
            [sys.executable, "-m", "routine_load", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=os.environ | dict(environment),
            start_new_session=True,  # Ctrl-C is for whoever strikes, not for who is struck
        )
    return _Spawned(process)


class Part:
    """One process of the service with its flags, again and again. Methods may be called by one thread at a time."""

    def __init__(
        self, name: str, words: Sequence[str], log: Path, environment: Mapping[str, str], launch: Launch = spawn
    ) -> None:
        self.name = name
        self.words = words
        self.log = log
        self.environment = dict(environment)
        self._launch = launch
        self._running: Running | None = None
        self.ready: dict[str, Any] = {}
        """What it said when it was ready the last time."""

    @property
    def pid(self) -> int:
        assert self._running is not None
        return self._running.pid

    @property
    def alive(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def start(self) -> None:
        """Start it and wait until it is ready. Raises ProcessFailed."""
        self.begin()
        assert self._running is not None
        line = self._running.first_line()
        if not line:
            code = self.ended()
            raise ProcessFailed(f"{self.name} ended with {code} before it was ready:\n{self.last_words()}")
        self.ready = json.loads(line)

    def begin(self) -> None:
        """Start it and wait for nothing."""
        assert not self.alive, f"{self.name} runs already"
        self._running = self._launch(self.words, self.environment, self.log)

    def kill(self) -> None:
        """SIGKILL; returns when it is gone. Nothing where it does not run."""
        if self.alive:
            self.signal(signal.SIGKILL)
            self.ended()

    def stop(self) -> int:
        """SIGTERM: it drains. Its exit code."""
        self.signal(signal.SIGTERM)
        return self.ended()

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def pause(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT so much later: it does not know that it slept."""
        self.signal(signal.SIGSTOP)
        try:
            threading.Event().wait(seconds)
        finally:
            self.signal(signal.SIGCONT)

    def ended(self) -> int:
        """Its exit code, negative for a signal. Raises ProcessFailed where it does not end."""
        assert self._running is not None
        try:
            code = self._running.wait(_END_S)
        except TimeoutError as error:
            raise ProcessFailed(f"{self.name} did not end within {_END_S:.0f} s:\n{self.last_words()}") from error
        except subprocess.TimeoutExpired as error:
            raise ProcessFailed(f"{self.name} did not end within {_END_S:.0f} s:\n{self.last_words()}") from error
        self._running.close()
        return code

    def close(self) -> None:
        """Nothing of it is left."""
        if self.alive:
            self.signal(signal.SIGCONT)
            self.kill()

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-_LAST_WORDS:] if self.log.exists() else ""
