"""What every source and every broker must keep: the port ``tasks.ports.Source`` over real brokers."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError, Producer

from routine_load.clock import Deadline
from routine_load.errors import OffsetOutOfRange, SourceError, SourceUnavailable
from routine_load.ids import PartitionId
from routine_load.loads.values import Origin, PayloadSlice
from routine_load.sources.consumer import KafkaConsumption, KafkaSource
from routine_load.sql.statements import MetadataField
from routine_load.tasks.ports import KafkaSpec
from routine_load.testing import EmbeddedKafka
from routine_load.testing.embedded_kafka import Api
from tests.work import Timepiece


@pytest.fixture
def source() -> Iterator[KafkaSource]:
    source = KafkaSource(unavailable_s=1.0)
    yield source
    source.close()


def spec_of(kafka, topic, **properties):
    return KafkaSpec(brokers=kafka.bootstrap, topic=topic, properties=tuple(sorted(properties.items())))


def from_zero(*partitions):
    return {PartitionId(each): 0 for each in partitions}


def read_to_end(consumption: KafkaConsumption, *, max_rows=1000, max_bytes=1_000_000, seconds=60.0):
    """All (partition, offset, value) up to the end."""
    deadline = Deadline.after(seconds)
    rows = []
    while not consumption.caught_up:
        assert not deadline.expired, consumption.positions()
        chunk = consumption.poll(max_rows=max_rows, max_bytes=max_bytes, deadline=deadline)
        if chunk is not None:
            assert 0 < len(chunk.values) <= max_rows
            assert chunk.bytes == sum(len(value or b"") for value in chunk.values)
            rows += zip(chunk.partitions, chunk.offsets, chunk.values, strict=True)
    return rows


def test_every_message_comes_once_and_in_order_within_its_partition(broker, topic, source):
    """All messages of all partitions are handed out exactly once, in offset order within each partition."""
    broker.create_topic(topic, 5)
    for partition in range(4):
        broker.produce(topic, [f"{partition}/{n}" for n in range(700)], partition=partition)
    with source.open(spec_of(broker, topic), from_zero(0, 1, 2, 3, 4)) as consumption:
        rows = read_to_end(consumption, max_rows=333)
        assert consumption.positions() == {0: 700, 1: 700, 2: 700, 3: 700, 4: 0}
    for partition in range(4):
        mine = [(offset, value) for each, offset, value in rows if each == partition]
        assert mine == [(n, f"{partition}/{n}".encode()) for n in range(700)]
    assert len(rows) == 2800


def test_reading_resumes_where_positions_say(broker, topic, source):
    """A second task that starts at the first one's positions reads the rest and nothing twice."""
    broker.create_topic(topic, 2)
    for partition in range(2):
        broker.produce(topic, [str(n) for n in range(500)], partition=partition)
    seen = []
    start = from_zero(0, 1)
    tasks = 0
    while len(seen) < 1000:
        tasks += 1
        with source.open(spec_of(broker, topic), start) as consumption:
            chunk = consumption.poll(max_rows=130, max_bytes=1_000_000, deadline=Deadline.after(10))
            seen += zip(chunk.partitions, chunk.offsets, strict=True)
            start = consumption.positions()
    assert sorted(seen) == [(p, n) for p in range(2) for n in range(500)]
    assert tasks == 8


def test_a_consumer_taken_from_the_pool_forgets_what_it_had_before(broker, topic, topic_name, source):
    """Whatever a task left unread in its consumer, the next one gets its own topic and offsets only."""
    other = topic_name()
    for name, letter in ((topic, "a"), (other, "b")):
        broker.create_topic(name, 2)
        for partition in range(2):
            broker.produce(name, [f"{letter}{n}" for n in range(3000)], partition=partition)
    for round_ in range(12):
        name, letter = ((topic, "a"), (other, "b"))[round_ % 2]
        begin = (round_ * 977) % 3000
        with source.open(spec_of(broker, name), {PartitionId(0): begin, PartitionId(1): begin}) as consumption:
            chunk = consumption.poll(max_rows=50, max_bytes=1_000_000, deadline=Deadline.after(10))
            first = min(zip(chunk.offsets, chunk.values, strict=True))
            assert first == (begin, f"{letter}{begin}".encode())


