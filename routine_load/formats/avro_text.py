"""Avro values in Arrow → the text of source columns, a column at a time.

Dates and times are text as both vendors write it, in the load's time zone where they are instants; where a column
wants a number they are the number that the message has. Decimals keep every digit. Bytes are text where they are UTF-8,
else Base64. What has parts is minified JSON. A float that is no number is NULL, as in StarRocks.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from decimal import Context
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from routine_load.formats.avro_schema import Kind, Logical, Type
from routine_load.formats.memory import MemoryDuckDB
from routine_load.formats.rows import ALL_UTF8

_DAY_MILLIS = 86_400_000
_DECIMAL_BYTES = 16
_DECIMAL_DIGITS = 38
_ESCAPED = r'["\\\x00-\x1f]'
_OFFSET = re.compile(r"([+-])(\d{1,2}):(\d{2})")
_MILLIS = frozenset({Logical.TIMESTAMP_MILLIS, Logical.LOCAL_MILLIS})
_NANOS = frozenset({Logical.TIMESTAMP_NANOS, Logical.LOCAL_NANOS})
_INSTANTS = frozenset({Logical.TIMESTAMP_MILLIS, Logical.TIMESTAMP_MICROS, Logical.TIMESTAMP_NANOS})


@dataclass(frozen=True, slots=True)
class Form:
    """``is_json``: as JSON. ``is_number``: dates and times as their number. ``digits``: booleans as 1 and 0."""

    is_json: bool = False
    is_number: bool = False
    digits: bool = False


JSON = Form(is_json=True)


class Texts:
    """Writes values. ``timezone`` is a region or ``±HH:MM``."""

    def __init__(self, duck: MemoryDuckDB, timezone: str) -> None:
        self._duck = duck
        self._timezone = timezone

    def of(self, kind: Type, values: pa.Array, form: Form) -> pa.Array:  # noqa: PLR0911 - one return a type
        """Strings, NULL where the value is."""
        match kind.kind:
            case Kind.NULL:
                return pa.nulls(len(values), pa.string())
            case Kind.BOOLEAN:
                return pc.if_else(values, *(("1", "0") if form.digits else ("true", "false")))
            case Kind.FLOAT | Kind.DOUBLE:
                return pc.if_else(pc.is_finite(values), values.cast(pa.string()), pa.scalar(None, pa.string()))
            case Kind.INT | Kind.LONG:
                return self._number(kind, values, form)
            case Kind.BYTES | Kind.FIXED:
                return self._binary(kind, values, form)
            case Kind.STRING | Kind.ENUM:
                return self._quoted(values) if form.is_json else values
            case Kind.UNION:
                return self._union(kind, values, form)
            case Kind.AGAIN:
                return values
        return self._tree(kind, values)

    def json(self, kind: Type, values: pa.Array) -> pa.Array:
        return self.of(kind, values, JSON)

    def _union(self, kind: Type, values: pa.Array, form: Form) -> pa.Array:
        if kind.optional is not None:
            return self.of(kind.optional, values, form)
        branches = [part for part in kind.parts if part.kind is not Kind.NULL]
        texts = [self.of(part, values.field(at), form) for at, part in enumerate(branches)]
        return pc.coalesce(*texts) if texts else pa.nulls(len(values), pa.string())

    def _tree(self, kind: Type, values: pa.Array) -> pa.Array:
        if kind.kind is Kind.RECORD:
            pieces: list[Any] = []
            for at, (name, part) in enumerate(zip(kind.names, kind.parts, strict=True)):
                pieces.append(f"{',' if at else '{'}{json.dumps(name, ensure_ascii=False)}:")
                pieces.append(pc.fill_null(self.json(part, values.field(at)), "null"))
            if not pieces:
                pieces = ["{", pc.if_else(pc.is_valid(values), "", "")]
            return _where_valid(values, pc.binary_join_element_wise(*pieces, "}", ""))
        is_map = kind.kind is Kind.MAP
        items = values.values
        texts = pc.fill_null(self.json(kind.parts[0], items.field(1) if is_map else items), "null")
        if is_map:
            texts = pc.binary_join_element_wise(self._quoted(items.field(0)), texts, ":")
        joined = pc.binary_join(pa.ListArray.from_arrays(values.offsets, texts), ",")
        opening, closing = "{}" if is_map else "[]"
        return _where_valid(values, pc.binary_join_element_wise(opening, joined, closing, ""))

    def _quoted(self, values: pa.Array) -> pa.Array:
        if pc.any(pc.match_substring_regex(values, _ESCAPED)).as_py():
            return self._query("SELECT to_json(v)::VARCHAR AS v FROM src", values)
        return pc.binary_join_element_wise('"', values, '"', "")

    def _query(self, sql: str, values: pa.Array) -> pa.Array:
        found = self._duck.query(sql, pa.table({"v": values}))["v"]
        return pa.concat_arrays(found.chunks) if found.num_chunks else pa.array([], pa.string())

    def _number(self, kind: Type, values: pa.Array, form: Form) -> pa.Array:
        if kind.logical is None or form.is_number:
            return values.cast(pa.string())
        if kind.logical is Logical.DATE:
            sql = "TRY(DATE '1970-01-01' + v::INTEGER)::VARCHAR"
        elif kind.logical in {Logical.TIME_MILLIS, Logical.TIME_MICROS}:
            unit = 1000 if kind.logical is Logical.TIME_MILLIS else 1
            inside = f"v >= 0 AND v < {_DAY_MILLIS * 1000 // unit}"
            sql = f"CASE WHEN {inside} THEN (TIME '00:00:00' + to_microseconds(v * {unit}))::VARCHAR END"
        else:
            sql = f"TRY({self._moment(kind.logical)})::VARCHAR"
        # What no date or time can be shows as its number.
        texts = self._query(f"SELECT coalesce({sql}, v::VARCHAR) AS v FROM src", values)
        return pc.binary_join_element_wise('"', texts, '"', "") if form.is_json else texts

    def _moment(self, logical: Logical) -> str:
        """SQL of the local timestamp; nanoseconds are cut."""
        micros = "v * 1000" if logical in _MILLIS else "v"
        if logical in _NANOS:
            micros = "(v - ((v % 1000) + 1000) % 1000) // 1000"
        moment = f"make_timestamp({micros})"
        if logical not in _INSTANTS:
            return moment
        offset = _OFFSET.fullmatch(self._timezone)
        if offset is not None:
            seconds = int(offset[2]) * 3600 + int(offset[3]) * 60
            return f"{moment} + to_seconds({-seconds if offset[1] == '-' else seconds})"
        region = "Asia/Shanghai" if self._timezone.upper() == "CST" else self._timezone.replace("'", "''")
        return f"timezone('{region}', timezone('UTC', {moment}))"

    def _binary(self, kind: Type, values: pa.Array, form: Form) -> pa.Array:
        if kind.logical is Logical.DECIMAL:
            return self._decimals(values, kind.scale)
        if kind.logical is Logical.UUID:
            hexed = "lower(hex(v))"
            parts = ", '-', ".join(f"{hexed}[{a}:{b}]" for a, b in ((1, 8), (9, 12), (13, 16), (17, 20), (21, 32)))
            texts = self._query(f"SELECT CASE WHEN v IS NOT NULL THEN concat({parts}) END AS v FROM src", values)
            return pc.binary_join_element_wise('"', texts, '"', "") if form.is_json else texts
        if kind.logical in {Logical.BIG_DECIMAL, Logical.DURATION}:
            write = _big_decimal if kind.logical is Logical.BIG_DECIMAL else _duration
            return pa.array([None if each is None else write(each) for each in values.to_pylist()], pa.string())
        texts = _text(values)
        return self._quoted(texts) if form.is_json else texts

    def _decimals(self, values: pa.Array, scale: int) -> pa.Array:
        """Big-endian two's complement of any length; up to 16 bytes by column."""
        widths = pc.fill_null(pc.binary_length(values), 0).to_numpy(zero_copy_only=False)
        if scale > _DECIMAL_DIGITS or (len(widths) and widths.max() > _DECIMAL_BYTES):
            return pa.array([_decimal(each, scale) for each in values.to_pylist()], pa.string())
        raw = pc.if_else(pc.is_valid(values), values, b"")
        _, offsets, data = raw.buffers()
        ends = np.frombuffer(offsets, np.int32)[raw.offset + 1 : raw.offset + len(raw) + 1].astype(np.int64)
        held = np.concatenate([np.frombuffer(data or b"", np.uint8), np.zeros(1, np.uint8)])
        places = ends[:, None] - 1 - np.arange(_DECIMAL_BYTES)  # the last byte first, as Arrow has it
        inside = np.arange(_DECIMAL_BYTES) < widths[:, None]
        digits = held[np.where(inside, places, 0)]
        first = held[np.where(widths > 0, ends - widths, len(held) - 1)]
        sign = np.where(first >= 0x80, 0xFF, 0).astype(np.uint8)
        little = np.ascontiguousarray(np.where(inside, digits, sign[:, None]))
        wide = pa.Array.from_buffers(pa.decimal128(_DECIMAL_DIGITS, scale), len(values), [None, pa.py_buffer(little)])
        try:
            wide.validate(full=True)
        except pa.ArrowInvalid:  # 39 digits fit into 16 bytes
            return pa.array([_decimal(each, scale) for each in values.to_pylist()], pa.string())
        return _where_valid(values, self._query("SELECT v::VARCHAR AS v FROM src", wide))


