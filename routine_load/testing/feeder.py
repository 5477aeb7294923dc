"""Feeding a test broker: one buffered producer with plain words for values. Knows nothing of jobs or tables."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

_ALLOWED = "bytes, str, None (a tombstone) or a dict (written as JSON)"
Value = bytes | str | None | Mapping[str, Any]
_FLUSH_S = 60.0


class BrokerFailed(RuntimeError):
    """A test broker could not be started, or did not take what it was given."""


def encode(value: Value) -> bytes | None:
    """Message bytes of a test value."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, Mapping):
        return json.dumps(dict(value), ensure_ascii=False, separators=(",", ":")).encode()
    raise TypeError(f"cannot produce a {type(value).__name__}; allowed: {_ALLOWED}")


class Feeder:
    """A producer that gives back control once the broker has everything. Safe to share between threads."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._lock = threading.Lock()
        self._producer: Producer | None = None
        self._failure: KafkaError | None = None

    def produce(
        self,
        topic: str,
        values: Iterable[Value],
        *,
        partition: int | None = None,
        key: bytes | str | None = None,
        timestamp_ms: int | None = None,
    ) -> int:
        """Send the values in order and wait until the broker has them; returns how many there were.

        Without ``partition`` the key decides; without either they are dealt out. Raises BrokerFailed.
        """
        with self._lock:
            producer = self._open()
            self._failure = None
            where = -1 if partition is None else partition
            count = 0
            for value in values:
                record = {"value": encode(value), "key": key, "partition": where, "timestamp": timestamp_ms or 0}
                self._send(producer, topic, record)
                count += 1
            left = producer.flush(_FLUSH_S)
            if left or self._failure is not None:
                producer.purge()
                why = self._failure.str() if self._failure is not None else f"{left} of {count} were not acknowledged"
                raise BrokerFailed(f"{self._bootstrap} did not take the messages for topic {topic!r}: {why}")
            return count

    def close(self) -> None:
        with self._lock:
            if self._producer is not None:
                self._producer.purge()
                self._producer.flush(1.0)
                self._producer = None

    def _open(self) -> Producer:
        if self._producer is None:
            self._producer = Producer(
                {
                    "bootstrap.servers": self._bootstrap,
                    "linger.ms": 2,
                    "acks": "all",
                    "enable.idempotence": True,
                    "message.timeout.ms": int(_FLUSH_S * 1000),
                    "queue.buffering.max.messages": 200_000,
                    "reconnect.backoff.ms": 20,
                    "reconnect.backoff.max.ms": 500,
                    "log_level": 0,
                    "on_delivery": self._delivered,
                }
            )
        return self._producer

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failure = error

    def _send(self, producer: Producer, topic: str, record: dict[str, Any]) -> None:
        while True:
            try:
                producer.produce(topic, **record)
            except BufferError:
                producer.poll(0.5)
            except KafkaException as error:
                raise BrokerFailed(f"{self._bootstrap} refused topic {topic!r}: {error}") from error
            else:
                return
