"""Statement values about who may do what: users, passwords, privileges.

Owns the shape of these statements; refuses to know which privileges exist and whether anybody has them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

ANY_HOST = "%"


class Scope(StrEnum):
    """What a privilege is about: SYSTEM (StarRocks: ON SYSTEM; Doris: ON *.*.* with ADMIN_PRIV), all data, …"""

    SYSTEM = "SYSTEM"
    ALL = "ALL"
    DATABASE = "DATABASE"
    TABLE = "TABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivilegeTarget:
    """ALL: every database (``*.*``, ALL DATABASES); DATABASE: the database and all its tables.

    ``tables_only``: only the tables there, not the databases themselves (StarRocks: ALL TABLES IN …).
    """

    scope: Scope
    database: str | None = None
    table: str | None = None
    tables_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """GRANT p [, p …] ON target TO user. Privilege names in upper case, Doris' without ``_PRIV``.

    ``role``: the grantee is a role. ``roles``: GRANT role [, role …] TO user, with no privileges and no target.
    """

    privileges: tuple[str, ...] = ()
    target: PrivilegeTarget | None = None
    roles: tuple[str, ...] = ()
    grantee: str
    host: str = ANY_HOST
    role: bool = False
    with_grant_option: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoke:
    """REVOKE … FROM user, shaped as ``Grant``."""

    privileges: tuple[str, ...] = ()
    target: PrivilegeTarget | None = None
    roles: tuple[str, ...] = ()
    grantee: str
    host: str = ANY_HOST
    role: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowGrants:
    """SHOW [ALL] GRANTS [FOR user]; ``user`` None: oneself. ``role``: it is a role's name."""

    user: str | None = None
    host: str = ANY_HOST
    role: bool = False
    all: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateUser:
    """CREATE USER 'u'@'%' IDENTIFIED BY 'p'."""

    user: str
    host: str = ANY_HOST
    password: str = field(default="", repr=False)
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DropUser:
    user: str
    host: str = ANY_HOST
    if_exists: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPassword:
    """SET PASSWORD [FOR 'u'] = PASSWORD('p') or = 'p'; ALTER USER 'u' IDENTIFIED BY 'p'. ``user`` None: oneself."""

    user: str | None
    host: str = ANY_HOST
    password: str = field(repr=False)
