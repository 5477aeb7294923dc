"""Network namespaces: parts of the service with addresses of their own, whose links can be taken down.

A bridge in the tests' own namespace has ``10.231.N.1``; each namespace has an end of a cable in it. Needs root and
``ip``; where it may not, tests skip and say so.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


class NotPermitted(RuntimeError):
    """Why there can be no namespaces here."""


def ip(*words: str) -> None:
    try:
        done = subprocess.run(["ip", *words], capture_output=True, text=True)
    except FileNotFoundError as error:
        raise NotPermitted("there is no program ip") from error
    if done.returncode:
        raise NotPermitted(f"ip {' '.join(words)}: {done.stderr.strip()}")


class Island:
    """A namespace, and its cable."""

    def __init__(self, net: Net, number: int) -> None:
        self.name = f"{net.name}n{number}"
        self.address = f"{net.prefix}.{number + 2}"
        self._cable = f"{net.name}v{number}"
        ip("netns", "add", self.name)
        ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip("link", "set", self._cable, "master", net.name, "up")
        ip("-n", self.name, "addr", "add", f"{self.address}/24", "dev", "eth0")
        ip("-n", self.name, "link", "set", "eth0", "up")
        ip("-n", self.name, "link", "set", "lo", "up")

    def inside(self, command: list[str]) -> list[str]:
        return ["ip", "netns", "exec", self.name, *command]

    def down(self) -> None:
        """Nothing passes, and nobody is told: packets vanish."""
        ip("link", "set", self._cable, "down")

    def up(self) -> None:
        ip("link", "set", self._cable, "up")

    def close(self) -> None:
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True)


class Net:
    """The bridge, and its islands."""

    def __init__(self) -> None:
        token = random.Random(os.urandom(8)).randrange(2, 250)
        self.name = f"rl{os.getpid() % 100_000}"
        self.prefix = f"10.231.{token}"
        self.islands: list[Island] = []
        ip("link", "add", self.name, "type", "bridge")
        ip("addr", "add", f"{self.prefix}.1/24", "dev", self.name)
        ip("link", "set", self.name, "up")

    @property
    def address(self) -> str:
        return f"{self.prefix}.1"

    def island(self) -> Island:
        self.islands.append(Island(self, len(self.islands)))
        return self.islands[-1]

    def close(self) -> None:
        for island in self.islands:
            island.close()
        subprocess.run(["ip", "link", "del", self.name], capture_output=True)


@contextmanager
def net() -> Iterator[Net]:
    """Raises NotPermitted."""
    made = Net()
    try:
        yield made
    finally:
        made.close()
