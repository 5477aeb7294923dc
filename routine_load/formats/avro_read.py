"""Avro values of many messages at once: one step reads one field of all of them, by NumPy (Avro: binary encoding).

A message that is not what its schema says is given up alone: it gets a fault, reads nothing more, and what was read of
it is worthless. No loop runs per message; per item of arrays one step reads the n-th item of every message. Where few
messages have so many items that this costs more than it brings, they are marked ``LONG``, for ``avro_each``.

How a type is laid out in Arrow: integers, floats, booleans and text as themselves; bytes and fixed as binary; records
as structs; arrays as lists; maps as lists of structs; an optional value as a value with NULLs; any other union as a
struct of its branches, one of which is not NULL; a record inside itself as its JSON text.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from routine_load.formats.avro_schema import Kind, Schema, Type
from routine_load.formats.rows import ALL_UTF8

Integers = npt.NDArray[np.int64]
Render = Callable[[Type, pa.Array], pa.Array]
"""A record's values → their JSON text."""

NESTED_MAX = 64
"""How often a record may be inside itself."""
FEW_MESSAGES = 8
MANY_ITEMS = 64
STEPS_MAX = 20_000
"""Items of one message of a schema with a record inside itself."""
_PAD = 16
_WIDEST = 63


class Fault(IntEnum):
    NONE = 0
    LONG = 1
    SHORT = 2
    VARINT = 3
    RANGE = 4
    BOOLEAN = 5
    LENGTH = 6
    UTF8 = 7
    SYMBOL = 8
    BRANCH = 9
    COUNT = 10
    DEEP = 11
    MANY = 12
    LEFT = 13


REASONS = {
    Fault.SHORT: "it ends in the midst of a value",
    Fault.VARINT: "a number has more than 64 bits",
    Fault.RANGE: "an int has more than 32 bits",
    Fault.BOOLEAN: "a boolean is neither 0 nor 1",
    Fault.LENGTH: "a length is negative, or more than is left",
    Fault.UTF8: "a string is not UTF-8",
    Fault.SYMBOL: "an enum has no such symbol",
    Fault.BRANCH: "a union has no such branch",
    Fault.COUNT: "an array or map has more items than are left",
    Fault.DEEP: f"a record is inside itself more than {NESTED_MAX} times",
    Fault.MANY: f"a record inside itself has more than {STEPS_MAX} items",
    Fault.LEFT: "bytes are left behind its end",
}


