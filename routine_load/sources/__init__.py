"""Kafka: topic facts, bounded consumption, the watch for new records, and which client properties are allowed."""

from __future__ import annotations

from routine_load.sources.admin import AdminClients
from routine_load.sources.consumer import KafkaSource
from routine_load.sources.downloads import Downloads
from routine_load.sources.file_values import FileValues
from routine_load.sources.group_offsets import GroupOffsets
from routine_load.sources.metadata import KafkaMetadataClient
from routine_load.sources.policy import KafkaPropertyPolicy
from routine_load.sources.registry import RegistryClient
from routine_load.sources.watch import KafkaWatch

__all__ = [
    "AdminClients",
    "Downloads",
    "FileValues",
    "GroupOffsets",
    "KafkaMetadataClient",
    "KafkaPropertyPolicy",
    "KafkaSource",
    "KafkaWatch",
    "RegistryClient",
]
