"""Start offsets: what CREATE and ALTER say becomes numbers, once, before they return (exactly-once: invariant 8).

Where CREATE was told not to look (``validate = 'off'``), before the job's first task. Owns the checks against the log.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from routine_load.clock import Deadline
from routine_load.errors import BeyondLogEnd, ExecutionError, PartitionMissing
from routine_load.ids import Compat, PartitionId
from routine_load.jobs.source import KafkaSource, OffsetKind, OffsetSpec
from routine_load.scheduler.ports import KafkaMetadata
from routine_load.tasks.ports import KafkaSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A job's topic, asked within one deadline. Every method raises SourceError where Kafka does not tell."""

    metadata: KafkaMetadata
    kafka: KafkaSpec
    deadline: Deadline
    compat: Compat

    def partitions(self) -> tuple[PartitionId, ...]:
        return self.metadata.partitions(self.kafka, self.deadline)

    def identity(self) -> str:
        return self.metadata.topic_id(self.kafka, self.deadline)

    def check_partitions(self, wanted: Iterable[PartitionId], existing: tuple[PartitionId, ...]) -> None:
        """Raises PartitionMissing, in StarRocks' words, where the topic does not have one of them."""
        for partition in wanted:
            if partition not in existing:
                raise PartitionMissing(
                    f"there is an invalid custom partition: {partition} for topic: {self.kafka.topic}"
                )

    def starts(self, source: KafkaSource, *, lenient: bool = False) -> dict[PartitionId, int]:
        """Where every partition of a new job starts."""
        existing = self.partitions()
        self.check_partitions(source.partitions or tuple(p for p, _ in source.offsets), existing)
        return self.resolved({p: source.start_of(p) for p in source.partitions or existing}, lenient=lenient)

    def resolved(self, wanted: Mapping[PartitionId, OffsetSpec], *, lenient: bool = False) -> dict[PartitionId, int]:
        """``next_offset`` of each partition. Raises BeyondLogEnd, and ExecutionError for one that Kafka has dropped.

        ``lenient``: the latter is left to the task that meets it.
        """
        if not wanted:
            return {}
        marks = self.metadata.watermarks(self.kafka, tuple(wanted), self.deadline)
        by_time: defaultdict[int, list[PartitionId]] = defaultdict(list)
        result: dict[PartitionId, int] = {}
        for partition, spec in wanted.items():
            low, high = marks[partition]
            match spec.kind:
                case OffsetKind.BEGINNING:
                    result[partition] = low
                case OffsetKind.END:
                    result[partition] = high
                case OffsetKind.TIMESTAMP:
                    by_time[spec.value].append(partition)
                case OffsetKind.NUMBER:
                    result[partition] = _checked(partition, spec.value, (0 if lenient else low, high), self.compat)
        for moment, partitions in by_time.items():
            result |= self.metadata.offsets_for_time(self.kafka, tuple(partitions), moment, self.deadline)
        return result


def _checked(partition: PartitionId, offset: int, marks: tuple[int, int], compat: Compat) -> int:
    low, high = marks
    if offset > high:
        if compat is Compat.DORIS:
            raise BeyondLogEnd(
                f"offset set in job: {offset} is greater than kafka latest offset: {high} partition id: {partition}"
            )
        raise BeyondLogEnd(
            f"Consume offset: {offset} is greater than the latest offset: {high} in kafka partition: {partition}. "
            "You can modify 'kafka_offsets' property"
        )
    if offset < low:
        raise ExecutionError(
            f"Consume offset: {offset} is smaller than the earliest offset: {low} in kafka partition: {partition}; "
            f"allowed are {low} to {high}, OFFSET_BEGINNING and OFFSET_END"
        )
    return offset
