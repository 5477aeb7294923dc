"""Fake Kafka, sink and store, and what injects failures into them. They outlive the processes that use them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pyarrow as pa

from routine_load.commit.values import CommitRecord
from routine_load.errors import JobExists, MetadataError, SinkError, SourceUnavailable, StaleRange, UnknownTable
from routine_load.ids import JobId, Label, PartitionId, TableRef
from routine_load.jobs.job import Job
from routine_load.jobs.states import JobState, StarRocksReason
from routine_load.loads.values import Decoded, Origin, RejectedRow, Transformed
from routine_load.observe.failpoints import InjectedFailure
from routine_load.sql.schema import Column, ColumnType, Table, TypeName
from tests.sim.sim_stage import Stage

JOB_TABLE = TableRef("db", "t")


class Violation(AssertionError):
    """A promise was broken."""


@dataclass
class Faults:
    """How often what goes wrong. ``on`` is turned off to let everything heal."""

    stage: Stage
    rate: float
    on: bool = True
    passed: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    def strikes(self, where: str) -> bool:
        self.passed[where] += 1
        if not self.on or self.stage.dice.random() >= self.rate:
            return False
        self.failed[where] += 1
        return True

    def failpoint(self, name: str) -> None:
        self.stage.pause()
        if self.strikes(name):
            raise InjectedFailure(f"failpoint {name}")


class Topic:
    """Partitions of records, of which some are visible; markers, aborted records and compacted offsets are not."""

    def __init__(self, stage: Stage, partitions: int) -> None:
        self._stage = stage
        self.partitions: dict[PartitionId, list[bytes | None]] = {PartitionId(n): [] for n in range(partitions)}

    def produce(self) -> None:
        dice = self._stage.dice
        log = self.partitions[PartitionId(dice.randrange(len(self.partitions)))]
        for _ in range(dice.randrange(1, 12)):
            fate = dice.choices("gbw-", (80, 4, 6, 10))[0]
            log.append(None if fate == "-" else fate.encode())
        if dice.random() < 0.3:  # an aborted transaction and its marker
            log.extend([None] * dice.randrange(1, 4))

    def grow(self) -> None:
        self.partitions[PartitionId(len(self.partitions))] = []

    def end(self, partition: PartitionId) -> int:
        return len(self.partitions[partition])

    def visible(self, partition: PartitionId, start: int, end: int, fates: bytes) -> list[int]:
        log = self.partitions[partition]
        return [offset for offset in range(start, end) if log[offset] is not None and log[offset] in fates]


@dataclass
class Chunk:
    places: list[tuple[PartitionId, int]]
    values: list[bytes]
    bytes: int
    last_timestamps_ms: Mapping[PartitionId, int]

    def origin(self, index: int) -> Origin:
        partition, offset = self.places[index]
        return Origin("topic", partition, offset)


class Kafka:
    """The source's, the metadata's and the watch's port over one topic, within one process."""

    def __init__(self, topic: Topic, stage: Stage, faults: Faults) -> None:
        self.topic, self.stage, self.faults = topic, stage, faults
        self._watched: dict[JobId, list] = {}

    def _strike(self, where: str) -> None:
        self.stage.pause()
        if self.faults.strikes(where):
            raise SourceUnavailable("Kafka did not answer")

    def partitions(self, spec, deadline):
        self._strike("metadata")
        return tuple(self.topic.partitions)

    def topic_id(self, spec, deadline):
        return "topic-1"

    def watermarks(self, spec, partitions, deadline):
        self._strike("metadata")
        return {p: (0, self.topic.end(p)) for p in partitions}

    @contextmanager
    def open(self, spec, start):
        self._strike("source.assign")
        yield Consumption(self, dict(start))
        self._strike("source.unassign")

    def watch(self, job_id, spec, offsets, arrived) -> None:
        self._watched.setdefault(job_id, []).append((dict(offsets), arrived))

    def forget(self, job_id) -> None:
        self._watched.pop(job_id, None)

    def look(self) -> None:
        """What the watch's thread does: tell, once, whose partitions have something new."""
        for job_id, waiting in list(self._watched.items()):
            told = [w for w in waiting if any(self.topic.end(p) > offset for p, offset in w[0].items())]
            self._watched[job_id] = [w for w in waiting if w not in told]
            for _, arrived in told:
                arrived(job_id)


