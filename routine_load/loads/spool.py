"""The spool: the rows of one batch, kept until they can be sent, in bounded memory.

Small batches stay in memory, larger ones go to a file per table in a folder of their own. Refuses to know where the
rows go.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa

from routine_load.errors import LimitExceeded, SinkError
from routine_load.ids import TableRef
from routine_load.loads.values import TableBatch, WriteMode

MEMORY_BYTES_MAX: Final = 4 * 1024 * 1024
"""What a batch may hold in memory; then all of it goes to files."""

TABLES_MAX: Final = 256
"""Tables of one batch: each has an open file."""

_OPTIONS: Final = pa.ipc.IpcWriteOptions(compression="lz4")


@dataclass(slots=True)
class SpooledRows:
    """The rows of one table (``loads.ports.PartBody``)."""

    schema: pa.Schema
    mode: WriteMode
    rows: int = 0
    _held: list[pa.RecordBatch] = field(default_factory=list)
    _path: Path | None = None
    _file: pa.OSFile | None = None
    _writer: pa.ipc.RecordBatchStreamWriter | None = None

    def batches(self) -> Iterator[pa.RecordBatch]:
        if self._path is None:
            yield from self._held
            return
        with _as_sink_error("reading back the rows of a batch"):
            self.close()
            with pa.OSFile(str(self._path), "rb") as file, pa.ipc.open_stream(file) as reader:
                yield from reader

    def add(self, rows: pa.Table) -> None:
        self.rows += rows.num_rows
        for batch in rows.to_batches():
            if self._writer is None:
                self._held.append(batch)
            else:
                self._writer.write_batch(batch)

    def spill(self, path: Path) -> None:
        self._path = path
        self._file = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_stream(self._file, self.schema, options=_OPTIONS)
        for batch in self._held:
            self._writer.write_batch(batch)
        self._held = []

    def close(self) -> None:
        writer, self._writer = self._writer, None
        file, self._file = self._file, None
        if writer is not None:
            writer.close()
        if file is not None:
            file.close()


class Spool:
    """One batch. Used by one thread; ``close`` removes what it has on disk. Failures raise SinkError."""

    def __init__(self, folder: Path, bytes_max: int) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._own: Path | None = None
        self._tables: dict[TableRef, SpooledRows] = {}
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        return self._bytes >= self._bytes_max

    @property
    def tables(self) -> Mapping[TableRef, SpooledRows]:
        """Tables that have rows, in the order in which they came."""
        return self._tables

    def add(self, batch: TableBatch) -> None:
        """Keep rows. Raises LimitExceeded for more tables or bytes than a batch may have."""
        if batch.rows.num_rows == 0:
            return
        with _as_sink_error(f"keeping rows of {batch.table}"):
            self._add(batch)

    def _add(self, batch: TableBatch) -> None:
        rows = batch.rows
        self._bytes += rows.nbytes
        if self._bytes > 2 * self._bytes_max:
            raise LimitExceeded(f"a batch of {self._bytes} bytes in columns; {2 * self._bytes_max} are allowed")
        kept = self._tables.get(batch.table)
        if kept is None:
            if len(self._tables) == TABLES_MAX:
                raise LimitExceeded(f"a batch for more than {TABLES_MAX} tables")
            kept = self._tables[batch.table] = SpooledRows(rows.schema, batch.mode)
            if self._own is not None:
                kept.spill(self._file_of(kept))
        kept.add(rows.cast(kept.schema) if rows.schema != kept.schema else rows)
        if self._own is None and self._bytes > MEMORY_BYTES_MAX:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._own = Path(tempfile.mkdtemp(dir=self._folder))
            for each in self._tables.values():
                each.spill(self._file_of(each))

    def _file_of(self, kept: SpooledRows) -> Path:
        assert self._own is not None
        number = next(n for n, each in enumerate(self._tables.values()) if each is kept)
        return self._own / f"{number}.arrow"

    def close(self) -> None:
        """Forget all of it. Never raises."""
        for kept in self._tables.values():
            with contextlib.suppress(OSError, pa.ArrowException):
                kept.close()
        self._tables = {}
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)
            self._own = None


def empty_spool(folder: Path) -> None:
    """Remove what a process that was killed left; called before the first batch of this one."""
    for left in folder.iterdir() if folder.is_dir() else ():
        shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def _as_sink_error(doing: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as cause:
        raise SinkError(f"{doing} failed: {cause}") from cause
