"""What each statement of the grammar needs, before its handler sees it (StarRocks: privileges of routine load; Doris).

One table, a row for every kind of statement: what has none is refused, whoever asks. A job is found before its
table's privilege is asked for, as the originals do; everything else is asked for by name alone. SQL behind the grammar
is asked by the engine itself, at every name it resolves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from routine_load.errors import AccessDenied, NoDatabaseSelected
from routine_load.ids import Compat, TableRef
from routine_load.jobs.job import Job
from routine_load.sql.access import (
    denied_on_database,
    denied_on_table,
    require_of_system,
    require_on_table,
    require_sight_of_database,
)
from routine_load.sql.privileges import Privilege
from routine_load.sql.statements import (
    AlterRoutineLoad,
    AlterSystem,
    CreateFile,
    CreateRoutineLoad,
    CreateUser,
    DropFile,
    DropUser,
    EngineStatement,
    Grant,
    JobName,
    Kill,
    PauseRoutineLoad,
    ResumeRoutineLoad,
    Revoke,
    RollbackRoutineLoad,
    SetFrontendConfig,
    SetPassword,
    ShowBackends,
    ShowComputeNodes,
    ShowCreateRoutineLoad,
    ShowFile,
    ShowFrontendConfig,
    ShowFrontends,
    ShowGrants,
    ShowLoad,
    ShowProc,
    ShowProcesslist,
    ShowRoutineLoad,
    ShowRoutineLoadTask,
    ShowRoutineLoadVersions,
    ShowStreamLoad,
    ShowTransaction,
    Statement,
    StopRoutineLoad,
)
from routine_load.statements.context import Context
from routine_load.statements.ports import Session

Need = Callable[[Any, Session, Context], None]
_Listing = ShowTransaction | ShowLoad | ShowStreamLoad | ShowFile


def admit(statement: Statement, session: Session, context: Context) -> None:
    """Raises PrivilegeDenied where the session's user may not do this; AccessDenied where the user is gone."""
    if not session.rights.alive:
        raise AccessDenied(f"Access denied for user '{session.user}': the user was dropped")
    need = NEEDS.get(type(statement))
    if need is None:
        raise AccessDenied(f"nobody said who may run {type(statement).__name__}")
    need(statement, session, context)


def require_load(session: Session, database: str, table: str | None) -> None:
    """INSERT on the table (Doris: LOAD), on the database for a job of many tables. Raises PrivilegeDenied."""
    if table is not None:
        require_on_table(session, Privilege.INSERT, TableRef(database, table))
    elif not session.rights.has(Privilege.INSERT, database):
        if session.compat is Compat.DORIS:
            raise denied_on_table(session, str(Privilege.INSERT), TableRef(database, "*"))
        raise denied_on_database(session, str(Privilege.INSERT), database)


def _create(statement: CreateRoutineLoad, session: Session, context: Context) -> None:  # noqa: ARG001 - one shape
    require_load(session, _named(statement.job.database, session), statement.table)


def _on_job(name: JobName, session: Session, context: Context) -> Job:
    job = context.live_job(name, session)
    require_load(session, job.definition.database, job.definition.table)
    return job


def _alter(statement: AlterRoutineLoad, session: Session, context: Context) -> None:
    job = _on_job(statement.job, session, context)
    if statement.table is not None:
        require_load(session, job.definition.database, statement.table)


def _one_job_or_all(statement: PauseRoutineLoad | ResumeRoutineLoad, session: Session, context: Context) -> None:
    """Doris: ALL is those jobs that the user may load into; the handler passes the others over."""
    if statement.job is not None:
        _on_job(statement.job, session, context)


def _one_job(statement: StopRoutineLoad, session: Session, context: Context) -> None:
    _on_job(statement.job, session, context)


def _versions(statement: RollbackRoutineLoad | ShowRoutineLoadVersions, session: Session, context: Context) -> None:
    """A version may be about another table: what is shown, or returned to, has to be allowed as well."""
    job = _on_job(statement.job, session, context)
    wanted = statement.version if isinstance(statement, RollbackRoutineLoad) else None
    for version in context.jobs.versions(job):
        if wanted in {None, version.number}:
            require_load(session, version.definition.database, version.definition.table)


def _of_system(*privileges: Privilege) -> Need:
    return lambda _, session, __: require_of_system(session, *privileges)


def _of_database(statement: _Listing, session: Session, context: Context) -> None:  # noqa: ARG001 - one shape
    """Rows are shown by what the user may load into; a database that the user may not know of is refused."""
    require_sight_of_database(session, _named(statement.database, session))


def _free(statement: Statement, session: Session, context: Context) -> None:
    """Asked by the handler, or by the engine, or of everybody."""


def _named(database: str | None, session: Session) -> str:
    found = database or session.database
    if not found:
        raise NoDatabaseSelected("No database selected")
    return found


NEEDS: Final[dict[type[Any], Need]] = {
    CreateRoutineLoad: _create,
    AlterRoutineLoad: _alter,
    PauseRoutineLoad: _one_job_or_all,
    ResumeRoutineLoad: _one_job_or_all,
    StopRoutineLoad: _one_job,
    RollbackRoutineLoad: _versions,
    ShowRoutineLoadVersions: _versions,
    ShowRoutineLoad: _free,  # hides
    ShowRoutineLoadTask: _free,  # hides (StarRocks) or refuses (Doris)
    ShowCreateRoutineLoad: _free,  # hides
    CreateFile: _of_system(Privilege.FILE),
    DropFile: _of_system(Privilege.FILE),
    ShowFile: _of_database,
    ShowTransaction: _of_database,
    ShowLoad: _of_database,
    ShowStreamLoad: _of_database,
    CreateUser: _of_system(Privilege.GRANT),
    DropUser: _of_system(Privilege.GRANT),
    SetPassword: _free,  # one's own
    Grant: _free,  # with the place it is about
    Revoke: _free,
    ShowGrants: _free,  # one's own
    SetFrontendConfig: _of_system(Privilege.OPERATE),
    ShowFrontendConfig: _of_system(Privilege.OPERATE),
    ShowBackends: _of_system(Privilege.OPERATE, Privilege.NODE),
    ShowComputeNodes: _of_system(Privilege.OPERATE, Privilege.NODE),
    ShowFrontends: _of_system(Privilege.OPERATE, Privilege.NODE),
    ShowProc: _of_system(Privilege.OPERATE),
    ShowProcesslist: _free,  # one's own
    Kill: _free,  # one's own
    AlterSystem: _of_system(Privilege.NODE),
    EngineStatement: _free,  # the engine asks
}
