"""What a job does while it runs: freshness, bad rows, pauses, new partitions, offsets by time."""

from __future__ import annotations

import json
import time
import urllib.request

import pytest

from tests.crash.test_service_kill import wait_for_rows

TABLE = "CREATE TABLE d.t (id BIGINT NOT NULL, name VARCHAR(20)) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 1"


def create(service, broker, topic: str, *, properties: str = "", source: str = "") -> None:
    service.run("CREATE DATABASE IF NOT EXISTS d", TABLE)
    service.run(
        f"""CREATE ROUTINE LOAD d.j ON t COLUMNS TERMINATED BY "," {f"PROPERTIES ({properties})" if properties else ""}
        FROM KAFKA ("kafka_broker_list" = "{broker.bootstrap}", "kafka_topic" = "{topic}",
                    {source or '"property.kafka_default_offsets" = "OFFSET_BEGINNING"'})"""
    )


def test_a_row_produced_to_a_caught_up_job_waits_for_no_interval(new_service, broker, topic):
    """Whatever max_batch_interval says: a job whose new data waits is due at once.

    Nothing else could load the row before the test gives up: the next look at the topic is hours away, too.
    """
    broker.create_topic(topic, 3)
    service = new_service(RL_PARTITION_REFRESH_S="36000")
    create(service, broker, topic, properties='"max_batch_interval" = "36000"')
    broker.produce(topic, ["1,a"])
    wait_for_rows(service, 1, 60)
    for number in range(2, 12):
        broker.produce(topic, [f"{number},b"], partition=number % 3)
        wait_for_rows(service, number, 60)


def test_bad_rows_are_counted_logged_and_within_the_budget_the_job_goes_on(service, broker, topic):
    """ErrorLogUrls gives the reason, partition, offset and bytes of each; the table of rejects has them too."""
    broker.create_topic(topic, 1)
    broker.produce(topic, ["1,a", "only-one-field", "2,b", "x,y,z"])
    create(service, broker, topic, properties='"max_error_number" = "10"')
    wait_for_rows(service, 2, 30)
    job = service.show("d.j")
    statistic = json.loads(job["Statistic"])
    assert (statistic["totalRows"], statistic["loadedRows"], statistic["errorRows"]) == (4, 2, 2)
    assert job["State"] == "RUNNING"
    with urllib.request.urlopen(job["ErrorLogUrls"]) as answer:
        log = answer.read().decode()
    assert "only-one-field" in log
    assert "partition: 0, offset: 1" in log
    rejects = service.run(
        "SELECT `partition`, `offset`, raw FROM information_schema.routine_load_rejects ORDER BY `offset`"
    )
    assert [(p, o, bytes(raw) if not isinstance(raw, str) else raw.encode()) for p, o, raw in rejects] == [
        (0, 1, b"only-one-field"),
        (0, 3, b"x,y,z"),
    ]


def test_one_bad_row_too_many_pauses_the_job_behind_it(service, broker, topic):
    """StarRocks: max_error_number 0; the batch is loaded, the job PAUSED with reason 102, RESUME goes on behind."""
    broker.create_topic(topic, 1)
    broker.produce(topic, ["1,a", "bad", "2,b"])
    create(service, broker, topic)
    job = wait_for_state(service, "PAUSED")
    assert "errCode = 102" in job["ReasonOfStateChanged"]
    assert "max_error_number" in job["ReasonOfStateChanged"]
    assert service.run("SELECT id FROM d.t ORDER BY id") == [(1,), (2,)]
    broker.produce(topic, ["3,c"])
    service.run("RESUME ROUTINE LOAD FOR d.j")
    wait_for_rows(service, 3, 30)


def test_a_batch_over_max_filter_ratio_is_not_loaded(service, embedded_kafka, topic):
    """StarRocks: the ratio aborts before loading; offsets stay."""
    embedded_kafka.create_topic(topic, 1)
    embedded_kafka.produce(topic, ["1,a", "bad", "2,b"])
    create(service, embedded_kafka, topic, properties='"max_filter_ratio" = "0.2", "max_error_number" = "10"')
    job = wait_for_state(service, "PAUSED")
    assert "too many filtered rows" in job["ReasonOfStateChanged"]
    assert service.run("SELECT count(*) FROM d.t") == [(0,)]
    assert json.loads(job["Progress"]) == {"0": "OFFSET_ZERO"}


@pytest.mark.kafka
def test_partitions_that_appear_later_are_read_from_their_beginning(service, apache_kafka, topic):
    """New topic partitions are discovered, and what was written before their discovery is not skipped."""
    apache_kafka.create_topic(topic, 1)
    create(service, apache_kafka, topic, source='"property.kafka_default_offsets" = "OFFSET_END"')
    apache_kafka.produce(topic, ["1,a"], partition=0)
    wait_for_rows(service, 1, 30)
    apache_kafka.add_partitions(topic, 3)
    apache_kafka.produce(topic, ["2,b"], partition=1)
    apache_kafka.produce(topic, ["3,c"], partition=2)
    wait_for_rows(service, 3, 60)
    assert service.show("d.j")["CurrentTaskNum"] == "3"


@pytest.mark.kafka
def test_a_start_by_time_begins_at_the_first_message_of_that_time(service, apache_kafka, topic):
    """property.kafka_default_offsets as a date-time, on the clocks of the job's time zone."""
    apache_kafka.create_topic(topic, 1)
    apache_kafka.produce(topic, ["1,old"], timestamp_ms=1_700_000_000_000)
    apache_kafka.produce(topic, ["2,new"], timestamp_ms=1_760_000_000_000)
    create(
        service,
        apache_kafka,
        topic,
        properties='"timezone" = "UTC"',
        source='"property.kafka_default_offsets" = "2025-01-01 00:00:00"',
    )
    wait_for_rows(service, 1, 30)
    assert service.run("SELECT id FROM d.t") == [(2,)]


def test_a_dropped_table_cancels_its_job(service, embedded_kafka, topic):
    """StarRocks: CANCELLED with code 6."""
    embedded_kafka.create_topic(topic, 1)
    create(service, embedded_kafka, topic)
    service.run("DROP TABLE d.t")
    job = wait_for_state(service, "CANCELLED", all_=True)
    assert "table not exist" in job["ReasonOfStateChanged"]


def test_a_stop_by_sigterm_keeps_everything_and_a_restart_goes_on(service, embedded_kafka, topic):
    """Rows, progress, statistics and definitions survive; loading goes on where it was."""
    embedded_kafka.create_topic(topic, 2)
    embedded_kafka.produce(topic, ["1,a"], partition=0)
    create(service, embedded_kafka, topic)
    wait_for_rows(service, 1, 30)
    before = service.show("d.j")
    assert service.stop() == 0
    service.start()
    embedded_kafka.produce(topic, ["2,b"], partition=1)
    wait_for_rows(service, 2, 30)
    after = service.show("d.j")
    assert after["Id"] == before["Id"]
    assert json.loads(after["Statistic"])["loadedRows"] == 2
    assert json.loads(after["CustomProperties"]) == json.loads(before["CustomProperties"])


def wait_for_state(service, state: str, *, all_: bool = False, timeout_s: float = 30) -> dict:
    give_up = time.monotonic() + timeout_s
    while True:
        job = service.show("d.j", all_=all_)
        if job["State"] == state:
            return job
        assert time.monotonic() < give_up, job
        time.sleep(0.05)
