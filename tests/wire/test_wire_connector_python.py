"""The MySQL door as mysql-connector-python sees it, both its pure and its compiled (libmysqlclient) client."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

mysql_connector = pytest.importorskip("mysql.connector")

TRICKY = 'it\'s \\ "quoted" `x` ? -- # /* \n\r\0\x1a 漢字'


def implementations():
    return [True, False] if mysql_connector.HAVE_CEXT else [True]


@pytest.fixture(params=implementations(), ids=lambda pure: "pure" if pure else "compiled")
def connect(request):
    def build(door, user="root", password="", **more):
        return mysql_connector.connect(
            host="127.0.0.1", port=door.port, user=user, password=password, use_pure=request.param, **more
        )

    return build


def answers(connection, text, parameters=(), **options):
    with connection.cursor(**options) as cursor:
        cursor.execute(text, parameters)
        return cursor.fetchall()


def test_login(tls_door, connect):
    """Users with and without password enter by full authentication inside TLS, and by the fast path without."""
    for user, password, tls in [
        ("root", "", False),
        ("root", "", True),
        ("ann", "s3cret", True),
        ("ann", "s3cret", False),
    ]:
        with connect(tls_door, user, password, ssl_disabled=not tls) as connection:
            assert answers(connection, "SELECT 1") == [(1,)]


def test_clear_password_outside_tls(plain_door, connect):
    """A client that would send its password in clear outside TLS (this one does) is refused, as MySQL does."""
    with pytest.raises(mysql_connector.Error) as caught:
        connect(plain_door, "ann", "s3cret")
    assert caught.value.errno == 1045


def test_wrong_password(tls_door, connect):
    """A wrong password is error 1045, and so is an unknown user."""
    for user in ("ann", "nobody"):
        with pytest.raises(mysql_connector.Error) as caught:
            connect(tls_door, user, "wrong")
        assert caught.value.errno == 1045
        assert caught.value.sqlstate == "28000"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "NULL"),
        (5, "5"),
        (-5, "-5"),
        (2**63 - 1, str(2**63 - 1)),
        (1.5, "1.5"),
        ("plain", "'plain'"),
        ("it's", "'it''s'"),
        ("back\\slash", "'back\\\\slash'"),
        (TRICKY, "'it''s \\\\ \"quoted\" `x` ? -- # /* \\n\\r\\0\\Z 漢字'"),
        (b"\xff\x00'", "X'ff0027'"),
        (date(2024, 2, 29), "'2024-02-29'"),
        (datetime(2024, 2, 29, 1, 2, 3, 4), "'2024-02-29 01:02:03.000004'"),
        (timedelta(hours=30, seconds=1), "'30:00:01'"),
    ],
)
def test_prepared_parameters(plain_door, connect, value, written):
    """A parameter of a server-side prepared statement becomes a literal that cannot break out."""
    with connect(plain_door) as connection:
        assert answers(connection, "SELECT ECHO ?", (value,), prepared=True) == [(written,)]


def test_prepared_placeholders_in_quotes_and_comments(plain_door, connect):
    """A question mark within quotes or comments is no parameter."""
    text = """SELECT ECHO '?', "?", `?`, 'it''s ?', 'a\\'?', /* ? */ ?, ? -- ?"""
    with connect(plain_door) as connection:
        found = answers(connection, text, (1, "two"), prepared=True)
    assert found == [("""'?', "?", `?`, 'it''s ?', 'a\\'?', /* ? */ 1, 'two' -- ?""",)]


def test_prepared_statement_again_and_again(plain_door, connect):
    """A prepared statement can be executed often, with other types too."""
    with connect(plain_door) as connection, connection.cursor(prepared=True) as cursor:
        for value, written in [(1, "1"), ("x", "'x'"), (None, "NULL"), (2, "2")]:
            cursor.execute("SELECT ECHO ?", (value,))
            assert cursor.fetchall() == [(written,)]


def test_prepared_results_are_typed(plain_door, connect):
    """The binary protocol carries every type."""
    with connect(plain_door) as connection:
        full, empty = answers(connection, "SELECT TYPES", prepared=True)
    assert full[:11] == (
        *(1, -5, -300, 70_000, 2**40, Decimal(2**100), pytest.approx(0.1), 1.5, Decimal("12.50")),
        *(date(2024, 2, 29), datetime(2024, 2, 29, 23, 59, 59, 123456)),
    )
    assert isinstance(full[11], timedelta)  # this client reads negative times wrongly
    assert full[12] == "naïve 漢字 😀"
    assert bytes(full[14]) == b"\x00\xff'\\"
    assert set(empty) == {None}


def test_prepared_errors(plain_door, connect):
    """An error at execution leaves the connection usable."""
    with connect(plain_door) as connection:
        with pytest.raises(mysql_connector.Error) as caught:
            answers(connection, "NONSENSE ?", (1,), prepared=True)
        assert caught.value.errno == 1064
        assert answers(connection, "SELECT 1") == [(1,)]


def test_reset_and_change_user(tls_door, connect):
    """COM_RESET_CONNECTION gives a fresh session with the same database; COM_CHANGE_USER another user's."""
    with connect(tls_door, database="db") as connection:
        connection.cmd_reset_connection()
        assert answers(connection, "SELECT database()") == [("db",)]
        assert tls_door.service.closed_sessions == 1
        connection.cmd_change_user("bob", "other", "information_schema")
        assert answers(connection, "SELECT database()") == [("information_schema",)]
        assert [session.user for session in tls_door.service.open_sessions] == ["bob"]


def test_refused_change_user_ends_the_connection(plain_door, connect):
    """A change of user with a wrong password is error 1045, and nothing more is served."""
    connection = connect(plain_door)
    with pytest.raises(mysql_connector.Error) as caught:
        connection.cmd_change_user("bob", "wrong")
    assert caught.value.errno == 1045
    with pytest.raises(mysql_connector.Error):
        connection.cmd_query("SELECT 1")
    assert "SELECT 1" not in plain_door.service.texts
    connection.close()


def test_ping_and_types(plain_door, connect):
    """Ping answers; text results carry every type."""
    with connect(plain_door) as connection:
        connection.ping()
        full, _ = answers(connection, "SELECT TYPES")
    assert full[8:11] == (Decimal("12.50"), date(2024, 2, 29), datetime(2024, 2, 29, 23, 59, 59, 123456))
