"""Looks at topics that many jobs share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from routine_load.clock import Deadline
from routine_load.errors import SourceUnavailable
from routine_load.ids import PartitionId
from routine_load.scheduler.looks import Looks, TopicLook
from routine_load.tasks.ports import KafkaSpec


@dataclass
class Hand:
    """A clock that is moved by hand."""

    seconds: float = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class Counted:
    """Metadata of a topic with two partitions; counts who asks, and may be silent."""

    asked: int = 0
    silent: bool = False
    gate: threading.Event = field(default_factory=threading.Event)

    def partitions(self, spec: KafkaSpec, deadline: Deadline) -> tuple[PartitionId, ...]:
        self.asked += 1
        if self.silent:
            raise SourceUnavailable("no answer")
        assert self.gate.wait(10)
        return PartitionId(0), PartitionId(1)

    def topic_id(self, spec: KafkaSpec, deadline: Deadline) -> str:
        return "id"

    def watermarks(
        self, spec: KafkaSpec, partitions: tuple[PartitionId, ...], deadline: Deadline
    ) -> dict[PartitionId, tuple[int, int]]:
        return dict.fromkeys(partitions, (0, 7))

    def offsets_for_time(self, *_: object) -> dict[PartitionId, int]:
        raise AssertionError("not asked by a look")


def spec(job: int, topic: str = "t", *more: tuple[str, str]) -> KafkaSpec:
    return KafkaSpec(brokers="b:1", topic=topic, properties=(("group.id", f"job{job}"), *more))


def test_a_thousand_jobs_of_one_topic_ask_kafka_once() -> None:
    """Also when they come at the same time; jobs that connect in another way ask for themselves."""
    metadata, clock = Counted(), Hand()
    looks = Looks(metadata, clock, age_s=2.5)
    threads = [threading.Thread(target=looks.topic, args=(spec(i), 1.0)) for i in range(8)]
    for thread in threads:
        thread.start()
    metadata.gate.set()
    for thread in threads:
        thread.join()
    assert [looks.topic(spec(i), 1.0) for i in range(1000)] == [TopicLook({0: 7, 1: 7}, "id")] * 1000
    assert metadata.asked == 1
    looks.topic(spec(1, "u"), 1.0)
    looks.topic(spec(1, "t", ("isolation.level", "read_uncommitted")), 1.0)
    assert metadata.asked == 3
    clock.seconds += 2.6
    looks.topic(spec(1), 1.0)
    assert metadata.asked == 4


def test_a_broker_that_does_not_answer_is_waited_for_once() -> None:
    """Else a thousand jobs of a dead broker would keep every thread waiting."""
    metadata, clock = Counted(silent=True), Hand()
    looks = Looks(metadata, clock, age_s=2.5)
    for job in range(5):
        with pytest.raises(SourceUnavailable, match="no answer"):
            looks.topic(spec(job), 1.0)
    assert metadata.asked == 1
    metadata.silent, clock.seconds = False, 3.0
    metadata.gate.set()
    assert looks.topic(spec(1), 1.0) == TopicLook({0: 7, 1: 7}, "id")
