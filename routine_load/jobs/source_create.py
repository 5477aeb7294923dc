"""Reading FROM KAFKA (…) of CREATE, by the vendors' rules and in the vendors' words.

Owns accepted keys and the order of checks. Refuses to know Kafka, and which ``property.*`` a client may be given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from routine_load.errors import PropertyError
from routine_load.ids import Compat, PartitionId
from routine_load.jobs.aws import check_aws
from routine_load.jobs.offsets import OffsetReader
from routine_load.jobs.property_rules import last_values
from routine_load.jobs.registry import OPTIONS, REGISTRY, REGISTRY_PREFIX, check_registry, registry_options
from routine_load.jobs.source import (
    DEFAULT_OFFSETS,
    DISCOVERY,
    GROUP_ID,
    MASK,
    ORIGIN_DEFAULT_OFFSETS,
    KafkaSource,
    OffsetKind,
    OffsetSpec,
    is_secret,
)
from routine_load.sql.statements import Property

PREFIX = "property."
BROKERS = "kafka_broker_list"
TOPIC = "kafka_topic"
PARTITIONS = "kafka_partitions"
OFFSETS = "kafka_offsets"
_WITHOUT_EFFECT = frozenset(
    {
        "kafka_table_name_location",
        "kafka_table_name_format",
        "kafka_text_table_name_field_delimiter",
        "kafka_text_table_name_field_index",
    }
)
_REGISTRY_OPTIONS = frozenset(REGISTRY_PREFIX + option for option in OPTIONS)
_COMMON = frozenset({BROKERS, TOPIC, PARTITIONS, OFFSETS, REGISTRY, DISCOVERY}) | _WITHOUT_EFFECT

_STARROCKS_BROKER = r".*?\[?([0-9a-zA-Z\-%._:]*)\]?:(\d+)"
_BROKER = re.compile(r"[^\n]*:\d++", re.ASCII)
_DORIS_BROKER = r"[-A-Za-z0-9+&@#/%?=~_|!:,.;]+[-A-Za-z0-9+&@#/%=~_|]"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceContext:
    """Whose rules apply; ``timezone`` is the job's, ``group_id`` is used where the statement names none."""

    compat: Compat
    timezone: str
    group_id: str = ""
    is_avro: bool = False

    @property
    def reader(self) -> OffsetReader:
        return OffsetReader(self.compat, self.timezone)


def check_source_type(name: str) -> None:
    if name.upper() != "KAFKA":
        raise PropertyError(f"routine load job does not support this type {name.upper()}")


def create_source(properties: tuple[Property, ...], context: SourceContext) -> KafkaSource:
    """Checks run in the vendor's order: keys, brokers, topic, client properties, partitions, offsets."""
    given = last_values(properties)
    refuse_unknown_keys(given, context.compat)
    brokers = broker_list(given.get(BROKERS), context.compat)
    topic = given.get(TOPIC, "").replace(" ", "")
    if not topic:
        raise PropertyError("kafka_topic is a required property")
    check_table_names(given, context.compat)
    client, default = client_properties(given, context)
    client.setdefault(GROUP_ID, context.group_id)
    listed = context.reader.partitions(given[PARTITIONS]) if PARTITIONS in given else ()
    offsets = _offsets(given, listed, context)
    source = KafkaSource(
        brokers=brokers,
        topic=topic,
        partitions=() if _discovers(given, offsets) else tuple(dict.fromkeys(listed)),
        offsets=offsets,
        default_offset=default,
        properties=tuple(client.items()),
        registry_url=registry_url(given),
        registry_options=registry_options(given),
    )
    if context.is_avro:
        check_registry(source)
    return source


def _discovers(given: Mapping[str, str], offsets: tuple[tuple[PartitionId, OffsetSpec], ...]) -> bool:
    """Whether the listed partitions are where to start, and the job follows the topic."""
    text = given.get(DISCOVERY, "false").lower()
    if text not in {"true", "false"}:
        raise PropertyError(f"{DISCOVERY} is '{given[DISCOVERY]}', allowed: true, false")
    if text == "true" and not offsets:
        raise PropertyError(f"{DISCOVERY} needs {PARTITIONS} and {OFFSETS}: it says that they are where to start")
    return text == "true"


