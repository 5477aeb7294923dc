"""Avro values of one message at a time, laid out as ``avro_read`` lays them out.

For the few messages with so many items that reading them item by item with others costs more. Each was read up to its
first long array already; what is wrong with the rest of it shows here.
"""

from __future__ import annotations

import struct
from typing import Any

import pyarrow as pa

from routine_load.formats.avro_read import REASONS, Fault
from routine_load.formats.avro_schema import Kind, Type

_DEEPEST_BYTES = 10


class Faulty(ValueError):
    """The message is not what its schema says; the reason is the argument."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(REASONS[fault])


def arrow_type(kind: Type) -> pa.DataType:
    """How values of a type are laid out."""
    simple = _ARROW.get(kind.kind)
    if simple is not None:
        return simple
    if kind.kind is Kind.RECORD:
        fields = [(name, arrow_type(part)) for name, part in zip(kind.names, kind.parts, strict=True)]
        return pa.struct(fields or [("", pa.null())])
    if kind.kind is Kind.ARRAY:
        return pa.list_(arrow_type(kind.parts[0]))
    if kind.kind is Kind.MAP:
        return pa.list_(pa.struct([("k", pa.string()), ("v", arrow_type(kind.parts[0]))]))
    if kind.optional is not None:
        return arrow_type(kind.optional)
    branches = [part for part in kind.parts if part.kind is not Kind.NULL]
    return pa.struct([(str(at), arrow_type(part)) for at, part in enumerate(branches)] or [("", pa.null())])


_ARROW = {
    Kind.NULL: pa.null(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.INT: pa.int64(),
    Kind.LONG: pa.int64(),
    Kind.FLOAT: pa.float32(),
    Kind.DOUBLE: pa.float64(),
    Kind.BYTES: pa.binary(),
    Kind.FIXED: pa.binary(),
    Kind.STRING: pa.string(),
    Kind.ENUM: pa.string(),
}


def read_one(kind: Type, body: bytes) -> Any:
    """The value of a message. Raises Faulty. Its schema has no record inside itself."""
    reader = _Body(body)
    value = reader.value(kind)
    if reader.at != len(body):
        raise Faulty(Fault.LEFT)
    return value


class _Body:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self.at = 0

    def value(self, kind: Type) -> Any:  # noqa: C901, PLR0911 - one line a type
        match kind.kind:
            case Kind.NULL:
                return None
            case Kind.BOOLEAN:
                return self._boolean()
            case Kind.INT | Kind.LONG:
                return self._integer(32 if kind.kind is Kind.INT else 64)
            case Kind.FLOAT:
                return struct.unpack("<f", self._take(4, Fault.SHORT))[0]
            case Kind.DOUBLE:
                return struct.unpack("<d", self._take(8, Fault.SHORT))[0]
            case Kind.BYTES:
                return self._take(self._integer(64))
            case Kind.FIXED:
                return self._take(kind.size)
            case Kind.STRING:
                return self._string()
            case Kind.ENUM:
                return kind.names[self._choice(len(kind.names), Fault.SYMBOL)]
            case Kind.RECORD:
                return {name: self.value(part) for name, part in zip(kind.names, kind.parts, strict=True)}
            case Kind.ARRAY:
                return [self.value(kind.parts[0]) for _ in self._items()]
            case Kind.MAP:
                return [{"k": self._string(), "v": self.value(kind.parts[0])} for _ in self._items()]
        return self._union(kind)

    def _boolean(self) -> bool:
        byte = self._take(1, Fault.SHORT)[0]
        if byte > 1:
            raise Faulty(Fault.BOOLEAN)
        return byte == 1

    def _take(self, size: int, fault: Fault = Fault.LENGTH) -> bytes:
        if not 0 <= size <= len(self._body) - self.at:
            raise Faulty(fault)
        self.at += size
        return self._body[self.at - size : self.at]

    def _integer(self, bits: int) -> int:
        value = 0
        for place in range(_DEEPEST_BYTES):
            byte = self._take(1, Fault.SHORT)[0]
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                break
        else:
            raise Faulty(Fault.VARINT)
        if value >> 64:
            raise Faulty(Fault.VARINT)
        value = (value >> 1) ^ -(value & 1)
        if bits == 32 and not -(2**31) <= value < 2**31:
            raise Faulty(Fault.RANGE)
        return value

    def _string(self) -> str:
        try:
            return self._take(self._integer(64)).decode()
        except UnicodeDecodeError as cause:
            raise Faulty(Fault.UTF8) from cause

    def _choice(self, size: int, fault: Fault) -> int:
        chosen = self._integer(64)
        if not 0 <= chosen < size:
            raise Faulty(fault)
        return chosen

    def _items(self) -> Any:
        while count := self._integer(64):
            if count < 0:
                self._integer(64)
                count = -count
            if count > len(self._body) - self.at:
                raise Faulty(Fault.COUNT)
            yield from range(count)

    def _union(self, kind: Type) -> Any:
        chosen = self._choice(len(kind.parts), Fault.BRANCH)
        value = self.value(kind.parts[chosen])
        if kind.optional is not None:
            return value
        if kind.parts[chosen].kind is Kind.NULL:
            return {}
        return {str(sum(part.kind is not Kind.NULL for part in kind.parts[:chosen])): value}
