"""The log of commits in two phases in the metadata database (``commit.intents.IntentLog``): progress, intents, ranges.

Every write is one transaction that first asks whether this coordinator is still the newest one, and names the state
that it changes. Locks are taken in one order, so that no two wait for each other: the lease, which writers share and a
new leader takes; intents; a job's progress; its labels; the sequence of all commits. Refuses to know the target,
and what the states mean for each other.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import sqlalchemy as sa

from routine_load.commit.intents import Epoch, Intent, Report, part_label
from routine_load.commit.labels import Part
from routine_load.commit.protocol import IntentState
from routine_load.commit.values import CommitRecord, OffsetRange
from routine_load.errors import CommitUnsettled, StaleRange
from routine_load.ids import JobId, Label, PartitionId, TableRef
from routine_load.jobs.codec import decode, encode
from routine_load.store.counters import counted, counter, set_counter, start
from routine_load.store.database import Database
from routine_load.store.lease import check_epoch, seize
from routine_load.store.tables import commit_intent, commit_range, partition_progress

KEPT_INTENTS: Final = 100
"""Newest final intents of a job that ``forget_records`` leaves, for people to look at."""

_OPEN: Final = tuple(state.value for state in IntentState if state.is_open)
_SEQUENCE: Final = "sequence"
_SKIPPED: Final = 1_000_000
_REASON_MAX: Final = 4096
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

    # -- writing ------------------------------------------------------------------------------------------------------

    def intend(self, record: CommitRecord, tables: Sequence[TableRef]) -> Intent:
        with self._writing() as connection:
            standing = _standing(connection, record.job_id)
            _check_stands(record, standing)
            number = counted(connection, _labels_of(record.job_id))
            label = Label(f"{self._prefix}-{record.job_id}-{number}")
            parts = tuple(Part(table, part_label(label, n)) for n, table in enumerate(tables))
            intent = Intent(record=replace(record, label=label, sequence=0), parts=parts, state=IntentState.INTENDED)
            self._insert(connection, intent)
            mine = partition_progress.c.job_id == record.job_id
            connection.execute(
                sa.update(partition_progress)
                .where(mine, partition_progress.c.partition == sa.bindparam("p"))
                .values(open_label=str(label)),
                [{"p": moved.partition} for moved in record.ranges],
            )
        return intent

    def finish_without_target(self, record: CommitRecord) -> CommitRecord:
        with self._writing() as connection:
            _check_stands(record, _standing(connection, record.job_id))
            number = counted(connection, _labels_of(record.job_id))
            label = Label(f"{self._prefix}-{record.job_id}-{number}")
            finished = self._numbered(connection, replace(record, label=label))
            self._insert(connection, Intent(record=finished, parts=(), state=IntentState.FINISHED))
            _advance(connection, finished, None)
        return finished

    def decide(self, intent: Intent, report: Report) -> bool:
        record = _reported(intent.record, report)
        with self._writing() as connection:
            return _change(
                connection,
                intent,
                {
                    "state": IntentState.DECIDED.value,
                    "record": _record_text(record),
                    "parts": _parts_text(report.parts),
                    "decided_at_ms": self._now_ms(),
                },
            )

    def move(self, intent: Intent, to: IntentState, reason: str) -> bool:
        assert to is not IntentState.FINISHED, "only finish moves progress"
        values: dict[str, Any] = {"state": to.value, "reason": _kept_text(reason)}
        if not to.is_open:
            values["finished_at_ms"] = self._now_ms()
        with self._writing() as connection:
            if not _change(connection, intent, values):
                return False
            if not to.is_open:
                _release(connection, intent)
            return True

    def finish(self, intent: Intent, report: Report | None = None) -> CommitRecord | None:
        with self._writing() as connection:
            _hold(connection, commit_intent.c.label == str(intent.label))
            kept = _read(connection, commit_intent.c.label == str(intent.label))
            if not kept or kept[0].state is not intent.state:
                return None
            record = kept[0].record if report is None else _reported(kept[0].record, report)
            _standing(connection, record.job_id)
            finished = self._numbered(connection, record)
            values = {
                "state": IntentState.FINISHED.value,
                "sequence": finished.sequence,
                "record": _record_text(finished),
                "finished_at_ms": finished.committed_at_ms,
            }
            changed = _change(connection, intent, values)
            assert changed, "the row is locked by this very transaction"
            _advance(connection, finished, finished.label)
        return finished

    def place(self, job_id: JobId, offsets: Mapping[PartitionId, int], *, only: bool = False) -> None:
        with self._writing() as connection:
            standing = _standing(connection, job_id)
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
            return  # not with every batch
        with self._writing() as connection:
            kept = set(connection.execute(newest).scalars())
            old = set(connection.execute(sa.select(commit_intent.c.label).where(final, booked)).scalars()) - kept
            _drop(connection, old)

    def forget_job(self, job_id: JobId) -> None:
        with self._writing() as connection:
            mine = commit_intent.c.job_id == job_id
            _hold(connection, mine)
            _standing(connection, job_id)
            decided = sa.select(commit_intent.c.label).where(mine, commit_intent.c.state == IntentState.DECIDED.value)
            waiting = set(connection.execute(decided).scalars())
            progress = partition_progress.c.job_id == job_id
            free = sa.or_(partition_progress.c.open_label.is_(None), partition_progress.c.open_label.not_in(waiting))
            connection.execute(sa.delete(partition_progress).where(progress, free))
            _drop(connection, set(connection.execute(sa.select(commit_intent.c.label).where(mine)).scalars()) - waiting)

    def skip_labels(self, job_id: JobId) -> None:
        """What the target may know of the job's labels lies behind: its next ones are far ahead."""
        with self._writing() as connection:
            name = _labels_of(job_id)
            set_counter(connection, name, counted(connection, name) + _SKIPPED)

    # -- reading ------------------------------------------------------------------------------------------------------

    def find(self, label: Label) -> Intent | None:
        with self._database.reading() as connection:
            found = _read(connection, commit_intent.c.label == label)
        return found[0] if found else None

    def open_intents(self, job_id: JobId | None = None) -> list[Intent]:
        whose = sa.true() if job_id is None else commit_intent.c.job_id == job_id
        condition = sa.and_(whose, commit_intent.c.state.in_(_OPEN))
        with self._database.reading() as connection:
            return _read(connection, condition, commit_intent.c.created_at_ms, commit_intent.c.label)

    def abandoned(self, limit: int) -> list[Intent]:
        condition = commit_intent.c.state == IntentState.ABANDONED.value
        with self._database.reading() as connection:
            return _read(connection, condition, commit_intent.c.finished_at_ms.desc(), limit=limit)

    def progress(self, job_id: JobId) -> dict[PartitionId, int]:
        with self._database.reading() as connection:
            return {partition: offset for partition, (offset, _) in _standing(connection, job_id, lock=False).items()}

    def records_after(self, job_id: JobId, sequence: int) -> _Records:
        behind = sa.and_(commit_intent.c.job_id == job_id, commit_intent.c.sequence > sequence)
        with self._database.reading() as connection:
            return [intent.record for intent in _read(connection, behind, commit_intent.c.sequence)]

    def recent_records(self, jobs: Sequence[JobId], limit: int) -> _Records:
        theirs = sa.and_(commit_intent.c.job_id.in_(list(jobs)), commit_intent.c.sequence.is_not(None))
        with self._database.reading() as connection:
            return [i.record for i in _read(connection, theirs, commit_intent.c.sequence.desc(), limit=limit)]

    # -- inside -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """Raises LeadershipLost: a newer coordinator has begun to write."""
        with self._database.writing() as connection:
            check_epoch(connection, self.epoch)
            yield connection

    def _insert(self, connection: sa.Connection, intent: Intent) -> None:
        record, now_ms = intent.record, self._now_ms()
        values = {
            "label": str(intent.label),
            "job_id": intent.job_id,
            "task_id": str(record.task_id),
            "epoch": self.epoch,
            "state": intent.state.value,
            "sequence": record.sequence or None,
            "parts": _parts_text(intent.parts),
            "record": _record_text(record),
            "reason": "",
            "created_at_ms": now_ms,
            "finished_at_ms": None if intent.state.is_open else now_ms,
        }
        connection.execute(sa.insert(commit_intent), values)
        rows = [
            {"label": str(intent.label), "partition": r.partition, "start_offset": r.start, "end_offset": r.end}
            for r in record.ranges
        ]
        if rows:
            connection.execute(sa.insert(commit_range), rows)

    def _numbered(self, connection: sa.Connection, record: CommitRecord) -> CommitRecord:
        return replace(record, sequence=counted(connection, _SEQUENCE), committed_at_ms=self._now_ms())


