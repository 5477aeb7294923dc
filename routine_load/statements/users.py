"""CREATE USER, DROP USER, SET PASSWORD, ALTER USER: who exists.

An account is a name, from any host: a host other than '%' is refused, never ignored. Dropping a user and setting a
password end the user's connections: what was opened with a password that is true no more does not go on. A job goes
on when its creator is dropped; whoever may load into its table can stop it.
"""

from __future__ import annotations

from routine_load.errors import ExecutionError, UnsupportedFeature
from routine_load.sql.access import NOTHING, require_of_system
from routine_load.sql.accounts import ANY_HOST
from routine_load.sql.privileges import ROOT, Privilege
from routine_load.sql.results import Ok
from routine_load.sql.statements import CreateUser, DropUser, SetPassword
from routine_load.statements.context import Context
from routine_load.statements.ports import Session


def account(user: str, host: str) -> str:
    """The account that 'user'@'host' means. Raises UnsupportedFeature for a host that would have to be checked."""
    if host != ANY_HOST:
        raise UnsupportedFeature(
            f"'{user}'@'{host}': accounts are known by their name alone here and may come from any host; leave the "
            "host out or write '%'"
        )
    return user


def create(statement: CreateUser, session: Session, context: Context) -> Ok:
    """The user exists, and may do nothing but look at what all may see, when this returns."""
    require_of_system(session, Privilege.GRANT)
    user = account(statement.user, statement.host)
    context.users.create_user(user, statement.password, if_not_exists=statement.if_not_exists)
    context.privileges.forget(user)
    return Ok()


def drop(statement: DropUser, session: Session, context: Context) -> Ok:
    """The user's grants are gone, and sessions that are open may do nothing and are ended."""
    require_of_system(session, Privilege.GRANT)
    user = account(statement.user, statement.host)
    context.users.drop_user(user, if_exists=statement.if_exists)
    context.privileges.forget(user)
    for other, _, _ in context.processes():
        if other.user == user:
            other.rights = NOTHING
            _end(other, context)
    return Ok()


def set_password(statement: SetPassword, session: Session, context: Context) -> Ok:
    """One's own, or as who may grant; root's is root's. Other connections of the user have to log in again."""
    user = session.user if statement.user is None else account(statement.user, statement.host)
    if user != session.user:
        require_of_system(session, Privilege.GRANT)
        if user == ROOT:
            raise ExecutionError("only root can set the password of root")
    context.users.set_password(user, statement.password)
    for other, _, _ in context.processes():
        if other.user == user and other is not session and other.disconnect is not None:
            _end(other, context)
    return Ok()


def _end(other: Session, context: Context) -> None:
    context.engine.kill(other.connection_id)
    if other.disconnect is not None:
        other.disconnect()