class Consumption:
    def __init__(self, kafka: Kafka, start: dict[PartitionId, int]) -> None:
        self._kafka = kafka
        self._next = start
        self.caught_up = False

    def positions(self) -> dict[PartitionId, int]:
        return dict(self._next)

    def poll(self, *, max_rows: int, max_bytes: int, deadline) -> Chunk | None:
        self._kafka._strike("source.poll")
        topic, dice = self._kafka.topic, self._kafka.stage.dice
        chunk = Chunk([], [], 0, {})
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
    """Good records become rows, bad ones are rejected, the rest is unselected."""

    def check(self, spec, table) -> None: ...

    def decoder(self, spec, table):
        return self

    def transformer(self, spec, table):
        return self

    def close(self) -> None: ...

    def decode(self, payloads) -> Decoded:
        places = [payloads.origin(n) for n in range(len(payloads.values))]
        columns = {"fate": [v.decode() for v in payloads.values]}
        columns |= {"p": [str(o.partition) for o in places], "o": [str(o.offset) for o in places]}
        return Decoded(pa.table(columns), None)

    def transform(self, decoded: Decoded) -> Transformed:
        rows = decoded.columns.to_pylist()
        good = [row for row in rows if row["fate"] == "g"]
        bad = [RejectedRow(n, b"", "", "bad") for n, row in enumerate(rows) if row["fate"] == "b"]
        table = pa.table({"p": [int(r["p"]) for r in good], "o": [int(r["o"]) for r in good]})
        return Transformed(table, tuple(bad), sum(row["fate"] == "w" for row in rows))


class Sink:
    """What the target's file holds: rows, progress and commits, moved together. ``history`` forgets nothing."""

    incarnation = "sink-1"
    fenced = True

    def __init__(self, stage: Stage, faults: Faults, store: Store) -> None:
        self.stage, self.faults, self.store = stage, faults, store
        self.rows: defaultdict[PartitionId, list[int]] = defaultdict(list)
        self.standing: dict[JobId, dict[PartitionId, int]] = {}
        self.history: list[CommitRecord] = []
        self.kept: list[CommitRecord] = []
        self.table_there = True

    def table(self, ref: TableRef) -> Table:
        self.stage.pause()
        if not self.table_there:
            raise UnknownTable(f"Unknown table '{ref.table}'")
        return Table(ref=ref, columns=(Column(name="p", type=ColumnType(name=TypeName.INT)),))

    def begin(self, label: Label, job_id: JobId, *, many_tables: bool = False) -> SinkTransaction:
        return SinkTransaction(self, label, job_id, self.stage.alive)

    def progress(self, job_id: JobId) -> dict[PartitionId, int]:
        self.stage.pause()
        return dict(self.standing.get(job_id, {}))

    def place(self, job_id, offsets, *, only: bool = False) -> None:
        self.strike("sink.place")
        standing = {} if only else self.standing.get(job_id, {})
        self.standing[job_id] = standing | dict(offsets)

    def commits_after(self, job_id, sequence: int) -> list[CommitRecord]:
        self.strike("sink.read")
        return [r for r in self.kept if r.job_id == job_id and r.sequence > sequence]

    def forget_commits(self, job_id, up_to_sequence: int) -> None:
        self.strike("sink.forget")
        self.kept = [r for r in self.kept[:-3] if r.sequence > up_to_sequence] + self.kept[-3:]

    def forget_job(self, job_id) -> None:
        raise Violation("nothing was forgotten in this story")

    def strike(self, where: str) -> None:
        self.stage.pause()
        if self.faults.strikes(where):
            raise SinkError(f"{where}: No space left on device")


