"""A Kafka broker inside this process: the mock cluster of librdkafka, out of the confluent-kafka wheel.

It starts in milliseconds, has many partitions, transactions' requests and fault injection. What it is not:

* data lives in memory only; a partition keeps about its last 5 MiB (or 100,000 produced batches), older records vanish
  as if by retention, so that a large test needs many partitions or a reader that keeps up;
* there is no time index: offsets by time are answered with the end offset;
* ``read_committed`` is not real: records of aborted transactions are visible;
* admin requests such as CreateTopics and DescribeConfigs are not answered: use ``create_topic`` here;
* no authentication, no TLS.

Use ``ApacheKafka`` where these matter.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterable, Sequence
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import Self

import confluent_kafka
from confluent_kafka import KafkaError

from routine_load.testing.feeder import BrokerFailed, Feeder, Value

_PRODUCER = 0
_NEEDED = (
    "rd_kafka_mock_cluster_new",
    "rd_kafka_mock_cluster_bootstraps",
    "rd_kafka_mock_cluster_destroy",
    "rd_kafka_mock_topic_create",
    "rd_kafka_mock_push_request_errors_array",
    "rd_kafka_mock_clear_request_errors",
    "rd_kafka_mock_broker_set_rtt",
    "rd_kafka_mock_broker_set_down",
    "rd_kafka_mock_broker_set_up",
)


class Api(IntEnum):
    """Kafka's request types, for ``push_errors``."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    API_VERSIONS = 18
    INIT_PRODUCER_ID = 22


def librdkafka() -> ctypes.CDLL:
    """The library that confluent-kafka has loaded, wherever its wheel keeps it. Raises BrokerFailed."""
    package = Path(confluent_kafka.__file__).parent
    candidates = [Path(confluent_kafka.cimpl.__file__)]  # a handle also finds what its library depends on
    for folder in (package.parent / "confluent_kafka.libs", package / ".dylibs"):
        candidates += sorted(folder.glob("*rdkafka*"))
    for candidate in candidates:
        try:
            library = ctypes.CDLL(str(candidate))
        except OSError:
            continue
        if hasattr(library, "rd_kafka_mock_cluster_new"):
            return _declared(library)
    version = confluent_kafka.libversion()[0]
    raise BrokerFailed(
        f"librdkafka {version} of this confluent-kafka does not export its mock cluster; "
        "install the official confluent-kafka wheel, or use Apache Kafka (RL_TEST_KAFKA=host:port)"
    )


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    missing = [name for name in _NEEDED if not hasattr(library, name)]
    if missing:
        raise BrokerFailed(f"librdkafka {confluent_kafka.libversion()[0]} lacks {', '.join(missing)}")
    pointer, text, i32, i64 = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int64
    signatures: dict[str, tuple[type | None, list[type]]] = {
        "rd_kafka_conf_new": (pointer, []),
        "rd_kafka_conf_set": (ctypes.c_int, [pointer, text, text, text, ctypes.c_size_t]),
        "rd_kafka_new": (pointer, [ctypes.c_int, pointer, text, ctypes.c_size_t]),
        "rd_kafka_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_new": (pointer, [pointer, ctypes.c_int]),
        "rd_kafka_mock_cluster_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_bootstraps": (text, [pointer]),
        "rd_kafka_mock_topic_create": (ctypes.c_int, [pointer, text, ctypes.c_int, ctypes.c_int]),
        "rd_kafka_mock_partition_delete_records": (ctypes.c_int, [pointer, text, i32, i64]),
        "rd_kafka_mock_partition_set_leader": (ctypes.c_int, [pointer, text, i32, i32]),
        "rd_kafka_mock_push_request_errors_array": (
            None,
            [pointer, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(ctypes.c_int)],
        ),
        "rd_kafka_mock_clear_request_errors": (None, [pointer, ctypes.c_int16]),
        "rd_kafka_mock_broker_set_rtt": (ctypes.c_int, [pointer, i32, ctypes.c_int]),
        "rd_kafka_mock_broker_set_down": (ctypes.c_int, [pointer, i32]),
        "rd_kafka_mock_broker_set_up": (ctypes.c_int, [pointer, i32]),
    }
    for name, (result, arguments) in signatures.items():
        if hasattr(library, name):
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    return library


