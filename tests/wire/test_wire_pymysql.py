"""The MySQL door as PyMySQL sees it."""

from __future__ import annotations

import ssl
from datetime import date, datetime, timedelta
from decimal import Decimal

import pymysql
import pytest
from pymysql.constants import CLIENT, COMMAND
from structlog.testing import capture_logs


def connect(door, user="root", password="", **more):
    return pymysql.connect(host="127.0.0.1", port=door.port, user=user, password=password, connect_timeout=10, **more)


def rows(connection, text):
    with connection.cursor() as cursor:
        cursor.execute(text)
        return cursor.fetchall()


def unverified():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_root_without_password(plain_door):
    """Root enters without a password and learns the vendor's version."""
    with connect(plain_door) as connection:
        assert connection.get_server_info() == "8.0.33"
        assert rows(connection, "SELECT 1") == ((1,),)


@pytest.mark.parametrize("over_tls", [False, True])
def test_password_by_full_then_fast_authentication(open_door, tls_files, over_tls):
    """A password is taken by RSA or inside TLS the first time, and by its cached proof the second."""
    door = open_door(tls=tls_files)
    for _ in range(2):
        with connect(
            door, "ann", "s3cret", **({"ssl": unverified()} if over_tls else {"ssl_disabled": True})
        ) as connection:
            assert rows(connection, "SELECT 1") == ((1,),)
            assert (connection._secure) is over_tls


def test_certificate_is_verifiable(tls_door, certificate):
    """The certificate made on first start can be pinned, and names the loopback."""
    context = ssl.create_default_context(cafile=str(certificate))
    with connect(tls_door, "ann", "s3cret", ssl=context) as connection:
        assert rows(connection, "SELECT 1") == ((1,),)


@pytest.mark.parametrize(("user", "password"), [("root", ""), ("ann", "s3cret")])
def test_native_password_clients(plain_door, monkeypatch, user, password):
    """A client that insists on mysql_native_password is switched to it."""
    original = pymysql.connections.Connection._get_server_information

    def insist(self):
        original(self)
        self._auth_plugin_name = "mysql_native_password"

    monkeypatch.setattr(pymysql.connections.Connection, "_get_server_information", insist)
    with connect(plain_door, user, password) as connection:
        assert rows(connection, "SELECT 1") == ((1,),)
    with pytest.raises(pymysql.OperationalError, match="Access denied"):
        connect(plain_door, user, "wrong")


@pytest.mark.parametrize("user", ["ann", "root", "nobody"])
def test_wrong_password_and_unknown_user_look_alike(plain_door, user):
    """A wrong password and an unknown user get the same error."""
    with pytest.raises(pymysql.OperationalError) as caught:
        connect(plain_door, user, "wrong")
    assert caught.value.args == (1045, f"Access denied for user '{user}' (using password: YES)")


def test_missing_password(plain_door):
    """A user with a password does not enter without it, and neither does an unknown one."""
    for user in ("ann", "nobody"):
        with pytest.raises(pymysql.OperationalError) as caught:
            connect(plain_door, user)
        assert caught.value.args == (1045, f"Access denied for user '{user}' (using password: NO)")


def test_changed_password_ends_the_fast_path(plain_door):
    """Once a password is changed, the old one is refused even though it was cached."""
    with connect(plain_door, "ann", "s3cret"):
        pass
    plain_door.users.known["ann"] = plain_door.users.known["bob"]
    with pytest.raises(pymysql.OperationalError, match="1045"):
        connect(plain_door, "ann", "s3cret")
    with connect(plain_door, "ann", "other") as connection:
        assert rows(connection, "SELECT 1") == ((1,),)


def test_types(plain_door):
    """Every result type arrives as the Python type a user expects."""
    with connect(plain_door) as connection:
        full, empty = rows(connection, "SELECT TYPES")
    assert full == (
        1,
        -5,
        -300,
        70_000,
        2**40,
        Decimal(2**100),
        0.1,
        1.5,
        Decimal("12.50"),
        date(2024, 2, 29),
        datetime(2024, 2, 29, 23, 59, 59, 123456),
        timedelta(hours=-30, minutes=-5),
        "naïve 漢字 😀",
        '{"a": [1, 2]}',
        b"\x00\xff'\\",
        None,
    )
    assert [type(value) for value in full[:6]] == [int] * 5 + [Decimal]
    assert set(empty) == {None}


def test_errors_keep_the_connection(plain_door):
    """An error carries its number, SQLSTATE and vendor frame, and the connection goes on."""
    with connect(plain_door) as connection:
        with pytest.raises(pymysql.ProgrammingError) as caught:
            rows(connection, "SELECT wrong")
        assert caught.value.args == (1064, "Getting analyzing error. Detail message: Column 'x' cannot be resolved.")
        assert rows(connection, "SELECT 2") == ((2,),)


def test_doris_frames_errors_its_own_way(open_door):
    """In Doris mode numbers, frames and the version are those of Doris."""
    from routine_load.ids import Compat

    with connect(open_door(compat=Compat.DORIS)) as connection:
        assert connection.get_server_info() == "5.7.99"
        with pytest.raises(pymysql.MySQLError) as caught:
            rows(connection, "SELECT wrong")
        assert caught.value.args == (1105, "errCode = 2, detailMessage = Column 'x' cannot be resolved")


