"""How a command says what went wrong: a sentence on stderr and an exit code, never a trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from routine_load.errors import PropertyError, RoutineLoadError


@contextmanager
def spoken_errors(wrong_setting: int = 2) -> Iterator[None]:
    """Exit code 2 for a wrong setting, 1 for the rest."""
    try:
        yield
    except RoutineLoadError as error:
        typer.echo(f"routine-load: {error.message}{error.place}", err=True)
        raise typer.Exit(wrong_setting if isinstance(error, PropertyError) else 1) from error
