"""Functions and operators of the vendors that mean something else in DuckDB, or nothing: each with its DuckDB form.

A form is DuckDB's SQL in which ``a0``, ``a1`` … stand for the arguments, ``tz`` for the session's time zone as a string
and ``f1`` for the second argument read as a MySQL date format.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import islice
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.starrocks import StarRocks
from sqlglot.parsers.starrocks import StarRocksParser

from routine_load.errors import AnalysisError

_WITHOUT_PARENTHESES = frozenset({"current_timestamp", "current_date", "localtime", "localtimestamp"})
_ADDABLE = ("second", "minute", "hour", "day", "week", "month", "year")
_PARTS = ("year", "quarter", "month", "day", "hour", "minute", "second", "dayofyear", "dayname", "monthname")
_NOW = "(transaction_timestamp() AT TIME ZONE tz)"
_DAY = "TRY_CAST(a0 AS DATE)"
_TIME = "TRY_CAST(a0 AS TIMESTAMP)"
_LOCAL = "(make_timestamp(CAST(a0 AS BIGINT) * 1000000) AT TIME ZONE 'UTC' AT TIME ZONE tz)"

NODES_MAX = 20_000
"""Size of one function's form: a form that names an argument twice doubles with every level of nesting."""

TEXT_BYTES_MAX = 1024 * 1024
"""Longest text that a function makes (StarRocks: its longest STRING). DuckDB makes 2,048 of them at a time."""

_TOO_LONG = f"error('a text of more than {TEXT_BYTES_MAX} bytes would be made')"


def _bounded(size: str, argument: str) -> str:
    """The argument, where a result of ``size`` bytes may be made; an error otherwise, before anything is made."""
    return f"(CASE WHEN {size} > {TEXT_BYTES_MAX} THEN {_TOO_LONG} ELSE {argument} END)"


_TEXT = "CAST(a0 AS VARCHAR)"
_BYTES = f"strlen({_TEXT})"
_PADDED = _bounded("CAST(a1 AS BIGINT)", "CAST(a1 AS INTEGER)")
_REPLACED = _bounded("strlen(a0) // greatest(strlen(a1), 1) * strlen(a2) // 4", "a2")
_REPLACED_MATCHES = _bounded("(strlen(a0) + 1) * strlen(a2) // 4", "a2")

