"""How each kind of metadata database is reached: SQLite, PostgreSQL through psycopg, MariaDB through PyMySQL.

Owns URLs, drivers, what every connection is set to, and the time that anything may take. Invariants: no connection
waits without a limit; a transaction that somebody has fallen asleep in is ended by the server, so that its locks hold
up nobody. Refuses to know tables.
"""

from __future__ import annotations

import os
import select
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import InvalidatePoolError, SQLAlchemyError

from routine_load.errors import MetadataError

CONNECT_TIMEOUT_S: Final = 5
STATEMENT_TIMEOUT_S: Final = 15
LOCK_TIMEOUT_S: Final = 10
IDLE_IN_TRANSACTION_TIMEOUT_S: Final = 5
"""Nothing is waited for inside a transaction; a process that was stopped in one gives its locks up."""
SILENCE_TIMEOUT_S: Final = STATEMENT_TIMEOUT_S + 5
"""After this, a server that says nothing is taken to be gone: it would have ended the statement itself."""
MIGRATION_TIMEOUT_S: Final = 3600
POOL_TIMEOUT_S: Final = 10
CONNECTION_AGE_MAX_S: Final = 1800
TRUSTED_S: Final = 1.0
"""A connection that was used so lately, and over which nothing has come since, is not asked whether it lives."""
CONNECTIONS_KEPT: Final = 5
CONNECTIONS_MAX: Final = 16

