from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from store_builders import job

from routine_load.errors import ExecutionError, JobNotFound, MetadataError, StaleVersion
from routine_load.ids import JobId
from routine_load.server.ports import Users, Verifiers
from routine_load.sql.privileges import Granted, Held, Place, Privilege
from routine_load.store import SecretBox, migrate, open_metadata
from routine_load.store.database import Database, create_engine, migration_config
from routine_load.store.database import migrate as migrate_engine
from routine_load.store.tables import metadata as tables
from routine_load.store.tables import users
from tests.work import bounded_work


@pytest.fixture
def url(metadata_url: str) -> str:
    """Each kind of database in turn."""
    return metadata_url


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    """SQLite alone."""
    return f"sqlite:///{tmp_path}/metadata.db"


def test_the_migrated_schema_equals_the_tables(empty_url):
    """Migrations make exactly what the program declares, names of constraints included."""
    database = Database(empty_url)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables) == []
        migrated = _schema(connection)
    tables.drop_all(database.engine)
    tables.create_all(database.engine)
    with database.reading() as connection:
        assert _schema(connection) == migrated
    database.close()


def _schema(connection: sa.Connection) -> dict[str, object]:
    inspector = sa.inspect(connection)
    return {
        name: (
            [(c["name"], repr(c["type"]), c["nullable"]) for c in inspector.get_columns(name)],
            inspector.get_table_options(name),
            sorted((k["name"], tuple(k["constrained_columns"])) for k in inspector.get_foreign_keys(name)),
            inspector.get_pk_constraint(name),
            sorted((u["name"], tuple(u["column_names"])) for u in inspector.get_unique_constraints(name)),
            sorted((c["name"], c["sqltext"]) for c in inspector.get_check_constraints(name)),
            sorted((i["name"], tuple(i["column_names"])) for i in inspector.get_indexes(name)),
        )
        for name in inspector.get_table_names()
        if name != "alembic_version"
    }


def test_every_constraint_has_a_name(file_url):
    """Unnamed constraints cannot be migrated away."""
    for table in tables.tables.values():
        for constraint in table.constraints:
            assert constraint.name, (table.name, constraint)


def test_there_is_one_line_of_migrations(file_url):
    """Linear history, one head."""
    database = Database(file_url)
    with database.reading() as connection:
        script = ScriptDirectory.from_config(migration_config(connection))
        assert len(script.get_heads()) == 1
        assert all(not revision.is_branch_point for revision in script.walk_revisions())
    database.close()


def test_up_down_up_with_data(empty_url):
    """Down and up again works with rows in the tables; what a revision adds is gone after its downgrade."""
    with open_metadata(empty_url, SecretBox.ephemeral()) as metadata:
        metadata.jobs.insert(job())
        metadata.users(Verifiers)
    engine = create_engine(empty_url)
    with engine.connect() as connection, connection.begin():
        command.downgrade(migration_config(connection), "base")
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]
    migrate_engine(engine)
    engine.dispose()
    with open_metadata(empty_url, SecretBox.ephemeral()) as metadata:
        assert metadata.jobs.list() == []


def test_grants_come_and_go_with_their_revision(empty_url):
    """0001 to 0002 and back keeps users and jobs; users of before have no privileges."""
    engine = create_engine(empty_url)
    migrate_engine(engine, "0001")
    with engine.begin() as connection:
        connection.execute(sa.insert(users), {"name": "old", "native": b"", "sha2": ""})
    migrate_engine(engine)
    engine.dispose()
    held = Held(Place.TABLE, "d", "t", Privilege.SELECT, grantable=True)
    with open_metadata(empty_url, SecretBox.ephemeral()) as metadata:
        assert metadata.grants.of("old") == Granted()
        metadata.grants.change("old", lambda _: Granted(privileges=frozenset({held}), roles=frozenset({"db_admin"})))
    engine = create_engine(empty_url)
    with engine.connect() as connection, connection.begin():
        command.downgrade(migration_config(connection), "0001")
        assert "grants" not in sa.inspect(connection).get_table_names()
    migrate_engine(engine)
    engine.dispose()
    with open_metadata(empty_url, SecretBox.ephemeral()) as metadata:
        assert metadata.grants.of("old") == Granted()


