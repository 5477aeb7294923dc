"""Start offsets: what CREATE and ALTER say becomes numbers, once, before they return (exactly-once: invariant 8)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from routine_load.clock import Deadline
from routine_load.errors import ExecutionError
from routine_load.ids import Compat, PartitionId
from routine_load.jobs.source import OffsetKind, OffsetSpec
from routine_load.scheduler.ports import KafkaMetadata
from routine_load.tasks.ports import KafkaSpec


def resolved(
    metadata: KafkaMetadata,
    kafka: KafkaSpec,
    wanted: Mapping[PartitionId, OffsetSpec],
    *,
    deadline: Deadline,
    compat: Compat,
) -> dict[PartitionId, int]:
    """``next_offset`` of each partition. Raises SourceError, or ExecutionError for a number beyond the log's end."""
    if not wanted:
        return {}
    marks = metadata.watermarks(kafka, tuple(wanted), deadline)
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
                result[partition] = _checked(partition, spec.value, (low, high), compat)
    for moment, partitions in by_time.items():
        result |= metadata.offsets_for_time(kafka, tuple(partitions), moment, deadline)
    return result


def _checked(partition: PartitionId, offset: int, marks: tuple[int, int], compat: Compat) -> int:
    low, high = marks
    if offset > high:
        if compat is Compat.DORIS:
            raise ExecutionError(
                f"offset set in job: {offset} is greater than kafka latest offset: {high} partition id: {partition}"
            )
        raise ExecutionError(
            f"Consume offset: {offset} is greater than the latest offset: {high} in kafka partition: {partition}. "
            "You can modify 'kafka_offsets' property"
        )
    if offset < low:
        raise ExecutionError(
            f"Consume offset: {offset} is smaller than the earliest offset: {low} in kafka partition: {partition}; "
            f"allowed are {low} to {high}, OFFSET_BEGINNING and OFFSET_END"
        )
    return offset
