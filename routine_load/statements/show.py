"""SHOW [ALL] ROUTINE LOAD, SHOW ROUTINE LOAD TASK, SHOW CREATE ROUTINE LOAD: which jobs, in which order, whose columns.

What a column holds is ``jobs.show``'s; what a condition means is ``sql.predicates``'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from routine_load.errors import AnalysisError, JobNotFound, NoDatabaseSelected, RoutineLoadError
from routine_load.ids import Compat, TableRef
from routine_load.jobs.job import Job
from routine_load.jobs.show import Row, View, as_shown, job_row, task_row
from routine_load.jobs.show_create import create_text
from routine_load.sql.predicates import limit_rows, name_filter, row_filter, sort_rows, task_job_name
from routine_load.sql.results import ResultTable, text_table
from routine_load.sql.show import (
    CREATE_ROUTINE_LOAD_COLUMNS,
    ROUTINE_LOAD_COLUMNS,
    ROUTINE_LOAD_TASK_COLUMNS,
)
from routine_load.sql.statements import ShowCreateRoutineLoad, ShowRoutineLoad, ShowRoutineLoadTask, SortKey
from routine_load.sql.system_tables import Viewer
from routine_load.statements.admission import require_load
from routine_load.statements.context import Context
from routine_load.statements.live_facts import live_facts, task_views
from routine_load.statements.log_ends import ends_now, wants_them_now
from routine_load.statements.ports import Session
from routine_load.statements.variables import choice


def jobs(statement: ShowRoutineLoad, session: Session, context: Context) -> ResultTable:
    """Live jobs, with ALL also those that ended; by id (Doris: by CreateTime) unless ORDER BY says otherwise."""
    database = _database(statement, session, context)
    if statement.job is not None:
        found = context.jobs.find(database, statement.job.name, include_final=statement.all)
    else:
        found = context.jobs.list(database, include_final=statement.all)
    if statement.like is not None:  # before their rows are made: names are cheap
        keep = name_filter(statement.like)
        found = [job for job in found if keep({"Name": job.name})]
    found = context.visible_jobs(session, found)
    view = _view(session, context)
    asks_now = statement.job is not None and wants_them_now(session)
    rows: Sequence[Mapping[str, Any]] = [
        job_row(job, live_facts(job, context, ends_now(job, context) if asks_now else {}), view) for job in found
    ]
    if statement.where is not None:
        condition = row_filter(statement.where)
        rows = [row for row in rows if condition(row)]
    if statement.job is not None and not rows:
        raise _no_such_job(statement, database, session.compat)
    if not statement.order_by and session.compat is Compat.DORIS:
        rows = sorted(rows, key=_by_time)
    elif statement.order_by or statement.job is None:
        rows = sort_rows(rows, statement.order_by or (SortKey(column="Id"),))
    columns = ROUTINE_LOAD_COLUMNS[session.compat]
    chosen = map(as_shown, limit_rows(rows, statement.limit, statement.offset))
    return text_table(columns, [[row[column] for column in columns] for row in chosen])


def tasks(statement: ShowRoutineLoadTask, session: Session, context: Context) -> ResultTable:
    """The tasks of one job, those that wait included."""
    name = task_job_name(statement, session.compat)
    try:
        database = context.database(statement.database, session)
    except NoDatabaseSelected as error:
        if session.compat is Compat.DORIS:
            raise AnalysisError("please designate a database in show stmt") from error
        raise
    job = context.jobs.live(database, name)
    if job is None:
        raise AnalysisError(f"The job named {name}does not exists or job state is stopped or cancelled")
    columns = ROUTINE_LOAD_TASK_COLUMNS[session.compat]
    if not context.visible_jobs(session, [job]):
        return _hidden_tasks(job, session, columns)
    view = _view(session, context)
    rows = [task_row(task, view) for task in task_views(job, context)]
    return text_table(columns, [[row[column] for column in columns] for row in rows])


def create(statement: ShowCreateRoutineLoad, session: Session, context: Context) -> ResultTable:
    """A statement that makes the same job, at its current offsets (Doris) or as it was created (StarRocks).

    ``SET show_create_offsets`` chooses the other.
    """
    database = context.database(statement.job.database, session)
    found = context.visible_jobs(session, context.jobs.find(database, statement.job.name, include_final=statement.all))
    doris = session.compat is Compat.DORIS
    current = choice(session, "show_create_offsets") == "current"
    rows = [
        (job.id, job.name, create_text(_caught_up(job, context) if current else job, from_progress=current))
        for job in found
    ]
    columns = CREATE_ROUTINE_LOAD_COLUMNS[session.compat]
    return text_table(columns, rows if doris else [row[1:] for row in rows])


def _hidden_tasks(job: Job, session: Session, columns: tuple[str, ...]) -> ResultTable:
    """Doris: LOAD on the job's table. StarRocks: any privilege on it, else an empty result."""
    if session.compat is Compat.DORIS:
        require_load(session, job.database, job.definition.table)
    return text_table(columns, [])


def _caught_up(job: Job, context: Context) -> Job:
    """A job as far as its rows are visible: the record may be a moment behind, and a copy would load them again."""
    if job.placing or job.sink_incarnation != context.sink.incarnation:
        return job
    return job.placed(context.sink.progress(job.id))


def _by_time(row: Mapping[str, Any]) -> tuple[str, int]:
    """Doris: by the text of CreateTime; jobs of one second in the order in which they were made."""
    return row["CreateTime"], int(row["Id"])


def _database(statement: ShowRoutineLoad, session: Session, context: Context) -> str:
    named = statement.database or (statement.job and statement.job.database)
    database = named or session.database
    if not database:
        raise NoDatabaseSelected("No database selected")
    if not context.engine.has_database(database):
        raise AnalysisError(f"failed to find database by dbFullName {database}")
    return database


def _no_such_job(statement: ShowRoutineLoad, database: str, compat: Compat) -> JobNotFound:
    assert statement.job is not None
    history = str(statement.all).lower()
    if compat is Compat.DORIS:
        return JobNotFound(f"There is no job named {statement.job.name} in db {database}. Include history? {history}")
    return _NoneToShow(
        f"There is no running job named {statement.job.name} in db {database}. Include history? {history}, you can try "
        "`show all routine load job for job_name` if you want to list stopped and cancelled jobs"
    )


class _NoneToShow(JobNotFound, AnalysisError):
    """StarRocks: what SHOW finds wrong is an analysis error."""

    errno = AnalysisError.errno
    sqlstate = AnalysisError.sqlstate

    def framed(self, compat: Compat) -> str:
        return AnalysisError.framed(self, compat)


def told_row(job: Job, viewer: Viewer, context: Context) -> Row:
    """A job as SHOW ROUTINE LOAD knows it now, with all columns of the viewer's vendor; its state is the real one."""
    return job_row(job, live_facts(job, context, {}), _view(viewer, context))


def _view(viewer: Viewer, context: Context) -> View:
    return View(
        compat=viewer.compat,
        timezone=viewer.timezone,
        now=context.clock.now(),
        error_log_url=context.error_log_url,
        columns_of=cache(lambda table: _columns(table, context)),
    )


def _columns(table: TableRef, context: Context) -> frozenset[str] | None:
    try:
        return frozenset(column.name.lower() for column in context.sink.table(table).columns)
    except RoutineLoadError:  # the table is gone; its jobs are about to be cancelled
        return None
