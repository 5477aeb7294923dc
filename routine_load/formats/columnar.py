"""Rows that are columns already, with types (Arrow, Parquet, ORC), made into the texts that a load reads.

A column is found by its name, in any case; one that is not there is NULL. Refuses to know files.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from routine_load.errors import LoadRejected
from routine_load.formats.memory import MemoryDuckDB
from routine_load.formats.rows import ALL_UTF8, Rejects
from routine_load.loads.column_rows import columns_of
from routine_load.loads.values import Decoded, LoadSpec, Payloads, SourceColumn

_SHANGHAI = frozenset({"CST", "PRC"})


class ColumnarDecoder:
    """Makes texts of typed columns: numbers and moments as both vendors write them, nested values as JSON."""

    def __init__(self, spec: LoadSpec, columns: tuple[SourceColumn, ...]) -> None:
        self._columns = columns
        self._zone = "Asia/Shanghai" if spec.timezone in _SHANGHAI else spec.timezone
        self._duck = MemoryDuckDB()

    def prepare(self, payloads: Payloads) -> None:
        """It needs nothing from elsewhere."""

    def decode(self, payloads: Payloads) -> Decoded:
        table = columns_of(payloads)
        places = {name.lower(): index for index, name in reversed(list(enumerate(table.column_names)))}
        rejects = Rejects()
        bad = pa.nulls(table.num_rows, pa.bool_()).fill_null(False)
        texts = []
        for column in self._columns:
            found = places.get(column.name.lower())
            if found is None:
                texts.append(pa.nulls(table.num_rows, pa.string()))
                continue
            text, is_bad = self._text(table.column(found))
            if is_bad is not None:
                bad = pc.or_(bad, is_bad)
            texts.append(text)
        decoded = pa.table(texts, names=[column.name for column in self._columns])
        if not pc.any(bad).as_py():
            return Decoded(decoded, None)
        rows = pa.array(range(table.num_rows), pa.int64())
        for row in rows.filter(bad).to_pylist():
            rejects.add(row, payloads.values[row] or b"", "Invalid UTF-8 row")
        kept = pc.invert(bad)
        return Decoded(decoded.filter(kept), rows.filter(kept), rejects.sorted())

    def close(self) -> None:
        self._duck.close()

    def _text(self, column: pa.ChunkedArray) -> tuple[pa.Array, pa.Array | None]:
        """The values as texts; where some are no text, which."""
        kind = column.type
        if pa.types.is_dictionary(kind):
            column = pc.dictionary_decode(column) if hasattr(pc, "dictionary_decode") else column.cast(kind.value_type)
            kind = column.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return _one(column.cast(pa.string())), None
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
            return _decoded(_one(column.cast(pa.binary())))
        if pa.types.is_boolean(kind):
            return _one(pc.if_else(column, "1", "0")), None
        if pa.types.is_timestamp(kind) and kind.tz is not None:
            column = pc.local_timestamp(column.cast(pa.timestamp(kind.unit, self._zone)))
        value = "to_json(c)" if pa.types.is_nested(kind) else "c"
        try:
            shown = self._duck.query(f"SELECT {value}::VARCHAR AS c FROM src", pa.table({"c": column}))
        except (duckdb.Error, pa.ArrowException) as error:
            raise LoadRejected(f"A column of type {kind} cannot be loaded") from error
        return _one(shown["c"]), None


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _decoded(raw: pa.Array) -> tuple[pa.Array, pa.Array | None]:
    try:
        return raw.cast(pa.string()), None
    except pa.ArrowInvalid:
        is_text = pc.fill_null(pc.match_substring_regex(raw, ALL_UTF8), True)
        text = pc.if_else(is_text, raw, pa.scalar(None, pa.binary())).cast(pa.string())
        return text, pc.invert(is_text)
