"""An error that another coordinator had: the same class, number, state, words and frame, as its front end said it."""

from __future__ import annotations

from dataclasses import dataclass

from routine_load.errors.base import Position, RoutineLoadError
from routine_load.ids import Compat


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """How an error was said to a client of one vendor; ``described`` is ``RoutineLoadError.described``."""

    errno: int
    sqlstate: str
    text: str
    described: str

    @classmethod
    def of(cls, error: RoutineLoadError, compat: Compat) -> Saying:
        return cls(
            errno=error.number(compat),
            sqlstate=error.state(compat),
            text=error.framed(compat),
            described=error.described(compat),
        )


class _Relayed(RoutineLoadError):
    """It says again what was said."""

    saying: Saying

    def number(self, compat: Compat) -> int:  # noqa: ARG002 - one shape
        return self.saying.errno

    def state(self, compat: Compat) -> str:  # noqa: ARG002 - one shape
        return self.saying.sqlstate

    def framed(self, compat: Compat) -> str:  # noqa: ARG002 - one shape
        return self.saying.text

    def described(self, compat: Compat) -> str:  # noqa: ARG002 - one shape
        return self.saying.described


def relayed(kind: type[RoutineLoadError], message: str, place: Position | None, saying: Saying) -> RoutineLoadError:
    """An error of that class which says what was said elsewhere."""
    again: type[_Relayed] = _again(kind)
    error = again.__new__(again)
    RoutineLoadError.__init__(error, message, position=place)  # what else its class is made of did not travel
    error.saying = saying
    return error


_CLASSES: dict[type[RoutineLoadError], type[_Relayed]] = {}


def _again(kind: type[RoutineLoadError]) -> type[_Relayed]:
    """Made once for each class; there are as many as the tree of errors has."""
    return _CLASSES.setdefault(kind, type(kind.__name__, (_Relayed, kind), {"__doc__": kind.__doc__}))
