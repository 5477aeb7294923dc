"""JSON and array functions. JSON values travel as text; a path is a constant, and what it does not find is NULL."""

from __future__ import annotations

import re

from routine_load.errors import AnalysisError
from routine_load.transform.convert import text_to_bool, text_to_double, text_to_integer
from routine_load.transform.operators import as_kind
from routine_load.transform.registry import Builder, Context, Family, joined
from routine_load.transform.typed import Kind, Typed, derived, quoted

JSON = Family()
_STEP = re.compile(r'\.?"([^"]*)"|\.?([^.\[\]"]+)|\[(\d{1,9})\]')


def _pointer(args: list[Typed], index: int, function: str) -> str:
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
    path = _pointer(args, 1, function) if len(args) > 1 else "'$'"
    return f"CASE WHEN json_valid({args[0].sql}) THEN json_extract_string({args[0].sql}, {path}) END"


def _string(args: list[Typed], _: Context) -> str:
    return _value(args, "get_json_string")


def _number(kind: str) -> Builder:
    def build(args: list[Typed], context: Context) -> Typed:
        text = context.stages.bind(derived(_value(args, f"get_json_{kind}"), Kind.TEXT, *args))
        if kind == "int":
            return derived(text_to_integer(text.sql, "BIGINT", context.compat), Kind.INT, text)
        if kind == "bool":
            return derived(text_to_bool(text.sql, context.compat), Kind.BOOL, text)
        return derived(text_to_double(text.sql), Kind.DOUBLE, text)

    return build


def _query(args: list[Typed], _: Context) -> str:
    doc, path = args[0].sql, _pointer(args, 1, "json_query")
    return f"CASE WHEN json_valid({doc}) THEN nullif(json_extract({doc}, {path})::VARCHAR, 'null') END"


def _exists(args: list[Typed], _: Context) -> str:
    return (
        f"CASE WHEN json_valid({args[0].sql}) THEN json_exists({args[0].sql}, {_pointer(args, 1, 'json_exists')}) END"
    )


def _array(args: list[Typed], _: Context) -> str:
    return f"[{', '.join(arg.sql for arg in args)}]::VARCHAR[]"


def _element(args: list[Typed], context: Context) -> Typed:
    """An array's element by number; of HEADERS (INCLUDE METADATA) the value of the last header of that name."""
    if args[0].kind not in {Kind.TEXT, Kind.JSON}:
        value, index = as_kind(args[0], Kind.ARRAY, context), as_kind(args[1], Kind.INT, context)
        return derived(f"list_extract({value.sql}, {index.sql})", Kind.TEXT, value, index)
    doc, name = args[0], context.stages.bind(as_kind(args[1], Kind.TEXT, context))
    pairs = f"CASE WHEN json_valid({doc.sql}) AND starts_with({doc.sql}, '[') THEN json_extract({doc.sql}, '$[*]') END"
    found = f"list_filter({pairs}, lambda x: json_extract_string(x, '$.key') = {name.sql})"
    return derived(f"(json_extract_string(list_extract({found}, -1), '$.value'))", Kind.TEXT, doc, name)


JSON.add("get_json_string get_json_object json_extract_string", "JF", Kind.TEXT, _string)
JSON.add("get_json_int get_json_bigint json_extract_int json_extract_bigint", "JF", Kind.INT, _number("int"))
JSON.add("get_json_double json_extract_double", "JF", Kind.DOUBLE, _number("double"))
JSON.add("get_json_bool json_extract_bool", "JF", Kind.BOOL, _number("bool"))
JSON.add("json_query json_extract jsonb_extract", "JF", Kind.JSON, _query)
JSON.add("json_exists", "JF", Kind.BOOL, _exists)
JSON.add("json_value", "JF", Kind.TEXT, _string)
JSON.add("parse_json json_parse", "T", Kind.JSON, "CASE WHEN json_valid({0}) THEN {0} END")
JSON.add("json_string", "J", Kind.TEXT, "{0}")
JSON.add("json_valid", "T", Kind.INT, "json_valid({0})::BIGINT")
JSON.add(
    "json_length",
    "J",
    Kind.INT,
    "CASE WHEN json_valid({0}) THEN CASE json_type({0}) WHEN 'ARRAY' THEN json_array_length({0}) "
    "WHEN 'OBJECT' THEN len(json_keys({0})) ELSE 1 END END",
)
JSON.add("array", "T*", Kind.ARRAY, _array)
JSON.add("split", "TT", Kind.ARRAY, "string_split({0}, {1})")
JSON.add("split_by_string", "TT", Kind.ARRAY, "string_split({0}, {1})")
JSON.add("element_at", "AA", Kind.TEXT, _element)
JSON.add("array_length size cardinality", "L", Kind.INT, "len({0})")
JSON.add("array_contains", "LT", Kind.BOOL, "list_contains({0}, {1})")
JSON.add("array_join", "LT", Kind.TEXT, lambda args, _: joined(args[0].sql, args[1].sql))
