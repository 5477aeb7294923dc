"""Multi-table routing: ``table|data`` (Doris: multi-table jobs; the value is cut at its first ``|``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
        """Raises UnknownTable for a value without ``|``. One pass, however many tables are named."""
        cut = pc.split_pattern(pa.array(payloads.values, pa.binary()), b"|", max_splits=1)
        has_row = pc.greater(pc.list_value_length(cut), 1)
        _require_rows(cut, has_row)
        places = pc.indices_nonzero(has_row)
        cut = cut.take(places)
        names = pc.list_element(cut, 0).dictionary_encode()
        refs = [TableRef(self.database, _name(raw)) for raw in names.dictionary.to_pylist()]
        order = pc.array_sort_indices(names.indices)  # stable: the rows of a table stay in order
        codes, places = names.indices.take(order), places.take(order)
        rows = pc.list_element(cut, 1).take(order)
        is_sound = pc.and_(_has_length(pc.list_element(cut, 0)).take(order), _has_length(rows))
        rejected = _rejected(refs, codes, places, pc.invert(is_sound))
        places = places.filter(is_sound).to_pylist()
        values = rows.filter(is_sound).to_pylist()
        parts: dict[TableRef, Payloads] = {}
        for ref, begin, end in _runs(refs, codes.filter(is_sound)):
            parts[ref] = _Part(values[begin:end], places[begin:end], payloads)
        return Routed(parts, rejected)


def _name(raw: bytes) -> str:
    """Raises UnknownTable for what is no text: two such names must not become one."""
    try:
        return raw.decode()
    except UnicodeDecodeError as cause:
        shown = raw[:SHOWN_NAME_CHARS].decode("utf-8", "replace")
        raise UnknownTable(f"table not found, table name is {shown}") from cause


def _has_length(values: pa.Array) -> pa.Array:
    return pc.greater(pc.binary_length(values), 0)


def _require_rows(cut: pa.Array, has_row: pa.Array) -> None:
    """Raises UnknownTable for the first value that is not empty and has no ``|``."""
    alone = cut.filter(pc.invert(has_row))
    named = pc.list_element(alone, 0) if len(alone) else pa.array([], pa.binary())
    unknown = named.filter(_has_length(named))
    if len(unknown):
        shown = unknown[0].as_py().decode("utf-8", "replace")[:SHOWN_NAME_CHARS]
        raise UnknownTable(f"table not found, table name is {shown}: a message has no '|' behind its table name")


def _runs(refs: Sequence[TableRef], codes: pa.Array) -> Iterator[tuple[TableRef, int, int]]:
    """Where in sorted codes each table's rows begin and end."""
    encoded = pc.run_end_encode(codes)
    begin = 0
    for code, end in zip(encoded.values.to_pylist(), encoded.run_ends.to_pylist(), strict=True):
        yield refs[code], begin, end
        begin = end


def _rejected(
    refs: Sequence[TableRef], codes: pa.Array, places: pa.Array, is_bad: pa.Array
) -> dict[TableRef, tuple[RejectedRow, ...]]:
    numbers = places.filter(is_bad).to_pylist()
    rejected: dict[TableRef, tuple[RejectedRow, ...]] = {}
    for ref, begin, end in _runs(refs, codes.filter(is_bad)):
        reason = "empty data" if ref.table else "table name is empty"
        rejected[ref] = tuple(RejectedRow(place, b"", "", reason) for place in numbers[begin:end])
    return rejected