def _where_valid(values: pa.Array, texts: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_valid(values), texts, pa.scalar(None, pa.string()))


def _text(values: pa.Array) -> pa.Array:
    try:
        return values.cast(pa.string())
    except pa.ArrowInvalid:
        known = pc.fill_null(pc.match_substring_regex(values, ALL_UTF8), True)
        coded = [base64.b64encode(each) for each in values.filter(pc.invert(known)).to_pylist()]
        return pc.replace_with_mask(values, pc.invert(known), pa.array(coded, pa.binary())).cast(pa.string())


def _decimal(raw: bytes | None, scale: int) -> str | None:
    if raw is None:
        return None
    digits = int.from_bytes(raw, "big", signed=True)
    exact = Context(prec=max(1, len(raw) * 3), Emax=999_999, Emin=-999_999)
    return format(exact.scaleb(exact.create_decimal(digits), -scale), "f")


_SCALE_MAX = 1_000


def _big_decimal(raw: bytes) -> str | None:
    """Inner bytes of the unscaled number, then an int of its scale; NULL for what is neither."""
    size, at = _varint(raw, 0)
    scale, end = _varint(raw, at + size) if 0 <= size <= len(raw) - at else (0, -1)
    if end != len(raw) or not 0 <= scale <= _SCALE_MAX:
        return None
    return _decimal(raw[at : at + size], scale)


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for byte in raw[at : at + 10]:
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at
    return 0, -1


def _duration(raw: bytes) -> str:
    """Months, days and milliseconds, which no type of the vendors holds together."""
    months, days, millis = np.frombuffer(raw, "<u4").tolist()
    return f'{{"months":{months},"days":{days},"millis":{millis}}}'
