"""The few things that every client can do, in one wording; each adapter says them in its client's own way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from routine_load.ids import Compat

NASTY = 'it\'s \\ "quoted" `x` ? %s :a -- # /* \r\n\t 漢字 😀'


class Refused(Exception):
    """What a client tells of an error. ``sqlstate`` is None where the client does not keep it."""

    def __init__(self, number: int, sqlstate: str | None, text: str) -> None:
        super().__init__(number, sqlstate, text)
        self.number, self.sqlstate, self.text = number, sqlstate, text


class NotHere(Exception):
    """The client is not on this machine."""


@dataclass(frozen=True, slots=True)
class Place:
    """A running service, what stands in it, and a broker beside it."""

    compat: Compat
    port: int
    certificate: Path
    truststore: Path | None
    bootstrap: str
    topic: str
    http_port: int


@dataclass(frozen=True, slots=True)
class Login:
    """How to come in. ``tls``: None leaves it out, "on" encrypts, "verified" also checks the certificate."""

    user: str = "root"
    password: str = ""
    database: str = ""
    tls: str | None = None
    native: bool = False


class Session(Protocol):
    """One connection. Everything raises Refused for what the service refuses."""

    def rows(self, text: str) -> list[tuple[Any, ...]]: ...

    def names(self, text: str) -> list[str]: ...

    def several(self, text: str) -> list[list[tuple[Any, ...]]]:
        """The results of ``a; b``, those without rows left out."""
        ...

    def prepared(self, text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]: ...

    def parameters(self, text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """With values that the client itself puts into the text; ``?`` stands for each."""
        ...

    def affected(self, text: str) -> int: ...

    def use(self, database: str) -> None: ...

    def encrypted(self) -> bool: ...

    def transaction(self) -> None:
        """Autocommit off, a query, COMMIT, a query, ROLLBACK, autocommit on."""
        ...

    def alive(self) -> bool: ...

    def databases(self) -> list[str]: ...

    def tables(self, database: str) -> list[str]: ...

    def columns(self, database: str, table: str) -> dict[str, str]:
        """Names of columns, and their types as the client writes them."""
        ...

    def close(self) -> None: ...


class Client(Protocol):
    """A program or a driver."""

    name: str
    family: str
    """Also does the feats of this family."""
    modes: Sequence[Compat]
    pinned: bool
    """Whether this repository says which version of it is used."""
    lacks: Mapping[str, str]
    """Feats that the client has no way to do, and why."""
    is_terminal: bool
    """Shows values as text."""
    type_names: Mapping[str, str]
    """Where ``columns`` says another name than the service."""

    def version(self) -> str:
        """Raises NotHere."""
        ...

    def connect(self, place: Place, login: Login) -> Session: ...

    def close(self) -> None: ...


@dataclass
class Talk:
    """What a feat has at hand: a client, its session with the database ``shop``, and another one to look with."""

    client: Client
    place: Place
    session: Session
    onlooker: Session
    job: str = ""
    kept: dict[str, Any] = field(default_factory=dict)

    def seen(self, text: str) -> list[tuple[Any, ...]]:
        """What somebody else sees."""
        return self.onlooker.rows(text)


class PlainSql:
    """Looking around by statements, for clients that have no way of their own; to be mixed in."""

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def use(self, database: str) -> None:
        self.rows(f"USE {database}")

    def databases(self) -> list[str]:
        return [row[0] for row in self.rows("SHOW DATABASES")]

    def tables(self, database: str) -> list[str]:
        return [row[0] for row in self.rows(f"SHOW TABLES FROM {database}")]

    def columns(self, database: str, table: str) -> dict[str, str]:
        return {row[0]: row[1] for row in self.rows(f"DESC {database}.{table}")}

    def transaction(self) -> None:
        for text in ("SET autocommit = 0", "BEGIN", "SELECT 1", "COMMIT", "SELECT 1", "ROLLBACK", "SET autocommit = 1"):
            self.rows(text)
