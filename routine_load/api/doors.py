"""The two ways in that the API has: a coordinator in this process, or one behind a MySQL port (PyMySQL)."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import unquote, urlsplit

import pymysql
from pymysql.constants import CLIENT, FIELD_TYPE

from routine_load import errors
from routine_load.api.settings import Given, build
from routine_load.errors import ExecutionError, PropertyError, RoutineLoadError
from routine_load.ids import Compat
from routine_load.observe import logs
from routine_load.sql.results import Ok, Result, ResultColumn, ResultTable, ResultType

if TYPE_CHECKING:
    from routine_load.app.coordinator import Coordinator

Ports = tuple[int | None, int | None]


class Door(Protocol):
    """Runs statement texts for one client, one at a time. Raises RoutineLoadError only."""

    @property
    def ports(self) -> Ports:
        """MySQL and HTTP port, None where there is none or it is not known."""
        ...

    def run(self, text: str, database: str | None) -> list[Result]: ...

    def close(self) -> None: ...


class ServerRefused(ExecutionError):
    """The server answered with an error."""

    def __init__(self, message: str | None = None, *, number: int = ExecutionError.errno) -> None:
        super().__init__(message)
        self._number = number

    def number(self, compat: Compat) -> int:  # noqa: ARG002 - the server has chosen it already
        return self._number


class EmbeddedDoor:
    """A coordinator in this process. Its ports stay shut unless the settings ask for them."""

    def __init__(self, path: Path | None, settings: Mapping[str, object]) -> None:
        from routine_load.app.coordinator import Coordinator  # noqa: PLC0415 - importing the API stays cheap

        logs.quieten()
        self._scratch = tempfile.TemporaryDirectory(prefix="routine-load-") if path is None else None
        try:
            folder = path if self._scratch is None else self._scratch.name
            given: dict[str, object] = {"mysql_port": None, "http_port": None, **settings, "data_dir": folder}
            chosen = build({name: Given(value, "given to connect") for name, value in given.items()})
            self._coordinator: Coordinator = Coordinator(chosen)
            self._coordinator.start()
        except BaseException:
            self._forget_scratch()
            raise
        self._session = self._coordinator.service.open_session("root", "embedded")

    @property
    def ports(self) -> Ports:
        return self._coordinator.ports

    def run(self, text: str, database: str | None) -> list[Result]:
        service = self._coordinator.service
        if database is not None:
            service.use(self._session, database)
        return service.execute(self._session, text)

    def close(self) -> None:
        self._coordinator.service.close_session(self._session)
        self._coordinator.stop(drain=True)
        self._forget_scratch()

    def _forget_scratch(self) -> None:
        if self._scratch is not None:
            self._scratch.cleanup()


class RemoteDoor:
    """A coordinator somewhere else, by the MySQL protocol."""

    def __init__(self, url: str, *, connect_timeout_s: int = 10) -> None:
        parts = urlsplit(url)
        if parts.scheme != "mysql" or not parts.hostname:
            raise PropertyError("url is not allowed; allowed: mysql://[user[:password]@]host[:port][/database]")
        try:
            self._port = parts.port or 9030
            self._connection: pymysql.Connection[Any] = pymysql.connect(
                host=parts.hostname,
                port=self._port,
                user=unquote(parts.username or "root"),
                password=unquote(parts.password or ""),
                database=unquote(parts.path.lstrip("/")) or None,
                charset="utf8mb4",
                autocommit=True,
                connect_timeout=connect_timeout_s,
                client_flag=CLIENT.MULTI_STATEMENTS,
            )
        except (pymysql.MySQLError, ValueError, OSError) as error:
            raise _refused(error) from error

    @property
    def ports(self) -> Ports:
        return self._port, None

    def run(self, text: str, database: str | None) -> list[Result]:
        try:
            if database is not None:
                self._connection.select_db(database)
            with self._connection.cursor() as cursor:
                cursor.execute(text)
                results = [_result(cursor)]
                while cursor.nextset():
                    results.append(_result(cursor))
        except (pymysql.MySQLError, OSError) as error:
            raise _refused(error) from error
        return results

    def close(self) -> None:
        with suppress(pymysql.MySQLError, OSError):
            self._connection.close()


def _refused(error: Exception) -> RoutineLoadError:
    """The error of the tree that carries this number; one that only has the number where several share it."""
    number, message = 2013, str(error)
    if isinstance(error, pymysql.MySQLError) and len(error.args) == 2:
        number, message = int(error.args[0]), str(error.args[1])
    kind = _by_number().get(number)
    return kind(message) if kind is not None else ServerRefused(message, number=number)


def _by_number() -> dict[int, type[RoutineLoadError]]:
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, RoutineLoadError)]
    found: dict[int, type[RoutineLoadError]] = {}
    for kind in kinds:
        for number in {kind.errno, kind.errno_doris} - {None, 1064, 1105}:
            assert number is not None
            found.setdefault(number, kind)
    return found


_TYPES = {
    FIELD_TYPE.TINY: ResultType.TINYINT,
    FIELD_TYPE.SHORT: ResultType.SMALLINT,
    FIELD_TYPE.INT24: ResultType.INT,
    FIELD_TYPE.LONG: ResultType.INT,
    FIELD_TYPE.LONGLONG: ResultType.BIGINT,
    FIELD_TYPE.FLOAT: ResultType.FLOAT,
    FIELD_TYPE.DOUBLE: ResultType.DOUBLE,
    FIELD_TYPE.DECIMAL: ResultType.DECIMAL,
    FIELD_TYPE.NEWDECIMAL: ResultType.DECIMAL,
    FIELD_TYPE.DATE: ResultType.DATE,
    FIELD_TYPE.NEWDATE: ResultType.DATE,
    FIELD_TYPE.DATETIME: ResultType.DATETIME,
    FIELD_TYPE.TIMESTAMP: ResultType.DATETIME,
    FIELD_TYPE.TIME: ResultType.TIME,
    FIELD_TYPE.JSON: ResultType.JSON,
    FIELD_TYPE.NULL: ResultType.NULL,
}
_BLOBS = frozenset({FIELD_TYPE.BLOB, FIELD_TYPE.TINY_BLOB, FIELD_TYPE.MEDIUM_BLOB, FIELD_TYPE.LONG_BLOB})


def _result(cursor: pymysql.cursors.Cursor) -> Result:
    description: tuple[tuple[Any, ...], ...] | None = cast("Any", cursor).description
    if description is None:
        return Ok(affected_rows=max(0, cursor.rowcount))
    rows: list[tuple[Any, ...]] = list(cursor.fetchall())
    columns = [_column(described, rows, at) for at, described in enumerate(description)]
    return ResultTable(columns, rows)


def _column(described: tuple[Any, ...], rows: list[tuple[Any, ...]], at: int) -> ResultColumn:
    """A blob is bytes only where bytes came: servers declare long texts so, too."""
    name, code, scale = described[0], described[1], described[5] or 0
    if code in _BLOBS and any(isinstance(row[at], bytes) for row in rows[:1000]):
        return ResultColumn(name, ResultType.BLOB)
    kind = _TYPES.get(code, ResultType.VARCHAR)
    return ResultColumn(name, kind, scale if kind is ResultType.DECIMAL else 0)
