"""Exactly-once Kafka to SQL tables, declared in ROUTINE LOAD statements."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from routine_load import errors
    from routine_load.api import (
        Connection,
        Job,
        JobState,
        JobStatus,
        Lag,
        Reason,
        Rows,
        Statistic,
        Task,
        connect,
    )
    from routine_load.errors import RoutineLoadError

__all__ = [
    "Connection",
    "Job",
    "JobState",
    "JobStatus",
    "Lag",
    "Reason",
    "RoutineLoadError",
    "Rows",
    "Statistic",
    "Task",
    "__version__",
    "connect",
    "errors",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """The embedded API, loaded when it is first asked for, so that ``import routine_load`` stays cheap."""
    if name == "errors":
        return import_module("routine_load.errors")
    if name == "RoutineLoadError":
        return import_module("routine_load.errors").RoutineLoadError
    if name in __all__:
        return getattr(import_module("routine_load.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
