"""Multi-table routing: ``table|data`` (Doris: multi-table jobs; the value is cut at its first ``|``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from routine_load.errors import UnknownTable
from routine_load.ids import TableRef
from routine_load.loads.values import Origin, Payloads, RejectedRow, Routed
from routine_load.sql.statements import MetadataField


@dataclass(frozen=True, slots=True)
class _Part:
    """Payloads of one table, remembering their places in the chunk."""

    values: Sequence[bytes | None]
    places: Sequence[int]
    whole: Payloads

    def origin(self, index: int) -> Origin:
        return self.whole.origin(self.places[index])

    def metadata(self, what: MetadataField) -> pa.Array:
        return self.whole.metadata(what).take(pa.array(self.places, pa.int64()))


SHOWN_NAME_CHARS = 64
"""Of a message without a ``|`` so much is shown as the table's name."""


@dataclass(frozen=True, slots=True)
class ByTablePrefix:
    """Cuts each value at its first ``|``: the left part names a table of ``database``, the right part is the row.

    Tombstones and empty values name no table and carry no row; they are passed over. A row without a name, and a name
    without a row, is an error row: Doris fails the task and reads it again for ever. A value without ``|`` is an
    unknown table (Doris).
    """

    database: str
    many_tables: ClassVar[bool] = True

    def split(self, payloads: Payloads) -> Routed:
        """Raises UnknownTable for a value without ``|``."""
        cut = pc.split_pattern(pa.array(payloads.values, pa.binary()), b"|", max_splits=1)
        names = pc.list_element(cut, 0).dictionary_encode()
        lengths = pc.list_value_length(cut)
        parts: dict[TableRef, Payloads] = {}
        rejected: dict[TableRef, tuple[RejectedRow, ...]] = {}
        for code, raw in enumerate(names.dictionary.to_pylist()):
            name = raw.decode("utf-8", "replace")
            ref = TableRef(self.database, name)
            places = pc.indices_nonzero(pc.equal(names.indices, code))
            has_row = pc.greater(lengths.take(places), 1)
            if not name:
                rejected[ref] = _errors(places.filter(has_row), "table name is empty")
                continue
            if not pc.all(has_row).as_py():
                shown = name[:SHOWN_NAME_CHARS]
                raise UnknownTable(
                    f"table not found, table name is {shown}: a message has no '|' behind its table name"
                )
            rows = pc.list_element(cut.take(places), 1)
            is_empty = pc.equal(pc.binary_length(rows), 0)
            rejected[ref] = _errors(places.filter(is_empty), "empty data")
            filled = pc.invert(is_empty)
            places = places.filter(filled)
            if len(places):
                parts[ref] = _Part(rows.filter(filled).to_pylist(), places.to_pylist(), payloads)
        return Routed(parts, {ref: rows for ref, rows in rejected.items() if rows})


def _errors(places: pa.Array, reason: str) -> tuple[RejectedRow, ...]:
    return tuple(RejectedRow(place, b"", "", reason) for place in places.to_pylist())
