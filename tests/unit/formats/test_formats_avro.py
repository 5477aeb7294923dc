"""Avro: what the bytes are, read by column and one by one, against a library of its own and against the examples."""

from __future__ import annotations

import io
import json
import math
import random
import struct

import fastavro
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routine_load.errors import UnreadableSchema
from routine_load.formats import decoder_for
from routine_load.formats.avro_each import Faulty, arrow_type, read_one
from routine_load.formats.avro_read import REASONS, Fault, Messages
from routine_load.formats.avro_schema import Kind, parse_schema
from routine_load.formats.avro_text import JSON, Form, Texts
from routine_load.formats.memory import MemoryDuckDB
from routine_load.formats.ports import RegisteredSchema
from routine_load.ids import Compat
from routine_load.loads.values import Format, LoadSpec, Origin, Reading, SourceColumn

USER = {
    "type": "record",
    "name": "U",
    "fields": [
        {"name": "user_id", "type": "long"},
        {"name": "name", "type": ["null", "string"]},
        {"name": "age", "type": ["null", "int"]},
    ],
}


class Registry:
    """Schemas by number, without asking anybody."""

    def __init__(self, **schemas):
        self.schemas = {int(number.removeprefix("n")): schema for number, schema in schemas.items()}

    def schema(self, _, number):
        if number not in self.schemas:
            raise UnreadableSchema(f"nobody knows {number}")
        found = self.schemas[number]
        return found if isinstance(found, RegisteredSchema) else RegisteredSchema(json.dumps(found))


class Chunk:
    def __init__(self, values):
        self.values = values

    def origin(self, index):
        return Origin("t", 0, index)


@pytest.fixture(scope="module")
def texts():
    duck = MemoryDuckDB()
    yield Texts(duck, "Asia/Shanghai")
    duck.close()


def framed(number, body):
    return b"\0" + number.to_bytes(4, "big") + body


def written(schema, value):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


def columns_of(schema, values, *columns, registry=None, **options):
    """Source columns and rejected rows of messages."""
    spec = LoadSpec(compat=Compat.STARROCKS, format=Format.AVRO, **options)
    wanted = [SourceColumn(c) if isinstance(c, str) else c for c in columns]
    decoder = decoder_for(spec, wanted, registry or Registry(n42=schema))
    chunk = Chunk(values)
    decoder.prepare(chunk)
    decoded = decoder.decode(chunk)
    decoder.close()
    return decoded


def by_column(schema, bodies, render=None):
    """The values of bodies, and the fault of each."""
    raw = pa.array(bodies, pa.binary())
    bounds = np.cumsum([0, *map(len, bodies)])
    messages = Messages(parse_schema(json.dumps(schema)), raw.buffers()[2] or b"", bounds[:-1], bounds[1:], render)
    return messages.read(), [Fault(fault) for fault in messages.faults]


def test_the_worked_frames_are_read():
    """Confluent: a zero, four bytes of the schema's number, the body; empty values are no rows."""
    values = [
        bytes.fromhex("00 00 00 00 2a 02 02 0a 45 6d 69 6c 79 02 32"),
        None,
        bytes.fromhex("00 00 00 00 2a 03 00 02 d8 04"),
        b"",
    ]
    decoded = columns_of(USER, values, "user_id", "name", "age", "missing")
    assert decoded.columns.to_pylist() == [
        {"user_id": "1", "name": "Emily", "age": "25", "missing": None},
        {"user_id": "-2", "name": None, "age": "300", "missing": None},
    ]
    assert decoded.payload_of.to_pylist() == [0, 2]
    assert decoded.rejected == ()


def test_what_is_said_of_json_means_nothing():
    """StarRocks: strip_outer_array and json_root do not apply to Avro."""
    body = framed(42, written(USER, {"user_id": 7, "name": "x", "age": None}))
    decoded = columns_of(USER, [body], "user_id", "name", json_root="$.name", strip_outer_array=True)
    assert decoded.columns.to_pylist() == [{"user_id": "7", "name": "x"}]
    assert decoded.rejected == ()


