"""From a stream of bytes to whole rows, as much at a time as came: the bodies of Stream Loads.

A framer is fed pieces of a body and gives back the rows that are whole, each as one payload; what is left over waits
for the next piece. Memory is bounded: a row that is longer than ``row_bytes_max`` is refused. No Python statement runs
once per row. Refuses to know headers, vendors' answers and where the bytes come from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from routine_load.errors import LimitExceeded
from routine_load.ids import Compat
from routine_load.loads.lines import Lines
from routine_load.loads.values import LoadSpec

PIECE_BYTES_MAX = 16 * 1024 * 1024
Read = Callable[[int], bytes]
"""At most so many bytes; none at the end."""


class Framer(Protocol):
    """Cuts one body."""

    @property
    def waiting(self) -> int:
        """Bytes that are no whole row yet."""
        ...

    @property
    def again(self) -> int:
        """How many of them will be looked through again."""
        ...

    def feed(self, data: bytes) -> Sequence[bytes]:
        """The rows that are whole now. Raises BodyBroken."""
        ...

    def end(self) -> Sequence[bytes]:
        """What is left: a last row without its delimiter. Raises BodyBroken."""
        ...


def framed(read: Read, framer: Framer, *, chunk_bytes: int, row_bytes_max: int) -> Iterator[Sequence[bytes]]:
    """The rows of a body, chunk by chunk; chunks may be empty. Raises LimitExceeded, BodyBroken."""
    while True:
        # What is looked through again with each piece that comes makes pieces larger, within bounds.
        parts = _parts(read, max(chunk_bytes, min(framer.again, PIECE_BYTES_MAX)))
        if not parts:
            yield framer.end()
            return
        yield framer.feed_parts(parts) if isinstance(framer, RowsByDelimiter) else framer.feed(b"".join(parts))
        if framer.waiting > row_bytes_max:
            raise LimitExceeded(f"A row has more than {row_bytes_max} bytes, more are not taken")


def gathered(read: Read, size: int) -> bytes:
    """``size`` bytes, fewer only at the end."""
    return b"".join(_parts(read, size))


def _parts(read: Read, size: int) -> list[bytes]:
    parts: list[bytes] = []
    missing = size
    while missing > 0:
        part = read(missing)
        if not part:
            break
        parts.append(part)
        missing -= len(part)
    return parts


class RowsByDelimiter:
    """CSV without enclosures, and JSON by line: a delimiter ends a row wherever it stands."""

    again = 0

    def __init__(self, delimiter: bytes) -> None:
        self._delimiter = delimiter
        self._rest = b""

    @property
    def waiting(self) -> int:
        return len(self._rest)

    def feed(self, data: bytes) -> Sequence[bytes]:
        return self.feed_parts((data,))

    def feed_parts(self, parts: Sequence[bytes]) -> Sequence[bytes]:
        """As ``feed`` does with all of them joined, which is done once."""
        if len(self._delimiter) > 1:
            rows = b"".join((self._rest, *parts)).split(self._delimiter)  # from the left: it may overlap itself
            self._rest = rows.pop()
            return rows
        for last in range(len(parts) - 1, -1, -1):
            at = parts[last].rfind(self._delimiter)
            if at >= 0:
                break
        else:
            self._rest = b"".join((self._rest, *parts))
            return ()
        joined = b"".join((self._rest, *parts[:last], memoryview(parts[last])[:at]))
        self._rest = b"".join((memoryview(parts[last])[at + 1 :], *parts[last + 1 :]))
        return Lines(joined, self._delimiter)

    def end(self) -> Sequence[bytes]:
        rest, self._rest = self._rest, b""
        return [rest] if rest else ()


class EnclosedRows:
    """CSV with ``enclose`` or ``escape``: a delimiter inside an enclosure, or behind an escape, ends no row.

    Doris: an escape shields only inside an enclosure.
    """

    def __init__(self, spec: LoadSpec) -> None:
        self._delimiter = spec.row_delimiter.encode()
        self._marks = tuple(mark.encode() for mark in (spec.enclose, spec.escape) if mark)
        self._row = _row_pattern(spec)
        self._rest = b""

    @property
    def waiting(self) -> int:
        return len(self._rest)

    @property
    def again(self) -> int:
        return len(self._rest)

    def feed(self, data: bytes) -> Sequence[bytes]:
        data = self._rest + data if self._rest else data
        if not any(mark in data for mark in self._marks):
            rows = data.split(self._delimiter)
            self._rest = rows.pop()
            return rows
        rows = self._row.findall(data)
        size = sum(map(len, rows)) + len(rows) * len(self._delimiter)
        self._rest = rows.pop() if size > len(data) else b""
        return rows

    def end(self) -> Sequence[bytes]:
        rest, self._rest = self._rest, b""
        return [rest] if rest else ()


def _row_pattern(spec: LoadSpec) -> re.Pattern[bytes]:
    """A row, in a group, with its delimiter or the end of the data behind it; an open enclosure goes on to the end."""
    delimiter, separator = re.escape(spec.row_delimiter.encode()), re.escape(spec.column_separator.encode())
    escape = re.escape(spec.escape.encode()) if spec.escape != spec.enclose else b""
    inside = escape + b"(?:.|\\Z)|" if escape else b""
    outside = inside if spec.compat is Compat.STARROCKS else b""
    plain = b"(?:" + outside + b"(?!" + separator + b"|" + delimiter + b").)*+"
    field = plain
    if spec.enclose:
        quote = re.escape(spec.enclose.encode())
        blanks = b"[ ]*+" if spec.trim_space else b""
        enclosed = blanks + quote + b"(?:" + inside + quote * 2 + b"|(?!" + quote + b").)*+(?:" + quote + b"|\\Z)"
        field = b"(?:" + enclosed + b")?+" + plain
    return re.compile(b"(?s)(?!\\Z)(" + field + b"(?:" + separator + field + b")*+)(?:" + delimiter + b"|\\Z)")


class WholeBody:
    """All of a body is one payload (Doris: JSON that is neither by line nor an array)."""

    again = 0

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def waiting(self) -> int:
        return self._size

    def feed(self, data: bytes) -> Sequence[bytes]:
        self._parts.append(data)
        self._size += len(data)
        return ()

    def end(self) -> Sequence[bytes]:
        body, self._parts, self._size = b"".join(self._parts), [], 0
        return [body] if body else ()
