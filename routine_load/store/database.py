"""Opening the metadata database: migrations, transactions, and the names of its failures.

Owns transactions. What a writer may rely on is the same on every database: it sees what was committed when it took its
locks, and rows that it has locked stay as they are. Whoever reads and then writes locks what it reads. Refuses to know
tables' contents.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from routine_load.errors import MetadataError, MetadataUnavailable
from routine_load.paths import shipped
from routine_load.store.connections import CONNECTIONS_MAX, FOR_MIGRATIONS, POOL_TIMEOUT_S, Reach, create_engine, told
from routine_load.store.tables import metadata

__all__ = ["Database", "add", "create_engine", "migrate", "migrate_url", "migration_config", "put"]

_MIGRATION_LOCK: Final = 0x726F7574  # "rout"
_MIGRATION_WAIT_S: Final = 60


class Database:
    """One metadata database, at the newest revision. Thread-safe; close it."""

    def __init__(self, url: str, connections_max: int = CONNECTIONS_MAX) -> None:
        """Connect and migrate. Raises MetadataError."""
        self.engine = create_engine(url, Reach(connections_max=connections_max))
        self.name: Final = told(self.engine.url)
        # SQLite has one place for a writer; threads queue for it here, where waiting costs nothing, instead of asking
        # the file again and again
        self._writer = threading.Lock() if self.engine.dialect.name == "sqlite" else None
        try:
            if self._writer is None:
                _meet(self.engine)
                _migrate_patiently(url)
            else:
                migrate(self.engine)
        except BaseException:
            self.engine.dispose()
            raise

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the database."""
        with _named_failures(self.name), self.engine.connect() as connection:
            if self.engine.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that takes SQLite's place for a writer at once; elsewhere, what is to stay true is locked."""
        if self._writer is None:
            with self._transaction() as connection:
                yield connection
        else:
            with self._writer, self._transaction() as connection:
                yield connection

    @contextmanager
    def stating(self) -> Iterator[sa.Connection]:
        """``writing`` for a single statement, which is a transaction by itself where the database has such."""
        if self.engine.dialect.name != "postgresql":
            with self.writing() as connection:
                yield connection
            return
        with _named_failures(self.name), self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        with _named_failures(self.name), self.engine.connect() as connection:
            connection.execution_options(rl_write=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        self.engine.dispose()


def put(connection: sa.Connection, table: sa.Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Give the row of a key these values, or make it; the row stays locked.

    Invariant: of two that make a row at once, neither fails.
    """
    row = {**key, **values}
    if connection.dialect.name == "mysql":
        connection.execute(mysql.insert(table).values(row).on_duplicate_key_update(**values))
        return
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table).values(row)
    connection.execute(insert.on_conflict_do_update(index_elements=list(key), set_=dict(values)))


def add(connection: sa.Connection, table: sa.Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Make a row, unless there is one of that key. Invariant: of two that make it at once, neither fails."""
    if connection.dialect.name == "mysql":
        unchanged = {name: table.c[name] for name in key}
        connection.execute(mysql.insert(table).values({**key, **values}).on_duplicate_key_update(**unchanged))
        return
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
    connection.execute(insert.values({**key, **values}).on_conflict_do_nothing(index_elements=list(key)))


def migration_config(connection: sa.Connection) -> Config:
    """Alembic, told to use this connection and the shipped migrations."""
    config = Config()
    config.set_main_option("script_location", str(shipped("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the database up to a revision. Raises MetadataError, also for a database of a newer program."""
    name = told(engine.url)
    try:
        with _named_failures(name), engine.connect() as connection:
            connection.execution_options(rl_write=True)
            with connection.begin(), _alone(connection, name):
                _check_ours(connection, name)
                command.upgrade(migration_config(connection), revision)
    except CommandError as cause:
        raise MetadataError(f"the metadata database cannot be brought to revision {revision}: {cause}") from cause


def _meet(engine: sa.Engine) -> None:
    """Ask for a connection, with little patience. Raises MetadataError, for an option of the driver's too."""
    name = told(engine.url)
    try:
        with _named_failures(name), engine.connect():
            pass
    except (TypeError, ValueError, OSError) as cause:  # PyMySQL meets an option that it does not know or cannot use
        raise MetadataError(f"the metadata database {name} cannot be used, {type(cause).__name__}: {cause}") from cause


def _migrate_patiently(url: str) -> None:
    """A migration may take its time, so it has a connection of its own."""
    engine = create_engine(url, FOR_MIGRATIONS)
    try:
        migrate(engine)
    finally:
        engine.dispose()


def migrate_url(url: str) -> str:
    """Bring the database of a URL to the newest revision; returns that revision. Raises MetadataError."""
    database = Database(url)
    try:
        with database.reading() as connection:
            return MigrationContext.configure(connection).get_current_revision() or ""
    finally:
        database.close()


@contextmanager
def _alone(connection: sa.Connection, name: str) -> Iterator[None]:
    """Coordinators that start together migrate one after the other."""
    kind = connection.dialect.name
    if kind == "postgresql":
        connection.execute(sa.text(f"SET LOCAL lock_timeout = '{_MIGRATION_WAIT_S}s'"))
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
    if kind != "mysql":
        yield
        return
    lock = sa.func.concat("routine_load ", sa.func.database())  # such locks are the whole server's
    if connection.execute(sa.select(sa.func.get_lock(lock, _MIGRATION_WAIT_S))).scalar_one() != 1:
        raise MetadataUnavailable(f"another coordinator migrates the metadata database {name} and does not end")
    try:
        yield
    finally:
        connection.execute(sa.select(sa.func.release_lock(lock)))


def _check_ours(connection: sa.Connection, name: str) -> None:
    """Raises MetadataError: tables of somebody else have names that ours want."""
    present = set(sa.inspect(connection).get_table_names())
    if "alembic_version" not in present and (taken := sorted(present & set(metadata.tables))):
        raise MetadataError(
            f"the metadata database {name} holds tables that are not ours ({', '.join(taken)}); "
            "give the metadata a database of its own"
        )


@contextmanager
def _named_failures(name: str) -> Iterator[None]:
    """A driver's exception becomes ours, with the driver's own first line; statements and values stay out of it."""
    try:
        yield
    except PoolTimeout as cause:
        raise MetadataUnavailable(
            f"no connection to the metadata database {name} became free within {POOL_TIMEOUT_S} s"
        ) from cause
    except UnicodeEncodeError as cause:
        raise MetadataError("the metadata database keeps no text with half a character in it") from cause
    except SQLAlchemyError as cause:
        original = getattr(cause, "orig", None)
        if isinstance(original, MetadataError):
            raise original from cause
        detail = f": {text}" if (text := _first_line(original)) else ""
        if _is_gone(cause):
            raise MetadataUnavailable(f"the metadata database {name} cannot be reached{detail}") from cause
        raise MetadataError(f"the metadata database failed, {type(cause).__name__}{detail}") from cause


_NO_CONNECTION: Final = frozenset({1040, 1203, 2002, 2003, 2006, 2013, 2055})
"""MariaDB: too many connections, and every way not to have one."""


def _is_gone(cause: SQLAlchemyError) -> bool:
    """Whether there is no connection, and it may come back by itself."""
    if not isinstance(cause, DBAPIError):
        return False
    if cause.connection_invalidated:
        return True
    original = cause.orig
    if type(original).__module__.startswith("psycopg"):
        state = getattr(original, "sqlstate", None)
        unreachable = state is None and cause.statement is None and "authentication" not in str(original)
        return unreachable or str(state).startswith(("08", "57P", "53300"))
    return original is not None and next(iter(original.args), None) in _NO_CONNECTION


def _first_line(original: BaseException | None) -> str:
    """PyMySQL's errors are a number and a text."""
    if original is None:
        return ""
    arguments = list(original.args)
    if len(arguments) > 1 and isinstance(arguments[0], int):
        return f"{arguments[1]} ({arguments[0]})".partition("\n")[0]
    return str(original).partition("\n")[0]
