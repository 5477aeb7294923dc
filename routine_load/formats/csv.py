"""CSV: each message is one or more rows of delimited fields.

Two paths that agree. The fast one joins all messages by line breaks and lets pyarrow parse them in one call; it is
taken only when it is provably the same (one line per message, one-byte separator, no carriage return, …). Everything
odd goes to the exact path, which is still columnar. Quotes are ordinary characters unless ``enclose`` names them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from routine_load.formats.csv_enclosed import QUOTED, EnclosedSplitter
from routine_load.formats.lines_no_text import blotted, line_breaks
from routine_load.formats.memory import MemoryDuckDB
from routine_load.formats.rows import (
    ALL_UTF8,
    Part,
    Rejects,
    at,
    is_utf8,
    nothing,
    odd_lines,
    others,
    present,
    together,
    valid_text,
)
from routine_load.ids import Compat
from routine_load.loads.lines import Lines
from routine_load.loads.values import Decoded, LoadSpec, Payloads, RejectedRow, SourceColumn

NULL_TEXT = "\\N"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ESCAPES = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


_BLOTS = (b"\x01", b"\x02", b"\x03")


@dataclass(frozen=True, slots=True)
class _Text:
    """Lines that are UTF-8. ``broken`` were not, in order: of each only its length is left, in ``blot``."""

    lines: bytes | bytearray
    blot: str = ""
    broken: Sequence[bytes] = ()


class CsvDecoder:
    """Decodes CSV messages into the given source columns, by sequence."""

    def __init__(self, spec: LoadSpec, columns: tuple[SourceColumn, ...]) -> None:
        self._spec = spec
        self._columns = columns
        self._names = [column.name for column in columns]
        self._row_delimiter = spec.row_delimiter.encode()
        self._shown = _visible(spec.column_separator), _visible(spec.row_delimiter)
        self._fast = _is_plain(spec)
        self._stray_quote = _stray_quote(spec) if self._fast and spec.enclose and spec.compat is Compat.DORIS else None
        self._slots = [f"f{i}" for i in range(len(columns))]
        self._null_values = [NULL_TEXT, ""] if spec.empty_field_as_null else [NULL_TEXT]
        # A letter of the dialect would open an enclosure in the lines below, or divide them.
        char = next(c for c in "xyz-" if c not in {spec.column_separator, spec.enclose, spec.escape})
        # An enclosure left open by the last message would be closed by the end of the data, silently: one more row
        # behind it is swallowed then, and the count of rows tells.
        guard = char + spec.column_separator * (len(columns) - 1)
        self._guard = [guard.encode()] if spec.enclose or spec.escape else []
        # A line of a wrong field count stands in for a message that is decoded apart, and keeps the others' numbers.
        self._filler = (char if len(columns) != 1 else char + spec.column_separator + char).encode()
        self._duck: MemoryDuckDB | None = None
        self._enclosed = EnclosedSplitter(spec) if spec.enclose or spec.escape else None

    def prepare(self, payloads: Payloads) -> None:
        """All that is needed is in the messages."""

    def decode(self, payloads: Payloads) -> Decoded:
        rows = payloads.values
        decoded = self._decode_joined(rows) if self._fast else None
        if decoded is not None:
            return decoded
        values = rows[:]  # rows that stand in one piece are cut here
        decoded = self._decode_apart(values) if self._fast else None
        return decoded if decoded is not None else self._decode_exact(values)

    def close(self) -> None:
        if self._duck is not None:
            self._duck.close()

    def _decode_apart(self, values: Sequence[bytes | None]) -> Decoded | None:
        """The fast path for most messages and the exact one for a few; None where that is not how they are."""
        odd = odd_lines(values)
        if not odd:
            return None
        lines = list(values)
        for place in odd:
            lines[place] = self._filler
        usual = self._decode_joined(lines, frozenset(odd))
        if usual is None:
            return None
        places = pa.array(odd, pa.int64())
        return together(usual, Part(self._decode_exact(at(values, places)), places).in_chunk)

    # The fast path.

    def _decode_joined(self, values: Sequence[bytes | None], odd: AbstractSet[int] = frozenset()) -> Decoded | None:
        """One pyarrow call for all messages, or None when it could differ from the exact path.

        ``odd``: where the filler stands, which is no row and is not rejected here.
        """
        joined = self._joined(values)
        messages = len(values) + len(self._guard)
        counted = isinstance(values, Lines) and values.delimiter == b"\n"
        if joined is None or not self._one_line_each(joined, messages, counted=counted):
            return None
        text = self._text_of(joined)
        found = None if text is None else self._parsed(text.lines)
        if text is None or found is None:
            return None
        table, wrong = found
        # Every row took at least one of the n line ends, so n rows mean that none was blank or ran over its message.
        skipped = {payload for payload, _, _ in wrong}
        if table.num_rows + len(wrong) != messages or not odd <= skipped:
            return None
        table = table.slice(0, table.num_rows - len(self._guard)).rename_columns(self._names)
        if not wrong:
            return Decoded(table, None) if not text.broken else None
        rejected = self._rejected(wrong, text, odd)
        return None if rejected is None else Decoded(table, others(len(values), skipped), rejected)

    def _rejected(
        self, wrong: Sequence[tuple[int, int, str]], text: _Text, odd: AbstractSet[int]
    ) -> tuple[RejectedRow, ...] | None:
        """The lines that are no rows, but the ``odd`` ones; None where it is unclear which of them are no text."""
        rejects, not_utf8, blots = Rejects(), self._not_utf8, 0
        reasons = {count: self._wrong_count(count) for count in {count for _, count, _ in wrong}}
        for payload, count, line in wrong:
            if text.blot and line.startswith(text.blot):
                if blots == len(text.broken):
                    return None
                rejects.add(payload, self._bare(text.broken[blots]), not_utf8)
                blots += 1
            elif payload not in odd:
                rejects.add(payload, line, reasons[count])
        return rejects.sorted() if blots == len(text.broken) else None

    def _parsed(self, lines: bytes | bytearray) -> tuple[pa.Table, list[tuple[int, int, str]]] | None:
        """The rows of the right field count; of each other line its number, its fields' count and its text."""
        wrong: list[tuple[int, int, str]] = []

        def skip(row: pacsv.InvalidRow) -> str:
            wrong.append((row.number - 1, row.actual_columns, row.text))
            return "skip"

        try:
            table = pacsv.read_csv(
                pa.BufferReader(pa.py_buffer(lines)),
                # One block on this thread: row numbers of wrong rows exist only so, and it costs the least CPU.
                read_options=pacsv.ReadOptions(use_threads=False, column_names=self._slots, block_size=len(lines) + 1),
                parse_options=self._parse_options(skip),
                convert_options=pacsv.ConvertOptions(
                    check_utf8=False,
                    column_types=dict.fromkeys(self._slots, pa.string()),
                    # Looking for one byte is ten times faster than for two.
                    strings_can_be_null="" in self._null_values or b"\\" in lines,
                    quoted_strings_can_be_null=self._spec.compat is Compat.STARROCKS,
                    null_values=self._null_values,
                ),
            )
        except pa.ArrowException:
            return None
        return table, wrong

    def _text_of(self, joined: bytes | bytearray) -> _Text | None:
        """What pyarrow may read as it is; None: nothing. An array is changed in its place.

        pyarrow would find bad UTF-8 as well, but not in a row of a wrong field count without noise on stderr.
        """
        if joined.isascii():
            return _Text(joined)
        if is_utf8(joined):
            return None if self._is_marked(joined) else _Text(joined)
        blot = next(
            (blot for blot in _BLOTS if blot not in joined and blot.decode() != self._spec.column_separator), b""
        )
        if self._enclosed is not None or len(self._columns) == 1 or not blot:
            return None  # a line is no row for certain, or no line of a wrong field count
        lines, broken = blotted(joined, blot)
        return None if self._is_marked(lines) else _Text(lines, blot.decode(), broken)

    def _bare(self, raw: bytes) -> bytes:
        """Doris drops a byte order mark in front of a message."""
        return raw.removeprefix(BYTE_ORDER_MARK) if self._spec.compat is Compat.DORIS else raw

    def _joined(self, values: Sequence[bytes | None]) -> bytes | bytearray | None:
        """One line a message, and the guard; None where there is a tombstone. An array is nobody else's."""
        if isinstance(values, Lines) and values.delimiter == b"\n":
            return b"\n".join([values.joined, *self._guard]) if self._guard else values.joined
        try:
            return bytearray(b"\n").join([*values, *self._guard] if self._guard else values)  # type: ignore[arg-type, list-item] # it raises
        except TypeError:
            return None

    def _one_line_each(self, joined: bytes | bytearray, messages: int, *, counted: bool) -> bool:
        """``counted``: there is one line for each message, but nothing else is known."""
        return (
            bool(joined)
            and (counted or line_breaks(joined) == messages - 1)
            and b"\r" not in joined  # pyarrow ends a line there as well
            and (self._row_delimiter == b"\n" or self._row_delimiter not in joined)
            and not (self._escape_is_no_shield and self._spec.escape.encode() in joined)
            and not (self._stray_quote is not None and self._stray_quote.search(joined))
        )

    @property
    def _escape_is_no_shield(self) -> bool:
        """Doris: outside an enclosure a delimiter behind an escape is a delimiter; pyarrow has it otherwise."""
        return self._spec.compat is Compat.DORIS and bool(self._spec.escape)

    def _is_marked(self, joined: bytes | bytearray) -> bool:
        """A byte order mark is there that pyarrow would drop, or Doris."""
        return joined.startswith(BYTE_ORDER_MARK) or (self._spec.compat is Compat.DORIS and BYTE_ORDER_MARK in joined)

    def _parse_options(self, invalid_row_handler: object) -> pacsv.ParseOptions:
        enclose = self._spec.enclose or False
        return pacsv.ParseOptions(
            delimiter=self._spec.column_separator,
            quote_char=enclose,
            double_quote=bool(enclose),
            escape_char=self._spec.escape or False,
            newlines_in_values=bool(enclose or self._spec.escape),
            ignore_empty_lines=True,
            invalid_row_handler=invalid_row_handler,
        )

    # The exact path.

    def _decode_exact(self, values: Sequence[bytes | None]) -> Decoded:
        rejects = Rejects()
        if self._enclosed is not None:
            duck = self._duck = self._duck or MemoryDuckDB()
            messages = self._enclosed_texts(self._present(values), rejects, duck)
            rows = self._enclosed.split(messages, rejects, duck)
        else:
            rows = self._split(values, rejects)
        counts = pc.list_value_length(rows["fields"])
        right = pc.equal(counts, len(self._columns))
        for row in rows.filter(pc.invert(right)).to_pylist():
            rejects.add(row["payload"], row["text"], self._wrong_count(len(row["fields"])))
        rows = rows.filter(right)
        if rows.num_rows == 0:
            return nothing(self._columns, rejects)
        fields = rows["fields"].combine_chunks()
        columns = [pc.list_element(fields, i) for i in range(len(self._columns))]
        if self._enclosed is None:
            columns = [self._with_nulls(column) for column in columns]
        return Decoded(pa.table(columns, names=self._names), rows["payload"].combine_chunks(), rejects.sorted())

    def _enclosed_texts(self, messages: pa.Table, rejects: Rejects, duck: MemoryDuckDB) -> pa.Table:
        """``payload`` and ``text``. A message that is not UTF-8 falls into its rows, of which the bad are rejected."""
        assert self._enclosed is not None
        try:
            return pa.table({"payload": messages["payload"], "text": messages["raw"].cast(pa.string())})
        except pa.ArrowInvalid:
            is_text = pc.match_substring_regex(messages["raw"], ALL_UTF8)
        apart = self._enclosed.apart(messages.filter(pc.invert(is_text)), duck)
        rows = pa.concat_tables([messages.filter(is_text), apart])
        texts = valid_text(rows, rejects, self._not_utf8)
        return texts.take(pc.sort_indices(texts["payload"]))  # stable: rows of one message keep their order

    def _present(self, values: Sequence[bytes | None]) -> pa.Table:
        """The messages that are not empty. Doris drops a byte order mark in front of one."""
        messages = present(values)
        if self._spec.compat is Compat.STARROCKS:
            return messages
        raw = messages["raw"].combine_chunks()
        marked = pc.starts_with(raw, BYTE_ORDER_MARK)
        if pc.any(marked).as_py():
            bare = pc.binary_replace_slice(raw.filter(marked), 0, len(BYTE_ORDER_MARK), b"")
            messages = messages.set_column(1, "raw", pc.replace_with_mask(raw, marked, bare))
        return messages

    def _split(self, values: Sequence[bytes | None], rejects: Rejects) -> pa.Table:
        """``payload``, ``text`` and ``fields`` of every row that is not blank."""
        messages = self._present(values)
        lines = pc.split_pattern(messages["raw"].combine_chunks(), self._row_delimiter)
        raw = pc.list_flatten(lines)
        payload = messages["payload"].combine_chunks().take(pc.list_parent_indices(lines))
        if self._spec.compat is Compat.DORIS and self._row_delimiter == b"\n":
            # Doris: a carriage return right before the default row delimiter is dropped.
            raw = pc.if_else(pc.ends_with(raw, b"\r"), pc.binary_slice(raw, 0, -1), raw)
        rows = pa.table({"payload": payload, "raw": raw}).filter(pc.greater(pc.binary_length(raw), 0))
        texts = valid_text(rows, rejects, self._not_utf8)
        fields = pc.split_pattern(texts["text"], self._spec.column_separator)
        return texts.append_column("fields", fields)

    def _with_nulls(self, column: pa.Array) -> pa.Array:
        if self._spec.trim_space:
            column = pc.utf8_trim(column, " ")
        if self._spec.trim_double_quotes:
            column = pc.replace_substring_regex(column, QUOTED, r"\1")
        is_null = pc.is_in(column, value_set=pa.array(self._null_values, pa.string()))
        return pc.if_else(is_null, pa.scalar(None, pa.string()), column)

    @property
    def _not_utf8(self) -> str:
        if self._spec.compat is Compat.DORIS:
            return "Unable to display, only support csv data in utf8 codec, please check the data encoding"
        return "Invalid UTF-8 row"

    def _wrong_count(self, found: int) -> str:
        wanted = len(self._columns)
        separator, delimiter = self._shown
        if self._spec.compat is Compat.DORIS:
            marks = "".join(
                f" {name}:{mark}" for name, mark in (("encl", self._spec.enclose), ("esc", self._spec.escape)) if mark
            )
            how = f"sep:{separator} delim:{delimiter}{marks}"
            return f"Column count mismatch: expected {wanted}, but found {found} ({how})"
        return (
            f"Target column count: {wanted} doesn't match source value column count: {found}. "
            f"Column separator: '{separator}', Row delimiter: '{delimiter}'"
        )


