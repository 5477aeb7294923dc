"""Where a job goes on: Progress of SHOW ROUTINE LOAD as next offsets (StarRocks, Doris: Progress).

Both vendors print the offset that was consumed last; a next offset of 0 as OFFSET_ZERO, and what was not resolved yet
as OFFSET_BEGINNING or OFFSET_END. Anything else is refused: a guess would lose rows or load them twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from routine_load.errors import AnalysisError
from routine_load.ids import PartitionId

BEGINNING: Final = "OFFSET_BEGINNING"
END: Final = "OFFSET_END"
_ZERO: Final = "OFFSET_ZERO"
_MARKS: Final = {"-2": BEGINNING, "-1": END}
"""How both vendors store the two; Doris' and StarRocks' texts of CREATE may have them so."""

_NUMBER: Final = re.compile(r"\d{1,19}", re.ASCII)


def read_json(text: str, column: str) -> dict[str, Any]:
    """An object; an empty text is an empty one. Raises AnalysisError."""
    try:
        found = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise AnalysisError(f"{column} is no JSON: {text[:100]}") from error
    if not isinstance(found, dict):
        raise AnalysisError(f"{column} is no JSON object: {text[:100]}")
    return found


def next_offsets(progress: str) -> dict[PartitionId, str]:
    """By partition, as ``kafka_offsets`` writes them. Raises AnalysisError for a value that is not known."""
    starts = {_partition(key): _next(key, str(value)) for key, value in read_json(progress, "Progress").items()}
    return dict(sorted(starts.items()))


def written_offsets(source: Mapping[str, str]) -> dict[PartitionId, str]:
    """``kafka_partitions`` and ``kafka_offsets`` of a text: next offsets already. Empty where it has not both."""
    partitions, offsets = _items(source.get("kafka_partitions", "")), _items(source.get("kafka_offsets", ""))
    if not offsets or len(partitions) != len(offsets):
        return {}
    return {
        _partition(key): "0" if value == _ZERO else _MARKS.get(value, value)
        for key, value in zip(partitions, offsets, strict=True)
    }


def agreed(progress: Mapping[PartitionId, str], written: Mapping[PartitionId, str]) -> bool:
    """Whether a text of now says what Progress says. Releases that write the last offset there agree, too."""
    if not written:
        return True
    last = {p: str(int(start) - 1) if start.isdecimal() and int(start) else start for p, start in progress.items()}
    return written in (progress, last)


def partition_list(text: str) -> frozenset[PartitionId]:
    return frozenset(_partition(item) for item in _items(text))


def in_words(starts: Mapping[PartitionId, str]) -> str:
    """``0:42, 1:OFFSET_END``; for people."""
    return ", ".join(f"{partition}:{start}" for partition, start in sorted(starts.items()))


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _partition(text: str) -> PartitionId:
    if not _NUMBER.fullmatch(text):
        raise AnalysisError(f"'{text[:64]}' is no partition")
    return PartitionId(int(text))


def _next(partition: str, text: str) -> str:
    if text in {BEGINNING, END}:
        return text
    if text == _ZERO:
        return "0"
    if not _NUMBER.fullmatch(text):
        raise AnalysisError(
            f"Progress of partition {partition} is '{text[:64]}'; "
            "known: a number, OFFSET_ZERO, OFFSET_BEGINNING, OFFSET_END"
        )
    return str(int(text) + 1)