def test_a_record_without_fields_takes_no_byte():
    """Confluent: a framed value may be five bytes long."""
    decoded = columns_of({"type": "record", "name": "E", "fields": []}, [framed(42, b"")] * 2, "a")
    assert decoded.columns.to_pylist() == [{"a": None}] * 2


LOGICAL = [
    ({"type": "int", "logicalType": "date"}, 19000, "2022-01-08"),
    ({"type": "int", "logicalType": "date"}, -1, "1969-12-31"),
    ({"type": "int", "logicalType": "time-millis"}, 64957000, "18:02:37"),
    ({"type": "int", "logicalType": "time-millis"}, -1, "-1"),
    ({"type": "int", "logicalType": "time-millis"}, 90_000_000, "90000000"),
    ({"type": "long", "logicalType": "time-micros"}, 45296789012, "12:34:56.789012"),
    ({"type": "long", "logicalType": "timestamp-millis"}, 1529476623000, "2018-06-20 14:37:03"),
    ({"type": "long", "logicalType": "timestamp-micros"}, 1529507596945104, "2018-06-20 23:13:16.945104"),
    ({"type": "long", "logicalType": "timestamp-nanos"}, 1529507596945104999, "2018-06-20 23:13:16.945104"),
    ({"type": "long", "logicalType": "timestamp-nanos"}, -1, "1970-01-01 07:59:59.999999"),
    ({"type": "long", "logicalType": "timestamp-millis"}, 2**63 - 1, "9223372036854775807"),
    ({"type": "long", "logicalType": "local-timestamp-millis"}, 1529476623000, "2018-06-20 06:37:03"),
    ({"type": "long", "logicalType": "local-timestamp-micros"}, 1529507596945104, "2018-06-20 15:13:16.945104"),
    ({"type": "long", "logicalType": "local-timestamp-nanos"}, 1529507596945104000, "2018-06-20 15:13:16.945104"),
    ({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}, b"\x30\x39", "123.45"),
    ({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}, b"\x12\xd6\x87", "12345.67"),
    ({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}, b"", "0.00"),
    ({"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 10}, b"\x01", "0.0000000001"),
    ({"type": "bytes", "logicalType": "decimal", "precision": 60, "scale": 1}, b"\x7f" * 17, None),
    ({"type": "bytes", "logicalType": "decimal", "precision": 39, "scale": 0}, b"\x7f" + b"\xff" * 15, None),
    (
        {"type": "fixed", "name": "F", "size": 5, "logicalType": "decimal", "precision": 4, "scale": 2},
        b"\xff\xff\xff\xff\x80",
        "-1.28",
    ),
    ({"type": "bytes", "logicalType": "big-decimal"}, b"\x04\x30\x39\x04", "123.45"),
    ({"type": "bytes", "logicalType": "big-decimal"}, b"\x04\x30", None),
    ({"type": "string", "logicalType": "uuid"}, "a-b", "a-b"),
    ({"type": "fixed", "name": "F", "size": 16, "logicalType": "uuid"}, bytes(range(16)), None),
    (
        {"type": "fixed", "name": "F", "size": 12, "logicalType": "duration"},
        struct.pack("<III", 1, 2, 3),
        '{"months":1,"days":2,"millis":3}',
    ),
    ({"type": "int", "logicalType": "timestamp-millis"}, 5, "5"),
    ({"type": "int", "logicalType": "of-the-future"}, 5, "5"),
    ({"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 3}, b"ab", "ab"),
]


def raw_of(kind, value):
    bare = {key: item for key, item in kind.items() if key != "logicalType"}
    return written(bare if kind["type"] == "fixed" else bare["type"], value)


@pytest.mark.parametrize(("kind", "value", "expected"), LOGICAL)
def test_logical_types_become_text(kind, value, expected):
    """Avro: logical types, exact; what no date or time can be is its number; what is unknown is its base type."""
    if expected is None and kind.get("logicalType") == "decimal":
        digits = str(int.from_bytes(value, "big", signed=True))
        expected = f"{digits[:-1]}.{digits[-1]}" if kind["scale"] else digits
    if expected is None and kind["type"] == "fixed":
        expected = "00010203-0405-0607-0809-0a0b0c0d0e0f"
    schema = {"type": "record", "name": "R", "fields": [{"name": "v", "type": ["null", kind]}]}
    decoded = columns_of(schema, [framed(42, b"\x02" + raw_of(kind, value)), framed(42, b"\x00")], "v")
    assert decoded.columns["v"].to_pylist() == [expected, None]


@pytest.mark.parametrize(
    ("reading", "expected"),
    [(Reading.TEXT, "1970-01-01 08:00:00.005"), (Reading.NUMBER, "5"), (Reading.JSON, '"1970-01-01 08:00:00.005"')],
)
def test_a_number_column_gets_the_number_of_a_moment(reading, expected):
    """Ours: a BIGINT that takes a timestamp takes its milliseconds, as StarRocks reads it."""
    kind = {"type": "long", "logicalType": "timestamp-millis"}
    schema = {"type": "record", "name": "R", "fields": [{"name": "v", "type": kind}]}
    decoded = columns_of(schema, [framed(42, b"\x0a")], SourceColumn("v", reading))
    assert decoded.columns["v"].to_pylist() == [expected]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [("+05:30", "1970-01-01 05:30:00"), ("-1:00", "1969-12-31 23:00:00"), ("CST", "1970-01-01 08:00:00")],
)
def test_instants_are_told_in_the_time_zone_of_the_load(zone, expected):
    """StarRocks: timezone, as a region and as an offset."""
    kind = {"type": "long", "logicalType": "timestamp-micros"}
    schema = {"type": "record", "name": "R", "fields": [{"name": "v", "type": kind}]}
    assert columns_of(schema, [framed(42, b"\x00")], "v", timezone=zone).columns["v"].to_pylist() == [expected]


def test_bytes_are_text_or_base64_or_themselves():
    """Ours: bytes that are no text are Base64 in a text column, and themselves in a binary one."""
    schema = {"type": "record", "name": "R", "fields": [{"name": "v", "type": "bytes"}]}
    messages = [framed(42, b"\x04\xff\x00"), framed(42, b"\x04ab")]
    assert columns_of(schema, messages, "v").columns["v"].to_pylist() == ["/wA=", "ab"]
    raw = columns_of(schema, messages, SourceColumn("v", Reading.BYTES))
    assert raw.columns["v"].to_pylist() == [b"\xff\x00", b"ab"]


def test_floats_that_are_no_numbers_are_null():
    """StarRocks: there is no NaN and no infinity; a float keeps the digits that it has."""
    schema = {
        "type": "record",
        "name": "R",
        "fields": [{"name": "f", "type": "float"}, {"name": "d", "type": "double"}],
    }
    values = [(0.1, 0.1), (math.nan, math.inf), (1.0, 1e300)]
    messages = [framed(42, struct.pack("<fd", *each)) for each in values]
    found = columns_of(schema, messages, "f", "d").columns.to_pylist()
    assert found == [{"f": "0.1", "d": "0.1"}, {"f": None, "d": None}, {"f": "1", "d": "1e+300"}]


# -- against the library ----------------------------------------------------------------------------------------------

SIMPLE = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "string": st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
}


class Made:
    """Random schemas, each with a strategy of its values; names are never used twice."""

    def __init__(self):
        self.names = 0

    def name(self):
        self.names += 1
        return f"N{self.names}"

    def kind(self, draw, depth):  # noqa: PLR0911 - one return a type
        choices = [*SIMPLE, "enum", *(["array", "map", "record", "optional", "union"] if depth else [])]
        word = draw(st.sampled_from(choices))
        if word in SIMPLE:
            return word, SIMPLE[word]
        if word == "enum":
            return {"type": "enum", "name": self.name(), "symbols": ["A", "B"]}, st.sampled_from(["A", "B"])
        if word == "union":
            return ["null", "int", "string"], st.one_of(st.none(), SIMPLE["int"], SIMPLE["string"])
        if word == "record":
            return self.record(draw, depth - 1)
        inner, values = self.kind(draw, depth - 1)
        if word == "optional":
            if inner == "null" or isinstance(inner, list):
                return "null", st.none()
            return ["null", inner], st.none() | values
        if word == "map":
            return {"type": "map", "values": inner}, st.dictionaries(SIMPLE["string"], values, max_size=3)
        takes_nothing = parse_schema(json.dumps(inner)).root.width_min == 0
        return (
            ("int", SIMPLE["int"])
            if takes_nothing
            else ({"type": "array", "items": inner}, st.lists(values, max_size=4))
        )

    def record(self, draw, depth):
        name, fields = self.name(), [self.kind(draw, depth) for _ in range(draw(st.integers(0, 3)))]
        listed = [{"name": f"f{at}", "type": kind} for at, (kind, _) in enumerate(fields)]
        values = st.fixed_dictionaries({f"f{at}": each for at, (_, each) in enumerate(fields)})
        return {"type": "record", "name": name, "fields": listed}, values


@st.composite
def schemas_with_values(draw):
    schema, values = Made().record(draw, 3)
    return schema, draw(st.lists(values, min_size=1, max_size=12))


@settings(max_examples=60, deadline=None)
@given(schemas_with_values(), st.randoms(use_true_random=False))
def test_both_readers_give_what_was_written(texts, made, chance):
    """Whatever a library of its own writes is read by column as one by one, and is the value as JSON."""
    schema, values = made
    parsed = parse_schema(json.dumps(schema)).root
    bodies = [written(schema, value) for value in values]
    arrays, faults = by_column(schema, bodies)
    assert set(faults) <= {Fault.NONE}
    one_by_one = pa.array([read_one(parsed, body) for body in bodies], arrow_type(parsed))
    assert arrays.to_pylist() == one_by_one.to_pylist()
    for value, text in zip(values, texts.of(parsed, arrays, JSON).to_pylist(), strict=True):
        assert same(json.loads(text), value)
    # A message that is broken is a fault in both, and its neighbours do not mind.
    broken = [mutated(body, chance) for body in bodies]
    found, faults = by_column(schema, [each for pair in zip(bodies, broken, strict=True) for each in pair])
    assert set(faults[::2]) == {Fault.NONE}
    assert found.to_pylist()[::2] == arrays.to_pylist()
    for body, fault in zip(broken, faults[1::2], strict=True):
        try:
            read_one(parsed, body)
            assert fault in {Fault.NONE, Fault.LONG}
        except Faulty:
            assert fault is not Fault.NONE


def same(found, value):
    """Floats have been through text, a float of 32 bits with its own digits."""
    if isinstance(value, float):
        return found == value or struct.pack("<f", found) == struct.pack("<f", value)
    if isinstance(value, dict):
        return found.keys() == value.keys() and all(same(found[key], each) for key, each in value.items())
    if isinstance(value, list):
        return len(found) == len(value) and all(map(same, found, value))
    return found == value and type(found) is type(value)


def mutated(body, chance: random.Random):
    changed = bytearray(body)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(changed) + 1)
        act = chance.randrange(3)
        if act == 0:
            changed[at:at] = bytes([chance.randrange(256)])
        elif changed and act == 1:
            changed[at % len(changed)] = chance.randrange(256)
        else:
            del changed[at:]
    return bytes(changed)


ARRAY = {"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "array", "items": "int"}}]}


def test_a_long_array_among_short_ones_is_read_apart():
    """A few messages with many items are read one by one, in their places; so are blocks with their size."""
    long = written(ARRAY, {"a": list(range(5_000))})
    sized = b"\x03\x06\x02\x04\x00"  # -2 items, 3 bytes
    short = written(ARRAY, {"a": [7]})
    decoded = columns_of(ARRAY, [framed(42, each) for each in (short, long, sized, long[:-2], short)], "a")
    assert [len(json.loads(each)) for each in decoded.columns["a"].to_pylist()] == [1, 5_000, 2, 1]
    assert [row.payload for row in decoded.rejected] == [3]


LIST = {
    "type": "record",
    "name": "L",
    "fields": [{"name": "v", "type": "int"}, {"name": "next", "type": ["null", "L"]}],
}


def test_a_record_inside_itself_is_read_to_a_depth():
    """Ours: 64 deep; a message of a million levels is an error row, where readers that recurse end the process."""
    chain = {"v": 0, "next": None}
    for number in range(1, 4):
        chain = {"v": number, "next": chain}
    good = framed(42, written(LIST, chain))
    endless = framed(42, b"\x02\x02" * 1_000_000 + b"\x02\x00")
    decoded = columns_of(LIST, [good, endless], "v", "next", jsonpaths='["$.v", "$.next.next.v"]')
    assert decoded.columns.to_pylist() == [{"v": "3", "next": "1"}]
    assert [row.reason.partition("says: ")[2] for row in decoded.rejected] == [REASONS[Fault.DEEP]]


FAULTS = [
    ("long", b"", Fault.SHORT),
    ("long", b"\x80", Fault.SHORT),
    ("long", b"\x80" * 9 + b"\x02", Fault.VARINT),
    ("int", b"\x80\x80\x80\x80\x10", Fault.RANGE),
    ("boolean", b"\x02", Fault.BOOLEAN),
    ("string", b"\x04a", Fault.LENGTH),
    ("string", b"\x01", Fault.LENGTH),
    ("string", b"\x02\xff", Fault.UTF8),
    ({"type": "enum", "name": "E", "symbols": ["A"]}, b"\x02", Fault.SYMBOL),
    (["null", "int"], b"\x04", Fault.BRANCH),
    (["null", "int"], b"\x01", Fault.BRANCH),
    ({"type": "array", "items": "int"}, b"\x06\x02", Fault.COUNT),
    ("double", b"\x00" * 7, Fault.SHORT),
    ({"type": "fixed", "name": "F", "size": 3}, b"\x00", Fault.LENGTH),
    ("int", b"\x02\x02", Fault.LEFT),
]


@pytest.mark.parametrize(("kind", "body", "fault"), FAULTS)
def test_a_message_that_is_not_its_schema_is_an_error_row(kind, body, fault):
    """Each way in which bytes can be no value, in both readers; good messages beside it are rows."""
    schema = {"type": "record", "name": "R", "fields": [{"name": "v", "type": kind}, {"name": "n", "type": "null"}]}
    assert by_column(schema, [body])[1] == [fault]
    with pytest.raises(Faulty, match=REASONS[fault]):
        read_one(parse_schema(json.dumps(schema)).root, body)
    decoded = columns_of(schema, [framed(42, body)], "v")
    assert decoded.columns.num_rows == 0
    assert decoded.rejected[0].reason == f"parse error. the Avro message is not what schema 42 says: {REASONS[fault]}"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b'{"user_id": 1}', "it looks like JSON"),
        (b"\x00\x00", "it is shorter than 5 bytes"),
        (b"\x01" + b"g" * 20, "GUID"),
        (b"\x03\x00" + b"u" * 16, "AWS Glue"),
        (b"\xc3\x01" + b"f" * 8, "single-object"),
        (b"Obj\x01", "Avro file"),
        (b"\x07", "begins with the byte 0x07"),
        (framed(9, b"\x02"), "schema 9: nobody knows 9"),
        (framed(5, b"\x02"), "its type is string, a row needs a record"),
        (framed(6, b"\x02"), "the schema is not JSON"),
    ],
)
def test_a_message_without_a_readable_schema_is_an_error_row(value, words):
    """Ours: StarRocks fails the whole task for it, again and again."""
    registry = Registry(n42=USER, n5="string", n6=RegisteredSchema("{"))
    good = framed(42, written(USER, {"user_id": 1, "name": None, "age": None}))
    decoded = columns_of(USER, [good, value], "user_id", registry=registry)
    assert decoded.columns["user_id"].to_pylist() == ["1"]
    (row,) = decoded.rejected
    assert row.payload == 1
    assert row.reason.startswith("parse error. ")
    assert words in row.reason


