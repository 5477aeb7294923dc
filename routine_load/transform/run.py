"""Runs a program over decoded chunks in a locked DuckDB in memory, and turns what it rejects into reasons."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from routine_load.errors import AnalysisError, LimitExceeded
from routine_load.loads.prepared import PreparedQueries
from routine_load.loads.values import (
    RAW_BYTES_MAX,
    Decoded,
    Format,
    LoadSpec,
    RejectedRow,
    SourceColumn,
    Transformed,
)
from routine_load.transform import native
from routine_load.transform.faults import LOADED, REJECTED, UNSELECTED, UNUSUAL
from routine_load.transform.hopeless import Settled, settle
from routine_load.transform.plain import converted
from routine_load.transform.program import Program

MEMORY_LIMIT = "192MB"
TIMEOUT_SECONDS = 30.0
"""An expression that needs longer for one chunk is interrupted: the task fails instead of hanging."""
_TOO_SLOW = f"The load's expressions took more than {TIMEOUT_SECONDS:.0f} s for one chunk"
SHOWN_CHARS_MAX = 200
UNUSUAL_SHARE = 10
"""Where more than one row of so many is spelled unusually, all of them go through the full program."""

UNUSUAL_CHUNKS = 16
"""After a chunk of many unusual spellings so many go straight to the full program: the data is probably like that."""


_Ran = tuple[pa.Table, int, pa.Array | None]
"""Output columns of the loaded rows; how many were unselected; the rows of the chunk that were loaded, None: all."""


def blank_rows(sources: Sequence[SourceColumn], rows: int) -> pa.Table:
    """So many rows of NULLs, as a program reads them."""
    return pa.table({f"s{i}": pa.nulls(rows, column.type) for i, column in enumerate(sources)})


class SqlTransformer:
    """One task's transformer: one connection, one thread at a time."""

    def __init__(self, spec: LoadSpec, program: Program) -> None:
        self._spec = spec
        self._program = program
        self._slots = [f"s{i}" for i in range(len(program.sources))]
        self._fields = sum(1 for column in program.sources if column.metadata is None)
        self._empty = blank_rows(program.sources, 0)
        self._deadline = 0.0
        self._timer: threading.Timer | None = None
        self._unusual_chunks = 0
        self._odd: frozenset[int] = frozenset()
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "threads": "1",
                "memory_limit": MEMORY_LIMIT,
                "enable_external_access": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "python_enable_replacements": "false",
                # HUGEINT would travel as a double otherwise.
                "arrow_lossless_conversion": "true",
            },
        )
        native.install(self._connection, (program.main, program.usual, program.explain))
        self._connection.execute("SET lock_configuration = true")
        self._queries = PreparedQueries(self._connection)

    def transform(self, decoded: Decoded) -> Transformed:
        """Raises LimitExceeded when an expression takes too long or too much memory; never for bad rows."""
        src = decoded.columns.rename_columns(self._slots)
        rejected: list[RejectedRow] = []
        payloads = decoded.payload_of
        self._deadline = time.monotonic() + TIMEOUT_SECONDS
        try:
            rows, unselected, kept = self._run(src, payloads, 0, rejected)
        except duckdb.InterruptException as cause:
            raise LimitExceeded(_TOO_SLOW) from cause
        except duckdb.OutOfMemoryException as cause:
            raise LimitExceeded(f"The load's expressions need more than {MEMORY_LIMIT} for one chunk") from cause
        finally:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        return Transformed(rows.rename_columns(list(self._program.names)), tuple(rejected), unselected, kept)

    def dry_run(self, src: pa.Table) -> None:
        """Run both SELECTs; raises duckdb.Error where a chunk of rows would be cut to find the bad one."""
        for program in (self._program.main, self._program.usual, self._program.explain):
            if program:
                self._queries.query_once(program, src)

    def close(self) -> None:
        self._connection.close()

    def _run(self, src: pa.Table, payloads: pa.Array | None, first: int, rejected: list[RejectedRow]) -> _Ran:
        """``first`` is src's row in the chunk."""
        try:
            out, settled = self._usual(src) or (self._query(self._program.main, src), None)
        except (duckdb.InterruptException, duckdb.OutOfMemoryException):
            raise
        except duckdb.Error as cause:
            self._still_possible(cause)
            return self._run_halves(src, payloads, first, rejected, cause)
        if out.num_columns == len(self._program.names):
            return out, 0, None
        status = np.asarray(out.column(out.num_columns - 1))
        out = out.remove_column(out.num_columns - 1)
        dropped = np.flatnonzero(status != LOADED)
        if not len(dropped):
            return out, 0, None
        unselected = int(np.count_nonzero(status[dropped] == UNSELECTED))
        if unselected < len(dropped):
            places = dropped if not unselected else np.flatnonzero(status == REJECTED)
            rejected += self._explain(src, pa.array(places), payloads, first, settled)
        # Column by column: a filter of the whole table takes three times as long.
        loaded = pa.array(status == LOADED)
        kept = pa.table([column.filter(loaded) for column in out.columns], schema=out.schema)
        return kept, unselected, pa.array(np.delete(np.arange(first, first + len(status), dtype=np.uint64), dropped))

    def _usual(self, src: pa.Table) -> tuple[pa.Table, Settled | None] | None:
        """The output by the cheap program, and by the full one for the few rows that are spelled unusually.

        None where they are many, and for a while after that. With it what is known of rejected rows already.
        """
        if self._unusual_chunks > 0:
            self._unusual_chunks -= 1
            return None
        out, settled = self._plain(src) if self._program.plain else (self._query(self._program.usual, src), None)
        if out.num_columns == len(self._program.names) or (settled is not None and settled.certain):
            return out, settled
        unusual = pc.equal(out.column(out.num_columns - 1), UNUSUAL).combine_chunks()
        places = pc.indices_nonzero(unusual)
        if len(places) == 0:
            return out, settled
        if len(places) * UNUSUAL_SHARE > src.num_rows:
            self._unusual_chunks = UNUSUAL_CHUNKS
            return None
        return _patched(out, unusual, self._query(self._program.main, src.take(places))), settled

    def _plain(self, src: pa.Table) -> tuple[pa.Table, Settled | None]:
        """What the cheap program gives, by casts."""
        values, odds = converted(self._program.plain, src, self._odd)
        names = [f"c{i}" for i in range(len(values))]
        self._odd = frozenset(at for at, odd in enumerate(odds) if odd is not None)
        if not self._odd:
            return pa.table(values, names), None
        settled = settle(self._program.plain, self._program.refused, src, odds)
        return pa.table([*values, settled.status], [*names, "status"]), settled

    def _still_possible(self, cause: duckdb.Error) -> None:
        """Looking for the row that fails makes sense only if the program runs without rows, and within the time."""
        if time.monotonic() > self._deadline:
            raise LimitExceeded(_TOO_SLOW) from cause
        try:
            self._query(self._program.main, self._empty)
        except duckdb.Error as error:
            raise AnalysisError(f"The load's expressions cannot be evaluated: {_first_line(error)}") from cause

    def _run_halves(
        self, src: pa.Table, payloads: pa.Array | None, first: int, rejected: list[RejectedRow], cause: duckdb.Error
    ) -> _Ran:
        """Some row makes an expression fail where it should give NULL: find it, reject it, load the others."""
        if src.num_rows <= 1:
            reason = _first_line(cause)
            if src.num_rows:
                rejected.append(RejectedRow(_payload(payloads, first), self._raw(src)[0], "", reason))
            empty = self._query(self._program.main, self._empty).select(range(len(self._program.names)))
            return empty, 0, pa.array([], pa.uint64())
        middle = src.num_rows // 2
        left, dropped_left, kept_left = self._run(src.slice(0, middle), payloads, first, rejected)
        right, dropped_right, kept_right = self._run(src.slice(middle), payloads, first + middle, rejected)
        kept = [_places(kept_left, first, middle), _places(kept_right, first + middle, src.num_rows - middle)]
        return pa.concat_tables([left, right]), dropped_left + dropped_right, pa.concat_arrays(kept)

    def _explain(
        self, src: pa.Table, places: pa.Array, payloads: pa.Array | None, first: int, settled: Settled | None
    ) -> list[RejectedRow]:
        """The rejected rows at these places, with their reasons."""
        known = {} if settled is None else dict(settled.known)
        rows: list[int] = places.to_pylist()
        unknown = [row for row in rows if row not in known]
        if unknown:
            found = self._query(self._program.explain, src.take(pa.array(unknown, pa.int64())))
            told = zip(found["fault"].to_pylist(), found["value"].to_pylist(), strict=True)
            known.update(zip(unknown, told, strict=True))
        numbers = pc.add(places.cast(pa.int64()), first)
        numbers = numbers if payloads is None else payloads.take(numbers)
        explained = []
        texts: dict[tuple[int, str | None], str] = {}  # of many rows they are the same
        for row, payload, raw in zip(rows, numbers.to_pylist(), self._raw(src.take(places)), strict=True):
            fault, value = known[row]
            column, reason = self._program.faults[fault]
            text = texts.get((fault, value))
            if text is None:
                shown = (value or "")[:SHOWN_CHARS_MAX]
                text = texts[fault, value] = reason.format(value=shown, size=len((value or "").encode()))
            explained.append(RejectedRow(payload, raw, column, text))
        return explained

    def _raw(self, rows: pa.Table) -> list[bytes]:
        """A JSON row is its payload; a CSV row's text is put together again from its fields."""
        if self._spec.format is not Format.CSV:
            return [b""] * rows.num_rows
        fields = rows.columns[: self._fields]
        texts = pc.binary_join_element_wise(
            *fields, self._spec.column_separator, null_handling="replace", null_replacement="\\N"
        )
        return [text[:RAW_BYTES_MAX].encode()[:RAW_BYTES_MAX] for text in texts.to_pylist()]

    def _query(self, sql: str, src: pa.Table) -> pa.Table:
        if self._timer is None:  # a thread of its own, which a chunk of plain values does without
            self._timer = threading.Timer(max(self._deadline - time.monotonic(), 0.0), self._connection.interrupt)
            self._timer.daemon = True
            self._timer.start()
        try:
            return _plain_booleans(self._queries.query(sql, src))
        except UnicodeDecodeError as cause:  # DuckDB cuts the text that it cites in an error anywhere
            raise duckdb.InvalidInputException("The reason cites a part of a character") from cause


