"""Text → the table's types, and values of other kinds → the table's types, by the vendors' rules of range and form.

Every conversion is one SQL expression that yields NULL for what does not fit. The common spelling is recognised by
printing the converted value and comparing: only values that differ meet a regular expression.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.sql.schema import ColumnType, TypeName
from routine_load.transform.moments import text_to_date, text_to_datetime
from routine_load.transform.spellings import as_json, entries, to_map, without_exponent
from routine_load.transform.typed import Kind, quoted

_BLANKS = "' ' || chr(9) || chr(10) || chr(13)"
_WHOLE = quoted(r"[+-]?\d+")
_FRACTION = {
    Compat.STARROCKS: quoted(r"[+-]?(\d+\.\d*|\.\d+)"),
    Compat.DORIS: quoted(r"[+-]?\d+\.\d*"),
}
_EXPONENT = quoted(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+")

# "-.5" → "-0", "12.9" → "012": the part before the point, which may be empty.
_WHOLE_PART = r"^([+-]?)(\d*)\..*$"
_ZERO_AND_DIGITS = r"\10\2"

PLAIN_TYPES: Mapping[TypeName, str] = MappingProxyType(
    {
        TypeName.BOOLEAN: "BOOLEAN",
        TypeName.TINYINT: "TINYINT",
        TypeName.SMALLINT: "SMALLINT",
        TypeName.INT: "INTEGER",
        TypeName.BIGINT: "BIGINT",
        TypeName.LARGEINT: "HUGEINT",
        TypeName.FLOAT: "FLOAT",
        TypeName.DOUBLE: "DOUBLE",
        TypeName.DATE: "DATE",
        TypeName.DATETIME: "TIMESTAMP",
        TypeName.CHAR: "VARCHAR",
        TypeName.VARCHAR: "VARCHAR",
        TypeName.STRING: "VARCHAR",
        TypeName.VARBINARY: "BLOB",
        TypeName.JSON: "VARCHAR",
        TypeName.BITMAP: Kind.BITMAP.value,
        TypeName.HLL: Kind.HLL.value,
        TypeName.QUANTILE_STATE: Kind.QUANTILE.value,
        TypeName.PERCENTILE: Kind.QUANTILE.value,
    }
)
"""The DuckDB types of simple columns while rows are converted: JSON travels as its text."""
_YEAR_0_US = 62_167_219_200_000_000
_INTEGERS = {TypeName.TINYINT, TypeName.SMALLINT, TypeName.INT, TypeName.BIGINT, TypeName.LARGEINT}
_TEXTS = {TypeName.CHAR, TypeName.VARCHAR, TypeName.STRING}
_NESTED = {TypeName.ARRAY, TypeName.MAP, TypeName.STRUCT}


def duck_type(of: ColumnType) -> str:
    """The DuckDB type that holds a column of this type."""
    if of.name is TypeName.DECIMAL:
        return f"DECIMAL({of.precision or 10}, {of.scale if of.scale is not None else 0})"
    if of.name is TypeName.ARRAY:
        return f"{duck_type(of.arguments[0])}[]"
    if of.name is TypeName.MAP:
        return f"MAP({duck_type(of.arguments[0])}, {duck_type(of.arguments[1])})"
    if of.name is TypeName.STRUCT:
        fields = ", ".join(
            '"' + name.replace('"', '""') + '" ' + duck_type(argument)
            for name, argument in zip(of.fields, of.arguments, strict=True)
        )
        return f"STRUCT({fields})"
    return PLAIN_TYPES[of.name]


def type_text(of: ColumnType) -> str:
    """The type as the vendors print it in error rows."""
    name = of.name.value.upper()
    if of.name is TypeName.DECIMAL:
        return f"DECIMAL({of.precision or 10}, {of.scale if of.scale is not None else 0})"
    if of.arguments:
        return f"{name}<{', '.join(type_text(argument) for argument in of.arguments)}>"
    return f"{name}({of.length})" if of.length is not None else name


def kind_of(of: ColumnType) -> Kind:
    """The kind of a value after it was converted to this type."""
    if of.name in _INTEGERS:
        return Kind.LARGEINT if of.name is TypeName.LARGEINT else Kind.INT
    if of.name in _TEXTS:
        return Kind.TEXT
    return {
        TypeName.BOOLEAN: Kind.BOOL,
        TypeName.FLOAT: Kind.DOUBLE,
        TypeName.DOUBLE: Kind.DOUBLE,
        TypeName.DECIMAL: Kind.DECIMAL,
        TypeName.DATE: Kind.DATE,
        TypeName.DATETIME: Kind.DATETIME,
        TypeName.JSON: Kind.JSON,
        TypeName.BITMAP: Kind.BITMAP,
        TypeName.HLL: Kind.HLL,
        TypeName.QUANTILE_STATE: Kind.QUANTILE,
        TypeName.PERCENTILE: Kind.QUANTILE,
    }.get(of.name, Kind.OTHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a load decides about conversion.

    ``usual_only``: integers, dates and times in any but their usual spelling are NULL; ``has_usual`` names the types.
    """

    compat: Compat
    zone: str
    strict: bool = False
    usual_only: bool = False


