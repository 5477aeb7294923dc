"""What the statements behind the grammar need: which privilege on what, before anything is looked up.

A table is asked for by its name, whether it is there or not, so that a refusal tells nothing. What is in no list here
cannot be run: an unknown kind of statement raises.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from routine_load.engines.duckdb.session import Session
from routine_load.errors import BrokenInvariant
from routine_load.sql.access import require_on_database, require_on_table
from routine_load.sql.ddl import (
    AlterTable,
    CreateDatabase,
    CreateTable,
    CreateTableLike,
    DdlStatement,
    DropDatabase,
    DropTable,
    TruncateTable,
)
from routine_load.sql.ddl_alter import RenameTable
from routine_load.sql.ddl_views import CreateView, DropView
from routine_load.sql.privileges import Privilege

_CHANGES: Final[dict[type[exp.Expr], Privilege]] = {
    exp.Insert: Privilege.INSERT,
    exp.Update: Privilege.UPDATE,
    exp.Delete: Privilege.DELETE,
}


def changed_table(tree: exp.Expr) -> exp.Table | None:
    """The table whose rows the statement changes; None for one that reads."""
    if type(tree) not in _CHANGES:
        return None
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    return target if isinstance(target, exp.Table) else None


def changing_privilege(tree: exp.Expr) -> Privilege:
    """StarRocks: INSERT, UPDATE or DELETE on the table that is changed (Doris: LOAD); all others need SELECT."""
    return _CHANGES[type(tree)]


def require_to_define(statement: DdlStatement, session: Session) -> None:
    """What DDL needs (StarRocks, Doris: privileges of DDL). Raises PrivilegeDenied."""
    match statement:
        case CreateDatabase(name=name):
            require_on_database(session, Privilege.CREATE_DATABASE, name)
        case DropDatabase(name=name):
            require_on_database(session, Privilege.DROP_DATABASE, name)
        case CreateTable(table=table):
            require_on_database(session, Privilege.CREATE_TABLE, table.ref.database)
        case CreateTableLike(ref=ref, like=like):
            require_on_database(session, Privilege.CREATE_TABLE, ref.database)
            require_on_table(session, Privilege.SELECT, like)
        case DropTable(ref=ref):
            require_on_table(session, Privilege.DROP, ref)
        case TruncateTable(ref=ref):
            require_on_table(session, Privilege.DELETE, ref)
        case AlterTable(ref=ref, actions=actions):
            require_on_table(session, Privilege.ALTER, ref)
            if any(isinstance(action, RenameTable) for action in actions):
                # grants go by names, so a new name is a drop and a creation (MySQL: RENAME TABLE)
                require_on_table(session, Privilege.DROP, ref)
                require_on_database(session, Privilege.CREATE_TABLE, ref.database)
        case CreateView() | DropView():
            _require_to_define_view(statement, session)
        case _:
            raise BrokenInvariant(f"nobody said what {type(statement).__name__} needs")


def _require_to_define_view(statement: CreateView | DropView, session: Session) -> None:
    if isinstance(statement, DropView):
        require_on_table(session, Privilege.DROP, statement.ref)
    elif statement.must_exist:
        require_on_table(session, Privilege.ALTER, statement.ref)
    else:
        require_on_database(session, Privilege.CREATE_VIEW, statement.ref.database)
        if statement.replaces:
            require_on_table(session, Privilege.DROP, statement.ref)
