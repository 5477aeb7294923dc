"""Fake Kafka and compiler, and what injects failures. Topics outlive the processes that read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa

from routine_load.errors import SourceError, SourceUnavailable
from routine_load.ids import JobId, PartitionId
from routine_load.loads.values import Decoded, Origin, RejectedRow, Transformed
from routine_load.observe.failpoints import InjectedFailure
from routine_load.sql.statements import Expression
from tests.sim.sim_stage import Stage


@dataclass
class Faults:
    """How often what goes wrong, and how often a thread stands still for a while. ``on`` is turned off to let
    everything heal.
    """

    stage: Stage
    rate: float
    stalls: float = 0.0
    on: bool = True
    passed: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    def strikes(self, where: str) -> bool:
        self.passed[where] += 1
        if self.on and self.stage.dice.random() < self.stalls:
            self.stage.sleep(self.stage.dice.expovariate(2))
        if not self.on or self.stage.dice.random() >= self.rate:
            return False
        self.failed[where] += 1
        return True

    def failpoint(self, name: str) -> None:
        self.stage.pause()
        if self.strikes(name):
            raise InjectedFailure(f"failpoint {name}")


def unselected_by(where: Expression | None, offset: int) -> bool:
    """What a WHERE of the play leaves out: every third record, which ones it says with its last character."""
    return where is not None and offset % 3 == int(where.text[-1])


class Topic:
    """Partitions of records, of which some are visible; markers, aborted records and compacted offsets are not.

    A record's last byte is its fate: good, bad, or not wanted by anybody. With ``tables`` it names its table before.
    """

    def __init__(self, stage: Stage, partitions: int, tables: tuple[str, ...] = ()) -> None:
        self._stage = stage
        self._tables = tables
        self.partitions: dict[PartitionId, list[bytes | None]] = {PartitionId(n): [] for n in range(partitions)}

    def produce(self) -> None:
        dice = self._stage.dice
        log = self.partitions[PartitionId(dice.randrange(len(self.partitions)))]
        for _ in range(dice.randrange(1, 12)):
            fate = dice.choices("gbw-", (80, 4, 6, 10))[0]
            prefix = f"{dice.choice(self._tables)}|" if self._tables else ""
            log.append(None if fate == "-" else f"{prefix}{fate}".encode())
        if dice.random() < 0.3:  # an aborted transaction and its marker
            log.extend([None] * dice.randrange(1, 4))

    def grow(self) -> None:
        self.partitions[PartitionId(len(self.partitions))] = []

    def end(self, partition: PartitionId) -> int:
        return len(self.partitions[partition])

    def ends(self) -> dict[PartitionId, int]:
        return {p: len(log) for p, log in self.partitions.items()}

    def fated(self, partition: PartitionId, start: int, end: int, where: Expression | None) -> dict[str, list[int]]:
        """Visible records of a range by what has to become of them under a definition."""
        found: dict[str, list[int]] = {"g": [], "b": [], "w": []}
        for offset in range(start, end):
            value = self.partitions[partition][offset]
            if value is not None:
                fate = chr(value[-1])
                found["w" if fate == "g" and unselected_by(where, offset) else fate].append(offset)
        return found


@dataclass
class Chunk:
    topic: str
    places: list[tuple[PartitionId, int]]
    values: list[bytes]
    bytes: int
    last_timestamps_ms: Mapping[PartitionId, int]

    @property
    def weight(self) -> int:
        return self.bytes

    def origin(self, index: int) -> Origin:
        partition, offset = self.places[index]
        return Origin(self.topic, partition, offset)


class Kafka:
    """The source's, the metadata's and the watch's port over the topics, within one process."""

    def __init__(self, topics: Mapping[str, Topic], stage: Stage, faults: Faults) -> None:
        self.topics, self.stage, self.faults = topics, stage, faults
        self._watched: dict[JobId, list] = {}

    def strike(self, where: str) -> None:
        self.stage.pause()
        if self.faults.strikes(where):
            raise SourceUnavailable("Kafka did not answer")

    def _topic(self, spec) -> Topic:
        self.strike("metadata")
        if spec.topic not in self.topics:
            raise SourceError(f"topic {spec.topic} does not exist")
        return self.topics[spec.topic]

    def partitions(self, spec, deadline):
        return tuple(self._topic(spec).partitions)

    def topic_id(self, spec, deadline):
        return f"id of {spec.topic}"

    def watermarks(self, spec, partitions, deadline):
        topic = self._topic(spec)
        return {p: (0, topic.end(p)) for p in partitions}

    @contextmanager
    def open(self, spec, start):
        self.strike("source.assign")
        yield Consumption(self, spec.topic, dict(start))
        self.strike("source.unassign")

    def watch(self, job_id, spec, offsets, arrived) -> None:
        self._watched.setdefault(job_id, []).append((self.topics[spec.topic], dict(offsets), arrived))

    def forget(self, job_id) -> None:
        self._watched.pop(job_id, None)

    def look(self) -> None:
        """What the watch's thread does: tell, once, whose partitions have something new."""
        for job_id, waiting in list(self._watched.items()):
            told = [w for w in waiting if any(w[0].end(p) > offset for p, offset in w[1].items())]
            self._watched[job_id] = [w for w in waiting if w not in told]
            for _, _, arrived in told:
                arrived(job_id)


