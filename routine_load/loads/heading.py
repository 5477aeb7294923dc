"""The first rows of a body that are no data: what a load leaves out before anything else sees it.

StarRocks: ``skip_header``. Doris: ``skip_lines``, and in its place ``csv_with_names`` (1 row) and
``csv_with_names_and_types`` (2). They count rows of the whole load, blank ones too, and appear in no count. A routine
load has no heading (both vendors).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from routine_load.loads.values import Format, LoadSpec, Origin, Payloads, PayloadSlice
from routine_load.sql.statements import MetadataField


@dataclass(frozen=True, slots=True)
class _Beheaded:
    """Payloads of which the first has lost its beginning."""

    whole: Payloads
    first: bytes

    @property
    def values(self) -> Sequence[bytes | None]:
        return [self.first, *self.whole.values[1:]]

    def origin(self, index: int) -> Origin:
        return self.whole.origin(index)

    def metadata(self, what: MetadataField) -> pa.Array:
        return self.whole.metadata(what)


class Heading:
    """Counts down the rows that one load still has to leave out. A payload holds whole rows."""

    def __init__(self, spec: LoadSpec) -> None:
        self._left = spec.skip_rows if spec.format is Format.CSV else 0
        self._row = _row_pattern(spec)

    def without(self, payloads: Payloads) -> Payloads:
        """What is left of a chunk."""
        if self._left == 0:
            return payloads
        values = payloads.values
        for index, value in enumerate(values):
            if self._left > 0 and not value:
                self._left -= 1  # a blank row, cut off from its delimiter
                continue
            at = 0
            while value and at < len(value) and self._left > 0:
                at = self._row.match(value, at).end()  # type: ignore[union-attr] # it matches anything
                self._left -= 1
            if not value or at < len(value):
                rest = PayloadSlice(payloads, index, len(values))
                return _Beheaded(rest, value[at:]) if value and at else rest
        return PayloadSlice(payloads, len(values), len(values))


def _row_pattern(spec: LoadSpec) -> re.Pattern[bytes]:
    """A row with its delimiter, or the rest; a delimiter inside an enclosure ends no row."""
    delimiter = re.escape(spec.row_delimiter.encode())
    shield = re.escape(spec.escape.encode()) if spec.escape != spec.enclose else b""
    escaped = shield + b".|" if shield else b""
    if not spec.enclose:
        return re.compile(b"(?s)(?:" + escaped + b"(?!" + delimiter + b").)*+(?:" + delimiter + b"|\\Z)")
    quote, separator = re.escape(spec.enclose.encode()), re.escape(spec.column_separator.encode())
    inside = escaped + quote * 2 + b"|(?!" + quote + b")."
    blanks = b" *+" if spec.trim_space else b""
    enclosed = blanks + quote + b"(?:" + inside + b")*+(?:" + quote + b"|\\Z)"
    plain = b"(?:" + escaped + b"(?!" + separator + b"|" + delimiter + b").)*+"
    field = b"(?:" + enclosed + b")?" + plain
    return re.compile(b"(?s)" + field + b"(?:" + separator + field + b")*+(?:" + delimiter + b"|\\Z)")
