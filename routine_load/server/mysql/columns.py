"""Result columns on the wire: owns which MySQL type each ``ResultType`` is, and how values are written.

The row encoders are mysql-mimic's (compiled) wherever they are right for us. Refuses to know where rows come from.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

from mysql_mimic.packets import make_binary_resultrow, make_text_resultset_row
from mysql_mimic.results import ResultColumn as WireColumn
from mysql_mimic.types import ColumnDefinition, ColumnType, str_len, uint_len

from routine_load.server.mysql.placeholders import duration_text
from routine_load.sql.results import ResultColumn, ResultType

_UTF8MB4_GENERAL_CI = 45
_BINARY = 63
_NO_DECIMALS = 31

Encoder = Callable[[WireColumn, Any], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class WireType:
    """A ``ResultType`` as MySQL shows it: number, display length, and encoders where mysql-mimic's do not fit."""

    number: ColumnType
    length: int
    decimals: int = 0
    charset: int = _BINARY
    text: Encoder | None = None
    binary: Encoder | None = None


def _text_int(_column: WireColumn, value: Any) -> bytes:
    return b"%d" % int(value)


def _text_float32(_column: WireColumn, value: Any) -> bytes:
    return _shortest_float32(float(value)).encode()


def _text_decimal(_column: WireColumn, value: Any) -> bytes:
    return _decimal_text(value).encode()


def _text_datetime(_column: WireColumn, value: Any) -> bytes:
    return (value.replace(tzinfo=None).isoformat(sep=" ") if isinstance(value, datetime) else str(value)).encode()


def _text_time(_column: WireColumn, value: Any) -> bytes:
    return _time_text(value).encode()


