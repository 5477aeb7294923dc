"""Values as they were written: numbers keep their token, booleans become 1 and 0 in columns that are not boolean.

DuckDB prints a JSON number from its double. Where that may matter, the document is rewritten with every number inside
quotes (a string of JSON cannot hold a raw control character, so U+0001 can mark the places) and read a second time.
Objects and arrays that become text keep their numbers in the same way.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from routine_load.formats.json_select import Selection
from routine_load.formats.memory import MemoryDuckDB
from routine_load.loads.values import Reading

_LEXEME = r'("(?:[^"\\]|\\.)*")|(-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)'
_MARK = "'\\u0001'"
QUOTED_NUMBERS = (
    f"replace(replace(replace(regexp_replace({{}}, '(?s){_LEXEME}', '\\1' || chr(1) || '\\2' || chr(2), 'g'), "
    f"chr(1) || chr(2), ''), chr(1), '\"' || {_MARK}), chr(2), {_MARK} || '\"')"
)
"""SQL that puts every number of the JSON text ``{}`` into quotes, between two U+0001."""

_QUOTED = r'"\\u0001([^"\\]*)\\u0001"'


def as_written(duck: MemoryDuckDB, selection: Selection, docs: pa.Table) -> pa.Table:
    """The columns of documents (``doc``), each value as it is written there."""
    table = duck.query(selection.sql(), docs)
    doubtful = selection.doubtful(table, docs["doc"])
    return table if doubtful is None else exact_values(duck, selection, docs, (table, doubtful))


def exact_values(duck: MemoryDuckDB, selection: Selection, rows: pa.Table, seen: tuple[pa.Table, pa.Array]) -> pa.Table:
    """``seen`` is the table read first and the mask of its doubtful rows; returns it with their values as written."""
    table, doubtful = seen
    again = rows.filter(doubtful)
    original = duck.query(selection.types_sql(), again.select(["doc"]))
    # A row cut out of an array or a root was printed already: its twin with quoted numbers was kept beside it.
    twin = again["twin"] if "twin" in again.column_names else again["doc"]
    quoted = (
        f"SELECT {QUOTED_NUMBERS.format('doc')} AS doc FROM src"
        if "twin" not in again.column_names
        else "SELECT doc FROM src"
    )
    docs = duck.query(quoted, pa.table({"doc": twin}))
    written = duck.query(selection.sql(), docs)
    columns = []
    for index, column in enumerate(selection.columns):
        values = table.column(index)
        if not selection.is_reread(column):
            columns.append(values)
            continue
        first, kind = values.filter(doubtful), original.column(index)
        number = pc.is_in(kind, value_set=_NUMBERS)
        boolean = pc.fill_null(pc.equal(kind, "BOOLEAN"), False)
        tree = pc.is_in(kind, value_set=_TREES)
        digit = pc.if_else(pc.equal(first, "true"), "1", "0")
        better = pc.if_else(boolean, digit, first)
        better = pc.if_else(number, pc.utf8_trim(written.column(index), "\x01"), better)
        if column.reading is Reading.TEXT:
            better = pc.if_else(tree, pc.replace_substring_regex(written.column(index), _QUOTED, r"\1"), better)
        columns.append(pc.replace_with_mask(values.combine_chunks(), _flat(doubtful), _flat(better)))
    return pa.table(columns, names=table.column_names)


_TREES = pa.array(["OBJECT", "ARRAY"], pa.string())
_NUMBERS = pa.array(["UBIGINT", "BIGINT", "HUGEINT", "UHUGEINT", "DOUBLE"], pa.string())


def _flat(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
