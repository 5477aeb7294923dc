"""Messages as consumed, column by column. A column that nobody asks for is never built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from routine_load.ids import PartitionId
from routine_load.loads.values import Origin


@dataclass(slots=True)
class KafkaChunk:
    """Values in consumption order; order is kept within a partition. ``last`` is the last message per partition."""

    topic: str
    values: Sequence[bytes | None]
    messages: Sequence[Message]
    bytes: int
    last: Mapping[int, Message]

    def origin(self, index: int) -> Origin:
        message = self.messages[index]
        return Origin(self.topic, _number(message.partition()), _number(message.offset()))

    @property
    def partitions(self) -> list[Any]:
        return list(map(Message.partition, self.messages))

    @property
    def offsets(self) -> list[Any]:
        return list(map(Message.offset, self.messages))

    @property
    def last_timestamps_ms(self) -> dict[PartitionId, int]:
        stamps = ((each, message.timestamp()) for each, message in self.last.items())
        return {PartitionId(each): ms for each, (kind, ms) in stamps if kind != TIMESTAMP_NOT_AVAILABLE}


def _number(value: int | None) -> int:
    return -1 if value is None else value
