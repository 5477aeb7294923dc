"""Multi-table routing: ``table|data`` (Doris: multi-table jobs; the value is cut at its first ``|``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from routine_load.errors import UnknownTable
from routine_load.ids import TableRef
from routine_load.loads.values import Origin, Payloads
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


@dataclass(frozen=True, slots=True)
class ByTablePrefix:
    """Cuts each value at its first ``|``: the left part names a table of ``database``, the right part is the row.

    Tombstones and empty values name no table and carry no row; they are passed over.
    """

    database: str
    many_tables: ClassVar[bool] = True

    def split(self, payloads: Payloads) -> Mapping[TableRef, Payloads]:
        cut = pc.split_pattern(pa.array(payloads.values, pa.binary()), b"|", max_splits=1)
        names = pc.list_element(cut, 0).dictionary_encode()
        lengths = pc.list_value_length(cut)
        parts: dict[TableRef, Payloads] = {}
        for code, raw in enumerate(names.dictionary.to_pylist()):
            name = raw.decode("utf-8", "replace")
            places = pc.indices_nonzero(pc.equal(names.indices, code))
            part = cut.take(places)
            if not name and pc.all(pc.equal(lengths.take(places), 1)).as_py():
                continue
            if pc.min(lengths.take(places)).as_py() < 2:
                raise UnknownTable(f"table not found, table name is {name}: a message has no '|' behind its table name")
            if not name:
                raise UnknownTable("table name is empty")
            ref = TableRef(self.database, name)
            parts[ref] = _Part(pc.list_element(part, 1).to_pylist(), places.to_pylist(), payloads)
        return parts
