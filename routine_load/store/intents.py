"""The log of commits in two phases in the metadata database (``commit.intents.IntentLog``): progress, intents, ranges.

Every write is one transaction that first asks whether this coordinator is still the newest one, and names the state
that it changes. Locks are taken in one order, so that no two wait for each other: the lease, which writers share and a
new leader takes; a job's progress; its intents; its labels; the sequence of all commits. A batch gets its number in the
sequence while its job's progress is held, so that numbers of one job are seen in their order. Refuses to know the
target, and what the states mean for each other.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import sqlalchemy as sa

from routine_load.commit.intents import Epoch, Intent, Report, part_label, reported
from routine_load.commit.labels import Part
from routine_load.commit.protocol import IntentState
from routine_load.commit.values import CommitRecord
from routine_load.errors import CommitUnsettled, StaleRange
from routine_load.ids import JobId, Label, PartitionId, TableRef
from routine_load.store import intent_statements as made
from routine_load.store.counters import counted, counter, set_counter, start
from routine_load.store.database import Database
from routine_load.store.finished import FinishedRecords
from routine_load.store.intent_rows import kept_text, parts_text, read_intents, record_text
from routine_load.store.lease import NO_EPOCH, asks_inside, check_epoch, refuse_old, seize
from routine_load.store.numbers import Numbers
from routine_load.store.tables import commit_intent, commit_range, partition_progress

KEPT_INTENTS: Final = 100
"""Newest final intents of a job that ``forget_records`` leaves, for people to look at."""

_OPEN: Final = tuple(state.value for state in IntentState if state.is_open)
_SEQUENCE: Final = "sequence"
_SEQUENCES: Final = 1_000
"""Numbers of commits that are counted at once; what is left when the program ends is passed over."""
_LABELS: Final = 50
"""The same of a job's labels."""
_SKIPPED: Final = 1_000_000
_SHOWN: Final = 8

_Records = list[CommitRecord]


