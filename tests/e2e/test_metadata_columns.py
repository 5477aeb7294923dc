"""INCLUDE METADATA end to end, on both brokers: what a message carries beside its value becomes columns."""

from __future__ import annotations

import json

import pytest
from confluent_kafka import Producer

import routine_load
from routine_load.errors import AnalysisError


@pytest.fixture(scope="module", params=["starrocks", "doris"])
def vendor(request):
    with routine_load.connect(compat=request.param) as connection:
        yield connection


@pytest.fixture
def database(vendor, topic) -> str:
    name = topic.replace("-", "_")
    vendor.execute(f"CREATE DATABASE {name}")
    return name


def produce(broker, topic, *records) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    for record in records:
        producer.produce(topic, partition=0, **record)
    assert producer.flush(30) == 0


def create(rl, database, broker, topic, clauses, *, on="ON t", properties='"max_error_number" = "10"') -> None:
    rl.execute(
        f"""CREATE ROUTINE LOAD {database}.j {on} {clauses} PROPERTIES ({properties})
        FROM KAFKA ("kafka_broker_list" = "{broker.bootstrap}", "kafka_topic" = "{topic}",
                    "property.kafka_default_offsets" = "OFFSET_BEGINNING")"""
    )


def test_every_row_knows_its_message(vendor, database, broker, topic):
    """Headers, missing keys, tombstones and binary keys; ALTER replaces the clause, SHOW prints it."""
    vendor.execute(
        f"""CREATE TABLE {database}.t (id INT, k VARCHAR(20), raw VARBINARY, p INT, o BIGINT, name VARCHAR(60),
            ms BIGINT, h JSON, trace VARCHAR(20)) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 1"""
    )
    broker.create_topic(topic)
    produce(
        broker, topic,
        {"value": b"1\n2", "key": b"a", "headers": [("trace", b"x"), ("n", None), ("trace", b"y")], "timestamp": 1700},
        {"value": None, "key": b"gone"},
        {"value": b"3", "timestamp": 1800},
        {"value": b"4", "key": b"\xff"},
    )  # fmt: skip
    fields = "KEY AS k, PARTITION AS p, OFFSET AS o, TOPIC AS name, TIMESTAMP_MS AS ms, HEADERS AS h"
    clauses = f"INCLUDE METADATA ({fields}), COLUMNS (id, trace = element_at(h, 'trace'))"
    create(vendor, database, broker, topic, clauses)
    vendor.wait(f"{database}.j", loaded_rows=3, timeout=30)
    found = vendor.query(f"SELECT id, k, p, o, name, ms, h, trace FROM {database}.t ORDER BY id").fetchall()
    headers = [{"key": "trace", "value": "x"}, {"key": "n", "value": None}, {"key": "trace", "value": "y"}]
    assert [(*row[:6], json.loads(row[6]), row[7]) for row in found] == [
        (1, "a", 0, 0, topic, 1700, headers, "y"),
        (2, "a", 0, 0, topic, 1700, headers, "y"),
        (3, None, 0, 2, topic, 1800, [], None),
    ]
    (job,) = vendor.query(f"SHOW ROUTINE LOAD FOR {database}.j").dicts()
    assert json.loads(job["JobProperties"])["metadata"] == fields.replace(", ", ",")
    assert json.loads(job["Statistic"])["errorRows"] == 1

    vendor.execute(f"PAUSE ROUTINE LOAD FOR {database}.j")
    vendor.execute(
        f"ALTER ROUTINE LOAD FOR {database}.j INCLUDE METADATA (KEY AS raw, OFFSET), COLUMNS (id, o = `offset`)"
    )
    vendor.execute(f"RESUME ROUTINE LOAD FOR {database}.j")
    produce(broker, topic, {"value": b"5", "key": b"\xff\x00"})
    vendor.wait(f"{database}.j", loaded_rows=4, timeout=30)
    assert vendor.query(f"SELECT k, raw, p, o, h FROM {database}.t WHERE id = 5").fetchall() == [
        (None, b"\xff\x00", None, 4, None)
    ]
    (shown,) = vendor.query(f"SHOW CREATE ROUTINE LOAD {database}.j").fetchall()
    assert "INCLUDE METADATA (KEY AS raw, OFFSET AS " in shown[-1]


def test_a_job_of_many_tables_fills_what_each_has(vendor, database, broker, topic):
    """A table takes the metadata columns that it has; the others are passed over."""
    vendor.execute(f"CREATE TABLE {database}.a (v INT, o BIGINT) DUPLICATE KEY(v) DISTRIBUTED BY HASH(v) BUCKETS 1")
    vendor.execute(f"CREATE TABLE {database}.b (v INT, k VARCHAR(9)) DUPLICATE KEY(v) DISTRIBUTED BY HASH(v) BUCKETS 1")
    broker.create_topic(topic)
    produce(broker, topic, *({"value": value, "key": b"k%d" % n} for n, value in enumerate((b"a|1", b"b|2", b"a|3"))))
    create(vendor, database, broker, topic, "INCLUDE METADATA (OFFSET AS o, KEY AS k)", on="")
    vendor.wait(f"{database}.j", loaded_rows=3, timeout=30)
    assert vendor.query(f"SELECT v, o FROM {database}.a ORDER BY v").fetchall() == [(1, 0), (3, 2)]
    assert vendor.query(f"SELECT v, k FROM {database}.b").fetchall() == [(2, "k1")]


def test_a_name_that_means_two_things_makes_no_job(vendor, database, embedded_kafka, topic):
    """CREATE says so at once, and ALTER too."""
    vendor.execute(f"CREATE TABLE {database}.t (id INT, k INT) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 1")
    embedded_kafka.create_topic(topic)
    with pytest.raises(AnalysisError, match=r"names the column k, which is a field of the message in COLUMNS too"):
        create(vendor, database, embedded_kafka, topic, "COLUMNS (id, k), INCLUDE METADATA (KEY AS k)")
    with pytest.raises(AnalysisError, match=r"INCLUDE METADATA: two columns are named 'K'"):
        create(vendor, database, embedded_kafka, topic, "INCLUDE METADATA (KEY AS k, OFFSET AS K)")
    create(vendor, database, embedded_kafka, topic, "INCLUDE METADATA (OFFSET AS k)")
    vendor.execute(f"PAUSE ROUTINE LOAD FOR {database}.j")
    with pytest.raises(AnalysisError, match=r"names the column k, which is a field of the message in COLUMNS too"):
        vendor.execute(f"ALTER ROUTINE LOAD FOR {database}.j COLUMNS (id, k)")
    vendor.execute(f"STOP ROUTINE LOAD FOR {database}.j")
