"""Users and what is stored of their passwords.

Owns who exists. Refuses to know how a verifier is computed or checked; the door says of what type it wants them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from routine_load.errors import ExecutionError
from routine_load.store.database import Database, add
from routine_load.store.tables import NAME_MAX, users

ROOT = "root"


class VerifierValue(Protocol):
    """What a password leaves behind; both empty for an empty password."""

    @property
    def native(self) -> bytes: ...
    @property
    def sha2(self) -> str: ...


V = TypeVar("V", bound=VerifierValue)


class UserStore(Generic[V]):
    """Repository of users. Thread-safe. ``root`` exists from the first open, with an empty password."""

    def __init__(self, database: Database, make: Callable[[bytes, str], V]) -> None:
        self._database = database
        self._make = make
        with database.writing() as connection:
            if connection.execute(sa.select(users.c.name)).first() is None:
                add(connection, users, {"name": ROOT}, {"native": b"", "sha2": ""})

    def verifiers(self, user: str) -> V | None:
        """None for an unknown user."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(users.c.native, users.c.sha2).where(users.c.name == user)).first()
        return None if row is None else self._make(bytes(row.native), str(row.sha2))

    def names(self) -> list[str]:
        with self._database.reading() as connection:
            return sorted(connection.execute(sa.select(users.c.name)).scalars())

    def create(self, user: str, verifiers: V, *, if_not_exists: bool = False) -> None:
        """Raises ExecutionError where the user exists, unless told otherwise."""
        if not 0 < len(user) <= NAME_MAX:
            raise ExecutionError(f"a user name has 1 to {NAME_MAX} characters, not {len(user)}")
        exists = f"Operation CREATE USER failed for '{user}'@'%' : user already exists"
        with self._database.writing() as connection:
            if connection.execute(sa.select(users.c.name).where(users.c.name == user)).first() is not None:
                if if_not_exists:
                    return
                raise ExecutionError(exists)
            try:
                connection.execute(sa.insert(users).values(name=user, native=verifiers.native, sha2=verifiers.sha2))
            except IntegrityError as cause:
                raise ExecutionError(exists) from cause

    def drop(self, user: str, *, if_exists: bool = False) -> None:
        """Raises ExecutionError for ``root`` and, unless told otherwise, for an unknown user."""
        if user == ROOT:
            raise ExecutionError("Operation DROP USER failed for 'root'@'%' : root cannot be dropped")
        with self._database.writing() as connection:
            dropped = connection.execute(sa.delete(users).where(users.c.name == user)).rowcount
        if dropped == 0 and not if_exists:
            raise ExecutionError(f"Operation DROP USER failed for '{user}'@'%' : user does not exist")

    def set_password(self, user: str, verifiers: V) -> None:
        """Raises ExecutionError for an unknown user."""
        values = {"native": verifiers.native, "sha2": verifiers.sha2}
        with self._database.writing() as connection:
            changed = connection.execute(sa.update(users).where(users.c.name == user).values(values)).rowcount
        if changed == 0:
            raise ExecutionError(f"Operation ALTER USER failed for '{user}'@'%' : user does not exist")
