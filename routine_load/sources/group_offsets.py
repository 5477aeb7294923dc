"""Group offsets in Kafka, for people's dashboards only: published after a commit, at best effort, never read back."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition

from routine_load.errors import SourceError
from routine_load.ids import PartitionId
from routine_load.sources.admin import AdminClients
from routine_load.tasks.ports import KafkaSpec

_TIMEOUT_S = 10.0


class GroupOffsets:
    """Publishes without waiting. What cannot be published is dropped: the next commit publishes more."""

    def __init__(self, clients: AdminClients) -> None:
        self._clients = clients

    def publish(self, spec: KafkaSpec, offsets: Mapping[PartitionId, int]) -> None:
        """Send next offsets as the committed offsets of the spec's ``group.id``; without one, do nothing."""
        group = dict(spec.properties).get("group.id")
        if not group or not offsets:
            return
        where = [TopicPartition(spec.topic, each, offset) for each, offset in offsets.items()]
        try:
            request = ConsumerGroupTopicPartitions(group, where)
            self._clients.of(spec).alter_consumer_group_offsets([request], request_timeout=_TIMEOUT_S)
        except (KafkaException, SourceError, ValueError):
            return
