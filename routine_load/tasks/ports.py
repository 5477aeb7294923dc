"""Kafka, as a task needs it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from routine_load.clock import Deadline
from routine_load.ids import PartitionId
from routine_load.loads.values import Payloads
from routine_load.sql.statements import MetadataField


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSpec:
    """A topic and how to reach it. ``properties`` are the job's ``property.*`` without prefix and without
    ``kafka_default_offsets``; they have passed the policy of ``sources.policy``. ``carried`` is what a consumption
    keeps of each message beside its value; no connection depends on it.
    """

    brokers: str
    topic: str
    properties: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    carried: frozenset[MetadataField] = field(default=frozenset(), compare=False)

    @property
    def connection(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """What consumers may be pooled by: brokers and properties, without the topic."""
        return self.brokers, self.properties


class ConsumedChunk(Payloads, Protocol):
    """Payloads as consumed, ``last_timestamps_ms`` per partition seen.

    ``bytes`` is the sum of the values' lengths; ``weight`` has those of keys and headers too, where they are carried.
    """

    @property
    def bytes(self) -> int: ...

    @property
    def weight(self) -> int: ...

    @property
    def last_timestamps_ms(self) -> Mapping[PartitionId, int]: ...


class Consumption(Protocol):
    """Reading assigned partitions from given offsets, once, in one thread."""

    def poll(self, *, max_rows: int, max_bytes: int, deadline: Deadline) -> ConsumedChunk | None:
        """Next chunk, or None where nothing came before the deadline or all partitions are at their end.

        ``max_bytes`` bounds its weight; a message that is heavier comes alone.

        Returns early, with what there is, once every partition is caught up. Raises OffsetOutOfRange (with the
        watermarks in the text), SourceUnavailable, SourceError.
        """
        ...

    def positions(self) -> dict[PartitionId, int]:
        """``next_offset`` per assigned partition: after the last record, markers and gaps included."""
        ...

    @property
    def caught_up(self) -> bool:
        """Every assigned partition has reached the end that Kafka last reported."""
        ...


class Source(Protocol):
    """Opens consumption; the context manager's exit returns the consumer to its pool."""

    def open(self, spec: KafkaSpec, start: Mapping[PartitionId, int]) -> AbstractContextManager[Consumption]: ...