class Messages:
    """Bodies of messages of one schema, on their way: ``at`` is where each one is, ``end`` where it ends.

    ``rows`` of every method are ascending numbers of messages, none twice.
    """

    def __init__(self, schema: Schema, data: bytes | pa.Buffer, at: Integers, end: Integers, render: Render) -> None:
        raw = np.frombuffer(data, np.uint8)
        self._data = np.concatenate([raw, np.zeros(_PAD, np.uint8)])
        self._last = len(self._data) - 1
        self._at = at.copy()
        self._end = end.copy()
        self._schema = schema
        self._render = render
        self._nested = 0
        self._steps = 0
        self.faults = np.zeros(len(at), np.uint8)

    def read(self) -> pa.Array:
        """The values; see ``faults`` for those that are none."""
        values = self._read(self._schema.root, np.arange(len(self._at)))
        left = (self.faults == Fault.NONE) & (self._at != self._end)
        self.faults[left] = Fault.LEFT
        return values

    def _read(self, kind: Type, rows: Integers) -> pa.Array:
        return _READERS[kind.kind](self, kind, rows)

    def _fail(self, rows: Integers, fault: Fault) -> None:
        """It stands still from here on: every further read finds nothing left."""
        self.faults[rows] = np.where(self.faults[rows] == Fault.NONE, fault, self.faults[rows])
        self._at[rows] = 0
        self._end[rows] = 0

    def _varint(self, rows: Integers) -> Integers:
        at, end = self._at[rows], self._end[rows]
        byte = self._data[at]
        short = at >= end
        value = (byte & 0x7F).astype(np.uint64)
        at += 1
        more = np.flatnonzero((byte >= 0x80) & ~short)
        shift, wide = 0, more[:0]
        while len(more):
            shift += 7
            here = at[more]
            short[more] = here >= end[more]
            byte = self._data[np.minimum(here, self._last)]
            if shift == _WIDEST:
                wide = more[byte > 1]
            value[more] |= (byte & 0x7F).astype(np.uint64) << np.uint64(shift)
            at[more] += 1
            more = more[(byte >= 0x80) & ~short[more]] if shift < _WIDEST else more[:0]
        self._at[rows] = at
        if len(wide):
            self._fail(rows[wide], Fault.VARINT)
            value[wide] = 0
        if short.any():
            self._fail(rows[short], Fault.SHORT)
            value[short] = 0
        return (value >> np.uint64(1)).astype(np.int64) ^ -(value & np.uint64(1)).astype(np.int64)

    def _bytes(self, rows: Integers, lengths: Integers) -> pa.Array:
        """The next bytes of each, in one copy: wanted and unwanted stretches of the data follow each other."""
        bad = (lengths < 0) | (lengths > self._end[rows] - self._at[rows])
        if bad.any():
            self._fail(rows[bad], Fault.LENGTH)
            lengths = np.where(bad, 0, lengths)
        at = self._at[rows]
        self._at[rows] = at + lengths
        bounds = np.empty(2 * len(rows), np.int64)
        bounds[0::2] = at
        bounds[1::2] = at + lengths
        bounds = np.maximum.accumulate(bounds).astype(np.int32)  # one that failed stands at 0
        if not len(rows):
            return pa.array([], pa.binary())
        stretches = pa.Array.from_buffers(
            pa.binary(), len(bounds) - 1, [None, pa.py_buffer(bounds), pa.py_buffer(self._data)]
        )
        return stretches.take(pa.array(np.arange(0, len(bounds), 2)))

    def _fixed_width(self, rows: Integers, width: int) -> npt.NDArray[np.uint8]:
        at = self._at[rows]
        short = at + width > self._end[rows]
        if short.any():
            self._fail(rows[short], Fault.SHORT)
            at = self._at[rows]
        self._at[rows] = np.where(short, 0, at + width)
        return np.ascontiguousarray(self._data[at[:, None] + np.arange(width)])

    def null(self, _: Type, rows: Integers) -> pa.Array:
        return pa.nulls(len(rows))

    def boolean(self, _: Type, rows: Integers) -> pa.Array:
        byte = self._fixed_width(rows, 1)[:, 0]
        wrong = byte > 1
        if wrong.any():
            self._fail(rows[wrong], Fault.BOOLEAN)
        return pa.array(byte == 1)

    def read_int(self, _: Type, rows: Integers) -> pa.Array:
        value = self._varint(rows)
        wrong = value != value.astype(np.int32)
        if wrong.any():
            self._fail(rows[wrong], Fault.RANGE)
        return pa.array(value)

    def long(self, _: Type, rows: Integers) -> pa.Array:
        return pa.array(self._varint(rows))

    def read_float(self, _: Type, rows: Integers) -> pa.Array:
        return pa.array(self._fixed_width(rows, 4).view("<f4")[:, 0])

    def double(self, _: Type, rows: Integers) -> pa.Array:
        return pa.array(self._fixed_width(rows, 8).view("<f8")[:, 0])

    def read_bytes(self, _: Type, rows: Integers) -> pa.Array:
        return self._bytes(rows, self._varint(rows))

    def fixed(self, kind: Type, rows: Integers) -> pa.Array:
        return self._bytes(rows, np.full(len(rows), kind.size, np.int64))

    def string(self, _: Type, rows: Integers) -> pa.Array:
        raw = self._bytes(rows, self._varint(rows))
        try:
            return raw.cast(pa.string())
        except pa.ArrowInvalid:
            text = pc.match_substring_regex(raw, ALL_UTF8)
            self._fail(rows[~text.to_numpy(zero_copy_only=False)], Fault.UTF8)
            return pc.if_else(text, raw, pa.scalar(b"", pa.binary())).cast(pa.string())

    def enum(self, kind: Type, rows: Integers) -> pa.Array:
        return pa.array(kind.names, pa.string()).take(pa.array(self._choice(rows, len(kind.names), Fault.SYMBOL)))

    def _choice(self, rows: Integers, size: int, fault: Fault) -> Integers:
        chosen = self._varint(rows)
        wrong = (chosen < 0) | (chosen >= size)
        if wrong.any():
            self._fail(rows[wrong], fault)
            chosen = np.where(wrong, 0, chosen)
        return chosen

    def record(self, kind: Type, rows: Integers) -> pa.Array:
        parts = [self._read(part, rows) for part in kind.parts]
        # A struct without fields would forget how many there are.
        return pa.StructArray.from_arrays(parts or [pa.nulls(len(rows))], list(kind.names) or [""])

    def again(self, kind: Type, rows: Integers) -> pa.Array:
        if not len(rows):
            return pa.array([], pa.string())
        if self._nested >= NESTED_MAX:
            self._fail(rows, Fault.DEEP)
            return pa.nulls(len(rows), pa.string())
        record = self._schema.records[kind.name]
        self._nested += 1
        values = self._read(record, rows)
        self._nested -= 1
        return self._render(record, values)

    def array(self, kind: Type, rows: Integers) -> pa.Array:
        return self._items(rows, lambda some: self._read(kind.parts[0], some))

    def read_map(self, kind: Type, rows: Integers) -> pa.Array:
        def pair(some: Integers) -> pa.Array:
            return pa.StructArray.from_arrays([self.string(kind, some), self._read(kind.parts[0], some)], ["k", "v"])

        return self._items(rows, pair)

    def _items(self, rows: Integers, read: Callable[[Integers], pa.Array]) -> pa.Array:
        """Blocks of items, one behind the other, up to an empty one."""
        pieces, owners = [read(rows[:0])], [np.zeros(0, np.int64)]
        live = np.arange(len(rows))
        while len(live):
            counts = self._counts(rows[live])
            live, counts = live[counts > 0], counts[counts > 0]
            inside = live
            while len(inside):
                if self._is_slow(rows[inside], counts):
                    break
                pieces.append(read(rows[inside]))
                owners.append(inside)
                goes_on = (counts > 1) & (self.faults[rows[inside]] == Fault.NONE)
                inside, counts = inside[goes_on], counts[goes_on] - 1
            live = live[self.faults[rows[live]] == Fault.NONE]
        owner = np.concatenate(owners)
        items = pa.concat_arrays(pieces).take(pa.array(np.argsort(owner, kind="stable")))
        offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(rows)))]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), items)

    def _counts(self, rows: Integers) -> Integers:
        """How many items each one's next block has. Behind a negative one stands the size of the block."""
        counts = self._varint(rows)
        sized = counts < 0
        if sized.any():
            self._varint(rows[sized])
            counts = np.abs(counts)
        # An item takes a byte at least (``avro_schema``).
        wrong = (counts < 0) | (counts > self._end[rows] - self._at[rows])
        if wrong.any():
            self._fail(rows[wrong], Fault.COUNT)
            counts = np.where(wrong, 0, counts)
        return counts

    def _is_slow(self, rows: Integers, counts: Integers) -> bool:
        """Whether few messages alone go on for long. They are given up here."""
        self._steps += 1
        if self._schema.records:
            if self._steps > STEPS_MAX:
                self._fail(rows, Fault.MANY)
                return True
        elif len(rows) < FEW_MESSAGES and (self._steps > STEPS_MAX or counts.max() > MANY_ITEMS):
            self._fail(rows, Fault.LONG)
            return True
        return False

    def union(self, kind: Type, rows: Integers) -> pa.Array:
        chosen = self._choice(rows, len(kind.parts), Fault.BRANCH)
        branches = [
            _spread(self._read(part, rows[there]), there, len(rows))
            for number, part in enumerate(kind.parts)
            if part.kind is not Kind.NULL
            for there in (np.flatnonzero(chosen == number),)
        ]
        if kind.optional is not None:
            return branches[0]
        return pa.StructArray.from_arrays(
            branches or [pa.nulls(len(rows))], [str(number) for number in range(len(branches))] or [""]
        )


def _spread(values: pa.Array, places: Integers, size: int) -> pa.Array:
    """The values at their places, NULL at the others."""
    if len(places) == size:
        return values
    index = np.full(size, -1, np.int64)
    index[places] = np.arange(len(places))
    return values.take(pa.array(index, mask=index < 0))


_READERS: dict[Kind, Callable[[Messages, Type, Integers], pa.Array]] = {
    Kind.NULL: Messages.null,
    Kind.BOOLEAN: Messages.boolean,
    Kind.INT: Messages.read_int,
    Kind.LONG: Messages.long,
    Kind.FLOAT: Messages.read_float,
    Kind.DOUBLE: Messages.double,
    Kind.BYTES: Messages.read_bytes,
    Kind.STRING: Messages.string,
    Kind.FIXED: Messages.fixed,
    Kind.ENUM: Messages.enum,
    Kind.RECORD: Messages.record,
    Kind.ARRAY: Messages.array,
    Kind.MAP: Messages.read_map,
    Kind.UNION: Messages.union,
    Kind.AGAIN: Messages.again,
}
