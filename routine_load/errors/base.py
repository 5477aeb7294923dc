"""What every error is: a text, a number and a state, said in the words of one vendor.

Vendors frame and number the same failure differently (StarRocks: 5501, Doris: 1049 for an unknown database), so an
error keeps what happened, and ``framed`` says it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

from routine_load.ids import Compat

_DORIS_GENERAL = 1105


@dataclass(frozen=True, slots=True)
class Position:
    """Where in a statement: line and column count from 1."""

    line: int
    column: int


class RoutineLoadError(Exception):
    """Something went wrong in routine load.

    ``errno`` and ``sqlstate`` are what a MySQL client sees; ``position`` is where in the statement, if that is known.
    The embedded API sets ``errno`` to the number of the vendor whose rules the session follows.
    """

    errno: int = 1064
    errno_doris: ClassVar[int | None] = None
    sqlstate: str = "HY000"
    sqlstate_doris: ClassVar[str | None] = None

    def __init__(self, message: str | None = None, *, position: Position | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").split("\n")[0].rstrip("."))
        self.position = position

    @property
    def message(self) -> str:
        """The text, without the vendor's frame around it."""
        return str(self.args[0])

    def number(self, compat: Compat) -> int:
        """The MySQL error number that this vendor's front end sends."""
        if compat is Compat.DORIS and self.errno_doris is not None:
            return self.errno_doris
        return self.errno

    def state(self, compat: Compat) -> str:
        """The SQLSTATE that this vendor's front end sends. Doris: its general number has the general state."""
        if compat is not Compat.DORIS:
            return self.sqlstate
        return "HY000" if self.number(compat) == _DORIS_GENERAL else self.sqlstate_doris or self.sqlstate

    def framed(self, compat: Compat) -> str:
        """The text of the error packet in this vendor's frame."""
        if compat is Compat.DORIS:
            return f"errCode = 2, detailMessage = {self.message}"
        return self.message

    @property
    def place(self) -> str:
        """`` (line 2, column 1)``, for where an error is shown; empty where it is not known or the message says it."""
        if self.position is None or f"line {self.position.line}, column {self.position.column}" in self.message:
            return ""
        return f" (line {self.position.line}, column {self.position.column})"

    def described(self, compat: Compat) -> str:
        """All of it as JSON, for our own clients: many classes share a number. ``text`` is what the client is sent."""
        return json.dumps(
            {
                "class": next(kind.__name__ for kind in type(self).__mro__ if kind.__module__ == __package__),
                "message": self.message,
                "place": [self.position.line, self.position.column] if self.position else None,
                "text": self.framed(compat),
            },
            ensure_ascii=False,
        )


class ExecutionError(RoutineLoadError):
    """The statement could not be carried out."""

    errno_doris = 1105


class LimitExceeded(RoutineLoadError):
    """A bound was reached."""


class DirectoryInUse(RoutineLoadError):
    """The data directory belongs to another process."""


class BrokenInvariant(RoutineLoadError):
    """Something that must be true is not."""
