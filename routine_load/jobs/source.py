"""The Kafka data source of a job: where it reads, which partitions, from which offsets (FROM KAFKA).

Owns the value, its start offsets and which values are secret; CREATE and ALTER are read in ``source_create`` and
``source_alter``. Refuses to know which ``property.*`` a client library may be given, and to talk to a broker.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from routine_load.ids import PartitionId

DEFAULT_OFFSETS = "kafka_default_offsets"
ORIGIN_DEFAULT_OFFSETS = "kafka_origin_default_offsets"
GROUP_ID = "group.id"
MASK = "******"
"""What stands for a secret wherever it is shown; CREATE and ALTER refuse it as a secret's value."""
DISCOVERY = "kafka_partition_discovery"
"""Ours: ``kafka_partitions`` with their offsets are where to start, not a list to be pinned to."""

_NOT_FOR_CLIENTS = frozenset({DEFAULT_OFFSETS, ORIGIN_DEFAULT_OFFSETS})
_SECRET_PARTS = (
    "password",
    "secret",
    "jaas",
    "key.pem",
    "access.key",
    "access_key",
    "user.info",
    "bearer.auth.token",
    "sasl.oauthbearer.config",
)


def is_secret(key: str) -> bool:
    """Values of this key are masked wherever they are shown and sealed wherever they are stored."""
    lowered = key.lower()
    return any(part in lowered for part in _SECRET_PARTS)


class OffsetKind(StrEnum):
    NUMBER = "number"
    BEGINNING = "OFFSET_BEGINNING"
    END = "OFFSET_END"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class OffsetSpec:
    """Where a partition starts. ``value`` is the offset, or epoch milliseconds; ``text`` is what the user wrote."""

    kind: OffsetKind
    value: int = 0
    text: str = ""

    def __str__(self) -> str:
        return str(self.value) if self.kind in {OffsetKind.NUMBER, OffsetKind.TIMESTAMP} else self.kind.value


BEGINNING = OffsetSpec(OffsetKind.BEGINNING, text=OffsetKind.BEGINNING.value)
END = OffsetSpec(OffsetKind.END, text=OffsetKind.END.value)


def _without_secret(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _with_mask(url: str) -> str:
    bare = _without_secret(url)
    if "@" not in url:
        return bare
    scheme, separator, rest = bare.rpartition("://")
    return f"{scheme}{separator}{MASK}@{rest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSource:
    """What FROM KAFKA decides.

    ``partitions`` empty means: all partitions of the topic, new ones too; otherwise the job is pinned to them.
    ``offsets`` are those given at CREATE, and for pinned partitions since. ``properties`` are the ``property.*``
    without prefix, with ``group.id`` and, as SHOW prints them, the default offsets.
    """

    brokers: str
    topic: str
    partitions: tuple[PartitionId, ...] = ()
    offsets: tuple[tuple[PartitionId, OffsetSpec], ...] = ()
    default_offset: OffsetSpec | None = None
    properties: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    registry_url: str = field(default="", repr=False)
    registry_options: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def is_pinned(self) -> bool:
        return bool(self.partitions)

    @property
    def client_properties(self) -> tuple[tuple[str, str], ...]:
        """What the Kafka client is given."""
        return tuple((key, value) for key, value in self.properties if key not in _NOT_FOR_CLIENTS)

    @property
    def masked_properties(self) -> tuple[tuple[str, str], ...]:
        """``property.*`` as anyone may see them."""
        return tuple((key, MASK if is_secret(key) else value) for key, value in self.properties)

    @property
    def masked_registry_url(self) -> str:
        """The schema registry's address, or each of several, without ``key:secret@``."""
        return ",".join(_without_secret(url) for url in self.registry_url.split(","))

    @property
    def refused_registry_url(self) -> str:
        """The same with a mask for ``key:secret``, where there is one, so that CREATE sees what is missing."""
        return ",".join(_with_mask(url) for url in self.registry_url.split(","))

    @property
    def masked_registry_options(self) -> tuple[tuple[str, str], ...]:
        """``confluent.schema.registry.*`` as anyone may see them."""
        return tuple((key, MASK if is_secret(key) else value) for key, value in self.registry_options)

    def start_of(self, partition: PartitionId) -> OffsetSpec:
        """Where a partition starts at CREATE: its own offset, else the default, else the end.

        One that the topic gets later starts at its beginning instead, so that nothing written before its discovery is
        lost; the vendors start it by the same chain. So does one that a list of starts (``DISCOVERY``) does not name:
        it came after the list was made.
        """
        later = BEGINNING if self.offsets and not self.is_pinned else self.default_offset or END
        return dict(self.offsets).get(partition, later)
