"""Rows on their way through the exact paths: text with the payload it came from, and the growing list of rejects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

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


_MORE = (
    r"[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|"
    r"\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|"
    r"\xf4[\x80-\x8f][\x80-\xbf]{2}"
)
ONE_LINE = rf"(?s)\A(?:[\x00-\x09\x0b\x0c\x0e-\x7f]|{_MORE})+\z"
"""What pyarrow matches in binary values: UTF-8 without a line break, and not nothing."""
ALL_UTF8 = rf"(?s)\A(?:[\x00-\x7f]|{_MORE})*\z"
APART_SHARE = 4
"""Odd messages are taken apart from the others where they are less than one of so many."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some messages of a chunk that were decoded for themselves: ``places`` says which, in order."""

    decoded: Decoded
    places: pa.Array

    @property
    def payload_of(self) -> pa.Array:
        return self.places if self.decoded.payload_of is None else self.places.take(self.decoded.payload_of)

    @property
    def rejected(self) -> list[RejectedRow]:
        rows = self.decoded.rejected
        payloads = self.places.take(pa.array([row.payload for row in rows], pa.int64())).to_pylist()
        return [RejectedRow(at, row.raw, row.column, row.reason) for at, row in zip(payloads, rows, strict=True)]


def odd_places(is_usual: pa.Array) -> pa.Array | None:
    """Where the odd messages of a chunk stand; None where there are none, or too many to take them apart."""
    odd = pc.indices_nonzero(pc.invert(is_usual)).cast(pa.int64())
    return None if len(odd) == 0 or len(odd) * APART_SHARE > len(is_usual) else odd


def usual_places(is_usual: pa.Array) -> pa.Array:
    return pc.indices_nonzero(is_usual).cast(pa.int64())


def at(values: Sequence[bytes | None], places: pa.Array) -> list[bytes | None]:
    """A few of the values."""
    return [values[place] for place in places.to_pylist()]


def together(usual: Part, odd: Part) -> Decoded:
    """Both parts of a chunk as one, in the order in which they were consumed."""
    rejected = tuple(sorted(usual.rejected + odd.rejected, key=lambda row: row.payload))
    if odd.decoded.columns.num_rows == 0:
        return Decoded(usual.decoded.columns, usual.payload_of, rejected)
    table = pa.concat_tables([usual.decoded.columns, odd.decoded.columns])
    payload_of = pa.concat_arrays([usual.payload_of, odd.payload_of])
    order = pc.sort_indices(payload_of)  # stable: rows of one message keep their order
    return Decoded(table.take(order), payload_of.take(order), rejected)


def present(values: Sequence[bytes | None]) -> pa.Table:
    """Non-empty payloads as ``payload`` (int64) and ``raw`` (binary): tombstones and empty messages make no row."""
    raw = pa.array(values, pa.binary())
    table = pa.table({"payload": pa.array(range(len(values)), pa.int64()), "raw": raw})
    return table.filter(pc.greater(pc.fill_null(pc.binary_length(raw), 0), 0))


def valid_text(rows: pa.Table, rejects: Rejects, reason: str = "Invalid UTF-8 row") -> pa.Table:
    """``payload`` and ``text`` of the rows whose ``raw`` is UTF-8; the others are rejected for the reason."""
    try:
        text = rows["raw"].cast(pa.string())
    except pa.ArrowInvalid:
        is_text = pc.match_substring_regex(rows["raw"], ALL_UTF8)
        for row in rows.filter(pc.invert(is_text)).select(["payload", "raw"]).to_pylist():
            rejects.add(row["payload"], row["raw"], reason)
        rows = rows.filter(is_text)
        text = rows["raw"].cast(pa.string())
    return pa.table({"payload": rows["payload"], "text": text})


def nothing(columns: Sequence[SourceColumn], rejects: Rejects) -> Decoded:
    """No rows at all, in the right columns."""
    table = pa.table([pa.array([], pa.string()) for _ in columns], names=[c.name for c in columns])
    return Decoded(table, None, rejects.sorted())
