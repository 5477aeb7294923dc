"""Values that are spelled as everybody spells them, converted by Arrow's casts: a fraction of what SQL costs for them.

Only for loads that put text fields into columns of simple types as they are. What a cast takes here, the program takes
for the same value (``tests/unit/transform``: both are compared on any texts); every other row is left to the program.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from routine_load.sql.schema import Aggregation, ColumnType, TypeName
from routine_load.transform.plan import Plan, Target

_SIMPLE: Final = {
    TypeName.TINYINT: pa.int8(),
    TypeName.SMALLINT: pa.int16(),
    TypeName.INT: pa.int32(),
    TypeName.BIGINT: pa.int64(),
    TypeName.BOOLEAN: pa.bool_(),
    TypeName.FLOAT: pa.float32(),
    TypeName.DOUBLE: pa.float64(),
    TypeName.DATE: pa.date32(),
    TypeName.DATETIME: pa.timestamp("us"),
    TypeName.CHAR: pa.string(),
    TypeName.VARCHAR: pa.string(),
    TypeName.STRING: pa.string(),
}
_LENGTHS: Final = {TypeName.DATE: 10, TypeName.DATETIME: 19}
_MISREAD: Final = {TypeName.BOOLEAN: b"", TypeName.DECIMAL: b"eE"}
"""Arrow reads the integer 0x1F, and large exponents of decimals wrongly (26.0)."""
_WHOLE_DIGITS: Final = 19
_WHOLE: Final = rf"^-?[0-9]{{1,{_WHOLE_DIGITS}}}$"
_FEW: Final = 10
_CERTAIN_DIGITS: Final = {TypeName.TINYINT: 2, TypeName.SMALLINT: 4, TypeName.INT: 9, TypeName.BIGINT: 18}
_FLOATING: Final = r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$"
_DAY: Final = r"^[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
_SPELLINGS: Final = {
    TypeName.BOOLEAN: "^(true|false|0|1)$",
    TypeName.FLOAT: _FLOATING,
    TypeName.DOUBLE: _FLOATING,
    TypeName.DATE: _DAY + "$",
    TypeName.DATETIME: _DAY + " ([01][0-9]|2[0-3])(:[0-5][0-9]){2}$",
}
_MARKS: Final = {
    **dict.fromkeys((TypeName.TINYINT, TypeName.SMALLINT, TypeName.INT, TypeName.BIGINT), b"-"),
    **dict.fromkeys((TypeName.FLOAT, TypeName.DOUBLE), b"-.eE+"),
    TypeName.DECIMAL: b"-.",
    TypeName.DATE: b"-",
    TypeName.DATETIME: b"-: T",
}
"""Of these and digits is what a cast takes."""
_NOTHING_ELSE: Final = (TypeName.TINYINT, TypeName.SMALLINT, TypeName.INT, TypeName.BIGINT, TypeName.DATE)
"""And of nothing else."""
_BYTES_EACH: Final = 32
"""Texts that are longer, in the mean, are not looked at byte by byte."""
_FIRST_DAY: Final = pa.scalar(dt.date(1000, 1, 1))
"""Before it the two do not agree on what a year is."""


Places = npt.NDArray[np.int64]
"""Rows, in order, each once."""


@dataclass(frozen=True, slots=True)
class PlainColumn:
    """A field as it is into a column: the field's place, the column's type, whether it may be NULL."""

    source: int
    type: ColumnType
    nullable: bool

    @property
    def arrow(self) -> pa.DataType:
        if self.type.name is TypeName.DECIMAL:
            return pa.decimal128(self.type.precision or 10, self.type.scale or 0)
        return _SIMPLE[self.type.name]

    def converted(self, texts: pa.Array, *, expects_odd: bool = False) -> tuple[pa.Array, Places | None]:
        """The values, NULL in rows that are not spelled plainly; and which rows those are, None: none.

        ``expects_odd``: there probably are some; a cast of all that fails costs as much as one that does not.
        """
        if pa.types.is_string(self.arrow):
            values, odd = texts, self._too_long(texts)
            if odd is not None:
                values = _without(texts, odd)
        else:
            values, odd = None if expects_odd and self.type.name in _NOTHING_ELSE else self._cast(texts), None
            if values is None:
                values, odd = self._cast_others(texts) or self._cast_plain(texts)
        if not self.nullable and texts.null_count:
            missing = _places(pc.is_null(texts))
            odd = missing if odd is None else np.union1d(odd, missing)
        return values, None if odd is None or not len(odd) else odd

    def _too_long(self, texts: pa.Array) -> Places | None:
        most = None if self.type.name is TypeName.STRING else self.type.length
        if most is None:
            return None
        sizes = pc.binary_length(texts)
        if (pc.max(sizes).as_py() or 0) <= most:
            return None
        return _places(pc.fill_null(pc.greater(sizes, most), fill_value=False))

    def _cast(self, texts: pa.Array, *, misread: bool = True) -> pa.Array | None:
        """None where Arrow refuses a text, or may read one otherwise than the program does.

        ``misread``: letters may be among them that Arrow misreads.
        """
        length = _LENGTHS.get(self.type.name)
        if length is not None and not _has_length(texts, length):
            return None
        try:
            values = texts.cast(self.arrow)
        except pa.ArrowInvalid:
            return None
        if length is not None:
            is_late = pc.greater_equal(pc.min(values), _FIRST_DAY.cast(values.type)).as_py()
            return values if is_late in {True, None} else None
        if pa.types.is_floating(values.type):
            return values if pc.all(pc.is_finite(values)).as_py() in {True, None} else None
        letters = _MISREAD.get(self.type.name, b"xX") if misread else b""
        return None if any(_has_byte(texts, letters[at : at + 1]) for at in range(len(letters))) else values

    def _cast_others(self, texts: pa.Array) -> tuple[pa.Array, Places] | None:
        """The values of texts that have nothing strange in them, and which texts have; None where that is not enough.

        To look at the bytes costs a quarter of the cast, and a regular expression ten times as much.
        """
        marks = _MARKS.get(self.type.name)
        odd = None if marks is None else _strange(texts, marks, _LENGTHS.get(self.type.name))
        if odd is None:
            return None
        values = self._cast(_without(texts, odd), misread=False)
        return None if values is None else (values, odd)

    def _cast_plain(self, texts: pa.Array) -> tuple[pa.Array, Places]:
        """The values of texts that are spelled plainly, and which are not: what the pattern takes is not misread."""
        for pattern in self._patterns():
            odd = _digits_but_few(texts, pattern) if pattern is _WHOLE else None
            if odd is None:
                odd = pc.fill_null(pc.invert(pc.match_substring_regex(texts, pattern)), fill_value=False)
            try:
                return pc.if_else(odd, pa.scalar(None, pa.string()), texts).cast(self.arrow), _places(odd)
            except pa.ArrowInvalid:
                continue  # a number is too large
        return pa.nulls(len(texts), self.arrow), _places(pc.is_valid(texts))

    def _patterns(self) -> tuple[str, ...]:
        """Spellings that are plain, and those whose value is in range for certain."""
        if self.type.name is TypeName.DECIMAL:
            scale = self.type.scale or 0
            whole = (self.type.precision or 10) - scale
            digits = f"[0-9]{{1,{whole}}}" if whole else "0"
            return (f"^-?{digits}" + (f"([.][0-9]{{1,{scale}}})?$" if scale else "$"),)
        if self.type.name in _SPELLINGS:
            return (_SPELLINGS[self.type.name],)
        return _WHOLE, f"^-?[0-9]{{1,{_CERTAIN_DIGITS[self.type.name]}}}$"


def plain_columns(plan: Plan) -> tuple[PlainColumn, ...]:
    """What fills the table's columns, where all of it is fields as they are; otherwise nothing."""
    spec, table = plan.spec, plan.table
    if plan.where or plan.preceding_filter or plan.delete_on or plan.op_expression or plan.all_deletes:
        return ()
    if plan.op_source is not None or table.partition_kind is not None or spec.partitions is not None:
        return ()
    if not all(_is_plain(plan, target) for target in plan.targets):
        return ()
    return tuple(
        PlainColumn(target.source, target.column.type, target.column.nullable or target.column.auto_increment)
        for target in plan.targets
        if target.source is not None
    )


