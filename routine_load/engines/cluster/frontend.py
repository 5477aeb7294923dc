"""Statements to a cluster's front end: bounded connections, each borrowed for one statement, none sent twice.

A statement runs under the target's own login, with the database, time zone and timeout of the client's session: what
the client may do was asked before it came here. A connection that breaks while a statement runs raises
TargetUnavailable, because nobody knows how far it came.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, Self, cast

import pymysql
from pymysql.cursors import SSCursor

from routine_load.engines.cluster.address import ClusterAddress, Endpoint
from routine_load.engines.cluster.answers import failure
from routine_load.errors import ClusterRefused, EngineError, LimitExceeded, RoutineLoadError, TargetUnavailable
from routine_load.sql.field_types import LOOKED_AT, columns
from routine_load.sql.literals import quote_string
from routine_load.sql.results import Ok, Result, ResultTable

CONNECT_S: Final = 5
OWN_TIMEOUT_S: Final = 20
"""For questions of our own: tables, nodes, labels."""

_WAIT_S: Final = 30.0
"""How long a statement waits for one of the bounded connections."""

_QUIET_S: Final = 30.0
"""A connection that was not used for so long is asked whether it is still there."""

_SLACK_S: Final = 10
"""How much later than the cluster's own timeout we give up."""

_OWN_ROWS_MAX: Final = 100_000


class Asker(Protocol):
    """``statements.ports.Session``, as far as a forwarded statement depends on it."""

    @property
    def database(self) -> str | None: ...

    @property
    def timezone(self) -> str: ...

    @property
    def connection_id(self) -> int: ...

    @property
    def query_timeout_s(self) -> int: ...


@dataclass(slots=True)
class _Connection:
    """An open connection and what its session was set to, so that nothing is set twice."""

    raw: pymysql.Connection[Any]
    timeout_s: int
    front: Endpoint
    used_at: float
    settings: tuple[str, str, int] = field(default=("", "", 0))
    killed: bool = False


