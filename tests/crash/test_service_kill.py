"""SIGKILL at random moments while loading from Apache Kafka: every message is in the table exactly once."""

from __future__ import annotations

import os
import random
import threading
import time

import pymysql
import pytest

PARTITIONS = 8
MESSAGES = 1_000_000
PORTION = 100_000
PAYLOAD = "x" * 24


class Feed:
    """Produces numbered messages in the background, in portions; what was produced is known exactly."""

    def __init__(self, kafka, topic: str) -> None:
        self._kafka, self._topic = kafka, topic
        self.produced = [0] * PARTITIONS
        self._threads: list[threading.Thread] = []

    def portion(self, messages: int) -> None:
        def produce() -> None:
            for partition in range(PARTITIONS):
                count = messages // PARTITIONS
                start = self.produced[partition]
                values = [f"{partition},{n},{PAYLOAD}" for n in range(start, start + count)]
                self._kafka.produce(self._topic, values, partition=partition)
                self.produced[partition] += count

        self.join()
        thread = threading.Thread(target=produce, name="feed")
        thread.start()
        self._threads.append(thread)

    def join(self) -> None:
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    @property
    def total(self) -> int:
        return sum(self.produced)


def create(service, kafka, topic: str, table: str) -> None:
    service.run("CREATE DATABASE IF NOT EXISTS d", table)
    service.run(
        f"""CREATE ROUTINE LOAD d.j ON t COLUMNS TERMINATED BY ",", COLUMNS (p, n, payload)
        PROPERTIES ("desired_concurrent_number" = "3", "max_batch_interval" = "5")
        FROM KAFKA ("kafka_broker_list" = "{kafka.bootstrap}", "kafka_topic" = "{topic}",
                    "property.kafka_default_offsets" = "OFFSET_BEGINNING")"""
    )


def wait_for_rows(service, wanted: int, timeout_s: float) -> int:
    give_up = time.monotonic() + timeout_s
    rows = -1
    while time.monotonic() < give_up:
        rows = service.run("SELECT count(*) FROM d.t")[0][0]
        if rows >= wanted:
            return rows
        job = service.show("d.j")
        assert job["State"] in {"RUNNING", "NEED_SCHEDULE"}, job["ReasonOfStateChanged"]
        time.sleep(0.2)
    pytest.fail(f"{rows} rows of {wanted} after {timeout_s} s: {service.show('d.j')}")


def check_exactly_once(service, feed: Feed) -> None:
    """Per partition the numbers 0 … n-1, each once; Progress and Statistic say the same."""
    found = service.run("SELECT p, count(*), count(DISTINCT n), min(n), max(n) FROM d.t GROUP BY p ORDER BY p")
    assert found == [(p, n, n, 0, n - 1) for p, n in enumerate(feed.produced)]
    job = service.show("d.j")
    assert job["State"] == "RUNNING"
    assert f'"loadedRows":{feed.total}' in job["Statistic"].replace(" ", "")


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_message_is_loaded_once_though_the_service_is_killed_again_and_again(new_service, apache_kafka, topic):
    """A million messages of eight partitions survive ten SIGKILLs (fifty in the soak) at random moments."""
    kills = 50 if os.environ.get("RL_SOAK") else 10
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    apache_kafka.create_topic(topic, PARTITIONS)
    feed = Feed(apache_kafka, topic)
    service = new_service()
    create(
        service,
        apache_kafka,
        topic,
        "CREATE TABLE d.t (p INT, n BIGINT, payload VARCHAR(64)) DUPLICATE KEY(p, n) DISTRIBUTED BY HASH(p)",
    )
    while_loading = 0
    for _ in range(kills):
        feed.portion(PORTION)
        time.sleep(dice.uniform(0.02, 0.4))  # while the portion is being produced
        while_loading += feed.total > _rows_or_zero(service)
        service.kill()
        service.start()
    feed.portion(PORTION)
    feed.join()
    wait_for_rows(service, feed.total, 300)
    check_exactly_once(service, feed)
    assert feed.total >= MESSAGES
    print(f"{kills} kills, {while_loading} of them while rows were waiting; {feed.total} messages, each loaded once")
    assert service.stop() == 0


ALTER_POINTS = [("job.alter.before", 0), ("job.version.before", 0), ("job.version.after", 0), ("job.alter.after", 60)]


@pytest.mark.parametrize(("point", "read_again"), ALTER_POINTS)
def test_a_kill_in_the_middle_of_alter_leaves_all_of_it_or_nothing(
    new_service, embedded_kafka, topic, point, read_again
):
    """Definition, version and offsets of a job that ran are all old or all new; offsets are placed by the next start."""
    embedded_kafka.create_topic(topic, PARTITIONS)
    feed = Feed(embedded_kafka, topic)
    feed.portion(800)
    feed.join()
    service = new_service(RL_FAILPOINTS=f"{point}=kill")
    table = "CREATE TABLE d.t (p INT, n BIGINT, payload VARCHAR(64)) DUPLICATE KEY(p, n) DISTRIBUTED BY HASH(p)"
    create(service, embedded_kafka, topic, table)
    wait_for_rows(service, feed.total, 60)
    with pytest.raises(pymysql.Error):
        service.run(
            'ALTER ROUTINE LOAD FOR d.j PROPERTIES ("max_error_number" = "7") '
            'FROM KAFKA ("kafka_partitions" = "3", "kafka_offsets" = "40")'
        )
    assert service.ended() == -9
    service.environment = {}
    service.start()
    feed.portion(80)
    feed.join()
    wait_for_rows(service, feed.total + read_again, 60)
    assert service.run("SELECT count(*), count(DISTINCT n) FROM d.t WHERE p = 3") == [(110 + read_again, 110)]
    versions = service.run("SHOW ROUTINE LOAD VERSIONS FOR d.j")
    altered = read_again > 0
    assert [row[0] for row in versions] == (["1", "2"] if altered else ["1"])
    assert ('"maxErrorNum":"7"' in service.show("d.j")["JobProperties"]) == altered


def _rows_or_zero(service) -> int:
    return service.run("SELECT count(*) FROM d.t")[0][0]
