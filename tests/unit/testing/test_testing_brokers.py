"""The brokers that tests start: they keep their words and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from routine_load.testing import BrokerFailed, EmbeddedKafka, kafka_files
from routine_load.testing.embedded_kafka import Api


def read(kafka, topic, partition, count):
    """The first messages of a partition."""
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": "reader", "log_level": 0})
    consumer.assign([TopicPartition(topic, partition, 0)])
    messages = consumer.consume(count, 20)
    consumer.close()
    return messages


def test_values_are_bytes_text_tombstones_and_json(broker, topic):
    """Bytes stay, text is UTF-8, None is a tombstone, a dict is compact JSON; key and time are kept."""
    broker.create_topic(topic, 2)
    count = broker.produce(
        topic, [b"\xff", "ä", None, {"a": [1, "ä"]}], partition=1, key="k", timestamp_ms=1_700_000_000_000
    )
    messages = read(broker, topic, 1, 4)
    assert count == 4
    assert [each.value() for each in messages] == [b"\xff", "ä".encode(), None, '{"a":[1,"ä"]}'.encode()]
    assert {each.key() for each in messages} == {b"k"}
    assert {each.timestamp()[1] for each in messages} == {1_700_000_000_000}


def test_a_value_of_another_type_is_refused(broker, topic):
    """A number is not a message."""
    broker.create_topic(topic)
    with pytest.raises(TypeError, match="cannot produce a int"):
        broker.produce(topic, [1])


def test_a_topic_is_created_once(broker, topic):
    """Creating a topic again is an error that names it."""
    broker.create_topic(topic)
    with pytest.raises(BrokerFailed, match=topic):
        broker.create_topic(topic)


def test_two_embedded_brokers_know_nothing_of_each_other(topic):
    """Each has its own port and topics; closing twice is allowed, using it afterwards is not."""
    with EmbeddedKafka() as one, EmbeddedKafka(brokers=3) as two:
        assert one.bootstrap != two.bootstrap
        assert two.bootstrap.count(",") == 2
        one.create_topic(topic)
        two.create_topic(topic, 6)
    one.close()
    with pytest.raises(BrokerFailed, match="closed"):
        one.create_topic(topic)


def test_errors_and_outages_can_be_injected(topic):
    """Pushed errors answer the next requests, a broker that is down comes back with its data."""
    with EmbeddedKafka() as kafka:
        kafka.create_topic(topic)
        kafka.push_errors(Api.PRODUCE, [KafkaError.NOT_ENOUGH_REPLICAS, KafkaError.NOT_ENOUGH_REPLICAS])
        kafka.produce(topic, [b"a"])
        kafka.push_errors(Api.PRODUCE, [KafkaError.MSG_SIZE_TOO_LARGE])
        kafka.clear_errors(Api.PRODUCE)
        kafka.produce(topic, [b"b"])
        kafka.down()
        kafka.up()
        assert [each.value() for each in read(kafka, topic, 0, 2)] == [b"a", b"b"]


def test_a_refused_message_is_told(topic):
    """produce raises when the broker refuses for good."""
    with EmbeddedKafka() as kafka:
        kafka.create_topic(topic)
        kafka.push_errors(Api.PRODUCE, [KafkaError.TOPIC_AUTHORIZATION_FAILED])
        with pytest.raises(BrokerFailed, match="did not take the messages"):
            kafka.produce(topic, [b"a"])


def start_kafka(environment):
    command = [sys.executable, "-m", "routine_load.testing.apache_kafka"]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )


@pytest.mark.kafka
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_make_kafka_says_when_it_is_ready_and_leaves_nothing_behind(number, tmp_path):
    """One line of JSON tells the address; after SIGTERM (exit 0) or SIGKILL neither server nor data is left."""
    missing = kafka_files.available()
    if missing:
        pytest.skip(missing)
    with start_kafka({"TMPDIR": str(tmp_path)}) as process:
        ready = json.loads(process.stdout.readline())
        assert ready["event"] == "ready"
        assert ready["bootstrap"].startswith("127.0.0.1:")
        process.send_signal(number)
        process.communicate(timeout=30)  # the pipes close when the last child is gone
    assert process.returncode == (0 if number is signal.SIGTERM else -signal.SIGKILL)
    for _ in range(100):
        if not list(tmp_path.glob("rl-kafka-*")):
            break
        signal.sigtimedwait([], 0.1)
    assert list(tmp_path.glob("rl-kafka-*")) == []


def test_without_java_the_reason_is_told(monkeypatch, tmp_path):
    """Where Apache Kafka cannot be started, the error says what is missing."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrokerFailed, match="no java on the PATH"):
        kafka_files.resolve()


def test_without_maven_and_jars_the_reason_is_told(monkeypatch, tmp_path):
    """Java alone is not enough: the jars come from the cache or from Maven."""
    (tmp_path / "java").write_text("#!/bin/sh\n")
    (tmp_path / "java").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("RL_KAFKA_CACHE", str(tmp_path / "cache"))
    assert "no mvn on the PATH" in kafka_files.available()
    assert not Path(tmp_path / "cache").exists()
