"""Privileges: which there are, what each vendor calls them, what its roles hold.

One vocabulary for both vendors, StarRocks' where it has a word: Doris' LOAD_PRIV is INSERT, UPDATE and DELETE, its
CREATE_PRIV makes databases and tables. So a GRANT made in one vendor's words holds, and shows, in the other's. Refuses
to know who has what, and which statement needs which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from routine_load.errors import AnalysisError
from routine_load.ids import Compat

ROOT: Final = "root"
"""The user, and StarRocks' role, that has everything and cannot lose it."""


class Privilege(StrEnum):
    """The order is the one they are shown in (StarRocks: SHOW GRANTS)."""

    DELETE = "DELETE"
    DROP = "DROP"
    INSERT = "INSERT"
    SELECT = "SELECT"
    ALTER = "ALTER"
    EXPORT = "EXPORT"
    UPDATE = "UPDATE"
    SHOW_VIEW = "SHOW VIEW"
    CREATE_TABLE = "CREATE TABLE"
    CREATE_VIEW = "CREATE VIEW"
    CREATE_FUNCTION = "CREATE FUNCTION"
    CREATE_MATERIALIZED_VIEW = "CREATE MATERIALIZED VIEW"
    DROP_DATABASE = "DROP DATABASE"
    CREATE_DATABASE = "CREATE DATABASE"
    USAGE = "USAGE"
    GRANT = "GRANT"
    NODE = "NODE"
    OPERATE = "OPERATE"
    FILE = "FILE"
    ADMIN = "ADMIN"


class Place(StrEnum):
    """How far a privilege reaches."""

    SYSTEM = "SYSTEM"
    ALL = "ALL"
    DATABASE = "DATABASE"
    TABLE = "TABLE"


@dataclass(frozen=True, slots=True, order=True)
class Held:
    """One privilege that one user has somewhere; ``grantable``: WITH GRANT OPTION."""

    place: Place
    database: str
    table: str
    privilege: Privilege
    grantable: bool = False

    @property
    def where(self) -> tuple[Place, str, str]:
        return self.place, self.database, self.table


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """Everything that one user was granted."""

    privileges: frozenset[Held] = frozenset()
    roles: frozenset[str] = frozenset()


_P = Privilege
TABLE_PRIVILEGES: Final = frozenset(
    {_P.SELECT, _P.INSERT, _P.UPDATE, _P.DELETE, _P.ALTER, _P.DROP, _P.EXPORT, _P.SHOW_VIEW}
)
_DATABASE_ONLY: Final = frozenset(
    {_P.CREATE_TABLE, _P.CREATE_VIEW, _P.CREATE_FUNCTION, _P.CREATE_MATERIALIZED_VIEW, _P.DROP_DATABASE}
)
DATA_PRIVILEGES: Final = TABLE_PRIVILEGES | _DATABASE_ONLY | {_P.CREATE_DATABASE, _P.USAGE}
"""What is about databases and tables."""

SYSTEM_PRIVILEGES: Final = frozenset({_P.GRANT, _P.NODE, _P.OPERATE, _P.FILE, _P.ADMIN})
"""What is about the service."""

_LOAD: Final = frozenset({_P.INSERT, _P.UPDATE, _P.DELETE})
_CREATE: Final = frozenset(
    {_P.CREATE_DATABASE, _P.CREATE_TABLE, _P.CREATE_VIEW, _P.CREATE_FUNCTION, _P.CREATE_MATERIALIZED_VIEW}
)
_DROP: Final = frozenset({_P.DROP, _P.DROP_DATABASE})

DORIS: Final[Mapping[str, frozenset[Privilege]]] = {
    "NODE": frozenset({_P.NODE}),
    "ADMIN": frozenset({_P.ADMIN}),
    "GRANT": frozenset({_P.GRANT}),
    "SELECT": frozenset({_P.SELECT}),
    "LOAD": _LOAD,
    "ALTER": frozenset({_P.ALTER}),
    "CREATE": _CREATE,
    "DROP": _DROP,
    "USAGE": frozenset({_P.USAGE}),
    "SHOW_VIEW": frozenset({_P.SHOW_VIEW}),
}
"""Doris' names without ``_PRIV``, in the order its SHOW GRANTS has them."""

