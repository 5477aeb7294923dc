"""JSON: each message is one or more documents, each document one row or (``strip_outer_array``) an array of rows.

The fast path is one DuckDB parse of all messages: it is taken when every message is one object. A message that is
anything else goes through ``json_documents``, which says what is wrong with it. Text columns keep a number as it was
written (``1.50`` stays ``1.50``): where a value could have been printed anew, ``json_exact`` reads it again.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from routine_load.formats.json_documents import Documents
from routine_load.formats.json_exact import exact_values
from routine_load.formats.json_select import Selection
from routine_load.formats.memory import MemoryDuckDB
from routine_load.formats.rows import (
    Part,
    Rejects,
    as_text,
    at,
    nothing,
    odd_places,
    present,
    together,
    usual_places,
    valid_text,
)
from routine_load.ids import Compat
from routine_load.loads.values import RAW_BYTES_MAX, Decoded, LoadSpec, Payloads, SourceColumn

_BLANK = ord(" ")
BYTE_ORDER_MARK = "\ufeff"


class JsonDecoder:
    """Decodes JSON messages into the given source columns, by key or by ``jsonpaths``."""

    def __init__(self, spec: LoadSpec, columns: tuple[SourceColumn, ...]) -> None:
        self._spec = spec
        self._columns = columns
        self._duck = MemoryDuckDB()
        self._selection = Selection(spec, columns)
        self._documents = Documents(spec, self._duck)
        self._one_object_each = not spec.json_root and not spec.strip_outer_array

    def prepare(self, payloads: Payloads) -> None:
        """All that is needed is in the messages."""

    def decode(self, payloads: Payloads) -> Decoded:
        values = payloads.values[:]  # rows that stand in one piece are cut here
        if self._one_object_each:
            text = as_text(values)
            decoded = self._decode_shaped(values, text) or self._decode_apart(values, text)
            if decoded is not None:
                return decoded
        return self._decode_documents(values)

    def _decode_shaped(self, values: Sequence[bytes | None], text: pa.StringArray) -> Decoded | None:
        """All messages have the braces of an object, or all but a few; None where one of them is not one object."""
        if not len(text):
            return None
        begins = pc.starts_with(text, "{")
        is_shaped = pc.fill_null(pc.and_(begins, pc.ends_with(text, "}")), False)
        odd = odd_places(is_shaped)
        try:
            if odd is not None:
                return self._decode_but(values, text, (is_shaped, odd))
            if text.null_count == 0 and pc.all(begins).as_py():
                return self._select(pa.table({"doc": text}), None, Rejects())
        except duckdb.Error:
            pass  # find out which
        return None

    def _decode_apart(self, values: Sequence[bytes | None], text: pa.StringArray) -> Decoded | None:
        """Most messages are one object each, and a few are not; None where that is not how they are."""
        docs = pa.table({"doc": text})
        is_object = "coalesce(starts_with(doc, '{') AND json_valid(doc), false)"
        is_usual = self._duck.query(f"SELECT {is_object} AS usual FROM src", docs)["usual"].combine_chunks()
        odd = odd_places(is_usual)
        return None if odd is None else self._decode_but(values, text, (is_usual, odd))

    def _decode_but(
        self, values: Sequence[bytes | None], text: pa.StringArray, parts: tuple[pa.BooleanArray, pa.Array]
    ) -> Decoded:
        """One object in each message but the odd ones; ``parts``: the mask of the others, and where the odd are.

        Raises duckdb.Error where that is not so.
        """
        is_usual, odd = parts
        usual = self._select(pa.table({"doc": _taken_out(text, odd)}), None, Rejects())
        # Blanks stand behind some of the documents now, which are no part of them.
        places = usual_places(is_usual)
        usual = Part(usual, places).in_chunk
        rejected = tuple(row._replace(raw=(values[row.payload] or b"")[:RAW_BYTES_MAX]) for row in usual.rejected)
        apart = Part(self._decode_documents(at(values, odd)), odd)
        return together(Decoded(usual.columns, usual.payload_of, rejected), apart.in_chunk)

    def _decode_documents(self, values: Sequence[bytes | None]) -> Decoded:
        rejects = Rejects()
        messages = valid_text(present(values), rejects)
        if self._spec.compat is Compat.DORIS:
            messages = _without_marks(messages)
        documents = self._documents.of(messages, rejects)
        rows = self._documents.rows(documents, rejects)
        if rows.num_rows == 0:
            return nothing(self._columns, rejects)
        return self._select(rows.select(["doc"]), rows, rejects)

    def close(self) -> None:
        self._duck.close()

    def _select(self, docs: pa.Table, rows: pa.Table | None, rejects: Rejects) -> Decoded:
        """The source columns of row documents; ``rows`` says which payload and document each came from."""
        table = self._duck.query(self._selection.sql(), docs)
        payload_of = None if rows is None else rows["payload"].combine_chunks()
        doubtful = self._selection.doubtful(table, docs["doc"] if rows is None else rows["twin"])
        if doubtful is not None:
            table = exact_values(self._duck, self._selection, docs if rows is None else rows, (table, doubtful))
        if self._spec.compat is Compat.DORIS:
            table, payload_of = self._reject_strangers(table, docs, payload_of, rejects)
        return Decoded(table.rename_columns([c.name for c in self._columns]), payload_of, rejects.sorted())

    def _reject_strangers(
        self, table: pa.Table, docs: pa.Table, payload_of: pa.Array | None, rejects: Rejects
    ) -> tuple[pa.Table, pa.Array | None]:
        """Doris: an object that has none of the keys is an error row."""
        blank = self._unfilled(table, 0)
        for index in range(1, table.num_columns):
            if not pc.any(blank).as_py():
                return table, payload_of
            blank = pc.and_(blank, self._unfilled(table, index))
        if not pc.any(blank).as_py():
            return table, payload_of
        known = self._duck.query(self._selection.known_sql(), docs)["known"]
        strange = pc.and_(blank, pc.invert(known))
        payloads = payload_of if payload_of is not None else pa.array(range(len(docs)), pa.int64())
        names = "".join(f"{column.name}, " for column in self._columns)
        reason = (
            f"There is no column matching jsonpaths in the json file, columns:[{names}], "
            f"please check columns and jsonpaths:{self._spec.jsonpaths}"
        )
        found = pa.table({"payload": payloads, "doc": docs["doc"]}).filter(strange)
        for row in found.to_pylist():
            rejects.add(row["payload"], row["doc"], reason)
        keep = pc.invert(strange)
        return table.filter(keep), payloads.filter(keep.combine_chunks())

    def _unfilled(self, table: pa.Table, index: int) -> pa.ChunkedArray:
        """Rows whose value may stand for a missing key."""
        column, missing = table.column(index), self._columns[index].missing
        return pc.is_null(column) if missing is None else pc.fill_null(pc.equal(column, missing), fill_value=True)


def _taken_out(text: pa.StringArray, places: pa.Array) -> pa.StringArray:
    """The other documents, by a change of ``text`` itself: blanks behind the one before stand for what is taken out.

    To copy the others, or what is read from them, costs many times as much.
    """
    _, offsets, data = text.buffers()
    ends = np.frombuffer(offsets, np.int32)[text.offset : text.offset + len(text) + 1]
    if not data.is_mutable:
        data = pa.py_buffer(bytearray(data))
    letters = np.frombuffer(data, np.uint8)
    for place in places.to_pylist():
        letters[ends[place] : ends[place + 1]] = _BLANK
    begins = np.append(np.delete(ends[:-1], places), ends[-1])
    return pa.StringArray.from_buffers(len(begins) - 1, pa.py_buffer(begins), data)


def _without_marks(messages: pa.Table) -> pa.Table:
    """Doris: a byte order mark in front of a message is dropped."""
    text = messages["text"]
    marked = pc.starts_with(text, BYTE_ORDER_MARK)
    bare = pc.if_else(marked, pc.utf8_slice_codeunits(text, 1), text)
    return messages.set_column(messages.column_names.index("text"), "text", bare)
