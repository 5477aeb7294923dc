"""ALTER ROUTINE LOAD, ROLLBACK TO VERSION and SHOW ROUTINE LOAD VERSIONS.

An alteration is worked out, and everything it can be wrong about asked, while the job goes on: one that fails disturbs
nobody. It takes effect inside ``Scheduler.exclusively``, between two transactions: no batch is made of two definitions,
and a job that ran is planned anew with the new one. Definition, offsets and the version before are written in one
transaction. Both vendors take ALTER of a PAUSED job only; here NEED_SCHEDULE and RUNNING do as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from routine_load.errors import ExecutionError, StaleVersion
from routine_load.ids import Compat, PartitionId
from routine_load.jobs.alteration import Alteration
from routine_load.jobs.definition import JobDefinition, alter_definition
from routine_load.jobs.job import Job
from routine_load.jobs.properties import JobFormat
from routine_load.jobs.registry import check_registry
from routine_load.jobs.show_create import definition_text
from routine_load.jobs.source import OffsetKind, OffsetSpec
from routine_load.jobs.source_alter import SourceChange, alter_source, check_same_type
from routine_load.jobs.source_create import SourceContext
from routine_load.jobs.timezones import local_text
from routine_load.jobs.versions import JobVersion, Revision, last_in_topic, version_to_return_to
from routine_load.observe.failpoints import failpoint
from routine_load.sql.results import Ok, ResultTable, text_table
from routine_load.sql.show import ROUTINE_LOAD_VERSIONS_COLUMNS
from routine_load.sql.statements import (
    AlterRoutineLoad,
    JobName,
    LoadClauses,
    RollbackRoutineLoad,
    ShowRoutineLoadVersions,
)
from routine_load.statements.context import Context
from routine_load.statements.ports import Session
from routine_load.statements.targets import check_target, topic_of, validates

_ATTEMPTS = 5
"""How often an alteration is worked out anew because another statement was faster."""


def alter(statement: AlterRoutineLoad, session: Session, context: Context) -> Ok:
    """ALTER ROUTINE LOAD: all of it or nothing, from the job's next transaction on."""
    _check_session_database(statement.job, session, context)
    return _revise(statement.job, session, context, lambda job: _alteration(job, statement, session, context))


def rollback(statement: RollbackRoutineLoad, session: Session, context: Context) -> Ok:
    """ALTER ROUTINE LOAD FOR j ROLLBACK TO VERSION n: a new version that is equal to that one.

    Progress stays, except where the topic is another one: the job then goes on where it stopped reading that topic.
    """
    return _revise(statement.job, session, context, lambda job: _return(job, statement.version, context))


def versions(statement: ShowRoutineLoadVersions, session: Session, context: Context) -> ResultTable:
    """SHOW ROUTINE LOAD VERSIONS FOR j: oldest first, the last is what the job is."""
    job = context.live_job(statement.job, session)
    kept = context.jobs.versions(job)
    rows = [
        (
            str(version.number),
            local_text(version.created_at, session.timezone),
            version.user,
            "true" if version is kept[-1] else "false",
            version.changes,
            definition_text(version.definition),
        )
        for version in kept
    ]
    return text_table(ROUTINE_LOAD_VERSIONS_COLUMNS, rows)


def _revise(name: JobName, session: Session, context: Context, work_out: Callable[[Job], Alteration]) -> Ok:
    for attempt in range(_ATTEMPTS):
        job = context.live_job(name, session)
        alteration = work_out(job)
        try:
            _take_effect(job, alteration, session, context)
        except StaleVersion:
            if attempt + 1 == _ATTEMPTS:
                raise
        else:
            break
    return Ok()


def _take_effect(job: Job, alteration: Alteration, session: Session, context: Context) -> None:
    with context.scheduler.exclusively(job.id, settled=True):
        now = context.clock.now()  # later than the last load of the definition before
        revision = Revision(user=session.user, at=now, kept_max=context.settings.job_versions_max)
        if alteration.basis_number is not None:
            alteration.check_basis(context.jobs.versions(job)[-1].number)
        failpoint("job.alter.before")
        context.jobs.revise(job.id, lambda j: alteration.applied(j, context.sink.incarnation, now), revision)
        failpoint("job.alter.after")


def _check_session_database(name: JobName, session: Session, context: Context) -> None:
    """StarRocks: a session that has a database alters the jobs of that one only."""
    meant = context.database(name.database, session)
    if session.compat is Compat.STARROCKS and session.database and session.database != meant:
        raise ExecutionError(f"Session's db '{session.database}' not equals label's db '{meant}'")


