"""The open file, and its end: cursors for whoever needs one, and another opening where DuckDB has given the file up.

After some failures, such as a checkpoint for which the memory did not suffice, DuckDB refuses everything on a database
until it is opened again ("invalidated"). Nothing in the file is wrong then: what was committed is in it or in its WAL.
So the file is opened again in place; transactions and statements that were under way fail, and what the file says is
the truth about them. Refuses to know SQL and settings.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from routine_load.clock import Deadline
from routine_load.engines.duckdb.breadth import Breadth, keep_apart
from routine_load.engines.duckdb.failures import plain
from routine_load.engines.duckdb.names import Names
from routine_load.engines.duckdb.running import Statements
from routine_load.errors import EngineError
from routine_load.observe import events
from routine_load.observe.logs import logger

log = logger("engines")

CLOSE_WAIT_S: Final = 10.0
CLOSE_RETRY_S: Final = 0.01
REOPEN_WAIT_S: Final = 15.0
"""How long whoever needs a cursor waits while another opens the file again."""
PROBE_S: Final = 0.1
"""A file that DuckDB gave up is noticed so soon. Asking takes 90 microseconds: too much for each cursor."""


@dataclass(frozen=True, slots=True)
class Opened:
    """One opening of the file."""

    root: duckdb.DuckDBPyConnection
    names: Names
    incarnation: str
    breadth: Breadth


class Warehouse:
    """The open file. Hands out cursors, one per statement or transaction, and closes them with the file."""

    def __init__(self, opening: Callable[[], Opened], error_log_dir: Path) -> None:
        self._opening = opening
        opened = opening()
        self._root: duckdb.DuckDBPyConnection | None = opened.root
        self.names = opened.names
        self.incarnation = opened.incarnation
        self.breadth = opened.breadth
        self.error_log_dir = error_log_dir
        self.statements = Statements()
        self._changed = threading.Condition()
        self._cursors: weakref.WeakSet[duckdb.DuckDBPyConnection] = weakref.WeakSet()
        self._closed = False
        self._reopening = False
        self._probe = Deadline.after(PROBE_S)
        self._reopened: Callable[[duckdb.DuckDBPyConnection], None] | None = None

    def when_reopened(self, told: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
        """``told`` reads the file anew before anybody else does; it may not ask for a cursor."""
        self._reopened = told

    def cursor(self, *, sound: bool = False) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the same file; the caller closes it.

        ``sound``: it has to be one that works, also where DuckDB gave the file up a moment ago. Raises EngineError.
        """
        while True:
            root, cursor = self._cursor()
            if cursor is not None and not ((sound or self._probe.expired) and self._is_given_up(cursor)):
                break
            self._open_again(root)
        self.statements.adopt(cursor)
        return cursor

    def _cursor(self) -> tuple[duckdb.DuckDBPyConnection | None, duckdb.DuckDBPyConnection | None]:
        """The root and a new cursor of it; none where the file could not be opened again the last time."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._reopening, REOPEN_WAIT_S)
            if self._closed:
                raise EngineError("The engine is closed")
            if self._reopening:
                raise EngineError("The engine failed and its file is being opened again; try again in a moment")
            if self._root is None:
                return None, None
            cursor = self._root.cursor()
            self._cursors.add(cursor)
            return self._root, cursor

    def _is_given_up(self, cursor: duckdb.DuckDBPyConnection) -> bool:
        try:
            cursor.execute("SELECT 1").fetchall()
        except duckdb.Error as error:
            log.critical(events.ENGINE_GIVEN_UP, reason=plain(error))
            return True
        self._probe = Deadline.after(PROBE_S)
        return False

    def _open_again(self, given_up: duckdb.DuckDBPyConnection | None) -> None:
        """One thread does it; those that come meanwhile wait for it. Raises EngineError; the next one tries again."""
        with self._changed:
            if self._closed or self._reopening or self._root is not given_up:
                return
            self._reopening = True
        root: duckdb.DuckDBPyConnection | None = given_up
        try:
            self._close_all(given_up)
            root = None
            root = self._anew()
            log.warning(events.ENGINE_REOPENED)
        finally:
            with self._changed:
                self._root = root
                self._reopening = False
                self._changed.notify_all()

    def _anew(self) -> duckdb.DuckDBPyConnection:
        root = self._opening().root
        try:
            keep_apart(root)
            if self._reopened is not None:
                self._reopened(root)
        except duckdb.Error as error:
            root.close()
            raise EngineError(f"The file cannot be read: {plain(error)}") from error
        return root

    def close(self) -> None:
        """Close the file; what is under way is interrupted and rolled back. The second call does nothing."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._reopening, REOPEN_WAIT_S)
        self.statements.close()
        self._close_all(self._root)

    def _close_all(self, root: duckdb.DuckDBPyConnection | None) -> None:
        """A connection that runs a statement refuses to be closed: interrupt and ask again, for a bounded time."""
        deadline = Deadline.after(CLOSE_WAIT_S)
        pause = threading.Event()
        while True:
            busy = [cursor for cursor in list(self._cursors) if not _closes(cursor)]
            if not busy and (root is None or _closes(root)):
                return
            if deadline.expired:
                raise EngineError(f"{len(busy)} statements did not stop within {CLOSE_WAIT_S:g} s; the file stays open")
            pause.wait(CLOSE_RETRY_S)


def _closes(connection: duckdb.DuckDBPyConnection) -> bool:
    """Interrupt and close; False where it is still busy."""
    with contextlib.suppress(duckdb.ConnectionException):
        connection.interrupt()
    try:
        connection.close()
    except duckdb.ConnectionException:
        return True
    except duckdb.Error:
        return False
    return True
