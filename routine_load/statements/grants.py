"""GRANT, REVOKE and SHOW GRANTS: who may give what to whom, and how each vendor lists it.

Privileges are one user's, on a place; roles are built in and hold at once. ``root`` has everything and cannot lose it.
"""

from __future__ import annotations

from itertools import groupby

from routine_load.errors import AnalysisError, ExecutionError, NoDatabaseSelected, NoSuchGrant
from routine_load.ids import Compat, TableRef
from routine_load.sql.access import INFORMATION_SCHEMA, require_of_system
from routine_load.sql.privileges import (
    ROLES,
    ROOT,
    SYSTEM_PRIVILEGES,
    TABLE_PRIVILEGES,
    Granted,
    Held,
    Place,
    Privilege,
    privileges_named,
    role_named,
    shown_names,
)
from routine_load.sql.results import Ok, ResultTable, text_table
from routine_load.sql.show import GRANTS_COLUMNS
from routine_load.sql.statements import Grant, PrivilegeTarget, Revoke, ShowGrants
from routine_load.statements.context import Context
from routine_load.statements.ports import Session
from routine_load.statements.users import account

_CATALOG = {Compat.STARROCKS: "default_catalog", Compat.DORIS: "internal"}
_OWN_ROW = f"internal.{INFORMATION_SCHEMA}: Select_priv"


def grant(statement: Grant, session: Session, context: Context) -> Ok:
    """GRANT privileges ON something TO user, and GRANT roles TO user."""
    user = _grantee(statement)
    if statement.target is None:
        roles = frozenset(role_named(name) for name in statement.roles)
        _require_to_give_roles(roles, session)
        if user != ROOT:
            context.privileges.change(user, lambda old: Granted(privileges=old.privileges, roles=old.roles | roles))
        return Ok()
    wanted = _held(statement, statement.target, session)
    _require_to_give(wanted, session, context)
    _check_there(statement.target, session, context)
    given = {Held(h.place, h.database, h.table, h.privilege, statement.with_grant_option) for h in wanted}

    def granted(old: Granted) -> Granted:
        """A grant option once given stays until the privilege is revoked."""
        kept = old.privileges | {h for h in given if _with_option(h) not in old.privileges}
        return Granted(
            privileges=frozenset(h for h in kept if h.grantable or _with_option(h) not in kept), roles=old.roles
        )

    if user != ROOT:
        context.privileges.change(user, granted)
    return Ok()


def revoke(statement: Revoke, session: Session, context: Context) -> Ok:
    """REVOKE, of exactly what was granted there: a privilege held on a whole database is not revoked on one table."""
    user = _grantee(statement)
    if statement.target is None:
        roles = frozenset(role_named(name) for name in statement.roles)
        _require_to_give_roles(roles, session)
        _keep_root(user)
        context.privileges.change(user, lambda old: _without_roles(user, old, roles, session))
        return Ok()
    unwanted = _held(statement, statement.target, session)
    _require_to_give(unwanted, session, context)
    _keep_root(user)
    context.privileges.change(user, lambda old: _without(user, old, unwanted, session, context))
    return Ok()


def show_grants(statement: ShowGrants, session: Session, context: Context) -> ResultTable:
    """One's own for everybody; others' for who may grant (StarRocks: user_admin; Doris: GRANT_PRIV)."""
    if statement.role:
        raise AnalysisError(f"What the built-in roles hold is in the manual; there are {', '.join(ROLES)}")
    user = session.user if statement.user is None else account(statement.user, statement.host)
    if statement.all or user != session.user:
        require_of_system(session, Privilege.GRANT)
    users = context.users.names() if statement.all else [user]
    rows: list[tuple[str | None, ...]] = []
    for name in users:
        granted = context.privileges.of(name)
        if granted is None:
            raise ExecutionError(f"user '{name}'@'%' does not exist")
        if session.compat is Compat.DORIS:
            rows.append(_doris_row(name, granted, password=context.users.has_password(name)))
        else:
            rows += _starrocks_rows(name, granted)
    return text_table(GRANTS_COLUMNS[session.compat], rows)


def _grantee(statement: Grant | Revoke) -> str:
    if statement.role:
        raise AnalysisError(f"Roles are built in here ({', '.join(ROLES)}) and cannot be changed; name a user")
    return account(statement.grantee, statement.host)


def _keep_root(user: str) -> None:
    if user == ROOT:
        raise ExecutionError("root has every privilege and cannot lose one")


def _held(statement: Grant | Revoke, target: PrivilegeTarget, session: Session) -> frozenset[Held]:
    place = Place(target.scope.value)
    database = target.database or (session.database if place is Place.TABLE else None) or ""
    if place is Place.TABLE and not database:
        raise NoDatabaseSelected("No database selected")
    named = privileges_named(statement.privileges, place, tables_only=target.tables_only)
    return frozenset(_placed(place, database, target.table or "", privilege) for privilege in named)


def _placed(place: Place, database: str, table: str, privilege: Privilege) -> Held:
    """What is about the service is so however it was said (Doris: ADMIN_PRIV ON *.*.*)."""
    of_system = place is Place.ALL and privilege in SYSTEM_PRIVILEGES
    return Held(Place.SYSTEM if of_system else place, database, table, privilege)


def _require_to_give(wanted: frozenset[Held], session: Session, context: Context) -> None:
    """GRANT on the place or around it (Doris: GRANT_PRIV), or each privilege WITH GRANT OPTION (StarRocks)."""
    one = next(iter(wanted))
    if session.rights.has(Privilege.GRANT, one.database, one.table):
        return
    own = context.privileges.of(session.user)
    if own is not None and all(any(_covers(mine, held) for mine in own.privileges) for held in wanted):
        return
    require_of_system(session, Privilege.GRANT)


