"""Users and privileges through the door of a whole service: who comes in, who is shown out, what is refused."""

from __future__ import annotations

import itertools

import pymysql
import pytest
from pymysql.constants import CLIENT

from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings

NAMES = (f"guest{n}" for n in itertools.count())


class House:
    """A coordinator with an open MySQL door."""

    def __init__(self, directory) -> None:
        self.coordinator = Coordinator(Settings(data_dir=directory, mysql_port=0, http_port=None))
        self.coordinator.start()
        self.port = self.coordinator.ports[0]
        self.root = self.connect("root")
        ask(self.root, "CREATE DATABASE d")
        ask(self.root, "CREATE TABLE d.t (id INT) DUPLICATE KEY(id)")
        ask(self.root, "CREATE DATABASE other")

    def connect(self, user, password="", **more) -> pymysql.Connection:
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user=user, password=password, autocommit=True, connect_timeout=10, **more
        )

    def guest(self, password="") -> str:
        name = next(NAMES)
        ask(self.root, f"CREATE USER {name} IDENTIFIED BY '{password}'" if password else f"CREATE USER {name}")
        return name


def ask(connection, text, *values):
    with connection.cursor() as cursor:
        cursor.execute(text, values or None)
        return cursor.fetchall()


def refused(connection, text) -> tuple[int, str]:
    with pytest.raises(pymysql.MySQLError) as caught:
        ask(connection, text)
    return caught.value.args


def lost(connection) -> bool:
    """The server ended it: the next statement finds nobody."""
    with pytest.raises(pymysql.MySQLError) as caught:
        ask(connection, "SELECT 1")
    return caught.value.args[0] in {2006, 2013}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    made = House(tmp_path_factory.mktemp("users"))
    yield made
    made.root.close()
    made.coordinator.stop()


def test_a_new_user_comes_in_and_sees_nothing(house):
    """StarRocks, Doris: SELECT 1 and information_schema are for everybody, all else is granted."""
    with house.connect(house.guest("pw"), "pw") as connection:
        assert ask(connection, "SELECT 1") == ((1,),)
        assert ask(connection, "SHOW DATABASES") == (("information_schema",),)
        assert ask(connection, "SELECT schema_name FROM information_schema.schemata") == (("information_schema",),)
        number, text = refused(connection, "SELECT * FROM d.t")
        assert (number, text.partition(" for this")[0]) == (
            5203,
            "Access denied; you need (at least one of) the SELECT privilege(s) on TABLE t",
        )


def test_the_address_of_the_client_is_in_the_refusal_of_doris(house):
    """Doris: '...' command denied to user 'u'@'address' for table 'db: t', error 1142."""
    user = house.guest()
    with house.connect(user) as connection:
        ask(connection, "SET compat = 'doris'")
        assert refused(connection, "INSERT INTO d.t VALUES (1)") == (
            1142,
            f"errCode = 2, detailMessage = LOAD command denied to user '{user}'@'127.0.0.1' for table 'd: t'",
        )


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "10.%", ""])
def test_a_host_is_refused_not_ignored(house, host):
    """'u'@'host' would promise a check that nobody makes; no account is made."""
    name = next(NAMES)
    assert "known by their name alone" in refused(house.root, f"CREATE USER '{name}'@'{host}'")[1]
    with pytest.raises(pymysql.MySQLError) as caught:
        house.connect(name)
    assert caught.value.args[0] == 1045


def test_a_user_from_any_host_comes_from_this_one(house):
    """'u'@'%' and u are one account."""
    name = next(NAMES)
    ask(house.root, f"CREATE USER '{name}'@'%' IDENTIFIED BY 'x'")
    ask(house.root, f"GRANT SELECT ON d.t TO {name}")
    with house.connect(name, "x") as connection:
        assert ask(connection, "SELECT current_user()") == ((f"'{name}'@'%'",),)
        assert ask(connection, "SELECT * FROM d.t") == ()


def test_a_database_at_login_needs_a_privilege_in_it(house):
    """StarRocks: ANY on the database; the same words whether it is there or not."""
    user = house.guest()
    said = []
    for database in ("d", "nowhere"):
        with pytest.raises(pymysql.MySQLError) as caught:
            house.connect(user, database=database)
        said.append((caught.value.args[0], caught.value.args[1].replace(f"DATABASE {database} ", "")))
    assert said[0] == said[1]
    assert said[0][0] == 5203
    ask(house.root, f"GRANT SELECT ON d.t TO {user}")
    with house.connect(user, database="d") as connection:
        assert ask(connection, "SHOW TABLES") == (("t",),)
        with pytest.raises(pymysql.MySQLError):
            connection.select_db("other")


def test_several_statements_are_refused_one_by_one(house):
    """Multi-statements: those before the refused one are done, those after are not."""
    user = house.guest()
    ask(house.root, f"GRANT INSERT ON d.t TO {user}")
    with house.connect(user, client_flag=CLIENT.MULTI_STATEMENTS) as connection:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO d.t VALUES (7); SELECT * FROM d.t; INSERT INTO d.t VALUES (8)")
            with pytest.raises(pymysql.MySQLError) as caught:
                cursor.nextset()
        assert caught.value.args[0] == 5203
    assert ask(house.root, "SELECT id FROM d.t") == ((7,),)
    ask(house.root, "TRUNCATE TABLE d.t")


def test_a_revoke_reaches_an_open_connection(house):
    """The next statement of a connection asks anew."""
    user = house.guest()
    ask(house.root, f"GRANT SELECT ON d.t TO {user}")
    with house.connect(user) as connection:
        assert ask(connection, "SELECT * FROM d.t") == ()
        ask(house.root, f"REVOKE SELECT ON d.t FROM {user}")
        assert refused(connection, "SELECT * FROM d.t")[0] == 5203
        ask(house.root, f"GRANT SELECT ON d.t TO {user}")
        assert ask(connection, "SELECT * FROM d.t") == ()


def test_a_dropped_user_is_shown_out(house):
    """DROP USER ends the connections of the user, and nobody comes in by that name."""
    user = house.guest("pw")
    first, second = house.connect(user, "pw"), house.connect(user, "pw")
    ask(house.root, f"DROP USER {user}")
    assert lost(first)
    assert lost(second)
    with pytest.raises(pymysql.MySQLError) as caught:
        house.connect(user, "pw")
    assert caught.value.args[0] == 1045


def test_a_new_password_shows_the_others_out(house):
    """Who sets it stays; what came in by the old one does not, and the old one is no good any more."""
    user = house.guest("old")
    first, second = house.connect(user, "old"), house.connect(user, "old")
    ask(first, "SET PASSWORD = PASSWORD('new')")
    assert ask(first, "SELECT 1") == ((1,),)
    assert lost(second)
    with pytest.raises(pymysql.MySQLError):
        house.connect(user, "old")
    house.connect(user, "new").close()
    first.close()


def test_processes_of_others_are_seen_and_ended_by_who_operates(house):
    """StarRocks: OPERATE ON SYSTEM for SHOW PROCESSLIST and KILL of others."""
    user, victim = house.guest(), house.guest()
    with house.connect(user) as connection:
        target = house.connect(victim)
        assert {row[2] for row in ask(connection, "SHOW PROCESSLIST")} == {user}
        assert refused(connection, f"KILL {target.thread_id()}")[0] == 1095
        ask(house.root, f"GRANT OPERATE ON SYSTEM TO {user}")
        assert {user, victim, "root"} <= {row[2] for row in ask(connection, "SHOW PROCESSLIST")}
        ask(connection, f"KILL {target.thread_id()}")
        assert lost(target)
