"""What topic facts must keep: the port ``scheduler.ports.KafkaMetadata`` over real brokers; and group offsets."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from routine_load.clock import Deadline
from routine_load.errors import SourceError, SourceUnavailable
from routine_load.ids import PartitionId
from routine_load.sources import AdminClients, GroupOffsets, KafkaMetadataClient, admin
from routine_load.tasks.ports import KafkaSpec
from routine_load.testing import EmbeddedKafka
from routine_load.testing.embedded_kafka import Api
from tests.work import Timepiece


@pytest.fixture
def metadata():
    metadata = KafkaMetadataClient()
    yield metadata
    metadata.close()


def spec_of(kafka, topic, **properties):
    return KafkaSpec(brokers=kafka.bootstrap, topic=topic, properties=tuple(sorted(properties.items())))


def numbers(*partitions):
    return tuple(PartitionId(each) for each in partitions)


def test_partitions_are_those_of_the_topic_ascending(broker, topic, metadata):
    """A topic of twelve partitions has the partitions 0 to 11."""
    broker.create_topic(topic, 12)
    assert metadata.partitions(spec_of(broker, topic), Deadline.after(10)) == tuple(range(12))


def test_watermarks_are_log_start_and_end(broker, topic, metadata):
    """Watermarks count what was produced, and start behind what was deleted."""
    broker.create_topic(topic, 3)
    broker.produce(topic, [b"x"] * 10, partition=1)
    broker.produce(topic, [b"x"] * 20, partition=2)
    broker.delete_records(topic, 2, 5)
    found = metadata.watermarks(spec_of(broker, topic), numbers(0, 1, 2), Deadline.after(10))
    assert found == {0: (0, 0), 1: (0, 10), 2: (5, 20)}


def test_watermarks_of_more_than_a_thousand_partitions(topic, metadata):
    """Large topics are asked for in several calls."""
    with EmbeddedKafka() as kafka:
        kafka.create_topic(topic, 1300)
        kafka.produce(topic, [b"x"] * 3, partition=1299)
        found = metadata.watermarks(spec_of(kafka, topic), numbers(*range(1300)), Deadline.after(20))
        assert len(found) == 1300
        assert found[PartitionId(1299)] == (0, 3)


def test_an_unknown_topic_is_an_error_and_is_not_created(broker, topic, metadata):
    """Asking for an unknown topic names it and the brokers, and asking does not create it."""
    for _ in range(2):
        with pytest.raises(SourceError, match=f"topic {topic} does not exist at {broker.bootstrap}"):
            metadata.partitions(spec_of(broker, topic), Deadline.after(10))


def test_an_unknown_partition_is_an_error(broker, topic, metadata):
    """Asking for a partition that the topic lacks names it and those there are."""
    broker.create_topic(topic, 2)
    with pytest.raises(SourceError, match=f"topic {topic} at .* has no partition 5; it has 0 to 1"):
        metadata.watermarks(spec_of(broker, topic), numbers(0, 5), Deadline.after(10))


@pytest.fixture
def waited(metadata, consumers):
    """A clock that goes on by what the client was allowed to wait, and by nothing else."""
    clock = Timepiece()
    consumers.waiting.append(clock.passes)

    class Rest(threading.Event):
        def wait(self, timeout=None):
            clock.passes(timeout)
            return super().wait(timeout)

    metadata._rest = Rest()
    return clock


@pytest.mark.timeout(60)
@pytest.mark.parametrize("call", ["partitions", "watermarks", "offsets_for_time"])
def test_brokers_that_do_not_answer_are_unavailable_by_the_deadline(metadata, call, waited):
    """No call waits beyond its deadline; it raises SourceUnavailable, naming the brokers and what librdkafka said."""
    spec = KafkaSpec(brokers="127.0.0.1:1", topic="t")
    arguments = {"partitions": (), "watermarks": (numbers(0),), "offsets_for_time": (numbers(0), 1)}[call]
    with pytest.raises(
        SourceUnavailable, match=r"127\.0\.0\.1:1 did not answer for topic t within 2\.7 s.*Connection refused"
    ):
        getattr(metadata, call)(spec, *arguments, Deadline.after(2.7, waited))
    assert waited.seconds == pytest.approx(2.7, abs=0.011)


@pytest.mark.timeout(60)
def test_a_silent_broker_is_unavailable_by_the_deadline(topic, metadata, waited):
    """A broker that accepts connections but would take ten minutes to answer is unavailable by the deadline, too."""
    with EmbeddedKafka() as kafka:
        kafka.create_topic(topic)
        kafka.set_rtt(600_000)
        with pytest.raises(SourceUnavailable):
            metadata.partitions(spec_of(kafka, topic), Deadline.after(1.0, waited))
        assert waited.seconds == pytest.approx(1.0, abs=0.011)
        kafka.set_rtt(0)


def test_passing_errors_are_tried_again(topic, metadata):
    """Errors that pass, and a broker that comes back within the deadline, are not the caller's business."""
    with EmbeddedKafka() as kafka:
        kafka.create_topic(topic, 2)
        kafka.produce(topic, [b"x"] * 4, partition=1)
        spec = spec_of(kafka, topic)
        kafka.push_errors(Api.LIST_OFFSETS, [KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION])
        assert metadata.watermarks(spec, numbers(0, 1), Deadline.after(10)) == {0: (0, 0), 1: (0, 4)}
        kafka.down()
        with pytest.raises(SourceUnavailable):
            metadata.watermarks(spec, numbers(0, 1), Deadline.after(0.5))
        kafka.up()
        assert metadata.watermarks(spec, numbers(0, 1), Deadline.after(10)) == {0: (0, 0), 1: (0, 4)}


