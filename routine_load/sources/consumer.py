"""Bounded consumption: assigned partitions, from given offsets, in one thread, without a consumer group's say.

``positions`` are next offsets of what was handed out: behind the last message, or at the end of the partition where
that is further (transaction markers and compaction leave gaps that no message shows). No Python statement runs per
message unless it is an event: end of partition or an error.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import filterfalse

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from routine_load.clock import Clock, Deadline, SystemClock
from routine_load.errors import BrokenInvariant, OffsetOutOfRange, SourceError, SourceUnavailable
from routine_load.ids import PartitionId
from routine_load.sources.chunk import Gathered, KafkaChunk
from routine_load.sources.connections import Connection, ConnectionPool, Setting
from routine_load.tasks.ports import KafkaSpec

_DEFAULTS: dict[str, Setting] = {
    "fetch.wait.max.ms": 20,  # what an end-of-partition event waits for
    "fetch.max.bytes": 4 * 1024 * 1024,
    "max.partition.fetch.bytes": 1024 * 1024,
    "fetch.queue.backoff.ms": 5,  # the default of a second is a pause in each full queue
    "fetch.error.backoff.ms": 100,
    "topic.metadata.propagation.max.ms": 5_000,
    "check.crcs": False,
}
_DUTIES: dict[str, Setting] = {
    "enable.partition.eof": True,
    # The kilobytes count values alone: keys and headers, a megabyte each, are bounded by the number of messages. An
    # answer of a broker has megabytes of small ones, so that a hundred should be no brake: on one machine the best of
    # three loads was as fast as with 1,000,000. A broker that is far away was not measured.
    "queued.min.messages": 100,
    "queued.max.messages.kbytes": 2 * 1024,
}
_DRAIN_ROWS = 10_000
_WAIT_S = 0.1
_DRAIN_CALLS = 100
_LEARN_S = 2.0
_TOPICS_KNOWN_MAX = 10_000
_WATERMARK_S = 1.0

# The library's names for its own faults begin with an underscore and are public.
_END = KafkaError._PARTITION_EOF
_OUT_OF_RANGE = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})
_GONE = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC})
_PASSING = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TRANSPORT,
        KafkaError._TIMED_OUT,
        KafkaError._RESOLVE,
    }
)


class KafkaSource:
    """Implements the tasks' port. Consumers are shared by jobs with equal connections, one task at a time."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        unavailable_s: float = 8.0,
        idle_max: int = 8,
    ) -> None:
        self._clock = clock or SystemClock()
        self._unavailable_s = unavailable_s
        self._pool = ConnectionPool(_DEFAULTS, _DUTIES, clock=clock, idle_max=idle_max)

    @contextlib.contextmanager
    def open(self, spec: KafkaSpec, start: Mapping[PartitionId, int]) -> Iterator[KafkaConsumption]:
        """Consume these partitions from these offsets; the consumer goes back to its pool at the end."""
        patience = Patience(self._clock, self._unavailable_s)
        with self._pool.use(spec) as connection:
            consumer = connection.consumer
            try:
                _learn(connection, spec, start)
                consumer.assign([TopicPartition(spec.topic, each, offset) for each, offset in start.items()])
                yield KafkaConsumption(connection, spec, start, patience)
                consumer.unassign()
                for _ in range(_DRAIN_CALLS):  # nothing of this assignment may reach the next one
                    if not consumer.consume(_DRAIN_ROWS, 0):
                        break
            except KafkaException as error:
                raise SourceError(f"kafka consume failed, err: {error.args[0].str()}") from error

    def close(self) -> None:
        self._pool.close()


def _learn(connection: Connection, spec: KafkaSpec, start: Mapping[PartitionId, int]) -> None:
    """Ask for the leaders of partitions that are new to this client; by itself it would wait half a second to ask."""
    if max(start, default=0) < connection.partitions_known.get(spec.topic, 0):
        return
    try:
        topic = connection.consumer.list_topics(spec.topic, timeout=_LEARN_S).topics[spec.topic]
    except KafkaException:
        return  # consuming waits for the broker, and tells what is wrong with it
    if topic.error is not None:
        if topic.error.code() in _GONE:
            raise SourceError(f"topic {spec.topic} does not exist at {spec.brokers}")
        return
    unknown = sorted(set(start) - set(topic.partitions))
    if unknown:
        raise SourceError(f"partition {unknown[0]} of {spec.topic} does not exist at {spec.brokers}")
    if len(connection.partitions_known) >= _TOPICS_KNOWN_MAX:
        connection.partitions_known.clear()
    connection.partitions_known[spec.topic] = len(topic.partitions)


@dataclass(slots=True)
class Patience:
    """How long no broker may be heard before that is an error."""

    clock: Clock
    limit_s: float
    _until: float = field(init=False)

    def __post_init__(self) -> None:
        self.heard()

    def heard(self) -> None:
        self._until = self.clock.monotonic() + self.limit_s

    @property
    def over(self) -> bool:
        return self.clock.monotonic() >= self._until


