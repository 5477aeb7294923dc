"""Who may do what: the grants of all users, and what a user may do by them, asked at every statement.

Grants are kept by the store and held in memory, a user's as one frozen value, so that asking costs no more than a
look-up. They go by names: a table that is dropped and made again has the grants of before (Doris; StarRocks forgets
them). Refuses to know which statement needs which privilege (``admission``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from routine_load.errors import AccessDenied
from routine_load.sql.access import EVERYTHING, Rights
from routine_load.sql.privileges import DATA_PRIVILEGES, ROLES, ROOT, TABLE_PRIVILEGES, Granted, Place, Privilege

_KNOWN_MAX: Final = 10_000
_SEEN: Final = TABLE_PRIVILEGES
"""Any of these lets see a table."""

_SEEN_DATABASE: Final = DATA_PRIVILEGES - {Privilege.CREATE_DATABASE, Privilege.USAGE}


class GrantRecords(Protocol):
    """The store of grants, as statements need it."""

    def of(self, user: str) -> Granted | None:
        """None for an unknown user."""
        ...

    def change(self, user: str, change: Callable[[Granted], Granted]) -> Granted:
        """Raises ExecutionError for an unknown user."""
        ...


@dataclass(frozen=True, slots=True)
class Powers:
    """What a user's grants and roles add up to.

    ``anywhere`` is held on everything. ``databases``: where something is held, on the database or in it. ``tabled``:
    the databases whose every table is seen.
    """

    anywhere: frozenset[Privilege]
    places: dict[tuple[Place, str, str], frozenset[Privilege]]
    databases: frozenset[str]
    tabled: frozenset[str]
    roles: tuple[str, ...]

    @classmethod
    def of(cls, granted: Granted) -> Powers:
        anywhere: set[Privilege] = set()
        for role in granted.roles:
            anywhere |= ROLES.get(role, frozenset())
        places: dict[tuple[Place, str, str], set[Privilege]] = {}
        for held in granted.privileges:
            if held.place in {Place.ALL, Place.SYSTEM}:
                anywhere.add(held.privilege)
            else:
                places.setdefault(held.where, set()).add(held.privilege)
        return cls(
            anywhere=frozenset(anywhere),
            places={where: frozenset(what) for where, what in places.items()},
            databases=frozenset(database for _, database, _ in places),
            tabled=frozenset(
                database for (place, database, _), what in places.items() if place is Place.DATABASE and what & _SEEN
            ),
            roles=tuple(sorted(granted.roles)),
        )

    def has(self, privilege: Privilege, database: str, table: str) -> bool:
        if privilege in self.anywhere:
            return True
        if Privilege.ADMIN in self.anywhere and privilege is not Privilege.NODE:
            return True  # Doris: ADMIN_PRIV is all but NODE_PRIV
        if not database:
            return False
        if privilege in self.places.get((Place.DATABASE, database, ""), ()):
            return True
        return bool(table) and privilege in self.places.get((Place.TABLE, database, table), ())

    def sees(self, database: str, table: str) -> bool:
        if Privilege.ADMIN in self.anywhere:
            return True
        if not table:
            return bool(self.anywhere & _SEEN_DATABASE) or database in self.databases
        return bool(
            self.anywhere & _SEEN or database in self.tabled or self.places.get((Place.TABLE, database, table), ())
        )


_NONE: Final = Powers.of(Granted())


class Privileges:
    """The grants of all users. Thread-safe. Changes are written first, and true for all who ask once they are."""

    def __init__(self, records: GrantRecords) -> None:
        self._records = records
        self._lock = threading.Lock()
        self._known: dict[str, Powers] = {}
        self._changes = 0

    def rights(self, user: str) -> Rights:
        """What a session of the user may do, from now on. Raises AccessDenied for a user who is not there."""
        if self.powers(user) is None:
            raise AccessDenied(f"Access denied for user '{user}'")
        return EVERYTHING if user == ROOT else _Live(self, user)

    def of(self, user: str) -> Granted | None:
        """None for an unknown user."""
        return self._records.of(user)

    def change(self, user: str, change: Callable[[Granted], Granted]) -> None:
        """Raises ExecutionError for an unknown user, and whatever ``change`` raises; then nothing was changed."""
        self._records.change(user, change)
        self.forget(user)

    def forget(self, user: str) -> None:
        """What is held of the user is not true any more: dropped, made anew, granted something."""
        with self._lock:
            self._changes += 1
            self._known.pop(user, None)

    def forget_all(self) -> None:
        """Somebody else may have changed what is kept."""
        with self._lock:
            self._changes += 1
            self._known.clear()

    def powers(self, user: str) -> Powers | None:
        """None for an unknown user. What was read while something changed is answered, but not held."""
        known = self._known.get(user)
        if known is not None:
            return known
        seen = self._changes
        granted = self._records.of(user)
        if granted is None:
            return None
        powers = Powers.of(granted)
        with self._lock:
            if seen == self._changes:
                if len(self._known) >= _KNOWN_MAX:
                    self._known.clear()
                self._known[user] = powers
        return powers


@dataclass(frozen=True, slots=True)
class _Live:
    """One user's rights: whatever is held when it is asked."""

    privileges: Privileges
    user: str

    @property
    def alive(self) -> bool:
        return self.privileges.powers(self.user) is not None

    @property
    def roles(self) -> tuple[str, ...]:
        return self._now.roles

    def has(self, privilege: Privilege, database: str = "", table: str = "") -> bool:
        return self._now.has(privilege, database, table)

    def sees(self, database: str, table: str = "") -> bool:
        return self._now.sees(database, table)

    @property
    def _now(self) -> Powers:
        return self.privileges.powers(self.user) or _NONE