def has_usual(of: ColumnType) -> bool:
    """Text for this type has a usual spelling that is much cheaper to read than the others."""
    return of.name in _INTEGERS or of.name in {TypeName.DATE, TypeName.DATETIME}


def convert(sql: str, kind: Kind, to: ColumnType, rules: Rules) -> str:  # noqa: PLR0911, C901 - a table of types
    """SQL of a value of ``kind`` as the column type. ``sql`` must be cheap to repeat."""
    if kind is Kind.NULL:
        return f"NULL::{duck_type(to)}"
    if to.name.is_state or kind.is_state:
        if kind_of(to) is not kind:
            raise AnalysisError(f"a value of kind {kind.name} cannot be used as {to.name.upper()}")
        return sql
    if kind.is_nested or kind is Kind.BYTES:
        return (_from_nested if kind.is_nested else _from_bytes)(sql, kind, to, rules)
    if to.name in _TEXTS:
        return _fitted(to_text(sql, kind), to, rules)
    if kind in {Kind.TEXT, Kind.JSON}:
        return _from_text(sql if kind is Kind.TEXT else to_text(sql, kind), to, rules)
    if to.name is TypeName.JSON:
        return f"to_json({sql})::VARCHAR"
    if to.name is TypeName.DATETIME and kind.is_time:
        return _rounded(f"CAST({sql} AS TIMESTAMP)", to, rules)
    if to.name is TypeName.DATE and kind.is_time:
        return f"CAST({sql} AS DATE)"
    if to.name in {TypeName.DATE, TypeName.DATETIME}:
        # A number is read as its digits: 20200511 is a day.
        return _from_text(to_text(f"TRY_CAST({sql} AS BIGINT)", Kind.INT), to, rules)
    if kind.is_time:
        digits = "'%Y%m%d'" if kind is Kind.DATE else "'%Y%m%d%H%M%S'"
        return f"TRY_CAST(strftime({sql}, {digits}) AS {duck_type(to)})"
    if to.name in _INTEGERS and kind in {Kind.DOUBLE, Kind.DECIMAL}:
        return f"TRY_CAST(trunc({sql}) AS {duck_type(to)})"
    return f"TRY_CAST({sql} AS {duck_type(to)})"


def to_text(sql: str, kind: Kind) -> str:  # noqa: PLR0911 - a table of kinds
    """SQL of a value as the vendors print it. ``sql`` must be cheap to repeat."""
    if kind is Kind.TEXT:
        return sql
    if kind is Kind.BYTES:
        return f"TRY(decode({sql}))"
    if kind is Kind.DOUBLE:
        # A whole double prints without a fraction.
        whole = f"{sql} = trunc({sql}) AND abs({sql}) < 1e15"
        return f"CASE WHEN {whole} THEN TRY_CAST({sql} AS BIGINT)::VARCHAR ELSE {sql}::VARCHAR END"
    if kind is Kind.BOOL:
        return f"CASE WHEN {sql} THEN '1' WHEN NOT {sql} THEN '0' END"
    if kind is Kind.DATETIME:
        return (
            f"CASE WHEN epoch_us({sql}) % 1000000 = 0 THEN strftime({sql}, '%Y-%m-%d %H:%M:%S') "
            f"ELSE strftime({sql}, '%Y-%m-%d %H:%M:%S.%f') END"
        )
    if kind is Kind.JSON:
        return f"CASE WHEN starts_with({sql}, '\"') THEN json_extract_string({sql}, '$') ELSE {sql} END"
    return f"CAST({sql} AS VARCHAR)"


_PIECE = r"""((?:"(?:[^"\\]|\\.)*"|[^",])*)(?:,|$)"""
"""Of a JSON text, what goes up to the next comma that is in no string, or to the end."""


def nested_text(sql: str, kind: Kind, compat: Compat) -> str:
    """SQL of an array, map or struct as the vendors print it: JSON, in Doris with a blank behind each comma."""
    text = f"to_json({sql})::VARCHAR"
    if kind is Kind.MAP:
        value = "coalesce(to_json(__v.value)::VARCHAR, 'null')"
        each = f"list_transform(map_entries({sql}), lambda __v: to_json(__v.key)::VARCHAR || ':' || {value})"
        text = f"('{{' || array_to_string({each}, ',') || '}}')"
    return text if compat is Compat.STARROCKS else f"rtrim(regexp_replace({text}, '{_PIECE}', '\\1, ', 'g'), ', ')"


