"""Group offsets in Kafka, for people's dashboards only: published after a commit, at best effort, never read back."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from routine_load.errors import SourceError
from routine_load.ids import PartitionId
from routine_load.sources.connections import ConnectionKey, Setting, client_settings, connection_key
from routine_load.tasks.ports import KafkaSpec

_TIMEOUT_S = 10.0
_CONSUMERS_ONLY = frozenset({"enable.auto.commit", "enable.auto.offset.store", "auto.offset.reset", "isolation.level"})


class GroupOffsets:
    """Publishes without waiting. What cannot be published is dropped: the next commit publishes more."""

    def __init__(self, *, small_files: Path | None = None, clients_max: int = 16) -> None:
        self._small_files = small_files
        self._clients_max = clients_max
        self._lock = threading.Lock()
        self._clients: dict[ConnectionKey, AdminClient] = {}

    def publish(self, spec: KafkaSpec, offsets: Mapping[PartitionId, int]) -> None:
        """Send next offsets as the committed offsets of the spec's ``group.id``; without one, do nothing."""
        group = dict(spec.properties).get("group.id")
        if not group or not offsets:
            return
        where = [TopicPartition(spec.topic, each, offset) for each, offset in offsets.items()]
        try:
            request = ConsumerGroupTopicPartitions(group, where)
            self._client(spec).alter_consumer_group_offsets([request], request_timeout=_TIMEOUT_S)
        except (KafkaException, SourceError, ValueError):
            return

    def close(self) -> None:
        with self._lock:
            self._clients.clear()

    def _client(self, spec: KafkaSpec) -> AdminClient:
        key = connection_key(spec)
        with self._lock:
            client = self._clients.get(key)
            if client is None:
                if len(self._clients) >= self._clients_max:
                    self._clients.pop(next(iter(self._clients)))
                client = self._clients[key] = AdminClient(self._settings(spec))
            return client

    def _settings(self, spec: KafkaSpec) -> dict[str, Setting]:
        settings = client_settings(spec, {}, {}, self._small_files)
        return {key: value for key, value in settings.items() if key not in _CONSUMERS_ONLY and key != "group.id"}
