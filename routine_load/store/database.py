"""Opening the metadata database: engine, SQLite's settings, migrations, transactions.

Owns connections. Refuses to know tables' contents.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from routine_load.errors import MetadataError
from routine_load.paths import shipped

_PRAGMAS = ("journal_mode=WAL", "foreign_keys=ON", "busy_timeout=10000", "synchronous=FULL")


class Database:
    """One metadata database, at the newest revision. Thread-safe; close it."""

    def __init__(self, url: str) -> None:
        """Connect and migrate. Raises MetadataError."""
        self.engine = create_engine(url)
        # SQLite has one place for a writer; threads queue for it here, where waiting costs nothing, instead of asking
        # the file again and again
        self._writer = threading.Lock()
        try:
            migrate(self.engine)
        except BaseException:
            self.engine.dispose()
            raise

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the database."""
        with _named_failures(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that takes the writer's place at once, so that what it reads stays true until it commits."""
        with _named_failures(), self._writer, self.engine.connect() as connection:
            connection.execution_options(rl_write=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        self.engine.dispose()


def create_engine(url: str) -> sa.Engine:
    """An engine whose SQLite connections are durable, patient and transactional."""
    try:
        engine = sa.create_engine(url, hide_parameters=True)
    except (SQLAlchemyError, ModuleNotFoundError) as cause:
        raise MetadataError("the metadata URL cannot be used: expected sqlite:///path") from cause
    if engine.dialect.name == "sqlite":
        _make_private(engine.url.database)
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


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


def migration_config(connection: sa.Connection) -> Config:
    """Alembic, told to use this connection and the shipped migrations."""
    config = Config()
    config.set_main_option("script_location", str(shipped("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the database to a revision. Raises MetadataError, also for a database of a newer program."""
    try:
        with _named_failures(), engine.connect() as connection:
            connection.execution_options(rl_write=True)
            with connection.begin():
                command.upgrade(migration_config(connection), revision)
    except CommandError as cause:
        raise MetadataError(f"the metadata database cannot be brought to revision {revision}: {cause}") from cause


def migrate_url(url: str) -> str:
    """Bring the database of a URL to the newest revision; returns that revision. Raises MetadataError."""
    database = Database(url)
    try:
        with database.reading() as connection:
            return MigrationContext.configure(connection).get_current_revision() or ""
    finally:
        database.close()


@contextmanager
def _named_failures() -> Iterator[None]:
    """A driver's exception becomes ours, with the driver's own first line; statements and values stay out of it."""
    try:
        yield
    except SQLAlchemyError as cause:
        original = str(getattr(cause, "orig", None) or "").partition("\n")[0]
        detail = f": {original}" if original else ""
        raise MetadataError(f"the metadata database failed, {type(cause).__name__}{detail}") from cause