class SinkTransaction:
    def __init__(self, sink: Sink, label: Label, job_id: JobId, process: int) -> None:
        self._sink, self._label, self._job_id, self._process = sink, label, job_id, process
        self._rows: list[tuple[PartitionId, int]] = []

    def write(self, batch) -> int:
        self._sink.strike("sink.write")
        self._rows += [(PartitionId(r["p"]), r["o"]) for r in batch.rows.to_pylist()]
        return batch.rows.num_rows

    def commit(self, commit) -> CommitRecord:
        sink = self._sink
        sink.strike("sink.commit")
        sink.stage.check_alive(self._process)
        standing = sink.standing.get(self._job_id, {})
        if sink.fenced and any(standing.get(r.partition) != r.start for r in commit.ranges):
            raise StaleRange("progress is no longer where the batch starts")
        sink.store.check_not_resting(self._job_id)
        standing.update({r.partition: r.end for r in commit.ranges})
        record = CommitRecord(
            sequence=len(sink.history) + 1,
            label=self._label,
            job_id=self._job_id,
            task_id=commit.task_id,
            ranges=tuple(commit.ranges),
            counts=commit.counts,
            rejects=commit.rejects,
            execute_ms=commit.execute_ms,
            committed_at_ms=int(sink.stage.now().timestamp() * 1000),
        )
        for partition, offset in self._rows:
            sink.rows[partition].append(offset)
        sink.history.append(record)
        sink.store.commits = record.sequence
        sink.kept.append(record)
        return record

    def rollback(self) -> None: ...


class Store:
    """The metadata. ``moves``: CREATE or ALTER said, behind so many commits, that a partition goes on elsewhere."""

    def __init__(self, stage: Stage, faults: Faults) -> None:
        self.stage, self.faults = stage, faults
        self.jobs: dict[JobId, Job] = {}
        self.moves: list[tuple[int, PartitionId, int, int]] = []
        self.commits = 0

    def insert(self, job: Job) -> Job:
        self._strike("store.insert")
        if self.jobs:
            raise JobExists("Name j already used in db db")
        job = replace(job, id=JobId(len(self.jobs) + 1), version=1)
        self.jobs[job.id] = job
        self.moves += [(self.commits, p, -1, offset) for p, offset in job.placing.items()]
        return job

    def get(self, job_id: JobId) -> Job | None:
        self._strike("store.read")
        return self.jobs.get(job_id)

    def live(self, database: str, name: str) -> Job | None:
        return next(iter(self.all_live()), None)

    def all_live(self) -> list[Job]:
        self._strike("store.read")
        return [job for job in self.jobs.values() if not job.state.is_final]

    def modify(self, job_id: JobId, change) -> Job:
        while True:
            current = self.get(job_id)
            assert current is not None
            changed = change(current)
            if changed is current:
                return current
            self._strike("store.write")
            if self.jobs[job_id] is current:
                break
        self._note_moves(current, changed)
        self.jobs[job_id] = changed = replace(changed, version=current.version + 1)
        return changed

    def revise(self, job_id: JobId, change, _revision) -> Job:
        return self.modify(job_id, change)

    def _note_moves(self, old: Job, new: Job) -> None:
        if new.placing and new.placing != old.placing:
            self.moves += [
                (self.commits, p, old.progress.get(p, -1), offset)
                for p, offset in new.placing.items()
                if old.placing.get(p) != offset
            ]

    def _strike(self, where: str) -> None:
        self.stage.pause()
        if self.faults.strikes(where):
            raise MetadataError("the metadata database failed, OperationalError: database is locked")

    def check_not_resting(self, job_id: JobId) -> None:
        job = self.jobs[job_id]
        manual = job.reason is not None and job.reason.code == StarRocksReason.MANUAL_PAUSE
        if job.state.is_final or (job.state is JobState.PAUSED and manual):
            raise Violation(f"a batch became visible while the job was {job.state}")
        if job.placing:
            raise Violation("a batch became visible before the offsets of CREATE or ALTER were placed")
