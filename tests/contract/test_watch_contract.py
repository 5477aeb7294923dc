"""What the watch must keep: the port ``scheduler.ports.Watch`` over real brokers."""

from __future__ import annotations

import ctypes
import queue
import threading
import time
from collections import Counter
from contextlib import contextmanager

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
        self._calls.put((job_id, threading.current_thread().name))

    def next(self, seconds=60.0):
        return self._calls.get(timeout=seconds)

    def nothing_for(self, seconds):
        with pytest.raises(queue.Empty):
            self._calls.get(timeout=seconds)


@contextmanager
def requests(kafka):
    """Requests that the embedded broker gets, by kind, while the block runs."""
    library, cluster = kafka._library, kafka._cluster
    pointer, size = ctypes.c_void_p, ctypes.c_size_t

    def call(name, *arguments, types=(), result=None):
        function = getattr(library, f"rd_kafka_mock_{name}")
        function.argtypes, function.restype = [pointer, *types], result
        return function(*arguments)

    def count():
        number = size()
        found = call(
            "get_requests", cluster, ctypes.byref(number), types=[ctypes.POINTER(size)], result=ctypes.POINTER(pointer)
        )
        kinds = Counter(call("request_api_key", found[each], result=ctypes.c_int16) for each in range(number.value))
        call("request_destroy_array", found, number, types=[size])
        return kinds

    call("start_request_tracking", cluster)
    yield count
    call("stop_request_tracking", cluster)


def settle(watch, kafka, spec, offsets, told):
    """Watch, and see it work once, so that what follows is not about the first connection."""
    kafka.produce(spec.topic, [b"first"], partition=0)
    watch.watch(JobId(0), spec, at(p0=0), told)
    assert told.next()[0] == 0
    watch.watch(JobId(1), spec, offsets, told)


def test_a_new_record_is_told_at_once(broker, topic, watch, consumers):
    """A record is told to its job, from the watch's thread, as it comes in; all that may hold it up is under 300 ms."""
    broker.create_topic(topic, 3)
    before = []

    class Noted(Told):
        def __call__(self, job_id):
            before[:] = [call for call in consumers.calls if call.wait_s > 0]
            super().__call__(job_id)

    told = Noted()
    settle(watch, broker, spec_of(broker, topic), at(p0=1, p1=0, p2=0), told)
    told.nothing_for(0.3)
    broker.produce(topic, [b"x"], partition=2)
    assert told.next() == (1, "kafka-watch")
    assert before[-1].came == 1  # the message that came by the last wait is told before the next
    (settings,) = consumers.settings
    fetch_ms = settings["fetch.wait.max.ms"]  # of the one that is under way, and of the one that brings the record
    assert 2 * fetch_ms + settings["fetch.queue.backoff.ms"] + 1000 * max(call.wait_s for call in before) <= 300


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
    watch.watch(
        JobId(3), spec_of(broker, topic, **{"security.protocol": "ssl", "ssl.ca.location": "FILE:none"}), at(p0=0), told
    )
    watch.watch(JobId(4), spec_of(broker, topic), at(p0=0), told)
    broker.produce(topic, [b"x"])
    assert told.next()[0] == 4


@pytest.mark.timeout(120)
def test_an_idle_watch_costs_next_to_nothing(topic, watch, consumers):
    """500 partitions of an idle topic cost 20 small wake-ups and 10 requests a second at most, as one would."""
    wakes, calls = consumers.calls, Counter()

    def idle_wakes(more):
        begin = len(wakes)
        while len(wakes) < begin + more or any(call.came for call in wakes[begin:]):
            if any(call.came for call in wakes[begin:]):
                begin = len(wakes)
            time.sleep(0.01)
        return wakes[begin:]

    def called(_frame, event, _argument):
        calls[threading.get_ident()] += event in {"call", "c_call"}

    with EmbeddedKafka() as kafka:
        kafka.create_topic(topic, 501)
        told = Told()
        threading.setprofile(called)
        try:
            settle(watch, kafka, spec_of(kafka, topic), {PartitionId(each): 0 for each in range(1, 501)}, told)
        finally:
            threading.setprofile(None)
        idle_wakes(10)
        (thread,) = (each.ident for each in threading.enumerate() if each.name == "kafka-watch")
        with requests(kafka) as count:
            began, calls_before, wakes_before = time.monotonic(), calls[thread], len(wakes)
            idle_wakes(20)
            wakes_made, calls_made = len(wakes) - wakes_before, calls[thread] - calls_before
            requests_made, passed_s = sum(count().values()), time.monotonic() - began
        told.nothing_for(0)
    assert {(call.name, call.wait_s, call.came) for call in wakes[wakes_before:]} == {("poll", 0.05, 0)}
    assert calls_made <= 30 * (wakes_made + 1)
    assert wakes_made <= passed_s / 0.05 + 2  # the more time a busy machine takes, the fewer it should be
    assert requests_made <= passed_s / 0.1 + 2


def test_close_ends_the_threads(broker, topic):
    """After close no thread of the watch is left."""
    broker.create_topic(topic)
    watch = KafkaWatch()
    watch.watch(JobId(1), spec_of(broker, topic), at(p0=0), Told())
    watch.close()
    assert not any(thread.name == "kafka-watch" for thread in threading.enumerate())
