"""``routine-load import`` and ``routine-load export``: flags to choices, reports to tables and JSON."""

from __future__ import annotations

import json
import os
import signal
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from routine_load.cli.speaking import spoken_errors
from routine_load.errors import PropertyError

if TYPE_CHECKING:
    from routine_load.api import Connection
    from routine_load.api.moving_values import MovedReport

_FILE_MAX = 1024 * 1024

Jobs = Annotated[
    list[str] | None, typer.Option("--job", metavar="DB.JOB", help="One of the jobs; may be repeated. [all]")
]
Pause = Annotated[bool, typer.Option("--pause", help="Pause jobs that run; resume them where it fails.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON array of reports.")]
Timeout = Annotated[float, typer.Option(metavar="SECONDS", min=1, max=3600, help="How long a job may take to rest.")]
PropertyOf = Annotated[
    list[str] | None,
    typer.Option("--property", metavar="KEY=VALUE", help="In the place of what a job has; may be repeated."),
]
PropertyEnv = Annotated[
    list[str] | None,
    typer.Option("--property-env", metavar="KEY=NAME", help="The same; the value is in the environment variable NAME."),
]
Properties = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help='TOML: keys and values, for single jobs in a table named ["db.job"].'),
]
DataDir = Annotated[Path | None, typer.Option(help="A data directory of which no service runs, instead of a service.")]
Host = Annotated[str, typer.Option(help="Where the service is.")]
Port = Annotated[int, typer.Option(min=1, max=65535)]
User = Annotated[str, typer.Option()]
Password = Annotated[str, typer.Option(envvar="RL_PASSWORD", show_default=False)]


def add_to(app: typer.Typer) -> None:
    app.command("import")(import_)
    app.command()(export)


def import_(  # noqa: PLR0913 - one parameter a flag, as Typer wants it
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            envvar="RL_IMPORT_URL",
            show_envvar=True,
            help="mysql://user:password@fe:9030/db, or starrocks:// or doris://.",
        ),
    ],
    *,
    job: Jobs = None,
    pause: Pause = False,
    no_tables: Annotated[bool, typer.Option("--no-tables", help="Leave tables alone.")] = False,
    pinned: Annotated[
        bool | None,
        typer.Option(
            "--pinned/--follow-topic",
            help="Where the front end does not tell: keep to the partitions, or take new ones.",
        ),
    ] = None,
    given: PropertyOf = None,
    given_env: PropertyEnv = None,
    properties: Properties = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    timeout: Timeout = 120.0,
    data_dir: DataDir = None,
    host: Host = "127.0.0.1",
    port: Port = 9030,
    user: User = "root",
    password: Password = "",
) -> None:
    """Make jobs of another front end here, with their tables, going on exactly where they are there.

    Jobs have to be paused there, by a user: PAUSE them, or give --pause. What is masked there has to be given.
    Exit code 1 where a job was not made; where one is refused before anything was begun, nothing is begun.
    """
    with spoken_errors():
        common, of_jobs = _given(given, given_env, properties)
        with _service(data_dir, host, port, (user, password)) as here, spoken_errors(), _takes_back():
            reports = here.import_jobs(
                url,
                job or (),
                pause=pause,
                tables=not no_tables,
                pinned=pinned,
                properties=common,
                of_jobs=of_jobs,
                dry_run=dry_run,
                timeout_s=timeout,
            )
    _say(reports, as_json=as_json)
    _leave(reports)


