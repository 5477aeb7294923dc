"""From a row's JSON document to its source columns: one SELECT with one parse, and which values to read again."""

from __future__ import annotations

import re
from array import array
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from routine_load.formats.jsonpaths import Path, dollar, is_single, located, parse_jsonpaths
from routine_load.ids import Compat
from routine_load.loads.values import LoadSpec, Reading, SourceColumn

# A printed value that may not be what was written: a fraction, an exponent, or a boolean that the vendors write as 1/0;
# an object or array with such a number in it.
_REPRINTED_TEXT = (
    r"^(-?[0-9]+(\.[0-9]+([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)|true|false)$|^(?s:[\[{].*[0-9][.eE][0-9+-].*)$"
)
# As a number only more digits than a double keeps, or an exponent, can differ.
_REPRINTED_DECIMAL = r"^(-?[0-9.]{16,}|-?[0-9.]+[eE].*|true|false)$"


# What such a text begins with. Few texts do, and to look at one byte costs a fifth of a regular expression.
_REPRINTED_CHARS = "-0123456789tf[{"
_REPRINTED_FIRST = pa.array([char.encode() for char in _REPRINTED_CHARS], pa.binary())
# A fraction without an exponent is printed as it was written, but where a document has one with a nought at its end,
# with more digits than a double keeps, or an exponent. (A number stands behind a colon, a bracket, a comma, a blank or
# the mark of json_exact.)
_PLAIN_FRACTION = r"^-?[0-9]+\.[0-9]+$"
_UNEVEN_NUMBER = r"(?:[:\[,\s]|\\u0001)-?(?:[0-9]+\.[0-9]+0[,\s}\]\\]|[0-9.]+[eE]|[0-9.]{17})"
# A value that may be printed otherwise than it is written, small numbers with their exponents among them. It stands
# behind its key, where no document has a backslash: all quotes are the ends of strings then, and each key is written as
# it is named.
_UNEVEN_VALUE = r"\s*:\s*(?:[tf\[{]|-?(?:0\.000|[0-9.]{17}|[0-9]+(?:[eE]|\.[0-9]+(?:[eE]|0[,\s}\]]))))"
_PLAIN_KEY = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_PLAIN_NUMBER = re.compile(r"-?[0-9]+\.[0-9]+")
UNEVEN_CHUNKS = 16
"""After a chunk that had uneven numbers so many are not asked whether they have: the data is probably like that."""
# Digits that a double may lose show in the document only: 0.10000000000000000001 is printed as 0.1.
_MANY_DIGITS = r"[0-9.]{17}"
_FRACTION = r"[.eE]"