def _covers(mine: Held, held: Held) -> bool:
    """A grantable privilege on the place, or on what the place is in."""
    if not mine.grantable or mine.privilege is not held.privilege:
        return False
    around = {(Place.ALL, "", ""), (Place.DATABASE, held.database, ""), held.where}
    return mine.where in around and (held.place is not Place.SYSTEM or mine.place is Place.SYSTEM)


def _require_to_give_roles(roles: frozenset[str], session: Session) -> None:
    require_of_system(session, Privilege.GRANT)
    if ROOT in roles and session.user != ROOT:
        raise ExecutionError("only root can give or take the role root")


def _check_there(target: PrivilegeTarget, session: Session, context: Context) -> None:
    """StarRocks: a privilege is granted on what exists. Doris: the object may come later."""
    database = target.database or session.database
    if session.compat is Compat.DORIS or not database or database.lower() == INFORMATION_SCHEMA:
        return
    if target.table is not None and target.table not in context.engine.views(database):
        context.engine.table(TableRef(database, target.table))
    elif target.database is not None:
        context.engine.tables(target.database)


def _without(user: str, old: Granted, unwanted: frozenset[Held], session: Session, context: Context) -> Granted:
    gone = {h for h in old.privileges if Held(h.place, h.database, h.table, h.privilege) in unwanted}
    if not gone:
        powers = context.privileges.powers(user)
        still = [h for h in sorted(unwanted) if powers is not None and powers.has(h.privilege, h.database, h.table)]
        if still:
            raise ExecutionError(
                f"'{user}'@'%' has {still[0].privilege} by a wider grant or a role: revoke it there, see SHOW GRANTS"
            )
        _tell_of_nothing(user, session)
    return Granted(privileges=old.privileges - gone, roles=old.roles)


def _without_roles(user: str, old: Granted, roles: frozenset[str], session: Session) -> Granted:
    if not roles & old.roles:
        _tell_of_nothing(user, session)
    return Granted(privileges=old.privileges, roles=old.roles - roles)


def _tell_of_nothing(user: str, session: Session) -> None:
    """StarRocks takes a REVOKE of nothing for done; Doris does not."""
    if session.compat is Compat.DORIS:
        raise NoSuchGrant(f"There is no such grant defined for user '{user}' on host '%'")


def _with_option(held: Held) -> Held:
    return Held(held.place, held.database, held.table, held.privilege, grantable=True)


def _starrocks_rows(user: str, granted: Granted) -> list[tuple[str | None, ...]]:
    """StarRocks: SHOW GRANTS, one row per kind of object; a role's or the system's has no catalog."""
    who, catalog = f"'{user}'@'%'", _CATALOG[Compat.STARROCKS]
    rows: list[tuple[str | None, ...]] = []
    roles = sorted(granted.roles | ({ROOT} if user == ROOT else set()))
    if roles:
        rows.append((who, None, f"GRANT {', '.join(repr(role) for role in roles)} TO {who}"))
    told: dict[tuple[str, bool], set[Privilege]] = {}
    for held in sorted(granted.privileges):
        told.setdefault((_starrocks_target(held), held.grantable), set()).add(held.privilege)
    for (target, grantable), privileges in told.items():
        names = ", ".join(shown_names(frozenset(privileges), Compat.STARROCKS)).replace("DROP DATABASE", "DROP")
        option = " WITH GRANT OPTION" if grantable else ""
        rows.append((who, None if target == "SYSTEM" else catalog, f"GRANT {names} ON {target} TO USER {who}{option}"))
    return rows


def _starrocks_target(held: Held) -> str:
    of_table = held.privilege in TABLE_PRIVILEGES
    match held.place:
        case Place.SYSTEM:
            return "SYSTEM"
        case Place.ALL if of_table:
            return "ALL TABLES IN ALL DATABASES"
        case Place.ALL if held.privilege in {Privilege.CREATE_DATABASE, Privilege.USAGE}:
            return "CATALOG default_catalog"
        case Place.ALL:
            return "ALL DATABASES"
        case Place.DATABASE:
            return f"ALL TABLES IN DATABASE {held.database}" if of_table else f"DATABASE {held.database}"
        case Place.TABLE:
            return f"TABLE {held.database}.{held.table}"


def _doris_row(user: str, granted: Granted, *, password: bool) -> tuple[str | None, ...]:
    """Doris: SHOW GRANTS, one row per user; columns for what is not kept here are NULL."""
    by_place: dict[Place, list[str]] = {}
    for (place, database, table), several in groupby(sorted(granted.privileges), key=lambda held: held.where):
        names = ",".join(shown_names(frozenset(held.privilege for held in several), Compat.DORIS))
        parts = [part for part in (_CATALOG[Compat.DORIS], database, table) if part]
        at = Place.ALL if place is Place.SYSTEM else place
        by_place.setdefault(at, []).append(names if at is Place.ALL else f"{'.'.join(parts)}: {names}")
    roles = ", ".join(sorted(granted.roles | ({"operator"} if user == ROOT else set())))
    everywhere = by_place.get(Place.ALL, []) + (["Node_priv,Admin_priv"] if user == ROOT else [])
    known = {
        "UserIdentity": f"'{user}'@'%'",
        "Comment": "",
        "Password": "Yes" if password else "No",
        "Roles": roles,
        "GlobalPrivs": ",".join(everywhere) or None,
        "DatabasePrivs": "; ".join([*by_place.get(Place.DATABASE, []), _OWN_ROW]),
        "TablePrivs": "; ".join(by_place.get(Place.TABLE, [])) or None,
    }
    return tuple(known.get(column) for column in GRANTS_COLUMNS[Compat.DORIS])
