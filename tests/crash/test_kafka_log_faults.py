"""What may be in a log of Kafka, and become of it, while a job reads it: hanging transactions, gaps, cuts, moved leaders."""

from __future__ import annotations

import json
import re
import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

import routine_load
from routine_load.testing import ApacheKafka, EmbeddedKafka
from routine_load.testing.kafka_files import available
from tests.crash.test_kafka_faults import caught_up

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rl():
    with routine_load.connect(partition_refresh_s=0.5, batch_bytes_max=200_000) as connection:
        yield connection


@pytest.fixture(scope="module")
def own_kafka():
    """One that these tests may kill, and that compacts at once."""
    if missing := available():
        pytest.skip(f"Apache Kafka cannot be started: {missing}")
    with ApacheKafka(settings={"log.cleaner.backoff.ms": "100"}) as kafka:
        yield kafka


@pytest.fixture
def job(rl, topic):
    """Makes a job of its own in a database of its own, and tells of it."""
    database = topic.replace("-", "_")

    class Job:
        name = f"{database}.j"
        table = f"{database}.t"

        def create(self, kafka, column: str = "n BIGINT", partitions: str = "") -> None:
            rl.execute(f"CREATE DATABASE {database}")
            rl.execute(f"CREATE TABLE {self.table} ({column}) DUPLICATE KEY(n) DISTRIBUTED BY HASH(n)")
            rl.execute(
                f"""CREATE ROUTINE LOAD {self.name} ON t COLUMNS TERMINATED BY "," PROPERTIES ("max_batch_interval" = "5")
                FROM KAFKA ("kafka_broker_list" = "{kafka.bootstrap}", "kafka_topic" = "{topic}",
                            "property.kafka_default_offsets" = "OFFSET_BEGINNING"{partitions})"""
            )

        def shown(self) -> dict:
            result = rl.execute(f"SHOW ROUTINE LOAD FOR {self.name}")
            return dict(zip([column.name for column in result.columns], next(iter(result.rows)), strict=True))

        def rows(self, what: str = "count(*)") -> tuple:
            return tuple(next(iter(rl.execute(f"SELECT {what} FROM {self.table}").rows)))

        def until(self, holds, timeout_s: float = 60.0) -> dict:
            give_up = time.monotonic() + timeout_s
            while not holds(shown := self.shown()):
                assert time.monotonic() < give_up, shown
                time.sleep(0.1)
            return shown

        def until_loaded(self, rows: int) -> dict:
            return self.until(lambda shown: json.loads(shown["Statistic"])["loadedRows"] >= rows)

    made = Job()
    yield made
    rl.execute(f"DROP DATABASE IF EXISTS {database} FORCE")


def numbers(*ranges: range) -> list[str]:
    return [str(number) for each in ranges for number in each]


@pytest.mark.kafka
def test_a_transaction_that_hangs_holds_back_what_is_behind_it_and_nothing_else(apache_kafka, topic, job):
    """Read committed: the partition ends where the oldest open transaction begins; its end lets the rest through."""
    apache_kafka.create_topic(topic, 2)
    hanging = Producer({"bootstrap.servers": apache_kafka.bootstrap, "transactional.id": f"hanging-{topic}"})
    hanging.init_transactions(20)
    apache_kafka.produce(topic, numbers(range(5)), partition=0)
    hanging.begin_transaction()
    for number in numbers(range(100, 110)):
        hanging.produce(topic, number.encode(), partition=0)
    hanging.flush(20)
    apache_kafka.produce(topic, numbers(range(5, 10)), partition=0)
    apache_kafka.produce(topic, numbers(range(10, 15)), partition=1)
    job.create(apache_kafka)
    shown = job.until_loaded(10)
    assert shown["State"] == "RUNNING"
    assert job.rows("count(*), max(n)") == (10, 14)
    hanging.abort_transaction(20)
    shown = job.until_loaded(15)
    assert job.rows("count(*), count(DISTINCT n), max(n)") == (15, 15, 14)


