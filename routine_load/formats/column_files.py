"""Bodies that hold columns: streams of Arrow, read as they come; Parquet and ORC, read from a file.

Owns what is read at a time. Refuses to know where a file is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc

from routine_load.errors import LimitExceeded, LoadRejected, RoutineLoadError
from routine_load.formats.framing import Read, gathered

Batches = Iterator[pa.Table]


def arrow_batches(read: Read, *, rows: int, message_bytes_max: int) -> Batches:
    """The rows of an Arrow IPC stream, at most so many at a time. Raises LoadRejected, LimitExceeded."""
    source = _Stream(read, message_bytes_max)
    with (
        _refusals("Arrow IPC stream", lambda: source.failed),
        pa.ipc.open_stream(pa.PythonFile(source, mode="r")) as stream,
    ):
        for batch in stream:
            yield from _pieces(pa.Table.from_batches([batch]), rows)


def parquet_batches(file: IO[bytes], *, rows: int) -> Batches:
    with _refusals("Parquet file"), pq.ParquetFile(file, pre_buffer=False, buffer_size=1024 * 1024) as opened:
        for batch in opened.iter_batches(batch_size=rows, use_threads=False):
            yield pa.Table.from_batches([batch])


def orc_batches(file: IO[bytes], *, rows: int) -> Batches:
    with _refusals("ORC file"):
        opened = orc.ORCFile(file)
        for number in range(opened.nstripes):
            yield from _pieces(pa.Table.from_batches([opened.read_stripe(number)]), rows)


def _pieces(table: pa.Table, rows: int) -> Batches:
    for start in range(0, table.num_rows, rows):
        yield table.slice(start, rows)


class _Stream:
    """The body as a file for Arrow; what its reader raised is kept, as Arrow would not tell of it."""

    closed = False

    def __init__(self, read: Read, message_bytes_max: int) -> None:
        self._read = read
        self._most = message_bytes_max
        self.failed: RoutineLoadError | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            if not 0 <= size <= self._most:
                raise LimitExceeded(f"A message of the Arrow stream has {size} bytes, at most {self._most} are taken")
            return gathered(self._read, size)
        except RoutineLoadError as error:
            self.failed = error
            raise

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        return None


@contextmanager
def _refusals(what: str, failed: Callable[[], RoutineLoadError | None] = lambda: None) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, MemoryError) as error:
        if (kept := failed()) is not None:
            raise kept from error
        raise LoadRejected(f"The body is no {what} that can be read: {str(error)[:200]}") from error
