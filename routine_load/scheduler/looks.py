"""What a look at a topic found, shared by the jobs that read it: a thousand jobs of ten topics ask ten times, not more.

Only for the periodic refresh, which may be a little late; a plan asks Kafka itself. Refuses to know jobs.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final

from routine_load.clock import Clock, Deadline
from routine_load.errors import RoutineLoadError
from routine_load.ids import PartitionId
from routine_load.scheduler.ports import KafkaMetadata
from routine_load.tasks.ports import KafkaSpec

Ends = dict[PartitionId, int]
"""Last stable end of each partition of a topic."""


@dataclass(frozen=True, slots=True)
class TopicLook:
    """``topic_id`` is empty where the broker does not tell it."""

    ends: Ends
    topic_id: str = ""


_KEPT_MAX: Final = 10_000
_PER_JOB: Final = frozenset({"group.id", "client.id"})


@dataclass(slots=True)
class _Seen:
    """One topic. The lock is held while somebody asks Kafka: those who come meanwhile take the same answer."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    at: float = float("-inf")
    found: TopicLook = field(default_factory=lambda: TopicLook({}))
    error: RoutineLoadError | None = None


class Looks:
    """Remembers, for ``age_s``, partitions and ends of each topic, and that there was no answer. Thread-safe."""

    def __init__(self, metadata: KafkaMetadata, clock: Clock, age_s: float) -> None:
        self._metadata = metadata
        self._clock = clock
        self._age_s = age_s
        self._lock = threading.Lock()
        self._seen: dict[object, _Seen] = {}

    def topic(self, kafka: KafkaSpec, timeout_s: float, since: float = float("-inf")) -> TopicLook:
        """A look that began after ``since``, and not long ago. Raises SourceError, SourceUnavailable."""
        seen = self._of(kafka)
        with seen.lock:
            if seen.at < since or self._clock.monotonic() - seen.at > self._age_s:
                self._ask(kafka, seen, Deadline.after(timeout_s, self._clock))
            if seen.error is not None:
                raise type(seen.error)(seen.error.message)
            return seen.found

    def _ask(self, kafka: KafkaSpec, seen: _Seen, deadline: Deadline) -> None:
        seen.at = self._clock.monotonic()
        try:
            seen.found, seen.error = look(self._metadata, kafka, deadline), None
        except RoutineLoadError as error:
            seen.error = error
            seen.at = self._clock.monotonic()  # a wait for nothing is not repeated at once

    def _of(self, kafka: KafkaSpec) -> _Seen:
        key = shared_key(kafka)
        with self._lock:
            if len(self._seen) >= _KEPT_MAX:
                self._seen.clear()
            return self._seen.setdefault(key, _Seen())


def shared_key(kafka: KafkaSpec) -> object:
    """Equal for jobs that one look serves."""
    shared = frozenset(item for item in kafka.properties if item[0] not in _PER_JOB)
    return kafka.brokers, kafka.topic, shared


def look(metadata: KafkaMetadata, kafka: KafkaSpec, deadline: Deadline) -> TopicLook:
    """The topic's identity, and all its partitions with their last stable ends, asked now."""
    topic_id = metadata.topic_id(kafka, deadline)
    partitions = metadata.partitions(kafka, deadline)
    marks = metadata.watermarks(kafka, partitions, deadline)
    return TopicLook({p: end for p, (_, end) in marks.items()}, topic_id)