@pytest.mark.kafka
def test_offsets_beyond_the_end_are_told_and_not_waited_for(rl, apache_kafka, topic, job):
    """ALTER to an offset that the log does not have yet: the reason names what Kafka has; nothing slips by meanwhile."""
    apache_kafka.create_topic(topic, 1)
    apache_kafka.produce(topic, numbers(range(20)), partition=0)
    job.create(apache_kafka)
    job.until_loaded(20)
    rl.execute(f"PAUSE ROUTINE LOAD FOR {job.name}")
    try:
        rl.execute(f'ALTER ROUTINE LOAD FOR {job.name} FROM KAFKA ("kafka_partitions" = "0", "kafka_offsets" = "1000")')
        rl.execute(f"RESUME ROUTINE LOAD FOR {job.name}")
        told = job.until(lambda shown: shown["State"] == "PAUSED")["ReasonOfStateChanged"]
    except routine_load.errors.RoutineLoadError as refused:
        told = str(refused)
    print(told)
    assert "1000" in told
    assert "20" in told
    assert job.rows() == (20,)


@pytest.mark.kafka
def test_a_compacted_log_is_read_over_its_gaps(own_kafka, topic, job):
    """Of each key the last value is left; offsets between are gone, and the progress passes them."""
    kafka = own_kafka
    kafka.create_topic(
        topic, 1, cleanup_policy="compact", segment_ms="50", min_cleanable_dirty_ratio="0.01", delete_retention_ms="0"
    )
    for number in range(60):
        kafka.produce(topic, [str(number)], partition=0, key=str(number % 3))
    give_up = time.monotonic() + 90
    while (left := visible(kafka, topic)) > 20:
        assert time.monotonic() < give_up, left
        time.sleep(0.3)
        kafka.produce(topic, [str(1000 + left)], partition=0, key="closes segments")
    job.create(kafka)
    shown = job.until(caught_up)
    assert shown["State"] == "RUNNING"
    found, distinct = job.rows("count(*), count(DISTINCT n)")
    assert found == distinct == visible(kafka, topic) < 60
    print(f"{found} rows of {int(json.loads(shown['Progress'])['0']) + 1} offsets")


def visible(kafka, topic: str) -> int:
    """How many records a reader sees now."""
    consumer = Consumer(
        {"bootstrap.servers": kafka.bootstrap, "group.id": f"g-{topic}", "enable.partition.eof": True, "log_level": 0}
    )
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        seen = 0
        while True:
            for message in consumer.consume(1000, 10):
                if message.error() is not None:
                    return seen
                seen += 1
    finally:
        consumer.close()


@pytest.mark.kafka
def test_messages_larger_than_a_batch_may_be_are_batches_of_their_own(apache_kafka, topic, job):
    """Batches hold 200,000 bytes here, messages half a million: each comes, once, between small ones."""
    apache_kafka.create_topic(topic, 1)
    large = "x" * 500_000
    for number in range(6):
        apache_kafka.produce(topic, [f"{number * 10},small", f"{number * 10 + 1},{large}"], partition=0)
    job.create(apache_kafka, "n BIGINT, v VARCHAR(1048576)")
    job.until_loaded(12)
    assert job.rows("count(*), count(DISTINCT n), max(length(v)), sum(length(v))") == (12, 12, 500_000, 3_000_030)


@pytest.mark.kafka
def test_a_log_that_was_cut_below_what_was_read_pauses_the_job(own_kafka, topic, job):
    """A broker that comes back without its last records, as after an unclean election: nobody waits until it is longer."""
    kafka = own_kafka
    kafka.create_topic(topic, 1)
    for start in range(0, 30, 10):
        kafka.produce(topic, numbers(range(start, start + 10)), partition=0)
    job.create(kafka)
    job.until_loaded(30)
    kafka.kill()
    kafka.cut_log(topic, 0)
    kafka.restart()
    shown = job.until(lambda shown: shown["State"] == "PAUSED")
    assert re.search("(ends at|not including,|latest offset:) 20", shown["ReasonOfStateChanged"]), shown
    assert job.rows() == (30,)


def test_a_leader_that_moves_in_the_middle_of_a_load_costs_time_only(topic, job):
    """Each partition is led by one broker after the other while it is read."""
    with EmbeddedKafka(brokers=3) as kafka:
        kafka.create_topic(topic, 2)
        job.create(kafka)
        for turn in range(9):
            for partition in range(2):
                start = (turn * 2 + partition) * 100
                kafka.lead(topic, partition, (turn + partition) % 3 + 1)
                kafka.produce(topic, numbers(range(start, start + 100)), partition=partition)
        shown = job.until_loaded(1800)
        assert shown["State"] == "RUNNING"
        assert job.rows("count(*), count(DISTINCT n)") == (1800, 1800)
