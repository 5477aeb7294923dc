"""Fake sink and metadata, which outlive the processes that use them, and the journal of what became visible and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from routine_load.commit.values import CommitRecord
from routine_load.errors import JobExists, JobNotFound, MetadataError, SinkError, StaleRange, UnknownTable
from routine_load.ids import JobId, Label, PartitionId, TableRef
from routine_load.jobs.definition import JobDefinition
from routine_load.jobs.job import Job
from routine_load.jobs.states import JobState, StarRocksReason
from routine_load.jobs.versions import JobVersion, first_version
from routine_load.sql.schema import Column, ColumnType, Table, TypeName
from tests.sim.sim_stage import Stage
from tests.sim.sim_world import Faults

ROLLS_BACK = "the user who rolls back"
"""By the user's name the journal tells ROLLBACK from ALTER."""


@dataclass(frozen=True)
class Batch:
    """What one commit made visible, and the definition that the job had at that moment."""

    record: CommitRecord
    rows: tuple[tuple[str, PartitionId, int], ...]
    """Table, partition, offset; in the order in which they were written."""
    definition: JobDefinition


@dataclass(frozen=True)
class Move:
    """A statement, or the checks that CREATE had left to planning (``by`` is empty), said where partitions go on."""

    job_id: JobId
    by: str
    before: Mapping[PartitionId, int]
    offsets: Mapping[PartitionId, int]
    topic: str
    restarts: bool


class Sink:
    """What the target's file holds: rows, progress and commits, moved together. The journal forgets nothing."""

    incarnation = "sink-1"
    fenced = True

    def __init__(self, stage: Stage, faults: Faults, store: Store) -> None:
        self.stage, self.faults, self.store = stage, faults, store
        self.standing: dict[JobId, dict[PartitionId, int]] = {}
        self.sequence = 0
        self.kept: list[CommitRecord] = []
        self.tables = {"t", "u"}
        self.is_of_a_task: Callable[[Label], bool] = lambda _: True

    def table(self, ref: TableRef) -> Table:
        self.stage.pause()
        if ref.table not in self.tables:
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
        newest = [r for r in self.kept if r.job_id == job_id][-3:]
        self.kept = [r for r in self.kept if r.job_id != job_id or r.sequence > up_to_sequence or r in newest]

    def forget_job(self, job_id) -> None:
        self.strike("sink.forget")
        job = self.store.jobs.get(job_id)
        if job is not None and not job.state.is_final:
            raise self.stage.violated(f"the progress of a job that is {job.state} was forgotten")
        self.standing.pop(job_id, None)
        self.kept = [r for r in self.kept if r.job_id != job_id]

    def settle(self, job_id) -> None:
        self.stage.pause()

    def open_rejects(self) -> tuple[str, ...]:
        return ()

    def resolve(self, job_id, *, committed: bool, label: str = "") -> tuple[Label, ...]:
        return ()

    def strike(self, where: str) -> None:
        self.stage.pause()
        if self.faults.strikes(where):
            raise SinkError(f"{where}: No space left on device")


class SinkTransaction:
    is_full = False

    def __init__(self, sink: Sink, label: Label, job_id: JobId, process: int) -> None:
        self._sink, self._label, self._job_id, self._process = sink, label, job_id, process
        self._rows: list[dict] = []

    def write(self, batch) -> tuple:
        self._sink.strike("sink.write")
        self._rows += [row | {"table": batch.table.table} for row in batch.rows.to_pylist()]
        return ()

    def commit(self, commit) -> CommitRecord:
        sink = self._sink
        sink.strike("sink.commit")
        sink.stage.check_alive(self._process)
        standing = sink.standing.get(self._job_id, {})
        if sink.fenced and any(standing.get(r.partition) != r.start for r in commit.ranges):
            raise StaleRange("progress is no longer where the batch starts")
        definition = self._checked_definition()
        standing.update({r.partition: r.end for r in commit.ranges})
        sink.sequence += 1
        record = CommitRecord(
            sequence=sink.sequence,
            label=self._label,
            job_id=self._job_id,
            task_id=commit.task_id,
            ranges=tuple(commit.ranges),
            counts=commit.counts,
            rejects=commit.rejects,
            execute_ms=commit.execute_ms,
            committed_at_ms=int(sink.stage.now().timestamp() * 1000),
        )
        rows = tuple((row["table"], PartitionId(row["p"]), row["o"]) for row in self._rows)
        sink.store.journal.append(Batch(record, rows, definition))
        sink.kept.append(record)
        return record

    def _checked_definition(self) -> JobDefinition:
        """What becomes visible is of a task that somebody waits for, and of the definition that the job has now."""
        if not self._sink.is_of_a_task(self._label):
            raise self._sink.stage.violated(f"{self._label} became visible though its task was given up")
        definition = self._sink.store.checked_to_run(self._job_id).definition
        where = definition.clauses.where.text if definition.clauses.where else ""
        mixed = {(row["topic"], row["where"]) for row in self._rows} - {(definition.source.topic, where)}
        if mixed:
            raise self._sink.stage.violated(
                f"a batch of {mixed} became visible, the job reads {definition.source.topic} {where}"
            )
        return definition

    def rollback(self) -> None: ...


