"""Gives each row what its message carries beside its value: further source columns, behind the fields.

KEY is text; a key that is not UTF-8 makes its rows error rows, unless the column takes bytes. HEADERS are a JSON array
of ``{"key": …, "value": …}`` in Kafka's order, duplicates included; a value that is not UTF-8 is ``"base64"`` instead
of ``"value"``. Refuses to know where messages come from.
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from routine_load.formats.memory import MemoryDuckDB
from routine_load.loads.values import Decoded, Decoder, Payloads, Reading, RejectedRow, SourceColumn
from routine_load.sql.statements import MetadataField

_HEADER_SQL = """
    SELECT CASE
        WHEN raw IS NULL THEN json_object('key', key, 'value', NULL)
        WHEN text IS NULL THEN json_object('key', key, 'base64', base64(raw))
        ELSE json_object('key', key, 'value', text) END::VARCHAR AS header
    FROM (SELECT key, raw, try(decode(raw)) AS text FROM src)"""


class MetadataDecoder:
    """Decodes by another decoder, and adds the metadata columns."""

    def __init__(self, decoder: Decoder, columns: tuple[SourceColumn, ...]) -> None:
        self._decoder = decoder
        self._columns = columns
        self._duck: MemoryDuckDB | None = None

    def prepare(self, payloads: Payloads) -> None:
        self._decoder.prepare(payloads)

    def decode(self, payloads: Payloads) -> Decoded:
        decoded = self._decoder.decode(payloads)
        table = decoded.columns
        if table.num_rows == 0:
            for column in self._columns:
                table = table.append_column(column.name, pa.array([], column.type))
            return replace(decoded, columns=table)
        faults = []
        for column in self._columns:
            values, fault = self._values(column, payloads)
            if decoded.payload_of is not None:
                values = values.take(decoded.payload_of)
            table = table.append_column(column.name, values)
            if fault is not None:
                faults.append(fault)
        whole = Decoded(table, decoded.payload_of, decoded.rejected)
        for bad, reason in faults:
            whole = _without(whole, bad, reason)
        return whole

    def close(self) -> None:
        self._decoder.close()
        if self._duck is not None:
            self._duck.close()

    def _values(self, column: SourceColumn, payloads: Payloads) -> tuple[pa.Array, tuple[pa.Array, str] | None]:
        """One value per payload; where some cannot be had, which payloads, and the reason."""
        assert column.metadata is not None
        found = payloads.metadata(column.metadata)
        if column.metadata is MetadataField.HEADERS:
            values = self._headers(found)
            return values, (pc.is_null(found), "A header's name is not UTF-8") if found.null_count else None
        if column.metadata is not MetadataField.KEY or column.reading is Reading.BYTES:
            return found, None
        try:
            return found.cast(pa.string()), None
        except pa.ArrowInvalid:
            text = self._query("SELECT try(decode(raw)) AS text FROM src", pa.table({"raw": found}))["text"]
            text = text.combine_chunks()
            bad = pc.and_(pc.is_null(text), pc.is_valid(found))
            reason = f"The message's key is not UTF-8; a VARBINARY column {column.name} would take it as it is"
            return text, (bad, reason)

    def _headers(self, found: pa.MapArray) -> pa.Array:
        offsets = found.offsets
        first, last = offsets[0].as_py(), offsets[len(offsets) - 1].as_py()
        pairs = pa.table({"key": found.keys.slice(first, last - first), "raw": found.items.slice(first, last - first)})
        texts = pa.array([], pa.string())
        if pairs.num_rows:
            texts = self._query(_HEADER_SQL, pairs)["header"].combine_chunks()
        each = pa.ListArray.from_arrays(pc.subtract(offsets, first), texts)
        return pc.binary_join_element_wise("[", pc.binary_join(each, ","), "]", "")

    def _query(self, sql: str, src: pa.Table) -> pa.Table:
        self._duck = self._duck or MemoryDuckDB()
        return self._duck.query(sql, src)


def _without(decoded: Decoded, bad: pa.Array, reason: str) -> Decoded:
    """The rows of bad payloads are rejected, each counted."""
    places = decoded.payload_of if decoded.payload_of is not None else pa.array(range(len(bad)), pa.int64())
    drop = bad.take(places)
    rejected = tuple(RejectedRow(payload, b"", "", reason) for payload in places.filter(drop).to_pylist())
    keep = pc.invert(drop)
    ordered = sorted((*decoded.rejected, *rejected), key=lambda row: row.payload)
    return Decoded(decoded.columns.filter(keep), places.filter(keep), tuple(ordered))