def test_a_chunk_keeps_its_bounds_but_takes_a_message_that_is_larger_than_them(broker, topic, source):
    """A chunk stays within rows and bytes; a message larger than the bytes allowed makes a chunk of its own."""
    broker.create_topic(topic)
    broker.produce(topic, [b"x" * 100] * 50 + [b"y" * 5000] + [b"z" * 100] * 5)
    sizes = []
    with source.open(spec_of(broker, topic), from_zero(0)) as consumption:
        expected = 0
        while not consumption.caught_up:
            chunk = consumption.poll(max_rows=7, max_bytes=1000, deadline=Deadline.after(10))
            if chunk is not None:
                assert chunk.offsets[0] == expected
                expected += len(chunk.values)
                assert consumption.positions() == {0: expected}
                assert len(chunk.values) <= 7
                assert chunk.bytes <= 1000 or len(chunk.values) == 1
                sizes.append(chunk.bytes)
    assert max(sizes) == 5000
    assert expected == 56


def test_a_tombstone_is_a_value_of_none(broker, topic, source):
    """A message without value is handed out as None and counts no bytes."""
    broker.create_topic(topic)
    broker.produce(topic, [b"a", None, b""], key=b"k")
    with source.open(spec_of(broker, topic), from_zero(0)) as consumption:
        chunk = consumption.poll(max_rows=10, max_bytes=100, deadline=Deadline.after(10))
    assert list(chunk.values) == [b"a", None, b""]
    assert chunk.bytes == 1


def produce(broker, topic, **record):
    producer = Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    producer.produce(topic, **record)
    assert producer.flush(30) == 0


def test_what_a_message_carries_is_kept_where_it_is_asked_for(broker, topic, source):
    """Keys byte for byte, headers in order with duplicates, timestamps; a slice of a chunk has its part of them."""
    broker.create_topic(topic, 2)
    headers = [("a", b"1"), ("b", None), ("a", b"\xff")]
    produce(broker, topic, partition=1, value=b"x", key=b"\xff\x00", headers=headers, timestamp=1_700_000_000_123)
    produce(broker, topic, partition=1, value=None, key=b"")
    produce(broker, topic, partition=1, value=b"z", headers=[])
    carried = frozenset(MetadataField)
    asked = KafkaSpec(brokers=broker.bootstrap, topic=topic, carried=carried)
    with source.open(asked, from_zero(0, 1)) as consumption:
        chunk = consumption.poll(max_rows=10, max_bytes=1000, deadline=Deadline.after(10))
    found = {field.value: chunk.metadata(field).to_pylist() for field in carried}
    assert found["KEY"] == [b"\xff\x00", b"", None]
    assert found["PARTITION"] == [1, 1, 1]
    assert found["OFFSET"] == [0, 1, 2]
    assert found["TOPIC"] == [topic] * 3
    assert found["HEADERS"] == [headers, [], []]
    assert found["TIMESTAMP_MS"][0] == 1_700_000_000_123
    assert found["TIMESTAMP_MS"][2] > 1_700_000_000_123
    part = PayloadSlice(chunk, 1, 3)
    assert part.metadata(MetadataField.KEY).to_pylist() == [b"", None]
    assert part.metadata(MetadataField.HEADERS).to_pylist() == [[], []]


def test_keys_and_headers_count_towards_the_bytes_of_a_chunk(broker, topic, source):
    """Small values with large keys fill a chunk, too, though the bytes received are those of the values."""
    broker.create_topic(topic)
    broker.produce(topic, [b"v"] * 40, key=b"k" * 5000)
    asked = KafkaSpec(brokers=broker.bootstrap, topic=topic, carried=frozenset({MetadataField.KEY}))
    keys = []
    with source.open(asked, from_zero(0)) as consumption:
        sizes = []
        while len(keys) < 40:
            chunk = consumption.poll(max_rows=5, max_bytes=8_000, deadline=Deadline.after(10))
            keys += chunk.metadata(MetadataField.KEY).to_pylist()
            sizes.append((len(chunk.values), chunk.bytes))
    assert keys == [b"k" * 5000] * 40
    assert all(rows == size for rows, size in sizes)


