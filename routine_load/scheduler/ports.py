"""What the scheduler needs of the world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from routine_load.clock import Deadline
from routine_load.ids import JobId, PartitionId
from routine_load.tasks.ports import KafkaSpec

ResolveFiles = Callable[[str, tuple[tuple[str, str], ...]], tuple[tuple[str, str], ...]]
"""A database and a job's ``property.*`` → the same with paths in place of ``FILE:`` values. Raises SourceError."""


class KafkaMetadata(Protocol):
    """Facts about topics. Every call may block until its deadline; call it from a thread.

    Raises SourceUnavailable (no answer in time, naming the brokers) and SourceError (the topic or a partition does not
    exist, naming it).
    """

    def partitions(self, spec: KafkaSpec, deadline: Deadline) -> tuple[PartitionId, ...]:
        """Partitions of the topic, ascending."""
        ...

    def watermarks(
        self, spec: KafkaSpec, partitions: tuple[PartitionId, ...], deadline: Deadline
    ) -> dict[PartitionId, tuple[int, int]]:
        """(log start, last stable end) of each partition."""
        ...

    def topic_id(self, spec: KafkaSpec, deadline: Deadline) -> str:
        """The identity that the broker gave the topic when it was created; empty where the broker has none to tell."""
        ...

    def offsets_for_time(
        self, spec: KafkaSpec, partitions: tuple[PartitionId, ...], timestamp_ms: int, deadline: Deadline
    ) -> dict[PartitionId, int]:
        """First offset whose timestamp is at or after the given time; the end offset where there is none."""
        ...


class Watch(Protocol):
    """Tells when new records wait. One consumer per distinct connection holds every watched partition."""

    def watch(
        self, job_id: JobId, spec: KafkaSpec, offsets: Mapping[PartitionId, int], arrived: Callable[[JobId], None]
    ) -> None:
        """Watch these partitions at ``next_offset``; replaces what was watched for these partitions of the job.

        ``arrived(job_id)`` is called from the watch's thread when one of them has a new record; that partition is then
        no longer watched until it is given again. It may be called once per partition given. Must not block.
        """
        ...

    def forget(self, job_id: JobId) -> None: ...
