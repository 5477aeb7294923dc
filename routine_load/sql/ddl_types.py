"""Column types: reading both vendors' spellings, and writing them back.

What cannot be kept (AGG_STATE, ENUM, …) is refused here, naming what to use instead.
"""

from __future__ import annotations

from routine_load.errors import AnalysisError, UnsupportedFeature
from routine_load.ids import Compat
from routine_load.sql.ddl_tokens import Kind, Reader
from routine_load.sql.schema import ColumnType, TypeName

VARCHAR_BYTES_MAX = {Compat.STARROCKS: 1_048_576, Compat.DORIS: 65_533}

CHAR_BYTES_MAX = 255
DECIMAL_PRECISION_MAX = 38
NESTING_MAX = 9

_SIMPLE = {
    "BOOLEAN": TypeName.BOOLEAN,
    "BOOL": TypeName.BOOLEAN,
    "TINYINT": TypeName.TINYINT,
    "SMALLINT": TypeName.SMALLINT,
    "INT": TypeName.INT,
    "INTEGER": TypeName.INT,
    "BIGINT": TypeName.BIGINT,
    "LARGEINT": TypeName.LARGEINT,
    "FLOAT": TypeName.FLOAT,
    "DOUBLE": TypeName.DOUBLE,
    "DATE": TypeName.DATE,
    "DATEV1": TypeName.DATE,
    "DATEV2": TypeName.DATE,
    "STRING": TypeName.STRING,
    "TEXT": TypeName.STRING,
    "JSON": TypeName.JSON,
    "JSONB": TypeName.JSON,
    "VARIANT": TypeName.JSON,
    "BITMAP": TypeName.BITMAP,
    "HLL": TypeName.HLL,
    "QUANTILE_STATE": TypeName.QUANTILE_STATE,
    "PERCENTILE": TypeName.PERCENTILE,
}
_DECIMALS = {
    "DECIMAL": 38,
    "DECIMALV2": 27,
    "DECIMALV3": 38,
    "NUMERIC": 38,
    "DEC": 38,
    "NUMBER": 38,
    "DECIMAL32": 9,
    "DECIMAL64": 18,
    "DECIMAL128": 38,
}
_DATETIMES = frozenset({"DATETIME", "DATETIMEV1", "DATETIMEV2", "TIMESTAMP"})
_TEXTS = {
    "CHAR": TypeName.CHAR,
    "CHARACTER": TypeName.CHAR,
    "VARCHAR": TypeName.VARCHAR,
    "VARBINARY": TypeName.VARBINARY,
    "BINARY": TypeName.VARBINARY,
}
_REFUSED = {
    "AGG_STATE": "keep the values in a column of their own type and aggregate in the query",
    "DECIMAL256": "use DECIMAL(38, s) or STRING",
    "TIME": "use VARCHAR(16) or INT (seconds)",
    "TIMEV2": "use VARCHAR(16) or INT (seconds)",
    "IPV4": "use VARCHAR(15)",
    "IPV6": "use VARCHAR(39)",
    "ENUM": "use VARCHAR",
    "BLOB": "use VARBINARY",
}
_DISPLAY_WIDTH = {
    TypeName.BOOLEAN: "",
    TypeName.TINYINT: "(4)",
    TypeName.SMALLINT: "(6)",
    TypeName.INT: "(11)",
    TypeName.BIGINT: "(20)",
    TypeName.LARGEINT: "(40)",
}


def read_type(reader: Reader, column: str, compat: Compat, depth: int = 0) -> ColumnType:
    """Read one type. Raises UnsupportedFeature naming column and type, AnalysisError for arguments out of range."""
    if depth > NESTING_MAX:
        raise AnalysisError(f"Column[{column}]: types are nested deeper than {NESTING_MAX}")
    if reader.peek().kind is not Kind.WORD:
        raise reader.unexpected("a type")
    word = reader.next().text.upper()
    if word in _REFUSED:
        raise UnsupportedFeature(f"Column[{column}]: type {word} cannot be kept here; {_REFUSED[word]}")
    if word in _SIMPLE:
        if depth and _SIMPLE[word].is_state:
            raise AnalysisError(f"Column[{column}]: {word} cannot be part of another type")
        return _simple(reader, word, column)
    if word in _DECIMALS:
        return _decimal(reader, word, column, compat)
    if word in _DATETIMES:
        return _datetime(reader, column)
    if word in _TEXTS:
        return _text(reader, _TEXTS[word], column, compat)
    if word in ("ARRAY", "MAP", "STRUCT"):
        return _nested(reader, word, column, compat, depth)
    raise AnalysisError(f"Column[{column}]: unknown type {word}")