def test_what_nobody_asks_for_is_not_copied(broker, topic, source):
    """Keys, headers and timestamps cost a call each: a job without INCLUDE METADATA pays for none."""
    broker.create_topic(topic)
    broker.produce(topic, [b"v"], key=b"k")
    with source.open(spec_of(broker, topic), from_zero(0)) as consumption:
        chunk = consumption.poll(max_rows=10, max_bytes=100, deadline=Deadline.after(10))
    assert not chunk.parts
    assert chunk.metadata(MetadataField.OFFSET).to_pylist() == [0]


def test_origin_and_last_timestamp_come_from_the_message(broker, topic, source):
    """A row's origin names topic, partition and offset; the last timestamp is that of the last message handed out."""
    broker.create_topic(topic, 2)
    broker.produce(topic, [b"a"], partition=1, timestamp_ms=1_700_000_000_000)
    broker.produce(topic, [b"b"], partition=1, timestamp_ms=1_700_000_000_500)
    with source.open(spec_of(broker, topic), from_zero(0, 1)) as consumption:
        chunk = consumption.poll(max_rows=10, max_bytes=100, deadline=Deadline.after(10))
    assert chunk.origin(1) == Origin(topic, 1, 1)
    assert chunk.last_timestamps_ms == {1: 1_700_000_000_500}


@pytest.mark.timeout(120, func_only=True)
def test_the_end_of_empty_partitions_is_known_at_once(broker, topic, source, consumers):
    """Kafka may take 20 ms to say that a partition is at its end; once it said so of all, poll gives None.

    A consumer that knows the topic asks it nothing else before, and nothing is waited for afterwards.
    """
    broker.create_topic(topic, 3)
    with source.open(spec_of(broker, topic), from_zero(0, 1, 2)):
        pass  # the first use of a topic learns its leaders
    consumers.calls.clear()
    with source.open(spec_of(broker, topic), from_zero(0, 1, 2)) as consumption:
        assert consumption.poll(max_rows=10, max_bytes=100, deadline=Deadline.after(600)) is None
        assert consumption.caught_up
        assert consumption.positions() == from_zero(0, 1, 2)
        calls = list(consumers.calls)
    (settings,) = consumers.settings
    assert settings["fetch.wait.max.ms"] <= 20
    assert settings["fetch.queue.backoff.ms"] <= 5
    assert {call.name for call in calls} == {"consume", "poll"}
    assert sum(call.came for call in calls) == 3
    last = max(number for number, call in enumerate(calls) if call.came)
    assert [call for call in calls[last + 1 :] if call.wait_s > 0] == []


def test_poll_at_the_end_waits_for_new_messages(broker, topic, source):
    """A consumption that is caught up waits until its deadline, and hands out what comes meanwhile."""
    broker.create_topic(topic)
    with source.open(spec_of(broker, topic), from_zero(0)) as consumption:
        read_to_end(consumption)
        began = time.monotonic()
        assert consumption.poll(max_rows=10, max_bytes=100, deadline=Deadline.after(0.15)) is None
        assert time.monotonic() - began >= 0.14
        broker.produce(topic, [b"late"])
        chunk = consumption.poll(max_rows=10, max_bytes=100, deadline=Deadline.after(10))
        assert list(chunk.values) == [b"late"]
        assert consumption.caught_up


def test_positions_are_the_start_while_nothing_is_known(broker, topic, source):
    """Before Kafka said anything, positions are where the task started."""
    broker.create_topic(topic)
    broker.produce(topic, [b"a"] * 10)
    with source.open(spec_of(broker, topic), {PartitionId(0): 7}) as consumption:
        assert consumption.positions() == {0: 7}
        assert not consumption.caught_up


