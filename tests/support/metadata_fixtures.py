"""Metadata databases for tests: SQLite, PostgreSQL and MariaDB, clean at the start of each test.

Servers start once a process, when a test first wants one; where the programs are missing, those tests skip and say so.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from routine_load.store.database import Database
from routine_load.store.tables import metadata
from tests.support.databases import SERVERS, DatabaseServer

KINDS = ("sqlite", *SERVERS)


class KeptDatabase:
    """A migrated database whose rows go between tests: to make one anew takes much longer."""

    def __init__(self, server: DatabaseServer) -> None:
        self.server = server
        self.url = server.url(server.database())
        self._database = Database(self.url)

    def clean(self) -> str:
        with self._database.writing() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        return self.url

    def close(self) -> None:
        self._database.close()


@contextmanager
def _kept(kind: str) -> Iterator[KeptDatabase]:
    if missing := SERVERS[kind].missing():
        pytest.skip(missing)
    server = SERVERS[kind]()
    try:
        kept = KeptDatabase(server)
        yield kept
        kept.close()
    finally:
        server.close()


@pytest.fixture(scope="session")
def postgresql_kept() -> Iterator[KeptDatabase]:
    with _kept("postgresql") as kept:
        yield kept


@pytest.fixture(scope="session")
def mariadb_kept() -> Iterator[KeptDatabase]:
    with _kept("mariadb") as kept:
        yield kept


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("metadata") / "template.db"
    Database(f"sqlite:///{path}").close()
    return path


def clean_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A metadata database of one kind, at the newest revision, without rows."""
    if kind == "sqlite":
        path = tmp_path / "metadata.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    return request.getfixturevalue(f"{kind}_kept").clean()


@pytest.fixture(params=KINDS)
def metadata_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A metadata database of each kind in turn, at the newest revision, without rows."""
    return clean_url(request.param, request, tmp_path)


@pytest.fixture(params=list(SERVERS))
def database_server(request: pytest.FixtureRequest) -> DatabaseServer:
    """Each server in turn. It is shared: a test that stops it starts it again."""
    return request.getfixturevalue(f"{request.param}_kept").server


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind in turn that no revision was applied to, of this test alone."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/empty.db"
    server = request.getfixturevalue(f"{request.param}_kept").server
    return server.url(server.database())
