"""JSON with jsonpaths, json_root, strip_outer_array and __op against the row-at-a-time reference."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routine_load.formats import decoder_for
from routine_load.ids import Compat
from routine_load.loads.values import Format, LoadSpec, Origin
from routine_load.sql.ddl import DdlContext, parse_create_table
from routine_load.transform import TransformCompiler
from tests.reference import rows_at_a_time as reference

KEYS = ["k", "v", "a", "a.b", "日"]
vendors = pytest.mark.parametrize("compat", list(Compat))
slow_and_sure = settings(max_examples=80, deadline=None, derandomize=True)
numbers = st.sampled_from(["0", "1", "-1", "7.50", "1e2", "12345678901234567890", "0.10000000000000000001", "300"])
scalars = numbers | st.sampled_from(["null", "true", "false", '""', '"x"', '"1"', '"\\u65e5\\""', '"a b"'])


def objects(inner):
    pairs = st.lists(st.tuples(st.sampled_from(KEYS), inner), min_size=1, max_size=5)
    return pairs.map(lambda found: "{" + ", ".join(f"{json.dumps(k)}: {v}" for k, v in found) + "}")


trees = st.recursive(
    scalars,
    lambda inner: objects(inner) | st.lists(inner, max_size=3).map(lambda found: "[" + ",".join(found) + " ]"),
    max_leaves=8,
)
rows = objects(trees)
lists_of_rows = st.lists(rows | rows | rows | trees, max_size=3).map(lambda found: "[" + ", ".join(found) + "]")
noise = st.sampled_from([None, b"{", b"[{}", b"\xff", b" ", b'{"k":1} x'])


def messages(root, strip):
    """Messages that mostly have the shape that the options ask for."""
    shaped = lists_of_rows if strip else rows
    if root:
        inner = "[{}]" if 0 in root else "{}"
        shaped = shaped.map(lambda found: f'{{"a": {inner.format(found)}, "k": 0}}')
    documents = shaped | shaped | shaped | lists_of_rows | trees
    together = st.lists(documents, min_size=1, max_size=2).map(" \n".join)
    return st.lists(shaped.map(str.encode) | together.map(str.encode) | noise, max_size=6)


steps = st.lists(st.sampled_from([*KEYS, 0, 1]), max_size=2).map(tuple)


class Chunk:
    def __init__(self, values):
        self.values = values

    def origin(self, index):
        return Origin("t", 0, index)


def spelled(path):
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f'."{key}"' for key in path)


def loaded(spec, declared, found):
    """Rows as the table has them, and the messages of error rows."""
    table = parse_create_table(f"CREATE TABLE t {declared}", DdlContext("d", spec.compat))
    compiler = TransformCompiler()
    decoder = decoder_for(spec, compiler.source_columns(spec, table))
    transformer = compiler.transformer(spec, table)
    try:
        decoded = decoder.decode(Chunk(found))
        result = transformer.transform(decoded)
    finally:
        decoder.close()
        transformer.close()
    bad = sorted(row.payload for row in (*decoded.rejected, *result.rejected))
    return [tuple(row.values()) for row in result.rows.to_pylist()], bad


@vendors
@slow_and_sure
@given(st.data(), st.lists(steps, min_size=1, max_size=3), st.sampled_from([(), ("a",), ("a", 0)]), st.booleans())
def test_paths_roots_and_arrays_are_read_as_row_by_row(compat, data, paths, root, strip):
    """json_root, then strip_outer_array, then jsonpaths: every value as text, whatever the documents are."""
    found = data.draw(messages(root, strip))
    names = [f"c{at}" for at in range(len(paths))]
    spec = LoadSpec(
        compat=compat,
        format=Format.JSON,
        jsonpaths=json.dumps([spelled(path) for path in paths]),
        json_root=spelled(root) if root else "",
        strip_outer_array=strip,
    )
    selected = reference.json_selected(found, paths, root=root, strip=strip, compat=compat.value)
    layout = [(name, "VARCHAR(1000)", True) for name in names]
    expected = reference.load(selected, layout, compat=compat.value, strict=True)
    assert loaded(spec, "(" + ", ".join(f"{name} VARCHAR(1000)" for name in names) + ")", found) == expected


@slow_and_sure
@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([None, "0", "1", '"upsert"', '"DELETE"', "2", '"x"', ""])))
)
def test_operations_are_read_as_row_by_row(found):
    """StarRocks: the key __op of a document says upsert or delete, absent is an upsert, anything else an error row."""
    texts = [f'{{"k":{k}' + ("" if not op else f',"__op":{op}') + "}" for k, op in found]
    expected, bad = [], []
    for at, (k, op) in enumerate(found):
        try:
            expected.append((k, reference.operation(json.loads(op, parse_int=str) if op else None)))
        except reference.Bad:
            bad.append(at)
    spec = LoadSpec(compat=Compat.STARROCKS, format=Format.JSON)
    declared = "(k INT) PRIMARY KEY (k) DISTRIBUTED BY HASH(k)"
    assert loaded(spec, declared, [text.encode() for text in texts]) == (expected, bad)
