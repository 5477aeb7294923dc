"""Client packets: what is understood, and that nothing else hurts."""

from __future__ import annotations

import gc
import random
import struct
from datetime import date, datetime, timedelta

import pytest
from mysql_mimic.types import Capabilities, ColumnType

from routine_load.errors import LimitExceeded
from routine_load.server.mysql.inbound import (
    Cursor,
    MalformedPacket,
    parse_capabilities,
    parse_change_user,
    parse_execution,
    parse_login,
)
from routine_load.server.mysql.outbound import CAPABILITIES
from routine_load.server.mysql.prepared import STATEMENTS_MAX, Budget, PreparedStatements, UnknownStatement

FULL_LOGIN = (
    struct.pack("<IIB23x", CAPABILITIES, 1 << 24, 45)
    + b"ann\0\x03abc"
    + b"db\0"
    + b"caching_sha2_password\0"
    + b"\x1a\x0c_client_name\x0clibmysqlxxxx"
)


def test_login():
    """A full handshake response gives user, response, database, plug-in and attributes."""
    login = parse_login(FULL_LOGIN, CAPABILITIES)
    assert (login.user, login.response, login.database) == ("ann", b"abc", "db")
    assert login.plugin == "caching_sha2_password"
    assert login.attributes == {"_client_name": "libmysqlxxxx"}
    assert "abc" not in repr(login)


def test_login_without_extras():
    """Missing database, plug-in and attributes are None and empty, not errors."""
    login = parse_login(FULL_LOGIN[:40], CAPABILITIES)
    assert (login.database, login.plugin, login.attributes) == (None, None, {})


def test_change_user():
    """COM_CHANGE_USER may end after the database."""
    login = parse_change_user(b"bob\0\0db\0", CAPABILITIES)
    assert (login.user, login.response, login.database, login.plugin) == ("bob", b"", "db", None)
    login = parse_change_user(b"bob\0\x01xdb\0\x2d\0mysql_native_password\0", CAPABILITIES)
    assert (login.response, login.plugin) == (b"x", "mysql_native_password")


def execution(kind, data, *, unsigned=False):
    body = b"\0\x01" + bytes([kind, 0x80 if unsigned else 0]) + data
    return parse_execution(Cursor(body), 1, (), {}).values[0]


@pytest.mark.parametrize(
    ("kind", "data", "value"),
    [
        (ColumnType.TINY, b"\xff", -1),
        (ColumnType.SHORT, b"\xfe\xff", -2),
        (ColumnType.LONG, b"\xfd\xff\xff\xff", -3),
        (ColumnType.LONGLONG, b"\x01" + bytes(7), 1),
        (ColumnType.DOUBLE, struct.pack("<d", 0.1), 0.1),
        (ColumnType.FLOAT, struct.pack("<f", 0.1), 0.1),
        (ColumnType.VAR_STRING, b"\x02ab", b"ab"),
        (ColumnType.NEWDECIMAL, b"\x031.5", "1.5"),
        (ColumnType.DATE, b"\x04\xe8\x07\x02\x1d", date(2024, 2, 29)),
        (ColumnType.DATETIME, b"\x04\xe8\x07\x02\x1d", datetime(2024, 2, 29)),
        (ColumnType.DATETIME, b"\x07\xe8\x07\x02\x1d\x01\x02\x03", datetime(2024, 2, 29, 1, 2, 3)),
        (ColumnType.TIMESTAMP, b"\x0b\xe8\x07\x02\x1d\x01\x02\x03\x04\0\0\0", datetime(2024, 2, 29, 1, 2, 3, 4)),
        (ColumnType.DATETIME, b"\0", b"0000-00-00 00:00:00"),
        (ColumnType.TIME, b"\x08\x01\x01\0\0\0\x02\x03\x04", -timedelta(days=1, hours=2, minutes=3, seconds=4)),
        (ColumnType.TIME, b"\0", timedelta()),
        (ColumnType.NULL, b"", None),
    ],
)
def test_parameters(kind, data, value):
    """Each wire type of a parameter is read as its Python value."""
    assert execution(kind, data) == value


def test_unsigned_parameter():
    """The unsigned flag makes a large number of all ones."""
    assert execution(ColumnType.LONGLONG, b"\xff" * 8, unsigned=True) == 2**64 - 1


