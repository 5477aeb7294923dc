"""Making and changing JSON: objects and arrays of values, set, insert, replace, remove, quoting, order of keys."""

from __future__ import annotations

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.transform.functions_json import pointer
from routine_load.transform.operators import as_kind
from routine_load.transform.registry import Builder, Context, Family
from routine_load.transform.typed import Kind, Typed, derived, quoted

DOCUMENT = Family()
_TYPES = (
    "CASE {0} WHEN 'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'array' WHEN 'VARCHAR' THEN 'string' "
    "WHEN 'NULL' THEN 'null' WHEN 'BOOLEAN' THEN 'bool' WHEN 'DOUBLE' THEN 'double' "
)


def _as_value(value: Typed, context: Context) -> str:
    """SQL of the value as JSON text: JSON stays, text is quoted, NULL is null."""
    if value.kind is Kind.JSON:
        return f"coalesce(CASE WHEN json_valid({value.sql}) THEN {value.sql} END, 'null')"
    if value.kind is Kind.NULL:
        return "'null'"
    if value.kind in {Kind.DATE, Kind.DATETIME}:
        value = as_kind(value, Kind.TEXT, context)
    return f"coalesce(to_json({value.sql})::VARCHAR, 'null')"


def _array(*, nulls: bool) -> Builder:
    def build(args: list[Typed], context: Context) -> str:
        texts = ", ".join(_as_value(arg, context) for arg in args)
        items = f"[{texts}]::VARCHAR[]"
        if not nulls:
            items = f"list_filter({items}, lambda __v: __v <> 'null')"
        return f"('[' || coalesce(array_to_string({items}, ','), '') || ']')"

    return build


def _object(args: list[Typed], context: Context) -> str:
    """Keys and values; StarRocks: a last key without a value has null. A NULL key makes NULL."""
    if len(args) % 2 and context.compat is Compat.DORIS:
        raise AnalysisError("json_object can't be odd parameters, need even parameters")
    keys = [as_kind(arg, Kind.TEXT, context) for arg in args[::2]]
    values = [_as_value(arg, context) for arg in args[1::2]] + ["'null'"] * (len(args) % 2)
    pairs = " || ',' || ".join(
        f"to_json({key.sql})::VARCHAR || ':' || {value}" for key, value in zip(keys, values, strict=True)
    )
    return "('{' || " + (pairs or "''") + " || '}')"


def _changed(function: str) -> Builder:
    """json_set, json_insert, json_replace (document, path, value, …)."""

    def build(args: list[Typed], context: Context) -> Typed:
        if len(args) % 2 == 0:
            raise AnalysisError(f"{function}: paths and values come in pairs")
        made = f"CASE WHEN json_valid({args[0].sql}) THEN {args[0].sql} END"
        for at in range(1, len(args), 2):
            path = _path(args, at, function)
            made = f"{function}({made}, {path}, ({_as_value(args[at + 1], context)})::JSON)::VARCHAR"
        return derived(f"TRY({made})", Kind.JSON, *args)

    return build


def _path(args: list[Typed], index: int, function: str) -> str:
    """A constant path as DuckDB's changing functions read it."""
    if args[index].literal is None:
        raise AnalysisError(f"{function}: the path must be a constant text")
    pointed = pointer(args, index, function)[1:-1].replace("''", "'")
    steps = [] if pointed == "$" else pointed.split("/")[1:]
    made = "$"
    for step in steps:
        name = step.replace("~1", "/").replace("~0", "~")
        made += f"[{name}]" if name.isdigit() else '."' + name.replace('"', "") + '"'
    return quoted(made)


def _remove(args: list[Typed], _: Context) -> Typed:
    made = f"CASE WHEN json_valid({args[0].sql}) THEN {args[0].sql} END"
    for at in range(1, len(args)):
        made = f"json_remove({made}, {_path(args, at, 'json_remove')})::VARCHAR"
    return derived(f"TRY({made})", Kind.JSON, *args)