_DORIS_TITLES: Final = {name: f"{name.capitalize()}_priv" for name in DORIS} | {"SHOW_VIEW": "Show_view_priv"}

_GRANTED_WHERE: Final[Mapping[Place, frozenset[Privilege]]] = {
    Place.SYSTEM: SYSTEM_PRIVILEGES,
    Place.ALL: DATA_PRIVILEGES | SYSTEM_PRIVILEGES,
    Place.DATABASE: TABLE_PRIVILEGES | _DATABASE_ONLY | {_P.CREATE_DATABASE, _P.GRANT},
    Place.TABLE: TABLE_PRIVILEGES | {_P.GRANT},
}

_WIDE: Final = frozenset({"ALL", "CREATE", "DROP"})
"""What means as much as can be granted where it is granted: Doris' CREATE_PRIV and DROP_PRIV include databases."""

_WHOLE_SYSTEM: Final = SYSTEM_PRIVILEGES - {_P.ADMIN}

ROLES: Final[Mapping[str, frozenset[Privilege]]] = {
    ROOT: DATA_PRIVILEGES | SYSTEM_PRIVILEGES,
    "cluster_admin": frozenset({_P.NODE}),
    "db_admin": DATA_PRIVILEGES | _WHOLE_SYSTEM - {_P.NODE, _P.GRANT},
    "user_admin": frozenset({_P.GRANT}),
    "public": frozenset(),
    "operator": frozenset({_P.NODE, _P.ADMIN}),
    "admin": frozenset({_P.ADMIN}),
}
"""The built-in roles: StarRocks' first five, Doris' two; everywhere, at once when granted."""


def privileges_named(names: tuple[str, ...], place: Place, *, tables_only: bool = False) -> frozenset[Privilege]:
    """What a GRANT or REVOKE names, in either vendor's words. Raises AnalysisError for what is not there to grant.

    ``tables_only``: on tables, not on the databases they are in.
    """
    allowed = TABLE_PRIVILEGES if tables_only else _GRANTED_WHERE[place]
    found: set[Privilege] = set()
    for name in names:
        meant = _named(name, place) & allowed if name in _WIDE else _named(name, place)
        if not meant:
            raise AnalysisError(f"Invalid privilege '{name}': unknown here")
        if wrong := sorted(meant - allowed):
            raise AnalysisError(f"{wrong[0]} cannot be granted on {place}; ALL or {', '.join(sorted(allowed))} can")
        found |= meant
    return frozenset(found)


def _named(name: str, place: Place) -> frozenset[Privilege]:
    if name == "ALL":
        return SYSTEM_PRIVILEGES - {_P.ADMIN} if place is Place.SYSTEM else DATA_PRIVILEGES - {_P.SHOW_VIEW, _P.USAGE}
    if name in DORIS:
        return DORIS[name]
    return frozenset({Privilege(name)}) if name in set(Privilege) else frozenset()


def role_named(name: str) -> str:
    """The built-in role of a name. Raises AnalysisError for any other."""
    if name not in ROLES:
        raise AnalysisError(f"Role '{name}' does not exist; roles are built in here: {', '.join(ROLES)}")
    return name


def shown_names(privileges: frozenset[Privilege], compat: Compat) -> list[str]:
    """How a vendor's SHOW GRANTS names them; what Doris has no word for keeps its own."""
    if compat is Compat.STARROCKS:
        return [str(each) for each in Privilege if each in privileges]
    names = []
    left = set(privileges)
    for name, meant in DORIS.items():
        if meant <= left or (name in {"CREATE", "DROP"} and meant & left and meant & left >= meant - _CREATE_BEYOND):
            names.append(_DORIS_TITLES[name])
            left -= meant
    return names + [f"{each.replace(' ', '_').capitalize()}_priv" for each in Privilege if each in left]


_CREATE_BEYOND: Final = frozenset({_P.CREATE_DATABASE, _P.DROP_DATABASE})