def _simple(reader: Reader, word: str, column: str) -> ColumnType:
    name = _SIMPLE[word]
    if name is TypeName.DOUBLE:
        reader.accept("PRECISION")
    if name not in (TypeName.DATE, TypeName.JSON):
        _arguments(reader, 2)
    if word == "VARIANT" and reader.accept_symbol("<"):  # types of its paths: a hint how to store them
        while not reader.accept_symbol(">"):
            if reader.at_end():
                raise reader.unexpected("'>'")
            reader.next()
    if reader.looks_at("UNSIGNED"):
        raise UnsupportedFeature(f"Column[{column}]: type {word} UNSIGNED cannot be kept here; use a wider signed type")
    return ColumnType(name=name, is_variant=word == "VARIANT")


def _arguments(reader: Reader, most: int) -> tuple[int, ...]:
    if not reader.accept_symbol("("):
        return ()
    found = [reader.integer()]
    while len(found) < most and reader.accept_symbol(","):
        found.append(reader.integer())
    reader.expect_symbol(")")
    return tuple(found)


def _decimal(reader: Reader, word: str, column: str, compat: Compat) -> ColumnType:
    most = _DECIMALS[word]
    given = _arguments(reader, 2)
    default = (38, 9) if compat is Compat.DORIS else (10, 0)
    precision = given[0] if given else min(default[0], most)
    scale = given[1] if len(given) > 1 else (0 if given else default[1])
    if not 1 <= precision <= most:
        instead = "; use DECIMAL(38, s) or STRING" if precision > DECIMAL_PRECISION_MAX else ""
        raise AnalysisError(
            f"Column[{column}]: precision of {word} should be between 1 and {most}, got {precision}{instead}"
        )
    if scale > precision:
        raise AnalysisError(f"Column[{column}]: scale of {word} should be between 0 and {precision}, got {scale}")
    return ColumnType(name=TypeName.DECIMAL, precision=precision, scale=scale)


def _datetime(reader: Reader, column: str) -> ColumnType:
    given = _arguments(reader, 1)
    if given and given[0] > 6:
        raise AnalysisError(f"Column[{column}]: scale of DATETIME should be between 0 and 6, got {given[0]}")
    return ColumnType(name=TypeName.DATETIME, scale=given[0] if given else None)


def _text(reader: Reader, name: TypeName, column: str, compat: Compat) -> ColumnType:
    length: int | None = None
    if reader.peek().text == "(" and reader.peek(1).text == "*":
        reader.skip_parentheses()
    elif given := _arguments(reader, 1):
        length = given[0]
    if name is TypeName.CHAR:
        length = 1 if length is None else length
    most = CHAR_BYTES_MAX if name is TypeName.CHAR else VARCHAR_BYTES_MAX[compat]
    if length is not None and not 1 <= length <= most:
        raise AnalysisError(f"Column[{column}]: length of {name.upper()} should be between 1 and {most}, got {length}")
    return ColumnType(name=name, length=length)


def _nested(reader: Reader, word: str, column: str, compat: Compat, depth: int) -> ColumnType:
    reader.expect_symbol("<")
    fields: list[str] = []
    arguments: list[ColumnType] = []
    while True:
        if word == "STRUCT":
            fields.append(reader.name())
            reader.accept_symbol(":")
        arguments.append(read_type(reader, column, compat, depth + 1))
        if reader.accept("COMMENT"):
            reader.string()
        if not reader.accept_symbol(","):
            break
    reader.expect_symbol(">")
    wanted = {"ARRAY": 1, "MAP": 2}.get(word)
    if wanted is not None and len(arguments) != wanted:
        raise AnalysisError(f"Column[{column}]: {word} takes {wanted} element type(s), got {len(arguments)}")
    return ColumnType(name=TypeName(word.lower()), arguments=tuple(arguments), fields=tuple(fields))


def spell(type_: ColumnType, compat: Compat = Compat.STARROCKS, *, widths: bool = False) -> str:
    """The vendor's spelling: ``bigint`` in DESC, ``bigint(20)`` (``widths``) in StarRocks' SHOW CREATE TABLE.

    Doris calls STRING ``text``, and writes ``struct<a:int>``.
    """
    parts = [spell(part, compat, widths=widths) for part in type_.arguments]
    match type_.name:
        case TypeName.DECIMAL:
            return (
                f"decimal({type_.precision}, {type_.scale})" if widths else f"decimal({type_.precision},{type_.scale})"
            )
        case TypeName.DATETIME:
            return f"datetime({type_.scale})" if type_.scale else "datetime"
        case TypeName.CHAR | TypeName.VARCHAR | TypeName.VARBINARY:
            return f"{type_.name}({type_.length})" if type_.length is not None else str(type_.name)
        case TypeName.ARRAY | TypeName.MAP:
            return f"{type_.name}<{','.join(parts)}>"
        case TypeName.STRUCT:
            between, comma = (":", ",") if compat is Compat.DORIS else (" ", ", ")
            fields = (f"{name}{between}{part}" for name, part in zip(type_.fields, parts, strict=True))
            return f"struct<{comma.join(fields)}>"
        case name:
            width = _DISPLAY_WIDTH.get(name, "") if widths else ""
            word = "text" if name is TypeName.STRING and compat is Compat.DORIS else str(name)
            return ("variant" if type_.is_variant else word) + width
