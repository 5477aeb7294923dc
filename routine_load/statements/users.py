"""CREATE USER, DROP USER, SET PASSWORD. Only root may do more than change its own password."""

from __future__ import annotations

from routine_load.errors import AccessDenied
from routine_load.sql.results import Ok
from routine_load.sql.statements import CreateUser, DropUser, SetPassword
from routine_load.statements.context import Context
from routine_load.statements.ports import Session


def create(statement: CreateUser, session: Session, context: Context) -> Ok:
    _only_root(session)
    context.users.create_user(statement.user, statement.password, if_not_exists=statement.if_not_exists)
    return Ok()


def drop(statement: DropUser, session: Session, context: Context) -> Ok:
    _only_root(session)
    context.users.drop_user(statement.user, if_exists=statement.if_exists)
    return Ok()


def set_password(statement: SetPassword, session: Session, context: Context) -> Ok:
    if statement.user not in {None, session.user}:
        _only_root(session)
    context.users.set_password(statement.user or session.user, statement.password)
    return Ok()


def _only_root(session: Session) -> None:
    if session.user != "root":
        raise AccessDenied(f"Access denied; user '{session.user}' needs to be root for this operation")
