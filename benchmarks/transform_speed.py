"""Rows and CPU seconds per million rows of decoding and transforming alone: no Kafka, no table.

    python benchmarks/transform_speed.py [messages]

Prints one line of JSON per case. CPU is of the whole process, all threads.
"""

import io
import json
import resource
import sys
import time

import fastavro

from routine_load.formats import decoder_for
from routine_load.formats.ports import RegisteredSchema
from routine_load.ids import Compat, TableRef
from routine_load.loads.values import Format, LoadSpec, Origin
from routine_load.sql.expressions import read_expression
from routine_load.sql.schema import Column, ColumnType, Table, TypeName
from routine_load.sql.statements import ColumnItem
from routine_load.transform import TransformCompiler

CHUNK = 50_000


class Chunk:
    """Message values as a source hands them over."""

    def __init__(self, values):
        self.values = values

    def origin(self, _index):
        return Origin()


def column(name, type_name, *, nullable=True, length=None):
    return Column(name=name, type=ColumnType(name=type_name, length=length), nullable=nullable)


ORDERS = Table(
    ref=TableRef("bench", "orders"),
    columns=(
        column("order_id", TypeName.BIGINT, nullable=False),
        column("pay_dt", TypeName.DATE, nullable=False),
        column("customer_name", TypeName.VARCHAR, length=26),
        column("nationality", TypeName.VARCHAR, length=26),
        column("price", TypeName.DOUBLE),
    ),
)
NAMES = ("order_id", "pay_dt", "customer_name", "nationality", "temp_gender", "price")
COUNTRIES = ("Deutschland", "France", "UK", "Russia", "US", "Japan")


def csv_messages(count):
    return [
        f"{2020050802 + i},2020-05-{1 + i % 28:02d},Johann Georg {i % 1_000_000:07d},"
        f"{COUNTRIES[i % 6]},male,{i % 9973}".encode()
        for i in range(count)
    ]


AVRO = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "order_id", "type": "long"},
        {"name": "pay_dt", "type": {"type": "int", "logicalType": "date"}},
        {"name": "customer_name", "type": ["null", "string"]},
        {"name": "nationality", "type": {"type": "enum", "name": "Nation", "symbols": list(COUNTRIES)}},
        {"name": "price", "type": "double"},
    ],
}


class Registry:
    """One schema, without asking anybody."""

    def schema(self, _address, _number):
        return RegisteredSchema(json.dumps(AVRO))


def avro_messages(count):
    schema = fastavro.parse_schema(AVRO)
    messages = []
    for i in range(count):
        out = io.BytesIO(b"\0\0\0\0\1")
        out.seek(5)
        order = {"order_id": 2020050802 + i, "pay_dt": 18383 + i % 28, "customer_name": f"Johann Georg {i:07d}"}
        fastavro.schemaless_writer(out, schema, order | {"nationality": COUNTRIES[i % 6], "price": float(i % 9973)})
        messages.append(out.getvalue())
    return messages


def json_messages(count):
    return [
        json.dumps(
            {
                "order_id": 2020050802 + i,
                "pay_dt": f"2020-05-{1 + i % 28:02d}",
                "customer_name": f"Johann Georg {i % 1_000_000:07d}",
                "nationality": COUNTRIES[i % 6],
                "price": i % 9973,
            }
        ).encode()
        for i in range(count)
    ]


def with_bad(messages, bad):
    """The messages with a bad one in place of every hundredth."""
    return [bad if at % 100 == 99 else message for at, message in enumerate(messages)]


def plain(*names):
    return tuple(ColumnItem(name=name) for name in names)


def derived(name, text):
    return ColumnItem(name=name, expression=read_expression(text))


def cases(count):
    csv = csv_messages(count)
    text = {"compat": Compat.STARROCKS, "column_separator": ","}
    documents = {"compat": Compat.STARROCKS, "format": Format.JSON}
    named = LoadSpec(columns=plain(*NAMES), **text)
    yield "csv", named, csv
    yield "csv strict", LoadSpec(columns=plain(*NAMES), strict_mode=True, **text), csv
    yield "csv, 1 % too short", named, with_bad(csv, b"only,three,fields")
    yield "csv, 1 % not UTF-8", named, with_bad(csv, b"1,2020-05-01,\xff,b,c,1")
    yield "csv, 1 % without a key", named, with_bad(csv, b"x,2020-05-01,a,b,c,1")
    where = LoadSpec(columns=plain(*NAMES), where=read_expression("price >= 0 and nationality <> 'x'"), **text)
    yield "csv with WHERE", where, csv
    quoted = LoadSpec(columns=plain(*NAMES), enclose='"', **text)
    yield "csv enclosed", quoted, csv
    escaped = LoadSpec(columns=plain(*NAMES), enclose='"', escape="\\", **text)
    yield "csv enclosed and escaped", escaped, csv
    yield (
        "csv wide separator",
        LoadSpec(columns=plain(*NAMES), compat=Compat.STARROCKS, column_separator="||"),
        [value.replace(b",", b"||") for value in csv],
    )
    objects = json_messages(count)
    yield "json", LoadSpec(**documents), objects
    yield "json, 1 % broken", LoadSpec(**documents), with_bad(objects, b'{"order_id":')
    paths = json.dumps([f"$.{name}" for name in NAMES if name != "temp_gender"])
    mapped = (*plain("order_id", "day", "customer_name", "nationality", "price"), derived("pay_dt", "to_date(day)"))
    yield "json jsonpaths derived", LoadSpec(jsonpaths=paths, columns=mapped, **documents), objects
    fractions = [value.replace(b"}", b".50}") for value in objects]
    yield "json fractions", LoadSpec(**documents), fractions
    avro = LoadSpec(compat=Compat.STARROCKS, format=Format.AVRO)
    yield "avro", avro, avro_messages(count)


def measure(name, spec, messages):
    compiler = TransformCompiler()
    compiler.check(spec, ORDERS)
    decoder = decoder_for(spec, compiler.source_columns(spec, ORDERS), Registry())
    transformer = compiler.transformer(spec, ORDERS)
    chunks = [Chunk(messages[at : at + CHUNK]) for at in range(0, len(messages), CHUNK)]
    decoder.prepare(chunks[0])
    transformer.transform(decoder.decode(chunks[0]))
    loaded = rejected = 0
    decoding = 0.0
    before, began = cpu(), time.perf_counter()
    for chunk in chunks:
        at = time.perf_counter()
        decoded = decoder.decode(chunk)
        decoding += time.perf_counter() - at
        rows = transformer.transform(decoded)
        loaded += rows.rows.num_rows
        rejected += len(decoded.rejected) + len(rows.rejected)
    wall, used = time.perf_counter() - began, cpu() - before
    million = len(messages) / 1e6
    print(
        json.dumps(
            {
                "case": name,
                "bytes_per_message": round(sum(map(len, messages)) / len(messages)),
                "loaded": loaded,
                "rejected": rejected,
                "rows_per_second": round(len(messages) / wall),
                "cpu_s_per_million": round(used / million, 3),
                "decode_share": round(decoding / wall, 2),
            }
        )
    )
    transformer.close()


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    for case in cases(int(sys.argv[1]) if len(sys.argv) > 1 else 500_000):
        measure(*case)
