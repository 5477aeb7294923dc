"""Rejected rows: one Parquet file per transaction, found by an opaque id.

Invariant: a file is named ``<id>.parquet`` only after its transaction committed; until then it is ``<id>.pending``.
``settle`` renames or removes what a crash left pending, so a rejected row is seen exactly when it was counted. The rows
of a batch that was refused because of them are ``<id>.refused``: nobody counts them, but whoever has the id reads them.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from routine_load.errors import SinkError
from routine_load.ids import Compat, JobId, Label, TableRef
from routine_load.loads.values import Payloads, RejectedRow
from routine_load.observe import events
from routine_load.observe.logs import logger

log = logger("loads")

SCHEMA = pa.schema(
    [
        ("job_id", pa.int64()),
        ("label", pa.string()),
        ("database_name", pa.string()),
        ("table_name", pa.string()),
        ("topic", pa.string()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("column_name", pa.string()),
        ("reason", pa.string()),
        ("raw", pa.binary()),
        ("rejected_at", pa.timestamp("us")),
    ]
)

_COMPAT = b"compat"
"""Whose words a file's lines are, in the file's own metadata."""

CLIENTS = JobId(0)
"""Stands where the job's number would, of rows that a client sent: no job has it."""

_ID = re.compile(r"[0-9a-f]{32}")
_READABLE = (".parquet", ".refused")
_RECORDS = ".records"
_ONE_LINE = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != ord("\t")}
_GROUP_ROWS = 5_000
_GROUP_BYTES = 1024 * 1024
"""So many rejected rows wait to be written together, or so few that are long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectSource:
    """Which load the rejected rows of a file belong to."""

    job_id: JobId
    label: Label
    compat: Compat = Compat.STARROCKS


class RejectFile:
    """The rejected rows of one transaction. Nothing is created until a row is rejected."""

    def __init__(self, directory: Path, source: RejectSource, *, raw_bytes_max: int) -> None:
        self._directory = directory
        self._source = source
        self._raw_bytes_max = raw_bytes_max
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []
        self._waiting_bytes = 0
        self._id = ""
        self.count = 0
        self.first_error = ""

    @property
    def id(self) -> str:
        """The opaque id, empty while no row was rejected."""
        return self._id

    def add(self, table: TableRef, payloads: Payloads, rows: Sequence[RejectedRow], at: datetime) -> None:
        """Append rejected rows of one chunk. Raises SinkError where the file cannot be written."""
        if not rows:
            return
        with _named_failures():
            if self._writer is None:
                self._id = secrets.token_hex(16)
                schema = SCHEMA.with_metadata({_COMPAT: self._source.compat.encode()})
                self._writer = pq.ParquetWriter(self._pending, schema, compression="zstd")
            told = self._told(table, payloads, rows, at)
            self._waiting.append(told)
            self._waiting_bytes += told.nbytes
            if sum(map(len, self._waiting)) >= _GROUP_ROWS or self._waiting_bytes >= _GROUP_BYTES:
                self._write()
        self.count += len(rows)

    def _write(self) -> None:
        """A row group of what waits: each costs a millisecond, however few rows it has."""
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        if self._writer is not None and waiting:
            self._writer.write_table(pa.concat_tables(waiting))

    def _told(self, table: TableRef, payloads: Payloads, rows: Sequence[RejectedRow], at: datetime) -> pa.Table:
        numbers, texts, columns, reasons = zip(*rows, strict=True)
        topics, partitions, offsets = zip(*map(payloads.origin, numbers), strict=True)
        values, most = payloads.values, self._raw_bytes_max
        raws = [(text or values[number] or b"")[:most] for number, text in zip(numbers, texts, strict=True)]
        if not self.first_error:
            raw = raws[0][:200].decode("utf-8", "replace")
            is_doris = self._source.compat is Compat.DORIS
            self.first_error = f"{rows[0].reason}. Src line: {raw}" if is_doris else f"{rows[0].reason} Row: {raw}"
        same = {
            "job_id": int(self._source.job_id),
            "label": str(self._source.label),
            "database_name": table.database,
            "table_name": table.table,
            "rejected_at": at.replace(tzinfo=None),
        }
        each = {
            "topic": topics,
            "partition": partitions,
            "offset": offsets,
            "column_name": columns,
            "reason": reasons,
            "raw": raws,
        }
        told = [
            pa.repeat(pa.scalar(same[name], kind), len(rows)) if name in same else pa.array(each[name], kind)
            for name, kind in zip(SCHEMA.names, SCHEMA.types, strict=True)
        ]
        return pa.table(told, schema=SCHEMA)

    def seal(self) -> None:
        """Make the file durable, still pending; called before the commit that counts it. Raises SinkError."""
        if self._writer is None:
            return
        with _named_failures():
            self._write()
            self._writer.close()
            descriptor = os.open(self._pending, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def discard(self) -> None:
        """The transaction was given up: remove what was written. Never raises; start-up removes what is left."""
        self._waiting = []
        if self._writer is None:
            return
        with contextlib.suppress(OSError, pa.ArrowException):
            self._writer.close()
        with contextlib.suppress(OSError):
            self._pending.unlink(missing_ok=True)
        self._writer = None
        self._id = ""

    @property
    def _pending(self) -> Path:
        return self._directory / f"{self._id}.pending"


@contextlib.contextmanager
def _named_failures() -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__
        raise SinkError(f"The file of rejected rows cannot be written: {why}") from error


class RejectLog:
    """The folder of rejected rows."""

    def __init__(self, directory: Path, *, raw_bytes_max: int = 8192) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._raw_bytes_max = raw_bytes_max

    def open(self, source: RejectSource) -> RejectFile:
        return RejectFile(self._directory, source, raw_bytes_max=self._raw_bytes_max)

    def adopt(self, opaque_id: str, offset: int, piece: bytes | memoryview) -> str:
        """A piece of a file that was written elsewhere, pending like one of ours. Raises SinkError; returns the id."""
        if not _ID.fullmatch(opaque_id):
            raise SinkError("A file of rejected rows has an id of 32 hexadecimal digits")
        with _named_failures(), (self._directory / f"{opaque_id}.pending").open("r+b" if offset else "xb") as file:
            file.seek(offset)
            file.write(piece)
        return opaque_id

    def make_durable(self, opaque_id: str) -> None:
        """Before the commit that counts what was adopted. Raises SinkError; does nothing for the empty id."""
        if opaque_id:
            with _named_failures(), (self._directory / f"{opaque_id}.pending").open("rb") as file:
                os.fsync(file.fileno())

    def give_up(self, opaque_id: str) -> None:
        """What was adopted is counted by nobody. Never raises; start-up removes what is left."""
        with contextlib.suppress(OSError):
            (self._directory / f"{opaque_id}.pending").unlink(missing_ok=True)

    def remove(self, opaque_id: str) -> None:
        """Somebody else has the rows now. Never raises."""
        for ending in (".pending", *_READABLE) if opaque_id else ():
            with contextlib.suppress(OSError):
                (self._directory / f"{opaque_id}{ending}").unlink(missing_ok=True)

    def pieces(self, opaque_id: str, bytes_max: int) -> Iterator[tuple[int, bytes]]:
        """Where each piece of a sealed file begins, and the piece; nothing for the empty id. Raises SinkError."""
        found = (self._directory / f"{opaque_id}{ending}" for ending in (".pending", *_READABLE) if opaque_id)
        path = next((path for path in found if path.is_file()), None)
        if path is None:
            return
        with _named_failures(), path.open("rb") as file:
            while piece := file.read(bytes_max):
                yield file.tell() - len(piece), piece

    def publish(self, opaque_id: str) -> None:
        """The transaction committed: give its file its name. Never raises; start-up names what was left pending.

        Does nothing for the empty id of a transaction without rejected rows, and where it was done before.
        """
        for ending in ("pending", "refused") if opaque_id else ():  # those of a prepared load could be read before
            found = self._directory / f"{opaque_id}.{ending}"
            try:
                if found.exists():
                    found.rename(found.with_suffix(".parquet"))
            except OSError as error:
                log.warning(events.REJECTS_PENDING, file=found.name, error=error.strerror)

    def keep_refused(self, opaque_id: str) -> None:
        """The batch was refused for its bad rows: they were not counted, but may be read by the id. Never raises."""
        pending = self._directory / f"{opaque_id}.pending"
        try:
            if pending.exists():
                pending.rename(pending.with_suffix(".refused"))
        except OSError as error:
            log.warning(events.REJECTS_PENDING, file=pending.name, error=error.strerror)

    def settle(self, is_committed: Callable[[str], bool]) -> None:
        """After a crash: files of committed transactions get their name, the others go."""
        for path in self._directory.glob("*.pending"):
            if is_committed(path.stem):
                path.rename(path.with_suffix(".parquet"))
            else:
                path.unlink()

    def render(self, opaque_id: str, *, limit: int = 10_000) -> Iterator[str]:
        """The lines of an error log as the load's vendor prints them. Raises FileNotFoundError for an unknown id."""
        return self._lines(self._readable(opaque_id), limit)

    def write_records(self, opaque_id: str, rows_max: int) -> str:
        """StarRocks: ``log_rejected_record_num``, -1 for all rows. Where the text file is; empty where there is none.

        A line is the record, the error and the table, with tabs between them. Never raises: the load goes on without.
        """
        target = self._directory / f"{opaque_id}{_RECORDS}"
        try:
            with (
                target.open("w", encoding="utf-8", newline="\n") as file,
                pq.ParquetFile(self._readable(opaque_id)) as rejected,
            ):
                rows = (row for batch in rejected.iter_batches(batch_size=500) for row in batch.to_pylist())
                for row in islice(rows, None if rows_max < 0 else rows_max):
                    record = f"{_raw(row)}\t{row['reason']}".translate(_ONE_LINE)
                    file.write(f"{record}\t{row['database_name']}.{row['table_name']}\n")
        except (OSError, pa.ArrowException) as error:
            log.warning(events.REJECTS_PENDING, file=target.name, error=type(error).__name__)
            with contextlib.suppress(OSError):
                target.unlink(missing_ok=True)
            return ""
        return str(target)

    def records_path(self, opaque_id: str) -> str:
        """Where the text file of a load's records is; empty where nobody asked for one, or it is gone."""
        path = self._directory / f"{opaque_id}{_RECORDS}"
        return str(path) if opaque_id and path.is_file() else ""

    def _readable(self, opaque_id: str) -> Path:
        if _ID.fullmatch(opaque_id):
            for ending in _READABLE:
                path = self._directory / f"{opaque_id}{ending}"
                if path.is_file():
                    return path
        raise FileNotFoundError(opaque_id)

    @staticmethod
    def _lines(path: Path, limit: int) -> Iterator[str]:
        with pq.ParquetFile(path) as file:
            is_doris = (file.schema_arrow.metadata or {}).get(_COMPAT) == Compat.DORIS.encode()
            for batch in file.iter_batches(batch_size=500):
                for row in batch.to_pylist():
                    if limit == 0:
                        yield "… more rows: SELECT * FROM information_schema.routine_load_rejects"
                        return
                    limit -= 1
                    yield _line_of_doris(row) if is_doris else _line_of_starrocks(row)

    def purge(self, older_than: datetime) -> None:
        """Remove files whose time has passed (BE: load_error_log_reserve_hours)."""
        limit = older_than.timestamp()
        for path in (path for ending in (*_READABLE, _RECORDS) for path in self._directory.glob(f"*{ending}")):
            if path.stat().st_mtime < limit:
                path.unlink(missing_ok=True)


def _line_of_starrocks(row: dict[str, Any]) -> str:
    meta = f"{_meta(row)} " if row["offset"] >= 0 else ""
    return f"Error: {row['reason'].rstrip('.')}. Row: {meta}{_raw(row)}"


def _line_of_doris(row: dict[str, Any]) -> str:
    """The line ends in a blank; where a message was, Doris does not tell."""
    return f"Reason: {row['reason']}. src line [{_raw(row)}]; {_meta(row) if row['offset'] >= 0 else ''}"


def _raw(row: dict[str, Any]) -> str:
    text: str = row["raw"].decode("utf-8", "backslashreplace")
    return text


def _meta(row: dict[str, Any]) -> str:
    return f"[meta: kafka partition: {row['partition']}, offset: {row['offset']}]"
