"""Rows on their way through the exact paths: text with the payload it came from, and the growing list of rejects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import itemgetter

import numpy as np
import numpy.ma  # pyarrow would, in the middle of a load, with the first array of numpy's that it is given: 10 ms
import pyarrow as pa
import pyarrow.compute as pc

from routine_load.formats.lines_no_text import lines_of_no_text
from routine_load.loads.values import RAW_BYTES_MAX, Decoded, RejectedRow, SourceColumn

_PAYLOAD = itemgetter(RejectedRow._fields.index("payload"))


@dataclass(slots=True)
class Rejects:
    """Rejected rows of one chunk. Finding order is not payload order, so ``sorted`` gives them back as consumed."""

    rows: list[RejectedRow] = field(default_factory=list)

    def add(self, payload: int, raw: bytes | str, reason: str) -> None:
        # Cut before encoding: a message may be megabytes, a kept row never is.
        data = raw[:RAW_BYTES_MAX].encode("utf-8", "replace") if isinstance(raw, str) else raw
        self.rows.append(RejectedRow(payload, data[:RAW_BYTES_MAX], "", reason))

    def sorted(self) -> tuple[RejectedRow, ...]:
        return tuple(sorted(self.rows, key=_PAYLOAD))


def is_utf8(data: bytes | bytearray) -> bool:
    """Whether all of it is UTF-8, without making a Python string of it."""
    offsets = pa.array([0, len(data)], pa.int64()).buffers()[1]
    try:
        pa.Array.from_buffers(pa.large_string(), 1, [None, offsets, pa.py_buffer(data)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def as_binary(values: Sequence[bytes | None]) -> pa.BinaryArray:
    """The values as Arrow has them, in memory of their own. One copy of all costs a tenth of one copy of each."""
    try:
        joined = bytearray().join(values)  # type: ignore[arg-type] # a tombstone raises TypeError
    except TypeError:
        return pa.array(values, pa.binary())
    if len(joined) > _INT32_MAX:
        return pa.array(values, pa.binary())
    sizes = pa.array([0, *map(len, values)], pa.int32())  # type: ignore[arg-type] # there is none
    ends = pc.cumulative_sum(sizes).buffers()[1]
    return pa.BinaryArray.from_buffers(pa.binary(), len(values), [None, ends, pa.py_buffer(joined)])


def as_text(values: Sequence[bytes | None]) -> pa.StringArray:
    """The values as text; NULL what is not UTF-8."""
    raw = as_binary(values)
    try:
        return raw.cast(pa.string())
    except pa.ArrowInvalid:
        is_text = pc.match_substring_regex(raw, ALL_UTF8)
        return pc.if_else(is_text, raw, pa.scalar(None, pa.binary())).cast(pa.string())


_INT32_MAX = 2**31 - 1
_MORE = (
    r"[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|"
    r"\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|"
    r"\xf4[\x80-\x8f][\x80-\xbf]{2}"
)
ALL_UTF8 = rf"(?s)\A(?:[\x00-\x7f]|{_MORE})*\z"
APART_SHARE = 4
"""Odd messages are taken apart from the others where they are less than one of so many."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some messages of a chunk that were decoded for themselves: ``places`` says which, in order."""

    decoded: Decoded
    places: pa.Array

    @property
    def in_chunk(self) -> Decoded:
        """The same with the chunk's numbers of its payloads."""
        decoded = self.decoded
        payload_of = self.places if decoded.payload_of is None else self.places.take(decoded.payload_of)
        payloads = self.places.take(pa.array([row.payload for row in decoded.rejected], pa.int64())).to_pylist()
        rejected = tuple(
            RejectedRow(payload, row.raw, row.column, row.reason)
            for payload, row in zip(payloads, decoded.rejected, strict=True)
        )
        return Decoded(decoded.columns, payload_of, rejected)


def odd_places(is_usual: pa.Array) -> pa.Array | None:
    """Where the odd messages of a chunk stand; None where there are none, or too many to take them apart."""
    odd = pc.indices_nonzero(pc.invert(is_usual)).cast(pa.int64())
    return None if len(odd) == 0 or len(odd) * APART_SHARE > len(is_usual) else odd


def usual_places(is_usual: pa.Array) -> pa.Array:
    return pc.indices_nonzero(is_usual).cast(pa.int64())


def odd_lines(values: Sequence[bytes | None]) -> list[int] | None:
    """Which messages are not one line of UTF-8; None where they are too many to take them apart."""
    if all(values):
        joined = b"\n".join(values)  # type: ignore[arg-type] # there is no tombstone
        if joined.count(b"\n") == len(values) - 1:
            found = lines_of_no_text(joined)
            return found if len(found) * APART_SHARE <= len(values) else None
    odd = set(_noughts(bytearray(map(bool, values))))
    is_cut = pc.match_substring(as_binary(values), "\n")
    odd.update(pc.indices_nonzero(pc.fill_null(is_cut, False)).to_pylist())
    texts = [b"" if at in odd else value for at, value in enumerate(values)]
    strange = _noughts(bytearray(map(bytes.isascii, texts)))  # type: ignore[arg-type] # tombstones are odd
    if strange:
        is_text = pc.match_substring_regex(as_binary(at(values, pa.array(strange))), ALL_UTF8)
        odd.update(compress(strange, pc.invert(is_text).to_pylist()))
    return sorted(odd) if len(odd) * APART_SHARE <= len(values) else None


def _noughts(marks: bytearray) -> list[int]:
    """Where there is none."""
    return pc.indices_nonzero(pc.equal(_bytes(marks), 0)).to_pylist() if 0 in marks else []


def others(rows: int, without: Iterable[int]) -> pa.Array:
    """All but a few of the numbers below ``rows``."""
    marks = np.ones(rows, bool)
    marks[list(without)] = False
    return pa.array(np.flatnonzero(marks), pa.int64())


def _bytes(marks: bytearray) -> pa.Array:
    return pa.Array.from_buffers(pa.uint8(), len(marks), [None, pa.py_buffer(marks)])


def at(values: Sequence[bytes | None], places: pa.Array) -> list[bytes | None]:
    """A few of the values."""
    return [values[place] for place in places.to_pylist()]


def together(usual: Decoded, odd: Decoded) -> Decoded:
    """Two parts of a chunk as one, in the order in which they were consumed; both know their payloads in the chunk."""
    rejected = tuple(sorted(usual.rejected + odd.rejected, key=_PAYLOAD))
    if odd.columns.num_rows == 0:
        return Decoded(usual.columns, usual.payload_of, rejected)
    table = pa.concat_tables([usual.columns, odd.columns])
    payload_of = pa.concat_arrays([usual.payload_of, odd.payload_of])
    order = pc.sort_indices(payload_of)  # stable: rows of one message keep their order
    return Decoded(table.take(order), payload_of.take(order), rejected)


def present(values: Sequence[bytes | None]) -> pa.Table:
    """Non-empty payloads as ``payload`` (int64) and ``raw`` (binary): tombstones and empty messages make no row."""
    raw = as_binary(values)
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