def _from_bytes(sql: str, kind: Kind, to: ColumnType, rules: Rules) -> str:
    """Bytes are bytes, or the text that they spell."""
    if to.name is TypeName.VARBINARY:
        return sql if to.length is None else f"CASE WHEN octet_length({sql}) <= {to.length} THEN {sql} END"
    if to.name not in _TEXTS:
        raise AnalysisError(f"a value of kind BYTES cannot be used as {to.name.upper()}")
    return _fitted(to_text(sql, kind), to, rules)


def _from_nested(sql: str, kind: Kind, to: ColumnType, rules: Rules) -> str:
    if to.name in _TEXTS:
        return _fitted(nested_text(sql, kind, rules.compat), to, rules)
    if to.name is TypeName.JSON:
        return f"to_json({sql})::VARCHAR"
    return f"TRY_CAST({sql} AS {duck_type(to)})" if to.name in _NESTED else f"NULL::{duck_type(to)}"


def text_to_integer(text: str, duck: str, compat: Compat, *, usual_only: bool = False) -> str:
    """SQL: an integer of a DuckDB type, or NULL when the text is not one or out of range.

    A fraction is cut. StarRocks reads what is no integer as a double, so ``1e2`` and ``.5`` are numbers; Doris not.
    """
    cast, bare = f"TRY_CAST({text} AS {duck})", f"trim({text}, {_BLANKS})"
    if usual_only:
        return f"CASE WHEN {cast}::VARCHAR = {text} THEN {cast} END"
    whole = f"regexp_replace({bare}, {quoted(_WHOLE_PART)}, {quoted(_ZERO_AND_DIGITS)})"
    slow = f"WHEN regexp_full_match({bare}, {_WHOLE}) THEN TRY_CAST({bare} AS {duck})"
    slow += f" WHEN regexp_full_match({bare}, {_FRACTION[compat]}) THEN TRY_CAST({whole} AS {duck})"
    if compat is Compat.STARROCKS:
        number = f"trunc(TRY_CAST({bare} AS DOUBLE))"
        slow += f" WHEN regexp_full_match({bare}, {_EXPONENT}) THEN TRY_CAST({number} AS {duck})"
    return f"CASE WHEN {cast}::VARCHAR = {text} THEN {cast} {slow} END"


def text_to_double(text: str, duck: str = "DOUBLE") -> str:
    """SQL: a finite floating number, or NULL. DuckDB would also read ``1_000``, ``nan`` and ``0x1f``."""
    cast = f"TRY_CAST({text} AS {duck})"
    return f"CASE WHEN isfinite({cast}) AND NOT contains({text}, '_') AND NOT contains({text}, 'x') THEN {cast} END"


def text_to_bool(text: str, compat: Compat) -> str:
    """SQL: ``true``/``false`` in any case, or a number (Doris: only 1 and 0)."""
    bare = f"lower(trim({text}, {_BLANKS}))"
    number = f"TRY_CAST({bare} AS DOUBLE)"
    numbers = f"WHEN {number} = 1 THEN true WHEN {number} = 0 THEN false"
    if compat is Compat.STARROCKS:
        numbers = f"WHEN isfinite({number}) AND NOT contains({bare}, '_') THEN {number} <> 0"
    return f"CASE WHEN {bare} = 'true' THEN true WHEN {bare} = 'false' THEN false {numbers} END"


