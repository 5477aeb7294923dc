"""What the HTTP door needs: the texts of rejected rows, and a few facts about the coordinator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from routine_load.ids import Compat


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
    jobs_by_state: Mapping[str, int] = field(default_factory=dict)