@pytest.mark.parametrize(
    ("kind", "data"),
    [(ColumnType.DATE, b"\x04\0\0\x0d\x20"), (0x42, b""), (ColumnType.LONG, b"\0"), (ColumnType.BLOB, b"\xfb")],
)
def test_broken_parameters(kind, data):
    """An impossible date, an unknown type and a short value are malformed packets."""
    with pytest.raises(MalformedPacket):
        execution(kind, data)


def test_any_bytes_parse_or_are_malformed():
    """20,000 damaged packets parse or raise MalformedPacket; nothing loops and nothing else escapes."""
    seed = 7
    chance = random.Random(seed)
    good = [FULL_LOGIN, b"\x02\0\0\0\x01\xfd\0\x03\0\x02ab\x05\0\0\0", b"bob\0\x01xdb\0\x2d\0name\0"]
    for _ in range(20_000):
        data = bytearray(chance.choice(good))
        for _ in range(chance.randrange(5)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        payload = bytes(data[: chance.randrange(len(data) + 1)])
        try:
            match chance.randrange(3):
                case 0:
                    parse_login(payload, parse_capabilities(payload) & CAPABILITIES)
                case 1:
                    parse_change_user(payload, Capabilities(chance.getrandbits(25)))
                case _:
                    parse_execution(Cursor(payload), 2, (), {})
        except MalformedPacket:
            continue


def test_prepared_statements_are_bounded():
    """A connection holds a bounded number of prepared statements, and closing one makes room."""
    prepared = PreparedStatements(100_000)
    for _ in range(STATEMENTS_MAX):
        prepared.add("SELECT ?")
    with pytest.raises(LimitExceeded, match="1024"):
        prepared.add("SELECT 1")
    prepared.close(struct.pack("<I", 1))
    assert prepared.add("SELECT 1") == (STATEMENTS_MAX + 1, 0)
    with pytest.raises(UnknownStatement):
        prepared.bind(struct.pack("<IBI", 1, 0, 1))


def test_texts_and_long_data_are_bounded_together():
    """Long data above the bound is dropped, said at the execution and forgotten after; so are texts refused."""
    prepared = PreparedStatements(20)
    prepared.add("SELECT ?")
    with pytest.raises(LimitExceeded, match="more than 20 bytes"):
        prepared.add("SELECT 123456")
    for _ in range(3):
        prepared.collect(struct.pack("<IH", 1, 0) + b"x" * 5)
    with pytest.raises(LimitExceeded, match="more than 20 bytes"):
        prepared.bind(struct.pack("<IBI", 1, 0, 1) + b"\0\x01\xfd\0")
    assert prepared.bind(struct.pack("<IBI", 1, 0, 1) + b"\0\x01\xfd\0\x01y") == "SELECT 'y'"
    assert prepared.bind(struct.pack("<IBI", 1, 0, 1) + b"\0\0\x01z") == "SELECT 'z'"
    prepared.collect(struct.pack("<IH", 1, 0) + b"x" * 5)
    prepared.close(struct.pack("<I", 1))
    prepared.add("SELECT 1234567890123")


def test_all_connections_together_have_one_budget():
    """Five hundred connections of 64 MiB each would be the machine's memory; what ends gives its share back."""
    budget = Budget(40)
    first, second, third = (PreparedStatements(30, budget) for _ in range(3))
    first.add("SELECT ?")
    first.collect(struct.pack("<IH", 1, 0) + b"x" * 20)
    with pytest.raises(LimitExceeded, match="more than 30 bytes, or all too many"):
        second.add("SELECT 123456")
    second.add("SELECT 1")
    first.reset(struct.pack("<I", 1))
    third.add("SELECT 12345678")
    assert budget.bytes == 8 + 8 + 15
    first.clear()
    del third
    gc.collect()
    assert budget.bytes == 8
    second.close(struct.pack("<I", 1))
    assert budget.bytes == 0


def test_types_must_come_once():
    """The first execution must bring types."""
    prepared = PreparedStatements(100)
    prepared.add("SELECT ?")
    with pytest.raises(MalformedPacket, match="1 parameters and 0 types"):
        prepared.bind(struct.pack("<IBI", 1, 0, 1) + b"\0\0\x01z")
