"""The watch: which caught-up jobs have new records waiting. It reads one message per partition, and loads nothing.

Each distinct connection has one consumer in one thread, which sleeps in librdkafka. A partition that several jobs
watch is assigned once, at the lowest of their offsets. A job that waits for a message is told once and then no longer
watched there. Beyond ``connections_max`` a job is not watched: its interval still brings it up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from routine_load.errors import SourceError
from routine_load.ids import JobId, PartitionId
from routine_load.sources.connections import Connection, ConnectionKey, Setting, client_settings, connection_key
from routine_load.tasks.ports import KafkaSpec

Arrived = Callable[[JobId], None]
Place = tuple[str, int]
"""Topic and partition."""

_DUTIES: dict[str, Setting] = {
    "enable.partition.eof": False,
    "fetch.min.bytes": 1,
    "max.partition.fetch.bytes": 1,  # one batch, however small
    "fetch.wait.max.ms": 100,  # a newly watched partition waits for the fetch that is under way
    "queued.min.messages": 1,
    "queued.max.messages.kbytes": 64,
    "fetch.queue.backoff.ms": 50,
    "fetch.error.backoff.ms": 500,
    "topic.metadata.propagation.max.ms": 5_000,
    "check.crcs": False,
}
_SLEEP_S = 0.05
_RETRY_S = 1.0
_IDLE_S = 30.0
_BURST = 1000
_CONSUMED = -1  # no offset: whoever wants the place again gets it assigned anew
_OUT_OF_RANGE = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})


class KafkaWatch:
    """Implements the scheduler's port. Never blocks its callers on Kafka, and never raises out of its threads."""

    def __init__(self, *, connections_max: int = 64) -> None:
        self._connections_max = connections_max
        self._lock = threading.Lock()
        self._watchers: dict[ConnectionKey, _Watcher] = {}
        self._closed = False

    def watch(self, job_id: JobId, spec: KafkaSpec, offsets: Mapping[PartitionId, int], arrived: Arrived) -> None:
        """Tell ``arrived`` once when a record at or behind one of these offsets is there."""
        key = connection_key(spec)
        with self._lock:
            if self._closed:
                return
            for other, watcher in self._watchers.items():
                if other != key:  # the job's connection was altered
                    watcher.forget(job_id)
            current = self._watchers.get(key)
            if current is None or not current.add(job_id, spec.topic, offsets, arrived):
                self._watchers.pop(key, None)
                if len(self._watchers) >= self._connections_max:
                    return
                current = self._watchers[key] = _Watcher(spec)
                current.add(job_id, spec.topic, offsets, arrived)

    def forget(self, job_id: JobId) -> None:
        with self._lock:
            for watcher in self._watchers.values():
                watcher.forget(job_id)

    def close(self) -> None:
        """Stop all threads; no call of ``arrived`` begins afterwards."""
        with self._lock:
            self._closed = True
            watchers, self._watchers = list(self._watchers.values()), {}
        for watcher in watchers:
            watcher.stop()
        for watcher in watchers:
            watcher.join()


class _Wanted:
    """Who waits for what: per place the next offset of each job, and whom to tell. Guarded by its owner."""

    def __init__(self) -> None:
        self.waiting: dict[Place, dict[JobId, int]] = {}
        self.changed: set[Place] = set()
        self._callbacks: dict[tuple[Place, JobId], Arrived] = {}
        self._places: dict[JobId, set[Place]] = {}

    def add(self, job_id: JobId, topic: str, offsets: Mapping[PartitionId, int], arrived: Arrived) -> None:
        places = self._places.setdefault(job_id, set())
        for place in [place for place in places if place[0] != topic]:
            self._drop(place, job_id)  # the job reads another topic now
        for partition, offset in offsets.items():
            place = (topic, int(partition))
            self.waiting.setdefault(place, {})[job_id] = offset
            self._callbacks[place, job_id] = arrived
            places.add(place)
            self.changed.add(place)

    def forget(self, job_id: JobId) -> None:
        for place in list(self._places.pop(job_id, ())):
            self._drop(place, job_id)

    def arrived_at(self, place: Place, offset: int | None) -> set[tuple[JobId, Arrived]]:
        """Jobs that a message there concerns (None: all of the place); they no longer wait for this place."""
        jobs = self.waiting.get(place, {})
        concerned = [job for job, wanted in jobs.items() if offset is None or wanted <= offset]
        told = {(job, self._callbacks[place, job]) for job in concerned}
        for job in concerned:
            self._drop(place, job)
        self.changed.add(place)
        return told

    def _drop(self, place: Place, job_id: JobId) -> None:
        jobs = self.waiting[place]
        del jobs[job_id], self._callbacks[place, job_id]
        if not jobs:
            del self.waiting[place]
        self._places.get(job_id, set()).discard(place)
        self.changed.add(place)


