"""What travels down the load path: payloads, decoded columns, transformed rows, rejected rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

import pyarrow as pa

from routine_load.ids import Compat, TableRef
from routine_load.sql.schema import Table
from routine_load.sql.statements import ColumnItem, Expression, MergeType, MetadataColumn, MetadataField


class Origin(NamedTuple):
    """Where a rejected row came from; ``partition`` and ``offset`` are -1 for a Stream Load."""

    topic: str = ""
    partition: int = -1
    offset: int = -1


class Payloads(Protocol):
    """A chunk of message values in consumption order. ``origin`` is asked for rejected rows only.

    ``metadata`` is one value per message: KEY binary, TOPIC string, PARTITION, OFFSET and TIMESTAMP_MS int64, HEADERS a
    map of string to binary that keeps order and duplicates, NULL where they cannot be read. It is asked only for what
    the load's ``LoadSpec.metadata`` names.
    """

    @property
    def values(self) -> Sequence[bytes | None]: ...

    def origin(self, index: int) -> Origin: ...

    def metadata(self, what: MetadataField) -> pa.Array: ...


@dataclass(frozen=True, slots=True)
class PayloadSlice:
    """Some of the payloads, ``[start, stop)``, with their origins."""

    whole: Payloads
    start: int
    stop: int

    @property
    def values(self) -> Sequence[bytes | None]:
        return self.whole.values[self.start : self.stop]

    def origin(self, index: int) -> Origin:
        return self.whole.origin(self.start + index)

    def metadata(self, what: MetadataField) -> pa.Array:
        return self.whole.metadata(what).slice(self.start, self.stop - self.start)


class Format(StrEnum):
    CSV = "csv"
    JSON = "json"
    AVRO = "avro"
    COLUMNS = "columns"
    """Columns already, whatever file they came in (``loads.column_rows``)."""


@dataclass(frozen=True, slots=True)
class RegistryAddress:
    """A schema registry: its address with the secret in it, and what ``confluent.schema.registry.*`` says further."""

    url: str = field(repr=False)
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSpec:
    """Everything that decides what a message becomes, whoever asks (a job, or the headers of a Stream Load).

    Delimiters are the characters meant. ``columns`` None means: the table's own columns, in order. ``jsonpaths`` is the
    property's text, parsed by the format. ``enclose``/``escape`` are one character or empty. ``timezone`` is a region
    name or ``±HH:MM``. ``metadata`` are further source columns, behind the fields of the message. ``flexible``: a
    partial update whose rows each bring columns of their own; ``refuses_new_keys``: one in which an unknown key fails
    the load. The last five are for the headers of a Stream Load: rows to leave out at the beginning of
    the load (CSV), an outer pair of " to take off each field (Doris), an enclosure that stays around its field (Doris),
    SUM columns with the opposite sign, and hidden columns that follow the fields (Doris).
    """

    compat: Compat
    format: Format = Format.CSV
    column_separator: str = "\t"
    row_delimiter: str = "\n"
    enclose: str = ""
    escape: str = ""
    trim_space: bool = False
    empty_field_as_null: bool = False
    jsonpaths: str = ""
    json_root: str = ""
    strip_outer_array: bool = False
    num_as_string: bool = False
    fill_missing_columns: bool = False
    columns: tuple[ColumnItem, ...] | None = None
    metadata: tuple[MetadataColumn, ...] = ()
    where: Expression | None = None
    preceding_filter: Expression | None = None
    partitions: tuple[str, ...] | None = None
    temporary_partitions: bool = False
    merge_type: MergeType = MergeType.APPEND
    delete_on: Expression | None = None
    sequence_column: str | None = None
    merge_condition: str | None = None
    partial_update: bool = False
    flexible: bool = False
    refuses_new_keys: bool = False
    strict_mode: bool = False
    timezone: str = "Asia/Shanghai"
    push_down: bool = False
    registry: RegistryAddress | None = None
    skip_rows: int = 0
    trim_double_quotes: bool = False
    keeps_enclosure: bool = False
    negative: bool = False
    hidden_columns: tuple[str, ...] = ()


class Reading(StrEnum):
    """How a source column's value will be used, so that a format keeps what that use needs of it.

    EXACT: a decimal of more digits than a double has.
    """

    TEXT = "text"
    DECIMAL = "decimal"
    EXACT = "exact"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"
    BYTES = "bytes"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column that the decoder must produce.

    ``missing`` is the text that stands in for a JSON key that is not there (Doris: the column's default); None: NULL.
    ``metadata``: it is no field of the message but what the message carries beside its value.
    """

    name: str
    reading: Reading = Reading.TEXT
    missing: str | None = None
    metadata: MetadataField | None = None

    @property
    def type(self) -> pa.DataType:
        """The Arrow type it is decoded to. A field is text, whatever it will become."""
        if self.reading is Reading.BYTES:
            return pa.binary()
        return pa.int64() if self.metadata in _NUMBERS else pa.string()


