"""Statement values about the service itself: files, transactions, loads, settings, nodes, connections.

Owns the shape of these statements, without meaning; refuses to know what answers them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from routine_load.sql.statement_parts import Expression, Property, SortKey


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateFile:
    """CREATE FILE "name" [IN|FROM db] PROPERTIES ("url" = …, "catalog" = …, "md5" = …)."""

    name: str
    database: str | None = None
    properties: tuple[Property, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DropFile:
    """DROP FILE "name" [IN|FROM db] PROPERTIES ("catalog" = …)."""

    name: str
    database: str | None = None
    properties: tuple[Property, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowFile:
    """SHOW FILE [IN|FROM db]."""

    database: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowTransaction:
    """SHOW TRANSACTION [FROM db] [WHERE …]; which conditions are allowed is the vendor's rule."""

    database: str | None = None
    where: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowLoad:
    """SHOW [ALL] LOAD [FROM db] [WHERE …] [ORDER BY …] [LIMIT …]."""

    database: str | None = None
    where: Expression | None = None
    order_by: tuple[SortKey, ...] = ()
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowStreamLoad:
    """SHOW [ALL] STREAM LOAD [FOR label] [FROM db] [WHERE …] [ORDER BY …] [LIMIT …]."""

    database: str | None = None
    label: str | None = None
    where: Expression | None = None
    order_by: tuple[SortKey, ...] = ()
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFrontendConfig:
    """ADMIN SET [ALL] FRONTEND CONFIG ("name" = "value")."""

    properties: tuple[Property, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowComputeNodes:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowBackends:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowFrontends:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowProcesslist:
    """``full``: statements in whole."""

    full: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowProc:
    """SHOW PROC '/backends': a place in the front end's tree of facts."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowFrontendConfig:
    """[ADMIN] SHOW FRONTEND CONFIG [LIKE 'pattern']."""

    like: str | None = None


class NodeChange(StrEnum):
    """What is done with backends, in the words of the statement."""

    ADD = "ADD"
    DROP = "DROP"
    DECOMMISSION = "DECOMMISSION"
    CANCEL_DECOMMISSION = "CANCEL DECOMMISSION"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterSystem:
    """ALTER SYSTEM ADD | DROP | DECOMMISSION BACKEND "host:port", …; CANCEL DECOMMISSION BACKEND "host:port", …."""

    change: NodeChange
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """KILL [CONNECTION] n ends a connection, KILL QUERY n what it runs."""

    connection_id: int
    query_only: bool = False
