"""What clients send, parsed: owns the layout of the handshake response, COM_CHANGE_USER and COM_STMT_EXECUTE.

mysql-mimic's parsers trust their input (a name without its NUL makes them loop for ever, before authentication), so
every read here is checked. Refuses to know what is done with the values. Errors are ``MalformedPacket`` only.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from mysql_mimic.types import Capabilities, ColumnType

from routine_load.server.mysql.placeholders import Parameter

_ATTRIBUTES_MAX = 256
_UNSIGNED = 0x80
_TEXT_TYPES = frozenset(
    {
        ColumnType.VARCHAR,
        ColumnType.VAR_STRING,
        ColumnType.STRING,
        ColumnType.ENUM,
        ColumnType.SET,
        ColumnType.JSON,
        ColumnType.BIT,
        ColumnType.BLOB,
        ColumnType.TINY_BLOB,
        ColumnType.MEDIUM_BLOB,
        ColumnType.LONG_BLOB,
        ColumnType.GEOMETRY,
    }
)
_DECIMAL_TYPES = frozenset({ColumnType.DECIMAL, ColumnType.NEWDECIMAL})
_DATE_TYPES = frozenset({ColumnType.DATE, ColumnType.DATETIME, ColumnType.TIMESTAMP})
_INTEGER_BYTES = {
    ColumnType.TINY: 1,
    ColumnType.BOOL: 1,
    ColumnType.SHORT: 2,
    ColumnType.YEAR: 2,
    ColumnType.LONG: 4,
    ColumnType.INT24: 4,
    ColumnType.LONGLONG: 8,
}


class MalformedPacket(Exception):
    """A packet that ends too early or says what cannot be."""


class Cursor:
    """Reads a payload from front to back and never past its end."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._payload) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise MalformedPacket(f"{count} bytes are announced and {self.left} are there")
        taken = self._payload[self._at : self._at + count]
        self._at += count
        return taken

    def rest(self) -> bytes:
        return self.take(self.left)

    def integer(self, count: int, *, signed: bool = False) -> int:
        return int.from_bytes(self.take(count), "little", signed=signed)

    def length(self) -> int:
        """A length-encoded integer."""
        first = self.integer(1)
        if first < 0xFB:
            return first
        sizes = {0xFC: 2, 0xFD: 3, 0xFE: 8}
        if first not in sizes:
            raise MalformedPacket(f"0x{first:02x} starts no length")
        return self.integer(sizes[first])

    def sized(self) -> bytes:
        return self.take(self.length())

    def until_nul(self) -> bytes:
        end = self._payload.find(b"\0", self._at)
        if end < 0:
            raise MalformedPacket("a text lacks its NUL byte")
        taken = self._payload[self._at : end]
        self._at = end + 1
        return taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What a client says of itself, in the handshake or in COM_CHANGE_USER."""

    user: str
    response: bytes = field(repr=False)
    database: str | None = None
    plugin: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)


def text(data: bytes) -> str:
    """Client text; we speak UTF-8 only, whatever character set the client names."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise MalformedPacket(f"byte {error.start} of a text is not UTF-8") from error


def parse_capabilities(payload: bytes) -> Capabilities:
    """The client's capabilities, at the front of an SSLRequest and of a handshake response."""
    return Capabilities(Cursor(payload).integer(4))


def parse_login(payload: bytes, agreed: Capabilities) -> Login:
    """HandshakeResponse41, read with the capabilities that both sides have."""
    cursor = Cursor(payload)
    cursor.take(4 + 4 + 1 + 23)
    user = text(cursor.until_nul())
    if Capabilities.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA in agreed:
        response = cursor.sized()
    elif Capabilities.CLIENT_SECURE_CONNECTION in agreed:
        response = cursor.take(cursor.integer(1))
    else:
        response = cursor.until_nul()
    database = plugin = None
    if Capabilities.CLIENT_CONNECT_WITH_DB in agreed and cursor.left:
        database = text(cursor.until_nul())
    if Capabilities.CLIENT_PLUGIN_AUTH in agreed and cursor.left:
        plugin = text(cursor.until_nul())
    return Login(
        user=user,
        response=response,
        database=database or None,
        plugin=plugin or None,
        attributes=_attributes(cursor, agreed),
    )


