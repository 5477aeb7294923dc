"""What statement values are made of: names, properties, islands, load clauses.

Owns the values that several statements share; refuses to know a statement.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from routine_load.errors import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class JobName:
    name: str
    database: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    key: str
    value: str
    position: Position | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        """Secrets never appear in a repr."""
        words = ("password", "secret", "jaas", "token", "credential", "key.pem", "access", "user.info", "registry.url")
        secret = any(word in self.key.lower() for word in words) or self.value[:5].lower() == "data:"
        return f"Property(key={self.key!r}, value={'******' if secret else self.value!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A scalar expression as written (``text``) and the column names it reads, in order of appearance, once each."""

    text: str
    columns: tuple[str, ...] = ()
    position: Position | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SortKey:
    column: str
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnItem:
    """A plain source column (``expression`` None) or a derived one. ``is_default``: ``c = DEFAULT``."""

    name: str
    expression: Expression | None = None
    is_default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delimiter:
    """``original`` is the SQL-unescaped text as the user wrote it (shown in SHOW), ``value`` the bytes meant."""

    original: str
    value: str


class MergeType(StrEnum):
    APPEND = "APPEND"
    DELETE = "DELETE"
    MERGE = "MERGE"


class MetadataField(StrEnum):
    """What a Kafka message carries beside its value (StarRocks 4.1: INCLUDE METADATA)."""

    KEY = "KEY"
    PARTITION = "PARTITION"
    OFFSET = "OFFSET"
    TOPIC = "TOPIC"
    TIMESTAMP_MS = "TIMESTAMP_MS"
    HEADERS = "HEADERS"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataColumn:
    """One field of the message as a source column. Without AS the column has the field's name in lower case."""

    field: MetadataField
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadClauses:
    """The load properties of CREATE and ALTER; None or empty where a clause is absent.

    ``columns`` holds plain names first, then assignments in StarRocks; as they were written in Doris.
    """

    column_separator: Delimiter | None = None
    row_delimiter: Delimiter | None = None
    columns: tuple[ColumnItem, ...] | None = None
    where: Expression | None = None
    preceding_filter: Expression | None = None
    partitions: tuple[str, ...] | None = None
    temporary_partitions: bool = False
    delete_on: Expression | None = None
    order_by: str | None = None
    metadata: tuple[MetadataColumn, ...] | None = None


NO_CLAUSES: Final = LoadClauses()
