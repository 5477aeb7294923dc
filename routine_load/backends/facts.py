"""What is known of a backend, wherever it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from routine_load.ids import BackendId
from routine_load.tasks.control import TaskControl
from routine_load.tasks.run import Task, TaskReport


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendFacts:
    """What SHOW BACKENDS knows of one backend. ``http_port`` None: it is in this process, behind its doors.

    ``heard_at`` is when it was heard of last, None: never; ``trouble`` is why it gets no tasks, if it does not.
    """

    id: BackendId
    host: str
    alive: bool
    running_tasks: int
    slots: int
    started_at: datetime | None
    http_port: int | None = None
    heard_at: datetime | None = None
    is_decommissioned: bool = False
    trouble: str = ""
    version: str = ""
    cpu_cores: int = 0
    failures: int = 0


class Runs(Protocol):
    """Runs tasks somewhere. Blocking."""

    def run(self, task: Task, control: TaskControl) -> TaskReport:
        """To the end. Raises RoutineLoadError; nothing is visible then."""
        ...


class BackendState(StrEnum):
    """What was last said of a backend by statement: it takes tasks, ends those it has, or is not one any more."""

    ADDED = "ADDED"
    DECOMMISSIONED = "DECOMMISSIONED"
    DROPPED = "DROPPED"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendRecord:
    """A backend elsewhere, as the metadata has it."""

    id: BackendId
    host: str
    port: int
    state: BackendState

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class BackendRecords(Protocol):
    """Where backends elsewhere are kept. Blocking; raises MetadataError."""

    def all(self) -> list[BackendRecord]:
        """Those that were dropped, too."""
        ...

    def put(self, host: str, port: int, state: BackendState) -> BackendRecord:
        """It is so from now on, under the number that it has or gets."""
        ...
