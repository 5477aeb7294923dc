"""What the HTTP door needs: the texts of rejected rows, and a few facts about the coordinator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from routine_load.ids import Compat
from routine_load.observe.metrics import Family


class ErrorLogs(Protocol):
    """Rejected rows as text. Blocking: the door calls it from worker threads."""

    def render(self, opaque_id: str) -> Iterator[str]:
        """Lines of one file. Raises FileNotFoundError when there is no such file (any more).

        ``opaque_id`` is always 32 lower-case hexadecimal digits.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the coordinator says about itself at one moment."""

    compat: Compat
    version: str
    started_ms: int
    mysql_port: int | None
    http_port: int | None
    backends_total: int
    backends_online: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the pages tell. All of it is blocking: the door asks from worker threads."""

    error_logs: ErrorLogs
    facts: Callable[[], Facts]
    metrics: Callable[[], Sequence[Family]]
