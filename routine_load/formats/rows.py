"""Rows on their way through the exact paths: text with the payload it came from, and the growing list of rejects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from routine_load.formats.memory import MemoryDuckDB
from routine_load.loads.values import RAW_BYTES_MAX, Decoded, RejectedRow, SourceColumn


@dataclass(slots=True)
class Rejects:
    """Rejected rows of one chunk. Finding order is not payload order, so ``sorted`` gives them back as consumed."""

    rows: list[RejectedRow] = field(default_factory=list)

    def add(self, payload: int, raw: bytes | str, reason: str) -> None:
        # Cut before encoding: a message may be megabytes, a kept row never is.
        data = raw[:RAW_BYTES_MAX].encode("utf-8", "replace") if isinstance(raw, str) else raw
        self.rows.append(RejectedRow(payload=payload, raw=bytes(data[:RAW_BYTES_MAX]), column="", reason=reason))

    def sorted(self) -> tuple[RejectedRow, ...]:
        return tuple(sorted(self.rows, key=lambda row: row.payload))


def is_utf8(data: bytes) -> bool:
    """Whether all of it is UTF-8, without making a Python string of it."""
    offsets = pa.array([0, len(data)], pa.int64()).buffers()[1]
    try:
        pa.Array.from_buffers(pa.large_string(), 1, [None, offsets, pa.py_buffer(data)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def present(values: Sequence[bytes | None]) -> pa.Table:
    """Non-empty payloads as ``payload`` (int64) and ``raw`` (binary): tombstones and empty messages make no row."""
    raw = pa.array(values, pa.binary())
    table = pa.table({"payload": pa.array(range(len(values)), pa.int64()), "raw": raw})
    return table.filter(pc.greater(pc.fill_null(pc.binary_length(raw), 0), 0))


def valid_text(rows: pa.Table, rejects: Rejects, duck: MemoryDuckDB, reason: str = "Invalid UTF-8 row") -> pa.Table:
    """``payload`` and ``text`` of the rows whose ``raw`` is UTF-8; the others are rejected for the reason."""
    try:
        text = rows["raw"].cast(pa.string())
    except pa.ArrowInvalid:
        decoded = duck.query("SELECT payload, raw, try(decode(raw)) AS text FROM src", rows)
        broken = decoded.filter(pc.is_null(decoded["text"]))
        for row in broken.select(["payload", "raw"]).to_pylist():
            rejects.add(row["payload"], row["raw"], reason)
        return decoded.filter(pc.is_valid(decoded["text"])).select(["payload", "text"])
    return pa.table({"payload": rows["payload"], "text": text})


def nothing(columns: Sequence[SourceColumn], rejects: Rejects) -> Decoded:
    """No rows at all, in the right columns."""
    table = pa.table([pa.array([], pa.string()) for _ in columns], names=[c.name for c in columns])
    return Decoded(table, None, rejects.sorted())