def _labels_of(job_id: JobId) -> str:
    return f"labels of job {job_id}"


_Standing = dict[PartitionId, tuple[int, str | None]]


def _standing(connection: sa.Connection, job_id: JobId, *, lock: bool = True) -> _Standing:
    """``next_offset`` and open label of each partition; they stay so until the transaction ends."""
    table = partition_progress.c
    found = sa.select(table.partition, table.next_offset, table.open_label).where(table.job_id == job_id)
    found = found.order_by(table.partition)
    rows = connection.execute(found.with_for_update() if lock else found)
    return {PartitionId(row.partition): (row.next_offset, row.open_label) for row in rows}


def _check_stands(record: CommitRecord, standing: _Standing) -> None:
    """Invariant: a batch begins where its partitions stand, and none of them has another batch under way."""
    stale = [r for r in record.ranges if standing.get(r.partition) != (r.start, None)]
    if stale:
        told = ", ".join(f"{r.partition} from {r.start}" for r in stale[:_SHOWN])
        raise StaleRange(
            f"Job {record.job_id}: progress of the batch's partitions ({told}) is no longer where the batch starts"
        )


def _advance(connection: sa.Connection, record: CommitRecord, open_label: Label | None) -> None:
    """Invariant: progress moves from start to end, all of it or nothing, and only for the batch that is under way."""
    table = partition_progress.c
    for moved in record.ranges:
        mine = sa.and_(
            table.job_id == record.job_id, table.partition == moved.partition, table.next_offset == moved.start
        )
        changed = connection.execute(
            sa.update(partition_progress)
            .where(mine, table.open_label == open_label)
            .values(next_offset=moved.end, open_label=None)
        )
        if changed.rowcount != 1:
            raise StaleRange(f"Job {record.job_id}: partition {moved.partition} no longer stands at {moved.start}")


