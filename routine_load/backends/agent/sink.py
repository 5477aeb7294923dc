"""The sink of a task elsewhere: what it loads is sent to its owner, or prepared at the cluster that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from routine_load.backends.agent.voice import Voice
from routine_load.backends.messages import (
    SLICE_BYTES,
    CommitAsked,
    Committed,
    Noted,
    PartsPrepared,
    PartsToPrepare,
    RejectsSent,
    RowsSent,
    RowsTaken,
    TableAsked,
)
from routine_load.commit.values import CommitRecord
from routine_load.errors import SinkError
from routine_load.ids import JobId, Label, TableRef
from routine_load.loads.ports import PendingCommit, Target
from routine_load.loads.preparing import prepare
from routine_load.loads.rejects import RejectLog
from routine_load.loads.spool import Spool
from routine_load.loads.two_phase import SpoolPlace
from routine_load.loads.values import RefusedRow, TableBatch
from routine_load.sql.schema import Table


@dataclass(frozen=True, slots=True)
class OwnersSink:
    """``loads.ports.BatchSink`` of one task."""

    voice: Voice
    reject_log: RejectLog

    def table(self, ref: TableRef) -> Table:
        return self.voice.ask(TableAsked(ref=ref), Table)

    def begin(self, label: Label, job_id: JobId, *, many_tables: bool = False) -> OwnersTransaction:  # noqa: ARG002 - its owner has them from the task
        return OwnersTransaction(self.voice, self.reject_log)


@dataclass(slots=True)
class OwnersTransaction:
    """``loads.ports.SinkTransaction``: what is undone is undone by its owner, who hears how the task ended."""

    _voice: Voice
    _reject_log: RejectLog
    is_full: bool = field(default=False)
    _spent: bool = False

    def write(self, batch: TableBatch) -> Sequence[RefusedRow]:
        self._require_open()
        refused: list[RefusedRow] = []
        for first, rows in _slices(batch.rows):
            said = RowsSent(table=batch.table, mode=batch.mode)
            taken: RowsTaken = self._voice.ask(said, RowsTaken, _stream_of(rows))
            refused.extend(replace(each, row=each.row + first) for each in taken.refused)
            self.is_full = taken.is_full
        return refused

    def commit(self, commit: PendingCommit) -> CommitRecord:
        self._require_open()
        self._spent = True
        send_rejects(self._voice, self._reject_log, commit.rejects)
        return self._voice.ask(_asked(commit), Committed).record

    def rollback(self) -> None:
        self._spent = True

    def _require_open(self) -> None:
        if self._spent:
            raise SinkError("the transaction has ended")


@dataclass(frozen=True, slots=True)
class ClustersSink:
    """``loads.ports.BatchSink`` of one task whose rows go to a cluster: spooled here, prepared from here."""

    voice: Voice
    reject_log: RejectLog
    target: Target
    place: SpoolPlace

    def table(self, ref: TableRef) -> Table:
        return self.voice.ask(TableAsked(ref=ref), Table)

    def begin(self, label: Label, job_id: JobId, *, many_tables: bool = False) -> ClustersTransaction:  # noqa: ARG002 - a batch has its labels from its intent
        return ClustersTransaction(self, Spool(self.place.folder, self.place.bytes_max))


@dataclass(slots=True)
class ClustersTransaction:
    """``loads.ports.SinkTransaction``: the coordinator intends, decides and commits."""

    _sink: ClustersSink
    _spool: Spool

    @property
    def is_full(self) -> bool:
        return self._spool.is_full

    def write(self, batch: TableBatch) -> Sequence[RefusedRow]:
        self._spool.add(batch)
        return ()

    def commit(self, commit: PendingCommit) -> CommitRecord:
        voice, bodies = self._sink.voice, self._spool.tables
        try:
            send_rejects(voice, self._sink.reject_log, commit.rejects)
            answer: PartsToPrepare | Committed = voice.ask(
                replace(_asked(commit), tables=tuple(bodies)), PartsToPrepare | Committed
            )
            if isinstance(answer, Committed):
                return answer.record
            done = prepare(self._sink.target, answer.parts, lambda part: bodies[part.table])
            return voice.ask(PartsPrepared(preparation=done), Committed).record
        finally:
            self._spool.close()

    def rollback(self) -> None:
        self._spool.close()


def _asked(commit: PendingCommit) -> CommitAsked:
    return CommitAsked(
        ranges=tuple(commit.ranges),
        counts=commit.counts,
        timestamps_ms=commit.timestamps_ms,
        rejects=commit.rejects,
        execute_ms=commit.execute_ms,
        first_error=commit.first_error,
        txn_id=commit.txn_id,
    )


def send_rejects(voice: Voice, log: RejectLog, opaque_id: str) -> None:
    """The file of rejected rows goes to who serves it. Raises SinkError, BackendLost."""
    for offset, piece in log.pieces(opaque_id, SLICE_BYTES):
        voice.ask(RejectsSent(id=opaque_id, offset=offset), Noted, piece)


def _slices(rows: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """Rows in turns of bounded size; a row that is larger has one of its own."""
    each = max(1, rows.num_rows * SLICE_BYTES // max(1, rows.nbytes))
    for first in range(0, rows.num_rows, each):
        yield first, rows.slice(first, each)


def _stream_of(rows: pa.Table) -> memoryview:
    buffer = pa.BufferOutputStream()
    with pa.ipc.new_stream(buffer, rows.schema) as stream:
        stream.write_table(rows)
    return memoryview(buffer.getvalue())
