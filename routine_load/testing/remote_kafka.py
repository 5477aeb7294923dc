"""A real broker that somebody else runs: the same words as ``EmbeddedKafka``, over the wire."""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic

from routine_load.testing.feeder import BrokerFailed, Feeder, Value

_ADMIN_S = 30.0


class RemoteKafka:
    """Topics and messages on a broker at ``bootstrap``. Topics stay behind: give them names of their own."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._feeder = Feeder(bootstrap)
        self._admin: AdminClient | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the broker."""
        self._feeder.close()
        self._admin = None

    def create_topic(self, name: str, partitions: int = 1, **config: str) -> None:
        """Create a topic (with topic settings, dots written as underscores) and wait until every partition is led."""
        settings = {key.replace("_", "."): value for key, value in config.items()}
        topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=settings)
        try:
            self._client().create_topics([topic], request_timeout=_ADMIN_S)[name].result(_ADMIN_S)
            self._await_leaders(name, partitions)
        except KafkaException as error:
            raise BrokerFailed(f"{self.bootstrap} could not create topic {name!r}: {error}") from error

    def produce(
        self,
        topic: str,
        values: Iterable[Value],
        *,
        partition: int | None = None,
        key: bytes | str | None = None,
        timestamp_ms: int | None = None,
    ) -> int:
        """Produce bytes, text, None (a tombstone) or dicts (as JSON) and wait for the broker; returns the count."""
        return self._feeder.produce(topic, values, partition=partition, key=key, timestamp_ms=timestamp_ms)

    def add_partitions(self, topic: str, total: int) -> None:
        """Grow a topic to this many partitions."""
        try:
            self._client().create_partitions([NewPartitions(topic, total)])[topic].result(_ADMIN_S)
            self._await_leaders(topic, total)
            self._feeder.close()  # a producer learns of new partitions late; the next one knows them
        except KafkaException as error:
            raise BrokerFailed(f"{self.bootstrap} could not grow topic {topic!r}: {error}") from error

    def delete_topic(self, topic: str) -> None:
        """Delete a topic, and wait until the broker does not list it any more."""
        try:
            self._client().delete_topics([topic])[topic].result(_ADMIN_S)
            give_up = time.monotonic() + _ADMIN_S
            while topic in self._client().list_topics(timeout=_ADMIN_S).topics:
                if time.monotonic() > give_up:
                    raise BrokerFailed(f"{self.bootstrap} still lists topic {topic!r} after its deletion")
                time.sleep(0.05)
            self._feeder.close()  # its producer remembers the old topic
        except KafkaException as error:
            raise BrokerFailed(f"{self.bootstrap} could not delete topic {topic!r}: {error}") from error

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """Drop the records before this offset, as retention would."""
        where = TopicPartition(topic, partition, before)
        try:
            self._client().delete_records([where])[where].result(_ADMIN_S)
        except KafkaException as error:
            raise BrokerFailed(f"{self.bootstrap} could not delete records of {topic!r}: {error}") from error

    def ends(self, topic: str) -> dict[int, int]:
        """The end of each partition; nothing where there is no such topic."""
        try:
            if topic not in (known := self._client().list_topics(timeout=_ADMIN_S).topics):
                return {}
            consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "ends", "log_level": 0})
            try:
                asked = {partition: TopicPartition(topic, partition) for partition in known[topic].partitions}
                return {each: consumer.get_watermark_offsets(at, _ADMIN_S)[1] for each, at in asked.items()}
            finally:
                consumer.close()
        except KafkaException as error:
            raise BrokerFailed(f"{self.bootstrap} did not tell the ends of topic {topic!r}: {error}") from error

    def await_ready(self, timeout_s: float) -> None:
        """Return once the broker answers. Raises BrokerFailed."""
        self._client().list_topics(timeout=timeout_s)

    def _client(self) -> AdminClient:
        if self._admin is None:
            self._admin = AdminClient(
                {
                    "bootstrap.servers": self.bootstrap,
                    "reconnect.backoff.ms": 20,
                    "reconnect.backoff.max.ms": 200,
                    "log_level": 0,
                }
            )
        return self._admin

    def _await_leaders(self, topic: str, partitions: int) -> None:
        give_up = time.monotonic() + _ADMIN_S
        while time.monotonic() < give_up:
            found = self._client().list_topics(topic, timeout=_ADMIN_S).topics[topic].partitions
            if len(found) == partitions and all(each.leader >= 0 for each in found.values()):
                return
            time.sleep(0.02)
        raise BrokerFailed(f"{self.bootstrap} did not elect leaders for topic {topic!r} within {_ADMIN_S:.0f} s")
