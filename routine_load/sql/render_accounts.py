"""Statements about users and privileges to text: parsing it gives an equal value.

Owns one spelling, StarRocks', of what both vendors can say; refuses to mask passwords.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from routine_load.sql import statements as s
from routine_load.sql.accounts import ANY_HOST
from routine_load.sql.literals import quote_name, quote_string


def _create_user(statement: s.CreateUser) -> str:
    guard = "IF NOT EXISTS " if statement.if_not_exists else ""
    password = f" IDENTIFIED BY {quote_string(statement.password)}" if statement.password else ""
    return f"CREATE USER {guard}{_user(statement.user, statement.host)}{password}"


def _drop_user(statement: s.DropUser) -> str:
    return f"DROP USER {'IF EXISTS ' if statement.if_exists else ''}{_user(statement.user, statement.host)}"


def _set_password(statement: s.SetPassword) -> str:
    user = f" FOR {_user(statement.user, statement.host)}" if statement.user is not None else ""
    return f"SET PASSWORD{user} = PASSWORD({quote_string(statement.password)})"


def _grant(statement: s.Grant) -> str:
    option = " WITH GRANT OPTION" if statement.with_grant_option else ""
    return f"GRANT {_granted(statement)} TO {_grantee(statement.grantee, statement.host, role=statement.role)}{option}"


def _revoke(statement: s.Revoke) -> str:
    return f"REVOKE {_granted(statement)} FROM {_grantee(statement.grantee, statement.host, role=statement.role)}"


def _show_grants(statement: s.ShowGrants) -> str:
    user = f" FOR {_grantee(statement.user, statement.host, role=statement.role)}" if statement.user is not None else ""
    return f"SHOW {'ALL ' if statement.all else ''}GRANTS{user}"


def _granted(statement: s.Grant | s.Revoke) -> str:
    if statement.target is None:
        return ", ".join(quote_string(role) for role in statement.roles)
    return f"{', '.join(_privilege(name) for name in statement.privileges)} ON {_target(statement.target)}"


def _privilege(name: str) -> str:
    """Words as they are; what is not made of words, or could end too early, could only have been written quoted."""
    plain = re.fullmatch(r"[A-Z_]+( [A-Z_]+)*", name) and not {"FROM", "ON", "TO"} & set(name.split())
    return name if plain else quote_string(name)


def _target(target: s.PrivilegeTarget) -> str:
    if target.scope is s.Scope.SYSTEM:
        return "SYSTEM"
    if target.scope is s.Scope.ALL:
        return "ALL TABLES IN ALL DATABASES" if target.tables_only else "ALL DATABASES"
    if target.scope is s.Scope.DATABASE:
        return f"{'ALL TABLES IN ' if target.tables_only else ''}DATABASE {quote_string(target.database or '')}"
    names = (target.database, target.table)
    return "TABLE " + ".".join(quote_name(name) for name in names if name is not None)


def _grantee(name: str, host: str, *, role: bool) -> str:
    return f"ROLE {quote_string(name)}" if role else f"USER {_user(name, host)}"


def _user(name: str, host: str) -> str:
    return quote_string(name) if host == ANY_HOST else f"{quote_string(name)}@{quote_string(host)}"


ACCOUNT_RENDERERS: Final[dict[type, Callable[[Any], str]]] = {
    s.CreateUser: _create_user,
    s.DropUser: _drop_user,
    s.SetPassword: _set_password,
    s.Grant: _grant,
    s.Revoke: _revoke,
    s.ShowGrants: _show_grants,
}