class IntentStore:
    """Thread-safe. It writes under one epoch, that of a leader's term; once there is a newer one, it writes no more.

    Without an epoch it makes one, which is the newest: whoever wrote before it writes no more.
    """

    def __init__(self, database: Database, cluster: str, now_ms: Callable[[], int], epoch: Epoch | None = None) -> None:
        self._database = database
        self._now_ms = now_ms
        self.epoch = seize(database) if epoch is None else epoch
        with database.writing() as connection:
            start(connection, _SEQUENCE)
            identity = counter(connection, "identity") or set_counter(connection, "identity", secrets.randbits(32) | 1)
        self._prefix = f"{cluster}-{identity:08x}"
        self._labels, self._sequences = Numbers(), Numbers()
        self._finished = FinishedRecords()
        self._forgotten: Counter[JobId] = Counter()

    # -- writing ------------------------------------------------------------------------------------------------------

    def intend(self, record: CommitRecord, tables: Sequence[TableRef]) -> Intent:
        job_id = record.job_id
        with self._numbering() as connection:
            _check_stands(record, self._standing(connection, job_id))
            label = self._label(connection, job_id)
            parts = tuple(Part(table, part_label(label, n)) for n, table in enumerate(tables))
            intent = Intent(record=replace(record, label=label, sequence=0), parts=parts, state=IntentState.INTENDED)
            self._insert(connection, intent, self._now_ms())
            if record.ranges:
                rows = [{"j": job_id, "p": moved.partition, "l": str(label)} for moved in record.ranges]
                connection.execute(made.OPEN_PROGRESS, rows)
        return intent

    def finish_without_target(self, record: CommitRecord) -> CommitRecord:
        job_id = record.job_id
        with self._finished.finishing(job_id) as done:
            with self._numbering() as connection:
                _check_stands(record, self._standing(connection, job_id))
                label = self._label(connection, job_id)
                finished = self._numbered(connection, replace(record, label=label))
                intent = Intent(record=finished, parts=(), state=IntentState.FINISHED)
                self._insert(connection, intent, finished.committed_at_ms)
                _advance(connection, finished)
            done(finished)
        return finished

    def decide(self, intent: Intent, report: Report) -> bool:
        values = {
            "l": str(intent.label),
            "from_state": intent.state.value,
            "to_state": IntentState.DECIDED.value,
            "r": record_text(reported(intent.record, report)),
            "ps": parts_text(report.parts),
            "at": self._now_ms(),
        }
        with self._database.stating() as connection:
            if asks_inside(connection):
                statement, values = made.DECIDE_IF_NEWEST, {**values, "e": self.epoch}
            else:
                statement = made.DECIDE
                check_epoch(connection, self.epoch)
            decided = connection.execute(statement, values).rowcount == 1
            if not decided:
                check_epoch(connection, self.epoch)  # which of both it was
        return decided

    def move(self, intent: Intent, to: IntentState, reason: str) -> bool:
        assert to is not IntentState.FINISHED, "only finish moves progress"
        values: dict[str, Any] = {"state": to.value, "reason": kept_text(reason)}
        if not to.is_open:
            values["finished_at_ms"] = self._now_ms()
        same = sa.and_(commit_intent.c.label == str(intent.label), commit_intent.c.state == intent.state.value)
        with self._writing() as connection:
            if not to.is_open:
                _hold_progress(connection, intent.job_id)
            if connection.execute(sa.update(commit_intent).where(same).values(values)).rowcount != 1:
                return False
            if not to.is_open:
                connection.execute(made.RELEASE_PROGRESS, {"j": intent.job_id, "l": str(intent.label)})
            return True

    def finish(self, intent: Intent, report: Report | None = None) -> CommitRecord | None:
        record = intent.record if report is None else reported(intent.record, report)
        with self._finished.finishing(record.job_id) as done:
            with self._numbering() as connection:
                standing = self._standing(connection, record.job_id)
                finished = self._numbered(connection, record)
                values = {
                    "l": str(intent.label),
                    "from_state": intent.state.value,
                    "to_state": IntentState.FINISHED.value,
                    "s": finished.sequence,
                    "r": record_text(finished),
                    "at": finished.committed_at_ms,
                }
                if connection.execute(made.FINISH, values).rowcount != 1:
                    return None
                _check_carried(finished, standing)
                _advance(connection, finished)
            done(finished)
        return finished

    def place(self, job_id: JobId, offsets: Mapping[PartitionId, int], *, only: bool = False) -> None:
        with self._writing() as connection:
            standing = _hold_progress(connection, job_id)
            if label := next((label for _, label in standing.values() if label), None):
                raise CommitUnsettled(f"the progress of job {job_id} cannot be set: label {label} is under way")
            mine = partition_progress.c.job_id == job_id
            gone = [p for p in standing if p in offsets or only]
            if gone:
                connection.execute(
                    sa.delete(partition_progress).where(mine, partition_progress.c.partition == sa.bindparam("p")),
                    [{"p": partition} for partition in gone],
                )
            if offsets:
                rows = [{"job_id": job_id, "partition": p, "next_offset": offset} for p, offset in offsets.items()]
                connection.execute(sa.insert(partition_progress), rows)

    def forget_records(self, job_id: JobId, up_to_sequence: int) -> None:
        """The first time, and then with every so many batches."""
        self._forgotten[job_id] += 1
        if self._forgotten[job_id] % KEPT_INTENTS == 1:
            self._forget_records(job_id, up_to_sequence)

    def _forget_records(self, job_id: JobId, up_to_sequence: int) -> None:
        final = sa.and_(commit_intent.c.job_id == job_id, commit_intent.c.state.not_in(_OPEN))
        newest = (
            sa.select(commit_intent.c.label)
            .where(final)
            .order_by(commit_intent.c.finished_at_ms.desc(), commit_intent.c.sequence.desc())
            .limit(KEPT_INTENTS)
        )
        booked = sa.or_(commit_intent.c.sequence.is_(None), commit_intent.c.sequence <= up_to_sequence)
        with self._database.reading() as connection:
            count = connection.execute(sa.select(sa.func.count()).select_from(commit_intent).where(final)).scalar_one()
        if count < 2 * KEPT_INTENTS:
            return
        with self._writing() as connection:
            kept = set(connection.execute(newest).scalars())
            old = set(connection.execute(sa.select(commit_intent.c.label).where(final, booked)).scalars()) - kept
            _drop(connection, old)

    def forget_job(self, job_id: JobId) -> None:
        with self._writing() as connection:
            mine = commit_intent.c.job_id == job_id
            _hold_progress(connection, job_id)
            _hold(connection, mine)
            decided = sa.select(commit_intent.c.label).where(mine, commit_intent.c.state == IntentState.DECIDED.value)
            waiting = set(connection.execute(decided).scalars())
            progress = partition_progress.c.job_id == job_id
            free = sa.or_(partition_progress.c.open_label.is_(None), partition_progress.c.open_label.not_in(waiting))
            connection.execute(sa.delete(partition_progress).where(progress, free))
            _drop(connection, set(connection.execute(sa.select(commit_intent.c.label).where(mine)).scalars()) - waiting)
        self._finished.forget(job_id)
        self._forgotten.pop(job_id, None)

    def skip_labels(self, job_id: JobId) -> None:
        """What the target may know of the job's labels lies behind: its next ones are far ahead."""
        with self._writing() as connection:
            name = _labels_of(job_id)
            number = set_counter(connection, name, counted(connection, name) + _SKIPPED)
        self._labels.pass_over(name, number)

    # -- reading ------------------------------------------------------------------------------------------------------

    def find(self, label: Label) -> Intent | None:
        with self._database.reading() as connection:
            found = read_intents(connection, commit_intent.c.label == label)
        return found[0] if found else None

    def open_intents(self, job_id: JobId | None = None) -> list[Intent]:
        whose = sa.true() if job_id is None else commit_intent.c.job_id == job_id
        condition = sa.and_(whose, commit_intent.c.state.in_(_OPEN))
        with self._database.reading() as connection:
            return read_intents(connection, condition, commit_intent.c.created_at_ms, commit_intent.c.label)

    def abandoned(self, limit: int) -> list[Intent]:
        condition = commit_intent.c.state == IntentState.ABANDONED.value
        with self._database.reading() as connection:
            return read_intents(connection, condition, commit_intent.c.finished_at_ms.desc(), limit=limit)

    def progress(self, job_id: JobId) -> dict[PartitionId, int]:
        with self._database.reading() as connection:
            return {
                PartitionId(row.partition): row.next_offset for row in connection.execute(made.PROGRESS, {"j": job_id})
            }

    def records_after(self, job_id: JobId, sequence: int) -> _Records:
        if self.epoch == NO_EPOCH:
            return self._read_after(job_id, sequence)
        return self._finished.after(job_id, sequence, lambda: self._read_after(job_id, sequence))

    def _read_after(self, job_id: JobId, sequence: int) -> _Records:
        behind = sa.and_(commit_intent.c.job_id == job_id, commit_intent.c.sequence > sequence)
        with self._database.reading() as connection:
            return [intent.record for intent in read_intents(connection, behind, commit_intent.c.sequence)]

    def recent_records(self, jobs: Sequence[JobId], limit: int) -> _Records:
        theirs = sa.and_(commit_intent.c.job_id.in_(list(jobs)), commit_intent.c.sequence.is_not(None))
        with self._database.reading() as connection:
            return [i.record for i in read_intents(connection, theirs, commit_intent.c.sequence.desc(), limit=limit)]

    # -- inside -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """Raises LeadershipLost: a newer coordinator has begun to write."""
        with self._database.writing() as connection:
            check_epoch(connection, self.epoch)
            yield connection

    @contextmanager
    def _numbering(self) -> Iterator[sa.Connection]:
        """A write that takes numbers, and begins with ``_standing``, which asks for the epoch."""
        with self._labels.lasting(), self._sequences.lasting(), self._database.writing() as connection:
            yield connection

    def _standing(self, connection: sa.Connection, job_id: JobId) -> _Standing:
        """``next_offset`` and open label of each partition, which stay so until the transaction ends; nor is there a
        newer leader until then. Raises LeadershipLost.
        """
        if not asks_inside(connection):
            check_epoch(connection, self.epoch)
            return _hold_progress(connection, job_id)
        rows = connection.execute(made.PROGRESS_AND_EPOCH_HELD, {"j": job_id}).all()
        if rows:
            refuse_old(rows[0].epoch, self.epoch)
        else:
            check_epoch(connection, self.epoch)
        return _stands(rows)

    def _label(self, connection: sa.Connection, job_id: JobId) -> Label:
        number = self._labels.take(connection, _labels_of(job_id), _LABELS)
        return Label(f"{self._prefix}-{job_id}-{number}")

    def _numbered(self, connection: sa.Connection, record: CommitRecord) -> CommitRecord:
        number = self._sequences.take(connection, _SEQUENCE, _SEQUENCES, _newest_sequence)
        return replace(record, sequence=number, committed_at_ms=self._now_ms())

    def _insert(self, connection: sa.Connection, intent: Intent, now_ms: int) -> None:
        record = intent.record
        values = {
            "label": str(intent.label),
            "job_id": intent.job_id,
            "task_id": str(record.task_id),
            "epoch": self.epoch,
            "state": intent.state.value,
            "sequence": record.sequence or None,
            "parts": parts_text(intent.parts),
            "record": record_text(record),
            "reason": "",
            "created_at_ms": now_ms,
            "finished_at_ms": None if intent.state.is_open else now_ms,
        }
        connection.execute(made.INSERT_INTENT, values)
        rows = [
            {"label": str(intent.label), "partition": r.partition, "start_offset": r.start, "end_offset": r.end}
            for r in record.ranges
        ]
        if rows:
            connection.execute(made.INSERT_RANGES, rows)


