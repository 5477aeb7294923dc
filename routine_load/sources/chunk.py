"""Messages as consumed, column by column, and how a chunk is gathered within its bounds.

The client's message objects do not outlive the call that received them: a hundred thousand of them alive cost the
garbage collector more than everything else here. Their fields are copied by one C call per column.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import accumulate, islice
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from routine_load.ids import PartitionId
from routine_load.loads.values import Origin
from routine_load.sources.parts import COPIED, Part, numbers
from routine_load.sources.parts import weights as weigh
from routine_load.sql.statements import MetadataField

_CALL_ROWS = 2_000
"""Each field of these messages is copied on its own way through them. 20,000 of 110 bytes are more than a core's cache
holds (measured, within a load: 0.63 to 0.85 s of CPU a million, 0.44 to 0.46 with this)."""
_CALL_ROWS_CARRIED = 128
_CALL_ROWS_FIRST = 8
"""A key or headers are up to a megabyte each, and are seen only once they are here: a few first, then more."""
_NO_OFFSET = -1
_OF_ANY_SIZE = frozenset({MetadataField.KEY, MetadataField.HEADERS})


@dataclass(slots=True)
class KafkaChunk:
    """Values in consumption order, which is offset order within a partition.

    ``bytes`` are those of the values; ``weight`` has those of the keys and headers that it carries too.
    """

    topic: str
    values: Sequence[bytes | None]
    partitions: Sequence[int]
    offsets: Sequence[int]
    bytes: int
    weight: int
    last_timestamps_ms: Mapping[PartitionId, int]
    parts: Mapping[MetadataField, Part] = field(default_factory=dict)

    def origin(self, index: int) -> Origin:
        return Origin(self.topic, self.partitions[index], self.offsets[index])

    def metadata(self, what: MetadataField) -> pa.Array:
        if what is MetadataField.TOPIC:
            return pa.repeat(pa.scalar(self.topic, pa.string()), len(self.values))
        if what is MetadataField.PARTITION:
            return numbers(self.partitions)
        if what is MetadataField.OFFSET:
            return numbers(self.offsets)
        return self.parts[what].whole()


@dataclass(slots=True)
class Gathered:
    """A chunk in the making, within its bounds. ``max_bytes`` bounds its weight."""

    max_rows: int
    max_bytes: int
    carried: Iterable[MetadataField] = ()
    values: list[bytes | None] = field(default_factory=list)
    partitions: array[int] = field(default_factory=lambda: array("i"))
    offsets: array[int] = field(default_factory=lambda: array("q"))
    bytes: int = 0
    weight: int = 0
    timestamps_ms: dict[PartitionId, int] = field(default_factory=dict)
    parts: dict[MetadataField, Part] = field(init=False)

    def __post_init__(self) -> None:
        self.parts = {each: Part(COPIED[each]) for each in self.carried if each in COPIED}

    @property
    def room(self) -> int:
        """How many more rows to ask for, by the mean size so far; 0 when the chunk is full."""
        rows = self.max_rows - len(self.values)
        if rows <= 0 or self.weight >= self.max_bytes:
            return 0
        call_rows = _CALL_ROWS
        if self.parts.keys() & _OF_ANY_SIZE:
            call_rows = min(_CALL_ROWS_CARRIED, max(_CALL_ROWS_FIRST, len(self.values)))
        if not self.values:
            return min(rows, call_rows)
        mean = max(1.0, self.weight / len(self.values))
        return min(rows, call_rows, int((self.max_bytes - self.weight) / mean) + 16)

    def take(self, messages: list[Message]) -> tuple[list[Message], dict[int, int]]:
        """Add what fits, at least one message to an empty chunk; returns the rest, and next offsets of what was added.

        No message may be an event.
        """
        heavy = {each: part.copy(messages) for each, part in self.parts.items() if each in _OF_ANY_SIZE and messages}
        fits, weight = self._how_many(messages, [weigh(piece) for piece in heavy.values()])
        rest = messages[fits:]
        added = messages[:fits] if rest else messages
        # Through a list: an array takes a list at once, and an iterator one by one.
        partitions = array("i", cast("list[int]", list(map(Message.partition, added))))
        self.values += map(Message.value, added)
        self.partitions += partitions
        self.offsets += array("q", cast("list[int]", list(map(Message.offset, added))))
        self.bytes += sum(map(len, added)) if heavy else weight
        self.weight += weight
        for each, part in self.parts.items():
            part.add(added, None if rest else heavy.get(each))
        return rest, self._note_last(dict(zip(partitions, added, strict=True)))

    def _how_many(self, messages: list[Message], heavy: list[pa.Array]) -> tuple[int, int]:
        """How many of the messages fit, and what they weigh."""
        rows = min(len(messages), self.max_rows - len(self.values))
        room = self.max_bytes - self.weight
        weights: Iterable[int] = map(len, messages)
        if not heavy and rows == len(messages) and (whole := sum(map(len, messages))) <= room:
            return rows, whole
        if heavy:
            weights = reduce(pc.add, heavy, pa.array(weights, pa.int64())).to_pylist()
        reached = list(accumulate(islice(weights, rows)))
        at_least = 0 if self.values else 1
        fits = min(rows, max(at_least, bisect_right(reached, room)))
        return fits, reached[fits - 1] if fits else 0

    def _note_last(self, last: dict[int, Message]) -> dict[int, int]:
        """Timestamps and next offsets from the last message of each partition."""
        reached = {}
        for number, message in last.items():
            offset = message.offset()
            reached[number] = (_NO_OFFSET if offset is None else offset) + 1
            kind, stamp = message.timestamp()
            if kind != TIMESTAMP_NOT_AVAILABLE:
                self.timestamps_ms[PartitionId(number)] = stamp
        return reached

    def finished(self, topic: str) -> KafkaChunk:
        return KafkaChunk(
            topic=topic,
            values=self.values,
            partitions=self.partitions,
            offsets=self.offsets,
            bytes=self.bytes,
            weight=self.weight,
            last_timestamps_ms=self.timestamps_ms,
            parts=self.parts,
        )
