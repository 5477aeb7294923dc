"""What the doors need: something that answers statements, and something that knows users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from routine_load.sql.identity import server_version
from routine_load.sql.results import Result
from routine_load.statements.ports import Session


class StatementService(Protocol):
    """Runs statement texts. Blocking: a door calls it from a worker thread. Raises RoutineLoadError only."""

    def open_session(self, user: str, client: str) -> Session: ...

    def steps(self, session: Session, text: str) -> list[Callable[[], Result]]:
        """One step per statement of ``text`` (``a; b`` gives two), to be taken in order; each runs its statement.

        Nothing runs before the first step is taken, and a text that cannot be parsed raises here: it runs nothing.
        """
        ...

    def use(self, session: Session, database: str) -> None:
        """COM_INIT_DB. Raises UnknownDatabase."""
        ...

    def stop(self, session: Session) -> None:
        """End what the session runs: its client left. From any thread, at once, and as often as one likes."""
        ...

    def close_session(self, session: Session) -> None: ...


@dataclass(frozen=True, slots=True)
class Verifiers:
    """What is stored of a password. Empty password: both empty.

    ``native`` is SHA1(SHA1(password)) (20 bytes); ``sha2`` is a salted slow hash that only a clear password can be
    checked against (full authentication).
    """

    native: bytes = field(default=b"", repr=False)
    sha2: str = field(default="", repr=False)

    @property
    def empty(self) -> bool:
        return not self.native and not self.sha2


class Users(Protocol):
    def verifiers(self, user: str) -> Verifiers | None:
        """None for an unknown user (a door must then take as long, and say the same, as for a wrong password)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class MySqlLimits:
    connections_max: int = 512
    packet_before_auth_max: int = 64 * 1024
    max_allowed_packet: int = 33_554_432
    statement_bytes_max: int = 4 * 1024 * 1024
    handshake_timeout_s: float = 10.0
    idle_timeout_s: float = 28_800.0


__all__ = ["MySqlLimits", "StatementService", "TlsFiles", "Users", "Verifiers", "server_version"]