def _text_string(_column: WireColumn, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _binary_integer(layout: str) -> Encoder:
    pack = struct.Struct(layout).pack

    def encode(_column: WireColumn, value: Any) -> bytes:
        return pack(int(value))

    return encode


def _binary_float32(_column: WireColumn, value: Any) -> bytes:
    return struct.pack("<f", value)


def _binary_double(_column: WireColumn, value: Any) -> bytes:
    return struct.pack("<d", value)


def _binary_decimal(_column: WireColumn, value: Any) -> bytes:
    return bytes(str_len(_decimal_text(value).encode()))


def _binary_string(column: WireColumn, value: Any) -> bytes:
    return bytes(str_len(_text_string(column, value)))


def _binary_datetime(_column: WireColumn, value: Any) -> bytes:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    packed = struct.pack("<HBB", value.year, value.month, value.day)
    if isinstance(value, datetime):
        packed += struct.pack("<BBB", value.hour, value.minute, value.second)
        if value.microsecond:
            packed += struct.pack("<I", value.microsecond)
    return bytes([len(packed)]) + packed


def _binary_time(_column: WireColumn, value: Any) -> bytes:
    duration = _duration(value)
    if duration is None:
        raise TypeError(f"a TIME column holds a {type(value).__name__}")
    micros = round(duration / timedelta(microseconds=1))
    seconds, rest = divmod(abs(micros), 1_000_000)
    if not micros:
        return b"\0"
    days, seconds = divmod(seconds, 86_400)
    packed = struct.pack("<BIBBB", micros < 0, days, seconds // 3600, seconds // 60 % 60, seconds % 60)
    if rest:
        packed += struct.pack("<I", rest)
    return bytes([len(packed)]) + packed


def _decimal_text(value: Any) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _time_text(value: Any) -> str:
    duration = _duration(value)
    return str(value) if duration is None else duration_text(duration)


def _duration(value: Any) -> timedelta | None:
    if isinstance(value, time):
        return timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)
    return value if isinstance(value, timedelta) else None


def _shortest_float32(value: float) -> str:
    """The shortest text that reads back as the same 32-bit float: 0.1, not 0.10000000149011612."""
    for digits in range(6, 10):
        text = f"{value:.{digits}g}"
        if struct.pack("<f", float(text)) == struct.pack("<f", value):
            return text
    return repr(value)


_TYPES = {
    ResultType.BOOLEAN: WireType(number=ColumnType.TINY, length=1, text=_text_int, binary=_binary_integer("<b")),
    ResultType.TINYINT: WireType(number=ColumnType.TINY, length=4, text=_text_int, binary=_binary_integer("<b")),
    ResultType.SMALLINT: WireType(number=ColumnType.SHORT, length=6, binary=_binary_integer("<h")),
    ResultType.INT: WireType(number=ColumnType.LONG, length=11, binary=_binary_integer("<i")),
    ResultType.BIGINT: WireType(number=ColumnType.LONGLONG, length=20, binary=_binary_integer("<q")),
    ResultType.LARGEINT: WireType(number=ColumnType.NEWDECIMAL, length=40, text=_text_decimal, binary=_binary_decimal),
    ResultType.FLOAT: WireType(
        number=ColumnType.FLOAT, length=12, decimals=_NO_DECIMALS, text=_text_float32, binary=_binary_float32
    ),
    ResultType.DOUBLE: WireType(
        number=ColumnType.DOUBLE, length=22, decimals=_NO_DECIMALS, text=_text_string, binary=_binary_double
    ),
    ResultType.DECIMAL: WireType(number=ColumnType.NEWDECIMAL, length=67, text=_text_decimal, binary=_binary_decimal),
    ResultType.DATE: WireType(number=ColumnType.DATE, length=10, binary=_binary_datetime),
    ResultType.DATETIME: WireType(
        number=ColumnType.DATETIME, length=26, decimals=6, text=_text_datetime, binary=_binary_datetime
    ),
    ResultType.TIME: WireType(number=ColumnType.TIME, length=17, decimals=6, text=_text_time, binary=_binary_time),
    ResultType.VARCHAR: WireType(
        number=ColumnType.VAR_STRING, length=65_533 * 4, charset=_UTF8MB4_GENERAL_CI, binary=_binary_string
    ),
    ResultType.JSON: WireType(
        number=ColumnType.JSON, length=0xFFFFFFFF, charset=_UTF8MB4_GENERAL_CI, binary=_binary_string
    ),
    ResultType.BLOB: WireType(number=ColumnType.BLOB, length=0xFFFFFF, text=_text_string, binary=_binary_string),
    ResultType.NULL: WireType(number=ColumnType.NULL, length=0, text=_text_string, binary=_binary_string),
}
assert set(_TYPES) == set(ResultType), "a result type has no wire type"


class RowEncoder:
    """Rows of one result, as payloads of the text or the binary protocol."""

    def __init__(self, columns: Sequence[ResultColumn], *, binary: bool) -> None:
        self._columns = [_wire_column(column) for column in columns]
        self._binary = binary

    def encode(self, rows: Sequence[Sequence[Any]]) -> list[bytes]:
        """Raises ValueError, TypeError, struct.error or UnicodeError for a value that its column cannot hold."""
        if self._binary:
            return [make_binary_resultrow(row, self._columns) for row in rows]
        return [make_text_resultset_row(row, self._columns) for row in rows]


def column_definition(column: ResultColumn, *, field_list: bool = False) -> bytes:
    """ColumnDefinition41."""
    wire = _TYPES[column.type]
    name = str_len(column.name.encode(errors="replace"))
    flags = ColumnDefinition.BINARY_FLAG | ColumnDefinition.BLOB_FLAG if column.type is ResultType.BLOB else 0
    decimals = column.scale if column.type is ResultType.DECIMAL else wire.decimals
    fixed = struct.pack("<HIBHBH", wire.charset, wire.length, wire.number, flags, decimals, 0)
    empty = str_len(b"")
    return b"".join(
        [str_len(b"def"), empty, empty, empty, name, name, uint_len(len(fixed)), fixed, b"\xfb" if field_list else b""]
    )


def _wire_column(column: ResultColumn) -> WireColumn:
    wire = _TYPES[column.type]
    return WireColumn(column.name, wire.number, text_encoder=wire.text, binary_encoder=wire.binary)
