"""A coordinator's life in the foreground."""

from __future__ import annotations

from collections.abc import Callable

from routine_load.app.coordinator import Coordinator
from routine_load.cli.living import live
from routine_load.config import Settings


def run(settings: Settings, ready: Callable[[Coordinator], None]) -> None:
    """Run until a signal, then drain. Raises RoutineLoadError where the start fails."""
    live(Coordinator(settings), ready)
