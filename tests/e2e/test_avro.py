"""format = "avro" end to end, on both brokers: schemas from a registry, rows, error rows, and a registry that fails."""

from __future__ import annotations

import io
import json
import time
from datetime import UTC, date, datetime
from decimal import Decimal

import fastavro
import pytest

import routine_load
from routine_load.errors import PropertyError
from routine_load.testing import EmbeddedRegistry

ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "name", "type": ["null", "string"]},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
        {"name": "day", "type": ["null", {"type": "int", "logicalType": "date"}]},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "ms", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "raw", "type": "bytes"},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {
            "name": "to",
            "type": {
                "type": "record",
                "name": "Address",
                "fields": [{"name": "city", "type": "string"}, {"name": "zip", "type": "int"}],
            },
        },
        {"name": "paid", "type": "boolean"},
    ],
}
TABLE = """CREATE TABLE {}.t (id BIGINT, name VARCHAR(20), price DECIMAL(12,2), day DATE, at DATETIME, ms BIGINT,
    raw VARBINARY, tags ARRAY<VARCHAR(10)>, `to` JSON, paid BOOLEAN)
    DUPLICATE KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 1"""


@pytest.fixture(scope="module")
def rl():
    with routine_load.connect(compat="starrocks") as connection:
        yield connection


@pytest.fixture
def database(rl, topic) -> str:
    name = topic.replace("-", "_")
    rl.execute(f"CREATE DATABASE {name}")
    return name


@pytest.fixture
def registry():
    with EmbeddedRegistry(user_info="key:geheim") as running:
        yield running


def body(schema, value) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


def order(number, **changes):
    return {
        "id": number,
        "name": "Emily",
        "price": Decimal("-1.28"),
        "day": date(2022, 1, 8),
        "at": datetime(2018, 6, 20, 6, 37, 3, 500_000, tzinfo=UTC),
        "ms": datetime(2018, 6, 20, 6, 37, 3, tzinfo=UTC),
        "raw": b"\xff\x00",
        "tags": ["a", "b"],
        "to": {"city": "Köln", "zip": 50667},
        "paid": True,
    } | changes


def create(rl, database, broker, topic, registry_url, *, clauses="", properties="", source="") -> None:
    rl.execute(
        f"""CREATE ROUTINE LOAD {database}.j ON t {clauses}
        PROPERTIES ("format" = "avro", "max_error_number" = "100", "timezone" = "Asia/Shanghai"{properties})
        FROM KAFKA ("kafka_broker_list" = "{broker.bootstrap}", "kafka_topic" = "{topic}",
                    "confluent.schema.registry.url" = "{registry_url}",
                    "property.kafka_default_offsets" = "OFFSET_BEGINNING"{source})"""
    )