@pytest.mark.kafka
def test_offsets_by_time_are_the_first_at_or_after_it(apache_kafka, topic, metadata):
    """The first record at or after the time; the end where there is none."""
    apache_kafka.create_topic(topic, 2)
    for second in range(5):
        apache_kafka.produce(topic, [b"x", b"y"], partition=0, timestamp_ms=1_700_000_000_000 + second * 1000)
    spec = spec_of(apache_kafka, topic)
    assert metadata.offsets_for_time(spec, numbers(0, 1), 1_700_000_001_500, Deadline.after(10)) == {0: 4, 1: 0}
    assert metadata.offsets_for_time(spec, numbers(0, 1), 1_800_000_000_000, Deadline.after(10)) == {0: 10, 1: 0}
    assert metadata.offsets_for_time(spec, numbers(0), 0, Deadline.after(10)) == {0: 0}


def test_without_a_time_index_the_answer_is_the_end(embedded_kafka, topic, metadata):
    """The embedded broker keeps no times: every time is answered with the end."""
    embedded_kafka.create_topic(topic)
    embedded_kafka.produce(topic, [b"x"] * 4, timestamp_ms=1_700_000_000_000)
    assert metadata.offsets_for_time(spec_of(embedded_kafka, topic), numbers(0), 5, Deadline.after(10)) == {0: 4}


@pytest.mark.kafka
def test_the_end_is_the_last_stable_offset(apache_kafka, topic, metadata):
    """An open transaction is not counted, unless the job reads uncommitted records."""
    apache_kafka.create_topic(topic)
    apache_kafka.produce(topic, [b"x"] * 3)
    producer = Producer({"bootstrap.servers": apache_kafka.bootstrap, "transactional.id": topic, "log_level": 0})
    producer.init_transactions()
    producer.begin_transaction()
    producer.produce(topic, "open")
    producer.flush()
    spec = spec_of(apache_kafka, topic)
    assert metadata.watermarks(spec, numbers(0), Deadline.after(10)) == {0: (0, 3)}
    dirty = spec_of(apache_kafka, topic, **{"isolation.level": "read_uncommitted"})
    assert metadata.watermarks(dirty, numbers(0), Deadline.after(10)) == {0: (0, 4)}
    producer.abort_transaction()


@pytest.mark.kafka
def test_new_partitions_are_seen(own_apache_kafka, topic, metadata):
    """A topic that grew shows its new partitions at the next call."""
    kafka = own_apache_kafka
    kafka.create_topic(topic, 1)
    assert metadata.partitions(spec_of(kafka, topic), Deadline.after(10)) == (0,)
    kafka.add_partitions(topic, 3)
    assert metadata.partitions(spec_of(kafka, topic), Deadline.after(10)) == (0, 1, 2)


def test_group_offsets_are_published_for_dashboards(broker, topic):
    """What was committed shows up as the group's committed offsets."""
    broker.create_topic(topic, 2)
    broker.produce(topic, [b"x"] * 5, partition=1)
    offsets = GroupOffsets(AdminClients())
    offsets.publish(spec_of(broker, topic, **{"group.id": topic}), {PartitionId(1): 5})
    reader = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": topic, "log_level": 0})
    give_up = time.monotonic() + 60
    seen = None
    while seen != 5 and time.monotonic() < give_up:
        seen = reader.committed([TopicPartition(topic, 1)], timeout=10)[0].offset
    reader.close()
    assert seen == 5


@pytest.mark.timeout(60)
def test_group_offsets_do_nothing_without_group_or_broker(monkeypatch):
    """Publishing never raises, and looks at no answer: the one that will not come is not waited for."""
    asked = []

    class Unanswered(Future):
        def _waited_for(self, timeout=None):
            pytest.fail("the answer was waited for")

        result = exception = _waited_for

    class Asked(AdminClient):
        def alter_consumer_group_offsets(self, requests, **options):
            asked.extend(requests)
            return dict.fromkeys(super().alter_consumer_group_offsets(requests, **options), Unanswered())

    monkeypatch.setattr(admin, "AdminClient", Asked)
    offsets = GroupOffsets(AdminClients())
    offsets.publish(KafkaSpec(brokers="127.0.0.1:1", topic="t"), {PartitionId(0): 1})
    offsets.publish(KafkaSpec(brokers="127.0.0.1:1", topic="t", properties=(("group.id", "g"),)), {PartitionId(0): 1})
    assert [request.group_id for request in asked] == ["g"]


@pytest.mark.kafka
def test_a_topic_keeps_its_identity_until_it_is_re_created(apache_kafka, topic):
    """Another topic of the same name is another topic; the mock broker has no identity to tell."""
    apache_kafka.create_topic(topic, 1)
    client = KafkaMetadataClient()
    spec = KafkaSpec(brokers=apache_kafka.bootstrap, topic=topic)
    try:
        first = client.topic_id(spec, Deadline.after(5))
        assert first
        assert client.topic_id(spec, Deadline.after(5)) == first
        apache_kafka.delete_topic(topic)
        apache_kafka.create_topic(topic, 1)
        assert client.topic_id(spec, Deadline.after(5)) not in {"", first}
    finally:
        client.close()


def test_a_broker_without_identities_is_not_asked_for_them(embedded_kafka, topic, consumers):
    """The answer is empty after one question about the topic; one about its identity would have to run out."""

    class NobodyAsks(AdminClients):
        def of(self, spec):
            pytest.fail("the identity was asked for")

    embedded_kafka.create_topic(topic, 1)
    client = KafkaMetadataClient(admins=NobodyAsks())
    try:
        spec = KafkaSpec(brokers=embedded_kafka.bootstrap, topic=topic)
        assert client.topic_id(spec, Deadline.after(600)) == ""
        assert [call.name for call in consumers.calls if call.wait_s > 0] == ["list_topics"]
    finally:
        client.close()
