"""One load transaction, from payloads to commit.

Invariants: a payload handed to ``add`` is counted exactly once (loaded, filtered or unselected rows) in the counts that
``commit`` makes durable; rejected rows are on disk before the commit and published after it; after ``rollback`` nothing
remains. Memory is bounded by the chunks that the caller hands in.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import ClassVar, Protocol, Self

from routine_load.clock import Clock
from routine_load.commit.values import CommitRecord, Counts, OffsetRange
from routine_load.errors import CommitUnsettled, InDoubt, LeadershipLost, LimitExceeded, UnknownTable
from routine_load.ids import NO_TXN, JobId, Label, PartitionId, TableRef, TaskId, TxnId
from routine_load.loads.heading import Heading
from routine_load.loads.ports import BatchSink, RowTaker
from routine_load.loads.rejects import RejectLog, RejectSource
from routine_load.loads.routing import SHOWN_NAME_CHARS
from routine_load.loads.values import (
    Decoded,
    Decoder,
    LoadCompiler,
    LoadSpec,
    Payloads,
    PayloadSlice,
    RefusedRow,
    RejectedRow,
    Routed,
    TableBatch,
    Transformed,
    Transformer,
    WriteMode,
)
from routine_load.observe.failpoints import failpoint

PARSE_ERROR = "parse error"
"""How StarRocks begins to say that a message is no document at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What a commit makes durable beside the rows (``loads.ports.PendingCommit``)."""

    task_id: TaskId
    ranges: Sequence[OffsetRange]
    counts: Counts
    timestamps_ms: tuple[tuple[PartitionId, int], ...] = ()
    rejects: str = ""
    execute_ms: int = 0
    first_error: str = ""
    txn_id: TxnId = NO_TXN


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """What the caller knows at the end of a batch: who read which ranges, and how long it took."""

    task_id: TaskId
    ranges: Sequence[OffsetRange]
    timestamps_ms: tuple[tuple[PartitionId, int], ...]
    execute_ms: int
    txn_id: TxnId = NO_TXN


class Routes(Protocol):
    """Sends each payload of a chunk to its table."""

    @property
    def many_tables(self) -> bool: ...

    def split(self, payloads: Payloads) -> Routed: ...


@dataclass(frozen=True, slots=True)
class SingleTable:
    """Every payload goes to one table."""

    table: TableRef
    many_tables: ClassVar[bool] = False

    def split(self, payloads: Payloads) -> Routed:
        return Routed({self.table: payloads})


@dataclass(slots=True, kw_only=True)
class LoadPath:
    """What every load transaction shares. ``gate`` bounds how many chunks are decoded at a time."""

    sink: BatchSink
    compiler: LoadCompiler
    reject_log: RejectLog
    clock: Clock
    gate: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(2))

    def begin(self, label: Label, job_id: JobId, spec: LoadSpec, routes: Routes) -> LoadTransaction:
        return LoadTransaction(self, label, job_id, LoadStream(spec, routes))


@dataclass(slots=True)
class _TableLoad:
    decoder: Decoder
    transformer: Transformer
    mode: WriteMode


@dataclass(frozen=True, slots=True)
class _Part:
    """What a chunk has for one table; nothing where it was too large to be converted at once."""

    ref: TableRef
    load: _TableLoad
    payloads: Payloads
    decoded: Decoded | None = None
    transformed: Transformed | None = None
    too_large: LimitExceeded | None = None


@dataclass(frozen=True, slots=True)
class Converted:
    """A chunk whose rows are ready for the sink."""

    payloads: Payloads
    received: int
    routed: Routed
    parts: tuple[_Part, ...]


class LoadStream:
    """Payloads of one origin on their way into a transaction: what they mean, and which tables they go to."""

    def __init__(self, spec: LoadSpec, routes: Routes) -> None:
        self.spec = spec
        self.routes = routes
        self.heading = Heading(spec)
        self.converting = threading.Lock()
        self.tables: dict[TableRef, _TableLoad] = {}

    def close(self) -> None:
        for load in self.tables.values():
            load.decoder.close()
            load.transformer.close()
        self.tables.clear()


class LoadRows:
    """Payloads that become rows of one sink transaction, counted, with those that are rejected. Used by one thread.

    ``close`` undoes what nobody made durable; after that, or after a failure, nothing more may be added.
    """

    def __init__(self, path: LoadPath, source: RejectSource, rows: RowTaker) -> None:
        self._path = path
        self._source = source
        self._rejects = path.reject_log.open(source)
        self._rows = rows
        self.parse_error = ""
        self.counts = Counts()

    @property
    def first_error(self) -> str:
        return self._rejects.first_error

    @property
    def rejects(self) -> str:
        """The opaque id of the rejected rows; empty while there are none."""
        return self._rejects.id

    def add(self, stream: LoadStream, payloads: Payloads, *, received_bytes: int) -> None:
        """Load one chunk. Raises SinkError, UnknownTable, AnalysisError; the transaction is then lost."""
        self.take(stream, self.convert(stream, payloads), received_bytes=received_bytes)

    def convert(self, stream: LoadStream, payloads: Payloads) -> Converted:
        """The first half of ``add``: what needs only the chunk. Chunks of a stream are converted in order, and one by
        one; another thread may ``take`` the chunk before meanwhile. Raises what ``add`` does.
        """
        received = len(payloads.values)
        payloads = stream.heading.without(payloads)
        routed = stream.routes.split(payloads)
        parts = tuple(self._converted(stream, ref, part) for ref, part in routed.parts.items())
        return Converted(payloads, received, routed, parts)

    def take(self, stream: LoadStream, converted: Converted, *, received_bytes: int) -> None:
        """The second half of ``add``: count, reject, write."""
        for part in converted.parts:
            self._take_part(stream, part)
        for ref, rows in converted.routed.rejected.items():
            self._reject(ref, converted.payloads, rows)
        self.counts += Counts(received_bytes=received_bytes, messages=converted.received)

    def seal(self) -> None:
        """Before anything is committed: the rejected rows are durable. Raises SinkError."""
        self._rejects.seal()

    def counted(self) -> None:
        """The sink has the counts: whatever fails from here on, the file of rejected rows stays."""
        self._rejects = self._path.reject_log.open(self._source)

    def refused(self) -> str:
        """Nothing of this is visible, but its rejected rows can be read: by this id. Raises SinkError."""
        self._rejects.seal()
        rejects = self._rejects.id
        self._rejects = self._path.reject_log.open(self._source)
        self._path.reject_log.keep_refused(rejects)
        return rejects

    def close(self) -> None:
        """Undo what nobody made durable."""
        try:
            self._rows.rollback()
        finally:
            self._rejects.discard()

    def _converted(self, stream: LoadStream, ref: TableRef, payloads: Payloads) -> _Part:
        load = self._table_load(stream, ref)
        load.decoder.prepare(payloads)
        # The gate is not held while writing: a writer that waits for another's merge would starve that very merge.
        try:
            with stream.converting, self._path.gate:
                failpoint("transform.decode.before")
                decoded = load.decoder.decode(payloads)
                failpoint("transform.decode.after")
                failpoint("transform.filter.before")
                transformed = load.transformer.transform(decoded)
                failpoint("transform.filter.after")
                return _Part(ref, load, payloads, decoded, transformed)
        except LimitExceeded as error:
            return _Part(ref, load, payloads, too_large=error)

    def _take_part(self, stream: LoadStream, part: _Part) -> None:
        ref, payloads, decoded, transformed = part.ref, part.payloads, part.decoded, part.transformed
        if decoded is None or transformed is None:
            assert part.too_large is not None
            self._take_halves(stream, part, part.too_large)
            return
        self._reject(ref, payloads, decoded.rejected)
        if decoded.rejected and not self.parse_error:
            self.parse_error = next((row.reason for row in decoded.rejected if row.reason.startswith(PARSE_ERROR)), "")
        self._reject(ref, payloads, transformed.rejected)
        refused: Sequence[RefusedRow] = ()
        if transformed.rows.num_rows:
            refused = self._rows.write(TableBatch(ref, transformed.rows, part.load.mode))
        # What the sink refuses are rejected rows, too.
        rows = [RejectedRow(_payload(decoded, transformed, r.row), b"", r.column, r.reason) for r in refused]
        self._reject(ref, payloads, rows)
        self.counts += Counts(loaded=transformed.rows.num_rows - len(rows), unselected=transformed.unselected)

    def _reject(self, ref: TableRef, payloads: Payloads, rows: Sequence[RejectedRow]) -> None:
        self._rejects.add(ref, payloads, rows, self._path.clock.now())
        self.counts += Counts(filtered=len(rows))

    def _take_halves(self, stream: LoadStream, part: _Part, error: LimitExceeded) -> None:
        """A chunk that was too large is cut; a payload that is too large all alone is a rejected row."""
        ref, payloads = part.ref, part.payloads
        count = len(payloads.values)
        if count == 1:
            self._reject(ref, payloads, [RejectedRow(0, b"", "", error.message)])
            return
        for half in (PayloadSlice(payloads, 0, count // 2), PayloadSlice(payloads, count // 2, count)):
            self._take_part(stream, self._converted(stream, ref, half))

    def _table_load(self, stream: LoadStream, ref: TableRef) -> _TableLoad:
        load = stream.tables.get(ref)
        if load is None:
            spec = stream.spec
            try:
                table = self._path.sink.table(ref)
            except UnknownTable as cause:
                raise UnknownTable(f"table not found, table name is {ref.table[:SHOWN_NAME_CHARS]}") from cause
            self._path.compiler.check(spec, table)
            load = stream.tables[ref] = _TableLoad(
                self._path.compiler.decoder(spec, table),
                self._path.compiler.transformer(spec, table),
                WriteMode(
                    partial_update=spec.partial_update,
                    flexible=spec.flexible,
                    refuses_new_keys=spec.refuses_new_keys,
                    sequence_column=spec.sequence_column,
                    merge_condition=spec.merge_condition,
                    temporary_partitions=(spec.partitions or ()) if spec.temporary_partitions else (),
                    pushed=spec if spec.push_down else None,
                ),
            )
        return load


class LoadTransaction:
    """One batch of a job. Use as a context manager: leaving it without ``commit`` rolls back."""

    def __init__(self, path: LoadPath, label: Label, job_id: JobId, stream: LoadStream) -> None:
        self._path = path
        self._stream = stream
        self._transaction = path.sink.begin(label, job_id, many_tables=stream.routes.many_tables)
        source = RejectSource(job_id=job_id, label=label, compat=stream.spec.compat)
        self._rows = LoadRows(path, source, self._transaction)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._stream.close()
        finally:
            self._rows.close()

    @property
    def is_full(self) -> bool:
        """The sink wants what it has to be committed before more is added."""
        return self._transaction.is_full

    @property
    def counts(self) -> Counts:
        return self._rows.counts

    @property
    def parse_error(self) -> str:
        """Why a message could not be parsed at all, of the first one (StarRocks: fatal parse error)."""
        return self._rows.parse_error

    def add(self, payloads: Payloads, *, received_bytes: int) -> None:
        """Load one chunk. Raises SinkError, UnknownTable, AnalysisError; the transaction is then lost."""
        self._rows.add(self._stream, payloads, received_bytes=received_bytes)

    def commit(self, progressed: Progressed) -> CommitRecord:
        """Make everything visible.

        Raises SinkError, then nothing is; CommitUnsettled, InDoubt and LeadershipLost, then it may be.
        """
        rows = self._rows
        rows.seal()
        failpoint("commit.commit.before")
        commit = Commit(
            task_id=progressed.task_id,
            ranges=progressed.ranges,
            counts=rows.counts,
            timestamps_ms=progressed.timestamps_ms,
            rejects=rows.rejects,
            execute_ms=progressed.execute_ms,
            first_error=rows.first_error,
            txn_id=progressed.txn_id,
        )
        try:
            record = self._transaction.commit(commit)
        except (CommitUnsettled, InDoubt, LeadershipLost):
            rows.counted()  # the file is wanted as soon as the commit has gone through, whoever brings it there
            raise
        rows.counted()
        failpoint("commit.commit.after")
        self._path.reject_log.publish(record.rejects)
        return record

    def refused(self) -> str:
        """Nothing of this will be loaded, but its rejected rows can be read: by this id. Raises SinkError."""
        return self._rows.refused()


def _payload(decoded: Decoded, transformed: Transformed, row: int) -> int:
    """Which payload a transformed row came from."""
    source = row if transformed.kept is None else transformed.kept[row].as_py()
    return int(source if decoded.payload_of is None else decoded.payload_of[source].as_py())