@pytest.mark.parametrize("offset", [0, 500])
def test_an_offset_that_kafka_does_not_have_is_out_of_range(broker, topic, source, offset):
    """An offset that was deleted, or is not there yet, raises OffsetOutOfRange with the watermarks in its text."""
    broker.create_topic(topic)
    broker.produce(topic, [b"a"] * 100)
    broker.delete_records(topic, 0, 60)
    with (
        pytest.raises(OffsetOutOfRange, match=r"Offset out of range.*partition: 0 at offset.*from 60 up to.* 100"),
        source.open(spec_of(broker, topic), {PartitionId(0): offset}) as consumption,
    ):
        consumption.poll(max_rows=10, max_bytes=100, deadline=Deadline.after(10))


def test_a_topic_that_does_not_exist_is_an_error_and_is_not_created(broker, topic, source):
    """Reading an unknown topic raises SourceError naming it, again and again."""
    for _ in range(2):
        with (
            pytest.raises(SourceError, match=f"topic {topic} does not exist at {broker.bootstrap}"),
            source.open(spec_of(broker, topic), from_zero(0)) as consumption,
        ):
            consumption.poll(max_rows=10, max_bytes=100, deadline=Deadline.after(10))


def test_a_partition_that_does_not_exist_is_an_error(broker, topic, source):
    """Reading an unknown partition raises SourceError naming it."""
    broker.create_topic(topic, 2)
    with (
        pytest.raises(SourceError, match=f"partition 6 of {topic} does not exist"),
        source.open(spec_of(broker, topic), from_zero(0, 6)) as consumption,
    ):
        consumption.poll(max_rows=10, max_bytes=100, deadline=Deadline.after(10))


@pytest.mark.timeout(60)
def test_a_broker_that_does_not_answer_is_unavailable_when_patience_ends(consumers):
    """Where no broker answers, poll raises SourceUnavailable with the brokers and the reason; not before, not later."""
    clock = Timepiece()
    source = KafkaSource(unavailable_s=1.0, clock=clock)
    spec = KafkaSpec(brokers="127.0.0.1:1", topic="t")
    why = r"127\.0\.0\.1:1 did not answer .* within 1\.0 s.*Connection refused"
    with source.open(spec, from_zero(0)) as consumption:
        clock.seconds = 0.99
        assert consumption.poll(max_rows=10, max_bytes=100, deadline=Deadline.after(0.5)) is None
        clock.seconds = 1.0
        consumers.calls.clear()
        with pytest.raises(SourceUnavailable, match=why):
            consumption.poll(max_rows=10, max_bytes=100, deadline=Deadline.after(600))
        calls = list(consumers.calls)
    source.close()
    assert sum(call.wait_s for call in calls) <= 0.1


def test_outages_and_fetch_errors_lose_and_repeat_nothing(topic):
    """Through passing fetch errors and a broker that goes and comes back, each message still comes exactly once."""
    source = KafkaSource(unavailable_s=30.0)
    with EmbeddedKafka() as kafka:
        kafka.create_topic(topic, 3)
        for partition in range(3):
            kafka.produce(topic, [str(n) for n in range(4000)], partition=partition)
        rows = []
        with source.open(spec_of(kafka, topic), from_zero(0, 1, 2)) as consumption:
            deadline = Deadline.after(40)
            for round_ in range(1000):
                if consumption.caught_up:
                    break
                if round_ == 2:
                    kafka.push_errors(Api.FETCH, [KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.KAFKA_STORAGE_ERROR])
                if round_ == 5:
                    kafka.down()
                    kafka.up()
                chunk = consumption.poll(max_rows=500, max_bytes=1_000_000, deadline=deadline)
                rows += zip(chunk.partitions, chunk.offsets, chunk.values, strict=True) if chunk else ()
        source.close()
    assert sorted(rows) == [(p, n, str(n).encode()) for p in range(3) for n in range(4000)]


def test_a_large_message_can_be_asked_for(broker, topic, source):
    """message.max.bytes above our fetch size is legal: the fetch size follows."""
    broker.create_topic(topic)
    broker.produce(topic, [b"x"])
    spec = spec_of(broker, topic, **{"message.max.bytes": "20000000"})
    with source.open(spec, from_zero(0)) as consumption:
        assert len(read_to_end(consumption)) == 1


