"""The ports of a process in the schedules of cuts: target, log of intents, jobs, rejected rows, and the sink in a file.

The target is watched by a judge of its own, who knows nothing of offsets: what is asked of a label, and when.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from routine_load.commit.labels import LabelState, Outcome, Part, Prepared, Reply
from routine_load.commit.protocol import IntentState
from routine_load.commit.values import CommitRecord
from routine_load.errors import CommitUnsettled, LeadershipLost, SinkError, StaleRange
from routine_load.ids import JobId, Label, TableRef, TxnId
from routine_load.jobs.job import Job
from routine_load.sql.schema import Column, ColumnType, Table, TypeName
from tests.sim.cuts_records import REFUSED, places
from tests.sim.cuts_world import JOB, World
from tests.support.fake_target import FakeTarget, Trouble, Txn
from tests.support.memory_intents import MemoryIntents

_UNHEARD = Prepared(reply=Reply.unknown("the connection was reset"))
_ROLLED_BACK = {IntentState.ABANDONING, IntentState.ABANDONED, IntentState.FINISHED}


class Target(FakeTarget):
    """A cluster that is asked in three requests (StarRocks: begin, load, prepare)."""

    def __init__(self, world: World) -> None:
        super().__init__(disturb=self._disturbed)
        self._world = world
        self._begun: set[Label] = set()
        self.refused_rows = lambda row: world.records.workload.fates[row["p"]][row["o"]] == REFUSED

    def _disturbed(self, operation: str, label: Label) -> Trouble:
        self._check(operation, label)
        return self._world.request(f"target.{operation}")

    def _check(self, operation: str, label: Label) -> None:
        """Invariants 3 and 4: a commit is asked for behind its decision, a rollback behind its being given up."""
        intent = self._world.kept.intents.get(label)
        if operation == "commit" and (intent is None or not intent.was_decided):
            raise self._world.violated(f"phantom: the commit of {label} is asked for, which nobody has decided")
        if operation == "rollback" and (intent is None or intent.state not in _ROLLED_BACK):
            raise self._world.violated(f"lost: {label} is rolled back, which is {intent and intent.state}")

    def prepare(self, part: Part, body: Any) -> Prepared:
        rows = tuple(row for batch in body.batches() for row in batch.to_pylist())
        steps: list[tuple[str, Callable[[], Prepared]]] = [
            ("begin", lambda: self._begin(part)),
            ("load", lambda: self._load(part, rows)),
            ("prepare", lambda: self._end(part)),
        ]
        for name, step in steps:
            if name != "prepare":
                self._world.point(f"commit.{name}.before")
            done: Prepared = self._request(name, part, step, _UNHEARD)
            if name != "prepare":
                self._world.point(f"commit.{name}.after")
            if done.reply.outcome is not Outcome.DONE:
                return done
        return done

    def _begin(self, part: Part) -> Prepared:
        key = (part.table.database, part.label)
        known = self.txns.get(key)
        if known is not None and known.state is not LabelState.ABORTED:
            return Prepared(reply=Reply.refused(f"Label [{part.label}] has already been used."))
        if part.label in self._begun:
            raise self._world.violated(f"duplicate: label {part.label} is begun twice")
        self._begun.add(part.label)
        self._ids += 1
        self.txns[key] = Txn(part.table, TxnId(self._ids), LabelState.PREPARE)
        return Prepared(reply=Reply.done())

    def _load(self, part: Part, rows: tuple[dict[str, int], ...]) -> Prepared:
        key = (part.table.database, part.label)
        txn = self.txns.get(key)
        if txn is None or txn.state is not LabelState.PREPARE:
            return Prepared(reply=Reply.refused(f"{part.label} cannot be loaded into"))
        self.txns[key] = replace(txn, rows=rows)
        return Prepared(reply=Reply.done())

    def _end(self, part: Part) -> Prepared:
        key = (part.table.database, part.label)
        txn = self.txns.get(key)
        if txn is None or txn.state is not LabelState.PREPARE:
            return Prepared(reply=Reply.refused(f"{part.label} cannot be prepared"))
        taken = tuple(row for row in txn.rows if not self.refused_rows(row))
        counts = {"loaded": len(taken), "filtered": len(txn.rows) - len(taken)}
        if not taken:
            self.txns[key] = replace(txn, state=LabelState.ABORTED)
            refusal = Reply.refused("No partitions have data available for loading")
            return Prepared(reply=refusal, is_empty=True, first_error="bad", **counts)
        self.txns[key] = replace(txn, state=LabelState.PREPARED, rows=taken)
        return Prepared(reply=Reply.done(), txn_id=txn.txn_id, **counts)


class Intents(MemoryIntents):
    """The log of one process; every transaction may be struck."""

    def __init__(self, world: World) -> None:
        super().__init__(world.kept, "rl", lambda: int(world.now().timestamp() * 1000))
        self._world = world

    def intend(self, record, tables):
        return self._world.write("intents.intend", lambda: MemoryIntents.intend(self, record, tables))

    def finish_without_target(self, record):
        return self._world.write("intents.finish", lambda: MemoryIntents.finish_without_target(self, record))

    def decide(self, intent, report):
        return self._world.write("intents.decide", lambda: MemoryIntents.decide(self, intent, report))

    def move(self, intent, to, reason):
        return self._world.write("intents.move", lambda: MemoryIntents.move(self, intent, to, reason))

    def finish(self, intent, report=None):
        return self._world.write("intents.finish", lambda: MemoryIntents.finish(self, intent, report))

    def place(self, job_id, offsets, *, only=False):
        """The rows are locked by the first statement: whoever places again waits for what becomes of it."""
        placed = lambda: MemoryIntents.place(self, job_id, offsets, only=only)  # noqa: E731 - one use
        self._world.write("intents.place", placed, locks=True)


class Jobs:
    """The metadata's record of the job, as one process may write it."""

    def __init__(self, world: World, is_fenced: Callable[[], bool]) -> None:
        self._world, self._is_fenced = world, is_fenced

    def get(self, _job_id: JobId) -> Job | None:
        self._world.check_alive()
        return self._world.job

    def all_live(self) -> list[Job]:
        job = self.get(JOB)
        return [job] if job else []

    def modify(self, job_id: JobId, change: Callable[[Job], Job]) -> Job:
        while True:
            current = self.get(job_id)
            assert current is not None
            changed = change(current)
            if changed is current:
                return current
            saved = self._world.write("jobs.modify", lambda: self._save(current, changed))  # noqa: B023 - called at once, or held back as it is
            if saved is not None:
                return saved

    def modify_all(self, job_ids: Sequence[JobId], change: Callable[[Job], Job]) -> list[Job]:
        return [self.modify(job_id, change) for job_id in job_ids]

    def _save(self, current: Job, changed: Job) -> Job | None:
        if self._is_fenced():
            raise LeadershipLost("another coordinator writes now")
        if self._world.job is not current:
            return None
        self._world.job = replace(changed, version=current.version + 1)
        return self._world.job


