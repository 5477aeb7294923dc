"""Whose statements may be forwarded: the cluster knows the target's own login only, so clients' rights are asked here.

Who may do everything (root) may say everything. Of others, statements are forwarded whose every table is known by name:
queries, changes of rows, and DDL that our own grammar reads; what else a cluster understands is not for them.
"""

from __future__ import annotations

from typing import Final, Protocol

from sqlglot import exp

from routine_load.engines.cluster.frontend import Asker
from routine_load.engines.duckdb.admission import changed_table, changing_privilege, require_to_define
from routine_load.engines.duckdb.guard import Guard
from routine_load.engines.duckdb.session import Session
from routine_load.engines.duckdb.with_queries import with_query
from routine_load.errors import AnalysisError, NoDatabaseSelected, PrivilegeDenied, StatementSyntaxError
from routine_load.ids import TableRef
from routine_load.sql.access import INFORMATION_SCHEMA, require_on_table
from routine_load.sql.ddl import CATALOGS, CreateTable, DdlContext, parse_ddl
from routine_load.sql.ddl_views import CreateView
from routine_load.sql.privileges import Privilege

_READS: Final = (exp.Select, exp.SetOperation, exp.Subquery)
_CHANGES: Final = (exp.Insert, exp.Update, exp.Delete)


class Client(Asker, Session, Protocol):
    """The session whose statement it is."""


def require_to_forward(text: str, session: Client) -> None:
    """Raises PrivilegeDenied, and what our own grammar raises for a statement that it cannot read."""
    if all(session.rights.has(privilege) for privilege in Privilege):
        return
    statement = parse_ddl(text, DdlContext(session.database, session.compat))
    if statement is not None:
        require_to_define(statement, session)
        query = statement.query if isinstance(statement, CreateTable | CreateView) else ""
        if query:
            _require_of_tree(Guard.read(query), session)
        return
    try:
        tree = Guard.read(text)
    except StatementSyntaxError as error:
        raise _denied(session) from error
    if not isinstance(tree, (*_READS, *_CHANGES)):
        raise _denied(session)
    _require_of_tree(tree, session)


def _require_of_tree(tree: exp.Expr, session: Client) -> None:
    changed = changed_table(tree)
    for node in tree.find_all(exp.Table):
        if not isinstance(node.this, exp.Identifier):
            raise _denied(session)
        if with_query(node) is not None:
            continue
        if node.catalog and node.catalog not in CATALOGS:
            raise AnalysisError(f"Unknown catalog '{node.catalog}'")
        database = node.db or session.database
        if not database:
            raise NoDatabaseSelected("No database selected")
        if database.lower() == INFORMATION_SCHEMA:
            raise _denied(session)  # it would show what the target's login sees
        privilege = changing_privilege(tree) if node is changed else Privilege.SELECT
        require_on_table(session, privilege, TableRef(database, node.name))


def _denied(session: Client) -> PrivilegeDenied:
    return PrivilegeDenied(
        f"Access denied for user '{session.user}': to the cluster goes what is a query, a change of rows or DDL of "
        "tables that are named; the rest is for who has all privileges"
    )
