"""Rows that come as columns already: Arrow, Parquet, ORC. To the load path they are payloads like all others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import pyarrow as pa

from routine_load.loads.values import Origin, Payloads, PayloadSlice
from routine_load.sql.statements import MetadataField


class RowTexts(Sequence[bytes]):
    """Each row as text, made when a rejected row is told of."""

    __slots__ = ("_table",)

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> RowTexts: ...

    def __getitem__(self, at: int | slice) -> bytes | RowTexts:
        if isinstance(at, slice):
            start, stop, _ = at.indices(len(self))
            return RowTexts(self._table.slice(start, max(stop - start, 0)))
        return str(self._table.slice(at, 1).to_pylist()[0]).encode()


class ColumnRows:
    """Payloads of which each is one row of a table (``loads.values.Payloads``)."""

    __slots__ = ("table",)

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    @property
    def values(self) -> Sequence[bytes | None]:
        return RowTexts(self.table)

    def origin(self, index: int) -> Origin:  # noqa: ARG002 - a row of a body has none
        return Origin()

    def metadata(self, what: MetadataField) -> pa.Array:  # noqa: ARG002 - a body carries none
        return pa.nulls(self.table.num_rows)


def columns_of(payloads: Payloads) -> pa.Table:
    """The rows of payloads, as columns."""
    if isinstance(payloads, PayloadSlice):
        return columns_of(payloads.whole).slice(payloads.start, payloads.stop - payloads.start)
    assert isinstance(payloads, ColumnRows), type(payloads)
    return payloads.table