class KafkaConsumption:
    """One task's reading. Not for several threads."""

    def __init__(
        self, connection: Connection, spec: KafkaSpec, start: Mapping[PartitionId, int], patience: Patience
    ) -> None:
        self._connection = connection
        self._spec = spec
        self._patience = patience
        self._next: dict[int, int] = {int(each): offset for each, offset in start.items()}
        self._end: dict[int, int] = {}  # where Kafka said the partition ends
        self._unseen: set[int] = set(start)  # partitions of which nothing was heard in this assignment
        self._held: list[Message] = []  # consumed, not handed out
        self._events: list[Message] = []  # to be minded after what is held
        self._failure: SourceError | None = None

    def poll(self, *, max_rows: int, max_bytes: int, deadline: Deadline) -> KafkaChunk | None:
        """Next chunk. Where all partitions were at their end before, it waits for new messages until the deadline."""
        if max_rows < 1 or max_bytes < 1:
            raise ValueError(f"max_rows={max_rows} and max_bytes={max_bytes} must be at least 1")
        if self._failure is not None:
            raise self._failure
        gathered = Gathered(max_rows, max_bytes, self._spec.carried)
        self._gather(gathered, deadline)
        if gathered.values:  # a failure is told by the next poll: what was handed out counts first
            return gathered.finished(self._spec.topic)
        if self._failure is not None:
            raise self._failure
        return None

    def _gather(self, gathered: Gathered, deadline: Deadline) -> None:
        waits_at_end = self.caught_up
        while (room := gathered.room) and self._failure is None:
            if self._held:
                self._hand_out(gathered)
                if self._held:  # the next message does not fit
                    return
            self._mind_events()
            if self._failure is not None or self._receive(self._consume(room)):
                continue
            at_end = (gathered.values or not waits_at_end) and self._reached_end()
            if at_end or deadline.expired:
                return
            self._wait(min(_WAIT_S, deadline.remaining))

    def positions(self) -> dict[PartitionId, int]:
        return {PartitionId(each): offset for each, offset in self._next.items()}

    @property
    def caught_up(self) -> bool:
        """All partitions are read to the end that Kafka last reported, and nothing is held back."""
        return not self._held and all(self._end.get(each, -1) >= offset for each, offset in self._next.items())

    def _consume(self, rows: int) -> list[Message]:
        """What librdkafka has, without waiting."""
        try:
            return self._connection.consumer.consume(rows, 0)
        except KafkaException as error:
            self._failure = SourceError(f"kafka consume failed, err: {error.args[0].str()}")
            return []

    def _wait(self, seconds: float) -> None:
        """Wait for one message or event; a whole ``consume`` would wait for all it may take."""
        message = self._connection.consumer.poll(seconds)
        if message is not None:
            self._receive([message])
            return
        trouble = self._connection.trouble
        if trouble is None:
            return
        if trouble.code in _GONE:
            self._failure = SourceError(f"{trouble.text}, at {self._spec.brokers}")
        elif self._patience.over:
            self._failure = SourceUnavailable(
                f"Kafka at {self._spec.brokers} did not answer for topic {self._spec.topic} within "
                f"{self._patience.limit_s:.1f} s: {trouble.text}"
            )

    def _receive(self, messages: list[Message]) -> bool:
        """Tell messages from events; false where there is neither."""
        if not messages:
            return False
        self._patience.heard()
        if any(map(Message.error, messages)):
            self._events = list(filter(Message.error, messages))
            messages = list(filterfalse(Message.error, messages))
        self._held = messages
        if self._unseen and messages:
            self._see_first(messages)
        return True

    def _see_first(self, messages: Sequence[Message]) -> None:
        """The first message of each partition belongs to this assignment, whoever had the consumer before."""
        backwards = messages[::-1]
        first = dict(zip(map(Message.partition, backwards), backwards, strict=True))
        for number in self._unseen.intersection(first):
            message = first[number]
            offset = message.offset()
            if message.topic() != self._spec.topic or offset is None or offset < self._next[number]:
                raise BrokenInvariant(
                    f"consumed {message.topic()}[{number}] at {offset}, assigned was {self._spec.topic}[{number}] "
                    f"at {self._next[number]}"
                )
        self._unseen.difference_update(first)

    def _hand_out(self, gathered: Gathered) -> None:
        self._held, reached = gathered.take(self._held)
        self._next.update(reached)

    def _mind_events(self) -> None:
        events, self._events = self._events, []
        for event in events:
            error, number, offset = event.error(), event.partition(), event.offset()
            assert error is not None
            if error.code() == _END:
                if number in self._next and offset is not None:
                    self._end[number] = offset
                    self._next[number] = max(self._next[number], offset)
            elif error.code() in _PASSING or error.retriable():
                continue
            elif self._failure is None:
                self._failure = self._told(error, number, offset)

    def _told(self, error: KafkaError, number: int | None, offset: int | None) -> SourceError:
        text = error.str()
        if error.code() in _OUT_OF_RANGE and number is not None:
            return OffsetOutOfRange(
                f"{text}, this is no data in partition: {number} at offset: {offset}. you can modify kafka_offsets by "
                f"alter routine load, then resume the job. {self._watermarks_in_words(number)}"
            )
        if error.code() in _GONE:
            where = f"topic {self._spec.topic}" if number in {None, -1} else f"partition {number} of {self._spec.topic}"
            return SourceError(f"{where} does not exist at {self._spec.brokers}: {text}")
        if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            topic = self._spec.topic
            text += f". You should add READ permission for this topic: {topic} in topic ACLs"
        return SourceError(f"kafka consume failed, err: {text}")

    def _watermarks_in_words(self, number: int) -> str:
        try:
            answer = self._connection.consumer.get_watermark_offsets(
                TopicPartition(self._spec.topic, number), timeout=_WATERMARK_S
            )
        except KafkaException:
            answer = None
        if answer is None:
            return "Kafka did not tell which offsets it has"
        low, high = answer
        return f"Kafka has offsets from {low} up to, not including, {high}"

    def _reached_end(self) -> bool:
        """Caught up by an event, or by the high watermark that came with the last messages of a partition."""
        for number, offset in self._next.items():
            if number in self._unseen or self._end.get(number, -1) >= offset:
                continue  # before the first message the cached watermark may be of another assignment
            answer = self._connection.consumer.get_watermark_offsets(
                TopicPartition(self._spec.topic, number), cached=True
            )
            if answer is None or answer[1] < 0 or answer[1] > offset:
                return False
            self._end[number] = offset
        return self.caught_up
