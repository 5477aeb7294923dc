"""``ON db.t``: which table of the job's database a statement names.

StarRocks takes a qualified name as one name inside the job's database (StarRocks: names), so ``ON db.t`` is unknown to
it even where db.t exists. Here the job's own database may stand before the table; a table that is really called
``db.t`` goes first, and another database stays unknown.
"""

from __future__ import annotations

from dataclasses import replace

from routine_load.sql.statements import AlterRoutineLoad, CreateRoutineLoad, Statement
from routine_load.statements.context import Context
from routine_load.statements.ports import Session


def in_own_database(statement: Statement, session: Session, context: Context) -> Statement:
    """The statement whose table is told without the job's own database; any other statement as it is."""
    if not isinstance(statement, CreateRoutineLoad | AlterRoutineLoad) or statement.table is None:
        return statement
    database = statement.job.database or session.database
    prefix, dot, table = statement.table.partition(".")
    if not dot or prefix != database:
        return statement
    if not session.rights.sees(database, statement.table):
        return replace(statement, table=table)  # not looked for: whether it is there would show in the refusal
    if not context.engine.has_database(database) or statement.table in context.engine.tables(database):
        return statement
    return replace(statement, table=table)
