"""Log set-up: structlog, one JSON line per event on stderr."""

from __future__ import annotations

import logging
import sys
from typing import cast

import structlog

from routine_load.observe import events


def configure(*, level: str = "info", json: bool = True) -> None:
    """Send logs to stderr from ``level`` up, libraries' warnings too. Called once, by the command line."""
    _set_up(level=level, json=json)
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a tick that outlasts its interval is no news


def quieten() -> None:
    """Only warnings, on stderr, for a program that embeds us and has not set up structlog itself."""
    if not structlog.is_configured():
        _set_up(level="warning", json=False)


def _set_up(*, level: str, json: bool) -> None:
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


class _Libraries(logging.Handler):
    """What libraries log by the standard way, as events of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger(room=record.name)
        log.log(record.levelno, events.LIBRARY_SAID, text=record.getMessage(), exc_info=record.exc_info or None)


def logger(room: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of one room."""
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger(room=room))
