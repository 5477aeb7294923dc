"""Connections to Kafka: settings of a client, what it last complained of, and a bounded pool of them.

Owns the order in which settings win: the user's over our defaults, our duties over the user's. Offsets are not its
business.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException

from routine_load.clock import Clock, SystemClock
from routine_load.errors import SourceError
from routine_load.sources.aws import PREFIX, token_callback
from routine_load.sources.property_rules import IGNORED
from routine_load.tasks.ports import KafkaSpec

Setting = str | int | float | bool
ClientSettings = dict[str, Any]
"""Settings, and ``oauth_cb`` where the client signs in with tokens."""
ConnectionKey = tuple[str, tuple[tuple[str, str], ...]]

NOT_FOR_LIBRDKAFKA = frozenset({"kafka_default_offsets", "kafka_origin_default_offsets"})
"""Keys that travel with ``property.`` but belong to routine load itself."""

_PER_JOB = frozenset({"group.id"})
"""Keys that differ from job to job and change nothing in reading: consumers are shared across them."""

_DEFAULTS: dict[str, Setting] = {
    "group.id": "routine-load",
    "client.id": "routine-load",
    "isolation.level": "read_committed",
    "socket.timeout.ms": 10_000,
    "socket.connection.setup.timeout.ms": 5_000,
    "socket.keepalive.enable": True,
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1_000,
}
_DUTIES: dict[str, Setting] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "allow.auto.create.topics": False,
    "statistics.interval.ms": 0,
    "log_level": 0,  # librdkafka would write to stderr; its errors reach us by the callback
    "log.connection.close": False,
}


def connection_key(spec: KafkaSpec) -> ConnectionKey:
    """What clients are shared by: brokers and properties, without topic and consumer group."""
    return spec.brokers, tuple(sorted((key, value) for key, value in spec.properties if key not in _PER_JOB))


def client_settings(spec: KafkaSpec, defaults: Mapping[str, Setting], duties: Mapping[str, Setting]) -> ClientSettings:
    """All settings of one client. ``FILE:`` values have become paths before (``file_values``)."""
    asked: ClientSettings = {
        key: value
        for key, value in spec.properties
        if key not in NOT_FOR_LIBRDKAFKA | IGNORED and not key.startswith(PREFIX)
    }
    signed = token_callback(dict(spec.properties))
    if signed is not None:
        asked["oauth_cb"] = signed
    settings: ClientSettings = {**_DEFAULTS, **defaults, **asked, **_DUTIES, **duties}
    if "fetch.max.bytes" in settings and "message.max.bytes" in settings:  # librdkafka refuses the other order
        settings["fetch.max.bytes"] = max(int(settings["fetch.max.bytes"]), int(settings["message.max.bytes"]))
    settings["bootstrap.servers"] = spec.brokers.replace(" ", "")
    return settings


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a client complained of last."""

    text: str
    code: int


class Connection:
    """One librdkafka consumer and its complaints. Used by one thread at a time."""

    def __init__(self, key: ConnectionKey, settings: ClientSettings) -> None:
        self.key = key
        self.brokers = key[0]
        self.trouble: Trouble | None = None
        self.idle_since = 0.0
        self.partitions_known: dict[str, int] = {}
        """Topics whose leaders this client has learned, and how many partitions they had then."""
        try:
            self.consumer = Consumer({**settings, "error_cb": self._complained})
        except (KafkaException, ValueError) as error:
            raise SourceError(f"the Kafka client for {self.brokers} cannot be set up: {_reason(error)}") from error

    def _complained(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN or self.trouble is None:
            self.trouble = Trouble(error.str(), error.code())  # all down: the complaint before it says why

    def listen(self) -> None:
        """Serve the error callback. Only for a consumer without assignment: a message would be lost."""
        self.consumer.poll(0)

    def close(self) -> None:
        with contextlib.suppress(KafkaException, RuntimeError):
            self.consumer.close()


def _reason(error: Exception) -> str:
    fault = error.args[0] if error.args else error
    return fault.str() if isinstance(fault, KafkaError) else str(fault)


class ConnectionPool:
    """Consumers to use again, by connection. At most ``idle_max`` wait, none longer than ``idle_s``."""

    def __init__(
        self,
        defaults: Mapping[str, Setting],
        duties: Mapping[str, Setting],
        *,
        clock: Clock | None = None,
        idle_max: int = 8,
    ) -> None:
        self._defaults = defaults
        self._duties = duties
        self._clock = clock or SystemClock()
        self._idle_max = idle_max
        self._idle_s = 60.0
        self._lock = threading.Lock()
        self._idle: list[Connection] = []  # the longest idle first
        self._closed = False

    @contextlib.contextmanager
    def use(self, spec: KafkaSpec) -> Iterator[Connection]:
        """A connection of one's own. It returns to the pool unless the block raised."""
        connection = self._take(connection_key(spec)) or self._open(spec)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)

    def close(self) -> None:
        """Close what waits; what is in use is closed when it comes back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _open(self, spec: KafkaSpec) -> Connection:
        if self._closed:
            raise SourceError("the Kafka source is closed")
        return Connection(connection_key(spec), client_settings(spec, self._defaults, self._duties))

    def _take(self, key: ConnectionKey) -> Connection | None:
        with self._lock:
            for index in range(len(self._idle) - 1, -1, -1):
                if self._idle[index].key == key:
                    return self._idle.pop(index)
        return None

    def _give_back(self, connection: Connection) -> None:
        connection.idle_since = self._clock.monotonic()
        connection.trouble = None
        with self._lock:
            surplus = []
            if self._closed:
                surplus.append(connection)
            else:
                self._idle.append(connection)
            stale = connection.idle_since - self._idle_s
            while self._idle and (len(self._idle) > self._idle_max or self._idle[0].idle_since < stale):
                surplus.append(self._idle.pop(0))
        for each in surplus:
            each.close()
