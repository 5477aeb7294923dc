"""A service somewhere else, by the MySQL protocol (PyMySQL).

No statement is ever sent twice. Before one is sent, a connection that has been quiet is looked at: where the server has
gone meanwhile, a new connection is made first, with the database that was selected; other SET values begin anew. A
connection that breaks while a statement runs raises ConnectionLost, because nobody knows how far it came; the next
statement connects again.
"""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import time
from typing import Any, Final, cast

import pymysql
from pymysql.constants import CLIENT

from routine_load.api.address import Address, Tls
from routine_load.api.doors import Client, Ports
from routine_load.api.failures import LOST, Refusal, is_shared, rebuilt
from routine_load.errors import ConnectionLost, RoutineLoadError
from routine_load.ids import Compat
from routine_load.sql.field_types import columns
from routine_load.sql.literals import quote_name
from routine_load.sql.results import Ok, Result, ResultTable

_QUIET_S: Final = 30.0
"""A connection that was not used for so long is asked whether it is still there."""

_USE: Final = re.compile(r"\buse\b", re.IGNORECASE)


class RemoteDoor:
    """Connections to one address. ``compat`` None: whatever the service follows."""

    def __init__(self, address: Address, compat: Compat | None = None) -> None:
        self._address = address
        self._compat = compat

    @property
    def ports(self) -> Ports:
        return self._address.port, None

    def open(self, database: str | None) -> Client:
        return _RemoteClient(self._address, self._compat, database)

    def close(self) -> None:
        """Nothing of it is ours."""


class _RemoteClient:
    def __init__(self, address: Address, compat: Compat | None, database: str | None) -> None:
        self._address = address
        self._compat = compat
        self._database = database
        self._used_at = 0.0
        self._connection: pymysql.Connection[Any] | None = self._connected()

    def run(self, text: str, database: str | None) -> list[Result]:
        connection = self._ready()
        try:
            if database is not None:
                connection.select_db(database)
                self._database = database
            with connection.cursor() as cursor:
                cursor.execute(text)
                results = [_result(cursor)]
                while cursor.nextset():
                    results.append(_result(cursor))
            self._note_database(connection, text)
        except (pymysql.MySQLError, OSError) as error:
            raise self._failure(connection, error) from error
        self._used_at = time.monotonic()
        return results

    def interrupt(self) -> None:
        """The server ends a statement whose client has left."""
        connection = self._connection
        raw = getattr(connection, "_sock", None)
        if raw is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(raw, socket.SHUT_RDWR)  # of the plain socket: TLS stays whole for its reader

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and connection.open:
            with contextlib.suppress(pymysql.MySQLError, OSError):
                connection.close()

    def _ready(self) -> pymysql.Connection[Any]:
        connection = self._connection
        if connection is None or not self._is_there(connection):
            self.close()
            self._connection = connection = self._connected()
        return connection

    def _is_there(self, connection: pymysql.Connection[Any]) -> bool:
        """A socket that can be read while no answer is due has a farewell in it; one that is quiet is asked."""
        if not connection.open:
            return False
        if time.monotonic() - self._used_at < _QUIET_S and not _readable(connection):
            return True
        try:
            connection.ping(reconnect=False)
        except (pymysql.MySQLError, OSError):
            return False
        return True

    def _connected(self) -> pymysql.Connection[Any]:
        address = self._address
        try:
            connection: pymysql.Connection[Any] = pymysql.connect(
                host=address.host,
                port=address.port,
                user=address.user,
                password=address.password.encode(),  # as text PyMySQL would send it in Latin-1
                charset="utf8mb4",
                autocommit=True,
                connect_timeout=address.connect_timeout_s,
                read_timeout=address.read_timeout_s,
                client_flag=CLIENT.MULTI_STATEMENTS,
                ssl=address.context(),
                ssl_disabled=address.tls is Tls.DISABLED,
            )
        except (pymysql.MySQLError, ValueError, OSError) as error:
            raise _unreachable(error) from error
        try:
            with connection.cursor() as cursor:
                if self._compat is not None:
                    cursor.execute(f"SET compat = '{self._compat}'")
                if self._database is not None:
                    cursor.execute(f"USE {quote_name(self._database)}")
        except (pymysql.MySQLError, OSError) as error:
            failure = self._failure(connection, error)
            connection.close()
            raise failure from error
        self._used_at = time.monotonic()
        return connection

    def _note_database(self, connection: pymysql.Connection[Any], text: str) -> None:
        """Where a text may have selected another database, ask which, for the day the connection breaks."""
        if _USE.search(text):
            with connection.cursor() as cursor:
                cursor.execute("SELECT DATABASE()")
                row = cursor.fetchone()
                self._database = row[0] if row else None

    def _failure(self, connection: pymysql.Connection[Any], error: Exception) -> RoutineLoadError:
        refusal = _refusal(error)
        if refusal.errno in LOST or not connection.open:
            self.close()
            lost = ConnectionLost(f"{ConnectionLost.__doc__} ({refusal.text})")
            lost.errno = refusal.errno if refusal.errno in LOST else ConnectionLost.errno
            return lost
        return rebuilt(refusal, _kept(connection) if is_shared(refusal.errno) else "")


def _readable(connection: pymysql.Connection[Any]) -> bool:
    raw = getattr(connection, "_sock", None)
    if raw is None:
        return True
    with selectors.DefaultSelector() as selector:
        selector.register(raw, selectors.EVENT_READ)
        return bool(selector.select(0))


def _kept(connection: pymysql.Connection[Any]) -> str:
    """What our own service says of the failure; empty on others, which do not know the variable."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@routine_load_error")
            row = cursor.fetchone()
    except (pymysql.MySQLError, OSError):
        return ""
    return str(row[0]) if row else ""


def _refusal(error: Exception) -> Refusal:
    if isinstance(error, pymysql.MySQLError) and len(error.args) == 2 and isinstance(error.args[0], int):
        state = getattr(error, "sqlstate", None)
        return Refusal(errno=error.args[0], sqlstate=state, text=str(error.args[1]))
    return Refusal(errno=ConnectionLost.errno, sqlstate=None, text=str(error))


def _unreachable(error: Exception) -> RoutineLoadError:
    """Nobody there, or somebody who does not let us in."""
    refusal = _refusal(error)
    if refusal.errno >= 2000 and refusal.errno < 3000:
        failure = ConnectionLost(refusal.text)
        failure.errno = refusal.errno
        return failure
    return rebuilt(refusal)


def _result(cursor: pymysql.cursors.Cursor) -> Result:
    description: tuple[tuple[Any, ...], ...] | None = cast("Any", cursor).description
    if description is None:
        return Ok(affected_rows=max(0, cursor.rowcount))
    rows: list[tuple[Any, ...]] = list(cursor.fetchall())
    return ResultTable(columns(description, rows), rows)