def _labels_of(job_id: JobId) -> str:
    return f"labels of job {job_id}"


_Standing = dict[PartitionId, tuple[int, str | None]]


def _hold_progress(connection: sa.Connection, job_id: JobId) -> _Standing:
    """``next_offset`` and open label of each partition; they stay so until the transaction ends."""
    return _stands(connection.execute(made.PROGRESS_HELD, {"j": job_id}))


def _stands(rows: Iterable[Any]) -> _Standing:
    return {PartitionId(row.partition): (row.next_offset, row.open_label) for row in rows}


def _newest_sequence(connection: sa.Connection) -> int:
    """Also where the counter went back to what a backup had of it, under a program that went on counting."""
    return connection.execute(sa.select(sa.func.max(commit_intent.c.sequence))).scalar_one() or 0


def _check_stands(record: CommitRecord, standing: _Standing) -> None:
    """Invariant: a batch begins where its partitions stand, and none of them has another batch under way."""
    stale = [r for r in record.ranges if standing.get(r.partition) != (r.start, None)]
    if stale:
        told = ", ".join(f"{r.partition} from {r.start}" for r in stale[:_SHOWN])
        raise StaleRange(
            f"Job {record.job_id}: progress of the batch's partitions ({told}) is no longer where the batch starts"
        )


