"""Revisions of the metadata database with rows in it: what an older program wrote is there for a newer one, and back."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from routine_load.errors import MetadataError
from routine_load.store.database import Database, create_engine, migrate, migration_config

_STATES = {"backends": "DROPPED"}


@pytest.fixture
def engine(empty_url):
    engine = create_engine(empty_url)
    yield engine
    engine.dispose()


def revisions(engine) -> list[str]:
    """Oldest first."""
    with engine.connect() as connection:
        script = ScriptDirectory.from_config(migration_config(connection))
        return [revision.revision for revision in script.walk_revisions()][::-1]


def reflected(connection) -> list[sa.Table]:
    """The tables that there are, parents first."""
    found = sa.MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def fill(connection) -> None:
    """Give every table that has none two rows, made up from the columns that there are."""
    for table in reflected(connection):
        if connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one():
            continue
        for number in (1, 2):
            connection.execute(table.insert(), {c.name: _sample(table, c, number) for c in table.columns})


def _sample(table: sa.Table, column: sa.Column, number: int):
    if column.name == "state":
        return _STATES.get(table.name, "FINISHED")
    if isinstance(column.type, sa.Boolean):
        return bool(number % 2)
    if isinstance(column.type, sa.Integer):
        return number
    if isinstance(column.type, (sa.LargeBinary, sa.types._Binary)):
        return bytes([number]) * 20
    return str(number)


def rows(connection) -> dict[str, list]:
    return {
        table.name: sorted(tuple(map(str, row)) for row in connection.execute(sa.select(table)))
        for table in reflected(connection)
    }


def down(engine, revision: str) -> None:
    with engine.connect() as connection:
        connection.execution_options(rl_write=True)
        with connection.begin():
            command.downgrade(migration_config(connection), revision)


def test_each_revision_keeps_the_rows_of_those_before_it(engine):
    """Step by step to the newest one with rows in every table, and step by step back: nothing changes on the way."""
    there = revisions(engine)
    states = []
    for revision in there:
        migrate(engine, revision)
        with engine.begin() as connection:
            before = states[-1] if states else {}
            now = rows(connection)
            assert {name: now[name] for name in before} == before
            fill(connection)
            states.append(rows(connection))
            assert all(len(kept) == 2 for kept in states[-1].values())
    for revision, state in reversed(list(zip(there[:-1], states[:-1], strict=True))):
        down(engine, revision)
        with engine.connect() as connection:
            assert rows(connection) == state
    migrate(engine)
    with engine.connect() as connection:
        now = rows(connection)
    assert {name: now[name] for name in states[0]} == states[0]
    down(engine, "base")
    with engine.connect() as connection:
        assert rows(connection) == {}


def test_a_database_of_any_earlier_revision_is_brought_up_when_it_is_opened(engine, empty_url):
    """However old; its rows are there."""
    for revision in revisions(engine)[:-1]:
        migrate(engine, revision)
        with engine.begin() as connection:
            fill(connection)
            before = rows(connection)
        Database(empty_url).close()
        with engine.connect() as connection:
            now = rows(connection)
        assert {name: now[name] for name in before} == before
        down(engine, "base")


def test_a_revision_that_was_cut_in_the_middle_is_applied_again(mariadb_kept):
    """MariaDB keeps each table as it is made: what a crash has left of a revision is no reason to stop."""
    server = mariadb_kept.server
    url = server.url(server.database())
    engine = create_engine(url)
    there = revisions(engine)
    for before, cut in zip([None, *there], there, strict=False):
        if before is not None:
            migrate(engine, before)
        else:
            with engine.begin() as connection:
                connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        made = 0

        def dies(_connection, _cursor, statement, *_):
            nonlocal made
            if statement.lstrip().startswith("CREATE"):
                made += 1
                if made > 1:
                    raise ConnectionResetError("cut")

        sa.event.listen(engine, "before_cursor_execute", dies)
        try:
            migrate(engine, cut)
        except (MetadataError, ConnectionResetError):
            assert made == 2
        sa.event.remove(engine, "before_cursor_execute", dies)
        migrate(engine)
        down(engine, "base")
    engine.dispose()


def test_tables_of_somebody_else_are_left_alone(engine, empty_url):
    """A database in which our names are taken is refused, and nothing is written into it."""
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE users (id INTEGER)")
    with pytest.raises(MetadataError, match=r"holds tables that are not ours \(users\)"):
        Database(empty_url)
    with engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["users"]
