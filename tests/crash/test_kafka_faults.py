"""What Apache Kafka may do to a running job: aborted transactions, lost records, another topic under the same name."""

from __future__ import annotations

import json
import time

import pytest
from confluent_kafka import Producer

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def transactions(kafka, topic: str, *outcomes: tuple[int, list[str], bool]) -> None:
    """One transaction after another: (partition, values, commits)."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": f"tx-{topic}"})
    producer.init_transactions(20)
    for partition, values, commits in outcomes:
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, value.encode(), partition=partition)
        producer.flush(20)
        (producer.commit_transaction if commits else producer.abort_transaction)(20)


def job_on(service, kafka, topic: str) -> None:
    service.run(
        "CREATE DATABASE d",
        "CREATE TABLE d.t (n BIGINT) DUPLICATE KEY(n) DISTRIBUTED BY HASH(n)",
        f"""CREATE ROUTINE LOAD d.j ON t COLUMNS TERMINATED BY "," PROPERTIES ("max_batch_interval" = "5")
        FROM KAFKA ("kafka_broker_list" = "{kafka.bootstrap}", "kafka_topic" = "{topic}",
                    "property.kafka_default_offsets" = "OFFSET_BEGINNING")""",
    )


def wait_for(service, wanted, timeout_s=40) -> dict:
    give_up = time.monotonic() + timeout_s
    while not wanted(job := service.show("d.j")):
        assert time.monotonic() < give_up, job
        time.sleep(0.1)
    return job


def loaded(rows: int):
    return lambda job: json.loads(job["Statistic"])["loadedRows"] >= rows


def caught_up(job: dict) -> bool:
    """StarRocks: Progress is the last offset read, LatestSourcePosition the end behind it."""
    read, ends = (json.loads(job[column] or "{}") for column in ("Progress", "LatestSourcePosition"))
    return {p: str(int(end) - 1) for p, end in ends.items()} == read


def test_aborted_records_and_markers_are_passed_over_to_the_last_stable_end(service, apache_kafka, topic):
    """A partition of aborted records only, and markers at the end of another: no rows, no lag, no task after task."""
    apache_kafka.create_topic(topic, 2)
    transactions(
        apache_kafka,
        topic,
        (0, [str(n) for n in range(50)], False),
        (1, [str(n) for n in range(100, 150)], True),
        (1, [str(n) for n in range(200, 250)], False),
        (0, ["7"] * 10, False),
    )
    job_on(service, apache_kafka, topic)
    wait_for(service, lambda job: caught_up(job) and loaded(50)(job))
    assert service.run("SELECT count(*), min(n), max(n) FROM d.t") == [(50, 100, 149)]
    committed = json.loads(service.show("d.j")["Statistic"])["committedTaskNum"]
    time.sleep(1.5)
    assert json.loads(service.show("d.j")["Statistic"])["committedTaskNum"] == committed


def test_records_that_retention_took_before_they_were_read_pause_the_job(service, apache_kafka, topic):
    """The reason names what Kafka still has; ALTER and RESUME go on from there."""
    apache_kafka.create_topic(topic, 1)
    apache_kafka.produce(topic, ["1", "2"], partition=0)
    job_on(service, apache_kafka, topic)
    wait_for(service, loaded(2))
    service.run("PAUSE ROUTINE LOAD FOR d.j")
    apache_kafka.produce(topic, [str(n) for n in range(10, 20)], partition=0)
    apache_kafka.delete_records(topic, 0, 8)
    service.run("RESUME ROUTINE LOAD FOR d.j")
    job = wait_for(service, lambda job: job["State"] == "PAUSED")
    assert "from 8 up to, not including, 12" in job["ReasonOfStateChanged"]
    service.run('ALTER ROUTINE LOAD FOR d.j FROM KAFKA ("kafka_partitions" = "0", "kafka_offsets" = "8")')
    service.run("RESUME ROUTINE LOAD FOR d.j")
    wait_for(service, loaded(6))
    assert service.run("SELECT count(*), max(n) FROM d.t") == [(6, 19)]


def test_a_topic_that_was_made_anew_pauses_the_job_instead_of_skipping_its_records(service, apache_kafka, topic):
    """Its log is shorter than what was read of the old one; to wait until it is longer would lose what is in it."""
    apache_kafka.create_topic(topic, 1)
    apache_kafka.produce(topic, [str(n) for n in range(20)], partition=0)
    job_on(service, apache_kafka, topic)
    wait_for(service, loaded(20))
    apache_kafka.delete_topic(topic)
    apache_kafka.create_topic(topic, 1)
    apache_kafka.produce(topic, ["100"], partition=0)
    job = wait_for(service, lambda job: job["State"] == "PAUSED")
    told = (
        "was read up to offset 20 and ends at 1 now",
        "from 0 up to, not including, 0",  # seen before the new topic's first record was there
        "from 0 up to, not including, 1",
        "does not exist",
        "was re-created",
    )
    assert any(words in job["ReasonOfStateChanged"] for words in told), job["ReasonOfStateChanged"]
    assert service.run("SELECT count(*) FROM d.t") == [(20,)]


def test_another_topic_of_the_same_name_is_not_taken_for_the_old_one(service, apache_kafka, topic):
    """It is longer than what was read of the old one: only its identity tells. New offsets are for the new topic."""
    apache_kafka.create_topic(topic, 1)
    apache_kafka.produce(topic, [str(n) for n in range(20)], partition=0)
    job_on(service, apache_kafka, topic)
    wait_for(service, loaded(20))
    service.run("PAUSE ROUTINE LOAD FOR d.j")
    apache_kafka.delete_topic(topic)
    apache_kafka.create_topic(topic, 1)
    apache_kafka.produce(topic, [str(n) for n in range(100, 130)], partition=0)
    service.run("RESUME ROUTINE LOAD FOR d.j")
    job = wait_for(service, lambda job: job["State"] == "PAUSED")
    assert f"topic {topic} was re-created" in job["ReasonOfStateChanged"]
    assert service.run("SELECT count(*) FROM d.t") == [(20,)]
    service.run(
        'ALTER ROUTINE LOAD FOR d.j FROM KAFKA ("kafka_partitions" = "0", "kafka_offsets" = "OFFSET_BEGINNING")'
    )
    service.run("RESUME ROUTINE LOAD FOR d.j")
    wait_for(service, loaded(50))
    assert service.run("SELECT count(*), max(n) FROM d.t") == [(50, 129)]


def test_a_broker_that_restarts_in_the_middle_of_a_load_costs_time_only(service, own_apache_kafka, topic):
    """Stopped and started again on its port while rows are waiting: the job goes on by itself."""
    own_apache_kafka.create_topic(topic, 4)
    for partition in range(4):
        own_apache_kafka.produce(topic, [str(partition * 100_000 + n) for n in range(50_000)], partition=partition)
    job_on(service, own_apache_kafka, topic)
    own_apache_kafka.restart()
    own_apache_kafka.produce(topic, [str(400_000 + n) for n in range(1000)], partition=0)
    job = wait_for(service, loaded(201_000), timeout_s=90)
    assert job["State"] == "RUNNING"
    assert service.run("SELECT count(*), count(DISTINCT n) FROM d.t") == [(201_000, 201_000)]