class Selection:
    """The paths of one load; SQL over a table ``src`` with the column ``doc``."""

    def __init__(self, spec: LoadSpec, columns: tuple[SourceColumn, ...]) -> None:
        self.columns = columns
        # StarRocks: a boolean is no number. Doris: it is 1 or 0 for every column.
        self._reread = _TEXTUAL if spec.compat is Compat.STARROCKS else {*_TEXTUAL, Reading.NUMBER}
        if spec.jsonpaths:
            paths = parse_jsonpaths(spec.jsonpaths)
            # Fewer paths than columns: the rest is NULL. More: they are not used.
            self.paths: tuple[Path | None, ...] = tuple(paths[: len(columns)]) + (None,) * (len(columns) - len(paths))
            self.paths = tuple(
                (column.name,) if path is None and column.name.lower() == "__op" else path
                for column, path in zip(columns, self.paths, strict=True)
            )
        else:
            self.paths = tuple((column.name,) for column in columns)
        self._uneven_chunks = 0

    def sql(self, function: str = "json_extract_string") -> str:
        """SELECT that gives column ``c<i>`` for every source column."""
        as_text = [
            p
            for p, c in zip(self.paths, self.columns, strict=True)
            if p is not None and is_single(p) and not _as_json(c)
        ]
        listed = ", ".join(_literal(located(path)) for path in as_text)
        items, taken = [], 0
        for index, (path, column) in enumerate(zip(self.paths, self.columns, strict=True)):
            if path is None:
                item = "NULL::VARCHAR"
            elif not is_single(path):
                found = f"json_extract(doc, {_literal(dollar(path))})"
                item = f"CASE WHEN len({found}) > 0 THEN to_json({found})::VARCHAR END"
            elif _as_json(column):
                at = _literal(located(path))
                item = f"CASE WHEN json_type(doc, {at}) <> 'NULL' THEN json_extract(doc, {at})::VARCHAR END"
            else:
                taken += 1
                item = f"p[{taken}]"
            if column.missing is not None and path is not None and is_single(path):
                there = f"json_exists(doc, {_literal(located(path))})"
                item = f"CASE WHEN {there} THEN {item} ELSE {_literal(column.missing)} END"
            items.append(f"{item} AS c{index}")
        source = f"(SELECT doc, {function}(doc, [{listed}]) AS p FROM src)" if as_text else "src"
        return f"SELECT {', '.join(items)} FROM {source}"

    def types_sql(self) -> str:
        """SELECT of each value's JSON type."""
        items = [
            f"json_type(doc, {_literal(located(path))}) AS c{index}"
            if path is not None and is_single(path)
            else f"'ARRAY' AS c{index}"
            for index, path in enumerate(self.paths)
        ]
        return f"SELECT {', '.join(items)} FROM src"

    def known_sql(self) -> str:
        """SELECT of whether a document has any of the keys."""
        there = [
            f"json_exists(doc, {_literal(located(path))})"
            if is_single(path)
            else f"len(json_extract(doc, {_literal(dollar(path))})) > 0"
            for path in self.paths
            if path is not None
        ]
        return f"SELECT {' OR '.join(there)} AS known FROM src"

    def is_reread(self, column: SourceColumn) -> bool:
        """Values of this column may have to be read again, as they were written."""
        return column.reading in self._reread

    def doubtful(self, table: pa.Table, written: pa.ChunkedArray) -> pa.Array | None:
        """Which rows have a value that may have been printed anew; None when there is none.

        ``written`` are the documents as they were written; their numbers may be marked (``json_exact``).
        """
        found: pa.Array | None = None
        documents = _Written(written)
        even = self._even(table, documents)
        for index, column in enumerate(self.columns):
            values = table.column(index)
            if index in even:
                continue
            if column.reading is Reading.TEXT:
                here = _reprinted(values, documents)
                if here is None:
                    continue
            elif column.reading is Reading.DECIMAL:
                here = pc.match_substring_regex(values, _REPRINTED_DECIMAL)
            elif column.reading is Reading.EXACT:
                here = pc.match_substring_regex(values, _FRACTION)
                if pc.any(here).as_py():
                    here = pc.and_(here, documents.many_digits)
                here = pc.or_(here, pc.is_in(values, value_set=_BOOLEANS))
            elif self.is_reread(column):
                here = pc.is_in(values, value_set=_BOOLEANS)
            else:
                continue
            if pc.any(here).as_py():
                here = pc.fill_null(here, False)
                found = here if found is None else pc.or_(found, here)
        return found

    def _even(self, table: pa.Table, documents: _Written) -> frozenset[int]:
        """Text columns none of whose values can be printed otherwise than written, by one look at all documents.

        It costs as much as a look at the texts of two columns: fractions would need more than that.
        """
        if self._uneven_chunks > 0:
            self._uneven_chunks -= 1
            return frozenset()
        keys: dict[int, str] = {}
        wanted = False
        for index, (path, column) in enumerate(zip(self.paths, self.columns, strict=True)):
            key = path[-1] if path and is_single(path) and column.reading is Reading.TEXT else None
            if not isinstance(key, str) or not _PLAIN_KEY.fullmatch(key):
                continue
            first = table.column(index)[0].as_py() if table.num_rows else None
            if first and first[0] in _REPRINTED_CHARS:
                keys[index] = key
                wanted = wanted or _PLAIN_NUMBER.fullmatch(first) is not None
        if not wanted:
            return frozenset()
        uneven = rf'"(?:{"|".join(sorted(set(keys.values())))})"{_UNEVEN_VALUE}'
        if documents.match(r"\\") or documents.match(uneven):
            self._uneven_chunks = UNEVEN_CHUNKS
            return frozenset()
        return frozenset(keys)


class _Written:
    """Documents as they were written, and what is found out about all of them once it is asked for."""

    def __init__(self, texts: pa.ChunkedArray) -> None:
        self._texts = texts

    def match(self, pattern: str) -> bool:
        """Whether the pattern is found in any of them, or across the border of two: as one text."""
        return any(pc.match_substring_regex(_as_one(chunk), pattern)[0].as_py() for chunk in self._texts.chunks)

    @cached_property
    def many_digits(self) -> pa.ChunkedArray:
        return pc.match_substring_regex(self._texts, _MANY_DIGITS)

    @cached_property
    def uneven(self) -> pa.ChunkedArray:
        return pc.match_substring_regex(self._texts, _UNEVEN_NUMBER)


def _as_one(texts: pa.StringArray) -> pa.LargeStringArray:
    """All bytes of the texts as one text, not copied."""
    _, offsets, data = texts.buffers()
    ends = pa.Int32Array.from_buffers(pa.int32(), texts.offset + len(texts) + 1, [None, offsets])
    first, last = ends[texts.offset].as_py(), ends[len(ends) - 1].as_py()
    size = last - first
    sliced = pa.py_buffer(b"") if data is None else data.slice(first, size)
    return pa.LargeStringArray.from_buffers(1, pa.py_buffer(array("q", [0, size])), sliced)


def _reprinted(values: pa.ChunkedArray, documents: _Written) -> pa.ChunkedArray | None:
    """Which texts may be numbers, booleans or trees that were printed anew; None: none."""
    first = pc.binary_slice(values.cast(pa.binary()), 0, 1)
    if not pc.any(pc.is_in(first, value_set=_REPRINTED_FIRST)).as_py():
        return None
    here = pc.match_substring_regex(values, _REPRINTED_TEXT)
    if not pc.any(here).as_py():
        return None
    plain = pc.match_substring_regex(values, _PLAIN_FRACTION)
    return pc.and_(here, pc.or_(pc.invert(plain), documents.uneven)) if pc.any(plain).as_py() else here


_TEXTUAL = {Reading.TEXT, Reading.DECIMAL, Reading.EXACT}
_BOOLEANS = pa.array(["true", "false"], pa.string())


def _as_json(column: SourceColumn) -> bool:
    return column.reading is Reading.JSON


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
