"""Progress and commit records: what the file remembers of every job, changed only together with its rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import duckdb

from routine_load.commit.values import CommitRecord, Counts, OffsetRange
from routine_load.engines.duckdb.names import Names
from routine_load.errors import StaleRange
from routine_load.ids import JobId, Label, PartitionId, TaskId, TxnId

KEPT_COMMITS = 100
"""Newest records of a job that ``forget`` leaves, for people to look at."""

_COLUMNS = (
    "sequence, label, job_id, task_id, ranges, loaded, filtered, unselected, received_bytes, messages, timestamps_ms,"
    " rejects, execute_ms, committed_at_ms, first_error, txn_id"
)


class Ledger:
    """Statements over ``progress`` and ``commits``; the caller brings the cursor and owns its transaction."""

    def __init__(self, names: Names) -> None:
        self._progress = names.own("progress")
        self._commits = names.own("commits")

    def advance(self, cursor: duckdb.DuckDBPyConnection, job_id: JobId, ranges: Sequence[OffsetRange]) -> None:
        """Move every partition from start to end. Raises StaleRange where one does not stand at its start."""
        if not ranges:
            return
        values = ", ".join("(?::INTEGER, ?::BIGINT, ?::BIGINT)" for _ in ranges)
        arguments = [number for r in ranges for number in (int(r.partition), r.start, r.end)]
        row = cursor.execute(
            f"UPDATE {self._progress} AS p SET next_offset = v.finish FROM (VALUES {values}) AS v(part, start, finish)"
            " WHERE p.job_id = ? AND p.partition = v.part AND p.next_offset = v.start",
            [*arguments, int(job_id)],
        ).fetchone()
        moved = row[0] if row else 0
        if moved != len(ranges):
            raise StaleRange(_stale(job_id, ranges))

    def record(self, cursor: duckdb.DuckDBPyConnection, record: CommitRecord) -> None:
        counts = record.counts
        ranges = json.dumps([[int(r.partition), r.start, r.end] for r in record.ranges])
        timestamps = json.dumps([[int(p), ms] for p, ms in record.timestamps_ms])
        values = [record.sequence, str(record.label), int(record.job_id), str(record.task_id), ranges]
        values += [counts.loaded, counts.filtered, counts.unselected, counts.received_bytes, counts.messages]
        values += [timestamps, record.rejects, record.execute_ms, record.committed_at_ms, record.first_error]
        values.append(int(record.txn_id))
        marks = ", ".join("?" for _ in values)
        cursor.execute(f"INSERT INTO {self._commits} ({_COLUMNS}) VALUES ({marks})", values)

    def last_sequence(self, cursor: duckdb.DuckDBPyConnection) -> int:
        row = cursor.execute(f"SELECT coalesce(max(sequence), 0) FROM {self._commits}").fetchone()
        return int(row[0]) if row else 0

    def progress(self, cursor: duckdb.DuckDBPyConnection, job_id: JobId) -> dict[PartitionId, int]:
        rows = cursor.execute(
            f"SELECT partition, next_offset FROM {self._progress} WHERE job_id = ? ORDER BY 1", [int(job_id)]
        ).fetchall()
        return {PartitionId(int(partition)): int(offset) for partition, offset in rows}

    def place(
        self, cursor: duckdb.DuckDBPyConnection, job_id: JobId, offsets: Mapping[PartitionId, int], *, only: bool
    ) -> None:
        if only:
            others = "".join(f" AND partition <> {int(partition)}" for partition in offsets)
            cursor.execute(f"DELETE FROM {self._progress} WHERE job_id = ?{others}", [int(job_id)])
        if not offsets:
            return
        values = ", ".join("(?, ?, ?)" for _ in offsets)
        arguments = [number for p, offset in offsets.items() for number in (int(job_id), int(p), offset)]
        cursor.execute(
            f"INSERT INTO {self._progress} VALUES {values}"
            " ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset",
            arguments,
        )

    def commits_after(self, cursor: duckdb.DuckDBPyConnection, job_id: JobId, sequence: int) -> list[CommitRecord]:
        rows = cursor.execute(
            f"SELECT {_COLUMNS} FROM {self._commits} WHERE job_id = ? AND sequence > ? ORDER BY sequence",
            [int(job_id), sequence],
        ).fetchall()
        return [_record(row) for row in rows]

    def recent(self, cursor: duckdb.DuckDBPyConnection, jobs: Sequence[JobId], limit: int) -> list[CommitRecord]:
        """The newest records of these jobs, the newest first."""
        if not jobs:
            return []
        rows = cursor.execute(
            f"SELECT {_COLUMNS} FROM {self._commits} WHERE job_id IN (SELECT unnest(?::BIGINT[]))"
            " ORDER BY sequence DESC LIMIT ?",
            [[int(job) for job in jobs], limit],
        ).fetchall()
        return [_record(row) for row in rows]

    def forget(self, cursor: duckdb.DuckDBPyConnection, job_id: JobId, up_to_sequence: int) -> None:
        cursor.execute(
            f"DELETE FROM {self._commits} WHERE job_id = ? AND sequence <= ? AND sequence < (SELECT min(sequence) FROM"
            f" (SELECT sequence FROM {self._commits} WHERE job_id = ? ORDER BY sequence DESC LIMIT {KEPT_COMMITS}))",
            [int(job_id), up_to_sequence, int(job_id)],
        )

    def forget_job(self, cursor: duckdb.DuckDBPyConnection, job_id: JobId) -> None:
        """The newest record of all stays, whosever it is: sequences go on from there after a restart."""
        cursor.execute(f"DELETE FROM {self._progress} WHERE job_id = ?", [int(job_id)])
        cursor.execute(
            f"DELETE FROM {self._commits} WHERE job_id = ? AND sequence < (SELECT max(sequence) FROM {self._commits})",
            [int(job_id)],
        )


def _record(row: Sequence[object]) -> CommitRecord:
    sequence, label, job_id, task_id, ranges = row[:5]
    loaded, filtered, unselected, received_bytes, messages = (int(str(v)) for v in row[5:10])
    timestamps, rejects, execute_ms, committed_at_ms, first_error, txn_id = row[10:]
    return CommitRecord(
        sequence=int(str(sequence)),
        label=Label(str(label)),
        job_id=JobId(int(str(job_id))),
        task_id=TaskId(str(task_id)),
        ranges=tuple(OffsetRange(PartitionId(p), start, end) for p, start, end in json.loads(str(ranges))),
        counts=Counts(loaded, filtered, unselected, received_bytes, messages),
        timestamps_ms=tuple((PartitionId(p), ms) for p, ms in json.loads(str(timestamps))),
        rejects=str(rejects),
        execute_ms=int(str(execute_ms)),
        committed_at_ms=int(str(committed_at_ms)),
        first_error=str(first_error),
        txn_id=TxnId(int(str(txn_id))),
    )


def _stale(job_id: JobId, ranges: Sequence[OffsetRange]) -> str:
    told = ", ".join(f"{r.partition} from {r.start}" for r in ranges[:8])
    return f"Job {job_id}: progress of the batch's partitions ({told}) is no longer where the batch starts"
