"""What it takes to do something, and how a vendor says no.

``Rights`` is what one user may do now; everything that reads or changes data asks it here, by name, before it looks
whether the thing exists: a denial tells nothing. Refuses to know where grants are kept.
"""

from __future__ import annotations

from typing import Final, Protocol

from routine_load.errors import DatabaseDenied, PrivilegeDenied, SystemDenied
from routine_load.ids import Compat, TableRef
from routine_load.sql.privileges import DORIS, Privilege

INFORMATION_SCHEMA: Final = "information_schema"
ANY: Final = "ANY"
_SAID: Final = {str(Privilege.DROP_DATABASE): str(Privilege.DROP)}


class Rights(Protocol):
    """What one user may do, at the moment it is asked: a grant or a revoke acts on open sessions."""

    @property
    def alive(self) -> bool:
        """False once the user is gone: such a session may do nothing at all."""
        ...

    @property
    def roles(self) -> tuple[str, ...]: ...

    def has(self, privilege: Privilege, database: str = "", table: str = "") -> bool:
        """On the table; without one on the whole database; without either on everything, or the service."""
        ...

    def sees(self, database: str, table: str = "") -> bool:
        """Has any privilege on the table, or on the database or something in it."""
        ...


class _All:
    """Root's rights."""

    alive = True
    roles = ("root",)

    def has(self, privilege: Privilege, database: str = "", table: str = "") -> bool:  # noqa: ARG002 - all of them
        return True

    def sees(self, database: str, table: str = "") -> bool:  # noqa: ARG002 - all of them
        return True


class _Nothing:
    """The rights of nobody."""

    alive = False
    roles: tuple[str, ...] = ()

    def has(self, privilege: Privilege, database: str = "", table: str = "") -> bool:  # noqa: ARG002 - none at all
        return False

    def sees(self, database: str, table: str = "") -> bool:  # noqa: ARG002 - none at all
        return False


EVERYTHING: Final[Rights] = _All()
NOTHING: Final[Rights] = _Nothing()


class Asker(Protocol):
    """A session, as far as it is asked what it may do."""

    @property
    def user(self) -> str: ...

    @property
    def client(self) -> str: ...

    @property
    def compat(self) -> Compat: ...

    @property
    def rights(self) -> Rights: ...


def require_on_table(asker: Asker, privilege: Privilege, ref: TableRef) -> None:
    """Raises PrivilegeDenied. ``information_schema`` may be read by all: it shows what one may see."""
    if privilege is Privilege.SELECT and ref.database.lower() == INFORMATION_SCHEMA:
        return
    if not asker.rights.has(privilege, ref.database, ref.table):
        raise denied_on_table(asker, str(privilege), ref)


def require_on_database(asker: Asker, privilege: Privilege, database: str) -> None:
    """Raises PrivilegeDenied."""
    if not asker.rights.has(privilege, database):
        raise denied_on_database(asker, str(privilege), database)


def require_of_system(asker: Asker, *privileges: Privilege) -> None:
    """At least one of them. Raises PrivilegeDenied."""
    if any(asker.rights.has(privilege) for privilege in privileges):
        return
    if asker.compat is Compat.DORIS:
        words = "/".join(dict.fromkeys(_doris_word(str(each)) for each in privileges))
        raise SystemDenied(f"Access denied; you need (at least one of) the ({words}) privilege(s) for this operation")
    raise SystemDenied(_starrocks(asker, " OR ".join(privileges), "SYSTEM"))


def require_sight_of_table(asker: Asker, ref: TableRef, doris_word: str) -> None:
    """Any privilege on it (StarRocks: DESC, SHOW CREATE TABLE; Doris: SHOW). Raises PrivilegeDenied."""
    if ref.database.lower() != INFORMATION_SCHEMA and not asker.rights.sees(ref.database, ref.table):
        raise denied_on_table(asker, doris_word if asker.compat is Compat.DORIS else ANY, ref)


def require_sight_of_database(asker: Asker, database: str) -> None:
    """Any privilege on it or in it (StarRocks, Doris: USE, SHOW TABLES). Raises PrivilegeDenied."""
    if database.lower() != INFORMATION_SCHEMA and not asker.rights.sees(database):
        raise denied_on_database(asker, ANY, database)


def denied_on_table(asker: Asker, word: str, ref: TableRef) -> PrivilegeDenied:
    if asker.compat is Compat.DORIS:
        who = f"'{asker.user}'@'{_host(asker)}'"
        return PrivilegeDenied(
            f"{_doris_word(word)} command denied to user {who} for table '{ref.database}: {ref.table}'"
        )
    return PrivilegeDenied(_starrocks(asker, word, f"TABLE {ref.table}"))


def denied_on_database(asker: Asker, word: str, database: str) -> DatabaseDenied:
    if asker.compat is Compat.DORIS:
        return DatabaseDenied(f"Access denied for user '{asker.user}'@'{_host(asker)}' to database '{database}'")
    if word == Privilege.CREATE_DATABASE:
        return DatabaseDenied(_starrocks(asker, word, "CATALOG default_catalog"))
    return DatabaseDenied(_starrocks(asker, _SAID.get(word, word), f"DATABASE {database}"))


def _starrocks(asker: Asker, privileges: str, what: str) -> str:
    """StarRocks: ERR_ACCESS_DENIED with its hint."""
    roles = ", ".join(asker.rights.roles) or "NONE"
    return (
        f"Access denied; you need (at least one of) the {privileges} privilege(s) on {what} for this operation. Please "
        "ask the admin to grant permission(s) or try activating existing roles using <set [default] role>. "
        f"Current role(s): {roles}. Inactivated role(s): NONE."
    )


def _doris_word(word: str) -> str:
    """INSERT, UPDATE and DELETE are LOAD there, what is about the service ADMIN."""
    if word in {"OPERATE", "FILE"}:
        return "ADMIN"
    named = next((name for name, meant in DORIS.items() if word in meant and len(meant) > 1), None)
    return named or word


def _host(asker: Asker) -> str:
    host, _, _ = asker.client.rpartition(":")
    return host or asker.client or "%"
