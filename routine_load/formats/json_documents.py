"""From a message to row documents: several documents in one message, ``json_root``, ``strip_outer_array``.

A message that cannot be parsed is one rejected row with the reason. (StarRocks fails the whole task there and tries
the same batch for ever; an error row that counts is what its users ask for.)
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from routine_load.formats.json_exact import QUOTED_NUMBERS
from routine_load.formats.jsonpaths import located, parse_path
from routine_load.formats.memory import MemoryDuckDB
from routine_load.formats.rows import Rejects
from routine_load.ids import Compat
from routine_load.loads.values import LoadSpec

SHOWN_CHARS = 200
_BLANKS = " \t\r\n"
_DORIS_UNPARSABLE = "Parse json data for JsonDoc failed. code: -1, error info: "
SEVERAL_DOCUMENTS = "a message holds one document, this one holds several"
_SEVERAL = ValueError(SEVERAL_DOCUMENTS)
_PARSER = json.JSONDecoder(parse_float=str, parse_int=str)
"""Making one costs as much as a short document."""


class Documents:
    """Finds documents in messages and rows in documents, for one load."""

    def __init__(self, spec: LoadSpec, duck: MemoryDuckDB) -> None:
        self._spec = spec
        self._duck = duck
        self._root = located(parse_path(spec.json_root)) if spec.json_root else ""

    def of(self, messages: pa.Table, rejects: Rejects) -> pa.Table:
        """``payload`` and ``text`` of every document in ``messages`` (``payload``, ``text``)."""
        if messages.num_rows == 0:
            return messages
        valid = self._duck.query("SELECT json_valid(text) AS valid FROM src", messages)["valid"]
        if pc.all(valid).as_py():
            return messages
        payloads: list[int] = []
        texts: list[str] = []
        for row in messages.filter(pc.invert(valid)).to_pylist():
            text = row["text"]
            if not text.strip(_BLANKS):
                continue
            try:
                found = list(_documents(text))
            except (ValueError, RecursionError) as cause:
                rejects.add(row["payload"], text, self._unparsable(cause))
                continue
            if len(found) > 1 and self._spec.compat is Compat.DORIS:
                rejects.add(row["payload"], text, self._unparsable(_SEVERAL))
                continue
            payloads.extend([row["payload"]] * len(found))
            texts.extend(found)
        if not texts:
            return messages.filter(valid)
        split = pa.table({"payload": pa.array(payloads, pa.int64()), "text": pa.array(texts, pa.string())})
        # Python's parser and DuckDB's may disagree; DuckDB's has the last word.
        valid_split = self._duck.query("SELECT json_valid(text) AS valid FROM src", split)["valid"]
        for row in split.filter(pc.invert(valid_split)).to_pylist():
            rejects.add(row["payload"], row["text"], self._unparsable(None))
        split = split.filter(valid_split)
        everything = pa.concat_tables([messages.filter(valid), split])
        # A stable sort by payload brings split documents back to where they were consumed.
        order = pa.table({"payload": everything["payload"], "at": pa.array(range(everything.num_rows), pa.int64())})
        return everything.take(pc.sort_indices(order, [("payload", "ascending"), ("at", "ascending")]))

    def rows(self, documents: pa.Table, rejects: Rejects) -> pa.Table:
        """``payload``, ``doc`` and ``twin`` (``doc`` with quoted numbers) of every row; what is no row is rejected."""
        if documents.num_rows == 0:
            return pa.table({"payload": documents["payload"], "doc": documents["text"], "twin": documents["text"]})
        rows = self._duck.query(self._rows_sql(), documents)
        good = pc.fill_null(pc.equal(rows["kind"], "OBJECT"), False)
        for row in rows.filter(pc.invert(good)).to_pylist():
            rejects.add(row["payload"], row["doc"] or "", self._misshapen(row["kind"], row["doc"] or ""))
        return rows.filter(good).select(["payload", "doc", "twin"])

    def _rows_sql(self) -> str:
        source = "SELECT payload, text AS doc, {} AS twin FROM src".format(QUOTED_NUMBERS.format("text"))
        if self._root and self._spec.strip_outer_array:
            source = _unnested(source)
        if self._root:
            path = "'" + self._root.replace("'", "''") + "'"
            source = (
                f"SELECT payload, json_extract(doc, {path})::VARCHAR AS doc, "
                f"json_extract(twin, {path})::VARCHAR AS twin FROM ({source})"
            )
        if self._spec.strip_outer_array:
            marked = f"SELECT *, json_type(doc) AS outer_kind FROM ({source})"
            return f"""
                SELECT payload, doc, twin,
                       CASE WHEN outer_kind = 'ARRAY' THEN json_type(doc) ELSE 'no array' END AS kind
                FROM ({_unnested(marked, "outer_kind")})"""
        return f"SELECT payload, doc, twin, json_type(doc) AS kind FROM ({source})"

    def _misshapen(self, kind: str | None, doc: str) -> str:
        """The vendor's words for a document that is no row."""
        if kind is None or not doc:
            doris, starrocks = "JSON Root not found.", f"parse error. json_root {self._spec.json_root} is not found"
        elif kind == "no array":
            doris = "JSON data is not an array-object, `strip_outer_array` must be FALSE."
            starrocks = (
                f"parse error. the value should be array type with strip_outer_array=true, value: {doc[:SHOWN_CHARS]}"
            )
        elif kind == "ARRAY" and not self._spec.strip_outer_array:
            doris = "JSON data is array-object, `strip_outer_array` must be TRUE."
            starrocks = (
                "parse error. The value is array type in json document stream, you can set strip_outer_array=true to "
                "parse each element of the array as individual rows"
            )
        else:
            doris = f"{_DORIS_UNPARSABLE}the row is no object but starts with [{doc[:1]}]"
            starrocks = f"parse error. illegal json started with [{doc[:1]}]"
        return doris if self._spec.compat is Compat.DORIS else starrocks

    def _unparsable(self, cause: Exception | None) -> str:
        if isinstance(cause, json.JSONDecodeError):
            why = f"{cause.msg.removesuffix(' at')} at character {cause.pos + 1}"
        elif isinstance(cause, RecursionError):
            why = "nested too deeply"
        elif cause is _SEVERAL:
            why = str(cause)
        else:
            why = "malformed document"
        if self._spec.compat is Compat.DORIS:
            return f"{_DORIS_UNPARSABLE}{why}"
        return f"parse error. {why}"


def _documents(text: str) -> Iterator[str]:
    """The documents of a stream, one after another, with or without blanks between. Raises ValueError."""
    at = 0
    while True:
        while at < len(text) and text[at] in _BLANKS:
            at += 1
        if at == len(text):
            return
        _, end = _PARSER.raw_decode(text, at)
        yield text[at:end]
        at = end


def _unnested(source: str, *more: str) -> str:
    """Arrays become their elements; everything else stays one row."""
    extra = "".join(f", {name}" for name in more)
    lists = ", ".join(
        f"CASE WHEN json_type(doc) = 'ARRAY' THEN json_extract({name}, '$[*]')::VARCHAR[] ELSE [{name}] END AS {name}s"
        for name in ("doc", "twin")
    )
    return f"""
        SELECT payload{extra}, unnest(docs) AS doc, unnest(twins) AS twin
        FROM (SELECT payload{extra}, {lists} FROM ({source}))"""
