"""Lines of one piece of memory that are not UTF-8: which they are, and how a parser of the others gets past them.

No Python statement runs once per line, but for those that are not UTF-8. Refuses to know formats and what a line means.
"""

from __future__ import annotations

import codecs
import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_BREAK = ord("\n")
_FEW = 4
"""Lines with other bytes than ASCII's are looked at alone where they are less than one of so many."""

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class NoText:
    """Some lines of ``joined``: their numbers, in order. ``bounds``: where each line begins, and one behind the end."""

    joined: bytes
    lines: Places
    bounds: Places

    def raws(self) -> list[tuple[int, bytes]]:
        """Each one's number and bytes."""
        spans = zip(self.lines.tolist(), self._spans(), strict=True)
        return [(line, self.joined[at:end]) for line, (at, end) in spans]

    def overwritten(self, char: bytes) -> bytearray:
        """All lines, with ``char`` in place of each byte of these: where everything else stands does not change."""
        data = bytearray(self.joined)
        for at, end in self._spans():
            data[at:end] = char * (end - at)
        return data

    def _spans(self) -> list[tuple[int, int]]:
        begins, ends = self.bounds[self.lines], self.bounds[self.lines + 1] - 1
        return list(zip(begins.tolist(), ends.tolist(), strict=True))


def line_breaks(joined: bytes) -> int:
    """How many there are: six times as fast as ``bytes.count``."""
    return int(np.count_nonzero(np.frombuffer(joined, np.uint8) == _BREAK))


def no_text(joined: bytes) -> NoText:
    """The lines that are not UTF-8."""
    data = np.frombuffer(joined, np.uint8)
    breaks = np.flatnonzero(data == _BREAK)
    bounds = np.concatenate(([-1], breaks, [len(joined)])) + 1
    strange = _distinct(np.searchsorted(breaks, np.flatnonzero(data >= 0x80)))
    if len(strange) * _FEW < len(bounds):
        whole = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), len(bounds) - 1, [None, pa.py_buffer(_with_end(bounds, joined)), pa.py_buffer(joined)]
        )
        some = whole.take(pa.array(strange))
        ends = np.frombuffer(some.buffers()[1], np.int64)[1 : len(strange) + 1]
        found = strange[_distinct(np.searchsorted(ends, _stumbles(some.buffers()[2].to_pybytes()), side="right"))]
    else:
        found = _distinct(np.searchsorted(breaks, _stumbles(joined)))
    return NoText(joined, found, bounds)


def _with_end(bounds: Places, joined: bytes) -> Places:
    """As Arrow's offsets: nothing stands behind the last line."""
    offsets = bounds.copy()
    offsets[-1] = len(joined)
    return offsets


def _distinct(ordered: Places) -> Places:
    """Each number of an ordered list once."""
    return ordered[np.flatnonzero(np.diff(ordered, prepend=-1))]


def _stumbles(joined: bytes) -> Places:
    """Where reading finds a line to be no UTF-8, once for each: one reading of all of them, that tells it."""
    _stumbled.places = []
    joined.decode("utf-8", _NOTING)
    places, _stumbled.places = _stumbled.places, []
    return np.array(places, np.int64)


def _note(error: UnicodeError) -> tuple[str, int]:
    """Keep where it is, and go on behind the line: whatever its bytes are, it is asked once."""
    assert isinstance(error, UnicodeDecodeError)
    _stumbled.places.append(error.start)
    end = error.object.find(b"\n", error.start)
    return "", end if end >= 0 else len(error.object)


_NOTING = "routine_load.formats.lines_no_text"
_stumbled = threading.local()
codecs.register_error(_NOTING, _note)