class _Watcher:
    """One connection's thread. ``assigned`` belongs to the thread, ``_wanted`` to whoever holds the lock."""

    def __init__(self, spec: KafkaSpec) -> None:
        self._spec = spec
        self._lock = threading.Lock()
        self._wanted = _Wanted()
        self._ended = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kafka-watch", daemon=True)
        self._thread.start()

    def add(self, job_id: JobId, topic: str, offsets: Mapping[PartitionId, int], arrived: Arrived) -> bool:
        """False where the thread has ended for want of work."""
        with self._lock:
            if self._ended:
                return False
            self._wanted.add(job_id, topic, offsets, arrived)
            return True

    def forget(self, job_id: JobId) -> None:
        with self._lock:
            self._wanted.forget(job_id)

    def stop(self) -> None:
        self._stop.set()

    def join(self) -> None:
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=5.0)

    def _run(self) -> None:
        idle_s = 0.0
        while not self._stop.is_set():
            try:
                settings = client_settings(self._spec, {}, _DUTIES)
                connection = Connection(connection_key(self._spec), settings)
            except SourceError:  # CREATE has tried these properties; a file may be missing now
                self._stop.wait(_RETRY_S)
                continue
            assigned: dict[Place, int] = {}
            try:
                while not self._stop.is_set():
                    self._assign(connection, assigned)
                    idle_s = 0.0 if assigned else idle_s + _SLEEP_S
                    if idle_s >= _IDLE_S and self._end():
                        return
                    self._listen(connection, assigned)
            except KafkaException:  # the client is spent: another one takes over
                self._stop.wait(_RETRY_S)
            finally:
                connection.close()
            with self._lock:
                self._wanted.changed.update(self._wanted.waiting)

    def _end(self) -> bool:
        with self._lock:
            self._ended = not self._wanted.waiting
            return self._ended

    def _assign(self, connection: Connection, assigned: dict[Place, int]) -> None:
        """Bring the assignment to what is wanted: only the places that changed are touched."""
        with self._lock:
            changed, self._wanted.changed = self._wanted.changed, set()
            targets = {
                place: min(self._wanted.waiting[place].values(), default=0)
                for place in changed
                if place in self._wanted.waiting
            }
        gone = [place for place in changed if place in assigned and assigned[place] != targets.get(place)]
        come = [place for place in targets if place not in assigned or place in gone]
        if gone:
            connection.consumer.incremental_unassign([TopicPartition(*place) for place in gone])
            for place in gone:
                del assigned[place]
        if come:
            connection.consumer.incremental_assign([TopicPartition(*place, targets[place]) for place in come])
            assigned.update({place: targets[place] for place in come})

    def _listen(self, connection: Connection, assigned: dict[Place, int]) -> None:
        first = connection.consumer.poll(_SLEEP_S)
        if first is None:
            return
        told: set[tuple[JobId, Arrived]] = set()
        for message in [first, *connection.consumer.consume(_BURST, 0)]:
            told |= self._heard(message, assigned)
        for job_id, arrived in told:
            arrived(job_id)

    def _heard(self, message: Message, assigned: dict[Place, int]) -> set[tuple[JobId, Arrived]]:
        error, topic, partition = message.error(), message.topic(), message.partition()
        if topic is None or partition is None or (error is not None and error.code() not in _OUT_OF_RANGE):
            return set()  # complaints that pass; a topic that is gone is found by the metadata's refresh
        place = (topic, partition)
        with self._lock:
            told = self._wanted.arrived_at(place, message.offset() if error is None else None)
        if place in assigned and told:
            assigned[place] = _CONSUMED
        return told
