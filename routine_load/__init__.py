"""Exactly-once Kafka to SQL tables, declared in ROUTINE LOAD statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from routine_load.api import Connection, Rows, connect

__all__ = ["Connection", "Rows", "__version__", "connect"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """The embedded API, loaded when it is first asked for, so that ``import routine_load`` stays cheap."""
    if name in ("Connection", "Rows", "connect"):
        from routine_load import api  # noqa: PLC0415 - loaded when asked for

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