_NUMBERS = frozenset({MetadataField.PARTITION, MetadataField.OFFSET, MetadataField.TIMESTAMP_MS})


SEQUENCE = "__doris_sequence_col__"
"""Column of rows on their way into a table with a hidden sequence column (Doris)."""

HAS = "__rl_has_"
"""Begins the name of a mask: whether the row brings that column (Doris: flexible partial update)."""

RAW_BYTES_MAX = 1024
"""A rejected row keeps at most so many bytes of its text."""


class RejectedRow(NamedTuple):
    """One row that was not loaded: which payload it came from, its raw bytes (limited), the column, the reason.

    ``raw`` is empty where the row is the whole payload: the load path then takes the payload's own bytes. A tuple, as
    there may be many: a frozen dataclass takes three times as long to make.
    """

    payload: int
    raw: bytes
    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class Routed:
    """A chunk, dealt to its tables: each one's payloads, and the payloads that can be no row of it."""

    parts: Mapping[TableRef, Payloads]
    rejected: Mapping[TableRef, tuple[RejectedRow, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decoded:
    """Source columns, row for row; ``payload_of`` maps row → payload index (None: row i is payload i).

    Every column of ``columns`` has the type of its ``SourceColumn``, with NULL where the source had NULL or nothing.
    """

    columns: pa.Table
    payload_of: pa.Array | None
    rejected: tuple[RejectedRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Transformed:
    """Rows ready for the sink, columns named and typed as the table's; rejected rows; unselected count.

    ``rows`` may have one more column, ``__op`` (int8: 0 upsert, 1 delete), where the load can delete. Columns that the
    load does not fill are absent: the sink fills their default (or keeps the old value in a partial update).
    ``kept`` maps row → decoded row; None: row i is decoded row i.
    """

    rows: pa.Table
    rejected: tuple[RejectedRow, ...]
    unselected: int
    kept: pa.Array | None = None


class Decoder(Protocol):
    """Bytes → source columns. Never raises for bad data: what cannot be decoded is a rejected row."""

    def prepare(self, payloads: Payloads) -> None:
        """Fetch what decoding them needs from elsewhere. It may block, as ``decode`` may not; raises SourceError."""
        ...

    def decode(self, payloads: Payloads) -> Decoded: ...

    def close(self) -> None: ...


class Transformer(Protocol):
    """Source columns → table rows: mapping, derived columns, conversion, WHERE, NOT NULL. One per task, not shared."""

    def transform(self, decoded: Decoded) -> Transformed: ...

    def close(self) -> None: ...


class LoadCompiler(Protocol):
    """Checks a spec against a table once, then makes decoders and transformers for it.

    ``check`` raises AnalysisError (unknown column, unknown function, subquery, wrong mapping …) in the vendor's words.
    """

    def check(self, spec: LoadSpec, table: Table) -> None: ...

    def decoder(self, spec: LoadSpec, table: Table) -> Decoder: ...

    def transformer(self, spec: LoadSpec, table: Table) -> Transformer: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteMode:
    """How rows meet rows that are there: what the merging writer has to know beyond the table's own key model.

    ``partial_update``: columns that the rows lack keep their value. ``flexible``: so does, row by row, each column
    whose mask (``HAS`` and its name) is false. ``refuses_new_keys``: a key that is not there fails the load.
    ``temporary_partitions``: the rows are to be in these, where no query sees them. ``pushed``: the rows are whole
    messages, and this is what the target makes of them (``loads.pushed``).
    """

    partial_update: bool = False
    flexible: bool = False
    refuses_new_keys: bool = False
    sequence_column: str | None = None
    merge_condition: str | None = None
    temporary_partitions: tuple[str, ...] = ()
    pushed: LoadSpec | None = None


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row of a batch, by its number, that the sink cannot take, and why; it is a rejected row."""

    row: int
    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class TableBatch:
    """Rows of one table on their way to the sink."""

    table: TableRef
    rows: pa.Table
    mode: WriteMode
