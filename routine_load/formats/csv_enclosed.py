"""CSV with ``enclose`` or ``escape``, exactly: fields that may contain separators, row delimiters and enclosures.

    row    = field { separator field } ( row delimiter | end of message )
    field  = enclosed [ any plain but E { plain } ] | { plain }
    enclosed = E { escape any | E E | any but E } E        only at the start of a field
    plain  = escape any | any but separator and row delimiter

Doris looks for escapes in front of a delimiter only inside an enclosure: elsewhere ``plain`` has no ``escape any``, and
the escapes are taken out of the field afterwards.

The grammar becomes three RE2 expressions that DuckDB runs over a whole column; no Python per row. Delimiters of several
characters are first replaced by single characters that occur nowhere in the chunk, so that one character class can
exclude them, and put back inside the fields afterwards.
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from routine_load.formats.memory import MemoryDuckDB
from routine_load.formats.rows import Rejects
from routine_load.ids import Compat
from routine_load.loads.values import LoadSpec

# Unicode's noncharacters: legal in UTF-8, meant for internal use like this one.
STAND_INS = tuple(chr(code) for code in range(0xFDD0, 0xFDF0))


QUOTED = r'(?s)\A"(.*)"\z'
"""What ``trim_double_quotes`` takes off a field (Doris)."""


class EnclosedSplitter:
    """Cuts messages into rows and rows into unescaped fields."""

    def __init__(self, spec: LoadSpec) -> None:
        self._spec = spec
        # An escape that equals the enclosure says no more than doubling does.
        self._escape = "" if spec.escape == spec.enclose else spec.escape
        # What shields a delimiter outside an enclosure.
        self._shield = "" if spec.compat is Compat.DORIS else self._escape

    def apart(self, messages: pa.Table, duck: MemoryDuckDB) -> pa.Table:
        """``payload`` and ``raw`` of the rows of messages that are not all UTF-8; one that cannot be cut stays whole.

        They are cut with a character for each byte, which means the same to all that is ASCII.
        """
        texts = [raw.decode("latin-1") for raw in messages["raw"].to_pylist()]
        bytewise = EnclosedSplitter(
            replace(
                self._spec,
                column_separator=self._spec.column_separator.encode().decode("latin-1"),
                row_delimiter=self._spec.row_delimiter.encode().decode("latin-1"),
            )
        )
        found = {payload: [text] for payload, text in zip(messages["payload"].to_pylist(), texts, strict=True)}
        rejects = Rejects()
        rows = bytewise.split(pa.table({"payload": messages["payload"], "text": texts}), rejects, duck)
        whole = {row.payload for row in rejects.rows}
        for payload in found.keys() - whole:
            found[payload] = []
        for payload, text in zip(rows["payload"].to_pylist(), rows["text"].to_pylist(), strict=True):
            found[payload].append(text)
        pairs = [(payload, text.encode("latin-1")) for payload, texts in found.items() for text in texts]
        return pa.table(
            {
                "payload": pa.array([payload for payload, _ in pairs], pa.int64()),
                "raw": pa.array([raw for _, raw in pairs], pa.binary()),
            }
        )

    def split(self, messages: pa.Table, rejects: Rejects, duck: MemoryDuckDB) -> pa.Table:
        """``payload``, ``text``, ``fields`` of rows that are not blank; a message that cannot be cut is rejected."""
        separator, delimiter = self._stand_ins(messages["text"])
        if separator is None or delimiter is None:
            for row in messages.to_pylist():
                rejects.add(row["payload"], row["text"], "Row contains every reserved noncharacter")
            return duck.query("SELECT payload, text, [text] AS fields FROM src LIMIT 0", messages)
        cut = duck.query(self._cut_sql(separator, delimiter), messages)
        whole = pc.equal(cut["size"], cut["covered"])
        for row in cut.filter(pc.invert(whole)).select(["payload", "text"]).to_pylist():
            rejects.add(row["payload"], row["text"], self._open_ended)
        return duck.query(self._fields_sql(separator, delimiter), cut.filter(whole).select(["payload", "rows"]))

    @property
    def _open_ended(self) -> str:
        if self._spec.enclose:
            return f"Enclosed field is not closed by [{self._spec.enclose}]"
        return f"The message ends with the escape character [{self._spec.escape}]"

    def _stand_ins(self, texts: pa.ChunkedArray) -> tuple[str | None, str | None]:
        free = (char for char in STAND_INS if not pc.any(pc.match_substring(texts, char)).as_py())
        separator, delimiter = self._spec.column_separator, self._spec.row_delimiter
        return (
            separator if len(separator) == 1 else next(free, None),
            delimiter if len(delimiter) == 1 else next(free, None),
        )

    def _cut_sql(self, separator: str, delimiter: str) -> str:
        text = "text"
        # The row delimiter first: "\r\n" is no separator, but a separator may be part of nothing else.
        for meant, char in ((self._spec.row_delimiter, delimiter), (self._spec.column_separator, separator)):
            if meant != char:
                text = f"replace({text}, {_literal(meant)}, {_literal(char)})"
        field = self._field(separator, delimiter)
        row = f"(?s)(?:{field}{_class(separator)})*{field}(?:{_class(delimiter)}|\\z)"
        return f"""
            WITH chunk AS (SELECT payload, text, {text} AS cut FROM src)
            SELECT payload, text, strlen(cut) AS size, rows,
                   coalesce(list_sum(list_transform(rows, lambda r: strlen(r))), 0)::BIGINT AS covered
            FROM (SELECT *, regexp_extract_all(cut, {_literal(row)}) AS rows FROM chunk)"""

    def _fields_sql(self, separator: str, delimiter: str) -> str:
        field = self._field(separator, delimiter)
        one = f"(?s){field}{_class(separator)}"
        fields = f"regexp_extract_all(line || {_literal(separator)}, {_literal(one)})"
        back = "line"
        for meant, char in ((self._spec.column_separator, separator), (self._spec.row_delimiter, delimiter)):
            if meant != char:
                back = f"replace({back}, {_literal(char)}, {_literal(meant)})"
        drop_return = self._spec.compat is Compat.DORIS and self._spec.row_delimiter == "\n"
        end = f"(?:\\r?{_class(delimiter)}|\\r)\\z" if drop_return else f"{_class(delimiter)}\\z"
        return f"""
            WITH lines AS (SELECT payload, unnest(rows) AS line FROM src),
                 bare AS (SELECT payload, regexp_replace(line, {_literal(end)}, '') AS line FROM lines)
            SELECT payload, {back} AS text,
                   list_transform({fields}, lambda f: {self._value("f[:-2]", separator, delimiter)}) AS fields
            FROM bare WHERE line <> ''"""

    def _value(self, field: str, separator: str, delimiter: str) -> str:
        """SQL of a field's value: enclosure and escapes removed, delimiters put back, NULLs recognised."""
        value, enclosed = field, "false"
        if self._spec.trim_space:
            value = f"trim({value}, ' ')"
        if self._spec.trim_double_quotes and self._spec.enclose != '"':
            value = f"regexp_replace({value}, {_literal(QUOTED)}, '\\1')"
        plain = self._unescaped(value, "")
        if self._spec.enclose:
            quote = _literal(self._spec.enclose)
            enclosed = f"starts_with({value}, {quote})"
            held = self._held_by_doris(value) if self._spec.compat is Compat.DORIS else self._held(value)
            plain = f"CASE WHEN {enclosed} THEN {held} ELSE {plain} END"
        for meant, char in ((self._spec.column_separator, separator), (self._spec.row_delimiter, delimiter)):
            if meant != char:
                plain = f"replace({plain}, {_literal(char)}, {_literal(meant)})"
        if self._spec.compat is Compat.STARROCKS:
            enclosed = "false"  # \N is NULL there even inside an enclosure
        # StarRocks looks at the text without escapes, Doris at the field as it stands.
        seen = plain if self._spec.compat is Compat.STARROCKS else value
        blank = f" OR ({seen}) = ''" if self._spec.empty_field_as_null else ""
        return f"CASE WHEN NOT {enclosed} AND (({seen}) = '\\N'{blank}) THEN NULL ELSE {plain} END"

    def _held(self, value: str) -> str:
        """StarRocks: what the enclosure holds, with what stands behind it."""
        body = _literal(f"(?s)\\A{self._enclosed()}")
        inner = f"regexp_extract({value}, {body})"
        rest = f"regexp_replace({value}, {body}, '')"
        return f"{self._unescaped(f'{inner}[2:-2]', self._spec.enclose)} || {self._unescaped(rest, '')}"

    def _held_by_doris(self, value: str) -> str:
        """Doris: only a field that ends as it begins is freed of its enclosure; the others keep every character."""
        quote = _literal(self._spec.enclose)
        is_closed = f"length({value}) > 1 AND ends_with({value}, {quote})"
        inside = self._unescaped(f"{value}[2:-2]", self._spec.enclose)
        if self._spec.keeps_enclosure:
            inside = f"{quote} || {inside} || {quote}"
        return f"CASE WHEN {is_closed} THEN {inside} ELSE {self._unescaped(value, self._spec.enclose)} END"

    def _unescaped(self, text: str, enclose: str) -> str:
        parts = [
            # Doris: with nothing behind it, it is gone as well.
            f"{_class(self._escape)}(.{'' if self._shield else '?'})" if self._escape else "",
            f"{_class(enclose)}({_class(enclose)})" if enclose else "",
        ]
        pattern = "|".join(part for part in parts if part)
        if not pattern:
            return text
        groups = "\\1\\2" if self._escape and enclose else "\\1"
        return f"regexp_replace({text}, {_literal('(?s)' + pattern)}, {_literal(groups)}, 'g')"

    def _enclosed(self) -> str:
        quote, escape = _class(self._spec.enclose), _class(self._escape) + "." if self._escape else ""
        others = _class(self._spec.enclose + self._escape, negated=True)
        inside = "|".join(part for part in (escape, quote + quote, others) if part)
        return f"{quote}(?:{inside})*{quote}"

    def _field(self, separator: str, delimiter: str) -> str:
        escaped = f"{_class(self._shield)}.|" if self._shield else ""
        plain = f"(?:{escaped}{_class(self._shield + separator + delimiter, negated=True)})"
        if not self._spec.enclose:
            return f"{plain}*"
        blanks = "[ ]*" if self._spec.trim_space else ""
        first = f"(?:{escaped}{_class(self._shield + separator + delimiter + self._spec.enclose, negated=True)})"
        # Two enclosures are one, wherever a match could go on by taking the first of them for the end.
        enclosed = f"{self._enclosed()}(?:{first}{plain}*)?"
        if self._spec.trim_space:
            # Blanks before an enclosure belong to no plain field, so a plain one starts with another character.
            shut = self._shield + separator + delimiter + self._spec.enclose + " "
            first = f"[ ]*(?:{escaped}{_class(shut, negated=True)})"
            return f"(?:{blanks}{enclosed}|{first}{plain}*|[ ]*)"
        return f"(?:{enclosed}|{first}{plain}*|)"


def _class(chars: str, *, negated: bool = False) -> str:
    """A character class of exactly these characters, each written as a code point."""
    inside = "".join(f"\\x{{{ord(char):X}}}" for char in chars)
    return f"[{'^' if negated else ''}{inside}]"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
