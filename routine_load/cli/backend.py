"""``routine-load be``: one more backend, on any machine."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from routine_load.cli.preparing import prepare_process
from routine_load.cli.speaking import spoken_errors
from routine_load.errors import PropertyError

if TYPE_CHECKING:
    from routine_load.app.backend import BackendProcess

_ADDRESS = re.compile(r"\[?([0-9A-Za-z._:-]{1,253}?)\]?:(\d{1,5})")

Fe = Annotated[str, typer.Option("--fe", metavar="URL", help="Coordinators to join: http://host:8030, with commas.")]
Secret = Annotated[Path, typer.Option("--secret-file", help="The secret that coordinators and backends share.")]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Where coordinators speak to it. 0: any free one.")]
Advertise = Annotated[str, typer.Option(metavar="HOST:PORT", help="How coordinators reach it. [host and port]")]
Slots = Annotated[int, typer.Option(min=1, max=1024, help="Tasks at a time, at most.")]
Backlog = Annotated[int, typer.Option(min=1, max=64, help="Of them so many may work on a backlog.")]


def add_to(app: typer.Typer) -> None:
    app.command("be")(be)


def be(  # noqa: PLR0913 - one parameter a flag, as Typer wants it
    *,
    fe: Fe,
    secret_file: Secret,
    host: Host = "127.0.0.1",
    port: Port = 8040,
    advertise: Advertise = "",
    slots: Slots = 16,
    backlog_tasks: Backlog = 2,
) -> None:
    """One more backend: it joins a coordinator and runs tasks until SIGTERM. Prints one JSON line when it listens."""
    with spoken_errors():
        prepare_process()
        from routine_load.app.backend import (  # noqa: PLC0415 - a wrong flag answers at once
            BackendProcess,
            BackendSettings,
            read_fronts,
        )
        from routine_load.cli.living import live  # noqa: PLC0415 - likewise

        settings = BackendSettings(
            fronts=read_fronts(fe),
            secret_file=secret_file,
            host=host,
            port=port,
            advertise=read_address(advertise) if advertise else None,
            slots=slots,
            backlog_tasks=backlog_tasks,
        )
        live(BackendProcess(settings), _say_ready)


def read_address(text: str) -> tuple[str, int]:
    """``host:port``. Raises PropertyError."""
    found = _ADDRESS.fullmatch(text)
    if found is None or not 0 < int(found[2]) <= 65535:
        raise PropertyError(f"--advertise is {text[:200]!r}, allowed: host:port, as 10.0.0.7:8040")
    return found[1], int(found[2])


def _say_ready(backend: BackendProcess) -> None:
    typer.echo(json.dumps({"event": "ready", "http_port": backend.port}))
    sys.stdout.flush()
