"""Where the documents of a JSON body begin and end: a stream of documents, or the elements of one array.

The structure is found with a few NumPy passes over the bytes, whatever the documents are; whether each is sound JSON
is for the decoder. What only the body as a whole can be wrong in is ``BodyBroken``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from routine_load.errors import LoadRejected

BLANKS = b" \t\r\n"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_QUOTE, _ESCAPE, _OPEN, _CLOSE, _COMMA = 1, 2, 3, 4, 5
_CLASSES = np.zeros(256, np.uint8)
for _chars, _kind in ((b'"', _QUOTE), (b"\\", _ESCAPE), (b"{[", _OPEN), (b"}]", _CLOSE), (b",", _COMMA)):
    for _char in _chars:
        _CLASSES[_char] = _kind
_SHOWN_BYTES = 200

Places = NDArray[np.int64]
Kinds = NDArray[np.uint8]


class BodyBroken(LoadRejected):
    """The body is no JSON as a whole."""

    def __init__(self, why: str, near: bytes = b"") -> None:
        super().__init__(f"parse error. {why}")
        self.near = near[:_SHOWN_BYTES]


class JsonDocuments:
    """A stream of documents with or without blanks between (StarRocks)."""

    again = 0

    def __init__(self) -> None:
        self._rest = b""
        self._scanner = _Scanner(0)

    @property
    def waiting(self) -> int:
        return len(self._rest)

    def feed(self, data: bytes) -> Sequence[bytes]:
        begun = self._scanner.depth > 0
        places, kinds, depths = self._scanner.scan(data)
        places, data = places + len(self._rest), self._rest + data if self._rest else data
        if len(depths) and depths.min() < 0:
            at = int(places[int(np.argmax(depths < 0))])
            raise BodyBroken("a bracket is closed that was never opened", data[max(at - _SHOWN_BYTES, 0) : at + 1])
        ends: list[int] = (places[(kinds == _CLOSE) & (depths == 0)] + 1).tolist()
        if not ends:
            self._rest = data if begun or self._scanner.depth else data.lstrip(BLANKS)
            return ()
        opened: list[int] = places[(kinds == _OPEN) & (depths == 1)].tolist()
        starts = ([0, *opened] if begun else opened)[: len(ends)]
        before = [0, *ends[:-1]]
        between = b"".join(map(data.__getitem__, map(slice, before, starts)))
        if between.strip(BLANKS):
            starts = before  # something stands between: it belongs to a document, which the decoder refuses
        self._rest = data[ends[-1] :].lstrip(BLANKS)
        return list(map(data.__getitem__, map(slice, starts, ends)))

    def end(self) -> Sequence[bytes]:
        rest, self._rest = self._rest.strip(BLANKS), b""
        return [rest] if rest else ()


class JsonElements:
    """The elements of the one array that a body is (``strip_outer_array``)."""

    again = 0

    def __init__(self) -> None:
        self._rest = b""
        self._scanner = _Scanner(1)
        self._begun = False
        self._ended = False
        self._has_elements = False

    @property
    def waiting(self) -> int:
        return len(self._rest)

    def feed(self, data: bytes) -> Sequence[bytes]:
        if not self._begun:
            data = (self._rest + data).removeprefix(BYTE_ORDER_MARK).lstrip(BLANKS)
            self._rest = b""
            if not data:
                return ()
            if data[:1] != b"[":
                raise BodyBroken("the value should be array type with strip_outer_array=true", data)
            self._begun, data = True, data[1:]
        if self._ended:
            self._require_nothing(data)
            return ()
        places, kinds, depths = self._scanner.scan(data)
        places, data = places + len(self._rest), self._rest + data if self._rest else data
        is_end = (kinds == _CLOSE) & (depths == 0)
        cuts: list[int] = places[((kinds == _COMMA) & (depths == 1)) | is_end].tolist()
        if is_end.any():
            return self._last(data, cuts, int(places[int(np.argmax(is_end))]))
        if not cuts:
            self._rest = data
            return ()
        self._rest = data[cuts[-1] + 1 :]
        return self._elements(data, cuts)

    def end(self) -> Sequence[bytes]:
        if self._begun and not self._ended:
            raise BodyBroken("the array is not closed", self._rest)
        return ()

    def _last(self, data: bytes, cuts: list[int], end: int) -> Sequence[bytes]:
        """The array ends in this piece."""
        self._ended, self._rest = True, b""
        if data[end : end + 1] != b"]":
            raise BodyBroken("the array is not closed by ]", data[max(end - _SHOWN_BYTES, 0) : end + 1])
        self._require_nothing(data[end + 1 :])
        cuts = cuts[: cuts.index(end) + 1]
        if len(cuts) == 1 and not self._has_elements and not data[:end].strip(BLANKS):
            return ()
        return self._elements(data, cuts)

    def _elements(self, data: bytes, cuts: list[int]) -> Sequence[bytes]:
        self._has_elements = True
        starts = [0, *(np.asarray(cuts[:-1], np.int64) + 1).tolist()]
        found = list(map(bytes.strip, map(data.__getitem__, map(slice, starts, cuts))))
        if b"" in found:
            raise BodyBroken("an element of the array is empty", data)
        return found

    @staticmethod
    def _require_nothing(data: bytes) -> None:
        if data.strip(BLANKS):
            raise BodyBroken("something follows the array", data.lstrip(BLANKS))


def first_byte(head: bytes) -> bytes:
    """The first byte of a document; none where there are only blanks so far."""
    return head.removeprefix(BYTE_ORDER_MARK).lstrip(BLANKS)[:1]


class _Scanner:
    """Finds brackets and commas outside strings, piece after piece: each byte is looked at once."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self._inside = False
        self._is_escaped = False

    def scan(self, data: bytes) -> tuple[Places, Kinds, Places]:
        """Where they are, which they are, and the depth behind each."""
        classes = _CLASSES[np.frombuffer(data, np.uint8)]
        places: Places = np.flatnonzero(classes)
        kinds: Kinds = classes[places]
        escapes = places[kinds == _ESCAPE]
        if len(escapes) or self._is_escaped:
            escaped = self._escaped(escapes, len(data))
            is_live = ~((kinds == _QUOTE) & np.isin(places, escaped)) & (kinds != _ESCAPE)
            places, kinds = places[is_live], kinds[is_live]
        is_quote = kinds == _QUOTE
        quotes = np.cumsum(is_quote) + int(self._inside)
        is_outside = (quotes % 2 == 0) & ~is_quote
        if len(quotes):
            self._inside = bool(quotes[-1] % 2)
        places, kinds = places[is_outside], kinds[is_outside]
        depths: Places = np.cumsum((kinds == _OPEN).astype(np.int64) - (kinds == _CLOSE)) + self.depth
        if len(depths):
            self.depth = int(depths[-1])
        return places, kinds, depths

    def _escaped(self, escapes: Places, size: int) -> Places:
        """The places right behind runs of an odd number of backslashes; a run may have begun in the piece before."""
        begins = np.flatnonzero(np.diff(escapes, prepend=-2) != 1)
        ends = np.append(begins[1:], len(escapes)) - 1
        lengths = ends - begins + 1
        goes_on = bool(len(escapes)) and int(escapes[0]) == 0
        if self._is_escaped and goes_on:
            lengths[0] += 1
        behind: Places = escapes[ends[lengths % 2 == 1]] + 1 if len(escapes) else np.empty(0, np.int64)
        if self._is_escaped and not goes_on:
            behind = np.append(0, behind)
        if size:
            self._is_escaped = bool(len(behind)) and int(behind[-1]) == size
        return behind