FORMS: dict[str, dict[int, str]] = {
    # functions that make more text than they get
    "repeat": {2: f"repeat({_TEXT}, {_bounded(f'{_BYTES} * CAST(a1 AS HUGEINT)', 'CAST(a1 AS BIGINT)')})"},
    "space": {1: f"repeat(' ', {_bounded('CAST(a0 AS HUGEINT)', 'CAST(a0 AS BIGINT)')})"},
    "lpad": {2: f"lpad({_TEXT}, {_PADDED}, ' ')", 3: f"lpad({_TEXT}, {_PADDED}, a2)"},
    "rpad": {2: f"rpad({_TEXT}, {_PADDED}, ' ')", 3: f"rpad({_TEXT}, {_PADDED}, a2)"},
    "replace": {3: f"replace(a0, a1, {_REPLACED})"},
    "regexp_replace": {3: f"regexp_replace(a0, a1, {_REPLACED_MATCHES}, 'g')"},
    "hex": {1: f"hex({_bounded(_BYTES, 'a0')})"},
    "to_json": {1: f"to_json({_bounded(_BYTES, 'a0')})"},
    # text; lengths are in bytes unless the name says otherwise
    "length": {1: "strlen(CAST(a0 AS VARCHAR))"},
    "octet_length": {1: "strlen(CAST(a0 AS VARCHAR))"},
    "char_length": {1: "length(CAST(a0 AS VARCHAR))"},
    "character_length": {1: "length(CAST(a0 AS VARCHAR))"},
    "strleft": {2: "left(a0, a1)"},
    "strright": {2: "right(a0, a1)"},
    "mid": {3: "substring(a0, a1, a2)"},
    "ucase": {1: "upper(a0)"},
    "lcase": {1: "lower(a0)"},
    "strcmp": {2: "(CASE WHEN a0 < a1 THEN -1 WHEN a0 = a1 THEN 0 WHEN a0 > a1 THEN 1 END)"},
    "regexp_extract": {3: "regexp_extract(a0, a1, a2)"},
    "null_or_empty": {1: "(a0 IS NULL OR a0 = '')"},
    "find_in_set": {2: "coalesce(list_position(string_split(a1, ','), a0), 0)"},
    "md5sum": {1: "md5(a0)"},
    "substring_index": {
        3: "(CASE WHEN a2 > 0 THEN array_to_string(string_split(a0, a1)[1:a2], a1)"
        " WHEN a2 < 0 THEN array_to_string(string_split(a0, a1)[a2:], a1) ELSE '' END)"
    },
    # time
    "now": {0: f"date_trunc('second', {_NOW})", 1: _NOW},
    "curdate": {0: f"CAST({_NOW} AS DATE)"},
    "current_date": {0: f"CAST({_NOW} AS DATE)"},
    "current_timestamp": {0: f"date_trunc('second', {_NOW})", 1: _NOW},
    "localtime": {0: f"date_trunc('second', {_NOW})"},
    "localtimestamp": {0: f"date_trunc('second', {_NOW})"},
    "curtime": {0: f"CAST(date_trunc('second', {_NOW}) AS TIME)"},
    "utc_timestamp": {0: "date_trunc('second', (transaction_timestamp() AT TIME ZONE 'UTC'))"},
    "unix_timestamp": {
        0: "CAST(epoch(transaction_timestamp()) AS BIGINT)",
        1: f"CAST(epoch({_TIME} AT TIME ZONE tz) AS BIGINT)",
        2: "CAST(epoch(try_strptime(a0, f1) AT TIME ZONE tz) AS BIGINT)",
    },
    "from_unixtime": {1: f"strftime({_LOCAL}, '%Y-%m-%d %H:%M:%S')", 2: f"strftime({_LOCAL}, f1)"},
    "date_format": {2: f"strftime({_TIME}, f1)"},
    "str_to_date": {2: "try_strptime(a0, f1)"},
    "str2date": {2: "CAST(try_strptime(a0, f1) AS DATE)"},
    "to_date": {1: _DAY},
    "date": {1: _DAY},
    "timestamp": {1: _TIME},
    **{part: {1: f"{part}({_TIME})"} for part in _PARTS},
    "dayofmonth": {1: f"day({_TIME})"},
    "weekofyear": {1: f"week({_TIME})"},
    "week": {1: f"CAST(strftime({_TIME}, '%U') AS INTEGER)"},
    "last_day": {1: f"last_day({_DAY})"},
    "datediff": {2: "date_diff('day', TRY_CAST(a1 AS DATE), TRY_CAST(a0 AS DATE))"},
    "dayofweek": {1: f"(dayofweek({_DAY}) + 1)"},
    "weekday": {1: f"(isodow({_DAY}) - 1)"},
    "makedate": {2: "CAST(make_date(CAST(a0 AS BIGINT), 1, 1) + CAST(a1 - 1 AS INTEGER) AS DATE)"},
    "to_days": {1: f"(date_diff('day', DATE '1970-01-01', {_DAY}) + 719528)"},
    "from_days": {1: "CAST(DATE '1970-01-01' + CAST(a0 - 719528 AS INTEGER) AS DATE)"},
    **{f"{unit}s_add": {2: f"({_TIME} + to_{unit}s(CAST(a1 AS INTEGER)))"} for unit in _ADDABLE},
    **{f"{unit}s_sub": {2: f"({_TIME} - to_{unit}s(CAST(a1 AS INTEGER)))"} for unit in _ADDABLE},
    # numbers
    "bitand": {2: "(a0 & a1)"},
    "bitor": {2: "(a0 | a1)"},
    "bitxor": {2: "xor(a0, a1)"},
    "bitnot": {1: "(~a0)"},
    "fmod": {2: "fmod(a0, a1)"},
    "truncate": {2: "trunc(a0, CAST(a1 AS INTEGER))"},
    "square": {1: "(a0 * a0)"},
    "dround": {1: "round(a0)", 2: "round(a0, a1)"},
    "e": {0: "exp(1.0)"},
    "positive": {1: "(+a0)"},
    "negative": {1: "(-a0)"},
    # logic and aggregates
    "isnull": {1: "(a0 IS NULL)"},
    "isnotnull": {1: "(a0 IS NOT NULL)"},
    "nvl": {2: "coalesce(a0, a1)"},
    "ndv": {1: "approx_count_distinct(a0)"},
    "approx_count_distinct": {1: "approx_count_distinct(a0)"},
    "multi_distinct_count": {1: "count(DISTINCT a0)"},
    "percentile_approx": {2: "approx_quantile(CAST(a0 AS DOUBLE), CAST(a1 AS FLOAT))"},
    "typeof": {1: "lower(typeof(a0))"},
    # JSON and containers
    "get_json_string": {2: "json_extract_string(a0, a1)"},
    "get_json_int": {2: "TRY_CAST(json_extract_string(a0, a1) AS BIGINT)"},
    "get_json_double": {2: "TRY_CAST(json_extract_string(a0, a1) AS DOUBLE)"},
    "jsonb_extract_string": {2: "json_extract_string(a0, a1)"},
    "json_query": {2: "json_extract(a0, a1)"},
    "json_length": {1: "coalesce(json_array_length(a0), 1)"},
    "parse_json": {1: "TRY_CAST(a0 AS JSON)"},
    "array_length": {1: "CAST(len(a0) AS INTEGER)"},
    "cardinality": {1: "CAST(cardinality(a0) AS INTEGER)"},
    "map_size": {1: "CAST(cardinality(a0) AS INTEGER)"},
    "array_join": {2: "array_to_string(a0, a1)"},
    "element_at": {2: "a0[a1]"},
}

