"""Consumers that write down what they were asked, so that waiting can be counted instead of timed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from confluent_kafka import Consumer

from routine_load.sources import connections


@dataclass(frozen=True)
class Call:
    """One call of a consumer: for how long it was allowed to wait, and how many messages and events came of it."""

    name: str
    wait_s: float
    came: int = 0


@dataclass
class Consumers:
    """The consumers that were made, as they were set, and their calls in order."""

    settings: list[dict] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    waiting: list = field(default_factory=list)
    """Called with the seconds, whenever a consumer was allowed to wait."""

    def note(self, name: str, wait_s: float, came: int = 0) -> None:
        for each in self.waiting:
            each(wait_s)
        self.calls.append(Call(name, wait_s, came))


@pytest.fixture
def consumers(monkeypatch: pytest.MonkeyPatch) -> Consumers:
    """Every consumer that is made from here on, noted down."""
    noted = Consumers()

    class Noted(Consumer):
        def __init__(self, settings):
            noted.settings.append(settings)
            super().__init__(settings)

        def poll(self, timeout):
            message = super().poll(timeout)
            noted.note("poll", timeout, int(message is not None))
            return message

        def consume(self, most, timeout):
            messages = super().consume(most, timeout)
            noted.note("consume", timeout, len(messages))
            return messages

        def list_topics(self, topic, *, timeout):
            try:
                return super().list_topics(topic, timeout=timeout)
            finally:
                noted.note("list_topics", timeout)

        def offsets_for_times(self, question, *, timeout):
            try:
                return super().offsets_for_times(question, timeout=timeout)
            finally:
                noted.note("offsets_for_times", timeout)

    monkeypatch.setattr(connections, "Consumer", Noted)
    return noted