class Frontend:
    """Thread-safe. At most ``address.connections`` statements run at a time; others wait their turn."""

    def __init__(self, address: ClusterAddress) -> None:
        self.address = address
        self._turns = threading.BoundedSemaphore(address.connections)
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        self._running: dict[int, _Connection] = {}
        self._first = 0
        self._closed = False

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            running = list(self._running.values())
        for connection in idle:
            _quit(connection)
        for connection in running:
            _cut(connection)

    def ask(self, text: str, *arguments: str) -> list[dict[str, Any]]:
        """Rows of a question of our own, by column name. ``%s`` in the text stand for ``arguments``.

        Raises ClusterRefused, TargetUnavailable.
        """
        with self._turn(OWN_TIMEOUT_S) as connection, self._told(connection), connection.raw.cursor() as cursor:
            cursor.execute(text, arguments or None)
            names = [each[0] for each in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchmany(_OWN_ROWS_MAX)]

    def run(self, text: str, session: Asker) -> Result:
        """A client's statement. Rows come as they are read; raises what ``ask`` raises, also while they are read."""
        taken = self._take(session.query_timeout_s + _SLACK_S)
        rows: _Rows | None = None
        try:
            with self._told(taken):
                self._prepare(taken, session)
                self._note(session.connection_id, taken)
                cursor: Any = taken.raw.cursor(SSCursor)
                try:
                    cursor.execute(text)
                    if cursor.description is None:
                        return Ok(affected_rows=max(0, cursor.rowcount))
                    first = cursor.fetchmany(LOOKED_AT)
                except BaseException as error:
                    if not (isinstance(error, pymysql.MySQLError) and taken.raw.open):
                        _abandon(cursor)
                    raise
                described = columns(cursor.description, first)
                if len(first) < LOOKED_AT:
                    return ResultTable(described, first)
                rows = _Rows(cursor, first, lambda: self._told(taken), lambda: self._done(session, taken))
                return ResultTable(described, rows)
        finally:
            if rows is None:
                self._done(session, taken)

    def kill(self, connection_id: int) -> None:
        """End what the client of this number runs: here at once, in the cluster as soon as it hears of it."""
        with self._lock:
            connection = self._running.get(connection_id)
            if connection is None:
                return
            connection.killed = True
        number = int(cast("Any", connection.raw).server_thread_id[0])
        _cut(connection)
        threading.Thread(
            target=self._kill_there, args=(connection.front, number), name="cluster-kill", daemon=True
        ).start()

    def _kill_there(self, front: Endpoint, number: int) -> None:
        with contextlib.suppress(pymysql.MySQLError, OSError):
            raw = self._open(front, OWN_TIMEOUT_S)
            with contextlib.closing(raw), raw.cursor() as cursor:
                cursor.execute(f"KILL {number}")

    # connections

    @contextlib.contextmanager
    def _turn(self, timeout_s: int) -> Iterator[_Connection]:
        connection = self._take(timeout_s)
        try:
            yield connection
        finally:
            self._give_back(connection)

    def _take(self, timeout_s: int) -> _Connection:
        if not self._turns.acquire(timeout=_WAIT_S):
            raise LimitExceeded(
                f"{self.address.connections} statements run on the cluster already (option connections of the target)"
            )
        try:
            while (idle := self._idle_one(timeout_s)) is not None:
                if _is_there(idle):
                    return idle
                _cut(idle)
            return self._connect(timeout_s)
        except BaseException:
            self._turns.release()
            raise

    def _idle_one(self, timeout_s: int) -> _Connection | None:
        with self._lock:
            for at, each in enumerate(self._idle):
                if each.timeout_s == timeout_s:
                    return self._idle.pop(at)
        return None

    def _give_back(self, connection: _Connection) -> None:
        connection.used_at = time.monotonic()
        surplus: _Connection | None = None
        with self._lock:
            if connection.raw.open and not self._closed and not connection.killed:
                self._idle.append(connection)
                if len(self._idle) > self.address.connections:
                    surplus = self._idle.pop(0)
            else:
                surplus = connection
        if surplus is not None:
            _quit(surplus)
        self._turns.release()

    def _note(self, connection_id: int, connection: _Connection) -> None:
        with self._lock:
            self._running[connection_id] = connection

    def _done(self, session: Asker, connection: _Connection) -> None:
        with self._lock:
            if self._running.get(session.connection_id) is connection:
                del self._running[session.connection_id]
        self._give_back(connection)

    def _connect(self, timeout_s: int) -> _Connection:
        """To the first front end that answers, beginning with the one that did last."""
        fronts = self.address.fronts
        problem: RoutineLoadError = TargetUnavailable()
        for step in range(len(fronts)):
            at = (self._first + step) % len(fronts)
            try:
                raw = self._open(fronts[at], timeout_s)
            except (pymysql.MySQLError, OSError, ValueError) as error:
                problem = failure(error, f"{fronts[at][0]}:{fronts[at][1]}")
                if isinstance(problem, ClusterRefused):
                    break
            else:
                self._first = at
                return _Connection(raw, timeout_s, fronts[at], time.monotonic())
        raise problem

    def _open(self, front: Endpoint, timeout_s: int) -> pymysql.Connection[Any]:
        address = self.address
        return pymysql.connect(
            host=front[0],
            port=front[1],
            user=address.user,
            password=address.password.encode(),  # as text PyMySQL would send it in Latin-1
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=CONNECT_S,
            read_timeout=timeout_s,
            write_timeout=OWN_TIMEOUT_S,
            ssl=ssl.create_default_context() if address.tls else None,
            ssl_disabled=not address.tls,
        )

    @staticmethod
    def _prepare(connection: _Connection, session: Asker) -> None:
        database, zone, timeout = session.database or "", session.timezone, session.query_timeout_s
        if connection.settings == (database, zone, timeout):
            return
        if not database and connection.settings[0]:
            connection.raw.close()  # nothing but a new connection has no database
            connection.raw.connect()
            connection.settings = ("", "", 0)
        with connection.raw.cursor() as cursor:
            if connection.settings[1:] != (zone, timeout):
                cursor.execute(f"SET time_zone = {quote_string(zone)}")
                cursor.execute(f"SET query_timeout = {timeout}")
            if database and database != connection.settings[0]:
                connection.raw.select_db(database)
        connection.settings = (database, zone, timeout)

    @contextlib.contextmanager
    def _told(self, connection: _Connection) -> Iterator[None]:
        """PyMySQL's failures in our words; after one that is no refusal the connection is not used again."""
        try:
            yield
        except (pymysql.MySQLError, OSError, ValueError) as error:
            problem = failure(error, f"{connection.front[0]}:{connection.front[1]}")
            if not isinstance(problem, ClusterRefused):
                _cut(connection)
            if connection.killed:
                raise EngineError("Query was cancelled") from error
            raise problem from error