# -- ALTER ------------------------------------------------------------------------------------------------------------


def _alteration(job: Job, statement: AlterRoutineLoad, session: Session, context: Context) -> Alteration:
    definition = _altered(job.definition, statement, context)
    alteration = Alteration(basis=job.definition, definition=definition)
    if statement.source is not None:
        check_same_type(statement.source)
        source_context = SourceContext(compat=definition.compat, timezone=definition.properties.timezone)
        change = alter_source(statement.source_properties, source_context)
        alteration = _with_source(job, alteration, change, context)
    if alteration.definition.properties.format is JobFormat.AVRO:
        check_registry(alteration.definition.source)
    # Doris plans a job against its new table, whatever else is left for later; StarRocks' ALTER does not look at it
    in_full = validates(session, context) or statement.table is not None
    if in_full or definition.compat is Compat.DORIS:
        check_target(replace(job, definition=alteration.definition), context, in_full=in_full, altering=True)
    return alteration


def _altered(current: JobDefinition, statement: AlterRoutineLoad, context: Context) -> JobDefinition:
    given = (statement.source, statement.table, statement.properties)
    if not any(given) and statement.clauses == LoadClauses():
        raise ExecutionError("No properties are specified")
    if statement.table is not None:
        if current.table is None:
            raise ExecutionError("ALTER ROUTINE LOAD target table change only supports single-table job")
        return replace(current, table=statement.table)
    config = context.frontend_config(current.compat)
    return alter_definition(current, statement.clauses, statement.properties, config)


def _with_source(job: Job, alteration: Alteration, change: SourceChange, context: Context) -> Alteration:
    definition = alteration.definition
    merged = change.merged(definition.source)
    context.check_client_properties(job.database, merged.brokers, merged.client_properties)
    topic = topic_of(replace(job, definition=replace(definition, source=merged)), context)
    existing = topic.partitions()
    restarts = change.changes_topic(job.definition.source)
    source = change.applied(definition.source, existing)
    wanted: dict[PartitionId, OffsetSpec] = {}
    if restarts:
        topic.check_partitions(source.partitions, existing)
        wanted |= {p: source.start_of(p) for p in source.partitions or existing}
    offsets = topic.resolved(wanted | dict(change.offsets))
    return replace(alteration, definition=replace(definition, source=source), offsets=offsets, restarts=restarts)


# -- ROLLBACK ---------------------------------------------------------------------------------------------------------


def _return(job: Job, number: int, context: Context) -> Alteration:
    versions = context.jobs.versions(job)
    definition = version_to_return_to(versions, number).definition
    alteration = Alteration(basis=job.definition, definition=definition)
    source = definition.source
    context.check_client_properties(job.database, source.brokers, source.client_properties)
    if source != job.definition.source:
        alteration = _back_in_source(job, alteration, versions, number, context)
    check_target(replace(job, definition=definition), context)
    return alteration


def _back_in_source(
    job: Job, alteration: Alteration, versions: Sequence[JobVersion], number: int, context: Context
) -> Alteration:
    """Kafka has to be there; in another topic the job goes on where it stood when it left it, or not at all."""
    source = alteration.definition.source
    topic = topic_of(replace(job, definition=alteration.definition), context)
    existing = topic.partitions()
    topic.check_partitions(source.partitions, existing)
    if source.topic == job.definition.source.topic:
        return alteration
    instead = f"say where to read it: ALTER ROUTINE LOAD … FROM KAFKA with kafka_topic = {source.topic} and offsets"
    left = last_in_topic(versions, source.topic)
    if left is None or not left.left_at:
        raise ExecutionError(f"the job never read topic {source.topic} of version {number}; {instead}")
    identity = topic.identity()
    if identity and left.topic_id and identity != left.topic_id:
        raise ExecutionError(f"topic {source.topic} of version {number} was re-created since; {instead}")
    topic.check_partitions(left.left_at, existing)
    try:
        offsets = topic.resolved({p: OffsetSpec(OffsetKind.NUMBER, offset) for p, offset in left.left_at.items()})
    except ExecutionError as cause:
        raise ExecutionError(
            f"topic {source.topic} of version {number} lost what the job had not read of it: {cause.message}; {instead}"
        ) from cause
    newest = versions[-1].number
    return replace(alteration, offsets=offsets, restarts=True, topic_id=left.topic_id, basis_number=newest)
