"""CREATE, ALTER, PAUSE, RESUME and STOP ROUTINE LOAD.

Everything a statement can be wrong about is checked before anything is written: table, columns, expressions, topic,
partitions, offsets. Only the record is written, with the offsets it wants placed at the sink (``Job.placing``): the
scheduler places them before the job's next task. State changes happen inside ``Scheduler.exclusively``: when PAUSE,
STOP or ALTER returns, no task of the job runs.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from routine_load.clock import Deadline
from routine_load.errors import ExecutionError, RoutineLoadError, SourceError, UnknownTable
from routine_load.ids import Compat, PartitionId
from routine_load.jobs.checks import check_table
from routine_load.jobs.definition import DefineContext, JobDefinition, alter_definition, define
from routine_load.jobs.job import Job, new_job
from routine_load.jobs.source import OffsetSpec
from routine_load.jobs.source_alter import SourceChange, alter_source
from routine_load.jobs.source_create import SourceContext, check_source_type
from routine_load.jobs.splitting import admit, admit_job, concurrency
from routine_load.jobs.states import JobState, paused_by, stopped_by
from routine_load.observe.failpoints import failpoint
from routine_load.scheduler.planning import kafka_spec, load_spec
from routine_load.sql.results import Ok
from routine_load.sql.statements import (
    AlterRoutineLoad,
    CreateRoutineLoad,
    PauseRoutineLoad,
    ResumeRoutineLoad,
    StopRoutineLoad,
)
from routine_load.statements.context import Context
from routine_load.statements.offsets import resolved
from routine_load.statements.ports import Session


def create(statement: CreateRoutineLoad, session: Session, context: Context) -> Ok:
    """CREATE ROUTINE LOAD. The job exists, with numeric start offsets, when this returns."""
    database = context.database(statement.job.database, session)
    definition = define(
        statement,
        DefineContext(
            compat=session.compat,
            config=context.frontend_config(session.compat),
            database=database,
            user=session.user,
            timezone=session.timezone,
            uuid=str(uuid.uuid4()),
        ),
    )
    job = new_job(definition, context.clock.now(), context.sink.incarnation)
    _check_table(job, context)
    context.check_client_properties(definition.source.brokers, definition.source.client_properties)
    if context.jobs.live(database, definition.name) is not None:
        raise ExecutionError(f"Name {definition.name} already used in db {database}")
    offsets = _start_offsets(job, context)
    _admit(definition, len(offsets), context)
    context.scheduler.job_created(context.jobs.insert(replace(job.placed(offsets), placing=offsets)).id)
    return Ok()


def alter(statement: AlterRoutineLoad, session: Session, context: Context) -> Ok:
    """ALTER ROUTINE LOAD of a PAUSED job; all of it or nothing."""
    job = context.live_job(statement.job, session)
    _require_paused(job)
    with context.scheduler.exclusively(job.id):
        _alter(context.live_job(statement.job, session), statement, context)
    return Ok()


def _require_paused(job: Job) -> None:
    if job.state is not JobState.PAUSED:
        raise ExecutionError("Only supports modification of PAUSED jobs")


def _alter(job: Job, statement: AlterRoutineLoad, context: Context) -> None:
    definition = _altered(job.definition, statement, context)
    offsets: dict[PartitionId, int] = {}
    restarts = False
    if statement.source is not None:
        check_source_type(statement.source)
        source_context = SourceContext(compat=definition.compat, timezone=definition.properties.timezone)
        change = alter_source(statement.source_properties, source_context)
        definition, offsets = _altered_source(job, definition, change, context)
        restarts = change.changes_topic(job.definition.source)
    _check_table(replace(job, definition=definition), context)

    def altered(current: Job) -> Job:
        _require_paused(current)
        progress = {} if restarts else dict(current.progress)
        placing = {} if restarts else dict(current.placing)  # what an ALTER before this one left to be placed
        job = replace(current, definition=definition, placing=placing | offsets, progress=progress | offsets)
        # Where all offsets are new, whatever target and topic there are now are those they are meant for.
        return replace(job, sink_incarnation=context.sink.incarnation, topic_id="") if job.places_all else job

    failpoint("job.alter.before")
    context.jobs.modify(job.id, altered)
    failpoint("job.alter.after")


def pause(statement: PauseRoutineLoad, session: Session, context: Context) -> Ok:
    """PAUSE ROUTINE LOAD FOR j, and Doris' PAUSE ALL ROUTINE LOAD."""
    if statement.job is None:
        return _every(session, context, JobState.PAUSED)
    job = context.live_job(statement.job, session)
    _pause(job, session, context)
    return Ok()


def resume(statement: ResumeRoutineLoad, session: Session, context: Context) -> Ok:
    """RESUME ROUTINE LOAD FOR j, and Doris' RESUME ALL. A RUNNING job drops its tasks and is planned anew."""
    if statement.job is None:
        return _every(session, context, JobState.NEED_SCHEDULE)
    _resume(context.live_job(statement.job, session), context)
    return Ok()


