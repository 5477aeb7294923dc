"""CREATE, PAUSE, RESUME and STOP ROUTINE LOAD (ALTER: ``alter``).

Everything CREATE can be wrong about is checked before anything is written: table, columns, expressions, topic,
partitions, offsets; ``SET validate = 'off'`` leaves what the originals check later to planning. Only the record is
written, with the offsets it wants placed at the sink (``Job.placing``): the scheduler places them before the job's next
task. State changes happen inside ``Scheduler.exclusively``: when PAUSE or STOP returns, no task of the job runs.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from routine_load.errors import ExecutionError, LeadershipLost, PropertyError, RoutineLoadError
from routine_load.ids import Compat
from routine_load.jobs.definition import DefineContext, JobDefinition, define
from routine_load.jobs.job import Job, new_job
from routine_load.jobs.property_rules import last_values
from routine_load.jobs.reasons import paused_by, stopped_by
from routine_load.jobs.splitting import admit, admit_job, concurrency
from routine_load.jobs.states import JobState
from routine_load.observe.failpoints import failpoint
from routine_load.sql.results import Ok
from routine_load.sql.statements import (
    CreateRoutineLoad,
    PauseRoutineLoad,
    Property,
    ResumeRoutineLoad,
    StopRoutineLoad,
)
from routine_load.statements.context import Context
from routine_load.statements.ports import Session
from routine_load.statements.targets import check_first, check_target, topic_of, validates
from routine_load.statements.variables import choice, whole_number

_IN_DOUBT = "in_doubt"
_IN_DOUBT_LABEL = "in_doubt_label"
_COMMITTED = "committed"
_OUTCOMES = (_COMMITTED, "not_committed")


def create(statement: CreateRoutineLoad, session: Session, context: Context) -> Ok:
    """CREATE ROUTINE LOAD. The job exists, with numeric start offsets, when this returns."""
    database = context.database(statement.job.database, session)
    if session.compat is Compat.DORIS:
        check_first(statement, database, context)
    definition = define(
        statement,
        DefineContext(
            compat=session.compat,
            config=context.frontend_config(session.compat),
            database=database,
            user=session.user,
            timezone=session.timezone,
            uuid=str(uuid.uuid4()),
            send_batch_parallelism=whole_number(session, "send_batch_parallelism", 1),
            early_commit=_commits_early(session, context),
        ),
    )
    job = new_job(definition, context.clock.now(), context.sink.incarnation)
    in_full = validates(session, context)
    check_target(job, context, in_full=in_full)
    context.check_client_properties(database, definition.source.brokers, definition.source.client_properties)
    if context.jobs.live(database, definition.name) is not None:
        raise ExecutionError(f"Name {definition.name} already used in db {database}")
    job = _with_starts(job, context) if in_full else replace(job, is_unchecked=True)
    _admit(definition, len(job.progress or definition.source.partitions), context)
    context.scheduler.job_created(context.jobs.insert(job).id)
    return Ok()


def _commits_early(session: Session, context: Context) -> bool:
    """``SET early_commit = 'off'`` gives new jobs their vendor's timing; the setting is the default."""
    given = choice(session, "early_commit")
    return context.settings.early_commit if given is None else given == "on"


def pause(statement: PauseRoutineLoad, session: Session, context: Context) -> Ok:
    """PAUSE ROUTINE LOAD FOR j, and Doris' PAUSE ALL ROUTINE LOAD."""
    if statement.job is None:
        return _every(session, context, JobState.PAUSED)
    job = context.live_job(statement.job, session)
    _pause(job, session, context)
    return Ok()


def resume(statement: ResumeRoutineLoad, session: Session, context: Context) -> Ok:
    """RESUME ROUTINE LOAD FOR j, and Doris' RESUME ALL. A RUNNING job drops its tasks and is planned anew."""
    word = _word(statement.properties)
    if statement.job is None:
        return _every(session, context, JobState.NEED_SCHEDULE)
    job = context.live_job(statement.job, session)
    _resume(job, context, word)
    return Ok()


