"""Reading JSON. JSON values travel as text; a path is a constant, and what it does not find is NULL."""

from __future__ import annotations

import re

from routine_load.errors import AnalysisError
from routine_load.transform.convert import text_to_bool, text_to_double, text_to_integer
from routine_load.transform.operators import as_kind
from routine_load.transform.registry import Builder, Context, Family
from routine_load.transform.typed import Kind, Typed, derived, quoted

JSON = Family()
_STEP = re.compile(r'\.?"([^"]*)"|\.?([^.\[\]"]+)|\[(\d{1,9})\]')


def pointer(args: list[Typed], index: int, function: str) -> str:
    text = args[index].literal
    if text is None:
        raise AnalysisError(f"{function}: the path must be a constant text")
    rest, out, at = text.removeprefix("$"), "", 0
    if rest == ".":
        rest = ""
    while at < len(rest):
        match = _STEP.match(rest, at)
        if match is None:
            raise AnalysisError(f"{function}: Invalid json path: {text}")
        step = next(group for group in match.groups() if group is not None)
        out += "/" + step.replace("~", "~0").replace("/", "~1")
        at = match.end()
    return quoted(out or "$")


def _value(args: list[Typed], function: str) -> str:
    """SQL of the text at the path: strings unquoted, everything else as JSON text."""
    path = pointer(args, 1, function) if len(args) > 1 else "'$'"
    return f"CASE WHEN json_valid({args[0].sql}) THEN json_extract_string({args[0].sql}, {path}) END"


def _string(args: list[Typed], _: Context) -> str:
    return _value(args, "get_json_string")


def _number(kind: str) -> Builder:
    def build(args: list[Typed], context: Context) -> Typed:
        text = context.stages.bind(derived(_value(args, f"get_json_{kind}"), Kind.TEXT, *args))
        if kind == "int":
            return derived(text_to_integer(text.sql, "BIGINT", context.compat), Kind.INT, text)
        if kind == "largeint":
            return derived(text_to_integer(text.sql, "HUGEINT", context.compat), Kind.LARGEINT, text)
        if kind == "bool":
            return derived(text_to_bool(text.sql, context.compat), Kind.BOOL, text)
        return derived(text_to_double(text.sql), Kind.DOUBLE, text)

    return build


def _query(args: list[Typed], _: Context) -> str:
    doc, path = args[0].sql, pointer(args, 1, "json_query")
    return f"CASE WHEN json_valid({doc}) THEN nullif(json_extract({doc}, {path})::VARCHAR, 'null') END"


def _exists(args: list[Typed], _: Context) -> str:
    return f"CASE WHEN json_valid({args[0].sql}) THEN json_exists({args[0].sql}, {pointer(args, 1, 'json_exists')}) END"


def _element(args: list[Typed], context: Context) -> Typed:
    """An array's element by number; of HEADERS (INCLUDE METADATA) the value of the last header of that name."""
    if args[0].kind is Kind.MAP:
        key = as_kind(args[1], Kind.TEXT, context)
        return derived(f"map_extract_value({args[0].sql}, {key.sql})", Kind.TEXT, args[0], key)
    if args[0].kind not in {Kind.TEXT, Kind.JSON}:
        value, index = as_kind(args[0], Kind.ARRAY, context), as_kind(args[1], Kind.INT, context)
        return derived(f"list_extract({value.sql}, {index.sql})", value.item, value, index)
    doc, name = args[0], context.stages.bind(as_kind(args[1], Kind.TEXT, context))
    pairs = f"CASE WHEN json_valid({doc.sql}) AND starts_with({doc.sql}, '[') THEN json_extract({doc.sql}, '$[*]') END"
    found = f"list_filter({pairs}, lambda x: json_extract_string(x, '$.key') = {name.sql})"
    return derived(f"(json_extract_string(list_extract({found}, -1), '$.value'))", Kind.TEXT, doc, name)


def _scalar(args: list[Typed], context: Context) -> Typed:
    """StarRocks: the text of a value that is neither object nor array."""
    doc, path = args[0].sql, pointer(args, 1, "get_json_scalar")
    kind = f"CASE WHEN json_valid({doc}) THEN json_type({doc}, {path}) END"
    text = f"CASE WHEN {kind} NOT IN ('OBJECT', 'ARRAY') THEN json_extract_string({doc}, {path}) END"
    del context
    return derived(f"({text})", Kind.TEXT, *args)


def _parsed(args: list[Typed], _: Context) -> str:
    return f"CASE WHEN json_valid({args[0].sql}) THEN {args[0].sql} END"


def _parsed_or_value(args: list[Typed], context: Context) -> Typed:
    """Doris: another document in the place of a broken one; an empty object if none is given."""
    other = as_kind(args[1], Kind.TEXT, context).sql if len(args) > 1 else "'{}'"
    text = f"CASE WHEN json_valid({args[0].sql}) THEN {args[0].sql} WHEN {args[0].sql} IS NOT NULL THEN {other} END"
    return derived(f"({text})", Kind.JSON, *args)


def _length(args: list[Typed], _: Context) -> str:
    path = pointer(args, 1, "json_length") if len(args) > 1 else "'$'"
    doc = f"(CASE WHEN json_valid({args[0].sql}) THEN json_extract({args[0].sql}, {path}) END)"
    return (
        f"CASE json_type({doc}) WHEN 'ARRAY' THEN json_array_length({doc}) WHEN 'OBJECT' THEN len(json_keys({doc})) "
        f"ELSE CASE WHEN {doc} IS NOT NULL THEN 1 END END"
    )


JSON.add("get_json_string get_json_object json_extract_string jsonb_extract_string", "JF", Kind.TEXT, _string)
JSON.add(
    "get_json_int get_json_bigint json_extract_int json_extract_bigint jsonb_extract_int jsonb_extract_bigint",
    "JF",
    Kind.INT,
    _number("int"),
)
JSON.add("get_json_double json_extract_double jsonb_extract_double", "JF", Kind.DOUBLE, _number("double"))
JSON.add("get_json_bool json_extract_bool jsonb_extract_bool", "JF", Kind.BOOL, _number("bool"))
JSON.add("json_value", "JF", Kind.TEXT, _string)
JSON.add("json_string", "J", Kind.TEXT, "{0}")
JSON.add("element_at", "AA", Kind.TEXT, _element)
JSON.add("json_query json_extract jsonb_extract", "JF", Kind.JSON, _query)
JSON.add("json_exists json_exists_path jsonb_exists_path", "JF", Kind.BOOL, _exists)
JSON.add("get_json_scalar", "JF", Kind.TEXT, _scalar)
JSON.add("json_extract_largeint jsonb_extract_largeint", "JF", Kind.LARGEINT, _number("largeint"))
JSON.add("json_extract_isnull jsonb_extract_isnull", "JF", Kind.BOOL,
         lambda args, _: f"CASE WHEN json_valid({args[0].sql}) "
         f"THEN json_type({args[0].sql}, {pointer(args, 1, 'json_extract_isnull')}) = 'NULL' END")  # fmt: skip
JSON.add("json_valid jsonb_valid", "T", Kind.INT, "json_valid({0})::BIGINT")
JSON.add("json_length", "JF?", Kind.INT, _length)
JSON.add("parse_json json_parse jsonb_parse", "T", Kind.JSON, _parsed)
JSON.add("json_parse_error_to_null jsonb_parse_error_to_null", "T", Kind.JSON, _parsed)
JSON.add("json_parse_error_to_value jsonb_parse_error_to_value", "TA?", Kind.JSON, _parsed_or_value)