_STRFTIME = {
    "i": "%M",
    "s": "%S",
    "M": "%B",
    "W": "%A",
    "T": "%H:%M:%S",
    "h": "%I",
    "e": "%-d",
    "c": "%-m",
    "k": "%-H",
    "l": "%-I",
    "r": "%I:%M:%S %p",
    "D": "%-d",
    "u": "%W",
    "v": "%V",
    "x": "%G",
}
_SHORTHANDS = {"yyyyMMdd": "%Y%m%d", "yyyy-MM-dd": "%Y-%m-%d", "yyyy-MM-dd HH:mm:ss": "%Y-%m-%d %H:%M:%S"}
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)


class QueryDialect(StarRocks):
    """StarRocks as sqlglot reads it, but the functions that have a form of ours keep name and arguments."""

    class Parser(StarRocksParser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {
            name: build for name, build in StarRocksParser.FUNCTIONS.items() if name.lower() not in FORMS
        }
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: parse for name, parse in StarRocksParser.FUNCTION_PARSERS.items() if name.lower() not in FORMS
        }
        NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {
            token: kind for token, kind in StarRocksParser.NO_PAREN_FUNCTIONS.items() if token.name.lower() not in FORMS
        }


def to_duckdb(tree: exp.Expr, timezone: str) -> exp.Expr:
    """The whole tree with the vendors' meaning, children first."""
    for node in reversed(list(tree.walk())):
        changed = _meaning(node, timezone)
        if changed is node:
            continue
        if node is tree:
            tree = changed
        else:
            node.replace(changed)
    return tree


