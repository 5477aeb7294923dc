"""A world without Kafka and tables, for the scheduler at scale: topics grow, batches are counted, nothing waits.

Only what lies outside the scheduler and the metadata is made up: source, watch, Kafka's metadata, conversion and sink.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa

from routine_load.commit.values import CommitRecord
from routine_load.errors import StaleRange
from routine_load.loads.values import Decoded, Origin, Transformed
from routine_load.sql.schema import Column, ColumnType, Table, TypeName

MESSAGE = b"0123456789" * 10
_KEPT = 3


class Topics:
    """The source's, the watch's and the metadata's port. ``grow`` adds messages and tells who watches."""

    def __init__(self, topics: int, partitions: int) -> None:
        self.ends = {f"topic{n}": [0] * partitions for n in range(topics)}
        self.lock = threading.Lock()
        self._watching: dict[tuple[str, int], list] = {}
        self.asked = 0

    def grow(self, topic: str, partition: int, messages: int) -> None:
        with self.lock:
            self.ends[topic][partition] += messages
            told = self._watching.pop((topic, partition), [])
        for job_id, arrived in told:
            arrived(job_id)

    def partitions(self, spec, deadline):
        self.asked += 1
        return tuple(range(len(self.ends[spec.topic])))

    def topic_id(self, spec, deadline):
        return f"id-{spec.topic}"

    def watermarks(self, spec, partitions, deadline):
        return {p: (0, self.ends[spec.topic][p]) for p in partitions}

    def watch(self, job_id, spec, offsets, arrived):
        at_once = False
        with self.lock:
            for partition, offset in offsets.items():
                if self.ends[spec.topic][partition] > offset:
                    at_once = True
                else:
                    self._watching.setdefault((spec.topic, partition), []).append((job_id, arrived))
        if at_once:
            arrived(job_id)

    def forget(self, job_id):
        with self.lock:
            self._watching = {k: [w for w in v if w[0] != job_id] for k, v in self._watching.items()}

    @contextmanager
    def open(self, spec, start):
        yield _Consumption(self.ends[spec.topic], spec.topic, dict(start))


@dataclass
class _Chunk:
    topic: str
    places: list
    values: list
    last_timestamps_ms: dict = field(default_factory=dict)

    @property
    def weight(self):
        return len(self.values) * len(MESSAGE)

    @property
    def bytes(self):
        return self.weight

    def origin(self, index):
        return Origin(self.topic, *self.places[index])


class _Consumption:
    def __init__(self, ends, topic, start):
        self._ends, self._topic, self._next = ends, topic, start
        self.caught_up = False

    def positions(self):
        return dict(self._next)

    def poll(self, *, max_rows, max_bytes, deadline):
        places = []
        for partition, offset in self._next.items():
            end = min(self._ends[partition], offset + max_rows - len(places))
            places += [(partition, each) for each in range(offset, end)]
            self._next[partition] = end
        if not places and self.caught_up:
            time.sleep(deadline.remaining)  # as a consumer does that waits for more
        self.caught_up = all(self._ends[p] <= offset for p, offset in self._next.items())
        return _Chunk(self._topic, places, [MESSAGE] * len(places)) if places else None


class Compiler:
    """Every message is a row."""

    def check(self, spec, table): ...

    def decoder(self, spec, table):
        return self

    def transformer(self, spec, table):
        return self

    def close(self): ...

    def prepare(self, payloads): ...

    def decode(self, payloads):
        return Decoded(pa.table({"a": payloads.values}), None)

    def transform(self, decoded):
        return Transformed(decoded.columns, (), 0)


class Sink:
    """Progress and the newest commits of each job, under one lock, checked as the real one checks them."""

    incarnation = "scale"

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.standing: dict[int, dict[int, int]] = {}
        self.kept: dict[int, list[CommitRecord]] = {}
        self.commits = self.rows = 0

    def table(self, ref):
        return Table(ref=ref, columns=(Column(name="a", type=ColumnType(name=TypeName.VARCHAR)),))

    def progress(self, job_id):
        return dict(self.standing.get(job_id, {}))

    def place(self, job_id, offsets, *, only=False):
        with self.lock:
            self.standing[job_id] = ({} if only else self.standing.get(job_id, {})) | dict(offsets)

    def commits_after(self, job_id, sequence):
        return [each for each in self.kept.get(job_id, ()) if each.sequence > sequence]

    def forget_commits(self, job_id, up_to_sequence):
        with self.lock:
            kept = self.kept.get(job_id, [])
            self.kept[job_id] = [r for r in kept[:-_KEPT] if r.sequence > up_to_sequence] + kept[-_KEPT:]

    def settle(self, job_id): ...

    def open_rejects(self):
        return ()

    def begin(self, label, job_id, *, many_tables=False):
        return _Transaction(self, label, job_id)


class _Transaction:
    is_full = False

    def __init__(self, sink, label, job_id):
        self._sink, self._label, self._job_id, self._rows = sink, label, job_id, 0

    def write(self, batch):
        self._rows += batch.rows.num_rows
        return ()

    def rollback(self): ...

    def commit(self, commit):
        sink = self._sink
        with sink.lock:
            progress = sink.standing[self._job_id]
            for each in commit.ranges:
                if progress[each.partition] != each.start:
                    raise StaleRange("progress is no longer where the batch starts")
            progress.update({each.partition: each.end for each in commit.ranges})
            sink.commits += 1
            sink.rows += self._rows
            record = CommitRecord(
                sequence=sink.commits,
                label=self._label,
                job_id=self._job_id,
                task_id=commit.task_id,
                ranges=tuple(commit.ranges),
                counts=commit.counts,
                timestamps_ms=commit.timestamps_ms,
                rejects=commit.rejects,
                execute_ms=commit.execute_ms,
                committed_at_ms=1,
                first_error=commit.first_error,
                txn_id=commit.txn_id,
            )
            sink.kept.setdefault(self._job_id, []).append(record)
        return record