def _from_text(text: str, to: ColumnType, rules: Rules) -> str:  # noqa: PLR0911 - a table of types
    if to.name in _INTEGERS:
        return text_to_integer(text, duck_type(to), rules.compat, usual_only=rules.usual_only)
    if to.name in {TypeName.FLOAT, TypeName.DOUBLE}:
        return text_to_double(text, duck_type(to))
    if to.name is TypeName.DECIMAL:
        cast = f"TRY_CAST({text} AS {duck_type(to)})"
        moved = (
            f"CASE WHEN regexp_matches({text}, '[eE]') THEN TRY_CAST({without_exponent(text)} AS {duck_type(to)}) END"
        )
        return f"CASE WHEN NOT contains({text}, '_') THEN coalesce({cast}, {moved}) END"
    if to.name is TypeName.BOOLEAN:
        return text_to_bool(text, rules.compat)
    if to.name is TypeName.DATE:
        return text_to_date(text, rules.zone, usual_only=rules.usual_only)
    if to.name is TypeName.DATETIME:
        return _rounded(text_to_datetime(text, rules.zone, usual_only=rules.usual_only), to, rules)
    if to.name is TypeName.VARBINARY:
        fits = f"CASE WHEN strlen({text}) <= {to.length} THEN encode({text}) END"
        return f"encode({text})" if to.length is None else fits
    if to.name is TypeName.JSON:
        return f"CASE WHEN json_valid({text}) THEN {text} END"
    # CASE, not AND: DuckDB may not parse what json_valid has not seen.
    read = f"CASE WHEN json_valid(d) THEN {_nested('TRY_CAST(d AS JSON)', to, rules)} END"
    document = as_json(text, rules.compat)
    if to.name is TypeName.STRUCT and rules.compat is Compat.DORIS:
        document = f"list_transform([trim({document}, ' \t\r\n')], lambda d: {_LISTED})[1]"
    return f"list_transform([{document}], lambda d: {read})[1]"


_LISTED = (
    "CASE WHEN starts_with(d, '{') AND NOT json_valid(d) THEN '[' || d[2:-2] || ']' WHEN starts_with(d, '{') THEN d END"
)
"""Doris: the values of a struct may stand there without their names, in order; in brackets they are none."""


def _nested(document: str, to: ColumnType, rules: Rules, depth: int = 0) -> str:
    """SQL of a JSON document as ARRAY, MAP or STRUCT, each part converted as a column of its type would be."""
    rules = replace(rules, usual_only=False)
    name = f"e{depth}"

    def part(value: str, of: ColumnType) -> str:
        if of.name in _NESTED:
            return _nested(f"TRY_CAST({value} AS JSON)", of, rules, depth + 1)
        return f"({convert(value, Kind.TEXT, of, rules)})"

    if to.name is TypeName.ARRAY:
        return f"list_transform(TRY_CAST({document} AS VARCHAR[]), lambda {name}: {part(name, to.arguments[0])})"
    if to.name is TypeName.MAP:
        entry = f"{{'k': {part(f'{name}.key', to.arguments[0])}, 'v': {part(f'{name}.value', to.arguments[1])}}}"
        return to_map(f"list_transform({entries(document)}, lambda {name}: {entry})", f"m{depth}")
    # One parse: a list of the fields' texts, each of which gets its name.
    paths = ", ".join(quoted("/" + field.replace("~", "~0").replace("/", "~1")) for field in to.fields)
    fields = ", ".join(
        '"' + field.replace('"', '""') + '" := ' + part(f"{name}[{at}]", argument)
        for at, (field, argument) in enumerate(zip(to.fields, to.arguments, strict=True), 1)
    )
    is_object = f"json_type({document}) = 'OBJECT'"
    texts = f"CASE WHEN {is_object} THEN [json_extract_string({document}, [{paths}])]"
    if rules.compat is Compat.DORIS and depth == 0:
        places = ", ".join(f"'/{at}'" for at in range(len(to.fields)))
        texts += f" WHEN json_array_length({document}) = {len(to.fields)} THEN "
        texts += f"[json_extract_string({document}, [{places}])]"
    texts += " END"
    return f"list_transform({texts}, lambda {name}: struct_pack({fields}))[1]"


def _fitted(text: str, to: ColumnType, rules: Rules) -> str:
    """Text no longer than the column, in bytes. Too long: NULL, but Doris cuts it unless the load is strict."""
    if to.length is None or to.name is TypeName.STRING:
        return text
    fits = f"strlen({text}) <= {to.length}"
    if rules.compat is Compat.STARROCKS or rules.strict:
        return f"CASE WHEN {fits} THEN {text} END"
    # A cut inside a character would leave invalid UTF-8; a character has at most four bytes.
    cuts = ", ".join(f"TRY(decode(encode({text})[1:{max(to.length - back, 0)}]))" for back in range(4))
    return f"CASE WHEN {fits} THEN {text} ELSE coalesce({cuts}) END"


def _rounded(moment: str, to: ColumnType, rules: Rules) -> str:
    """Doris: DATETIME(p) rounds to p digits, DATETIME to seconds. StarRocks keeps microseconds."""
    if rules.compat is Compat.STARROCKS or to.scale == 6:
        return moment
    unit = 10 ** (6 - (to.scale or 0))
    # Division cuts towards zero: counted from the year 0, every moment is positive.
    since = f"(epoch_us({moment}) + {_YEAR_0_US + unit // 2}) // {unit} * {unit} - {_YEAR_0_US}"
    return f"nullif(make_timestamp({since}), TIMESTAMP '10000-01-01 00:00:00')"
