"""What statements need of the world: the engine behind SQL, and (in ``scheduler.ports``) Kafka."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from routine_load.ids import Compat, TableRef
from routine_load.sql.results import Result
from routine_load.sql.schema import Table


@dataclass(slots=True, kw_only=True)
class Session:
    """One client's connection, whichever door it came through. Doors own it; statements change it."""

    user: str
    compat: Compat
    connection_id: int = 0
    client: str = ""
    database: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    timezone: str = "Asia/Shanghai"


class Engine(Protocol):
    """SQL that is not ours: databases, tables, queries."""

    def databases(self) -> list[str]: ...

    def has_database(self, database: str) -> bool: ...

    def tables(self, database: str) -> list[str]:
        """Raises UnknownDatabase."""
        ...

    def table(self, ref: TableRef) -> Table:
        """Raises UnknownDatabase or UnknownTable."""
        ...

    def execute(self, text: str, session: Session) -> Result:
        """DDL, queries, INSERT/DELETE/TRUNCATE, SHOW DATABASES/TABLES/CREATE TABLE/COLUMNS, DESC.

        Raises RoutineLoadError; never a foreign library's exception.
        """
        ...
