"""What users were granted: privileges and roles, a user's as one thing.

Owns their keeping. Refuses to know what a privilege allows, and who may grant it.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from routine_load.errors import ExecutionError
from routine_load.sql.privileges import Granted, Held, Place, Privilege
from routine_load.store.database import Database
from routine_load.store.tables import grants, role_grants, users


class GrantStore:
    """Repository of grants. Thread-safe. A dropped user's grants are gone with the user."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, user: str) -> Granted | None:
        """None for an unknown user."""
        with self._database.reading() as connection:
            return _read(connection, user)

    def change(self, user: str, change: Callable[[Granted], Granted]) -> Granted:
        """Put what ``change`` makes of a user's grants in their place. Raises ExecutionError for an unknown user."""
        with self._database.writing() as connection:
            _hold(connection, user)
            before = _read(connection, user)
            if before is None:
                raise ExecutionError(f"user '{user}'@'%' does not exist")
            after = change(before)
            connection.execute(sa.delete(grants).where(grants.c.user_name == user))
            connection.execute(sa.delete(role_grants).where(role_grants.c.user_name == user))
            if after.privileges:
                connection.execute(sa.insert(grants), [_row(user, held) for held in sorted(after.privileges)])
            if after.roles:
                connection.execute(
                    sa.insert(role_grants), [{"user_name": user, "role": role} for role in sorted(after.roles)]
                )
        return after


def _hold(connection: sa.Connection, user: str) -> None:
    """Two who change one user's grants do it one after the other."""
    connection.execute(sa.select(users.c.name).where(users.c.name == user).with_for_update())


def _read(connection: sa.Connection, user: str) -> Granted | None:
    if connection.execute(sa.select(users.c.name).where(users.c.name == user)).first() is None:
        return None
    rows = connection.execute(sa.select(grants).where(grants.c.user_name == user))
    held = frozenset(
        Held(Place(row.place), row.database_name, row.table_name, Privilege(row.privilege), bool(row.grantable))
        for row in rows
    )
    roles = connection.execute(sa.select(role_grants.c.role).where(role_grants.c.user_name == user)).scalars()
    return Granted(privileges=held, roles=frozenset(roles))


def _row(user: str, held: Held) -> dict[str, object]:
    return {
        "user_name": user,
        "place": held.place.value,
        "database_name": held.database,
        "table_name": held.table,
        "privilege": held.privilege.value,
        "grantable": held.grantable,
    }
