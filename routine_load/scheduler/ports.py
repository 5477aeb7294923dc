"""What the scheduler needs of the world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Protocol

from routine_load.backends.facts import BackendFacts
from routine_load.clock import Deadline
from routine_load.ids import BackendId, JobId, PartitionId
from routine_load.tasks.control import TaskControl
from routine_load.tasks.ports import KafkaSpec
from routine_load.tasks.run import Task, TaskReport

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


class Runs(Protocol):
    """Runs tasks, here or elsewhere. Called from backend threads."""

    def run(self, task: Task, control: TaskControl) -> TaskReport:
        """Run to the end. Raises RoutineLoadError; nothing is visible then."""
        ...


class Backends(Protocol):
    """Where tasks run. ``place`` and ``run`` are called from the scheduler's loop and do not block."""

    @property
    def alive(self) -> int:
        """How many take tasks."""
        ...

    @property
    def dead(self) -> int:
        """How many ought to and are not there (StarRocks, Doris: max_tolerable_backend_down_num)."""
        ...

    @property
    def slots(self) -> int:
        """Tasks that each may run at a time, as it is now."""
        ...

    def place(self, job_id: int, previous: BackendId | None) -> BackendId | None:
        """Reserve a slot: of the previous backend if it can, else by load (StarRocks: slot of a task)."""
        ...

    def elsewhere(self, backend_id: BackendId) -> Runs | None:
        """Who runs its tasks; None: this process."""
        ...

    def run(self, backend_id: BackendId, job_id: int, work: Callable[[], None]) -> Future[None]:
        """Run ``work`` in the reserved slot, which is free again when it ends."""
        ...

    def facts(self) -> list[BackendFacts]: ...


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
