"""The world that a definition is for, table and topic, as it is today: CREATE, ALTER and ROLLBACK ask the same.

Owns the vendors' words for a table that is not there. Refuses to know what becomes of the job.
"""

from __future__ import annotations

from routine_load.errors import JsonPathsError, UnknownTable
from routine_load.ids import Compat, TableRef
from routine_load.jobs import partial_update
from routine_load.jobs.checks import check_table
from routine_load.jobs.job import Job
from routine_load.scheduler.offsets import Topic
from routine_load.scheduler.planning import kafka_spec, load_spec
from routine_load.sql.schema import Table
from routine_load.sql.statements import CreateRoutineLoad
from routine_load.statements.context import Context
from routine_load.statements.ports import Session
from routine_load.statements.variables import choice


def validates(session: Session, context: Context) -> bool:
    """``SET validate = 'off'`` leaves what the originals look at later to planning; the setting is the default."""
    given = choice(session, "validate")
    return context.settings.validate if given is None else given == "on"


def topic_of(job: Job, context: Context) -> Topic:
    """The topic that a job's definition names, asked within the time that Kafka has."""
    compat = job.definition.compat
    kafka = kafka_spec(job, context.files.resolve)
    return Topic(metadata=context.metadata, kafka=kafka, deadline=context.kafka_deadline(compat), compat=compat)


def check_first(statement: CreateRoutineLoad, database: str, context: Context) -> None:
    """Doris: whether the table is there and takes such a load comes before the statement's name and properties."""
    table = None
    if statement.table is not None:
        table = _table(TableRef(database, statement.table), Compat.DORIS, context)
    partial_update.check_first(statement, table)


def check_target(job: Job, context: Context, *, in_full: bool = True, altering: bool = False) -> None:
    """Table, and ``in_full`` also columns and expressions; a multi-table job names its tables in its rows."""
    ref = job.definition.table_ref
    if ref is None:
        return
    schema = _table(ref, job.definition.compat, context)
    check_table(job.definition, schema, at_create_only=not in_full, altering=altering)
    if in_full:
        try:
            context.compiler.check(load_spec(job), schema)
        except JsonPathsError:
            # Doris takes any text, and pauses the job with a reason of its own
            if job.definition.compat is not Compat.DORIS:
                raise


def _table(ref: TableRef, compat: Compat, context: Context) -> Table:
    try:
        return context.sink.table(ref)
    except UnknownTable as error:
        if compat is Compat.DORIS:
            raise UnknownTable(f"Unknown table '{ref.table}' in database '{ref.database}'") from error
        raise UnknownTable(f"Unknown table '{ref.table}'") from error