def _places(kept: pa.Array | None, first: int, count: int) -> pa.Array:
    return pa.array(range(first, first + count), pa.uint64()) if kept is None else kept


def _patched(out: pa.Table, unusual: pa.Array, again: pa.Table) -> pa.Table:
    """``out`` with the rows of the mask as they were converted ``again``; the last column is the row's status."""
    last = out.num_columns - 1
    if again.num_columns == last:
        again = again.append_column(out.field(last), pa.nulls(again.num_rows, pa.int8()).fill_null(LOADED))
    status = again.column(last)
    if not pc.any(pc.equal(status, LOADED)).as_py():
        # None of them is loaded: their values do not matter.
        better = pc.replace_with_mask(out.column(last).combine_chunks(), unusual, status.combine_chunks())
        return out.set_column(last, out.field(last), better)
    rows = pa.array(range(out.num_rows), pa.int64())
    behind = pa.array(range(out.num_rows, out.num_rows + again.num_rows), pa.int64())
    both = pa.concat_tables([out, again.cast(out.schema)])
    return both.take(pc.replace_with_mask(rows, unusual, behind))


def _plain_booleans(table: pa.Table) -> pa.Table:
    """The lossless conversion makes BOOLEAN an extension type of bytes; everyone else expects Arrow's own."""
    for index, column in enumerate(table.schema):
        if column.type == pa.bool8():
            table = table.set_column(index, column.name, table.column(index).cast(pa.bool_()))
    return table


def _payload(payloads: pa.Array | None, row: int) -> int:
    return row if payloads is None else int(payloads[row].as_py())


def _first_line(cause: duckdb.Error) -> str:
    return str(cause).partition("\n")[0][:SHOWN_CHARS_MAX]
