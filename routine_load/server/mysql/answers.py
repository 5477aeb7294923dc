"""Results on their way to one client: owns how OKs, tables and several of them follow each other.

Rows are pulled and encoded on a worker, piece by piece, and the next piece is pulled only when the client took the
one before; so a lazy result of any size needs the memory of one piece. Pieces of one result may be pulled by
different workers, never by two at once. Refuses to know where results come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from mysql_mimic.types import Capabilities, ServerStatus, uint_len

from routine_load.server.mysql import outbound
from routine_load.server.mysql.authentication import Blocking
from routine_load.server.mysql.columns import RowEncoder, column_definition
from routine_load.server.mysql.stream import BoundedStream
from routine_load.sql.results import Ok, Result, ResultColumn, ResultTable

_BATCH_ROWS = 100
_BATCHES = 10
_PIECE_BYTES = 4 * 1024 * 1024
_FIELDS_MAX = 0xFFFF


class Answers:
    """Writes results to one stream. ``discard`` ends a lazy result that will not be read further."""

    def __init__(self, stream: BoundedStream, call: Blocking, discard: Callable[[Iterator[Any]], None]) -> None:
        self._stream = stream
        self._call = call
        self._discard = discard
        self.capabilities = Capabilities(0)

    async def send(self, result: Result, *, more: bool, binary: bool) -> None:
        """One result; ``more``: the next statement's follows, or its error."""
        status = ServerStatus.SERVER_MORE_RESULTS_EXISTS if more else outbound.NO_STATUS
        if isinstance(result, Ok):
            self._stream.put(
                outbound.ok(
                    status=status,
                    affected_rows=result.affected_rows,
                    warnings=len(result.warnings),
                    message=result.message,
                )
            )
        else:
            await self._send_table(result, status, binary=binary)
        await self._stream.flush()

    async def send_field_list(self, result: Result) -> None:
        """The first column of a table, as the names of columns."""
        if isinstance(result, ResultTable):
            for row in await self._call(list, islice(result.rows, _FIELDS_MAX)):
                self._stream.put(column_definition(ResultColumn(str(row[0])), field_list=True))
        await self._stream.write(outbound.eof(self.capabilities))

    async def send_prepared(self, statement_id: int, parameters: int) -> None:
        self._stream.put(outbound.prepared(statement_id, parameters))
        for _ in range(parameters):
            self._stream.put(column_definition(ResultColumn("?")))
        if parameters:
            self._end_definitions(outbound.NO_STATUS)
        await self._stream.flush()

    async def _send_table(self, table: ResultTable, status: ServerStatus, *, binary: bool) -> None:
        encoder = RowEncoder(table.columns, binary=binary)
        self._stream.put(bytes(uint_len(len(table.columns))))
        for column in table.columns:
            self._stream.put(column_definition(column))
        self._end_definitions(status)
        rows = iter(table.rows)
        try:
            while piece := await self._call(_encode_piece, encoder, rows):
                for payload in piece:
                    self._stream.put(payload)
                if self._stream.full:
                    await self._stream.flush()
        finally:
            self._discard(rows)
        self._stream.put(outbound.eof(self.capabilities, status=status))

    def _end_definitions(self, status: ServerStatus) -> None:
        if Capabilities.CLIENT_DEPRECATE_EOF not in self.capabilities:
            self._stream.put(outbound.eof(self.capabilities, status=status))


def _encode_piece(encoder: RowEncoder, rows: Iterator[Any]) -> list[bytes]:
    """Up to a thousand rows as payloads, fewer when they are wide; empty at the end of the rows."""
    payloads: list[bytes] = []
    size = 0
    for _ in range(_BATCHES):
        batch = list(islice(rows, _BATCH_ROWS))
        encoded = encoder.encode(batch)
        payloads += encoded
        size += sum(map(len, encoded))
        if len(batch) < _BATCH_ROWS or size >= _PIECE_BYTES:
            break
    return payloads
