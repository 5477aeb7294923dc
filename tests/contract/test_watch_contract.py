"""What the watch must keep: the port ``scheduler.ports.Watch`` over real brokers."""

from __future__ import annotations

import queue
import threading
import time

import pytest

from routine_load.ids import JobId, PartitionId
from routine_load.sources.watch import KafkaWatch
from routine_load.tasks.ports import KafkaSpec
from routine_load.testing import EmbeddedKafka


@pytest.fixture
def watch():
    watch = KafkaWatch()
    yield watch
    watch.close()


def spec_of(kafka, topic, **properties):
    return KafkaSpec(brokers=kafka.bootstrap, topic=topic, properties=tuple(sorted(properties.items())))


def at(**offsets):
    return {PartitionId(int(each.removeprefix("p"))): offset for each, offset in offsets.items()}


class Told:
    """Jobs in the order in which they were called."""

    def __init__(self):
        self._calls = queue.Queue()

    def __call__(self, job_id):
        self._calls.put((job_id, time.monotonic(), threading.current_thread().name))

    def next(self, seconds=10.0):
        return self._calls.get(timeout=seconds)

    def nothing_for(self, seconds):
        with pytest.raises(queue.Empty):
            self._calls.get(timeout=seconds)


def settle(watch, kafka, spec, offsets, told):
    """Watch, and see it work once, so that what follows is not about the first connection."""
    kafka.produce(spec.topic, [b"first"], partition=0)
    watch.watch(JobId(0), spec, at(p0=0), told)
    assert told.next()[0] == 0
    watch.watch(JobId(1), spec, offsets, told)


def test_a_new_record_is_told_within_300_ms(broker, topic, watch):
    """A record produced to a watched partition is told to its job in less than 300 ms, from the watch's thread."""
    broker.create_topic(topic, 3)
    told = Told()
    settle(watch, broker, spec_of(broker, topic), at(p0=1, p1=0, p2=0), told)
    told.nothing_for(0.3)
    began = time.monotonic()
    broker.produce(topic, [b"x"], partition=2)
    job_id, when, thread = told.next()
    assert job_id == 1
    assert when - began < 0.3
    assert thread == "kafka-watch"


def test_records_that_wait_already_are_told_at_once(broker, topic, watch):
    """A job that is behind when it is given to the watch is told without a new record."""
    broker.create_topic(topic)
    broker.produce(topic, [b"x"] * 10)
    told = Told()
    watch.watch(JobId(7), spec_of(broker, topic), at(p0=4), told)
    assert told.next()[0] == 7


def test_a_job_is_told_once_until_it_watches_again(broker, topic, watch):
    """Further records are not told again; watching again, even at the same offset, is answered again."""
    broker.create_topic(topic)
    told = Told()
    spec = spec_of(broker, topic)
    settle(watch, broker, spec, at(p0=1), told)
    broker.produce(topic, [b"x"])
    assert told.next()[0] == 1
    broker.produce(topic, [b"y"] * 5)
    told.nothing_for(0.4)
    for _ in range(3):
        watch.watch(JobId(1), spec, at(p0=1), told)
        assert told.next()[0] == 1
    watch.watch(JobId(1), spec, at(p0=7), told)
    told.nothing_for(0.4)
    broker.produce(topic, [b"z"])
    assert told.next()[0] == 1


def test_jobs_on_one_partition_are_told_by_their_own_offsets(broker, topic, watch):
    """Two jobs with different groups share a partition; each is told only by a record at or behind its offset."""
    broker.create_topic(topic)
    broker.produce(topic, [b"x"] * 5)
    ahead, behind = Told(), Told()
    watch.watch(JobId(1), spec_of(broker, topic, **{"group.id": "one"}), at(p0=5), ahead)
    watch.watch(JobId(2), spec_of(broker, topic, **{"group.id": "two"}), at(p0=3), behind)
    assert behind.next()[0] == 2
    ahead.nothing_for(0.4)
    broker.produce(topic, [b"y"])
    assert ahead.next()[0] == 1


def test_jobs_with_equal_connections_share_one_thread(broker, topic, watch):
    """Ten jobs of ten groups on one cluster cost one consumer."""
    broker.create_topic(topic, 10)
    told = Told()
    for job in range(10):
        spec = spec_of(broker, topic, **{"group.id": f"group {job}"})
        watch.watch(JobId(job), spec, {PartitionId(job): 0}, told)
    assert sum(thread.name == "kafka-watch" for thread in threading.enumerate()) == 1
    for job in range(10):
        broker.produce(topic, [b"x"], partition=job)
    assert {told.next()[0] for _ in range(10)} == set(range(10))


def test_a_forgotten_job_is_not_told(broker, topic, watch):
    """After forget nothing is told; other jobs still are."""
    broker.create_topic(topic)
    told = Told()
    spec = spec_of(broker, topic)
    settle(watch, broker, spec, at(p0=1), told)
    watch.watch(JobId(2), spec, at(p0=1), told)
    watch.forget(JobId(1))
    broker.produce(topic, [b"x"])
    assert told.next()[0] == 2
    told.nothing_for(0.3)


def test_an_offset_out_of_range_is_told(broker, topic, watch):
    """A job whose offset was deleted is told, so that its task finds out."""
    broker.create_topic(topic)
    broker.produce(topic, [b"x"] * 50)
    broker.delete_records(topic, 0, 40)
    told = Told()
    watch.watch(JobId(1), spec_of(broker, topic), at(p0=3), told)
    assert told.next()[0] == 1


def test_a_broker_that_comes_back_is_watched_again(topic, watch):
    """While the broker is down nothing is told and nothing breaks; when it is back records are told again."""
    with EmbeddedKafka() as kafka:
        kafka.create_topic(topic)
        told = Told()
        settle(watch, kafka, spec_of(kafka, topic), at(p0=1), told)
        kafka.down()
        told.nothing_for(0.5)
        kafka.up()
        kafka.produce(topic, [b"x"])
        assert told.next()[0] == 1


def test_unreachable_brokers_and_unknown_topics_do_no_harm(broker, topic, topic_name, watch):
    """Watching what is not there, or with a broken property, neither raises nor keeps other jobs from being told."""
    broker.create_topic(topic)
    told = Told()
    watch.watch(JobId(1), KafkaSpec(brokers="127.0.0.1:1", topic="t"), at(p0=0), told)
    watch.watch(JobId(2), spec_of(broker, topic_name()), at(p0=0), told)
    watch.watch(JobId(3), spec_of(broker, topic, **{"ssl.ca.location": "FILE:none"}), at(p0=0), told)
    watch.watch(JobId(4), spec_of(broker, topic), at(p0=0), told)
    broker.produce(topic, [b"x"])
    assert told.next()[0] == 4


def test_an_idle_watch_costs_next_to_nothing(topic, watch):
    """Watching 500 partitions of an idle topic takes less than 5 % of one core."""
    with EmbeddedKafka() as kafka:
        kafka.create_topic(topic, 501)
        told = Told()
        settle(watch, kafka, spec_of(kafka, topic), {PartitionId(each): 0 for each in range(1, 501)}, told)
        told.nothing_for(0.5)
        before = time.process_time()
        told.nothing_for(1.0)
        assert time.process_time() - before < 0.15  # the mock broker's own work is in it


def test_close_ends_the_threads(broker, topic):
    """After close no thread of the watch is left."""
    broker.create_topic(topic)
    watch = KafkaWatch()
    watch.watch(JobId(1), spec_of(broker, topic), at(p0=0), Told())
    watch.close()
    assert not any(thread.name == "kafka-watch" for thread in threading.enumerate())
