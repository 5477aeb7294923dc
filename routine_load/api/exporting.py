"""Jobs of this service as statements for a cluster of either vendor, going on where they are here.

Refuses to write a mask as a value: a secret is given, or its job is not printed.
"""

from __future__ import annotations

from dataclasses import replace

from routine_load.api.doors import Client
from routine_load.api.moving_choices import Choices, chosen_jobs, offsets_of
from routine_load.api.moving_source import ACTIVE, FrontEnd, state_of, why_not_at_rest
from routine_load.api.moving_values import ExportedJob, MovedReport, Outcome
from routine_load.api.status import JobState
from routine_load.clock import Deadline
from routine_load.errors import AnalysisError, ConnectionLost, JobStateError, RoutineLoadError
from routine_load.ids import Compat
from routine_load.jobs.moving.giving import Given, for_cluster
from routine_load.jobs.moving.reading import read_job
from routine_load.jobs.moving.translating import for_cluster_of
from routine_load.jobs.moving.values import MovedJob, Told
from routine_load.sql.ddl import DdlContext, parse_create_table
from routine_load.sql.literals import quote_name
from routine_load.sql.schema import KeyModel
from routine_load.sql.statements import JobName


def export_jobs(here: Client, database: str | None, choices: Choices, compat: Compat | None) -> list[ExportedJob]:
    """One of each job. ``compat`` None: for a cluster of the job's own vendor.

    With ``choices.pause`` a job that runs is paused, and stays so where its statement was made. Raises RoutineLoadError
    where the service cannot be looked at.
    """
    front = FrontEnd(here)
    return [_exported(name, front, choices, compat) for name in chosen_jobs(front, choices, database)]


def _exported(name: JobName, front: FrontEnd, choices: Choices, compat: Compat | None) -> ExportedJob:
    report = MovedReport(job=f"{name.database}.{name.name}", compat="", state="", outcome=Outcome.REFUSED)
    try:
        told = front.told(name)
        report = replace(report, compat=(compat or told.compat).value, state=told.column("State"))
        made, report = _made(told, front, choices, compat or told.compat, report)
        if choices.dry_run:
            return ExportedJob(report=replace(report, outcome=Outcome.READY))
        if choices.pause and state_of(told) in ACTIVE:
            told = _paused(name, front, choices)
            made, report = _made(told, front, choices, compat or told.compat, report)
        return ExportedJob(report=replace(report, outcome=Outcome.DONE), sql=made)
    except ConnectionLost:
        raise
    except RoutineLoadError as error:
        return ExportedJob(report=replace(report, outcome=Outcome.REFUSED, problem=error.message))


def _paused(name: JobName, front: FrontEnd, choices: Choices) -> Told:
    """At rest; resumed again where that fails."""
    front.pause(name)
    try:
        return front.settled(name, Deadline.after(choices.timeout_s))
    except BaseException:
        front.resume(name)
        raise


def _made(
    told: Told, front: FrontEnd, choices: Choices, compat: Compat, report: MovedReport
) -> tuple[str, MovedReport]:
    state = state_of(told)
    if state not in ACTIVE and state is not JobState.PAUSED:
        raise JobStateError(f"it is {told.column('State')}, and cannot go on elsewhere")
    job = for_cluster_of(choices.given_to(read_job(told)), compat)
    given = for_cluster(job)
    notes = given.notes
    if state in ACTIVE:
        notes += (
            "it runs here, from these offsets on: PAUSE or STOP it here before it is made there, or let it be paused",
        )
    elif why_not_at_rest(told):
        notes += (f"it is PAUSED: {told.column('ReasonOfStateChanged')[:300]}",)
    tables = _table_texts(told, job, front, compat) if choices.tables else {}
    report = replace(
        report,
        offsets=offsets_of(job),
        follows_topic=not job.is_pinned,
        tables=dict.fromkeys(tables, "printed"),
        notes=notes,
        statement=given.shown,
    )
    return _text(job, given, notes, list(tables.values())), report


def _text(job: MovedJob, given: Given, notes: tuple[str, ...], tables: list[str]) -> str:
    """With what its reader has to know as comments. The client's comments end with their line."""
    comments = [f"-- {job.full_name}: {' '.join(note.split())}" for note in notes]
    database = quote_name(job.database)
    ddl = [f"CREATE DATABASE IF NOT EXISTS {database};", f"USE {database};", *(f"{text};" for text in tables)]
    return "\n".join([*comments, *(ddl if tables else []), f"{given.text};"])


def _table_texts(told: Told, job: MovedJob, front: FrontEnd, compat: Compat) -> dict[str, str]:
    """CREATE TABLE in the words of the vendor. Raises AnalysisError for a table that is not the same there."""
    names = [job.table] if job.table is not None else front.tables(job.database)
    texts = {name: front.table_text(job.database, name, compat) for name in names}
    if told.compat is not compat:
        for name, text in texts.items():
            try:
                model = parse_create_table(text, DdlContext(job.database, compat)).key_model
            except RoutineLoadError as error:
                raise AnalysisError(f"table {name} is not the same in {compat}: {error.message}") from error
            if model is KeyModel.PRIMARY and compat is Compat.DORIS:
                raise AnalysisError(
                    f"table {name}: PRIMARY KEY is not in Doris; make it there, and export without tables"
                )
    return texts
