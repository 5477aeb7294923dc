"""The service as it is run where it matters: coordinators, and backends in processes of their own, to be struck.

Owns their flags, their ports, which stay the same from life to life, and the faults that processes have. Refuses to
know what is loaded, and what databases, brokers and clusters are there beside them.
"""

from __future__ import annotations

import random
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pymysql
from pymysql.cursors import DictCursor

from routine_load.testing.chaos.campaign import Fault
from routine_load.testing.chaos.processes import Launch, Part, spawn
from routine_load.testing.feeder import BrokerFailed

_PATIENCE_S: Final = 60.0
_ROUND_S: Final = 0.1
_TWICE: Final = 0.2
"""How often a process that was killed is killed once more while it starts."""
_AWAY: Final = frozenset({1053, 1927, 2002, 2003, 2006, 2013, 2014, 2055})
"""MySQL: shutdown, connection killed, and the client's numbers for a connection that is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """``environment`` is what every coordinator gets beside its flags."""

    coordinators: int = 1
    backends: int = 0
    compat: str = "starrocks"
    environment: Mapping[str, str] = field(default_factory=dict)
    hosts: Sequence[str] = ()
    """Where each coordinator listens, if not on the loopback."""
    fronts: Sequence[str] = ()
    """Where backends find their coordinators, if not at their own addresses."""
    advertised: Sequence[str] = ()
    """Where coordinators find each backend, if not at its own address."""


class World:
    """A context: leaving it ends every process."""

    def __init__(self, folder: Path, shape: Shape, launch: Launch = spawn) -> None:
        self.folder = folder
        self.shape = shape
        secret = folder / "backends.secret"
        secret.write_text(secrets.token_urlsafe(32) + "\n")
        secret.chmod(0o600)
        self.hosts = shape.hosts or ["127.0.0.1"] * shape.coordinators
        self.ports = [(_free_port(), _free_port()) for _ in range(shape.coordinators)]
        shared = {"RL_KEY_FILE": str(folder / "shared.key")} if shape.coordinators > 1 else {}
        if shape.backends:
            shared |= {"RL_BACKENDS": "0", "RL_BACKEND_SECRET_FILE": str(secret)}
        environment = shared | dict(shape.environment)
        self.coordinators = [
            Part(
                f"coordinator {number}",
                _serve(folder / f"coordinator-{number}", self.hosts[number], (mysql, http), shape.compat),
                folder / f"coordinator-{number}.log",
                environment,
                launch,
            )
            for number, (mysql, http) in enumerate(self.ports)
        ]
        own = [f"http://{host}:{http}" for host, (_, http) in zip(self.hosts, self.ports, strict=True)]
        fronts = ",".join(shape.fronts or own)
        self.backend_ports = [_free_port() for _ in range(shape.backends)]
        self.backends = [
            Part(
                f"backend {number}",
                ["be", "--fe", fronts, "--port", str(port), "--secret-file", str(secret), *_advertise(shape, number)],
                folder / f"backend-{number}.log",
                {},
                launch,
            )
            for number, port in enumerate(self.backend_ports)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as closing:
            for part in (*self.backends, *self.coordinators):
                closing.callback(part.close)

    def start(self) -> None:
        """All of it that does not run. Raises ProcessFailed."""
        for part in (*self.coordinators, *self.backends):
            if not part.alive:
                part.start()

    # -- statements ----------------------------------------------------------------------------------------------------

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """The last one's rows, from any coordinator that answers; statements have to bear being said twice."""
        return [tuple(row) for row in self._said(statements, pymysql.cursors.Cursor)]

    def show(self, job: str) -> dict[str, Any]:
        """The job, as SHOW ROUTINE LOAD tells it."""
        rows = self._said([f"SHOW ALL ROUTINE LOAD FOR {job}"], DictCursor)
        return dict(rows[-1])

    def _said(self, statements: Sequence[str], kind: type[pymysql.cursors.Cursor]) -> Sequence[Any]:
        give_up = time.monotonic() + _PATIENCE_S
        while True:
            for host, (port, _), part in zip(self.hosts, self.ports, self.coordinators, strict=True):
                if not part.alive:
                    continue
                try:
                    with _connection(host, port) as connection, connection.cursor(kind) as cursor:
                        for statement in statements:
                            cursor.execute(statement)
                        return cursor.fetchall()
                except pymysql.MySQLError as error:
                    if not _is_away(error) or time.monotonic() > give_up:
                        raise
                except OSError:
                    if time.monotonic() > give_up:
                        raise
            if time.monotonic() > give_up:
                raise BrokerFailed(f"no coordinator answered within {_PATIENCE_S:.0f} s")
            threading.Event().wait(_ROUND_S)

    # -- faults --------------------------------------------------------------------------------------------------------

    def faults(self, pause_s: float = 3.0) -> list[Fault]:
        """What happens to processes: they are killed, now and then again while they start, and put to sleep."""
        found = [
            Fault("coordinator", lambda dice: _killed(dice, self.coordinators), 3.0),
            Fault("coordinator asleep", lambda dice: _slept(dice, self.coordinators, pause_s), 0.5, kills=False),
        ]
        if self.backends:
            found += [
                Fault("backend", lambda dice: _killed(dice, self.backends), 3.0),
                Fault("backend asleep", lambda dice: _slept(dice, self.backends, pause_s), 0.5, kills=False),
            ]
        return found


def _serve(data_dir: Path, host: str, ports: tuple[int, int], compat: str) -> list[str]:
    flags = {"--host": host, "--mysql-port": ports[0], "--http-port": ports[1], "--be-http-port": 0, "--compat": compat}
    return ["serve", "--data-dir", str(data_dir), *(str(word) for flag in flags.items() for word in flag)]


def _advertise(shape: Shape, number: int) -> list[str]:
    return ["--advertise", shape.advertised[number]] if shape.advertised else []


def _killed(dice: random.Random, parts: Sequence[Part]) -> None:
    part = dice.choice(parts)
    part.kill()
    if dice.random() < _TWICE:
        part.begin()
        threading.Event().wait(dice.uniform(0.0, 1.5))
        part.kill()
    part.start()


def _slept(dice: random.Random, parts: Sequence[Part], longest_s: float) -> None:
    dice.choice(parts).pause(dice.uniform(0.1, longest_s))


def _is_away(error: pymysql.MySQLError) -> bool:
    return bool(error.args) and error.args[0] in _AWAY


@contextmanager
def _connection(host: str, port: int) -> Iterator[pymysql.Connection[Any]]:
    connection = pymysql.connect(
        host=host, port=port, user="root", autocommit=True, connect_timeout=10, read_timeout=60
    )
    try:
        yield connection
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
