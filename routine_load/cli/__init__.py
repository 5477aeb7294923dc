"""The command line: flags, environment and file become ``Settings``. It knows nothing of how anything works."""

from __future__ import annotations


def main() -> None:
    """Entry point of ``routine-load``."""
    from routine_load.cli.commands import app  # noqa: PLC0415 - importing the package starts nothing

    app(prog_name="routine-load")
