"""What a long-lived command does first: logs, and failpoints where tests ask for them."""

from __future__ import annotations

import os

from routine_load.cli import sources
from routine_load.errors import PropertyError
from routine_load.observe import events, logs

_LOG_LEVELS = ("debug", "info", "warning", "error", "critical")


def prepare_process(default_level: str = "info") -> None:
    """Raises PropertyError."""
    level = os.environ.get("RL_LOG_LEVEL", default_level).lower()
    if level not in _LOG_LEVELS:
        raise PropertyError(f"RL_LOG_LEVEL = {level!r} is not allowed; allowed: {', '.join(_LOG_LEVELS)}")
    logs.configure(level=level)
    for name in sources.ignored(os.environ):
        logs.logger("cli").warning(events.SETTING_IGNORED, name=name)
    if text := os.environ.get("RL_FAILPOINTS"):
        from routine_load.observe import failpoints  # noqa: PLC0415 - tests only

        failpoints.arm(text)