def test_grants_go_with_their_user(url):
    """A user who is dropped and made again has nothing; an unknown user has no grants to change."""
    held = Held(Place.ALL, "", "", Privilege.INSERT)
    with open_metadata(url, SecretBox.ephemeral()) as metadata:
        users = metadata.users(Verifiers)
        users.create("ann", Verifiers())
        given = metadata.grants.change("ann", lambda _: Granted(privileges=frozenset({held})))
        assert metadata.grants.of("ann") == given == Granted(privileges=frozenset({held}))
        users.drop("ann")
        assert metadata.grants.of("ann") is None
        with pytest.raises(ExecutionError, match="'ann'@'%' does not exist"):
            metadata.grants.change("ann", lambda old: old)
        users.create("ann", Verifiers())
        assert metadata.grants.of("ann") == Granted()


def test_migrating_twice_changes_nothing_and_names_the_revision(url):
    """``routine-load migrate`` may be run at any time."""
    assert migrate(url) == migrate(url) != ""


def test_a_database_of_a_newer_program_is_refused(empty_url):
    """An unknown revision is named; nothing is guessed."""
    database = Database(empty_url)
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(MetadataError, match=r"9999"):
        Database(empty_url)


@pytest.mark.parametrize("wrong", ["nonsense", "oracle+nothing://x", "sqlite:////proc/nowhere/metadata.db"])
def test_a_url_that_cannot_be_opened_is_our_error(wrong):
    """No foreign exception leaves the room."""
    with pytest.raises(MetadataError):
        open_metadata(wrong, SecretBox.ephemeral())


def test_sqlite_is_durable_and_patient(file_url):
    """WAL, full synchronisation, foreign keys and a time to wait, on every connection."""
    database = Database(file_url)
    with database.reading() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    database.close()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}


def test_secrets_are_not_in_the_files(file_url, tmp_path):
    """A canary secret is in no file of the data directory, and comes back with the key."""
    key = tmp_path / "secret.key"
    with open_metadata(file_url, SecretBox.at(key)) as metadata:
        inserted = metadata.jobs.insert(job(secret="canary-9f3c"))
        metadata.jobs.modify(inserted.id, lambda j: j.placed({0: 1}))
        for file in tmp_path.iterdir():
            assert b"canary-9f3c" not in file.read_bytes()
    assert not any(b"canary-9f3c" in file.read_bytes() for file in tmp_path.iterdir())
    with open_metadata(file_url, SecretBox.at(key)) as metadata:
        again = metadata.jobs.get(inserted.id)
        assert dict(again.definition.source.properties)["sasl.password"] == "canary-9f3c"
    with open_metadata(file_url, SecretBox.ephemeral()) as metadata, pytest.raises(MetadataError, match=r"secret\.key"):
        metadata.jobs.get(inserted.id)


def test_the_key_file_is_its_owners_alone(tmp_path):
    """Mode 0600, made once, and the same key afterwards; a file that is no key is refused."""
    path = tmp_path / "secret.key"
    sealed = SecretBox.at(path).seal("x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SecretBox.at(path).unseal(sealed) == "x"
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]
    SecretBox._make(path)
    assert SecretBox.at(path).unseal(sealed) == "x"
    path.write_text("no key")
    with pytest.raises(MetadataError, match=r"is not a key"):
        SecretBox.at(path)
    with pytest.raises(MetadataError, match=r"nowhere/secret.key cannot be used: No such file"):
        SecretBox.at(tmp_path / "nowhere" / "secret.key")


def test_the_database_files_are_their_owners_alone(file_url, tmp_path):
    """Definitions and verifiers are nobody else's business, side files included."""
    with open_metadata(file_url, SecretBox.ephemeral()) as metadata:
        metadata.jobs.insert(job())
        assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_two_programs_may_change_one_job(url):
    """A change in one process is seen by the other, whatever it has remembered, and a lost race is run again."""
    box = SecretBox.ephemeral()
    with open_metadata(url, box) as one, open_metadata(url, box) as other:
        inserted = one.jobs.insert(job())
        assert other.jobs.get(inserted.id) == inserted
        raced = []

        def change(current):
            if not raced:
                raced.append(other.jobs.modify(inserted.id, lambda j: j.placed({1: 1})))
            return current.placed({0: 1})

        after = one.jobs.modify(inserted.id, change)
        assert dict(after.progress) == {0: 1, 1: 1}
        assert other.jobs.list() == [after]


