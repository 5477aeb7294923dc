"""What the HTTP doors need: texts of rejected rows, facts about the coordinator, loads, sessions and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from routine_load.ids import Compat, TableRef
from routine_load.observe.metrics import Family
from routine_load.server.ports import StatementService, Users
from routine_load.sql.schema import Table
from routine_load.statements.ports import Session
from routine_load.statements.stream_load.values import Finished, LabelState, LoadOutcome, LoadRequest, OpenLoad


class ErrorLogs(Protocol):
    """Rejected rows as text. Blocking: the door calls it from worker threads."""

    def render(self, opaque_id: str) -> Iterator[str]:
        """Lines of one file. Raises FileNotFoundError when there is no such file (any more).

        ``opaque_id`` is always 32 lower-case hexadecimal digits.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the coordinator says about itself at one moment."""

    compat: Compat
    version: str
    started_ms: int
    mysql_port: int | None
    http_port: int | None
    backend_http_port: int | None = None
    backends_total: int
    backends_online: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the pages tell. All of it is blocking: the door asks from worker threads."""

    error_logs: ErrorLogs
    facts: Callable[[], Facts]
    metrics: Callable[[], Sequence[Family]]


class StreamLoads(Protocol):
    """Stream Load of both vendors. Blocking, thread-safe; each request follows the vendor of its session.

    ``load`` and the five calls of StarRocks' transaction interface answer an outcome also where they refuse; any of
    them may raise ClientGone, to which there is nobody to answer.
    """

    def load(self, request: LoadRequest) -> LoadOutcome: ...
    def load_by_sql(self, request: LoadRequest) -> LoadOutcome: ...

    def begin(self, request: LoadRequest) -> LoadOutcome: ...

    def load_into(self, request: LoadRequest) -> LoadOutcome: ...

    def prepare(self, request: LoadRequest) -> LoadOutcome: ...

    def commit(self, request: LoadRequest) -> LoadOutcome: ...

    def rollback(self, request: LoadRequest) -> LoadOutcome: ...

    def opened(self, session: Session) -> Sequence[OpenLoad]:
        """StarRocks: what is open of its transaction interface, as far as the session's user may load there."""
        ...

    def finish(self, request: LoadRequest) -> Finished:
        """Doris: ``_stream_load_2pc``."""
        ...

    def state(self, session: Session, database: str, label: str) -> LabelState:
        """Raises StreamLoadRefused."""
        ...

    def cancel(self, session: Session, database: str, table: str, label: str) -> None:
        """Raises StreamLoadRefused."""
        ...


class Tables(Protocol):
    """What there is to load into."""

    def databases(self) -> list[str]: ...

    def has_database(self, database: str) -> bool: ...

    def tables(self, database: str) -> list[str]:
        """Raises UnknownDatabase."""
        ...

    def table(self, ref: TableRef) -> Table:
        """Raises UnknownDatabase or UnknownTable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """What the two HTTP doors share. ``backend`` tells where the backend's door is; None: it is shut.

    ``takes_loads`` False: the tables are a cluster's, which takes loads itself.
    ``error_url`` makes the address of a file of rejected rows of its id.
    """

    compat: Compat
    streams: StreamLoads
    service: StatementService
    users: Users
    tables: Tables
    error_url: Callable[[str], str]
    backend: Callable[[], tuple[str, int] | None]
    takes_loads: bool = True
