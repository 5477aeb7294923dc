"""``ServiceProcess`` by fork: what a test does with a service of its own, without the two seconds of its imports."""

from __future__ import annotations

import os
from pathlib import Path

from tests.e2e.conftest import ServiceProcess
from tests.support.forked import Forked, ForkServer


class ForkedService(ServiceProcess):
    def __init__(self, forks: ForkServer, data_dir: Path, compat: str, environment: dict[str, str]) -> None:
        super().__init__(data_dir, compat=compat, environment=environment)
        self._forks = forks

    def spawned(self, words: list[str]) -> Life:
        return Life(self._forks.launch(words, self.environment, self.log))


class Life:
    """A fork, as far as it is asked what a ``Popen`` is."""

    def __init__(self, forked: Forked) -> None:
        self.pid, self.stdout = forked.pid, Said(forked)
        self.poll, self.wait = forked.poll, forked.wait

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class Said:
    """Its output, of which a service says one line."""

    def __init__(self, forked: Forked) -> None:
        self.readline, self.close = forked.first_line, forked.close
