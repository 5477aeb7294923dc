"""Rows of a body that stand in one piece of memory, seen as one payload each.

A decoder that can read many rows in one call takes ``joined``; everything else sees a sequence of rows, which is cut
only then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np
import pyarrow as pa

from routine_load.loads.values import Origin
from routine_load.sql.statements import MetadataField


class Lines(Sequence[bytes]):
    """``joined`` holds the rows with ``delimiter``, a byte, between them, none behind the last one."""

    __slots__ = ("_count", "_rows", "delimiter", "joined")

    def __init__(self, joined: bytes, delimiter: bytes = b"\n") -> None:
        assert len(delimiter) == 1, delimiter
        self.joined = joined
        self.delimiter = delimiter
        self._rows: list[bytes] | None = None
        self._count = 0

    def __len__(self) -> int:
        if not self._count:
            # To compare every byte costs a fifth of what looking for each delimiter does.
            is_delimiter = np.frombuffer(self.joined, np.uint8) == self.delimiter[0]
            self._count = int(np.count_nonzero(is_delimiter)) + 1
        return self._count

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> list[bytes]: ...

    def __getitem__(self, at: int | slice) -> bytes | list[bytes]:
        if self._rows is None:
            self._rows = self.joined.split(self.delimiter)
        return self._rows[at]


class BodyRows:
    """Payloads of a body: nothing is known of a row but that it came (``loads.values.Payloads``)."""

    __slots__ = ("values",)

    def __init__(self, values: Sequence[bytes | None]) -> None:
        self.values = values

    def origin(self, index: int) -> Origin:  # noqa: ARG002 - a row of a body has none
        return Origin()

    def metadata(self, what: MetadataField) -> pa.Array:  # noqa: ARG002 - a body carries none
        return pa.nulls(len(self.values))
