"""What a coordinator and a backend elsewhere say to each other, as values.

The coordinator asks whether a backend is there (``Heartbeat``) and gives it tasks (``TaskOrder``), which it may take
back (``Cancel``). A backend says of itself what there is to know (``Presence``). What a task needs of the sink it asks
for in turns, each with a number, and each answered before the next is said (``Said``, ``Answer``); the last turn tells
how it ended. Refuses to know how messages travel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from routine_load import errors
from routine_load.commit.labels import Part
from routine_load.commit.values import CommitRecord, Counts, OffsetRange
from routine_load.errors import LoadRejected, LogCut, RoutineLoadError
from routine_load.ids import NO_TXN, PartitionId, TableRef, TxnId
from routine_load.loads.preparing import Preparation
from routine_load.loads.values import RefusedRow, WriteMode
from routine_load.sql.schema import Table
from routine_load.tasks.run import Task, TaskReport

FRAME_BYTES_MAX: Final = 128 * 1024 * 1024
"""Of one message: a row may be as large as a batch."""

SLICE_BYTES: Final = 8 * 1024 * 1024
"""So much is sent in one turn, unless one row is larger."""

HEARTBEAT_PATH: Final = "/api/routine_load_backend/heartbeat"
TASK_PATH: Final = "/api/routine_load_backend/task"
CANCEL_PATH: Final = "/api/routine_load_backend/cancel"
REGISTER_PATH: Final = "/api/routine_load_backends/register"
TURN_PATH: Final = "/api/routine_load_backends/tasks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """From the coordinator that leads; ``epoch`` is its number, which only grows."""

    epoch: int
    backend_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """What a backend says of itself. ``session`` is another one each time its process starts.

    ``tasks`` are the keys of what it runs; ``is_leaving``: it takes no more.
    """

    session: str
    host: str
    port: int
    version: str
    slots: int
    started_at_ms: int
    cpu_cores: int = 0
    tasks: tuple[str, ...] = ()
    is_leaving: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOrder:
    """Run this. ``key`` names the conversation about it; ``number`` grows with each order of an epoch.

    ``coordinator`` is where to speak to; a host that is empty is the one the order came from. ``files`` are the
    contents, in base64, of the files that the task's properties name. ``target`` is the cluster that the rows go to.
    """

    session: str
    epoch: int
    number: int
    key: str
    coordinator: tuple[str, int]
    task: Task = field(repr=False)
    timeout_s: float
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    target: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Give a task up; nobody waits for it any more."""

    session: str
    key: str


# -- turns of a task --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TableAsked:
    ref: TableRef


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsSent:
    """Rows for a table, as Arrow's stream format behind it."""

    table: TableRef
    mode: WriteMode


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectsSent:
    """A piece of the file of rejected rows, behind it."""

    id: str
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitAsked:
    """Everything was sent: make it visible together (``loads.path.Commit``)."""

    ranges: tuple[OffsetRange, ...]
    counts: Counts
    timestamps_ms: tuple[tuple[PartitionId, int], ...] = ()
    rejects: str = ""
    execute_ms: int = 0
    first_error: str = ""
    txn_id: TxnId = NO_TXN
    tables: tuple[TableRef, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsPrepared:
    """What became of the labels that were to be prepared."""

    preparation: Preparation


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEnded:
    """It ended well; a record is not repeated."""

    report: TaskReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An error, so that it can be raised again."""

    kind: str
    message: str
    rejects: str = ""
    partition: int = 0
    offset: int = 0
    end: int = 0

    @classmethod
    def of(cls, error: RoutineLoadError) -> Problem:
        kind = next((each.__name__ for each in type(error).__mro__ if hasattr(errors, each.__name__)), "")
        made = cls(kind=kind, message=error.message)
        if isinstance(error, LogCut):
            return replace(made, partition=error.partition, offset=error.offset, end=error.end)
        return replace(made, rejects=error.rejects) if isinstance(error, LoadRejected) else made

    def error(self) -> RoutineLoadError:
        """Of the kind that it was, where that is one of ours."""
        kind = getattr(errors, self.kind, None)
        if not (isinstance(kind, type) and issubclass(kind, RoutineLoadError)):
            return RoutineLoadError(self.message)
        if issubclass(kind, LoadRejected):
            return kind(self.message, rejects=self.rejects)
        if issubclass(kind, LogCut):
            return kind(self.message, partition=self.partition, offset=self.offset, end=self.end)
        return kind(self.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFailed:
    """It ended badly, and nothing of it is to be visible."""

    problem: Problem


Said = TableAsked | RowsSent | RejectsSent | CommitAsked | PartsPrepared | TaskEnded | TaskFailed


# -- answers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsTaken:
    refused: tuple[RefusedRow, ...] = ()
    is_full: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsToPrepare:
    """Begin, load and prepare these labels."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    record: CommitRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    pass


Answer = Table | RowsTaken | PartsToPrepare | Committed | Noted | Problem