def export(  # noqa: PLR0913 - one parameter a flag, as Typer wants it
    *,
    job: Jobs = None,
    database: Annotated[str | None, typer.Option(help="Jobs of this database only.")] = None,
    compat: Annotated[str | None, typer.Option(metavar="VENDOR", help="The cluster's. [the job's own]")] = None,
    tables: Annotated[bool, typer.Option("--tables", help="CREATE TABLE, too.")] = False,
    pause: Pause = False,
    given: PropertyOf = None,
    given_env: PropertyEnv = None,
    properties: Properties = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    timeout: Timeout = 120.0,
    data_dir: DataDir = None,
    host: Host = "127.0.0.1",
    port: Port = 9030,
    user: User = "root",
    password: Password = "",
) -> None:
    """Print CREATE ROUTINE LOAD with the offsets of now, for a cluster of either vendor.

    SQL goes to stdout, with comments where something is to be known; what was refused to stderr. A job with secrets
    needs them given: no mask is printed as a value. Exit code 1 where a job was refused.
    """
    with spoken_errors():
        common, of_jobs = _given(given, given_env, properties)
        with _service(data_dir, host, port, (user, password)) as here, spoken_errors(), _takes_back():
            exported = here.export_jobs(
                job or (),
                database,
                compat,
                tables=tables,
                pause=pause,
                properties=common,
                of_jobs=of_jobs,
                dry_run=dry_run,
                timeout_s=timeout,
            )
    reports = [each.report for each in exported]
    if as_json:
        typer.echo(
            json.dumps([_as_json(each.report) | {"sql": each.sql} for each in exported], ensure_ascii=False, indent=2)
        )
    elif dry_run:
        _say(reports, as_json=False)
    else:
        typer.echo("\n\n".join(each.sql for each in exported if each.sql))
        for each in reports:
            if each.problem:
                typer.echo(f"{each.job}: {each.outcome}: {each.problem}", err=True)
    _leave(reports)


@contextmanager
def _service(data_dir: Path | None, host: str, port: int, login: tuple[str, str]) -> Iterator[Connection]:
    from routine_load.api import connect  # noqa: PLC0415 - a wrong flag answers at once

    if data_dir is not None:
        with connect(data_dir) as connection:
            yield connection
        return
    credentials = ":".join(quote(each, safe="") for each in login)
    address = f"[{host}]" if ":" in host else host
    with connect(url=f"mysql://{credentials}@{address}:{port}") as connection:
        yield connection


@contextmanager
def _takes_back() -> Iterator[None]:
    """SIGTERM ends this as Ctrl-C does: what was begun is taken back before the process leaves."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _given(
    texts: Iterable[str] | None, variables: Iterable[str] | None, file: Path | None
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Values for all jobs, and for single ones; flags win over the file. No message repeats a value."""
    common, of_jobs = _of_file(file) if file is not None else ({}, {})
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not equals:
            raise PropertyError("--property is KEY=VALUE, as property.sasl.password=…")
        common[key.strip()] = value
    for text in variables or ():
        key, _, name = text.partition("=")
        if name not in os.environ:
            raise PropertyError(f"--property-env {key}: there is no environment variable {name or '(none named)'}")
        common[key.strip()] = os.environ[name]
    return common, of_jobs


def _of_file(file: Path) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    try:
        if file.stat().st_size > _FILE_MAX:
            raise PropertyError(f"{file} is larger than {_FILE_MAX} bytes")
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PropertyError(f"{file} cannot be read: {type(error).__name__}") from error
    except tomllib.TOMLDecodeError as error:
        raise PropertyError(f"{file} is no TOML") from error
    common = {key: value for key, value in found.items() if not isinstance(value, dict)}
    of_jobs = {key: value for key, value in found.items() if isinstance(value, dict)}
    for values in (common, *of_jobs.values()):
        if wrong := [key for key, value in values.items() if not isinstance(value, str)]:
            raise PropertyError(f'{file}: {wrong[0]} is no text; write "{wrong[0]}" = "…", the key in quotes, too')
    return common, of_jobs


def _say(reports: Sequence[MovedReport], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([_as_json(each) for each in reports], ensure_ascii=False, indent=2))
        return
    from routine_load.cli import tables  # noqa: PLC0415 - only who prints a table pays
    from routine_load.sql.results import text_table  # noqa: PLC0415 - likewise

    names = ["job", "there", "tables", "goes on at", "outcome"]
    for line in tables.aligned(text_table(names, [_row(each) for each in reports])):
        typer.echo(line)
    for each in reports:
        for note in (*([each.problem] if each.problem else []), *each.notes):
            typer.echo(f"{each.job}: {note}")
    sys.stdout.flush()


def _row(report: MovedReport) -> tuple[str, ...]:
    tables = ", ".join(f"{name} {word}" for name, word in report.tables.items())
    offsets = ", ".join(f"{partition}:{start}" for partition, start in report.offsets.items())
    return report.job, report.state, tables, offsets, report.outcome.value


def _as_json(report: MovedReport) -> dict[str, Any]:
    found: Mapping[str, Any] = asdict(report)
    return {**found, "offsets": {str(partition): start for partition, start in report.offsets.items()}}


def _leave(reports: Iterable[MovedReport]) -> None:
    if not all(each.is_well for each in reports):
        raise typer.Exit(1)