def _hold(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> None:
    """Intents that stay as they are until the transaction ends, locked in one order by everybody."""
    found = sa.select(commit_intent.c.label).where(condition).order_by(commit_intent.c.label)
    connection.execute(found.with_for_update()).all()


def _release(connection: sa.Connection, intent: Intent) -> None:
    _standing(connection, intent.job_id)
    table = partition_progress.c
    mine = sa.and_(table.job_id == intent.job_id, table.open_label == str(intent.label))
    connection.execute(sa.update(partition_progress).where(mine).values(open_label=None))


def _change(connection: sa.Connection, intent: Intent, values: Mapping[str, Any]) -> bool:
    """Invariant: an intent is changed only from the state that was read."""
    same = sa.and_(commit_intent.c.label == str(intent.label), commit_intent.c.state == intent.state.value)
    return connection.execute(sa.update(commit_intent).where(same).values(dict(values))).rowcount == 1


def _drop(connection: sa.Connection, labels: set[str]) -> None:
    if labels:
        rows = [{"l": label} for label in sorted(labels)]
        connection.execute(sa.delete(commit_range).where(commit_range.c.label == sa.bindparam("l")), rows)
        connection.execute(sa.delete(commit_intent).where(commit_intent.c.label == sa.bindparam("l")), rows)


def _read(
    connection: sa.Connection,
    condition: sa.ColumnElement[bool],
    *order: sa.ColumnElement[Any],
    limit: int | None = None,
) -> list[Intent]:
    rows = connection.execute(sa.select(commit_intent).where(condition).order_by(*order).limit(limit)).all()
    ranges: dict[str, list[OffsetRange]] = {row.label: [] for row in rows}
    for first in range(0, len(rows), 500):
        labels = [row.label for row in rows[first : first + 500]]
        found = sa.select(commit_range).where(commit_range.c.label.in_(labels)).order_by(commit_range.c.partition)
        for row in connection.execute(found):
            ranges[row.label].append(OffsetRange(PartitionId(row.partition), row.start_offset, row.end_offset))
    return [_intent(row, tuple(ranges[row.label])) for row in rows]


def _intent(row: sa.Row[Any], ranges: tuple[OffsetRange, ...]) -> Intent:
    record = decode(CommitRecord, json.loads(row.record))
    return Intent(
        record=replace(record, ranges=ranges, sequence=row.sequence or 0),
        parts=tuple(decode(Part, part) for part in json.loads(row.parts)),
        state=IntentState(row.state),
        reason=row.reason,
        was_decided=row.decided_at_ms is not None,
    )


def _reported(record: CommitRecord, report: Report) -> CommitRecord:
    return replace(record, counts=report.counts, first_error=record.first_error or report.first_error)


def _record_text(record: CommitRecord) -> str:
    return json.dumps(encode(replace(record, ranges=(), sequence=0)), ensure_ascii=False, separators=(",", ":"))


def _kept_text(reason: str) -> str:
    """A target may say anything; PostgreSQL keeps no NUL, and nobody keeps half a character."""
    return reason[:_REASON_MAX].replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _parts_text(parts: Sequence[Part]) -> str:
    return json.dumps([encode(part) for part in parts], ensure_ascii=False, separators=(",", ":"))