def test_a_thousand_jobs_are_listed_by_one_query(url):
    """SHOW of 1,000 known jobs asks for ids and versions only, and for all of them together."""
    with open_metadata(url, SecretBox.ephemeral()) as metadata:
        for number in range(1000):
            metadata.jobs.insert(job(f"j{number}"))
        asked: list[str] = []

        def sent(_connection, _cursor, statement, *_):
            asked.append(statement)

        sa.event.listen(sa.Engine, "before_cursor_execute", sent)
        try:
            # to read the job texts again takes a hundred times as much; PyMySQL reads each row in Python
            with bounded_work((100 if url.startswith("mariadb") else 10) * 1000):
                assert len(metadata.jobs.list("db")) == 1000
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", sent)
        (query,) = (statement for statement in asked if statement != "BEGIN")
        assert re.fullmatch(r"SELECT jobs\.id, jobs\.version \s*FROM jobs .*", query, re.DOTALL)


def test_root_is_there_with_an_empty_password(url):
    """The first open makes root; opening again does not bring back what was changed."""
    with open_metadata(url, SecretBox.ephemeral()) as metadata:
        users: Users = metadata.users(Verifiers)
        assert users.verifiers("root") == Verifiers()
        assert users.verifiers("nobody") is None
        metadata.users(Verifiers).set_password("root", Verifiers(b"n" * 20, "$A$x"))
    with open_metadata(url, SecretBox.ephemeral()) as metadata:
        assert metadata.users(Verifiers).verifiers("root") == Verifiers(b"n" * 20, "$A$x")


def test_users_come_and_go(url):
    """CREATE, SET PASSWORD and DROP, with the refusals."""
    with open_metadata(url, SecretBox.ephemeral()) as metadata:
        users = metadata.users(Verifiers)
        users.create("u", Verifiers(b"1" * 20, "s"))
        assert users.names() == ["root", "u"]
        with pytest.raises(ExecutionError, match=r"user already exists"):
            users.create("u", Verifiers())
        users.create("u", Verifiers(), if_not_exists=True)
        assert users.verifiers("u") == Verifiers(b"1" * 20, "s")
        users.set_password("u", Verifiers())
        assert users.verifiers("u").empty
        users.drop("u")
        for refused in (lambda: users.drop("u"), lambda: users.set_password("u", Verifiers())):
            with pytest.raises(ExecutionError, match=r"user does not exist"):
                refused()
        users.drop("u", if_exists=True)
        with pytest.raises(ExecutionError, match=r"root cannot be dropped"):
            users.drop("root")
        with pytest.raises(ExecutionError, match=r"1 to 256"):
            users.create("", Verifiers())


def test_settings_are_kept_by_name(url):
    """The last value of a setting is kept over a restart."""
    with open_metadata(url, SecretBox.ephemeral()) as metadata:
        metadata.settings.put("label_keep_max_num", "1")
        metadata.settings.put("label_keep_max_num", "2")
    with open_metadata(url, SecretBox.ephemeral()) as metadata:
        assert metadata.settings.all() == {"label_keep_max_num": "2"}


def test_the_database_itself_refuses_a_second_live_name(url):
    """The rule stands as a constraint too, for writers that do not ask first."""
    with open_metadata(url, SecretBox.ephemeral()) as metadata:
        metadata.jobs.insert(job())
    database = Database(url)
    copy = (
        "INSERT INTO jobs (database_name, name, live_name, state, definition, record, version) "
        "SELECT database_name, name, live_name, state, definition, record, version FROM jobs"
    )
    with pytest.raises(MetadataError, match=r"IntegrityError"), database.writing() as connection:
        connection.execute(sa.text(copy))
    database.close()


def test_the_id_of_a_deleted_job_is_not_given_again(url):
    """Labels are made of ids: an id names one job for ever."""
    with open_metadata(url, SecretBox.ephemeral()) as metadata:
        first = metadata.jobs.insert(job())
        database = Database(url)
        with database.writing() as connection:
            connection.execute(sa.text("DELETE FROM jobs"))
        database.close()
        assert metadata.jobs.insert(job()).id > first.id