@pytest.mark.kafka
def test_a_new_partition_is_read_by_a_pooled_consumer(apache_kafka, topic, source):
    """A consumer that knew the topic when it was smaller reads its new partitions at once."""
    apache_kafka.create_topic(topic, 1)
    with source.open(spec_of(apache_kafka, topic), from_zero(0)) as consumption:
        read_to_end(consumption)
    apache_kafka.add_partitions(topic, 3)
    apache_kafka.produce(topic, [b"new"], partition=2)
    with source.open(spec_of(apache_kafka, topic), from_zero(0, 1, 2)) as consumption:
        assert read_to_end(consumption) == [(2, 0, b"new")]


def test_jobs_of_different_groups_share_consumers(broker, topic, source):
    """A consumer group of its own does not cost a job a consumer of its own."""
    broker.create_topic(topic)
    for job in range(5):
        with source.open(spec_of(broker, topic, **{"group.id": f"job {job}"}), from_zero(0)) as consumption:
            read_to_end(consumption)
    assert len(source._pool._idle) == 1


def test_secrets_are_not_in_the_spec_as_text():
    """A spec's repr shows no property value."""
    spec = KafkaSpec(brokers="b:1", topic="t", properties=(("sasl.password", "s3cret"),))
    assert "s3cret" not in repr(spec)


@pytest.mark.kafka
def test_an_aborted_transaction_is_stepped_over(apache_kafka, topic, source):
    """Records of an aborted transaction are invisible; positions lie behind its records and markers."""
    apache_kafka.create_topic(topic)
    producer = Producer({"bootstrap.servers": apache_kafka.bootstrap, "transactional.id": topic, "log_level": 0})
    producer.init_transactions()
    for text, commit in (("seen", True), ("unseen", False)):
        producer.begin_transaction()
        for n in range(10):
            producer.produce(topic, f"{text} {n}")
        producer.flush()
        (producer.commit_transaction if commit else producer.abort_transaction)()
    with source.open(spec_of(apache_kafka, topic), from_zero(0)) as consumption:
        rows = read_to_end(consumption)
        assert [value for _, _, value in rows] == [f"seen {n}".encode() for n in range(10)]
        assert consumption.positions() == {0: 22}
    with source.open(spec_of(apache_kafka, topic), {PartitionId(0): 22}) as consumption:
        assert read_to_end(consumption) == []
        assert consumption.positions() == {0: 22}


@pytest.mark.kafka
def test_an_open_transaction_holds_the_end_back(apache_kafka, topic, source):
    """The end is the last stable offset: a task is caught up before an open transaction and reads it once committed."""
    apache_kafka.create_topic(topic)
    producer = Producer({"bootstrap.servers": apache_kafka.bootstrap, "transactional.id": topic, "log_level": 0})
    producer.init_transactions()
    producer.begin_transaction()
    producer.produce(topic, "later")
    producer.flush()
    with source.open(spec_of(apache_kafka, topic), from_zero(0)) as consumption:
        assert read_to_end(consumption) == []
        assert consumption.positions() == {0: 0}
        producer.commit_transaction()
        chunk = consumption.poll(max_rows=10, max_bytes=100, deadline=Deadline.after(10))
        assert list(chunk.values) == [b"later"]


@pytest.mark.kafka
def test_reading_goes_on_after_the_broker_was_killed(own_apache_kafka, topic):
    """A task rides over the death and return of its broker, without loss or repetition."""
    kafka = own_apache_kafka
    kafka.create_topic(topic)
    kafka.produce(topic, [str(n) for n in range(100)])
    source = KafkaSource(unavailable_s=60.0)
    with source.open(spec_of(kafka, topic), from_zero(0)) as consumption:
        rows = read_to_end(consumption)
        kafka.kill()
        kafka.restart()
        kafka.produce(topic, [str(n) for n in range(100, 200)])
        deadline = Deadline.after(30)
        while len(rows) < 200 and not deadline.expired:
            chunk = consumption.poll(max_rows=1000, max_bytes=100_000, deadline=deadline)
            rows += zip(chunk.partitions, chunk.offsets, chunk.values, strict=True)
    source.close()
    assert rows == [(0, n, str(n).encode()) for n in range(200)]