def check_table_names(given: Mapping[str, str], compat: Compat) -> None:
    """Doris: how a message of many tables says its table; there is one way."""
    if compat is Compat.DORIS and given.get("kafka_table_name_format", "TEXT").upper() != "TEXT":
        raise PropertyError("Multi load olay supported for table name format TEXT")


def registry_url(given: Mapping[str, str]) -> str:
    """The schema registry's address; refused with a mask in the place of its secret."""
    url = given.get(REGISTRY, "")
    if f"{MASK}@" in url:
        raise PropertyError(_masked(REGISTRY))
    return url


def _masked(key: str) -> str:
    return f"{key} holds {MASK}, which stands for a secret that SHOW CREATE does not tell: write the secret itself"


def _offsets(
    given: Mapping[str, str], listed: tuple[PartitionId, ...], context: SourceContext
) -> tuple[tuple[PartitionId, OffsetSpec], ...]:
    if OFFSETS not in given:
        return ()
    if context.compat is Compat.DORIS and DEFAULT_OFFSETS in given:
        raise PropertyError("Only one of kafka_offsets and kafka_default_offsets can be set.")
    return pairs(listed, context.reader.offsets(given[OFFSETS]))


def pairs(
    listed: tuple[PartitionId, ...], offsets: tuple[OffsetSpec, ...]
) -> tuple[tuple[PartitionId, OffsetSpec], ...]:
    """Partitions with their offsets, in list order."""
    if len(listed) != len(offsets):
        raise PropertyError("Partitions number should be equals to offsets number")
    return tuple(dict(zip(listed, offsets, strict=True)).items())


def refuse_unknown_keys(given: Iterable[str], compat: Compat, known: frozenset[str] = _COMMON) -> None:
    if compat is Compat.DORIS:
        known = (known - {REGISTRY}) | _WITHOUT_EFFECT  # both CREATE and ALTER read the names of tables
    else:
        known |= _REGISTRY_OPTIONS
    for key in given:
        if key in known or (key.startswith(PREFIX) and key != PREFIX):
            continue
        if compat is Compat.DORIS:
            if key == DEFAULT_OFFSETS or key.startswith("aws."):
                continue
            raise PropertyError(f"{key} is invalid kafka property or can not be set")
        raise PropertyError(f"{key} is invalid kafka custom property")


def broker_list(text: str | None, compat: Compat) -> str:
    """``host:port[,host:port…]`` without blanks."""
    brokers = (text or "").replace(" ", "")
    if compat is Compat.DORIS:
        brokers = brokers.rstrip(",")  # as Java splits a text
    if not brokers:
        raise PropertyError("kafka_broker_list is a required property")
    for item in brokers.split(","):
        check_broker(item, compat)
    return brokers


def is_broker(item: str) -> bool:
    """Whether StarRocks' pattern lets the item pass; asked so, because that pattern takes hours over many colons."""
    return _BROKER.fullmatch(item) is not None


def check_broker(item: str, compat: Compat) -> None:
    if compat is Compat.DORIS:
        if not re.fullmatch(_DORIS_BROKER, item) or not is_broker(item):
            raise PropertyError(f"KAFKA_BROKER_LIST:{item} not match pattern {_DORIS_BROKER}")
    elif not is_broker(item):
        raise PropertyError(f"kafka_broker_list: {item} does not match pattern {_STARROCKS_BROKER}")


def client_properties(given: Mapping[str, str], context: SourceContext) -> tuple[dict[str, str], OffsetSpec | None]:
    """``property.*`` without prefix (Doris: ``aws.*`` too), and the default offset among them.

    Doris keeps a date-time default twice: as epoch milliseconds and as written.
    """
    client = {key.removeprefix(PREFIX): value for key, value in given.items() if key.startswith((PREFIX, "aws."))}
    for key, value in client.items():
        if value == MASK and is_secret(key):
            raise PropertyError(_masked(key if key.startswith("aws.") else f"{PREFIX}{key}"))
    check_aws(client)
    if DEFAULT_OFFSETS not in client:
        return client, None
    default = context.reader.default(client[DEFAULT_OFFSETS])
    if context.compat is Compat.DORIS and default.kind is OffsetKind.TIMESTAMP:
        client[ORIGIN_DEFAULT_OFFSETS] = client[DEFAULT_OFFSETS]
        client[DEFAULT_OFFSETS] = str(default.value)
    return client, default
