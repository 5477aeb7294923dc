"""Spellings that DuckDB does not read by itself: decimals with exponents, and nested values that are almost JSON.

Everything here is SQL over a text that is cheap to repeat, and yields NULL for what it cannot read.
"""

from __future__ import annotations

from routine_load.ids import Compat
from routine_load.transform.typed import quoted

DIGITS_MAX = 100
"""No decimal has more; an exponent beyond moves nothing that could stay."""

_EXPONENT = quoted(r"^\s*([+-]?)(\d*)\.?(\d*)[eE]([+-]?\d{1,4})\s*$")
_TOKEN = quoted(
    r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[{}\[\],:]|[^\s"'{}\[\],:](?:[^"'{}\[\],:]*[^\s"'{}\[\],:])?|["']"""
)
_MARKS = ", ".join(quoted(mark) for mark in "{}[],:")


def without_exponent(text: str) -> str:
    """SQL of ``5e-1`` as ``0.5``: DuckDB wants room for the digits as they stand, before it moves the point."""
    whole = "(p.i || p.f)"
    point = "(length(p.i) + p.e::INTEGER)"
    moved = (
        f"CASE WHEN p.e = '' OR {whole} = '' OR abs(p.e::INTEGER) > {DIGITS_MAX} OR length({whole}) > {DIGITS_MAX} "
        f"THEN NULL WHEN {point} <= 0 THEN p.s || '0.' || repeat('0', -{point}) || {whole} "
        f"WHEN {point} >= length({whole}) THEN p.s || {whole} || repeat('0', {point} - length({whole})) "
        f"ELSE p.s || {whole}[:{point}] || '.' || {whole}[{point} + 1:] END"
    )
    parts = f"regexp_extract({text}, {_EXPONENT}, ['s', 'i', 'f', 'e'])"
    return f"list_transform([{parts}], lambda p: {moved})[1]"


def as_json(text: str, compat: Compat) -> str:
    """SQL of a nested value's text as JSON: keys without quotes, texts in single ones (both vendors).

    Doris: a text may stand there without any quotes, too.
    """
    bare = "to_json(t)::VARCHAR"
    if compat is Compat.STARROCKS:
        bare = f"CASE WHEN json_valid(t) THEN {bare} ELSE t END"
    token = (
        f"CASE WHEN t IN ({_MARKS}) OR starts_with(t, '\"') THEN t WHEN lower(t) = 'null' THEN 'null' "
        f"WHEN starts_with(t, '''') THEN to_json(replace(t[2:-2], '\\''', ''''))::VARCHAR ELSE {bare} END"
    )
    read = f"array_to_string(list_transform(regexp_extract_all({text}, {_TOKEN}), lambda t: {token}), '')"
    return f"CASE WHEN json_valid({text}) THEN {text} ELSE {read} END"


def entries(document: str) -> str:
    """SQL of a JSON object's keys and texts of values, also where a key is there twice."""
    plain = f"map_entries(TRY_CAST({document} AS MAP(VARCHAR, VARCHAR)))"
    pairs = f"list_zip(json_keys({document}), json_extract_string({document}, '$.*'))"
    twice = f"list_transform({pairs}, lambda z: {{'key': z[1], 'value': z[2]}})"
    return f"coalesce({plain}, CASE WHEN json_type({document}) = 'OBJECT' THEN {twice} END)"


def to_map(pairs: str, name: str) -> str:
    """SQL of a map of structs ``k``, ``v``; of two equal keys the last counts (both vendors). A NULL key makes no map.

    ``name`` is that of a lambda's parameter.
    """
    numbered = f"list_transform({name}, lambda x, i: {{'k': x.k, 'i': i, 'v': x.v}})"
    last = "list_filter(s, lambda x, j: j = len(s) OR s[j + 1].k IS DISTINCT FROM x.k)"
    ordered = f"list_sort(list_transform({last}, lambda x: {{'i': x.i, 'k': x.k, 'v': x.v}}))"
    bare = f"list_transform({ordered}, lambda x: {{'k': x.k, 'v': x.v}})"
    distinct = f"list_transform([list_sort({numbered})], lambda s: {bare})[1]"
    return (
        f"list_transform([{pairs}], lambda {name}: "
        f"coalesce(TRY(map_from_entries({name})), TRY(map_from_entries({distinct}))))[1]"
    )
