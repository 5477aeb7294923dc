"""How a task elsewhere speaks to its coordinator: in turns with numbers, each once, each with one answer.

Invariant: nothing is said twice. Where an answer is lost, nobody here knows what came of the turn; the task gives up,
and the coordinator knows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from routine_load.backends.codec import MessageError, from_frame, to_frame
from routine_load.backends.messages import TURN_PATH, Answer, Problem, Said
from routine_load.errors import BackendLost

A = TypeVar("A")

Post = Callable[[tuple[str, int], str, bytes, float], bytes]
"""``wire.Wire.post``."""

_LEAST_S = 1.0


@dataclass(slots=True, kw_only=True)
class Voice:
    """Of one task. Used by its thread. ``remaining`` is how long it has."""

    post: Post
    coordinator: tuple[str, int]
    key: str
    remaining: Callable[[], float]
    _turn: int = 0

    def ask(self, said: Said, wanted: type[A] | Any, payload: bytes | memoryview = b"") -> A:
        """The answer. Raises BackendLost, and the problem that was answered."""
        self._turn += 1
        path = f"{TURN_PATH}/{self.key}/{self._turn}"
        answered = self.post(self.coordinator, path, to_frame(said, Said, payload), max(_LEAST_S, self.remaining()))
        try:
            answer, _ = from_frame(Answer, answered)
        except MessageError as error:
            raise BackendLost(f"turn {self._turn} was answered by what nobody can read") from error
        if isinstance(answer, Problem):
            raise answer.error()
        if not isinstance(answer, wanted):
            raise BackendLost(f"turn {self._turn} was answered by {type(answer).__name__}")
        return answer
