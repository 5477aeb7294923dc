"""Jobs of another front end made here, each going on where it was: nothing lost, nothing loaded twice.

Steps for one job, and what each early end leaves behind:

1. it is looked at, and its statement is made: nothing was changed anywhere;
2. PAUSE there, where it is asked for: the job there is resumed again;
3. it comes to rest, and its progress is read: resumed again;
4. its tables are made here, those that are absent: they are dropped again while they are empty, and it is resumed;
5. CREATE ROUTINE LOAD here. A refusal: like 4. No answer: somebody has to look, so the job there stays paused.

A process that dies in between leaves a paused job there, and here all of the job or none of it; the same command again
does the rest. Refuses to know what a front end prints (``jobs.moving``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from routine_load.api.doors import Client
from routine_load.api.moving_choices import Choices, chosen_jobs, following, offsets_of
from routine_load.api.moving_source import ACTIVE, FrontEnd, open_source, state_of, why_not_at_rest
from routine_load.api.moving_tables import TablePlan, drop_again, make_tables, plan_tables
from routine_load.api.moving_values import MovedReport, Outcome
from routine_load.api.status import JobState
from routine_load.clock import Deadline
from routine_load.errors import AnalysisError, ConnectionLost, ExecutionError, JobStateError, RoutineLoadError
from routine_load.jobs.moving.giving import Given, for_service
from routine_load.jobs.moving.reading import read_job
from routine_load.jobs.moving.values import Told
from routine_load.sql.literals import quote_name
from routine_load.sql.render import render_job
from routine_load.sql.statements import JobName

_FILE: Final = "FILE:"
_NOT_NOW: Final = "offsets are those of now: they are read again after the pause"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    """A job and what is to be done; ``given`` None where nothing is."""

    name: JobName
    report: MovedReport
    given: Given | None = None
    told: Told | None = None
    tables: TablePlan = field(default_factory=TablePlan)

    @property
    def told_id(self) -> str:
        return "" if self.told is None else self.told.column("Id")


def import_jobs(url: str, here: Client, choices: Choices) -> list[MovedReport]:
    """One report a job. Where one of them is refused before anything was begun, nothing is begun.

    Raises RoutineLoadError where the front end cannot be looked at.
    """
    source, database = open_source(url)
    with contextlib.closing(source):
        return import_from(source, database, FrontEnd(here), choices)


def import_from(source: FrontEnd, database: str | None, here: FrontEnd, choices: Choices) -> list[MovedReport]:
    """The same between two front ends that are open."""
    planned = [_plan(name, source, here, choices) for name in chosen_jobs(source, choices, database)]
    if choices.dry_run or not all(each.report.is_well for each in planned):
        return [each.report for each in planned]
    return [_moved(each, source, here, choices) if each.given else each.report for each in planned]


def _plan(name: JobName, source: FrontEnd, here: FrontEnd, choices: Choices) -> _Planned:
    report = MovedReport(job=f"{name.database}.{name.name}", compat="", state="", outcome=Outcome.REFUSED)
    try:
        told = source.told(name)
        report = replace(report, compat=told.compat.value, state=told.column("State"))
        if _is_here(name, here):
            return _Planned(name=name, report=replace(report, outcome=Outcome.HERE_ALREADY))
        given, report = _given(told, choices, report)
        _check_state(told, name, choices)
        _check_files(given, here)
        tables = plan_tables(given.statement, told.compat, source, here, choices.tables)
        notes = report.notes + tables.notes + ((_NOT_NOW,) if state_of(told) in ACTIVE else ())
        report = replace(report, outcome=Outcome.READY, tables=tables.words, notes=notes)
        return _Planned(name=name, report=report, given=given, told=told, tables=tables)
    except ConnectionLost:
        raise
    except RoutineLoadError as error:
        return _Planned(name=name, report=replace(report, outcome=Outcome.REFUSED, problem=error.message))


def _given(told: Told, choices: Choices, report: MovedReport) -> tuple[Given, MovedReport]:
    job = following(choices.given_to(read_job(told)), choices.pinned)
    given = for_service(job)
    return given, replace(
        report, offsets=offsets_of(job), follows_topic=not job.is_pinned, notes=given.notes, statement=given.shown
    )


def _check_state(told: Told, name: JobName, choices: Choices) -> None:
    state = state_of(told)
    if state in ACTIVE and not choices.pause:
        raise JobStateError(
            f"it is {told.column('State')} there: PAUSE ROUTINE LOAD FOR {render_job(name)} there first, or give "
            "--pause (pause=True)"
        )
    if state not in ACTIVE and state is not JobState.PAUSED:
        raise JobStateError(f"it is {told.column('State')} there, and cannot go on")
    if state is JobState.PAUSED and (problem := why_not_at_rest(told)):
        raise JobStateError(problem)


def _check_files(given: Given, here: FrontEnd) -> None:
    """What a front end keeps in CREATE FILE it does not hand out: it has to be here before."""
    database = given.statement.job.database or ""
    wanted = {p.value[len(_FILE) :]: p.key for p in given.statement.source_properties if p.value.startswith(_FILE)}
    if not wanted:
        return
    rows = here.ask(f"SHOW FILE FROM {quote_name(database)}") if database in here.databases() else []
    absent = wanted.keys() - {row.get("FileName") for row in rows}
    for name in sorted(absent):
        raise ExecutionError(
            f"{wanted[name]} is the file {name}, which is not here: "
            f'CREATE FILE "{name}" IN {database} PROPERTIES ("catalog" = "kafka", "url" = …) makes it'
        )


def _is_here(name: JobName, here: FrontEnd) -> bool:
    if name.database not in here.databases():
        return False
    return name.name in here.live_jobs(name.database)


def _moved(planned: _Planned, source: FrontEnd, here: FrontEnd, choices: Choices) -> MovedReport:
    """Steps 2 to 5 for one job."""
    report = planned.report
    made: list[str] = []
    try:
        with _resting(planned, source) as told_paused:
            told = source.settled(planned.name, Deadline.after(choices.timeout_s))
            if told.column("Id") != planned.told_id:
                raise JobStateError("another job has its name there, since a moment ago")
            if not told_paused and (problem := why_not_at_rest(told)):
                raise JobStateError(problem)
            given, report = _given(told, choices, replace(report, notes=()))
            report = replace(report, notes=report.notes + planned.tables.notes)
            try:
                made = make_tables(planned.tables, here)
                _create(given, told, planned.name, here)
            except _NobodyKnows:
                raise
            except BaseException:
                drop_again(planned.tables, made, here)
                raise
    except _NobodyKnows as error:
        return replace(report, outcome=Outcome.UNKNOWN, problem=error.message)
    except RoutineLoadError as error:
        return replace(report, outcome=Outcome.FAILED, problem=error.message)
    tables = {name: "made" if name in made else word for name, word in report.tables.items()}
    done = f"it stays paused there; STOP ROUTINE LOAD FOR {render_job(planned.name)} there ends it"
    return replace(report, outcome=Outcome.DONE, tables=tables, notes=(*report.notes, done))


class _NobodyKnows(RoutineLoadError):
    """The service went away while it made the job."""


@contextlib.contextmanager
def _resting(planned: _Planned, source: FrontEnd) -> Iterator[bool]:
    """The job there paused while this lasts, and for good where it ends well. Yields whether it was paused by this."""
    assert planned.told is not None
    if state_of(planned.told) not in ACTIVE:
        yield False
        return
    try:
        source.pause(planned.name)
    except ConnectionLost as error:
        _resume(planned.name, source, error)
        raise
    try:
        yield True
    except _NobodyKnows:
        raise
    except BaseException as error:
        _resume(planned.name, source, error)
        raise


def _resume(name: JobName, source: FrontEnd, cause: BaseException) -> None:
    """As it was before. Raises JobStateError where the job there stays paused."""
    try:
        if state_of(source.told(name)) is JobState.PAUSED:
            source.resume(name)
    except RoutineLoadError as error:
        why = cause.message if isinstance(cause, RoutineLoadError) else type(cause).__name__
        raise JobStateError(
            f"{why}; and it stays PAUSED there, because RESUME failed: {error.message}. "
            f"RESUME ROUTINE LOAD FOR {render_job(name)} there"
        ) from error


def _create(given: Given, told: Told, name: JobName, here: FrontEnd) -> None:
    """Once; where no answer comes, the job is looked for."""
    database = quote_name(given.statement.job.database or "")
    try:
        here.ask(f"SET compat = '{told.compat}'; {given.text}")
    except (ConnectionLost, KeyboardInterrupt) as error:
        with contextlib.suppress(RoutineLoadError):
            if _is_here(name, here):
                return
        raise _NobodyKnows(
            f"no answer came to CREATE ROUTINE LOAD, so that nobody knows whether it was carried out. The job there "
            f"stays PAUSED. Look here: SHOW ROUTINE LOAD FROM {database}. Where {name.name} is there, all is done; if "
            "it is not, RESUME it there or begin again"
        ) from error
    if not _is_here(name, here):
        raise AnalysisError("CREATE ROUTINE LOAD was answered, and there is no such job")
