"""CREATE FILE, DROP FILE and SHOW FILE (StarRocks, Doris: certificates and keys for jobs).

A file that a job which runs would miss is not dropped. To replace one: PAUSE its jobs, DROP, CREATE, RESUME.
"""

from __future__ import annotations

from routine_load.errors import ExecutionError
from routine_load.jobs.small_files import (
    KAFKA,
    NewFile,
    check_fingerprint,
    create_properties,
    drop_properties,
    file_names,
)
from routine_load.sql.results import Ok, Result, text_table
from routine_load.sql.show import FILE_COLUMNS
from routine_load.sql.statements import CreateFile, DropFile, ShowFile
from routine_load.statements.context import Context
from routine_load.statements.ports import Session


def create(statement: CreateFile, session: Session, context: Context) -> Ok:
    """Fetch the content and keep it. The vendors' order: properties, database, number, content, fingerprint, name."""
    properties = create_properties(statement.name, statement.properties)
    database = context.database(statement.database, session)
    config = context.frontend_config(session.compat)
    files_max = config.max_small_file_number
    wanted = NewFile(database=database, catalog=properties.catalog, name=statement.name, content=b"")
    context.files.records.check(wanted, files_max)
    content = context.files.fetch(properties.url, config.max_small_file_size_bytes)
    new = NewFile(database=database, catalog=properties.catalog, name=statement.name, content=content)
    check_fingerprint(content, properties)
    context.files.records.create(new, files_max)
    return Ok()


def drop(statement: DropFile, session: Session, context: Context) -> Ok:
    """Raises ExecutionError for a file that is not there, and for one that jobs need now."""
    catalog = drop_properties(statement.name, statement.properties)
    database = context.database(statement.database, session)
    users = [
        job.name
        for job in context.jobs.list(database, include_final=False)
        if job.state.is_active and statement.name in file_names(job.definition.source.client_properties)
    ]
    if users and catalog == KAFKA:
        shown = ", ".join(sorted(users)[:10]) + (", …" if len(users) > 10 else "")
        raise ExecutionError(
            f"File {statement.name} is used by {len(users)} routine load job(s) of {database} that run: {shown}. "
            "PAUSE them first; what is created anew under this name counts from their RESUME on"
        )
    context.files.records.drop(database, catalog, statement.name)
    return Ok()


def show(statement: ShowFile, session: Session, context: Context) -> Result:
    """The files of a database. Contents are never shown."""
    database = context.database(statement.database, session)
    rows = [
        (str(file.id), file.database, file.catalog, file.name, str(file.size), "true", file.md5)
        for file in context.files.records.list(database)
    ]
    return text_table(FILE_COLUMNS, rows)