_PRAGMAS: Final = ("journal_mode=WAL", "foreign_keys=ON", "busy_timeout=10000", "synchronous=FULL")
_DRIVERS: Final = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "mariadb": "mysql+pymysql",
    "mariadb+pymysql": "mysql+pymysql",
    "mysql": "mysql+pymysql",
    "mysql+pymysql": "mysql+pymysql",
}
_ALLOWED: Final = (
    "allowed: sqlite:///path, postgresql://user:password@host:5432/database, mariadb://user:password@host:3306/database"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How many connections there may be, and how long one statement may take."""

    connections_max: int = CONNECTIONS_MAX
    statement_timeout_s: int = STATEMENT_TIMEOUT_S

    @property
    def silence_s(self) -> int:
        return self.statement_timeout_s + SILENCE_TIMEOUT_S - STATEMENT_TIMEOUT_S


FOR_MIGRATIONS: Final = Reach(connections_max=1, statement_timeout_s=MIGRATION_TIMEOUT_S)


def create_engine(url: str, reach: Reach | None = None) -> sa.Engine:
    """An engine whose connections are durable, patient for a while, and transactional. Raises MetadataError."""
    reach = reach or Reach()
    address = _address(url)
    kind = address.get_backend_name()
    settings = {"sqlite": _sqlite, "postgresql": _postgresql, "mysql": _mariadb}[kind](address, reach)
    try:
        engine = sa.create_engine(address, hide_parameters=True, **settings)
    except ModuleNotFoundError as cause:
        raise MetadataError(
            f"the driver for a metadata database on PostgreSQL is missing ({cause.name}); "
            "install it: pip install 'routine-load[postgresql]'"
        ) from cause
    except SQLAlchemyError as cause:
        raise MetadataError(f"the metadata URL cannot be used: {_ALLOWED}") from cause
    if kind == "sqlite":
        _make_private(address.database)
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    elif kind == "postgresql":
        sa.event.listen(engine, "do_connect", _connect_postgresql)
        sa.event.listen(engine, "connect", lambda connection, _record: _set_up_postgresql(connection, reach))
        _look_before_use(engine)
    else:
        sa.event.listen(engine, "connect", lambda connection, _record: _set_up_mariadb(connection, reach))
        sa.event.listen(engine, "begin", _begin_mariadb)
    return engine


def told(url: URL) -> str:
    """The database's address for people: without password, and without options, which may hold one too."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database or ''}"
    kind = "mariadb" if url.get_backend_name() == "mysql" else "postgresql"
    user = f"{url.username}@" if url.username else ""
    port = f":{url.port}" if url.port else ""
    return f"{kind}://{user}{url.host or ''}{port}/{url.database or ''}"


def _address(url: str) -> URL:
    """Raises MetadataError, which repeats nothing of the URL but its scheme: the rest may hold a password."""
    try:
        parsed = make_url(url)
    except (SQLAlchemyError, ValueError):
        raise MetadataError(f"the metadata URL cannot be read; {_ALLOWED}") from None
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise MetadataError(f"the metadata URL cannot be used: no metadata lives at {parsed.drivername}://; {_ALLOWED}")
    if driver != "sqlite" and not parsed.database:
        raise MetadataError(f"the metadata URL names no database; {_ALLOWED}")
    return parsed.set(drivername=driver)


def _pooled(reach: Reach) -> dict[str, Any]:
    kept = min(CONNECTIONS_KEPT, reach.connections_max)
    return {
        "pool_size": kept,
        "max_overflow": reach.connections_max - kept,
        "pool_timeout": POOL_TIMEOUT_S,
        "pool_recycle": CONNECTION_AGE_MAX_S,
        "pool_use_lifo": True,
    }


# -- SQLite -----------------------------------------------------------------------------------------------------------


def _sqlite(_address: URL, _reach: Reach) -> dict[str, Any]:
    return {}


def _make_private(path: str | None) -> None:
    """A new database file is its owner's alone; SQLite gives its side files the same mode."""
    if not path or path.startswith((":memory:", "file:")) or Path(path).exists():
        return
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as cause:
        raise MetadataError(f"the metadata database {path} cannot be made: {cause.strerror}") from cause


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite, not guessed by the driver
    cursor = connection.cursor()
    try:
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
    finally:
        cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("rl_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


def _postgresql(address: URL, reach: Reach) -> dict[str, Any]:
    """What the URL says itself stays: libpq takes its own parameters there, for TLS and several hosts for example."""
    ours = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "application_name": "routine-load",
        "keepalives_idle": CONNECT_TIMEOUT_S,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "tcp_user_timeout": SILENCE_TIMEOUT_S * 1000,
    }
    arguments = {name: value for name, value in ours.items() if name not in address.query}
    return {
        "connect_args": arguments | {"client_encoding": "utf8"},
        "isolation_level": "READ COMMITTED",  # whatever the server's own default is
        **_pooled(reach),
    }


def _look_before_use(engine: sa.Engine) -> None:
    """The server may have been started anew meanwhile: a connection whose server is gone has something to be read.

    To look there costs nothing. Only one that was idle for a while is asked, as half of a connection may be lost.
    """

    def left(_connection: object, record: Any) -> None:
        record.info["used_at"] = time.monotonic()

    def taken(connection: Any, record: Any, _proxy: object) -> None:
        used_at = record.info.get("used_at")
        if used_at is None or (time.monotonic() - used_at < TRUSTED_S and not _has_news(connection)):
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as cause:
            raise InvalidatePoolError from cause

    sa.event.listen(engine, "checkin", left)
    sa.event.listen(engine, "checkout", taken)


def _has_news(connection: Any) -> bool:
    if connection.closed:
        return True
    watched = select.poll()
    watched.register(connection.fileno(), select.POLLIN)
    return bool(watched.poll(0))


def _connect_postgresql(_dialect: object, _record: object, arguments: Any, options: Any) -> Any:
    from routine_load.store.limits import LimitedConnection  # noqa: PLC0415 - its driver is an extra

    return LimitedConnection.connect(*arguments, **options)


def _set_up_postgresql(connection: Any, reach: Reach) -> None:
    connection.silence_s = reach.silence_s
    connection.autocommit = True
    connection.execute(
        f"SET statement_timeout = '{reach.statement_timeout_s}s';"
        f"SET lock_timeout = '{LOCK_TIMEOUT_S}s';"
        f"SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_TIMEOUT_S}s';"
        "SET TIME ZONE 'UTC';"
        "SET synchronous_commit = 'on'"
    )
    connection.autocommit = False


# -- MariaDB ----------------------------------------------------------------------------------------------------------


def _mariadb(_address: URL, reach: Reach) -> dict[str, Any]:
    arguments = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "read_timeout": reach.silence_s,
        "write_timeout": reach.silence_s,
        "charset": "utf8mb4",
    }
    # the server may have been started anew meanwhile
    return {"connect_args": arguments, "pool_pre_ping": True, **_pooled(reach)}


def _set_up_mariadb(connection: Any, reach: Reach) -> None:
    version = connection.get_server_info()
    if "MariaDB" not in version:
        raise MetadataError(f"the metadata database is MySQL {version}, whose collations differ; {_ALLOWED}")
    with connection.cursor() as cursor:
        cursor.execute(
            "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO',"
            f" max_statement_time = {reach.statement_timeout_s},"
            f" innodb_lock_wait_timeout = {LOCK_TIMEOUT_S},"
            f" idle_transaction_timeout = {IDLE_IN_TRANSACTION_TIMEOUT_S},"
            " time_zone = '+00:00',"
            " tx_isolation = 'REPEATABLE-READ'"
        )


def _begin_mariadb(connection: sa.Connection) -> None:
    """Who writes sees what was committed when it took its locks, and locks rows, not the gaps between them."""
    if connection.get_execution_options().get("rl_write", False):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
