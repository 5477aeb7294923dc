"""The columnar load path against the row-at-a-time reference, over generated tables, options and messages."""

from __future__ import annotations

import json
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import routine_load
from routine_load.formats import decoder_for
from routine_load.ids import Compat, TableRef
from routine_load.loads.values import Format, LoadSpec, Origin
from routine_load.sql.ddl import DdlContext, parse_create_table
from routine_load.sql.statements import MetadataColumn, MetadataField
from routine_load.transform import TransformCompiler
from tests.reference import rows_at_a_time as reference

TYPES = ["TINYINT", "SMALLINT", "INT", "BIGINT", "LARGEINT", "DECIMAL(5,2)", "DECIMAL(38,9)", "DATE", "BOOLEAN"]
TYPES += ["VARCHAR(4)", "CHAR(2)", "VARCHAR(20)"]
TEXTS = [
    "",
    "0",
    "1",
    "-1",
    "+7",
    " 5 ",
    "127",
    "128",
    "-129",
    "32768",
    "2147483648",
    "9223372036854775808",
    "x",
    "é日",
]
TEXTS += ["1.5", "-0.9", "999.994", "999.995", "1000", "0.005", "170141183460469231731687303715884105728", "007"]
TEXTS += ["2020-02-29", "2021-2-29", "20200229", "true", "FALSE", "2", "abcde", "日本", "\\N", "null", "1_0", "0x1f"]
TEXTS += [str(sign * 2**bits + off) for bits in (7, 15, 31, 63, 127) for sign in (1, -1) for off in (-1, 0, 1)]
fields = st.one_of(
    st.sampled_from(TEXTS), st.integers(-(2**70), 2**70).map(str), st.text("0123456789.-ab é", max_size=6)
)
columns = st.lists(st.tuples(st.sampled_from(TYPES), st.booleans()), min_size=1, max_size=4).map(
    lambda found: [(f"c{i}", kind, nullable) for i, (kind, nullable) in enumerate(found)]
)
vendors = pytest.mark.parametrize("compat", list(Compat))
slow_and_sure = settings(max_examples=60, deadline=None, derandomize=True)


class Chunk:
    def __init__(self, values, keys):
        self.values = values
        self.keys = keys

    def origin(self, index):
        return Origin("t", 0, index)

    def metadata(self, what):
        found = {"KEY": pa.array(self.keys, pa.binary()), "OFFSET": pa.array(range(len(self.values)), pa.int64())}
        return found[what]


def loaded(spec, layout, messages, keys=()):
    """Rows and messages of error rows, as the product has them."""
    declared = ", ".join(f"{name} {kind}{'' if nullable else ' NOT NULL'}" for name, kind, nullable in layout)
    text = f"CREATE TABLE t ({declared}) DUPLICATE KEY(c0) DISTRIBUTED BY HASH(c0) BUCKETS 1"
    table = parse_create_table(text, DdlContext(database="d", compat=spec.compat))
    assert table.ref == TableRef("d", "t")
    compiler = TransformCompiler()
    decoded = decoder_for(spec, compiler.source_columns(spec, table)).decode(Chunk(messages, keys))
    transformer = compiler.transformer(spec, table)
    try:
        result = transformer.transform(decoded)
    finally:
        transformer.close()
    wide = {name for name, kind, _ in layout if kind == "LARGEINT"}
    rows = [tuple(plain(value, name in wide) for name, value in row.items()) for row in result.rows.to_pylist()]
    return rows, sorted(row.payload for row in (*decoded.rejected, *result.rejected))


def plain(value, wide):
    return int.from_bytes(value, "little", signed=True) if wide and isinstance(value, bytes) else value


@vendors
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("kind", TYPES)
def test_each_type_at_its_limits_is_loaded_as_row_by_row(compat, strict, kind):
    """Every text of the list, above all those next to a type's limits, into every type."""
    layout, messages = [("c0", kind, True)], [text.encode() for text in TEXTS]
    spec = LoadSpec(compat=compat, column_separator="|", strict_mode=strict)
    rows = reference.csv_rows(messages, layout, "|")
    expected = reference.load(rows, layout, compat=compat.value, strict=strict)
    assert loaded(spec, layout, messages) == expected


@vendors
@slow_and_sure
@given(st.data(), columns, st.booleans(), st.sampled_from([",", "\t", "\x01", "||", "，"]))
def test_csv_is_loaded_as_row_by_row(compat, data, layout, strict, separator):
    """CSV: field counts, NULL, conversion, strict mode, NOT NULL, several rows in a message."""
    width = st.just(len(layout)) | st.integers(1, 5)
    line = width.flatmap(lambda n: st.lists(fields, min_size=n, max_size=n)).map(lambda f: separator.join(f).encode())
    message = st.lists(line | st.just(b"\xff"), max_size=2).map(b"\n".join) | st.none()
    messages = data.draw(st.lists(message, max_size=8))
    spec = LoadSpec(compat=compat, column_separator=separator, strict_mode=strict)
    rows = reference.csv_rows(messages, layout, separator)
    expected = reference.load(rows, layout, compat=compat.value, strict=strict)
    assert loaded(spec, layout, messages) == expected