def test_unexpected_exceptions_tell_nothing(plain_door):
    """A fault of ours is error 1105 without its text, which is not logged either."""
    with capture_logs() as logged, connect(plain_door) as connection:
        with pytest.raises(pymysql.MySQLError) as caught:
            rows(connection, "CRASH")
        assert caught.value.args == (1105, "internal error, see the log")
        assert rows(connection, "SELECT 2") == ((2,),)
    assert "hunter2" not in str(logged)
    assert [entry["fault"] for entry in logged] == ["RuntimeError"]


def test_error_between_rows(plain_door):
    """An error that shows only while rows are read ends the result, not the connection."""
    with connect(plain_door) as connection:
        with pytest.raises(pymysql.MySQLError, match="second row is bad"):
            rows(connection, "SELECT rows_then_error")
        assert rows(connection, "SELECT 2") == ((2,),)


def test_databases(plain_door):
    """A database is chosen at login, by COM_INIT_DB, or refused with the vendor's error."""
    with connect(plain_door, database="db") as connection:
        assert rows(connection, "SELECT database()") == (("db",),)
        connection.select_db("information_schema")
        assert rows(connection, "SELECT database()") == (("information_schema",),)
        with pytest.raises(pymysql.MySQLError) as caught:
            connection.select_db("absent")
        assert caught.value.args[0] == 5501
        connection.ping(reconnect=False)
    with pytest.raises(pymysql.MySQLError) as caught:
        connect(plain_door, database="absent")
    assert caught.value.args[0] == 5501


def test_multi_statements(plain_door):
    """``a; b`` gives two results to a client that asked for multi-statements."""
    with connect(plain_door, client_flag=CLIENT.MULTI_STATEMENTS) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1; INSERT; SELECT 3")
        assert cursor.fetchall() == ((1,),)
        assert cursor.nextset()
        assert cursor.rowcount == 3
        assert cursor.nextset()
        assert cursor.fetchall() == ((3,),)
        assert not cursor.nextset()


def test_a_statement_that_fails_does_not_swallow_the_results_before_it(plain_door):
    """``a; b; c``: a's result, then b's error; c is not run."""
    with connect(plain_door, client_flag=CLIENT.MULTI_STATEMENTS) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1; NONSENSE; INSERT")
        assert cursor.fetchall() == ((1,),)
        with pytest.raises(pymysql.MySQLError, match="NONSENSE"):
            cursor.nextset()
        assert rows(connection, "SELECT 2") == ((2,),)


def test_multi_statements_must_be_asked_for(plain_door):
    """Without the capability a second statement is refused before anything runs; a trailing semicolon is not one."""
    with connect(plain_door) as connection:
        with pytest.raises(pymysql.ProgrammingError, match="one statement at a time"):
            rows(connection, "SELECT 1; SELECT 2")
        assert "SELECT 1; SELECT 2" not in plain_door.service.texts
        assert rows(connection, "SELECT 1; ") == ((1,),)


def test_empty_statement(plain_door):
    """A text without a statement is error 1065."""
    with connect(plain_door) as connection, pytest.raises(pymysql.MySQLError) as caught:
        rows(connection, " ; ")
    assert caught.value.args == (1065, "Query was empty")


@pytest.mark.parametrize("text", ["-- nothing", "/* a */;", "/*!999999\\- enable the sandbox mode */"])
def test_comments_alone(plain_door, text):
    """A text of comments is answered with OK, as MySQL does; a dump begins with some."""
    with connect(plain_door) as connection, connection.cursor() as cursor:
        assert cursor.execute(text) == 0


def test_many_rows_are_streamed(plain_door):
    """A lazy result arrives whole, in order."""
    with connect(plain_door) as connection:
        found = rows(connection, "SELECT rows 30000")
    assert len(found) == 30_000
    assert found[29_999] == (29_999, "row 29999")


def test_a_client_that_does_not_read_holds_the_rows_back(plain_door):
    """Rows are pulled only as fast as the client takes them."""
    reader = connect(plain_door)
    reader._execute_command(COMMAND.COM_QUERY, "SELECT rows 3000000")
    with connect(plain_door) as other:
        for _ in range(50):
            rows(other, "SELECT 1")
    assert plain_door.service.pulled < 3_000_000
    reader._force_close()


def test_rows_beyond_sixteen_mebibytes(plain_door):
    """A row of more than 16 MiB is split into packets and joined by the client."""
    with connect(plain_door) as connection:
        wide, end = rows(connection, "SELECT wide")
    assert len(wide[0]) == 17_000_000
    assert end == ("end",)


def test_sessions_are_given_back(plain_door):
    """Every session opened is closed when its client leaves; its connection id is the greeting's."""
    with connect(plain_door) as connection:
        assert rows(connection, "SELECT connection_id()") == ((connection.thread_id(),),)
        assert [session.user for session in plain_door.service.open_sessions] == ["root"]
    plain_door.stop(5)
    assert plain_door.service.session_closed.wait(60)
    assert not plain_door.service.open_sessions


def test_many_long_statements_keep_nobody_else_waiting(plain_door):
    """A connection that runs something takes no worker from one that comes."""
    service = plain_door.service
    busy = [connect(plain_door) for _ in range(40)]
    for connection in busy:
        connection._execute_command(COMMAND.COM_QUERY, "wait")
    assert service.entered.wait(10)
    with connect(plain_door, read_timeout=60) as connection:
        assert rows(connection, "SELECT ECHO here") == (("here",),)
    service.release.set()
    for connection in busy:
        connection._read_query_result()
        connection.close()
