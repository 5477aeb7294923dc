"""Log set-up: structlog, one JSON line per event on stderr."""

from __future__ import annotations

import logging
import sys
from typing import cast

import structlog


def configure(*, level: str = "info", json: bool = True) -> None:
    """Send logs to stderr from ``level`` up. Called once, by the command line; a library user's logging is theirs."""
    renderer = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def quieten() -> None:
    """Only warnings, on stderr, for a program that embeds us and has not set up structlog itself."""
    if not structlog.is_configured():
        configure(level="warning", json=False)


def logger(room: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of one room."""
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger(room=room))