class Consumption:
    def __init__(self, kafka: Kafka, topic: str, start: dict[PartitionId, int]) -> None:
        self._kafka = kafka
        self._name = topic
        self._next = start
        self.caught_up = False

    def positions(self) -> dict[PartitionId, int]:
        return dict(self._next)

    def poll(self, *, max_rows: int, max_bytes: int, deadline) -> Chunk | None:
        self._kafka.strike("source.poll")
        topic, dice = self._kafka.topics[self._name], self._kafka.stage.dice
        chunk = Chunk(self._name, [], [], 0, {})
        room = min(max_rows, dice.randrange(1, 30))
        for partition in dice.sample(sorted(self._next), len(self._next)):
            log = topic.partitions[partition]
            while self._next[partition] < len(log) and len(chunk.values) < room:
                value, offset = log[self._next[partition]], self._next[partition]
                self._next[partition] += 1
                if value is not None:
                    chunk.places.append((partition, offset))
                    chunk.values.append(value)
        self.caught_up = all(topic.end(p) <= offset for p, offset in self._next.items())
        chunk.bytes = len(chunk.values)
        if not chunk.values:
            self._kafka.stage.pause(lambda: False, deadline.at)
        return chunk if chunk.values else None


class Compiler:
    """Good records become rows, bad ones are rejected, the rest is unselected. Rows carry the WHERE they passed."""

    def __init__(self, where: Expression | None = None) -> None:
        self._where = where

    def check(self, spec, table) -> None: ...

    def decoder(self, spec, table):
        return self

    def transformer(self, spec, table):
        return Compiler(spec.where)

    def close(self) -> None: ...

    def prepare(self, payloads) -> None: ...

    def decode(self, payloads) -> Decoded:
        places = [payloads.origin(n) for n in range(len(payloads.values))]
        columns = {"fate": [chr(v[-1]) for v in payloads.values], "topic": [o.topic for o in places]}
        columns |= {"p": [str(o.partition) for o in places], "o": [str(o.offset) for o in places]}
        return Decoded(pa.table(columns), None)

    def transform(self, decoded: Decoded) -> Transformed:
        rows, where = decoded.columns.to_pylist(), self._where
        bad = [RejectedRow(n, b"", "", "bad") for n, row in enumerate(rows) if row["fate"] == "b"]
        good = [row for row in rows if row["fate"] == "g" and not unselected_by(where, int(row["o"]))]
        table = pa.table(
            {
                "p": [int(r["p"]) for r in good],
                "o": [int(r["o"]) for r in good],
                "topic": [r["topic"] for r in good],
                "where": [where.text if where else "" for _ in good],
            }
        )
        return Transformed(table, tuple(bad), len(rows) - len(good) - len(bad))
