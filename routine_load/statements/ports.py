"""What statements need of the world: the engine behind SQL, and (in ``scheduler.ports``) Kafka."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from routine_load.ids import Compat, TableRef
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.sql.access import EVERYTHING, NOTHING, Rights
from routine_load.sql.privileges import ROOT
from routine_load.sql.results import Result
from routine_load.sql.schema import Table

DEFAULT_TIME_ZONE = "Asia/Shanghai"
QUERY_TIMEOUT_S = {Compat.STARROCKS: 300, Compat.DORIS: 900}


@dataclass(slots=True, kw_only=True)
class Session:
    """One client's connection, whichever door it came through. Doors own it; statements change it."""

    user: str
    compat: Compat
    connection_id: int = 0
    client: str = ""
    tls_cipher: str = ""
    tls_version: str = ""
    """Both empty: the connection is not encrypted."""
    database: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    timezone: str = DEFAULT_TIME_ZONE
    last_error: str = ""
    """What failed last, as ``RoutineLoadError.described``; ``@@routine_load_error`` in SQL."""
    is_relayed: bool = False
    """Another coordinator speaks here for its client: what comes is not passed on."""
    disconnect: Callable[[], object] | None = field(default=None, repr=False, compare=False)
    """How its door ends its connection, from any thread; the door sets it."""
    rights: Rights = field(default=NOTHING, repr=False, compare=False)
    """What the user may do now; given by the service. Without any, root may do everything and others nothing."""

    def __post_init__(self) -> None:
        if self.rights is NOTHING and self.user == ROOT:
            self.rights = EVERYTHING

    @property
    def query_timeout_s(self) -> int:
        """StarRocks, Doris: the variable ``query_timeout``, with the vendor's default."""
        return int(self.variables.get("query_timeout", QUERY_TIMEOUT_S[self.compat]))


class FrontendConfigs(Protocol):
    """The front end's settings, as they are now."""

    def __call__(self, compat: Compat, /) -> FrontendConfig: ...

    def is_overridden(self, name: str) -> bool:
        """Whether it was set, by the file or by ADMIN SET."""
        ...

    def set(self, name: str, value: str, compat: Compat) -> None:
        """Change one, now and for later starts. Raises UnknownConfig, ConfigRefused in the vendor's words."""
        ...


class Engine(Protocol):
    """SQL that is not ours: databases, tables, queries."""

    def databases(self) -> list[str]: ...

    def has_database(self, database: str) -> bool: ...

    def tables(self, database: str) -> list[str]:
        """Raises UnknownDatabase."""
        ...

    def views(self, database: str) -> list[str]:
        """They are none of ``tables``."""
        ...

    def table(self, ref: TableRef) -> Table:
        """Raises UnknownDatabase or UnknownTable."""
        ...

    def execute(self, text: str, session: Session) -> Result:
        """DDL, queries, INSERT/DELETE/TRUNCATE, SHOW DATABASES/TABLES/CREATE TABLE/COLUMNS, DESC.

        Raises RoutineLoadError; never a foreign library's exception.
        """
        ...

    def kill(self, connection_id: int) -> None:
        """End what the session of this number runs; nothing where it runs nothing."""
        ...
