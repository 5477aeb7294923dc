"""Names inside the file: the one quoting function, and what belongs to the engine itself."""

from __future__ import annotations

from dataclasses import dataclass

from routine_load.errors import AnalysisError
from routine_load.ids import TableRef

OWN_SCHEMA = "routine_load"
INFORMATION_SCHEMA = "information_schema"
NAME_BYTES_MAX = 256

RESERVED_DATABASES = frozenset({OWN_SCHEMA, INFORMATION_SCHEMA, "main", "temp", "system", "pg_catalog", "sys", "mysql"})
"""Databases nobody may create: they are DuckDB's, the vendors', or the engine's own."""


def quote(identifier: str) -> str:
    """An identifier as SQL text. Every name in generated SQL passes here."""
    if not identifier or "\0" in identifier or len(identifier.encode()) > NAME_BYTES_MAX:
        raise AnalysisError(f"Incorrect name '{identifier[:64]}': 1 to {NAME_BYTES_MAX} bytes are allowed")
    return '"' + identifier.replace('"', '""') + '"'


def quoted(identifiers: tuple[str, ...] | list[str], prefix: str = "") -> str:
    """Identifiers as a comma-separated list, each with the prefix (``t.``)."""
    return ", ".join(prefix + quote(name) for name in identifiers)


@dataclass(frozen=True, slots=True)
class Names:
    """Fully qualified names; ``file`` is what DuckDB calls the open file, so that no name is ever ambiguous."""

    file: str

    def schema(self, database: str) -> str:
        return f"{quote(self.file)}.{quote(database)}"

    def table(self, ref: TableRef) -> str:
        return f"{self.schema(ref.database)}.{quote(ref.table)}"

    def own(self, table: str) -> str:
        return f"{self.schema(OWN_SCHEMA)}.{quote(table)}"
