"""Intents as rows of the metadata database, and back: counts and labels at the target are JSON.

Refuses to know who writes them, and when.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import sqlalchemy as sa

from routine_load.commit.intents import Intent
from routine_load.commit.labels import Part
from routine_load.commit.protocol import IntentState
from routine_load.commit.values import CommitRecord, OffsetRange
from routine_load.ids import PartitionId
from routine_load.jobs.codec import decode, encode
from routine_load.store.tables import commit_intent, commit_range

_REASON_MAX: Final = 4096
_CHUNK: Final = 500


def read_intents(
    connection: sa.Connection,
    condition: sa.ColumnElement[bool],
    *order: sa.ColumnElement[Any],
    limit: int | None = None,
) -> list[Intent]:
    rows = connection.execute(sa.select(commit_intent).where(condition).order_by(*order).limit(limit)).all()
    ranges: dict[str, list[OffsetRange]] = {row.label: [] for row in rows}
    for first in range(0, len(rows), _CHUNK):
        labels = [row.label for row in rows[first : first + _CHUNK]]
        found = sa.select(commit_range).where(commit_range.c.label.in_(labels)).order_by(commit_range.c.partition)
        for row in connection.execute(found):
            ranges[row.label].append(OffsetRange(PartitionId(row.partition), row.start_offset, row.end_offset))
    return [_intent(row, tuple(ranges[row.label])) for row in rows]


def _intent(row: sa.Row[Any], ranges: tuple[OffsetRange, ...]) -> Intent:
    record = decode(CommitRecord, json.loads(row.record))
    return Intent(
        record=replace(record, ranges=ranges, sequence=row.sequence or 0),
        parts=tuple(decode(Part, part) for part in json.loads(row.parts)),
        state=IntentState(row.state),
        reason=row.reason,
        was_decided=row.decided_at_ms is not None,
    )


def record_text(record: CommitRecord) -> str:
    return json.dumps(encode(replace(record, ranges=(), sequence=0)), ensure_ascii=False, separators=(",", ":"))


def kept_text(reason: str) -> str:
    """A target may say anything; PostgreSQL keeps no NUL, and nobody keeps half a character."""
    return reason[:_REASON_MAX].replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def parts_text(parts: Sequence[Part]) -> str:
    return json.dumps([encode(part) for part in parts], ensure_ascii=False, separators=(",", ":"))