def record(*kinds, **more):
    return {"type": "record", "name": "R", "fields": [{"name": f"f{n}", "type": k} for n, k in enumerate(kinds)]} | more


REFUSED = [
    (5, "where a type should be"),
    ("nope", "does not say what 'nope' is"),
    ([], "without branches"),
    ([["int"]], "right inside another"),
    ({"type": "array", "items": "null"}, "take no byte"),
    ({"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}, "take no byte"),
    ({"type": "enum", "name": "E"}, "no symbols"),
    ({"type": "fixed", "name": "F", "size": -1}, "no size"),
    ({"type": "record", "name": "R"}, "no fields"),
    ({"type": "record", "fields": []}, "without a name"),
    (record("int", {"type": "enum", "name": "R", "symbols": ["a"]}), "says twice"),
    ({"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}] * 2}, "two fields of one name"),
    (record("R"), "without end"),
]


@pytest.mark.parametrize(("schema", "words"), REFUSED)
def test_schemas_that_are_not_read(schema, words):
    """What is no schema, and what a few bytes could make work without end of."""
    with pytest.raises(UnreadableSchema, match=words):
        parse_schema(json.dumps(schema))


def test_schemas_have_bounds():
    """A schema may be neither deep without end, nor name a type so often that one message is a million reads."""
    deep = "int"
    for _ in range(100):
        deep = {"type": "array", "items": deep}
    with pytest.raises(UnreadableSchema, match="deeper than 64"):
        parse_schema(json.dumps(deep))
    wide = [{"type": "record", "name": "R0", "fields": [{"name": "a", "type": "int"}]}]
    for number in range(1, 30):
        fields = [{"name": name, "type": f"R{number - 1}"} for name in "ab"]
        wide.append({"type": "record", "name": f"R{number}", "fields": fields})
    with pytest.raises(UnreadableSchema, match="more than 10000 types"):
        parse_schema(json.dumps(wide[-1]), [json.dumps(each) for each in wide[:-1]])


def test_names_are_found_by_namespace_and_in_references():
    """Avro: a name without dots is of the namespace around it; references come before what needs them."""
    address = {"type": "record", "name": "Address", "namespace": "a.b", "fields": [{"name": "c", "type": "string"}]}
    schema = record("Address", "a.b.Address", namespace="a.b")
    found = parse_schema(json.dumps(schema), [json.dumps(address)]).root
    assert [part.kind for part in found.parts] == [Kind.RECORD, Kind.RECORD]
    with pytest.raises(UnreadableSchema, match="Address"):
        parse_schema(json.dumps(record("Address", namespace="c")), [json.dumps(address)])


def test_schemas_of_one_chunk_may_differ_and_rows_keep_their_order():
    """A topic whose schema grows: each message is read by its own."""
    wider = USER | {"fields": [*USER["fields"], {"name": "more", "type": "int"}]}
    one = written(USER, {"user_id": 1, "name": "a", "age": 1})
    two = written(wider, {"user_id": 2, "name": "b", "age": 2, "more": 3})
    values = [framed(7, two), framed(42, one), framed(7, two)]
    decoded = columns_of(USER, values, "user_id", "more", registry=Registry(n42=USER, n7=wider))
    assert decoded.columns.to_pylist() == [
        {"user_id": "2", "more": "3"},
        {"user_id": "1", "more": None},
        {"user_id": "2", "more": "3"},
    ]


def test_a_union_tells_the_value_of_its_branch(texts):
    """Ours: no wrapper around the branch; a record among several is found by paths like any other."""
    kinds = ["null", "boolean", record("int", name="A"), record("string", name="B"), {"type": "map", "values": "int"}]
    schema = record(kinds)
    bodies = [b"\x00", b"\x02\x01", b"\x04\x0a", b"\x06\x02x", b"\x08\x02\x02k\x06\x00"]
    decoded = columns_of(schema, [framed(42, each) for each in bodies], "f0")
    assert decoded.columns["f0"].to_pylist() == [None, "1", '{"f0":5}', '{"f0":"x"}', '{"k":3}']
    paths = columns_of(schema, [framed(42, each) for each in bodies], "x", "y", jsonpaths='["$.f0.f0", "$.f0.k"]')
    assert paths.columns["x"].to_pylist() == [None, None, "5", "x", None]
    assert paths.columns["y"].to_pylist() == [None, None, None, None, "3"]
    assert texts.of(parse_schema('"boolean"').root, pa.array([True, None]), Form()).to_pylist() == ["true", None]
