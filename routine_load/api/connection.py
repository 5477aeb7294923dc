"""``connect`` and what it gives."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from routine_load.api.doors import Door, EmbeddedDoor, RemoteDoor
from routine_load.api.rows import Rows
from routine_load.clock import Deadline
from routine_load.errors import JobNotFound, JobStateError, LimitExceeded, PropertyError, RoutineLoadError
from routine_load.ids import Compat
from routine_load.sql.results import Ok, Result, ResultTable

_POLL_S = 0.05
_HALTED = frozenset({"PAUSED", "STOPPED", "CANCELLED"})


def connect(
    path: str | Path | None = None,
    *,
    url: str | None = None,
    compat: str | Compat = Compat.STARROCKS,
    **settings: object,
) -> Connection:
    """Start a coordinator in this process, or reach one that runs elsewhere.

    ``path`` is the data directory; without it everything lives in a temporary one that goes at ``close``. One process
    owns a directory. No port is opened unless ``mysql_port`` or ``http_port`` is given (0: any free one; ``ports``
    tells which). ``settings`` are the other fields of ``routine_load.config.Settings``.

    ``url`` is ``mysql://[user[:password]@]host[:port][/database]`` of a running service; then nothing else is given.

    Raises RoutineLoadError: DirectoryInUse, PropertyError naming the setting, AccessDenied, …
    """
    if url is not None:
        if path is not None or settings:
            given = ["path"] * (path is not None) + sorted(settings)
            raise PropertyError(f"{', '.join(given)}: not allowed with url, whose service has settings of its own")
        return Connection(RemoteDoor(url))
    folder = None if path is None else Path(path)
    return Connection(EmbeddedDoor(folder, {"compat": compat, **settings}))


class Connection:
    """One client of a coordinator, with a current database like a MySQL session's. Threads may share it; they take
    turns. A context manager: leaving it closes it.
    """

    def __init__(self, door: Door) -> None:
        self._door = door
        self._turn = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def ports(self) -> tuple[int | None, int | None]:
        """MySQL and HTTP port; None where that door is shut, or, behind a url, not known."""
        return self._door.ports

    def execute(self, sql: str, database: str | None = None) -> Result:
        """Run a statement, or several separated by ``;``, and return the last result.

        ``database`` becomes the current database first, as ``USE`` would. Raises RoutineLoadError, whose ``errno`` and
        ``sqlstate`` are those a MySQL client would see.
        """
        results = self.results(sql, database)
        return results[-1] if results else Ok()

    def results(self, sql: str, database: str | None = None) -> list[Result]:
        """The results of all statements in ``sql``, in order. Otherwise like ``execute``."""
        with self._turn:
            if self._closed:
                raise RoutineLoadError("the connection is closed")
            return self._door.run(sql, database)

    def query(self, sql: str, database: str | None = None) -> Rows:
        """Run a statement that answers rows. Raises RoutineLoadError, also where there are no rows to answer."""
        result = self.execute(sql, database)
        if not isinstance(result, ResultTable):
            raise RoutineLoadError("this statement answers no rows; use execute")
        return Rows(result)

    def wait(self, job: str, *, loaded_rows: int, timeout: float = 30.0) -> None:
        """Return once the job (``db.name``) has loaded this many rows since it was created.

        Raises JobStateError with the job's own reason when it is paused, stopped or cancelled before that,
        LimitExceeded when ``timeout`` seconds pass, JobNotFound.
        """
        deadline = Deadline.after(timeout)
        while True:
            seen = self._glance(job)
            if seen.loaded_rows >= loaded_rows:
                return
            if seen.state in _HALTED:
                raise JobStateError(f"{job} is {seen.state} with {seen.loaded_rows} of {loaded_rows} rows: {seen.why}")
            if deadline.expired:
                why = f"; {seen.why}" if seen.why else ""
                raise LimitExceeded(
                    f"{job} loaded {seen.loaded_rows} of {loaded_rows} rows within {timeout} s and is {seen.state}{why}"
                )
            time.sleep(min(_POLL_S, deadline.remaining))

    def close(self) -> None:
        """Stop what ``connect`` started, letting running tasks finish. A second call does nothing."""
        with self._turn:
            if not self._closed:
                self._closed = True
                self._door.close()

    def _glance(self, job: str) -> _Glance:
        name = ".".join(_quoted(part) for part in job.replace("`", "").split(".", 1))
        shown = self.query(f"SHOW ALL ROUTINE LOAD FOR {name}").dicts()
        if not shown:
            raise JobNotFound(f"there is no routine load job {job}")
        return _glance(max(shown, key=lambda row: int(row["Id"])))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Glance:
    """What ``wait`` looks at of a job."""

    state: str
    loaded_rows: int
    why: str


def _glance(row: dict[str, Any]) -> _Glance:
    why = [row.get(name) for name in ("ReasonOfStateChanged", "OtherMsg", "ErrorLogUrls")]
    return _Glance(
        state=str(row["State"]),
        loaded_rows=int(json.loads(row["Statistic"] or "{}").get("loadedRows", 0)),
        why="; ".join(str(each) for each in why if each),
    )


def _quoted(name: str) -> str:
    return f"`{name}`"
