"""Text → the table's types, and values of other kinds → the table's types, by the vendors' rules of range and form.

Every conversion is one SQL expression that yields NULL for what does not fit. The common spelling is recognised by
printing the converted value and comparing: only values that differ meet a regular expression.
"""

from __future__ import annotations

from dataclasses import dataclass

from routine_load.ids import Compat
from routine_load.sql.schema import ColumnType, TypeName
from routine_load.transform.moments import text_to_date, text_to_datetime
from routine_load.transform.typed import Kind, quoted

_BLANKS = "' ' || chr(9) || chr(10) || chr(13)"
_WHOLE = quoted(r"[+-]?\d+")
_FRACTION = quoted(r"[+-]?\d*\.\d*")
_EXPONENT = quoted(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+")

_PLAIN_TYPES = {
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
}
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
    return _PLAIN_TYPES[of.name]


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
    }.get(of.name, Kind.OTHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a load decides about conversion. ``fraction_cut``: ``12.5`` is 12 for an integer column.

    ``usual_only``: integers, dates and times in any but their usual spelling are NULL; ``has_usual`` names the types.
    """

    compat: Compat
    zone: str
    strict: bool = False
    fraction_cut: bool = False
    usual_only: bool = False


def has_usual(of: ColumnType) -> bool:
    """Text for this type has a usual spelling that is much cheaper to read than the others."""
    return of.name in _INTEGERS or of.name in {TypeName.DATE, TypeName.DATETIME}


def convert(sql: str, kind: Kind, to: ColumnType, rules: Rules) -> str:  # noqa: PLR0911 - a table of types
    """SQL of a value of ``kind`` as the column type. ``sql`` must be cheap to repeat."""
    if kind is Kind.NULL:
        return f"NULL::{duck_type(to)}"
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


def to_text(sql: str, kind: Kind) -> str:
    """SQL of a value as the vendors print it. ``sql`` must be cheap to repeat."""
    if kind is Kind.TEXT:
        return sql
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


def text_to_integer(text: str, duck: str, *, fraction_cut: bool, usual_only: bool = False) -> str:
    """SQL: an integer of a DuckDB type, or NULL when the text is not one or out of range."""
    cast, bare = f"TRY_CAST({text} AS {duck})", f"trim({text}, {_BLANKS})"
    if usual_only:
        return f"CASE WHEN {cast}::VARCHAR = {text} THEN {cast} END"
    slow = f"WHEN regexp_full_match({bare}, {_WHOLE}) THEN TRY_CAST({bare} AS {duck})"
    if fraction_cut:
        whole = f"regexp_replace({bare}, '\\..*$', '')"
        slow += f" WHEN regexp_full_match({bare}, {_FRACTION}) THEN TRY_CAST({whole} AS {duck})"
        slow += (
            f" WHEN regexp_full_match({bare}, {_EXPONENT}) THEN TRY_CAST(trunc(TRY_CAST({bare} AS DOUBLE)) AS {duck})"
        )
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
        return text_to_integer(text, duck_type(to), fraction_cut=rules.fraction_cut, usual_only=rules.usual_only)
    if to.name in {TypeName.FLOAT, TypeName.DOUBLE}:
        return text_to_double(text, duck_type(to))
    if to.name is TypeName.DECIMAL:
        return f"CASE WHEN NOT contains({text}, '_') THEN TRY_CAST({text} AS {duck_type(to)}) END"
    if to.name is TypeName.BOOLEAN:
        return text_to_bool(text, rules.compat)
    if to.name is TypeName.DATE:
        return text_to_date(text, rules.zone, usual_only=rules.usual_only)
    if to.name is TypeName.DATETIME:
        return _rounded(text_to_datetime(text, rules.zone, usual_only=rules.usual_only), to, rules)
    if to.name is TypeName.VARBINARY:
        return f"encode({text})"
    if to.name is TypeName.JSON:
        return f"CASE WHEN json_valid({text}) THEN {text} END"
    # CASE, not AND: DuckDB may not parse what json_valid has not seen.
    return f"CASE WHEN json_valid({text}) THEN TRY_CAST(TRY_CAST({text} AS JSON) AS {duck_type(to)}) END"


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
    return f"make_timestamp((epoch_us({moment}) + {unit // 2}) // {unit} * {unit})"
