"""Reading and applying FROM KAFKA (…) of ALTER, by the vendors' rules and in the vendors' words.

Two steps, because one of them needs to know the topic's partitions: ``alter_source`` reads, ``SourceChange.applied``
changes the job's source. Refuses to talk to Kafka.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from routine_load.errors import ExecutionError, PropertyError
from routine_load.ids import Compat, PartitionId
from routine_load.jobs.property_rules import last_values
from routine_load.jobs.registry import OPTIONS, REGISTRY, REGISTRY_PREFIX, registry_options
from routine_load.jobs.source import DEFAULT_OFFSETS, END, ORIGIN_DEFAULT_OFFSETS, KafkaSource, OffsetSpec
from routine_load.jobs.source_create import (
    BROKERS,
    OFFSETS,
    PARTITIONS,
    TOPIC,
    SourceContext,
    broker_list,
    check_broker,
    check_source_type,
    check_table_names,
    client_properties,
    pairs,
    refuse_unknown_keys,
    registry_url,
)
from routine_load.sql.statements import Property

_KEYS = frozenset({BROKERS, TOPIC, PARTITIONS, OFFSETS, REGISTRY})
"""Both vendors'; that StarRocks lets nobody change the topic is the one refusal that is not kept."""
_SOURCES = frozenset({"PULSAR", "KINESIS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceChange:
    """What ALTER asks of the data source. ``offsets`` overwrite the progress of the partitions they name."""

    compat: Compat
    brokers: str | None = None
    topic: str | None = None
    offsets: tuple[tuple[PartitionId, OffsetSpec], ...] = ()
    default_offset: OffsetSpec | None = None
    properties: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    registry_url: str | None = field(default=None, repr=False)
    registry_options: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def changes_topic(self, current: KafkaSource) -> bool:
        """The progress then starts anew."""
        return self.topic is not None and self.topic != current.topic

    def merged(self, current: KafkaSource) -> KafkaSource:
        """The source after the change, before its partitions are checked: what to ask Kafka with."""
        properties = dict(current.properties)
        if self.default_offset is not None:
            properties.pop(ORIGIN_DEFAULT_OFFSETS, None)
        properties.update(self.properties)
        return replace(
            current,
            brokers=current.brokers if self.brokers is None else self.brokers,
            topic=self.topic or current.topic,
            # offsets that were given for another topic mean other records
            offsets=() if self.changes_topic(current) else current.offsets,
            default_offset=self.default_offset or current.default_offset,
            properties=tuple(properties.items()),
            registry_url=current.registry_url if self.registry_url is None else self.registry_url,
            registry_options=tuple((dict(current.registry_options) | dict(self.registry_options)).items()),
        )

    def applied(self, current: KafkaSource, known: Collection[PartitionId]) -> KafkaSource:
        """The source after the change. ``known`` are the topic's partitions.

        StarRocks: the manual adds partitions to a pinned job by naming them with their offsets; so do we, where the
        program refuses it. Raises ExecutionError in the vendor's words where a named partition cannot be the job's.
        """
        merged = self.merged(current)
        doris = self.compat is Compat.DORIS
        mine = current.partitions if current.is_pinned and doris else known
        for partition, _ in self.offsets:
            if partition in mine:
                continue
            if doris:
                raise ExecutionError(f"The specified partition {partition} is not in the consumed partitions")
            if current.is_pinned:
                raise ExecutionError(f"The specified partition {partition} is not in the custom partitions")
            raise ExecutionError("The specified partition is not in the consumed partitions ")
        if not current.is_pinned:
            return merged
        added = tuple(partition for partition, _ in self.offsets if partition not in current.partitions)
        return _with_starts(replace(merged, partitions=current.partitions + added), dict(self.offsets))


def _with_starts(source: KafkaSource, starts: dict[PartitionId, OffsetSpec]) -> KafkaSource:
    """What ALTER says of a pinned partition's offset is where the job now starts it, for SHOW CREATE too."""
    if not starts and not source.offsets:
        return source
    known = dict(source.offsets) | starts
    offsets = tuple((partition, known.get(partition, source.start_of(partition))) for partition in source.partitions)
    return replace(source, offsets=offsets)


def check_same_type(name: str) -> None:
    """Both vendors: ALTER names the kind of source that the job has, and that is Kafka."""
    if name.upper() in _SOURCES:
        raise ExecutionError(f"The specified job type is not: {name.upper()}")
    check_source_type(name)


def alter_source(properties: tuple[Property, ...], context: SourceContext) -> SourceChange:
    """Read ALTER's data source list. Raises PropertyError in the vendor's words."""
    given = last_values(properties)
    doris = context.compat is Compat.DORIS
    if not doris:
        # every confluent.* key is accepted; only the registry's mean anything here
        given = {
            key: value
            for key, value in given.items()
            if key == REGISTRY or not key.startswith("confluent.") or key.removeprefix(REGISTRY_PREFIX) in OPTIONS
        }
    refuse_unknown_keys(given, context.compat, _KEYS)
    check_table_names(given, context.compat)
    client, default = client_properties(given, context)
    topic = given[TOPIC].replace(" ", "") if TOPIC in given else None
    if topic == "":
        raise PropertyError("kafka_topic is a required property")
    return SourceChange(
        compat=context.compat,
        brokers=_brokers(given[BROKERS], context.compat) if BROKERS in given else None,
        topic=topic,
        offsets=_offsets(given, default, context),
        default_offset=default,
        properties=tuple(client.items()),
        registry_url=registry_url(given) if REGISTRY in given else None,
        registry_options=registry_options(given),
    )


def _brokers(text: str, compat: Compat) -> str:
    """StarRocks keeps the altered list as written, blanks and all; clients get it without them."""
    if compat is Compat.DORIS:
        return broker_list(text, compat)
    if not text.strip():
        raise PropertyError("kafka_broker_list cannot be empty")
    for item in text.replace(" ", "").split(","):
        check_broker(item, compat)
    return text.replace(" ", "")


def _offsets(
    given: dict[str, str], default: OffsetSpec | None, context: SourceContext
) -> tuple[tuple[PartitionId, OffsetSpec], ...]:
    reader = context.reader
    if PARTITIONS not in given:
        if OFFSETS in given:
            if context.compat is Compat.DORIS:
                raise PropertyError("Partitions number should be equals to offsets number")
            raise PropertyError("Missing kafka partition info")
        return ()
    listed = reader.partitions(given[PARTITIONS])
    if OFFSETS in given:
        if context.compat is Compat.DORIS and DEFAULT_OFFSETS in given:
            raise PropertyError("Only one of kafka_offsets and kafka_default_offsets can be set.")
        return pairs(listed, reader.offsets(given[OFFSETS]))
    if context.compat is Compat.STARROCKS:
        raise PropertyError("Partition and offset must be specified at the same time")
    if default is None and not given.get(DEFAULT_OFFSETS):
        raise PropertyError("Must set offset or default offset with partition property")
    # Doris: without the prefix it is only looked whether there is one
    return tuple((partition, default or END) for partition in dict.fromkeys(listed))