@vendors
@slow_and_sure
@given(st.data(), columns, st.booleans())
def test_json_is_loaded_as_row_by_row(compat, data, layout, strict):
    """JSON: by name, missing keys and null are NULL, numbers as written, booleans as 1 and 0 outside BOOLEAN."""
    value = fields | st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0.5, -1.5, 100.25])
    names = [name for name, _, _ in layout]
    # c0 is always there: an object without any known key is another rule (Doris: an error row).
    body = st.dictionaries(st.sampled_from([*names[1:], "other", "C0"]), value, max_size=5)
    message = st.builds(lambda first, rest: json.dumps({"c0": first, **rest}).encode(), value, body)
    messages = data.draw(st.lists(message | st.sampled_from([b"{", None, b""]), max_size=8))
    spec = LoadSpec(compat=compat, format=Format.JSON, strict_mode=strict)
    rows = reference.json_rows(messages, layout)
    expected = reference.load(rows, layout, compat=compat.value, strict=strict)
    assert loaded(spec, layout, messages) == expected


@vendors
@pytest.mark.parametrize("format_", [Format.CSV, Format.JSON])
@slow_and_sure
@given(st.data(), st.booleans())
def test_metadata_is_loaded_as_row_by_row(compat, format_, data, strict):
    """INCLUDE METADATA: each row has the key and offset of its message, whatever became of the rows around it."""
    layout = [("c0", "TINYINT", True), ("k", "VARCHAR(4)", data.draw(st.booleans())), ("o", "BIGINT", True)]
    values = st.lists(st.sampled_from(["1", "200", "x", "1,2", "\\N"]), max_size=3)
    message = values.map(lambda rows: "\n".join(rows).encode())
    if format_ is Format.JSON:
        message = values.map(lambda rows: b" ".join(json.dumps({"c0": row, "k": "no"}).encode() for row in rows))
    messages = data.draw(st.lists(message | st.none() | st.just(b"{"), max_size=6))
    key = st.sampled_from([None, b"", b"a", "é日".encode(), b"abcde", b"\xff"])
    keys = data.draw(st.lists(key, min_size=len(messages), max_size=len(messages)))
    carried = tuple(
        MetadataColumn(field=field, name=name)
        for field, name in ((MetadataField.KEY, "k"), (MetadataField.OFFSET, "o"))
    )
    spec = LoadSpec(compat=compat, format=format_, column_separator=",", strict_mode=strict, metadata=carried)
    rows = reference.rows_of(messages, layout[:1], json_=format_ is Format.JSON, compat=compat.value)
    rows = list(reference.with_metadata(rows, keys))
    expected = reference.load(rows, layout, compat=compat.value, strict=strict)
    assert loaded(spec, layout, messages, keys) == expected


@pytest.fixture(scope="module", params=["starrocks", "doris"])
def world(request):
    with routine_load.connect(compat=request.param) as connection:
        connection.execute("CREATE DATABASE d")
        columns_ = "k INT, s BIGINT SUM, lo INT MIN, hi INT MAX, r INT REPLACE, n INT REPLACE_IF_NOT_NULL"
        connection.execute(f"CREATE TABLE a ({columns_}) AGGREGATE KEY(k) DISTRIBUTED BY HASH(k) BUCKETS 1", "d")
        connection.execute("CREATE TABLE u (k INT, v INT) UNIQUE KEY(k) DISTRIBUTED BY HASH(k) BUCKETS 1", "d")
        yield connection


numbers = st.none() | st.integers(-100, 100)
batches = st.lists(
    st.lists(st.tuples(st.integers(0, 3), *[numbers] * 5), min_size=1, max_size=6), min_size=1, max_size=3
)


def values_of(rows):
    return ", ".join("(" + ", ".join("NULL" if v is None else str(v) for v in row) + ")" for row in rows)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(batches)
def test_keys_merge_as_row_by_row(world, found):
    """AGGREGATE and UNIQUE: batches in order give what single rows in order give, whatever the batches are."""
    world.execute("TRUNCATE TABLE a", "d")
    world.execute("TRUNCATE TABLE u", "d")
    sums, latest = {}, {}
    for rows in found:
        world.execute(f"INSERT INTO a VALUES {values_of(rows)}", "d")
        world.execute(f"INSERT INTO u VALUES {values_of(row[:2] for row in rows)}", "d")
        reference.aggregated(sums, rows)
        reference.replaced(latest, [(row[0], row[1], 0, None) for row in rows])
    assert world.query("SELECT * FROM a ORDER BY k", "d").fetchall() == [(k, *v) for k, v in sorted(sums.items())]
    assert world.query("SELECT * FROM u ORDER BY k", "d").fetchall() == [(k, v[0]) for k, v in sorted(latest.items())]


def test_the_reference_is_right_about_what_is_plain():
    """A few rules by hand, so that the two sides are not wrong together."""
    assert reference.integer("12.9", 8, "doris") == 12
    assert reference.integer("1e2", 8, "starrocks") == 100
    assert reference.integer("1e2", 8, "doris") is None
    assert reference.integer("128", 8, "starrocks") is None
    assert reference.decimal("999.995", 5, 2) is None
    assert reference.decimal("999.994", 5, 2) == Decimal("999.99")
    assert reference.fitted("日本", 4, "doris", strict=False) == "日"
