"""Facts about topics: identity, partitions, watermarks, offsets by time. Calls end by deadlines and create nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin._metadata import ClusterMetadata

from routine_load.clock import Clock, Deadline
from routine_load.errors import SourceError, SourceUnavailable
from routine_load.ids import PartitionId
from routine_load.sources.admin import AdminClients
from routine_load.sources.connections import Connection, ConnectionPool
from routine_load.sources.policy import NOT_ALLOWED, is_forbidden
from routine_load.tasks.ports import KafkaSpec

_EARLIEST = -2
_LATEST = -1
_PARTITIONS_PER_CALL = 1000
_ATTEMPT_S = 2.0
_PAUSE_S = 0.05
_NO_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAA"  # a UUID of zeroes
_DEFAULTS = {"fetch.wait.max.ms": 50, "topic.metadata.refresh.interval.ms": -1}

_UNKNOWN = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC})
_FINAL = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.UNSUPPORTED_VERSION,
    }
)


def check_advertised(spec: KafkaSpec, hosts: Iterable[str]) -> None:
    """Refuse a cluster whose metadata would send us to an address that a broker list may not name."""
    for host in hosts:
        if is_forbidden(host):
            raise SourceError(f"Kafka at {spec.brokers} advertises the broker {host}; {NOT_ALLOWED}")


class KafkaMetadataClient:
    """Implements the scheduler's port with pooled consumers, which neither fetch nor join a group."""

    def __init__(self, *, clock: Clock | None = None, admins: AdminClients | None = None) -> None:
        self._admins = admins or AdminClients()
        self._pool = ConnectionPool(_DEFAULTS, {}, clock=clock, idle_max=4)
        self._rest = threading.Event()  # never set but by close: a pause that ends with the client

    def partitions(self, spec: KafkaSpec, deadline: Deadline) -> tuple[PartitionId, ...]:
        """Partitions of the topic, ascending. Raises SourceError for an unknown topic, SourceUnavailable."""
        with self._pool.use(spec) as connection:
            return self._partitions(connection, spec, deadline)

    def watermarks(
        self, spec: KafkaSpec, partitions: tuple[PartitionId, ...], deadline: Deadline
    ) -> dict[PartitionId, tuple[int, int]]:
        """(log start, last stable end) per partition; with ``isolation.level=read_uncommitted``, the high watermark."""
        with self._pool.use(spec) as connection:
            self._check(connection, spec, partitions, deadline)
            first = self._offsets(connection, spec, dict.fromkeys(partitions, _EARLIEST), deadline)
            last = self._offsets(connection, spec, dict.fromkeys(partitions, _LATEST), deadline)
        return {each: (first[each], max(first[each], last[each])) for each in partitions}

    def topic_id(self, spec: KafkaSpec, deadline: Deadline) -> str:
        """Empty where the broker has no controller to ask (librdkafka's mock) or is older than topic ids (2.8)."""
        with self._pool.use(spec) as connection:
            cluster = self._cluster(connection, spec, deadline)
        if cluster.controller_id not in cluster.brokers:
            return ""
        try:
            asked = self._admins.of(spec).describe_topics(
                TopicCollection([spec.topic]), request_timeout=max(0.1, deadline.remaining)
            )
            found = str(asked[spec.topic].result().topic_id)
        except KafkaException:
            return ""  # partitions are asked for next, and tell what is wrong
        return "" if found == _NO_TOPIC_ID else found

    def offsets_for_time(
        self, spec: KafkaSpec, partitions: tuple[PartitionId, ...], timestamp_ms: int, deadline: Deadline
    ) -> dict[PartitionId, int]:
        """First offset at or after the time; the end offset where there is none."""
        if timestamp_ms < 0:
            raise SourceError(f"offsets by time need a time since 1970-01-01, not {timestamp_ms} ms")
        with self._pool.use(spec) as connection:
            self._check(connection, spec, partitions, deadline)
            found = self._offsets(connection, spec, dict.fromkeys(partitions, timestamp_ms), deadline)
            later = {each: _LATEST for each, offset in found.items() if offset < 0}
            return {**found, **self._offsets(connection, spec, later, deadline)}

    def close(self) -> None:
        self._rest.set()
        self._admins.close()
        self._pool.close()

    def _check(
        self, connection: Connection, spec: KafkaSpec, partitions: tuple[PartitionId, ...], deadline: Deadline
    ) -> None:
        known = self._partitions(connection, spec, deadline)
        unknown = sorted(set(partitions) - set(known))
        if unknown:
            there = f"{known[0]} to {known[-1]}" if known else "none"
            raise SourceError(
                f"topic {spec.topic} at {spec.brokers} has no partition {', '.join(map(str, unknown))}; it has {there}"
            )

    def _partitions(self, connection: Connection, spec: KafkaSpec, deadline: Deadline) -> tuple[PartitionId, ...]:
        topic = self._cluster(connection, spec, deadline).topics[spec.topic]
        return tuple(PartitionId(each) for each in sorted(topic.partitions))

    def _cluster(self, connection: Connection, spec: KafkaSpec, deadline: Deadline) -> ClusterMetadata:
        """Brokers and the one topic, without error. Raises SourceError for an unknown topic, SourceUnavailable."""
        for attempt_s in self._attempts(connection, spec, deadline):
            try:
                answer: ClusterMetadata = connection.consumer.list_topics(spec.topic, timeout=attempt_s)
                check_advertised(spec, [str(broker.host) for broker in answer.brokers.values()])
                topic = answer.topics[spec.topic]
                if topic.error is None:
                    return answer
                self._weigh(topic.error, spec)
            except KafkaException as error:
                self._weigh(error.args[0], spec)
        raise AssertionError("the attempts end by an error")

    def _offsets(
        self, connection: Connection, spec: KafkaSpec, asked: dict[PartitionId, int], deadline: Deadline
    ) -> dict[PartitionId, int]:
        found: dict[PartitionId, int] = {}
        wanted = sorted(asked)
        for begin in range(0, len(wanted), _PARTITIONS_PER_CALL):
            some = {each: asked[each] for each in wanted[begin : begin + _PARTITIONS_PER_CALL]}
            found.update(self._some_offsets(connection, spec, some, deadline))
        return found

    def _some_offsets(
        self, connection: Connection, spec: KafkaSpec, asked: dict[PartitionId, int], deadline: Deadline
    ) -> dict[PartitionId, int]:
        question = [TopicPartition(spec.topic, each, when) for each, when in asked.items()]
        for attempt_s in self._attempts(connection, spec, deadline):
            try:
                answer = connection.consumer.offsets_for_times(question, timeout=attempt_s)
            except KafkaException as error:
                # an unknown partition is a stale cache here: the caller has checked that all are there
                self._weigh(error.args[0], spec)
                continue
            errors = [each.error for each in answer if each.error is not None]
            if not errors:
                return {PartitionId(each.partition): each.offset for each in answer}
            self._weigh(errors[0], spec)
        raise AssertionError("the attempts end by an error")

    def _attempts(self, connection: Connection, spec: KafkaSpec, deadline: Deadline) -> Iterator[float]:
        """Time for each attempt, until the deadline; then SourceUnavailable."""
        budget = deadline.remaining
        while not deadline.expired and not self._rest.is_set():
            yield min(_ATTEMPT_S, max(0.01, deadline.remaining))
            connection.listen()
            self._rest.wait(min(_PAUSE_S, deadline.remaining))
        why = f": {connection.trouble.text}" if connection.trouble else ""
        raise SourceUnavailable(
            f"Kafka at {spec.brokers} did not answer for topic {spec.topic} within {budget:.1f} s{why}"
        )

    @staticmethod
    def _weigh(error: KafkaError, spec: KafkaSpec) -> None:
        """Raise what waiting cannot mend."""
        if error.code() in _UNKNOWN:
            raise SourceError(f"topic {spec.topic} does not exist at {spec.brokers}")
        if error.code() in _FINAL:
            raise SourceError(f"Kafka at {spec.brokers} refused topic {spec.topic}: {error.str()}")