class Store:
    """The metadata, and ``journal``: what became visible and what statements said, in the order of the world."""

    def __init__(self, stage: Stage, faults: Faults) -> None:
        self.stage, self.faults = stage, faults
        self.jobs: dict[JobId, Job] = {}
        self.journal: list[Batch | Move] = []
        self.kept_versions: dict[JobId, list[JobVersion]] = {}
        self.revised: Counter[JobId] = Counter()
        self.settings: dict[str, str] = {}
        self._last = 0

    # jobs

    def insert(self, job: Job) -> Job:
        self._strike("store.insert")
        if any(not other.state.is_final for other in self.jobs.values()):
            raise JobExists("Name j already used in db db")
        self._last += 1
        job = replace(job, id=JobId(self._last), version=1)
        self.jobs[job.id] = job
        if job.placing:
            self.journal.append(Move(job.id, "CREATE", {}, job.placing, job.definition.source.topic, False))
        return job

    def get(self, job_id: JobId) -> Job | None:
        self._strike("store.read")
        return self.jobs.get(job_id)

    def live(self, database: str, name: str) -> Job | None:
        return next(iter(self.all_live()), None)

    def all_live(self) -> list[Job]:
        self._strike("store.read")
        return [job for job in self.jobs.values() if not job.state.is_final]

    def final(self) -> list[Job]:
        self._strike("store.read")
        return [job for job in self.jobs.values() if job.state.is_final]

    def count(self) -> int:
        return len(self.jobs)

    def delete_final(self, job_id: JobId) -> None:
        self._strike("store.write")
        if self.jobs[job_id].state.is_final:
            del self.jobs[job_id]

    def modify(self, job_id: JobId, change) -> Job:
        return self._modify(job_id, change, "")

    def modify_all(self, job_ids, change) -> list[Job]:
        return [self.modify(job_id, change) for job_id in job_ids]

    def revise(self, job_id: JobId, change, revision) -> Job:
        return self._modify(job_id, change, revision.user)

    def _modify(self, job_id: JobId, change, by: str) -> Job:
        while True:
            current = self.get(job_id)
            if current is None:
                raise JobNotFound(f"there is no routine load job with id {job_id}")
            changed = change(current)
            if changed is current:
                return current
            self._strike("store.write")
            if self.jobs.get(job_id) is current:
                break
        self._note(current, changed, by)
        self.jobs[job_id] = changed = replace(changed, version=current.version + 1)
        if by:
            self.revised[job_id] += 1
            self.keep_version(current, changed, by)
        self._strike("store.reply")  # it is written, and the answer is lost
        return changed

    def _note(self, old: Job, new: Job, by: str) -> None:
        moved = {p: offset for p, offset in new.placing.items() if old.placing.get(p) != offset}
        before, after = old.definition.source.topic, new.definition.source.topic
        if moved or before != after:
            offsets = moved if before == after else dict(new.placing)
            self.journal.append(Move(old.id, by, dict(old.progress), offsets, after, before != after))

    # versions

    def versions(self, job: Job) -> list[JobVersion]:
        self._strike("store.read")
        return list(self.kept_versions.get(job.id, [first_version(job)]))

    def keep_version(self, before: Job, after: Job, by: str) -> None:
        kept = self.kept_versions.setdefault(before.id, [first_version(before)])
        kept[-1] = replace(kept[-1], left_at=dict(before.progress), topic_id=before.topic_id)
        number = kept[-1].number + 1
        kept.append(JobVersion(number=number, created_at=self.stage.now(), user=by, definition=after.definition))

    # settings

    def all(self) -> dict[str, str]:
        return dict(self.settings)

    def put(self, name: str, value: str) -> None:
        self._strike("store.write")
        self.settings[name] = value

    def _strike(self, where: str) -> None:
        self.stage.pause()
        if self.faults.strikes(where):
            raise MetadataError("the metadata database failed, OperationalError: database is locked")

    def checked_to_run(self, job_id: JobId) -> Job:
        """The job, which somebody has to know as one that may load now."""
        job = self.jobs.get(job_id)
        if job is None:
            raise self.stage.violated("a batch of a job that was forgotten became visible")
        manual = job.reason is not None and job.reason.code == StarRocksReason.MANUAL_PAUSE
        if job.state.is_final or (job.state is JobState.PAUSED and manual):
            raise self.stage.violated(f"a batch became visible while the job was {job.state}")
        if job.placing or job.is_unchecked:
            raise self.stage.violated("a batch became visible before the offsets of CREATE or ALTER were placed")
        return job