class Rejects:
    """The folder of rejected rows (``loads.rejects.RejectLog``) of one process."""

    def __init__(self, world: World) -> None:
        self.world, self.folder = world, world.folders[-1]

    def open(self, _source) -> RejectedRows:
        return RejectedRows(self)

    def publish(self, opaque_id: str) -> None:
        self.world.check_alive()
        if opaque_id in self.folder.pending:
            self.folder.published[opaque_id] = self.folder.pending.pop(opaque_id)

    def settle(self, is_committed: Callable[[str], bool]) -> None:
        for opaque_id in list(self.folder.pending):
            if is_committed(opaque_id):
                self.publish(opaque_id)
            else:
                del self.folder.pending[opaque_id]


_numbers = itertools.count(1)


@dataclass
class RejectedRows:
    log: Rejects
    id: str = ""
    count: int = 0
    first_error: str = ""
    _rows: list[tuple[int, int]] = field(default_factory=list)

    def add(self, _table, payloads, rows, _at) -> None:
        if rows:
            self.id = self.id or f"rejects-{next(_numbers)}"
            self._rows += places(payloads, rows)
            self.first_error, self.count = "bad", len(self._rows)

    def seal(self) -> None:
        if self.id:
            self.log.world.check_alive()
            self.log.folder.pending[self.id] = list(self._rows)

    def discard(self) -> None:
        self.log.world.check_alive()
        self.log.folder.pending.pop(self.id, None)


class FileSink:
    """The target's file: rows, progress and commits move together. The answer to a commit may be lost on its way."""

    incarnation = "cluster-1"

    def __init__(self, world: World) -> None:
        self.world = world

    def table(self, ref: TableRef) -> Table:
        return Table(ref=ref, columns=(Column(name="p", type=ColumnType(name=TypeName.INT)),))

    def begin(self, label: Label, job_id: JobId, *, many_tables: bool = False) -> FileTransaction:
        return FileTransaction(self, label, job_id)

    def progress(self, _job_id):
        return dict(self.world.standing)

    def place(self, _job_id, offsets, *, only=False):
        placed = lambda: self.world.standing.update(offsets)  # noqa: E731 - one use
        self.world.write("sink.place", placed, error=SinkError, locks=True)

    def commits_after(self, _job_id, sequence):
        return [record for record in self.world.journal if record.sequence > sequence]

    def forget_commits(self, job_id, up_to_sequence) -> None: ...

    def settle(self, _job_id) -> None: ...

    def open_rejects(self) -> list[str]:
        return []

    def is_next(self, ranges) -> bool:
        """Invariant: a batch moves progress from where it stands."""
        return all(self.world.standing.get(r.partition) == r.start for r in ranges)

    def commit(self, record: CommitRecord, rows: list[dict[str, int]]) -> CommitRecord:
        if not self.is_next(record.ranges):
            raise StaleRange("progress is no longer where the batch starts")
        world = self.world
        world.standing.update({r.partition: r.end for r in record.ranges})
        record = replace(record, sequence=len(world.journal) + 1, committed_at_ms=int(world.now().timestamp() * 1000))
        world.journal.append(record)
        world.visible += [(record.label, row["p"], row["o"]) for row in rows]
        return record


class FileTransaction:
    is_full = False

    def __init__(self, sink: FileSink, label: Label, job_id: JobId) -> None:
        self._sink, self._label, self._job_id = sink, label, job_id
        self._rows: list[dict[str, int]] = []

    def write(self, batch) -> tuple[()]:
        self._rows += batch.rows.to_pylist()
        return ()

    def commit(self, commit) -> CommitRecord:
        record = CommitRecord(
            sequence=0,
            label=self._label,
            job_id=self._job_id,
            task_id=commit.task_id,
            ranges=tuple(commit.ranges),
            counts=commit.counts,
            rejects=commit.rejects,
            execute_ms=commit.execute_ms,
            first_error=commit.first_error,
        )
        return self._sink.world.write(
            "sink.commit", lambda: self._sink.commit(record, self._rows), error=CommitUnsettled
        )

    def rollback(self) -> None: ...