def _is_plain(plan: Plan, target: Target) -> bool:
    if target.expression is not None or target.masked or target.absent or target.source is None:
        return False
    if plan.spec.negative and target.column.aggregation is Aggregation.SUM:
        return False
    is_text = plan.sources[target.source].type == pa.string()
    return is_text and (target.column.type.name in _SIMPLE or target.column.type.name is TypeName.DECIMAL)


def converted(
    columns: Sequence[PlainColumn], rows: pa.Table, odd_before: Collection[int] = ()
) -> tuple[list[pa.Array], list[Places | None]]:
    """The columns' values, and for each which rows are not spelled plainly in it; None: none.

    ``odd_before``: in which of the columns there were some in rows like these.
    """
    found = [
        column.converted(_one_array(rows.column(column.source)), expects_odd=at in odd_before)
        for at, column in enumerate(columns)
    ]
    return [values for values, _ in found], [odd for _, odd in found]


def _strange(texts: pa.Array, marks: bytes, length: int | None) -> Places | None:
    """Which texts are blank, or of another length, or have other bytes than digits and ``marks``.

    None where they are many, or long.
    """
    _, offsets, data = texts.buffers()
    if not len(texts) or data is None:
        return np.empty(0, np.int64)
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    if ends[-1] - ends[0] > len(texts) * _BYTES_EACH:
        return None
    letters = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]] if ends[-1] > ends[0] else np.empty(0, np.uint8)
    others = np.flatnonzero(letters - np.uint8(ord("0")) > 9)  # what is below them comes round
    for mark in marks:
        others = others[letters[others] != mark]
    sizes = np.diff(ends)
    misfits = np.flatnonzero(sizes == 0 if length is None else sizes != length)
    rows = np.union1d(np.searchsorted(ends, others + ends[0], "right") - 1, misfits)
    if texts.null_count:
        rows = rows[np.asarray(texts.is_valid())[rows]]
    return None if len(rows) * _FEW > len(texts) else rows