def test_a_change_that_always_loses_gives_up(url):
    """The number of attempts is bounded: a job that others change all the time is an error, not a loop."""
    box = SecretBox.ephemeral()
    with open_metadata(url, box) as one, open_metadata(url, box) as other:
        inserted = one.jobs.insert(job())
        attempts = []

        def change(current):
            attempts.append(other.jobs.modify(inserted.id, lambda j: j.placed({1: len(attempts)})))
            return current.placed({0: 1})

        with pytest.raises(StaleVersion):
            one.jobs.modify(inserted.id, change)
        assert len(attempts) == 20


def test_what_was_seen_last_is_not_asked_for_again(file_url):
    """A change is computed from it, and computed anew where another program was faster, or where nothing came of it."""
    box = SecretBox.ephemeral()
    with open_metadata(file_url, box) as one, open_metadata(file_url, box) as other:
        inserted = one.jobs.insert(job())
        seen: list[int] = []

        def change(current):
            seen.append(current.version)
            return current if current.progress else current.placed({0: 1})

        assert one.jobs.modify(inserted.id, change).version == 2
        assert other.jobs.modify(inserted.id, lambda j: j.placed({1: 1})).version == 3
        assert one.jobs.modify(inserted.id, change).progress == {0: 1, 1: 1}
        assert one.jobs.modify(inserted.id, lambda j: j.placed({2: 1})).version == 4
        assert seen == [1, 2, 3]


def test_a_refusal_of_what_was_seen_last_is_asked_again(file_url):
    """Another program may have changed what stood in the way."""
    box = SecretBox.ephemeral()
    with open_metadata(file_url, box) as one, open_metadata(file_url, box) as other:
        inserted = one.jobs.insert(job())
        other.jobs.modify(inserted.id, lambda j: j.placed({0: 1}))

        def change(current):
            return current.placed({1: current.progress[0]})

        assert one.jobs.modify(inserted.id, change).progress == {0: 1, 1: 1}


def test_many_jobs_are_changed_together(url):
    """Those that stay as they are, are not written; one that somebody changes meanwhile is tried again, alone."""
    box, told = SecretBox.ephemeral(), []
    with open_metadata(url, box) as one, open_metadata(url, box) as other:
        made = [one.jobs.insert(job(f"j{number}")) for number in range(4)]
        one.jobs.saved = lambda before, after: told.append((before.version, after.version))
        meanwhile = [made[2].id]

        def change(current):
            if current.id in meanwhile:
                other.jobs.modify(meanwhile.pop(), lambda j: j.placed({9: 9}))
            return current if current.id == made[0].id else current.placed({0: 1})

        done = one.jobs.modify_all([each.id for each in made], change)
        assert done == [one.jobs.get(each.id) for each in made] == other.jobs.list()
        assert [each.version for each in done] == [1, 2, 3, 2]
        assert [dict(each.progress) for each in done] == [{}, {0: 1}, {0: 1, 9: 9}, {0: 1}]
        assert told == [(1, 2), (1, 2), (2, 3)]
        with pytest.raises(JobNotFound):
            one.jobs.modify_all([JobId(99)], change)


def test_what_is_remembered_is_bounded_and_never_older(file_url, monkeypatch):
    """A full memory starts anew; a reader that comes late does not bring an old version back."""
    monkeypatch.setattr("routine_load.store.jobs.CACHED_MAX", 2)
    with open_metadata(file_url, SecretBox.ephemeral()) as metadata:
        kept = [metadata.jobs.insert(job(f"j{number}")) for number in range(5)]
        assert len(metadata.jobs._cache) <= 2
        assert metadata.jobs.list() == kept
        newest = metadata.jobs.save(kept[0].placed({0: 1}))
        metadata.jobs._remember(kept[0])
        assert metadata.jobs.get(newest.id) == newest


def test_failures_of_the_database_name_their_cause_without_values(file_url):
    """The driver's first line is told; statements and values are not."""
    database = Database(file_url)
    with pytest.raises(MetadataError, match=r"no such table: nowhere") as failed, database.reading() as connection:
        connection.execute(sa.text("SELECT :secret FROM nowhere"), {"secret": "canary"})
    database.close()
    assert "canary" not in str(failed.value) + str(failed.value.__cause__)
