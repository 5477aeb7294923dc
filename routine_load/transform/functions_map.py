"""Maps of texts to texts, and structs. A key that is there twice counts once, with its last value."""

from __future__ import annotations

from routine_load.errors import AnalysisError
from routine_load.transform.operators import as_kind
from routine_load.transform.registry import Context, Family, constant
from routine_load.transform.typed import Kind, Typed, derived

MAP = Family()


def _of_pairs(pairs: str) -> str:
    """SQL of a map of a list of structs k, v; pairs without a key are left out."""
    later = f"list_transform({pairs}[__i + 1:], lambda __w: __w.k)"
    alone = f"__v.k IS NOT NULL AND list_position({later}, __v.k) IS NULL"
    last = f"list_filter({pairs}, lambda __v, __i: {alone})"
    return f"map_from_entries(list_transform({last}, lambda __v: {{'key': __v.k, 'value': __v.v}}))"


def _bound_pairs(pairs: str, context: Context, *parts: Typed) -> Typed:
    bound = context.stages.bind(derived(pairs, Kind.OTHER, *parts))
    return derived(f"({_of_pairs(bound.sql)})", Kind.MAP, bound)


def _map(args: list[Typed], context: Context) -> Typed:
    if len(args) % 2:
        raise AnalysisError("map: keys and values come in pairs")
    if not args:
        return derived("(MAP([]::VARCHAR[], []::VARCHAR[]))", Kind.MAP)
    texts = [as_kind(arg, Kind.TEXT, context) for arg in args]
    pairs = ", ".join(
        f"{{'k': {key.sql}, 'v': {value.sql}}}" for key, value in zip(texts[::2], texts[1::2], strict=True)
    )
    return _bound_pairs(f"[{pairs}]", context, *texts)


def _from_arrays(args: list[Typed], context: Context) -> Typed:
    keys, values = (f"TRY_CAST({arg.sql} AS VARCHAR[])" for arg in args)
    pairs = f"list_transform({keys}, lambda __v, __i: {{'k': __v, 'v': ({values})[__i]}})"
    same = f"CASE WHEN len({args[0].sql}) = len({args[1].sql}) THEN {pairs} END"
    return _bound_pairs(f"({same})", context, *args)


def _str_to_map(args: list[Typed], context: Context) -> Typed:
    """'a:1,b:2'; a part without the second delimiter has no value."""
    text = args[0].sql
    outer = args[1].sql if len(args) > 1 else "','"
    inner = args[2].sql if len(args) > 2 else "':'"
    value = f"CASE WHEN contains(__v, {inner}) THEN substring(__v, instr(__v, {inner}) + length({inner})) END"
    key = f"CASE WHEN contains(__v, {inner}) THEN left(__v, instr(__v, {inner}) - 1) ELSE __v END"
    pairs = f"list_transform(string_split({text}, {outer}), lambda __v: {{'k': {key}, 'v': {value}}})"
    known = f"CASE WHEN {outer} IS NOT NULL AND {inner} IS NOT NULL THEN {pairs} END"
    return _bound_pairs(f"({known})", context, *args)


def _concat(args: list[Typed], context: Context) -> Typed:
    lists = ", ".join(
        f"list_transform(map_entries({arg.sql}), lambda __v: {{'k': __v.key, 'v': __v.value}})" for arg in args
    )
    known = " AND ".join(f"{arg.sql} IS NOT NULL" for arg in args)
    joined = f"flatten([{lists}])"
    return _bound_pairs(f"(CASE WHEN {known} THEN {joined} END)", context, *args)


def _has(where: str) -> str:
    return f"CASE WHEN {{0}} IS NOT NULL THEN list_position({where}({{0}}), {{1}}) IS NOT NULL END"


def _has_entry(args: list[Typed], _: Context) -> str:
    entries = f"map_entries({args[0].sql})"
    same = f"__v.key = {args[1].sql} AND __v.value IS NOT DISTINCT FROM {args[2].sql}"
    return f"CASE WHEN {args[0].sql} IS NOT NULL THEN len(list_filter({entries}, lambda __v: {same})) > 0 END"


def _value(value: Typed) -> str:
    return "NULL::VARCHAR" if value.kind is Kind.NULL else value.sql


def _struct(args: list[Typed], _: Context) -> Typed:
    return derived(f"row({', '.join(_value(arg) for arg in args)})", Kind.STRUCT, *args)


def _named_struct(args: list[Typed], _: Context) -> Typed:
    if len(args) % 2:
        raise AnalysisError("named_struct: names and values come in pairs")
    names = [constant(args, at, "named_struct", "a field's name") for at in range(0, len(args), 2)]
    if len({name.lower() for name in names}) < len(names):
        raise AnalysisError("named_struct: a field's name is there twice")
    fields = ", ".join(
        '"' + name.replace('"', '""') + f'" := {_value(value)}' for name, value in zip(names, args[1::2], strict=True)
    )
    return derived(f"struct_pack({fields})", Kind.STRUCT, *args)


MAP.add("map", "A*", Kind.MAP, _map)
MAP.add("map_from_arrays", "LL", Kind.MAP, _from_arrays)
MAP.add("str_to_map", "TT?T?", Kind.MAP, _str_to_map)
MAP.add("map_concat", "KK*", Kind.MAP, _concat)
MAP.add("map_keys", "K", Kind.ARRAY, "map_keys({0})")
MAP.add("map_values", "K", Kind.ARRAY, "map_values({0})")
MAP.add("map_size", "K", Kind.INT, "cardinality({0})::BIGINT")
MAP.add("distinct_map_keys deduplicate_map", "K", Kind.MAP, "{0}")
MAP.add("map_contains_key", "KT", Kind.BOOL, _has("map_keys"))
MAP.add("map_contains_value", "KT", Kind.BOOL, _has("map_values"))
MAP.add("map_contains_entry", "KTT", Kind.BOOL, _has_entry)
MAP.add("row struct", "AA*", Kind.STRUCT, _struct)
MAP.add("named_struct", "AA*", Kind.STRUCT, _named_struct)