def _is_plain(spec: LoadSpec) -> bool:
    """Whether pyarrow's parser can read this dialect."""
    separator = spec.column_separator.encode()
    if len(separator) != 1 or separator in b"\r\n\x00" or separator[0] > 0x7F:
        return False
    if spec.enclose and (spec.enclose in "\r\n\x00" or spec.enclose == spec.column_separator):
        return False
    # A blank field is NULL in Doris only unquoted; pyarrow's switch covers \N and the blank together.
    if spec.escape and (spec.escape in "\r\n\x00" or spec.escape in {spec.column_separator, spec.enclose}):
        return False
    if spec.keeps_enclosure or (spec.trim_double_quotes and spec.enclose != '"'):
        return False
    return not spec.trim_space and not (spec.enclose and spec.empty_field_as_null)


def _stray_quote(spec: LoadSpec) -> re.Pattern[bytes]:
    """Text behind an enclosure, which pyarrow joins to what it holds. Begins with one byte: that is found quickly."""
    quote, separator = re.escape(spec.enclose.encode()), re.escape(spec.column_separator.encode())
    other = b"[^" + separator + b"\\n" + quote + b"]"
    within = b"(?<=" + other + quote + b")"
    at_start = b"(?<=[" + separator + b"\\n]" + quote * 2 + b")|(?<=\\A" + quote * 2 + b")"
    return re.compile(quote + b"(?=" + other + b")(?:" + within + b"|" + at_start + b")")


def _visible(text: str) -> str:
    """The delimiter as the vendors print it: control characters as their escapes."""
    return "".join(_ESCAPES.get(char, f"\\x{ord(char):02x}" if char < " " else char) for char in text)