def _meaning(node: exp.Expr, timezone: str) -> exp.Expr:  # noqa: PLR0911 - one return per meaning
    match node:
        case exp.Anonymous():
            return _function(node, timezone)
        case exp.Column() if _is_bare_function(node):
            called = _function(exp.Anonymous(this=node.name, expressions=[]), timezone)
            return exp.alias_(called, node.name, quoted=True) if isinstance(node.parent, exp.Select) else called
        case exp.CurrentTimestamp() | exp.CurrentDate():
            name = "current_date" if isinstance(node, exp.CurrentDate) else "current_timestamp"
            return _function(exp.Anonymous(this=name, expressions=[]), timezone)
        case exp.Cast() if type(node) is exp.Cast:
            return exp.TryCast(this=node.this.copy(), to=node.args["to"].copy())
        case exp.TimestampDiff():
            unit = exp.Literal.string((node.text("unit") or "day").lower())
            ends = [_timestamp(node.expression), _timestamp(node.this)]
            return exp.Anonymous(this="date_sub", expressions=[unit, *ends])
        case exp.Concat() if type(node) is exp.Concat:
            return exp.Paren(this=_chained([exp.cast(part.copy(), "text") for part in node.expressions]))
        case exp.Binary() if isinstance(node, _ARITHMETIC):
            return _arithmetic(node)
        case _:
            return node


def _is_bare_function(column: exp.Column) -> bool:
    """``CURRENT_TIMESTAMP`` without parentheses; quoted, or of a table, it is a column."""
    return column.name.lower() in _WITHOUT_PARENTHESES and not column.table and not column.this.quoted


def _arithmetic(node: exp.Binary) -> exp.Expr:
    """A string in arithmetic is a number (MySQL): DuckDB would look for an operator on text."""
    if not any(isinstance(side, exp.Literal) and side.is_string for side in (node.this, node.expression)):
        return node
    copy = node.copy()
    for key in ("this", "expression"):
        side = copy.args[key]
        if isinstance(side, exp.Literal) and side.is_string:
            copy.set(key, exp.TryCast(this=side.copy(), to=exp.DataType.build("double")))
    return copy


def _timestamp(value: exp.Expr) -> exp.Expr:
    return exp.TryCast(this=value.copy(), to=exp.DataType.build("timestamp"))


def _chained(parts: Sequence[exp.Expr]) -> exp.Expr:
    whole: exp.Expr = parts[0]
    for part in parts[1:]:
        whole = exp.DPipe(this=whole, expression=part, safe=True)
    return whole


def _function(node: exp.Anonymous, timezone: str) -> exp.Expr:
    forms = FORMS.get(str(node.this).lower())
    if forms is None:
        return node
    form = forms.get(len(node.expressions))
    if form is None:
        return node
    given: dict[str, exp.Expr] = {f"a{i}": argument for i, argument in enumerate(node.expressions)}
    given["tz"] = exp.Literal.string(timezone)
    if "f1" in form:
        given["f1"] = _strftime(node.expressions[1])
    pattern = _parsed(form)
    if sum(_weight(given[c.name]) for c in pattern.find_all(exp.Column) if c.name in given) > NODES_MAX:
        raise AnalysisError(f"{node.this}: the functions are nested too deeply")
    return pattern.copy().transform(
        lambda part: given[part.name].copy() if isinstance(part, exp.Column) and part.name in given else part
    )


def _weight(node: exp.Expr) -> int:
    return sum(1 for _ in islice(node.walk(), NODES_MAX))


@cache
def _parsed(form: str) -> exp.Expr:
    return sqlglot.parse_one(form, read="duckdb")


def _strftime(pattern: exp.Expr) -> exp.Expr:
    """A MySQL date format as DuckDB's; one that is not a constant is taken as it is."""
    if not isinstance(pattern, exp.Literal):
        return pattern
    text = _SHORTHANDS.get(pattern.name, pattern.name)
    return exp.Literal.string(re.sub(r"%(.)", lambda m: _STRFTIME.get(m.group(1), m.group(0)), text))