class EmbeddedKafka:
    """A broker for one test or a demonstration: ``with EmbeddedKafka() as kafka: kafka.produce("t", [{"id": 1}])``.

    A topic that a producer names without ``create_topic`` gets ``default_partitions`` partitions (librdkafka: 4).
    Safe to use from several threads.
    """

    def __init__(self, *, brokers: int = 1) -> None:
        if not 1 <= brokers <= 16:
            raise ValueError(f"brokers={brokers} is not allowed; allowed: 1 to 16")
        self._library = librdkafka()
        self._lock = threading.Lock()
        self._broker_ids = range(1, brokers + 1)
        self._client: int | None = None
        self._cluster: int | None = None
        self._start()
        self._feeder = Feeder(self.bootstrap)

    def _start(self) -> None:
        why = ctypes.create_string_buffer(512)
        conf = self._library.rd_kafka_conf_new()
        self._library.rd_kafka_conf_set(conf, b"log_level", b"0", why, len(why))
        self._client = self._library.rd_kafka_new(_PRODUCER, conf, why, len(why))
        if self._client is None:
            raise BrokerFailed(f"librdkafka gave no client for the mock cluster: {why.value.decode()}")
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, len(self._broker_ids))
        if self._cluster is None:
            self._library.rd_kafka_destroy(self._client)
            raise BrokerFailed(f"librdkafka gave no mock cluster of {len(self._broker_ids)} brokers")
        self.bootstrap: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the broker; its data is gone. A second call does nothing."""
        self._feeder.close()
        with self._lock:
            if self._cluster is not None:
                self._library.rd_kafka_mock_cluster_destroy(self._cluster)
                self._library.rd_kafka_destroy(self._client)
                self._cluster = self._client = None

    def create_topic(self, name: str, partitions: int = 1) -> None:
        """Create a topic. Raises BrokerFailed where it exists already."""
        self._call("topic_create", name.encode(), partitions, 1, what=f"create topic {name!r}")

    def produce(
        self,
        topic: str,
        values: Iterable[Value],
        *,
        partition: int | None = None,
        key: bytes | str | None = None,
        timestamp_ms: int | None = None,
    ) -> int:
        """Produce bytes, text, None (a tombstone) or dicts (as JSON) and wait for the broker; returns the count."""
        return self._feeder.produce(topic, values, partition=partition, key=key, timestamp_ms=timestamp_ms)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """Drop the records before this offset, as retention would."""
        self._call("partition_delete_records", topic.encode(), partition, before, what=f"delete from {topic!r}")

    def push_errors(self, api: Api, errors: Sequence[int]) -> None:
        """Answer the next requests of this type with these error codes (``KafkaError.X``), one each, in order."""
        codes = (ctypes.c_int * len(errors))(*errors)
        with self._lock:
            self._library.rd_kafka_mock_push_request_errors_array(self._alive(), int(api), len(errors), codes)

    def clear_errors(self, api: Api) -> None:
        """Forget the errors that were pushed and not yet answered."""
        with self._lock:
            self._library.rd_kafka_mock_clear_request_errors(self._alive(), int(api))

    def set_rtt(self, milliseconds: int) -> None:
        """Delay every answer."""
        for broker in self._broker_ids:
            self._call("broker_set_rtt", broker, milliseconds, what=f"delay broker {broker}")

    def down(self) -> None:
        """Close all connections and refuse new ones, keeping the data."""
        for broker in self._broker_ids:
            self._call("broker_set_down", broker, what=f"stop broker {broker}")

    def up(self) -> None:
        """Accept connections again."""
        for broker in self._broker_ids:
            self._call("broker_set_up", broker, what=f"start broker {broker}")

    def lead(self, topic: str, partition: int, broker: int) -> None:
        """Let another broker (1, 2, …) lead a partition; clients learn of it by an error."""
        self._call("partition_set_leader", topic.encode(), partition, broker, what=f"move a leader of {topic!r}")

    def _alive(self) -> int:
        if self._cluster is None:
            raise BrokerFailed("this EmbeddedKafka is closed")
        return self._cluster

    def _call(self, function: str, *arguments: object, what: str) -> None:
        name = f"rd_kafka_mock_{function}"
        if not hasattr(self._library, name):
            raise BrokerFailed(f"librdkafka {confluent_kafka.libversion()[0]} cannot {what}: it lacks {name}")
        with self._lock:
            code = getattr(self._library, name)(self._alive(), *arguments)
        if code != 0:
            raise BrokerFailed(f"the embedded broker could not {what}: {KafkaError(code).str()}")
