"""What is wrong with a metadata URL or the database behind it is said in words, and never with the password."""

from __future__ import annotations

import socket
import traceback

import pytest

from routine_load.config import Settings
from routine_load.errors import MetadataError, MetadataUnavailable
from routine_load.store import migrate
from routine_load.store.connections import Reach, _set_up_mariadb, create_engine
from routine_load.store.database import Database
from tests.support.databases import PASSWORD, USER, free_port

WORD = "canary"


def refused(url: str) -> MetadataError:
    """The error of opening it; no password in it, nor in anything that a log prints of it."""
    with pytest.raises(MetadataError) as caught:
        Database(url)
    shown = "".join(traceback.format_exception(caught.value))
    assert WORD not in shown
    assert PASSWORD not in shown
    return caught.value


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (f"nonsense {WORD}", "the metadata URL cannot be read; allowed: sqlite:///path, postgresql://"),
        (f"postgresql://u:{WORD}@h:{WORD}/d", "the metadata URL cannot be read; allowed: "),
        (f"oracle://u:{WORD}@h/d", "no metadata lives at oracle://; allowed: "),
        (f"postgresql+asyncpg://u:{WORD}@h/d", r"no metadata lives at postgresql\+asyncpg://; allowed: "),
        (f"postgresql://u:{WORD}@h", "the metadata URL names no database; allowed: "),
        (f"mariadb://u:{WORD}@h", "the metadata URL names no database; allowed: "),
        (f"postgresql://u:{WORD}@127.0.0.1/d?nonsense=1", 'invalid connection option "nonsense"'),
        (f"mariadb://u:{WORD}@127.0.0.1/d?nonsense=1", "unexpected keyword argument 'nonsense'"),
        (f"mariadb://u:{WORD}@127.0.0.1/d?ssl_ca=/nowhere", "FileNotFoundError: .*No such file or directory"),
    ],
)
def test_a_url_that_cannot_be_used_says_what_is_allowed(url, text):
    """Scheme, driver, port, database, options of the drivers."""
    with pytest.raises(MetadataError, match=text):
        Database(url)
    refused(url)


@pytest.mark.parametrize("scheme", ["postgresql", "mariadb"])
def test_nobody_at_the_address_is_told(scheme):
    """Host, port and database by name, and what the system said; it may be back."""
    port = free_port()
    error = refused(f"{scheme}://u:{WORD}@127.0.0.1:{port}/d")
    assert isinstance(error, MetadataUnavailable)
    assert error.message.startswith(f"the metadata database {scheme}://u@127.0.0.1:{port}/d cannot be reached: ")
    assert "refused" in error.message


@pytest.mark.parametrize("scheme", ["postgresql", "mariadb"])
def test_an_address_that_is_silent_is_given_up(scheme, monkeypatch):
    """A server that takes the connection and says nothing."""
    for limit in ("CONNECT_TIMEOUT_S", "SILENCE_TIMEOUT_S"):
        monkeypatch.setattr(f"routine_load.store.connections.{limit}", 2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        error = refused(f"{scheme}://u:{WORD}@127.0.0.1:{silent.getsockname()[1]}/d")
    assert isinstance(error, MetadataUnavailable)


def test_a_wrong_password_or_database_is_told(database_server):
    """In the server's words, which name user and database."""
    database = database_server.database()
    wrong = refused(database_server.url(database, password=f"{WORD}-wrong"))
    assert USER in wrong.message
    assert "password" in wrong.message
    assert "nowhere" in refused(database_server.url("nowhere")).message


def test_a_user_who_may_not_make_tables_is_told(database_server):
    """No privilege: the server says which."""
    name = f"{database_server.database()}_poor"
    database = name.removesuffix("_poor")
    if database_server.scheme == "postgresql":
        database_server.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{WORD}'")
    else:
        database_server.execute(f"CREATE USER {name} IDENTIFIED BY '{WORD}'", f"GRANT SELECT ON {database}.* TO {name}")
    error = refused(database_server.url(database, user=name, password=WORD))
    assert "denied" in error.message


def test_a_driver_that_is_missing_is_named_with_its_remedy(monkeypatch):
    """PostgreSQL is an extra."""
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(MetadataError, match=r"pip install 'routine-load\[postgresql\]'"):
        create_engine(f"postgresql://u:{WORD}@h/d")


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+psycopg", "mariadb", "mysql", "mysql+pymysql"]
)
def test_the_usual_names_of_a_database_are_understood(scheme):
    """Whichever way somebody is used to write it."""
    engine = create_engine(f"{scheme}://u:{WORD}@h/d")
    assert engine.dialect.driver == ("psycopg" if scheme.startswith("postgres") else "pymysql")
    assert WORD not in repr(engine) + repr(engine.url)


def test_connections_are_bounded_and_all_of_them_are_used(database_server):
    """One more than there may be waits, and is refused in words; those that are given back are used again."""
    database = Database(database_server.url(database_server.database()), 2)
    database.engine.pool._timeout = 0.1
    none_free = pytest.raises(MetadataUnavailable, match=r"no connection to the metadata database .* became free")
    with database.reading(), database.reading(), none_free, database.reading():
        pytest.fail("that was a third one")
    with database.reading(), database.reading():
        pass
    database.close()


def test_every_connection_has_its_limits(database_server):
    """Statements, locks and transactions end by themselves, whatever the server is set to."""
    engine = create_engine(database_server.url(database_server.database()), Reach(statement_timeout_s=7))
    names = (
        ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "TimeZone", "synchronous_commit")
        if database_server.scheme == "postgresql"
        else ("max_statement_time", "innodb_lock_wait_timeout", "idle_transaction_timeout", "time_zone", "sql_mode")
    )
    show = "SHOW {}" if database_server.scheme == "postgresql" else "SELECT @@{}"
    with engine.connect() as connection:
        found = [str(connection.exec_driver_sql(show.format(name)).scalar_one()) for name in names]
    engine.dispose()
    if database_server.scheme == "postgresql":
        assert found == ["7s", "10s", "5s", "UTC", "on"]
    else:
        assert found[:4] == ["7.0", "10", "5", "+00:00"]
        assert "STRICT_ALL_TABLES" in found[4]


def test_a_statement_that_takes_too_long_is_ended(database_server):
    """By the server; the connection is used again."""
    engine = create_engine(database_server.url(database_server.database()), Reach(statement_timeout_s=1))
    columns = ", ".join(f"information_schema.columns {name}" for name in "abcd")
    sleep = "SELECT pg_sleep(20)" if database_server.scheme == "postgresql" else f"SELECT count(*) FROM {columns}"
    with engine.connect() as connection, pytest.raises(Exception, match=r"statement timeout|max_statement_time"):
        connection.exec_driver_sql(sleep)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
    engine.dispose()


def test_settings_that_are_printed_show_no_password(tmp_path):
    """A URL may hold one."""
    assert WORD not in repr(Settings(data_dir=tmp_path, metadata_url=f"postgresql://u:{WORD}@h/d"))


def test_migrate_names_the_revision_on_each_kind(empty_url):
    """``routine-load migrate``."""
    assert migrate(empty_url) == migrate(empty_url) != ""


def test_mysql_is_refused_by_name():
    """Its collations differ from MariaDB's; nothing is made there."""

    class MySql:
        def get_server_info(self):
            return "8.4.3"

    with pytest.raises(MetadataError, match=r"is MySQL 8\.4\.3, whose collations differ"):
        _set_up_mariadb(MySql(), Reach())
