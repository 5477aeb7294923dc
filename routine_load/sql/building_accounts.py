"""Statements about users and privileges: from parse trees to values.

Owns the two vendors' spellings of one thing: ``INSERT ON ALL TABLES IN DATABASE d`` (StarRocks) and ``LOAD_PRIV ON
d.*`` (Doris) have the same shape here. Refuses to know which privileges exist.
"""

from __future__ import annotations

import re
from typing import Final

from lark import Tree

from routine_load.errors import AnalysisError
from routine_load.sql import statements as s
from routine_load.sql.accounts import ANY_HOST
from routine_load.sql.literals import string_value
from routine_load.sql.trees import Node, Reading, child, has, name_text, need, nodes, place, text_or_name, tokens

_HASHED: Final = re.compile(r"\*[0-9A-F]{40}", re.IGNORECASE)
_OWN_CATALOGS: Final = frozenset({"internal", "default_catalog"})
_OF_SYSTEM: Final = frozenset({"ADMIN", "NODE"})
_ANY: Final = "*"


def create_user(_reading: Reading, tree: Node) -> s.Statement:
    user, host = _user(tree)
    password = _password(child(tree, "identified"))
    return s.CreateUser(user=user, host=host, password=password, if_not_exists=has(tree, "if_not_exists"))


def drop_user(_reading: Reading, tree: Node) -> s.Statement:
    user, host = _user(tree)
    return s.DropUser(user=user, host=host, if_exists=has(tree, "if_exists"))


def alter_user(_reading: Reading, tree: Node) -> s.Statement:
    user, host = _user(tree)
    return s.SetPassword(user=user, host=host, password=_password(child(tree, "identified")))


def set_password(_reading: Reading, tree: Node) -> s.Statement:
    user, host = _user(tree) if has(tree, "user") else (None, ANY_HOST)
    return s.SetPassword(user=user, host=host, password=_password(child(tree, "password")))


def grant(_reading: Reading, tree: Node) -> s.Statement:
    privileges, target, roles = _granted(tree)
    grantee, host, role = _grantee(tree)
    return s.Grant(
        privileges=privileges,
        target=target,
        roles=roles,
        grantee=grantee,
        host=host,
        role=role,
        with_grant_option=has(tree, "grant_option"),
    )


def revoke(_reading: Reading, tree: Node) -> s.Statement:
    privileges, target, roles = _granted(tree)
    grantee, host, role = _grantee(tree)
    return s.Revoke(privileges=privileges, target=target, roles=roles, grantee=grantee, host=host, role=role)


def show_grants(_reading: Reading, tree: Node) -> s.Statement:
    if not (has(tree, "user") or has(tree, "role")):
        return s.ShowGrants(all=has(tree, "all"))
    user, host, role = _grantee(tree)
    return s.ShowGrants(user=user, host=host, role=role, all=has(tree, "all"))


def _granted(tree: Node) -> tuple[tuple[str, ...], s.PrivilegeTarget | None, tuple[str, ...]]:
    """Privileges and what they are about, or roles."""
    words = [[text_or_name(part) for part in node.children] for node in nodes(tree) if node.data == "grantable"]
    target = next((node for node in nodes(tree) if str(node.data).startswith("on_")), None)
    if target is None:
        if any(len(several) > 1 for several in words):
            raise AnalysisError("a privilege needs ON and what it is about, a role is one name", position=place(tree))
        return (), None, tuple(several[0] for several in words)
    privileges = tuple(" ".join(several).upper().removesuffix(" PRIVILEGES").removesuffix("_PRIV") for several in words)
    return privileges, _target(target, privileges), ()


def _target(tree: Node, privileges: tuple[str, ...]) -> s.PrivilegeTarget:
    if tree.data == "on_system":
        return s.PrivilegeTarget(scope=s.Scope.SYSTEM)
    if tree.data in {"on_databases", "on_all_tables"}:
        return s.PrivilegeTarget(scope=s.Scope.ALL, tables_only=tree.data == "on_all_tables")
    if tree.data == "on_catalog":
        if (catalog := text_or_name(tree.children[0])).lower() not in _OWN_CATALOGS:
            raise AnalysisError(f"Unknown catalog '{catalog}'", position=place(tree))
        return s.PrivilegeTarget(scope=s.Scope.ALL)
    if tree.data in {"on_database", "on_tables_in"}:
        name = text_or_name(tree.children[0])
        return s.PrivilegeTarget(scope=s.Scope.DATABASE, database=name, tables_only=tree.data == "on_tables_in")
    parts = [_ANY if node.data == "any" else name_text(node) for node in nodes(tree)]
    if len(parts) > 3:
        raise AnalysisError(
            f"'{'.'.join(parts)}' has too many parts: ON [catalog.]db.table, db.* or *.*", position=place(tree)
        )
    if len(parts) == 3 and parts[0] != _ANY and parts[0].lower() not in _OWN_CATALOGS:
        raise AnalysisError(f"Unknown catalog '{parts[0]}'", position=place(tree))
    is_any = [isinstance(part, Tree) and part.data == "any" for part in tree.children]
    return _pattern(parts[-2:], is_any[-2:], tree, privileges)


def _pattern(parts: list[str], is_any: list[bool], tree: Node, privileges: tuple[str, ...]) -> s.PrivilegeTarget:
    """``t``, ``db.t``, ``db.*`` or ``*.*`` (Doris: ADMIN_PRIV and NODE_PRIV on all of it are about the system)."""
    if is_any == [True, True]:
        of_system = all(privilege in _OF_SYSTEM for privilege in privileges)
        return s.PrivilegeTarget(scope=s.Scope.SYSTEM if of_system else s.Scope.ALL)
    if is_any == [False, True]:
        return s.PrivilegeTarget(scope=s.Scope.DATABASE, database=parts[0])
    if any(is_any):
        raise AnalysisError(f"'{'.'.join(parts)}' is not db.table, db.* or *.*", position=place(tree))
    return s.PrivilegeTarget(scope=s.Scope.TABLE, database=parts[0] if len(parts) > 1 else None, table=parts[-1])


def _grantee(tree: Node) -> tuple[str, str, bool]:
    role = child(tree, "role")
    return (text_or_name(role.children[0]), ANY_HOST, True) if role is not None else (*_user(tree), False)


def _user(tree: Node) -> tuple[str, str]:
    """The user and the host, which is any where none is named."""
    name, *host = need(tree, "user").children
    return text_or_name(name), text_or_name(host[0]) if host else ANY_HOST


def _password(tree: Node | None) -> str:
    literals = tokens(tree) if tree else []
    password = string_value(literals[0]) if literals else ""
    if _HASHED.fullmatch(password):
        raise AnalysisError(
            "A hashed password cannot be kept here; give it in clear: PASSWORD('…') or IDENTIFIED BY '…'"
        )
    return password