def stop(statement: StopRoutineLoad, session: Session, context: Context) -> Ok:
    """STOP ROUTINE LOAD FOR j: final; the name is free again."""
    job = context.live_job(statement.job, session)
    with context.scheduler.exclusively(job.id):
        context.jobs.modify(job.id, lambda j: j.stopped(stopped_by(session.user), context.clock.now()))
    return Ok()


def _word(properties: tuple[Property, ...]) -> tuple[str, str] | None:
    """What RESUME says of a transaction in doubt, and of which label. Raises PropertyError for anything else."""
    given = last_values(properties)
    for key in given:
        if key not in {_IN_DOUBT, _IN_DOUBT_LABEL}:
            raise PropertyError(f"{key} is invalid property")
    outcome, label = given.get(_IN_DOUBT), given.get(_IN_DOUBT_LABEL, "")
    if outcome is None:
        if label:
            raise PropertyError(f"{_IN_DOUBT_LABEL} is '{label}', and {_IN_DOUBT} does not tell what became of it")
        return None
    if outcome.lower() not in _OUTCOMES:
        raise PropertyError(f"{_IN_DOUBT} is '{outcome}', allowed: {', '.join(_OUTCOMES)}")
    return outcome.lower(), label


def _settle_doubt(job: Job, word: tuple[str, str], context: Context) -> None:
    """A person tells what became of a commit of which the target cannot say it. Raises where nobody has to."""
    outcome, label = word
    if not context.sink.resolve(job.id, committed=outcome == _COMMITTED, label=label):
        raise ExecutionError(
            f"job {job.name} has no transaction in doubt: RESUME it without {_IN_DOUBT}; nothing was changed"
        )


def _every(session: Session, context: Context, target: JobState) -> Ok:
    """All jobs of the current database that the user may load with; one that cannot follow is passed over (Doris)."""
    for job in context.visible_jobs(session, context.jobs.list(context.database(None, session), include_final=False)):
        try:
            if target is JobState.PAUSED:
                _pause(job, session, context)
            elif job.state is JobState.PAUSED:
                _resume(job, context)
        except LeadershipLost:
            raise  # whoever leads now does the others; OK would be untrue
        except RoutineLoadError:
            continue
    return Ok()


def _pause(job: Job, session: Session, context: Context) -> None:
    with context.scheduler.exclusively(job.id):
        failpoint("job.pause.before")
        context.jobs.modify(job.id, lambda j: j.paused(paused_by(session.user), context.clock.now()))
        failpoint("job.pause.after")


def _resume(job: Job, context: Context, word: tuple[str, str] | None = None) -> None:
    def resumed(current: Job) -> Job:
        forgotten = not current.placing and current.progress and not context.sink.progress(current.id)
        if forgotten or current.sink_incarnation != context.sink.incarnation:
            raise ExecutionError(
                f"the target was replaced since job {current.name} loaded into it: ALTER the offsets of all its "
                "partitions, then RESUME"
            )
        return current.resumed(context.clock.now())

    with context.scheduler.exclusively(job.id):
        if word is not None:
            _settle_doubt(job, word, context)
        failpoint("job.resume.before")
        context.jobs.modify(job.id, resumed)
        failpoint("job.resume.after")


def _with_starts(job: Job, context: Context) -> Job:
    offsets = topic_of(job, context).starts(job.definition.source)
    return replace(job.placed(offsets), placing=offsets)


def _admit(definition: JobDefinition, partitions: int, context: Context) -> None:
    config = context.frontend_config(definition.compat)
    backends = max(context.settings.backends, len(context.scheduler.backends()))  # also those elsewhere
    live = context.jobs.all_live()
    if definition.compat is Compat.DORIS:
        admit_job(len(live), config)
        return

    def tasks(of: JobDefinition, count: int) -> int:
        return concurrency(of.compat, count, of.properties.desired_concurrent_number, config, backends)

    active = [job for job in live if job.state.is_active]
    used = sum(tasks(job.definition, len(job.progress or job.definition.source.partitions)) for job in active)
    admit(used, tasks(definition, partitions), backends, config)