def parse_change_user(payload: bytes, agreed: Capabilities) -> Login:
    cursor = Cursor(payload)
    user = text(cursor.until_nul())
    response = cursor.take(cursor.integer(1))
    database = text(cursor.until_nul())
    plugin = None
    if cursor.left:
        cursor.take(2)
        if Capabilities.CLIENT_PLUGIN_AUTH in agreed and cursor.left:
            plugin = text(cursor.until_nul())
    return Login(
        user=user,
        response=response,
        database=database or None,
        plugin=plugin or None,
        attributes=_attributes(cursor, agreed),
    )


def _attributes(cursor: Cursor, agreed: Capabilities) -> dict[str, str]:
    if Capabilities.CLIENT_CONNECT_ATTRS not in agreed or not cursor.left:
        return {}
    inner = Cursor(cursor.sized())
    found: dict[str, str] = {}
    while inner.left and len(found) < _ATTRIBUTES_MAX:
        key, value = inner.sized(), inner.sized()
        found[key.decode(errors="replace")] = value.decode(errors="replace")
    return found


ParameterType = tuple[ColumnType, bool]
"""A parameter's wire type, and whether it is unsigned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """The parameters of one COM_STMT_EXECUTE, and their types for the next that leaves them out."""

    types: tuple[ParameterType, ...]
    values: tuple[Parameter, ...]


def parse_execution(
    cursor: Cursor, count: int, known: tuple[ParameterType, ...], long_data: dict[int, bytearray]
) -> Execution:
    """``cursor`` stands behind the iteration count; ``long_data`` holds what COM_STMT_SEND_LONG_DATA brought."""
    if not count:
        return Execution(types=(), values=())
    nulls = cursor.take((count + 7) // 8)
    types = known
    if cursor.integer(1):
        types = tuple(_parameter_type(cursor) for _ in range(count))
    if len(types) != count:
        raise MalformedPacket(f"{count} parameters and {len(types)} types")
    values: list[Parameter] = []
    for at, kind in enumerate(types):
        if at in long_data:
            values.append(bytes(long_data[at]))
        elif nulls[at // 8] >> (at % 8) & 1:
            values.append(None)
        else:
            values.append(_parameter(cursor, kind))
    return Execution(types=types, values=tuple(values))


def _parameter_type(cursor: Cursor) -> ParameterType:
    number = cursor.integer(1)
    flags = cursor.integer(1)
    try:
        return ColumnType(number), bool(flags & _UNSIGNED)
    except ValueError as error:
        raise MalformedPacket(f"0x{number:02x} is no parameter type") from error


def _parameter(cursor: Cursor, kind: ParameterType) -> Parameter:
    number, unsigned = kind
    value: Parameter
    if number in _INTEGER_BYTES:
        value = cursor.integer(_INTEGER_BYTES[number], signed=not unsigned)
    elif number in _TEXT_TYPES:
        value = cursor.sized()
    elif number in _DECIMAL_TYPES:
        value = text(cursor.sized())
    elif number == ColumnType.FLOAT:
        value = float(f"{struct.unpack('<f', cursor.take(4))[0]:.7g}")
    elif number == ColumnType.DOUBLE:
        value = float(struct.unpack("<d", cursor.take(8))[0])
    elif number in _DATE_TYPES:
        value = _moment(cursor, date_only=number == ColumnType.DATE)
    elif number == ColumnType.TIME:
        value = _duration(cursor)
    elif number == ColumnType.NULL:
        value = None
    else:
        raise MalformedPacket(f"parameters of type {number.name} are not supported")
    return value


def _moment(cursor: Cursor, *, date_only: bool) -> Parameter:
    data = Cursor(cursor.sized())
    if not data.left:
        return b"0000-00-00" if date_only else b"0000-00-00 00:00:00"
    try:
        day = date(data.integer(2), data.integer(1), data.integer(1))
        if not data.left:
            return day if date_only else datetime(day.year, day.month, day.day)  # noqa: DTZ001 - MySQL's have no zone
        hour, minute, second = data.integer(1), data.integer(1), data.integer(1)
        micro = data.integer(4) if data.left else 0
        return datetime(day.year, day.month, day.day, hour, minute, second, micro)  # noqa: DTZ001 - as above
    except ValueError as error:
        raise MalformedPacket(f"a date parameter: {error}") from error


def _duration(cursor: Cursor) -> timedelta:
    data = Cursor(cursor.sized())
    if not data.left:
        return timedelta()
    negative, days = data.integer(1), data.integer(4)
    hours, minutes, seconds = data.integer(1), data.integer(1), data.integer(1)
    micro = data.integer(4) if data.left else 0
    try:
        found = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, microseconds=micro)
    except OverflowError as error:
        raise MalformedPacket(f"a time parameter of {days} days") from error
    return -found if negative else found