def watched(rl, database, holds):
    """The job's row of SHOW, once something holds of it."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        (shown,) = rl.query(f"SHOW ROUTINE LOAD FOR {database}.j").dicts()
        if holds(shown):
            return shown
        time.sleep(0.05)
    raise AssertionError(shown)


def test_messages_become_rows_by_name(rl, database, broker, topic, registry):
    """StarRocks: types, unions and records; a schema that grows; what cannot be decoded are error rows."""
    rl.execute(TABLE.format(database))
    broker.create_topic(topic)
    first = registry.register("orders-value", ORDER)
    wider = ORDER | {"fields": [*ORDER["fields"], {"name": "extra", "type": "string"}]}
    second = registry.register("orders-value", wider)
    good = body(ORDER, order(1))
    broker.produce(
        topic,
        [
            registry.framed(first, good),
            registry.framed(second, body(wider, order(2, name=None, day=None, extra="x"))),
            registry.framed(first, good[:-3]),
            registry.framed(first, good + b"!"),
            registry.framed(77, good),
            b'{"id": 1}',
        ],
    )
    create(rl, database, broker, topic, registry.url)
    rl.wait(f"{database}.j", loaded_rows=2, timeout=30)
    found = rl.query(f"SELECT * FROM {database}.t ORDER BY id").fetchall()
    at, ms = datetime(2018, 6, 20, 14, 37, 3, 500_000), 1_529_476_623_000
    address = json.loads('{"city": "Köln", "zip": 50667}')
    assert [(*row[:7], json.loads(row[8]), row[9]) for row in found] == [
        (1, "Emily", Decimal("-1.28"), date(2022, 1, 8), at, ms, b"\xff\x00", address, 1),
        (2, None, Decimal("-1.28"), None, at, ms, b"\xff\x00", address, 1),
    ]
    (job,) = rl.query(f"SHOW ROUTINE LOAD FOR {database}.j").dicts()
    assert json.loads(job["Statistic"])["errorRows"] == 4
    shown = rl.query(f"SHOW CREATE ROUTINE LOAD {database}.j").fetchall()[0][1]
    assert "geheim" not in json.dumps(job) + shown
    assert json.loads(job["DataSourceProperties"])["confluent.schema.registry.url"] == f"http://{registry.address}"
    assert "strip_outer_array" not in json.loads(job["JobProperties"])
    assert sorted(path for path in registry.asked) == [f"/schemas/ids/{n}" for n in (first, second, 77)]


def test_paths_go_through_records_arrays_and_unions(rl, database, broker, topic, registry):
    """StarRocks: jsonpaths, a trailing .* of which means the value itself; the operation of a row from a field."""
    rl.execute(
        f"""CREATE TABLE {database}.t (id BIGINT NOT NULL, city VARCHAR(20), tag VARCHAR(10))
        PRIMARY KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 1"""
    )
    broker.create_topic(topic)
    number = registry.register("orders-value", ORDER)
    messages = [order(1), order(2, tags=[]), order(1, paid=True, name="gone")]
    broker.produce(topic, [registry.framed(number, body(ORDER, each)) for each in messages])
    create(
        rl, database, broker, topic, registry.url,
        clauses="COLUMNS (id, city, tag, n, __op = if(n = 'gone', 1, 0))",
        properties=""", "jsonpaths" = '["$.id", "$.to.city.*", "$.tags[1]", "$.name"]'""",
    )  # fmt: skip
    rl.wait(f"{database}.j", loaded_rows=3, timeout=30)
    assert rl.query(f"SELECT * FROM {database}.t").fetchall() == [(2, "Köln", None)]


def test_a_registry_that_is_silent_loses_nothing(rl, database, broker, topic, registry):
    """The task fails with the reason and is tried again; one that refuses the caller pauses the job at once."""
    rl.execute(TABLE.format(database))
    broker.create_topic(topic)
    number = registry.register("orders-value", ORDER)
    broker.produce(topic, [registry.framed(number, body(ORDER, order(1)))])
    registry.status = 503
    create(rl, database, broker, topic, registry.url)
    told = watched(rl, database, lambda shown: "HTTP status 503" in shown["OtherMsg"])
    assert told["State"] == "RUNNING"
    registry.status = 0
    rl.wait(f"{database}.j", loaded_rows=1, timeout=60)
    (shown,) = rl.query(f"SHOW ROUTINE LOAD FOR {database}.j").dicts()
    assert json.loads(shown["Statistic"])["errorRows"] == 0


def test_a_wrong_secret_pauses_the_job_and_is_not_told(rl, database, broker, topic, registry):
    """Ours: what no repetition heals pauses the job; ALTER with the right secret lets it go on."""
    rl.execute(TABLE.format(database))
    broker.create_topic(topic)
    number = registry.register("orders-value", ORDER)
    broker.produce(topic, [registry.framed(number, body(ORDER, order(1)))])
    create(rl, database, broker, topic, f"http://key:canary@{registry.address}")
    rl.wait(f"{database}.j", state="PAUSED", timeout=30)
    (shown,) = rl.query(f"SHOW ROUTINE LOAD FOR {database}.j").dicts()
    assert "refuses who asks it: HTTP status 401" in shown["ReasonOfStateChanged"]
    assert "canary" not in json.dumps(shown)
    rl.execute(
        f"""ALTER ROUTINE LOAD FOR {database}.j FROM KAFKA ("confluent.schema.registry.url" = "{registry.url}")"""
    )
    rl.execute(f"RESUME ROUTINE LOAD FOR {database}.j")
    rl.wait(f"{database}.j", loaded_rows=1, timeout=30)


def test_an_avro_job_needs_a_registry(rl, database, broker, topic):
    """StarRocks: required with avro, otherwise stored; an address that is none is refused without its secret."""
    rl.execute(TABLE.format(database))
    with pytest.raises(PropertyError, match=r"confluent.schema.registry.url is a required property"):
        create(rl, database, broker, topic, "")
    with pytest.raises(PropertyError, match=r"is not http") as refused:
        create(rl, database, broker, topic, "ftp://key:canary@r")
    assert "canary" not in str(refused.value)
