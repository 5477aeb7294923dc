"""Statements of clients that are under way, and what ends them early: their time limit, KILL, or too much memory.

A statement is what one call of ``execute`` does, together with the lazy result that it may leave behind. Every cursor
that its thread opens belongs to it and is interrupted with it. Loads are no statements. Refuses to know SQL.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb

from routine_load.clock import Deadline
from routine_load.engines.duckdb.session import Session
from routine_load.errors import EngineError, ExecutionError, RoutineLoadError
from routine_load.ids import Compat

TICK_S: Final = 0.1
MEMORY_GROWTH_MAX: Final = 1024 * 1024 * 1024
"""How much the process may grow while a statement computes. DuckDB's own limit does not count texts under way."""

_STATM: Final = Path("/proc/self/statm")


class StatementTimeout(ExecutionError):
    """Query timeout."""

    errno = 5024


class StatementKilled(ExecutionError):
    """Query execution was interrupted."""

    errno = 1317
    errno_doris = 1317
    sqlstate = "70100"


class StatementTooLarge(ExecutionError):
    """Memory of process exceed limit."""


class Statement:
    """One statement under way. ``stopped`` says why it was ended early."""

    def __init__(self, session: Session, began_bytes: int) -> None:
        self.connection_id = session.connection_id
        self.deadline = Deadline.after(session.query_timeout_s)
        self.computing = True
        self.stopped: RoutineLoadError | None = None
        self._told = threading.Event()
        self._timeout = _timeout(session)
        self._began_bytes = began_bytes
        self._cursors: list[weakref.ref[duckdb.DuckDBPyConnection]] = []

    def adopt(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self.check()
        self._cursors.append(weakref.ref(cursor))

    def check(self) -> None:
        """Raises the reason why the statement was stopped, if it was."""
        if self.stopped is not None:
            raise self.stopped

    def wait(self, deadline: Deadline) -> None:
        """Until the deadline, or until the statement is stopped: then raises the reason."""
        self.check()
        self._told.wait(deadline.remaining)
        self.check()

    @property
    def abandoned(self) -> bool:
        """A lazy result that nobody holds any more."""
        return not self.computing and all(cursor() is None for cursor in self._cursors)

    def watch(self, process_bytes: int) -> None:
        """Stop the statement where its time is over or it made the process too large."""
        if self.stopped is None and self.deadline.expired:
            self.stopped = self._timeout
        if self.stopped is None and self.computing and process_bytes - self._began_bytes > MEMORY_GROWTH_MAX:
            mib = MEMORY_GROWTH_MAX // (1024 * 1024)
            self.stopped = StatementTooLarge(f"Memory of process exceed limit: the query needs more than {mib} MiB")
        if self.stopped is not None:
            self.interrupt()

    def interrupt(self) -> None:
        """Told again and again: an interrupt between two calls of DuckDB is forgotten by the next."""
        self._told.set()
        for reference in list(self._cursors):
            if (cursor := reference()) is not None:
                with contextlib.suppress(duckdb.Error):
                    cursor.interrupt()


class Statements:
    """All statements under way. Thread-safe. One thread watches them; it sleeps while there are none."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running: set[Statement] = set()
        self._here = threading.local()
        self._watching = False
        self._closed = False

    @contextlib.contextmanager
    def under_way(self, session: Session) -> Iterator[Statement]:
        """The block is one statement; cursors opened in it are adopted. Errors after a stop become its reason."""
        statement = Statement(session, process_bytes())
        with self._changed:
            if self._closed:
                raise EngineError("The engine is closed")
            self._running.add(statement)
            self._wake()
        outer, self._here.statement = getattr(self._here, "statement", None), statement
        try:
            yield statement
        except RoutineLoadError as error:
            if statement.stopped is not None and error is not statement.stopped:
                raise statement.stopped from error
            raise
        finally:
            self._here.statement = outer
            if statement.computing:
                self.ended(statement)

    def adopt(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Called for each new cursor: it belongs to the statement of the calling thread, if there is one."""
        statement: Statement | None = getattr(self._here, "statement", None)
        if statement is not None:
            statement.adopt(cursor)

    def current(self) -> Statement:
        statement: Statement = self._here.statement
        return statement

    def ended(self, statement: Statement) -> None:
        with self._changed:
            self._running.discard(statement)

    def kill(self, connection_id: int) -> None:
        """End what a connection runs (KILL QUERY); nothing where it runs nothing."""
        with self._changed:
            for statement in self._running:
                if statement.connection_id == connection_id and statement.stopped is None:
                    statement.stopped = _killed()

    def close(self) -> None:
        """Every statement is stopped, and told so until it has ended."""
        with self._changed:
            self._closed = True
            for statement in self._running:
                statement.stopped = statement.stopped or _killed()
                statement.interrupt()
            self._changed.notify_all()

    def _wake(self) -> None:
        if not self._watching:
            self._watching = True
            threading.Thread(target=self._watch, name="statement-watch", daemon=True).start()
        elif len(self._running) == 1:
            self._changed.notify_all()

    def _watch(self) -> None:
        while True:
            with self._changed:
                while not self._running:
                    if self._closed:
                        return
                    self._changed.wait()
                self._changed.wait(TICK_S)
                self._running = {statement for statement in self._running if not statement.abandoned}
                running = list(self._running)
            size = process_bytes() if running else 0
            for statement in running:
                statement.watch(size)


def _killed() -> StatementKilled:
    return StatementKilled("Query execution was interrupted")


def process_bytes() -> int:
    """Resident memory of the process; 0 where the system does not tell."""
    try:
        return int(_STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGESIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _timeout(session: Session) -> StatementTimeout:
    if session.compat is Compat.DORIS:
        return StatementTimeout("query is timeout, killed by timeout checker")
    return StatementTimeout(
        f"Query reached its timeout of {session.query_timeout_s} seconds, "
        "please increase the 'query_timeout' session variable"
    )
