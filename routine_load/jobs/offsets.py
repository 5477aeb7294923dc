"""Offsets and partition lists as the vendors' statements spell them.

Owns spelling and refusals. Refuses to know in which statement they stand, and what Kafka holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from routine_load.errors import InvalidValue, PropertyError
from routine_load.ids import Compat, PartitionId
from routine_load.jobs.property_rules import long_number
from routine_load.jobs.source import BEGINNING, END, OffsetKind, OffsetSpec
from routine_load.jobs.timezones import epoch_ms

_PARTITION = re.compile(r"[+-]?\d{1,10}", re.ASCII)
_PARTITION_MAX = 2**31 - 1
PARTITIONS_MAX = 10_000
"""Entries in one list; a bound, not a vendor's rule."""


@dataclass(frozen=True, slots=True)
class OffsetReader:
    """Reads offsets by one vendor's rules; date-times are on the clocks of ``timezone``."""

    compat: Compat
    timezone: str

    def partitions(self, text: str) -> tuple[PartitionId, ...]:
        """A comma-separated list; a comma at the end is forgiven."""
        if not text.strip():
            raise PropertyError("kafka_partitions could not be a empty string")
        return tuple(_partition(item.strip()) for item in _items(text))

    def offsets(self, text: str) -> tuple[OffsetSpec, ...]:
        """``kafka_offsets``: one value per listed partition."""
        if not text.strip():
            raise PropertyError("kafka_offsets could not be a empty string")
        specs = tuple(self._offset(item.strip()) for item in _items(text))
        if self.compat is Compat.DORIS and len({spec.kind is OffsetKind.TIMESTAMP for spec in specs}) > 1:
            raise PropertyError(
                "The offset of the partition cannot be specified by the timestamp and the offset at the same time"
            )
        return specs

    def default(self, text: str) -> OffsetSpec:
        """``property.kafka_default_offsets``: one value; Doris takes no plain number here."""
        spec = self._known(text.strip())
        if self.compat is Compat.STARROCKS:
            return spec or _starrocks_number(text.strip())
        if spec is None:
            raise PropertyError("kafka_default_offsets can only be set to OFFSET_BEGINNING, OFFSET_END or date time")
        return spec

    def _offset(self, text: str) -> OffsetSpec:
        if spec := self._known(text):
            return spec
        if self.compat is Compat.STARROCKS:
            return _starrocks_number(text)
        number = long_number(text)
        if number is None or number < 0:
            raise PropertyError("kafka_offsets must be an integer or a date time")
        return OffsetSpec(OffsetKind.NUMBER, number, text)

    def _known(self, text: str) -> OffsetSpec | None:
        """A symbolic offset or a date-time."""
        if text.upper() == OffsetKind.BEGINNING.value:
            return BEGINNING
        if text.upper() == OffsetKind.END.value:
            return END
        moment = epoch_ms(text, self.timezone)
        return None if moment is None else OffsetSpec(OffsetKind.TIMESTAMP, max(moment, 0), text)


def _starrocks_number(text: str) -> OffsetSpec:
    number = long_number(text)
    if number is None:
        raise InvalidValue(
            f"Invalid kafka offset: '{text}'. Expected values should be an integer, OFFSET_BEGINNING, or OFFSET_END"
        )
    if number < 0:
        raise PropertyError("Can not specify offset smaller than 0")
    return OffsetSpec(OffsetKind.NUMBER, number, text)


def _partition(text: str) -> PartitionId:
    if not _PARTITION.fullmatch(text) or not 0 <= int(text) <= _PARTITION_MAX:
        raise InvalidValue(f"Invalid kafka partition: '{text}'. Expected values should be an integer")
    return PartitionId(int(text))


def _items(text: str) -> list[str]:
    items = text.split(",")
    while len(items) > 1 and items[-1] == "":
        items.pop()
    if len(items) > PARTITIONS_MAX:
        raise PropertyError(f"a list of {len(items)} partitions or offsets is too long, at most {PARTITIONS_MAX}")
    return items