def _without(texts: pa.Array, odd: Places) -> pa.Array:
    """NULL in those rows."""
    if not len(odd):
        return texts
    mask = np.zeros(len(texts), bool)
    mask[odd] = True
    return pc.if_else(pa.array(mask), pa.scalar(None, pa.string()), texts)


def _places(mask: pa.Array) -> Places:
    return np.flatnonzero(np.asarray(mask, bool))


def _digits_but_few(texts: pa.Array, pattern: str) -> pa.Array | None:
    """Which texts the pattern of whole numbers does not take, asked of those alone that are no digits.

    None where they are many. To look for digits costs a tenth of a regular expression.
    """
    if (pc.max(pc.binary_length(texts)).as_py() or 0) > _WHOLE_DIGITS:
        return None
    other = pc.fill_null(pc.invert(pc.ascii_is_decimal(texts)), fill_value=False)
    places = pc.indices_nonzero(other)
    if len(places) * _FEW > len(texts):
        return None
    return pc.replace_with_mask(other, other, pc.invert(pc.match_substring_regex(texts.take(places), pattern)))


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    found = column.combine_chunks()
    return pa.concat_arrays(found.chunks) if isinstance(found, pa.ChunkedArray) else found


def _has_length(texts: pa.Array, length: int) -> bool:
    """All have so many bytes."""
    found = pc.min_max(pc.binary_length(texts)).as_py()
    return found["min"] is None or (found["min"], found["max"]) == (length, length)


def _has_byte(texts: pa.Array, byte: bytes) -> bool:
    data = texts.buffers()[2]
    return data is not None and data.to_pybytes().find(byte) >= 0