def stop(statement: StopRoutineLoad, session: Session, context: Context) -> Ok:
    """STOP ROUTINE LOAD FOR j: final; the name is free again."""
    job = context.live_job(statement.job, session)
    with context.scheduler.exclusively(job.id):
        context.jobs.modify(job.id, lambda j: j.stopped(stopped_by(session.user), context.clock.now()))
    return Ok()


def _every(session: Session, context: Context, target: JobState) -> Ok:
    """All jobs of the current database; one that cannot follow is passed over (Doris)."""
    for job in context.jobs.list(context.database(None, session), include_final=False):
        try:
            if target is JobState.PAUSED:
                _pause(job, session, context)
            elif job.state is JobState.PAUSED:
                _resume(job, context)
        except RoutineLoadError:
            continue
    return Ok()


def _pause(job: Job, session: Session, context: Context) -> None:
    with context.scheduler.exclusively(job.id):
        failpoint("job.pause.before")
        context.jobs.modify(job.id, lambda j: j.paused(paused_by(session.user), context.clock.now()))
        failpoint("job.pause.after")


def _resume(job: Job, context: Context) -> None:
    def resumed(current: Job) -> Job:
        forgotten = not current.placing and current.progress and not context.sink.progress(current.id)
        if forgotten or current.sink_incarnation != context.sink.incarnation:
            raise ExecutionError(
                f"the target was replaced since job {current.name} loaded into it: ALTER the offsets of all its "
                "partitions, then RESUME"
            )
        return current.resumed(context.clock.now())

    with context.scheduler.exclusively(job.id):
        failpoint("job.resume.before")
        context.jobs.modify(job.id, resumed)
        failpoint("job.resume.after")


def _check_table(job: Job, context: Context) -> None:
    """Table, columns and expressions; a multi-table job names its tables in its rows."""
    ref = job.definition.table_ref
    if ref is None:
        return
    try:
        schema = context.sink.table(ref)
    except UnknownTable as error:
        if job.definition.compat is Compat.DORIS:
            raise UnknownTable(f"Unknown table '{ref.table}' in database '{ref.database}'") from error
        raise UnknownTable(f"Unknown table '{ref.table}'") from error
    check_table(job.definition, schema)
    context.compiler.check(load_spec(job), schema)


def _start_offsets(job: Job, context: Context) -> dict[PartitionId, int]:
    kafka = kafka_spec(job)
    deadline = Deadline.after(context.settings.kafka_timeout_s, context.clock)
    existing = context.metadata.partitions(kafka, deadline)
    source = job.definition.source
    for partition in source.partitions:
        if partition not in existing:
            raise SourceError(
                f"there is an invalid custom partition: {partition} for topic: {kafka.topic}; "
                f"it has the partitions {existing[0]} to {existing[-1]}"
            )
    wanted = {p: source.start_of(p) for p in source.partitions or existing}
    return resolved(context.metadata, kafka, wanted, deadline=deadline, compat=job.definition.compat)


def _altered(current: JobDefinition, statement: AlterRoutineLoad, context: Context) -> JobDefinition:
    given = (statement.source, statement.table, statement.properties)
    if not any(given) and statement.clauses == type(statement.clauses)():
        raise ExecutionError("No properties are specified")
    if statement.table is not None:
        if current.table is None:
            raise ExecutionError("ALTER ROUTINE LOAD target table change only supports single-table job")
        return replace(current, table=statement.table)
    config = context.frontend_config(current.compat)
    return alter_definition(current, statement.clauses, statement.properties, config)


def _altered_source(
    job: Job, definition: JobDefinition, change: SourceChange, context: Context
) -> tuple[JobDefinition, dict[PartitionId, int]]:
    merged = change.merged(definition.source)
    context.check_client_properties(merged.brokers, merged.client_properties)
    kafka = kafka_spec(replace(job, definition=replace(definition, source=merged)))
    deadline = Deadline.after(context.settings.kafka_timeout_s, context.clock)
    existing = context.metadata.partitions(kafka, deadline)
    source = change.applied(definition.source, existing)
    wanted: dict[PartitionId, OffsetSpec] = {}
    if change.changes_topic(definition.source):
        wanted |= {p: source.start_of(p) for p in source.partitions or existing}
    wanted |= dict(change.offsets)
    offsets = resolved(context.metadata, kafka, wanted, deadline=deadline, compat=definition.compat)
    return replace(definition, source=source), offsets


def _admit(definition: JobDefinition, partitions: int, context: Context) -> None:
    config = context.frontend_config(definition.compat)
    backends = context.settings.backends
    live = context.jobs.all_live()
    if definition.compat is Compat.DORIS:
        admit_job(len(live), config)
        return

    def tasks(of: JobDefinition, count: int) -> int:
        return concurrency(of.compat, count, of.properties.desired_concurrent_number, config, backends)

    used = sum(tasks(job.definition, len(job.progress)) for job in live if job.state.is_active)
    admit(used, tasks(definition, partitions), backends, config)
