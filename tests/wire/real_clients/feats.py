"""What every client is asked to do, in groups; a group's feats run in this order on one session.

A feat is a function of a talk; its docstring's first words, up to the full stop, are its line on the page.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from real_clients.session import NASTY, Login, Refused, Talk
from routine_load.ids import Compat

PASSWORD = 's3cret & "x;'
KINDS = {
    "id": "int",
    "c_boolean": "boolean",
    "c_tinyint": "tinyint",
    "c_smallint": "smallint",
    "c_int": "int",
    "c_bigint": "bigint",
    "c_largeint": "largeint",
    "c_float": "float",
    "c_double": "double",
    "c_decimal": "decimal",
    "c_date": "date",
    "c_datetime": "datetime",
    "c_char": "char",
    "c_varchar": "varchar",
    "c_string": "string",
    "c_json": "json",
    "c_array": "array",
}


@dataclass(frozen=True, slots=True)
class Feat:
    group: str
    line: str
    do: Callable[[Talk], None]
    family: str = ""


FEATS: list[Feat] = []


def feat(group: str, family: str = "") -> Callable[[Callable[[Talk], None]], Callable[[Talk], None]]:
    def kept(do: Callable[[Talk], None]) -> Callable[[Talk], None]:
        FEATS.append(Feat(group, (do.__doc__ or "").partition(".")[0], do, family))
        return do

    return kept


def told(talk: Talk, value: Any) -> Any:
    """A value as this client shows it."""
    if not talk.client.is_terminal:
        return value
    if value is None:
        return talk.client.null
    return str(int(value)) if isinstance(value, bool) else str(value)


def same(talk: Talk, found: list[tuple[Any, ...]], wanted: list[tuple[Any, ...]]) -> None:
    """Equal in value, and in type where the client has types."""
    shown = [tuple(told(talk, value) for value in row) for row in wanted]
    assert found == shown
    if not talk.client.is_terminal:
        kinds = [[_kind(value) for value in row] for row in found]
        assert kinds == [[_kind(value) for value in row] for row in shown]


def _kind(value: Any) -> type:
    return int if isinstance(value, bool) else type(value)


def _comes_in(talk: Talk, login: Login, user: str = "root") -> None:
    session = talk.client.connect(talk.place, login)
    try:
        assert session.rows("SELECT CURRENT_USER()") == [(f"'{user}'@'%'",)]
        assert session.encrypted() is bool(login.tls)
    finally:
        session.close()


def _is_refused(talk: Talk, login: Login) -> Refused:
    try:
        talk.client.connect(talk.place, login).close()
    except Refused as refused:
        return refused
    raise AssertionError("it came in")


CONNECT = "Connecting"


@feat(CONNECT)
def no_password(talk: Talk) -> None:
    """Without a password."""
    _comes_in(talk, Login())


@feat(CONNECT)
def password(talk: Talk) -> None:
    """With a password (caching_sha2_password). Twice: by its key, and by what the server keeps of it then."""
    user = f"new_{uuid.uuid4().hex[:8]}"
    talk.seen(f"CREATE USER '{user}' IDENTIFIED BY '{PASSWORD}'")
    for _ in range(2):
        _comes_in(talk, Login(user=user, password=PASSWORD), user)
    talk.seen(f"DROP USER '{user}'")


@feat(CONNECT)
def native_password(talk: Talk) -> None:
    """mysql_native_password."""
    _comes_in(talk, Login(user="ann", password=PASSWORD, native=True), "ann")


@feat(CONNECT)
def tls(talk: Talk) -> None:
    """TLS."""
    _comes_in(talk, Login(user="ann", password=PASSWORD, tls="on"), "ann")


@feat(CONNECT)
def tls_verified(talk: Talk) -> None:
    """TLS with a verified certificate."""
    _comes_in(talk, Login(user="ann", password=PASSWORD, tls="verified"), "ann")


@feat(CONNECT)
def wrong_password(talk: Talk) -> None:
    """A wrong password is error 1045."""
    refused = _is_refused(talk, Login(user="ann", password="wrong"))
    assert refused.number == 1045
    assert refused.sqlstate in (None, "28000")
    assert "Access denied for user 'ann'" in refused.text


@feat(CONNECT)
def database_at_login(talk: Talk) -> None:
    """A database at login."""
    session = talk.client.connect(talk.place, Login(database="shop"))
    assert session.rows("SELECT DATABASE()") == [("shop",)]
    session.close()


@feat(CONNECT)
def unknown_database(talk: Talk) -> None:
    """An unknown database is refused."""
    refused = _is_refused(talk, Login(database="nowhere"))
    assert refused.number == (5501 if talk.place.compat is Compat.STARROCKS else 1049)


@feat(CONNECT)
def killed(talk: Talk) -> None:
    """A killed connection is noticed, a new one works."""
    session = talk.client.connect(talk.place, Login())
    [[number]] = session.rows("SELECT CONNECTION_ID()")
    talk.seen(f"KILL {number}")
    assert not session.alive()
    session.close()
    _comes_in(talk, Login())


TALK = "Talking"
_OWN_WAY = ("c_float", "c_json", "c_array")
"""Four bytes of a FLOAT have no short form outside of a text; documents are compared as text."""


@feat(TALK)
def use(talk: Talk) -> None:
    """USE."""
    talk.session.use("information_schema")
    assert talk.session.rows("SELECT DATABASE()") == [("information_schema",)]
    talk.session.use("shop")
    assert talk.session.rows("SELECT DATABASE()") == [("shop",)]


@feat(TALK)
def error(talk: Talk) -> None:
    """An error has its number and text, and the session goes on."""
    wanted = {
        Compat.STARROCKS: (1064, "Getting analyzing error. Detail message: Column 'nope' cannot be resolved."),
        Compat.DORIS: (1105, "errCode = 2, detailMessage = Unknown column 'nope' in 'table list'"),
    }
    number, text = wanted[talk.place.compat]
    refused = _failing(talk, "SELECT nope FROM shop.kinds")
    assert refused.number == number
    assert text in refused.text
    same(talk, talk.session.rows("SELECT 1"), [(1,)])


@feat(TALK)
def sqlstate(talk: Talk) -> None:
    """SQLSTATE."""
    assert _failing(talk, "SELECT @@nope").sqlstate == "HY000"


def _failing(talk: Talk, text: str) -> Refused:
    try:
        talk.session.rows(text)
    except Refused as refused:
        return refused
    raise AssertionError("it was answered")


@feat(TALK)
def several(talk: Talk) -> None:
    """Several statements in one text."""
    found = talk.session.several("SELECT 1; SET @x = 5; SELECT @x")
    assert [[tuple(map(str, row)) for row in rows] for rows in found] == [[("1",)], [("5",)]]


@feat(TALK)
def parameters(talk: Talk) -> None:
    """Parameters."""
    assert talk.session.parameters("SELECT ?, ?, ?", [NASTY, 7, None]) == [(NASTY, 7, None)]


@feat(TALK)
def prepared(talk: Talk) -> None:
    """Server-side prepared statement."""
    for _ in range(2):
        assert talk.session.prepared("SELECT ?, ?", [NASTY, 7]) == [(NASTY, 7)]
        wanted = {name: value for name, value in zip(KINDS, ROW, strict=True) if name not in _OWN_WAY}
        same(
            talk,
            talk.session.prepared(f"SELECT {', '.join(wanted)} FROM kinds WHERE id = ?", [1]),
            [tuple(wanted.values())],
        )


@feat(TALK)
def affected(talk: Talk) -> None:
    """Affected rows."""
    table = f"shop.affected_{abs(hash(talk.client.name))}"
    talk.seen(f"CREATE TABLE {table} (a INT) DUPLICATE KEY(a) DISTRIBUTED BY HASH(a) BUCKETS 1")
    assert talk.session.affected(f"INSERT INTO {table} VALUES (1), (2), (3)") == 3
    talk.seen(f"DROP TABLE {table}")


@feat(TALK)
def transaction(talk: Talk) -> None:
    """Autocommit off, COMMIT, ROLLBACK."""
    talk.session.transaction()


@feat(TALK)
def compat(talk: Talk) -> None:
    """SET compat."""
    other = next(each for each in Compat if each is not talk.place.compat)
    talk.session.rows(f"SET compat = '{other}'")
    assert talk.session.rows("SELECT @@compat") == [(str(other),)]
    talk.session.rows(f"SET compat = '{talk.place.compat}'")


LOOK = "Looking around"


@feat(LOOK)
def databases(talk: Talk) -> None:
    """Lists databases."""
    assert {"information_schema", "shop"} <= set(talk.session.databases())


@feat(LOOK)
def tables(talk: Talk) -> None:
    """Lists tables."""
    assert {"kinds", "loaded"} <= set(talk.session.tables("shop"))


@feat(LOOK)
def columns(talk: Talk) -> None:
    """Describes a table of all types."""
    found = talk.session.columns("shop", "kinds")
    others = talk.client.type_names
    kinds = KINDS | ({"c_string": "text"} if talk.place.compat is Compat.DORIS else {})
    names = {name: others.get(f"{name} ({talk.place.compat})", others.get(name, kind)) for name, kind in kinds.items()}
    assert {name: kind.split("(")[0].split("<")[0] for name, kind in found.items()} == names


@feat(LOOK)
def create_table(talk: Talk) -> None:
    """SHOW CREATE TABLE."""
    [(name, text)] = talk.session.rows("SHOW CREATE TABLE shop.kinds")
    assert name == "kinds"
    assert "DISTRIBUTED BY HASH(`id`) BUCKETS 1" in text


@feat(LOOK)
def schema(talk: Talk) -> None:
    """information_schema."""
    text = "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'shop'"
    assert ("kinds", "BASE TABLE") in talk.session.rows(text)


@feat(LOOK)
def show_variables(talk: Talk) -> None:
    """SHOW VARIABLES."""
    assert (
        talk.session.rows("SHOW VARIABLES LIKE 'version'")[0][1]
        == ("8.0.33", "5.7.99")[list(Compat).index(talk.place.compat)]
    )


READ = "Reading rows"
ROW = (
    *(1, True, -128, -32768, -(2**31), -(2**63), Decimal(-(2**127)), 0.1, 2.5e300),
    *(Decimal("1234567890123456789012345678.0123456789"), date(2024, 2, 29)),
    *(
        datetime(2024, 2, 29, 23, 59, 59, 123456),
        "naïve",
        "漢字 😀",
        "tab\tline\nback\\",
        '{"a": [1, null]}',
        "[1,null,3]",
    ),
)


def _reads(talk: Talk, *columns: str) -> None:
    wanted = dict(zip(KINDS, ROW, strict=True))
    nothing = (None,) * len(columns)
    found = talk.session.rows(f"SELECT {', '.join(columns)} FROM shop.kinds ORDER BY id")
    same(talk, found, [tuple(wanted[column] for column in columns), nothing])


@feat(READ)
def integers(talk: Talk) -> None:
    """BOOLEAN, TINYINT to BIGINT."""
    _reads(talk, "c_boolean", "c_tinyint", "c_smallint", "c_int", "c_bigint")


@feat(READ)
def largeint(talk: Talk) -> None:
    """LARGEINT, as a decimal of scale 0."""
    _reads(talk, "c_largeint")


@feat(READ)
def fractions(talk: Talk) -> None:
    """FLOAT, DOUBLE, DECIMAL(38, 10)."""
    _reads(talk, *(column for column in ("c_float", "c_double", "c_decimal")))


@feat(READ)
def moments(talk: Talk) -> None:
    """DATE, DATETIME with microseconds."""
    _reads(talk, "c_date", "c_datetime")


@feat(READ)
def texts(talk: Talk) -> None:
    """CHAR, VARCHAR, STRING beyond ASCII."""
    _reads(talk, "c_char", "c_varchar")
    [[found]] = talk.session.rows("SELECT c_string FROM shop.kinds WHERE id = 1")
    assert found in (ROW[14], talk.client.is_terminal and r"tab\tline\nback" + "\\")


@feat(READ)
def documents(talk: Talk) -> None:
    """JSON and ARRAY, as text. Doris prints the elements of an array with blanks."""
    [found] = talk.session.rows("SELECT c_json, c_array FROM shop.kinds WHERE id = 1")
    array = "[1, null, 3]" if talk.place.compat is Compat.DORIS else "[1,null,3]"
    assert [str(value) for value in found] == ['{"a": [1, null]}', array]


@feat(READ)
def binary(talk: Talk) -> None:
    """VARBINARY."""
    [[found]] = talk.session.rows("SELECT b FROM shop.bytes WHERE id = 1")
    assert found == (talk.client.binary if talk.client.is_terminal else b"\x00\xff'\\")


@feat(READ)
def nothing(talk: Talk) -> None:
    """A result without rows has its columns."""
    assert talk.session.rows("SELECT id, c_int FROM shop.kinds WHERE id = 99") == []
    if not talk.client.is_terminal:
        assert talk.session.names("SELECT id, c_int FROM shop.kinds WHERE id = 99") == ["id", "c_int"]


@feat(READ)
def large(talk: Talk) -> None:
    """A result of 5 MB."""
    found = talk.session.rows("SELECT a.id, repeat('x', 5000) FROM shop.kinds a, shop.thousand b WHERE a.id = 1")
    assert len(found) == 1000
    assert {len(text) for _, text in found} == {5000}