def _contains(args: list[Typed], context: Context) -> str:
    doc = args[0].sql
    path = pointer(args, 2, "json_contains") if len(args) > 2 else "'$'"
    other = _as_value(args[1], context) if args[1].kind is not Kind.TEXT else args[1].sql
    found = f"json_contains(json_extract({doc}, {path}), {other})"
    return f"CASE WHEN json_valid({doc}) AND json_valid({other}) THEN {found} END"


def _keys(args: list[Typed], context: Context) -> Typed:
    """StarRocks: a JSON array of the keys; Doris: an array of texts. NULL for what is no object."""
    path = pointer(args, 1, "json_keys") if len(args) > 1 else "'$'"
    doc = f"CASE WHEN json_valid({args[0].sql}) THEN json_extract({args[0].sql}, {path}) END"
    bound = context.stages.bind(derived(f"({doc})", Kind.OTHER, *args))
    keys = f"CASE WHEN json_type({bound.sql}) = 'OBJECT' THEN json_keys({bound.sql}) END"
    if context.compat is Compat.DORIS:
        return derived(f"({keys})", Kind.ARRAY, bound)
    return derived(f"to_json({keys})::VARCHAR", Kind.JSON, bound)


def _type(args: list[Typed], _: Context) -> str:
    """Doris' names of JSON types, at a path."""
    path = pointer(args, 1, "json_type") if len(args) > 1 else "'$'"
    kind = f"(CASE WHEN json_valid({args[0].sql}) THEN json_type({args[0].sql}, {path}) END)"
    value = f"TRY_CAST(json_extract_string({args[0].sql}, {path}) AS INTEGER)"
    whole = f"CASE WHEN {kind} IS NULL THEN NULL WHEN {value} IS NOT NULL THEN 'int' ELSE 'bigint' END"
    return _TYPES.format(kind) + f"ELSE {whole} END"


def _no_null(args: list[Typed], _: Context) -> str:
    """Doris: NULL where the document is JSON's null."""
    return f"nullif(CASE WHEN json_valid({args[0].sql}) THEN {args[0].sql} END, 'null')"


def _to_json(args: list[Typed], context: Context) -> str:
    if args[0].kind is Kind.NULL:
        return "NULL::VARCHAR"
    return f"CASE WHEN {args[0].sql} IS NOT NULL THEN {_as_value(args[0], context)} END"


def _unquote(args: list[Typed], _: Context) -> str:
    text = args[0].sql
    is_text = f"starts_with({text}, chr(34)) AND json_valid({text})"
    return f"CASE WHEN {is_text} THEN json_extract_string({text}, '$') ELSE {text} END"


DOCUMENT.add("json_array", "A*", Kind.JSON, _array(nulls=True))
DOCUMENT.add("json_array_ignore_null", "A*", Kind.JSON, _array(nulls=False))
DOCUMENT.add("json_object", "A*", Kind.JSON, _object)
DOCUMENT.add("json_set jsonb_set", "JA*", Kind.JSON, _changed("json_set"))
DOCUMENT.add("json_insert jsonb_insert", "JA*", Kind.JSON, _changed("json_insert"))
DOCUMENT.add("json_replace jsonb_replace", "JA*", Kind.JSON, _changed("json_replace"))
DOCUMENT.add("json_remove jsonb_remove", "JA*", Kind.JSON, _remove)
DOCUMENT.add("json_contains", "JAF?", Kind.BOOL, _contains)
DOCUMENT.add("json_keys jsonb_keys", "JF?", Kind.JSON, _keys)
DOCUMENT.add("json_type jsonb_type", "JF?", Kind.TEXT, _type)
DOCUMENT.add("json_pretty", "J", Kind.TEXT, "CASE WHEN json_valid({0}) THEN json_pretty({0}) END")
DOCUMENT.add("is_json_scalar", "J", Kind.BOOL,
             "CASE WHEN json_valid({0}) THEN json_type({0}) NOT IN ('OBJECT', 'ARRAY') END")  # fmt: skip
DOCUMENT.add("json_quote", "T", Kind.TEXT, "coalesce(to_json({0})::VARCHAR, 'null')")
DOCUMENT.add("json_unquote", "T", Kind.TEXT, _unquote)
DOCUMENT.add("to_json", "A", Kind.JSON, _to_json)
DOCUMENT.add("strip_null_value", "J", Kind.JSON, _no_null)
