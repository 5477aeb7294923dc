"""A request's body on its way to payloads: counted, bounded, decompressed, cut.

At most a chunk, and the row that it ends in, is in memory at a time. A body whose format cannot be read from front to
back is put into a file first.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import IO

import pyarrow as pa

from routine_load.clock import Clock
from routine_load.errors import LimitExceeded, SinkError
from routine_load.formats.column_files import arrow_batches, orc_batches, parquet_batches
from routine_load.formats.compression import decompressed
from routine_load.formats.framing import EnclosedRows, Framer, Read, RowsByDelimiter, WholeBody, framed
from routine_load.formats.json_framing import BLANKS, JsonDocuments, JsonElements, first_byte
from routine_load.ids import Compat
from routine_load.loads.column_rows import ColumnRows
from routine_load.loads.lines import BodyRows, Lines
from routine_load.loads.values import Format, LoadSpec, Payloads
from routine_load.statements.stream_load.plan import MIB, BodyFormat, LoadPlan, StreamLoadLimits
from routine_load.statements.stream_load.values import Body, LoadRequest
from routine_load.statements.stream_load.words import Code, Refused

ROWS_AT_ONCE = 10
"""A chunk of short rows is cut where it has more than so many times ``chunk_rows``."""


class ReplayedBody:
    """A body that was read already, with what may follow."""

    def __init__(self, head: bytes, rest: Body) -> None:
        self._head = head
        self._rest = rest

    def read(self, max_bytes: int) -> bytes:
        if not self._head:
            return self._rest.read(max_bytes)
        taken, self._head = self._head[:max_bytes], self._head[max_bytes:]
        return taken


class ReceivedBody:
    """The bytes as they came in, counted. ``spent_s`` is the time that it took to wait for them."""

    def __init__(self, request: LoadRequest, limits: StreamLoadLimits, clock: Clock) -> None:
        self._request = request
        self._bytes_max = limits.body_bytes_max
        self._clock = clock
        self._told = 0
        self._ended = False
        self.count = 0
        self.spent_s = 0.0

    def read(self, size: int) -> bytes:
        """Raises ClientGone, and Refused for a body that is too large, or not as large as was said."""
        if self._ended:
            return b""
        began = self._clock.monotonic()
        data = self._request.body.read(size)
        self.spent_s += self._clock.monotonic() - began
        self.count += len(data)
        if self.count > self._bytes_max:
            raise self._too_large()
        if not data:
            self._ended = True
            said = self._request.content_length
            if said is not None and said != self.count:
                raise Refused(
                    Code.INTERNAL_ERROR,
                    f"receive body don't equal with body bytes, body_bytes={said}, receive_bytes={self.count}",
                )
        return data

    def since(self) -> int:
        """Bytes that came in since it was asked last."""
        new, self._told = self.count - self._told, self.count
        return new

    def finish(self) -> None:
        """What follows compressed data, or an array, is read and not looked at."""
        while self.read(MIB):
            pass

    def _too_large(self) -> Refused:
        if self._request.session.compat is Compat.DORIS:
            return Refused(
                Code.EXCEEDED_LIMIT,
                f"body size {self.count} exceed BE's conf `streaming_load_max_mb` {self._bytes_max // MIB}. "
                "increase it if you are sure this load is reasonable",
            )
        return Refused(
            Code.INTERNAL_ERROR,
            f"body size {self.count} exceed limit: {self._bytes_max}, db={self._request.database}, "
            f"table={self._request.table}. You can increase the limit by setting streaming_load_max_mb in be.conf.",
        )


@dataclass(frozen=True, slots=True)
class Opened:
    """A body whose beginning was seen. ``spec`` says how its payloads are to be decoded."""

    spec: LoadSpec
    payloads: Iterator[Payloads]


def opened(plan: LoadPlan, body: ReceivedBody, limits: StreamLoadLimits) -> Opened:
    """The payloads of a body, as they come. Raises what reading does, LimitExceeded, LoadRejected, BodyBroken."""
    read = decompressed(body.read, plan.head.compression)
    if plan.spec.format is Format.COLUMNS:
        return Opened(plan.spec, (ColumnRows(table) for table in _tables(plan.head.format, read, limits)))
    framer, spec = _framer(plan)
    if plan.head.format is BodyFormat.JSON and not isinstance(framer, RowsByDelimiter):
        head = b""
        while not first_byte(head):
            piece = read(limits.chunk_bytes)
            if not piece:
                break
            head = (head + piece).lstrip(BLANKS)
        framer, spec = _json_framer(spec, head, is_stream=plan.spec.compat is Compat.STARROCKS)
        read = _Prepended(head, read).read
    rows = framed(read, framer, chunk_bytes=limits.chunk_bytes, row_bytes_max=limits.row_bytes_max)
    return Opened(spec, chain.from_iterable(_payloads(found, limits) for found in rows))


def _tables(body_format: BodyFormat, read: Read, limits: StreamLoadLimits) -> Iterator[pa.Table]:
    rows = limits.chunk_rows
    if body_format is BodyFormat.ARROW:
        yield from arrow_batches(read, rows=rows, message_bytes_max=limits.row_bytes_max)
        return
    with tempfile.TemporaryFile(dir=limits.spool_dir) as file:
        _spool(read, file, limits)
        batches = parquet_batches if body_format is BodyFormat.PARQUET else orc_batches
        yield from batches(file, rows=rows)


def _spool(read: Read, file: IO[bytes], limits: StreamLoadLimits) -> None:
    """A file that is read from its end has to be there as a whole first."""
    size = 0
    try:
        while data := read(MIB):
            size += len(data)
            if size > limits.spool_bytes_max:
                raise LimitExceeded(f"The body has more than {limits.spool_bytes_max} bytes, more cannot be kept")
            file.write(data)
        file.seek(0)
    except OSError as error:
        raise SinkError(f"The body cannot be kept: {os.strerror(error.errno or 0)}") from error


def _framer(plan: LoadPlan) -> tuple[Framer, LoadSpec]:
    spec = plan.spec
    if plan.head.format is BodyFormat.JSON:
        return (RowsByDelimiter(spec.row_delimiter.encode()) if plan.json_by_line else WholeBody()), spec
    if spec.enclose or (spec.escape and spec.compat is Compat.STARROCKS):
        return EnclosedRows(spec), spec
    return RowsByDelimiter(spec.row_delimiter.encode()), spec


def _json_framer(spec: LoadSpec, head: bytes, *, is_stream: bool) -> tuple[Framer, LoadSpec]:
    """A body that is an array, where one is asked for, is cut at its elements; a stream at its documents.

    What is not what was asked for is left to the decoder, which has the vendor's words.
    """
    if spec.strip_outer_array and not spec.json_root and first_byte(head) == b"[":
        return JsonElements(), replace(spec, strip_outer_array=False)
    return (JsonDocuments() if is_stream else WholeBody()), spec


def _payloads(rows: Sequence[bytes], limits: StreamLoadLimits) -> Iterator[Payloads]:
    count, most = len(rows), limits.chunk_rows * ROWS_AT_ONCE
    if count == 0:
        return
    if count <= most:
        yield BodyRows(rows)
        return
    for start in range(0, count, most):
        yield BodyRows(_slice(rows, start, start + most))


def _slice(rows: Sequence[bytes], start: int, stop: int) -> Sequence[bytes]:
    part = rows[start:stop]
    if isinstance(rows, Lines):
        return Lines(rows.delimiter.join(part), rows.delimiter)
    return part


class _Prepended:
    """Bytes that were read already, in front of the others."""

    def __init__(self, head: bytes, read: Read) -> None:
        self._head = head
        self._read = read

    def read(self, size: int) -> bytes:
        if not self._head:
            return self._read(size)
        taken, self._head = self._head[:size], self._head[size:]
        return taken