def _check_carried(record: CommitRecord, standing: _Standing) -> None:
    """Invariant: progress moves from start to end, all of it or nothing, and only for the batch that is under way."""
    for moved in record.ranges:
        if standing.get(moved.partition) != (moved.start, record.label):
            raise StaleRange(f"Job {record.job_id}: partition {moved.partition} no longer stands at {moved.start}")


def _advance(connection: sa.Connection, record: CommitRecord) -> None:
    """Where the partitions stand was looked at, and is held."""
    rows = [{"j": record.job_id, "p": r.partition, "from_offset": r.start, "to_offset": r.end} for r in record.ranges]
    if rows:
        moved = connection.execute(made.MOVE_PROGRESS, rows).rowcount
        assert moved == len(rows), "the rows are locked by this very transaction"


def _hold(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> None:
    """Intents that stay as they are until the transaction ends, locked in one order by everybody."""
    found = sa.select(commit_intent.c.label).where(condition).order_by(commit_intent.c.label)
    connection.execute(found.with_for_update()).all()


def _drop(connection: sa.Connection, labels: set[str]) -> None:
    if labels:
        rows = [{"l": label} for label in sorted(labels)]
        connection.execute(sa.delete(commit_range).where(commit_range.c.label == sa.bindparam("l")), rows)
        connection.execute(sa.delete(commit_intent).where(commit_intent.c.label == sa.bindparam("l")), rows)
