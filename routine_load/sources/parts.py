"""What a message carries beside its value, copied column by column, and only where a job asks for it.

Each call of ``Part.add`` turns one column of messages into an Arrow array, by C alone: the messages do not outlive it.
Refuses to know what text these columns become (``formats.metadata``).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from routine_load.sql.statements import MetadataField

HEADERS = pa.map_(pa.string(), pa.binary())
"""In order, with duplicates, as Kafka keeps them."""

Copy = Callable[[Sequence[Message]], pa.Array]


@dataclass(slots=True)
class Part:
    """One column in the making."""

    copy: Copy
    pieces: list[pa.Array] = field(default_factory=list)

    def add(self, messages: Sequence[Message], copied: pa.Array | None = None) -> None:
        """``copied`` is their column where it was made already."""
        if messages:
            self.pieces.append(self.copy(messages) if copied is None else copied)

    def whole(self) -> pa.Array:
        """All of it. What is asked for again, after a chunk was cut, is not put together again."""
        if len(self.pieces) > 1:
            self.pieces = [pa.concat_arrays(self.pieces)]
        return self.pieces[0]


def numbers(found: Sequence[int]) -> pa.Array:
    """A column of integers, without a Python object for each."""
    if not isinstance(found, array):
        return pa.array(found, pa.int64())
    kind = pa.int32() if found.itemsize == 4 else pa.int64()
    return pa.Array.from_buffers(kind, len(found), [None, pa.py_buffer(found)]).cast(pa.int64())


def weights(piece: pa.Array) -> pa.Array:
    """The bytes of each message's key, or of the names and values of its headers."""
    if not pa.types.is_map(piece.type):
        return pc.fill_null(pc.binary_length(piece), 0).cast(pa.int64())
    pairs = pc.add(pc.binary_length(piece.keys), pc.fill_null(pc.binary_length(piece.items), 0)).cast(pa.int64())
    reached = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(pairs)]).take(piece.offsets)
    return pc.subtract(reached[1:], reached[:-1])


def _keys(messages: Sequence[Message]) -> pa.Array:
    return pa.array(list(map(Message.key, messages)), pa.binary())


def _timestamps(messages: Sequence[Message]) -> pa.Array:
    """NULL where Kafka has none: an old message format, or a producer that sent -1."""
    kinds, stamps = zip(*map(Message.timestamp, messages), strict=True)
    stamp = pa.array(stamps, pa.int64())
    known = pc.and_(pc.not_equal(pa.array(kinds), TIMESTAMP_NOT_AVAILABLE), pc.greater_equal(stamp, 0))
    return pc.if_else(known, stamp, pa.scalar(None, pa.int64()))


def _headers(messages: Sequence[Message]) -> pa.Array:
    """No headers are an empty map; a name that is not UTF-8 makes the headers of its message NULL."""
    try:
        found = list(map(Message.headers, messages))
    except (SystemError, UnicodeDecodeError):  # the client cannot make a text of such a name
        return pa.array([_readable(message) for message in messages], HEADERS)
    pairs = pa.array(found, HEADERS)
    if not pairs.null_count:
        return pairs
    return pa.MapArray.from_arrays(pairs.offsets, pairs.keys, pairs.items)


def _readable(message: Message) -> list[tuple[str, bytes | None]] | None:
    try:
        return cast("list[tuple[str, bytes | None]]", message.headers() or [])
    except (SystemError, UnicodeDecodeError):
        return None


COPIED: Mapping[MetadataField, Copy] = {
    MetadataField.KEY: _keys,
    MetadataField.TIMESTAMP_MS: _timestamps,
    MetadataField.HEADERS: _headers,
}
"""What costs something to keep. A chunk has topic, partitions and offsets in any case."""