class _Rows:
    """Rows that are still on their way; the connection is given back behind the last, or when nobody reads on."""

    def __init__(
        self,
        cursor: SSCursor,
        first: Sequence[Sequence[Any]],
        told: Callable[[], contextlib.AbstractContextManager[None]],
        done: Callable[[], None],
    ) -> None:
        self._cursor = cursor
        self._ready = iter(first)
        self._told = told
        self._done: Callable[[], None] | None = done

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Sequence[Any]:
        row = next(self._ready, None)
        if row is not None or self._done is None:
            return self._last(row)
        try:
            with self._told():
                more = self._cursor.fetchmany(LOOKED_AT)
        except BaseException:
            self.close()
            raise
        self._ready = iter(more)
        if len(more) < LOOKED_AT:
            self._finish()
        return self._last(next(self._ready, None))

    @staticmethod
    def _last(row: Sequence[Any] | None) -> Sequence[Any]:
        if row is None:
            raise StopIteration
        return row

    def _finish(self) -> None:
        done, self._done = self._done, None
        if done is not None:
            done()

    def close(self) -> None:
        """What is unread stays unread: the connection ends instead."""
        if self._done is not None:
            _abandon(self._cursor)
            self._finish()

    __del__ = close


def _abandon(cursor: Any) -> None:
    """Closing such a cursor, or losing its result, would read the rest of its rows first."""
    raw, cursor.connection = cursor.connection, None
    if cursor._result is not None:  # noqa: SLF001 - PyMySQL has no public way to leave rows unread
        cursor._result.unbuffered_active = False  # noqa: SLF001 - likewise
    if raw is not None and raw.open:
        _shut(raw)
        with contextlib.suppress(pymysql.MySQLError, OSError):
            raw.close()


def _is_there(connection: _Connection) -> bool:
    """A socket that can be read while no answer is due has a farewell in it; one that is quiet is asked."""
    if not connection.raw.open:
        return False
    if time.monotonic() - connection.used_at < _QUIET_S and not _readable(connection.raw):
        return True
    try:
        connection.raw.ping(reconnect=False)
    except (pymysql.MySQLError, OSError):
        return False
    return True


def _readable(raw: pymysql.Connection[Any]) -> bool:
    plain = getattr(raw, "_sock", None)
    if plain is None:
        return True
    with selectors.DefaultSelector() as selector:
        selector.register(plain, selectors.EVENT_READ)
        return bool(selector.select(0))


def _quit(connection: _Connection) -> None:
    if connection.raw.open:
        with contextlib.suppress(pymysql.MySQLError, OSError):
            connection.raw.close()


def _cut(connection: _Connection) -> None:
    """End it from any thread, whoever waits on it."""
    _shut(connection.raw)


def _shut(raw: pymysql.Connection[Any]) -> None:
    plain = getattr(raw, "_sock", None)
    if plain is not None:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(plain, socket.SHUT_RDWR)  # of the plain socket: TLS stays whole for its reader
