"""Numbered messages, produced without a pause while everything else is disturbed.

Owns the thread that produces and the pace. Every message's number is in the ledger once the broker has it; a broker
that is away is waited for as long as its producer does, after that the feed ends and says why.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Final, Protocol, Self

from routine_load.testing.chaos.ledger import Ledger
from routine_load.testing.feeder import BrokerFailed

_PORTIONS_PER_SECOND: Final = 10


class Broker(Protocol):
    """Where messages go: any of ``routine_load.testing``'s."""

    def produce(self, topic: str, values: Iterable[str], *, partition: int | None = None) -> int: ...


class Feed:
    """Deals numbers out to ``partitions``, ``rate`` a second. A context: leaving it waits for the last portion."""

    def __init__(
        self, broker: Broker, topic: str, message: Callable[[int, int], str], partitions: Sequence[int], ledger: Ledger
    ) -> None:
        self._broker = broker
        self._topic = topic
        self._message = message
        self._partitions = partitions
        self._ledger = ledger
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure: BrokerFailed | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, rate: float) -> None:
        """Produce ``rate`` messages a second until ``stop``."""
        assert self._thread is None, "a feed runs once"
        portion = max(1, round(rate / _PORTIONS_PER_SECOND))
        self._thread = threading.Thread(target=self._run, args=(portion,), name="chaos-feed")
        self._thread.start()

    def stop(self) -> None:
        """End after the portion that is being produced."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def portion(self, messages: int) -> None:
        """Produce so many now. Raises BrokerFailed."""
        start = self._ledger.next
        end = start + messages
        for place, partition in enumerate(self._partitions):
            numbers = range(start + place, end, len(self._partitions))
            if numbers:
                values = [self._message(number, partition) for number in numbers]
                self._broker.produce(self._topic, values, partition=partition)
        self._ledger.acknowledged(end)

    def _run(self, portion: int) -> None:
        try:
            while not self._over.wait(1 / _PORTIONS_PER_SECOND):
                self.portion(portion)
        except BrokerFailed as error:
            self.failure = error
