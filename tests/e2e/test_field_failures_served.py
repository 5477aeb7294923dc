"""What went wrong in the field in products of this kind, as far as a service and a broker are needed to play it.

The others are in ``tests/sim/test_field_failures.py``.
"""

from __future__ import annotations

import json

import pytest
from confluent_kafka import KafkaError

import routine_load
from routine_load.errors import JobStateError
from routine_load.testing.embedded_kafka import Api


@pytest.fixture(scope="module")
def rl(tmp_path_factory):
    with routine_load.connect(tmp_path_factory.mktemp("field") / "data") as connection:
        connection.execute("CREATE DATABASE d")
        yield connection


def create(rl, broker, topic: str, offsets: str, properties: str = '"format" = "json"') -> str:
    """A table and a job of the same name."""
    name = f"j_{topic.replace('-', '_')}"
    rl.execute(f"CREATE TABLE d.{name} (k INT) DUPLICATE KEY(k) DISTRIBUTED BY HASH(k)")
    rl.execute(f"""
        CREATE ROUTINE LOAD d.{name} ON {name} PROPERTIES ({properties})
        FROM KAFKA ("kafka_broker_list" = "{broker.bootstrap}", "kafka_topic" = "{topic}",
                    "property.kafka_default_offsets" = "{offsets}")
    """)
    return name


def keys(rl, name: str) -> list[int]:
    return [k for (k,) in rl.query(f"SELECT k FROM d.{name} ORDER BY k").fetchall()]


def test_a_document_that_pauses_the_job_costs_no_good_row_after_resume(rl, embedded_kafka, topic):
    """StarRocks #7849: a failure of the JSON root paused the job, and RESUME went on behind the good rows of the batch."""
    embedded_kafka.create_topic(topic)
    embedded_kafka.produce(topic, ['{"k": 1}', "[1]", '{"k": 2}'], partition=0)
    fatal = '"format" = "json", "max_error_number" = "9", "pause_on_fatal_parse_error" = "{}"'
    name = create(rl, embedded_kafka, topic, "OFFSET_BEGINNING", fatal.format("true"))
    with pytest.raises(JobStateError, match="parse error"):
        rl.wait(f"d.{name}", loaded_rows=2)
    assert keys(rl, name) == []
    rl.execute(f'ALTER ROUTINE LOAD FOR d.{name} PROPERTIES ("pause_on_fatal_parse_error" = "false")')
    rl.execute(f"RESUME ROUTINE LOAD FOR d.{name}")
    job = rl.wait(f"d.{name}", loaded_rows=2)
    assert keys(rl, name) == [1, 2]
    assert job.statistic.error_rows == 1


def test_the_end_of_an_empty_topic_is_a_number_from_the_first_moment(rl, embedded_kafka, topic):
    """Doris #33494: OFFSET_END of an empty topic stayed "the end", and what was produced meanwhile slipped by."""
    embedded_kafka.create_topic(topic)
    name = create(rl, embedded_kafka, topic, "OFFSET_END")
    rl.execute(f"PAUSE ROUTINE LOAD FOR d.{name}")
    embedded_kafka.produce(topic, ['{"k": 1}', '{"k": 2}'], partition=0)
    rl.execute(f"RESUME ROUTINE LOAD FOR d.{name}")
    rl.wait(f"d.{name}", loaded_rows=2)
    assert keys(rl, name) == [1, 2]


@pytest.mark.parametrize("code", [KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE])
def test_an_election_in_kafka_pauses_no_job(rl, embedded_kafka, topic, code):
    """StarRocks #48627: "not leader for partition", as an answer to the question for the ends, paused the job."""
    embedded_kafka.create_topic(topic)
    name = create(rl, embedded_kafka, topic, "OFFSET_BEGINNING")
    rl.execute(f"PAUSE ROUTINE LOAD FOR d.{name}")
    embedded_kafka.produce(topic, ['{"k": 1}'], partition=0)
    embedded_kafka.push_errors(Api.LIST_OFFSETS, [code] * 3)
    embedded_kafka.push_errors(Api.FETCH, [code] * 3)
    try:
        rl.execute(f"RESUME ROUTINE LOAD FOR d.{name}")
        rl.wait(f"d.{name}", loaded_rows=1)  # raises where the job is paused
    finally:
        embedded_kafka.clear_errors(Api.LIST_OFFSETS)
        embedded_kafka.clear_errors(Api.FETCH)
    (shown,) = rl.query(f"SHOW ROUTINE LOAD FOR d.{name}").fetchall()
    assert json.loads(next(v for v in shown if str(v).startswith('{"0"'))) == {"0": "0"}
