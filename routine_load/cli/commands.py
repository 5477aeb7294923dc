"""The commands and their flags. Names and meanings are stable: users and tests rely on them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from routine_load import __version__
from routine_load.cli import backend, chaos, moving, sources
from routine_load.cli.preparing import prepare_process
from routine_load.cli.speaking import spoken_errors

if TYPE_CHECKING:
    from routine_load.app.coordinator import Coordinator
    from routine_load.sql.results import Result

app = typer.Typer(
    help="Exactly-once Kafka to SQL tables, declared in ROUTINE LOAD statements.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

moving.add_to(app)
backend.add_to(app)
chaos.add_to(app)

DataDir = Annotated[Path | None, typer.Option(help="Where everything is kept. [serve: ./data; dev: a temporary one]")]
Host = Annotated[str | None, typer.Option(help="Address to listen on. [127.0.0.1]")]
MysqlPort = Annotated[str | None, typer.Option(metavar="PORT", help="0: any free one; off: shut. [9030]")]
HttpPort = Annotated[str | None, typer.Option(metavar="PORT", help="0: any free one; off: shut. [8030]")]
BeHttpPort = Annotated[
    str | None,
    typer.Option(metavar="PORT", help="Where loads are sent. 0: any free one; off: they stay. [HTTP port + 10]"),
]
Backends = Annotated[str | None, typer.Option(metavar="COUNT", help="Backends in this process. [3]")]
MetadataUrl = Annotated[str | None, typer.Option(help="SQLAlchemy URL of the metadata. [SQLite in the data directory]")]
KeyFile = Annotated[
    Path | None,
    typer.Option(help="Key of the secrets in the metadata; who shares one shares the other. [in the data directory]"),
]
Target = Annotated[str | None, typer.Option(help="Where tables live: duckdb, or starrocks://… or doris://…. [duckdb]")]
Compat = Annotated[str | None, typer.Option(metavar="VENDOR", help="starrocks or doris. [starrocks]")]
BackendSecretFile = Annotated[
    Path | None, typer.Option(help="Lets backends in other processes join: the secret that they share.")
]
Config = Annotated[Path | None, typer.Option(envvar="RL_CONFIG", help="TOML file of settings.")]
EmptyPassword = Annotated[
    bool | None,
    typer.Option("--allow-remote-empty-password", help="Listen beyond loopback though root has no password."),
]


@app.callback()
def common(
    *,
    version: Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"routine-load {__version__}")
        raise typer.Exit


@app.command()
def serve(  # noqa: PLR0913 - one parameter a flag, as Typer wants it
    *,
    data_dir: DataDir = None,
    host: Host = None,
    mysql_port: MysqlPort = None,
    http_port: HttpPort = None,
    be_http_port: BeHttpPort = None,
    backends: Backends = None,
    metadata_url: MetadataUrl = None,
    key_file: KeyFile = None,
    target: Target = None,
    compat: Compat = None,
    backend_secret_file: BackendSecretFile = None,
    allow_remote_empty_password: EmptyPassword = None,
    config: Config = None,
) -> None:
    """Run the service until SIGTERM. Prints one JSON line when it accepts connections; logs go to stderr."""
    flags = {name: value for name, value in locals().items() if name != "config"}
    with spoken_errors():
        settings = sources.settings(config, os.environ, flags, {"data_dir": "data"})
        prepare_process()
        from routine_load.cli.running import run  # noqa: PLC0415 - a wrong flag answers at once

        run(settings, _say_ready)


@app.command()
def dev(  # noqa: PLR0913 - one parameter a flag, as Typer wants it
    *,
    data_dir: DataDir = None,
    host: Host = None,
    mysql_port: MysqlPort = None,
    http_port: HttpPort = None,
    be_http_port: BeHttpPort = None,
    backends: Backends = None,
    compat: Compat = None,
    allow_remote_empty_password: EmptyPassword = None,
    config: Config = None,
) -> None:
    """The service, an embedded Kafka broker and a topic that fills: first rows within a minute."""
    flags = {name: value for name, value in locals().items() if name != "config"}
    with spoken_errors():
        from routine_load.cli.dev import play  # noqa: PLC0415 - a wrong flag answers at once

        prepare_process(default_level="warning")
        play(lambda defaults: sources.settings(config, os.environ, flags, defaults))


@app.command()
def sql(  # noqa: PLR0913 - one parameter a flag, as Typer wants it
    statement: Annotated[
        str, typer.Argument(help="What to run; - reads it from stdin. End with \\G for one line a column.")
    ],
    *,
    host: Annotated[str, typer.Option(help="Where the service is.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 9030,
    user: Annotated[str, typer.Option()] = "root",
    password: Annotated[str, typer.Option(envvar="RL_PASSWORD", show_default=False)] = "",
    database: Annotated[str, typer.Option(help="Current database.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array a result.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with a header.")] = False,
) -> None:
    """Run statements on a running service and print what they answer. Exit code 1 when one fails."""
    from routine_load.api import connect  # noqa: PLC0415 - the other commands need no client
    from routine_load.cli import tables  # noqa: PLC0415 - likewise

    text = (sys.stdin.read() if statement == "-" else statement).strip()
    style: Callable[[Result], Iterator[str]] = tables.vertical if text.endswith("\\G") else tables.aligned
    if as_json or as_csv:
        style = tables.as_json if as_json else tables.as_csv
    credentials = f"{quote(user, safe='')}:{quote(password, safe='')}"
    address = f"[{host}]" if ":" in host else host
    url = f"mysql://{credentials}@{address}:{port}/{quote(database, safe='')}"
    with spoken_errors(), connect(url=url) as connection, spoken_errors(wrong_setting=1):
        tables.show(connection.results(text.removesuffix("\\G")), style)


@app.command()
def migrate(data_dir: DataDir = None, metadata_url: MetadataUrl = None, config: Config = None) -> None:
    """Bring the metadata database to this version. ``serve`` does it by itself."""
    with spoken_errors():
        flags = {"data_dir": data_dir, "metadata_url": metadata_url}
        settings = sources.settings(config, os.environ, flags, {"data_dir": "data"})
        from routine_load.store import migrate as bring_up  # noqa: PLC0415 - a wrong flag answers at once

        settings.data_dir.mkdir(parents=True, exist_ok=True)
        typer.echo(f"metadata is at revision {bring_up(settings.metadata_database_url)}")


def _say_ready(coordinator: Coordinator) -> None:
    mysql_port, http_port = coordinator.ports
    ports = {"mysql_port": mysql_port, "http_port": http_port, "be_http_port": coordinator.backend_http_port}
    typer.echo(json.dumps({"event": "ready", **ports}))
    sys.stdout.flush()
