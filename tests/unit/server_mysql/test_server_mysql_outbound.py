"""What the server sends: error texts, OK messages and column values."""

from __future__ import annotations

import struct
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest
from mysql_mimic.types import Capabilities

from routine_load.server.mysql import outbound
from routine_load.server.mysql.columns import RowEncoder, column_definition
from routine_load.sql.results import ResultColumn, ResultType


def as_text(kind, value):
    return RowEncoder([ResultColumn("c", kind)], binary=False).encode([(value,)])[0][1:]


def as_binary(kind, value):
    return RowEncoder([ResultColumn("c", kind)], binary=True).encode([(value,)])[0][2:]


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        (ResultType.BOOLEAN, True, b"1"),
        (ResultType.TINYINT, -128, b"-128"),
        (ResultType.FLOAT, struct.unpack("<f", struct.pack("<f", 3.4e38))[0], b"3.4e+38"),
        (ResultType.FLOAT, 16777216.0, b"16777216"),
        (ResultType.DOUBLE, 0.1, b"0.1"),
        (ResultType.DECIMAL, Decimal("1E+3"), b"1000"),
        (ResultType.DECIMAL, Decimal("0.00"), b"0.00"),
        (ResultType.LARGEINT, -(2**127), str(-(2**127)).encode()),
        (ResultType.DATETIME, datetime(2024, 1, 1), b"2024-01-01 00:00:00"),
        (ResultType.DATE, date(2024, 1, 1), b"2024-01-01"),
        (ResultType.TIME, time(1, 2, 3, 4), b"01:02:03.000004"),
        (ResultType.TIME, timedelta(hours=838), b"838:00:00"),
        (ResultType.VARCHAR, 5, b"5"),
        (ResultType.BLOB, b"\0\xff", b"\0\xff"),
    ],
)
def test_text_values(kind, value, written):
    """Values are written as MySQL writes them."""
    assert as_text(kind, value) == written


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        (ResultType.BOOLEAN, True, b"\x01"),
        (ResultType.TINYINT, 5, b"\x05"),
        (ResultType.TINYINT, -5, b"\xfb"),
        (ResultType.BIGINT, -1, b"\xff" * 8),
        (ResultType.DATE, date(2024, 2, 29), b"\x04\xe8\x07\x02\x1d"),
        (ResultType.DATETIME, datetime(2024, 2, 29), b"\x07\xe8\x07\x02\x1d\0\0\0"),
        (ResultType.TIME, timedelta(), b"\0"),
        (ResultType.TIME, timedelta(hours=-30), b"\x08\x01\x01\0\0\0\x06\0\0"),
        (ResultType.DECIMAL, Decimal("1.50"), b"\x041.50"),
        (ResultType.JSON, "{}", b"\x02{}"),
    ],
)
def test_binary_values(kind, value, written):
    """The binary protocol has its own layout for each type."""
    assert as_binary(kind, value) == written


@pytest.mark.parametrize(("kind", "value"), [(ResultType.TINYINT, 300), (ResultType.BIGINT, 2**63)])
def test_values_out_of_range(kind, value):
    """A value that its column cannot hold is an error, not another value."""
    with pytest.raises(struct.error):
        as_binary(kind, value)


@pytest.mark.parametrize("kind", ResultType)
def test_every_type_can_be_null(kind):
    """NULL is its own mark in both protocols, and every type has a definition."""
    columns = [ResultColumn("c", kind)]
    assert RowEncoder(columns, binary=False).encode([(None,)]) == [b"\xfb"]
    assert RowEncoder(columns, binary=True).encode([(None,)]) == [b"\0\x04"]
    assert column_definition(columns[0]).startswith(b"\x03def\0\0\0\x01c\x01c\x0c")


def test_error_cannot_drive_a_terminal():
    """Control characters in a message are shown, not sent; lines may break."""
    payload = outbound.error(1105, "HY000", "red \x1b[31m\nnext\tcolumn 漢")
    assert payload == b"\xff\x51\x04#HY000red \\x1b[31m\nnext\tcolumn " + "漢".encode()


def test_messages_are_bounded():
    """No error is longer than 64 KiB."""
    assert len(outbound.error(1105, "HY000", "x" * 1_000_000)) < 70_000


def test_eof_in_both_forms():
    """With DEPRECATE_EOF the end of rows is an OK with header 0xFE."""
    assert outbound.eof(Capabilities(0)) == b"\xfe\0\0\0\0"
    assert outbound.eof(Capabilities.CLIENT_DEPRECATE_EOF) == b"\xfe\0\0\0\0\0\0"
