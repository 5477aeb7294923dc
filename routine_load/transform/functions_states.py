"""Values that stand for many: BITMAP, HLL, QUANTILE_STATE and PERCENTILE, each a list that DuckDB keeps and unites.

A bitmap is the sorted list of its members. An HLL is the sorted list of the smallest ``HASHES_MAX`` hashes that it
was given: as long as there are fewer it counts exactly, and beyond that the largest of them tells how many there are,
with the error of the vendors' registers. A quantile state is a sorted list of values with weights (``engines`` thins
it out). How states of several rows become one is said by ``union`` and ``united``, which merges and queries share. No
library of bitmaps or sketches is used: each would be called once per row, and would give DuckDB bytes it cannot read.
"""

from __future__ import annotations

from typing import Final

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.transform.native import call
from routine_load.transform.registry import Builder, Context, Family
from routine_load.transform.typed import Kind, Typed, derived

STATES = Family()
HASHES_MAX: Final = 16_384
"""As many as the vendors' HLL has registers: the relative error is 1/sqrt of it, 0.8 %, and a state has 128 KiB."""

EMPTY: Final = {
    Kind.BITMAP: "([]::UBIGINT[])",
    Kind.HLL: f"({{'hll': []}}::{Kind.HLL.value})",
    Kind.QUANTILE: f"([]::{Kind.QUANTILE.value})",
}
_SEED = "104729::UINTEGER"
_DIGITS = r"'\s*\+?\d+\s*'"
_MEMBERS = r"'\s*(\d+\s*(,\s*\d+\s*)*)?'"
_HASH_RANGE = "18446744073709551616.0"


def union(kind: Kind, states: str) -> str:
    """SQL of one state of a list of states, none of which is NULL."""
    if kind is Kind.HLL:
        hashes = f"flatten(list_transform({states}, lambda __v: __v.hll))"
        return f"{{'hll': list_sort(list_distinct({hashes}))[1:{HASHES_MAX}]}}"
    flat = f"flatten({states})"
    return f"list_sort(list_distinct({flat}))" if kind is Kind.BITMAP else f"list_sort({flat})"


def united(kind: Kind, state: str) -> str:
    """SQL of an aggregate: one state of a group's; NULL where there is none."""
    return union(kind, f"list({state}) FILTER ({state} IS NOT NULL)")


def cardinality(state: str) -> str:
    """SQL: how many different values an HLL was given; ``state`` must be cheap to repeat."""
    hashes = f"{state}.hll"
    estimate = f"round({HASHES_MAX - 1} / (({hashes}[{HASHES_MAX}]::DOUBLE + 1) / {_HASH_RANGE}))::BIGINT"
    return f"coalesce(CASE WHEN len({hashes}) < {HASHES_MAX} THEN len({hashes}) ELSE {estimate} END, 0)"


def quantile(state: str, share: str, compat: Compat) -> str:
    """SQL of the value below which that share of a state's values lies; NULL for none. Both must be cheap to repeat.

    Between two values it goes in a straight line: Doris from the first value to the last, StarRocks between the middles
    of values, as its digest does. Values of weight 1 can be counted off; others are gone through.
    """
    count = f"len({state})"
    offset = "1" if compat is Compat.DORIS else "0.5"
    span = f"({count} - 1) * {share}" if compat is Compat.DORIS else f"{count} * {share}"
    at = f"greatest(1, least({count}, {span} + {offset}))"
    low, high = f"{state}[floor({at})::BIGINT].v", f"{state}[ceil({at})::BIGINT].v"
    exact = f"({low} + ({high} - {low}) * ({at} - floor({at})))"
    weights = f"list_sum(list_transform({state}, lambda __v: __v.w))"
    wanted = f"{share} * {weights}::DOUBLE"
    # One pass: m is the middle of the last value seen, c the weight up to its end, r the result once it is known.
    steps = (
        f"list_transform({state}, lambda __v: {{'v': __v.v, 'w': __v.w::DOUBLE, 'm': 0.5 * __v.w, 'c': __v.w::DOUBLE"
    )
    steps += ", 'r': NULL::DOUBLE})"
    middle = "(__a.c + 0.5 * __b.w)"
    between = f"(__a.v + (__b.v - __a.v) * (({wanted}) - __a.m) / ({middle} - __a.m))"
    found = f"CASE WHEN __a.r IS NOT NULL THEN __a.r WHEN ({wanted}) <= __a.m THEN __a.v"
    found += f" WHEN ({wanted}) < {middle} THEN {between} END"
    step = f"{{'v': __b.v, 'w': __b.w, 'm': {middle}, 'c': __a.c + __b.w, 'r': {found}}}"
    last = f"list_reduce({steps}, lambda __a, __b: {step})"
    thinned = f"list_transform([{last}], lambda __l: coalesce(__l.r, __l.v))[1]"
    inside = f"{count} > 0 AND {share} BETWEEN 0 AND 1"
    return f"CASE WHEN NOT ({inside}) THEN NULL WHEN {weights} = {count} THEN {exact} ELSE {thinned} END"


def _empty(kind: Kind) -> str:
    return EMPTY[kind].replace("{", "{{").replace("}", "}}")


def _hll(hash_: str) -> str:
    return f"{{'hll': [{hash_}]}}"


def _to_bitmap(args: list[Typed], context: Context) -> str:
    """What is no whole number from 0 to 2^64 - 1 is NULL in StarRocks and an empty bitmap in Doris."""
    value = args[0]
    if value.kind.is_state or value.kind.is_nested:
        raise AnalysisError(f"to_bitmap: a value of kind {value.kind.name} is no number")
    if value.kind.is_number and value.kind not in {Kind.DOUBLE, Kind.DECIMAL}:
        number = f"TRY_CAST({value.sql} AS UBIGINT)"
    else:
        text = f"{value.sql}::VARCHAR"
        number = f"CASE WHEN regexp_full_match({text}, {_DIGITS}) THEN TRY_CAST({text} AS UBIGINT) END"
    other = EMPTY[Kind.BITMAP] if context.compat is Compat.DORIS else f"NULL::{Kind.BITMAP.value}"
    return f"list_transform([{number}], lambda __n: CASE WHEN __n IS NULL THEN {other} ELSE [__n] END)[1]"


def _hashed(hash_: str) -> str:
    """A bitmap of one hash; of NULL, an empty one."""
    return f"CASE WHEN {{0}} IS NULL THEN {_empty(Kind.BITMAP)} ELSE [{hash_}] END"


def _from_string(args: list[Typed], _: Context) -> str:
    """Numbers with commas between them; NULL where something is none."""
    text = args[0].sql
    members = f"list_transform(string_split({text}, ','), lambda __v: CAST(trim(__v) AS UBIGINT))"
    some = f"CASE WHEN trim({text}) = '' THEN {EMPTY[Kind.BITMAP]} ELSE TRY(list_sort(list_distinct({members}))) END"
    return f"CASE WHEN regexp_full_match({text}, {_MEMBERS}) THEN {some} END"


def _from_array(args: list[Typed], _: Context) -> str:
    numbers = f"list_filter(list_transform({args[0].sql}, lambda __v: TRY_CAST(__v AS UBIGINT)), lambda __v: __v >= 0)"
    return f"list_sort(list_distinct({numbers}))"


def _all(args: list[Typed], fold: str) -> str:
    """A set operation over all arguments, from the left; NULL where one is."""
    made = args[0].sql
    for arg in args[1:]:
        made = fold.format(made, arg.sql)
    known = " AND ".join(f"{arg.sql} IS NOT NULL" for arg in args)
    return f"CASE WHEN {known} THEN {made} END"


_COUNTS = "map_entries(list_aggregate({list}, 'histogram'))"
_ONCE = f"list_transform(list_filter({_COUNTS}, lambda __e: __e.value = 1), lambda __e: __e.key)"
_OR = "list_sort(list_distinct(list_concat({0}, {1})))"
_AND = "list_sort(list_intersect({0}, {1}))"
_XOR = f"coalesce({_ONCE.replace('{list}', 'list_concat({0}, {1})')}, {EMPTY[Kind.BITMAP]})"
_ANDNOT = f"coalesce({_ONCE.replace('{list}', 'list_concat({0}, {1}, {1})')}, {EMPTY[Kind.BITMAP]})"


def _set(fold: str, *, counted: bool = False) -> Builder:
    def build(args: list[Typed], _: Context) -> str:
        made = _all(args, fold)
        return f"coalesce(len({made}), 0)" if counted else made

    return build


def _sub(args: list[Typed], _: Context) -> str:
    """So many members from a place on; a negative place counts from the end. NULL where there are none."""
    bitmap, place, count = (arg.sql for arg in args)
    first = f"(CASE WHEN {place} < 0 THEN len({bitmap}) + {place} ELSE {place} END)"
    part = f"{bitmap}[{first} + 1:{first} + {count}]"
    return f"CASE WHEN {count} > 0 AND {first} >= 0 AND {first} < len({bitmap}) THEN {part} END"


def _in_range(args: list[Typed], _: Context) -> str:
    bitmap, low, high = (arg.sql for arg in args)
    part = f"list_filter({bitmap}, lambda __v: __v >= {low} AND __v < {high})"
    return f"CASE WHEN {high} > {low} THEN nullif({part}, {EMPTY[Kind.BITMAP]}) END"


def _limited(args: list[Typed], _: Context) -> str:
    """From a member on, so many; with a negative number, so many up to it."""
    bitmap, start, count = (arg.sql for arg in args)
    after = f"list_filter({bitmap}, lambda __v: __v >= {start})[1:{count}]"
    before = f"list_filter({bitmap}, lambda __v: __v <= {start})[{count}:]"
    return f"nullif(CASE WHEN {count} > 0 THEN {after} WHEN {count} < 0 THEN {before} END, {EMPTY[Kind.BITMAP]})"


def _hll_hash(args: list[Typed], _: Context) -> str:
    """XXH3, which is the same in every version of its library: it is kept in tables. DuckDB's own hash may change."""
    value = args[0].sql
    hashed = call("xxh3_64", f"encode({value})", "0::UBIGINT")
    return f"CASE WHEN {value} IS NULL THEN {EMPTY[Kind.HLL]} ELSE {_hll(hashed)} END"


def _state_of(args: list[Typed], _: Context) -> str:
    value = args[0].sql
    one = f"[{{'v': {value}, 'w': 1}}]::{Kind.QUANTILE.value}"
    return f"CASE WHEN {value} IS NULL THEN {EMPTY[Kind.QUANTILE]} ELSE {one} END"


def _percent(args: list[Typed], context: Context) -> str:
    return quantile(args[0].sql, args[1].sql, context.compat)


def _cardinality(args: list[Typed], _: Context) -> str:
    return cardinality(args[0].sql)


STATES.add("bitmap_empty", "", Kind.BITMAP, _empty(Kind.BITMAP))
STATES.add("to_bitmap", "A", Kind.BITMAP, _to_bitmap)
STATES.add("bitmap_hash", "T", Kind.BITMAP, _hashed(f"{call('murmur32', '{0}', _SEED, 'false')}::UBIGINT"))
STATES.add("bitmap_hash64", "T", Kind.BITMAP, _hashed(call("xxh3_64", "encode({0})", "0::UBIGINT")))
STATES.add("bitmap_from_string", "T", Kind.BITMAP, _from_string)
STATES.add("bitmap_from_array array_to_bitmap", "L", Kind.BITMAP, _from_array)
STATES.add(
    "bitmap_to_array",
    "b",
    Kind.ARRAY,
    lambda args, _: derived(f"TRY_CAST({args[0].sql} AS BIGINT[])", Kind.ARRAY, *args, item=Kind.INT),
)
STATES.add("bitmap_to_string", "b", Kind.TEXT, "array_to_string({0}, ',')")
STATES.add("bitmap_count", "b", Kind.INT, "coalesce(len({0}), 0)")
STATES.add(
    "bitmap_contains",
    "bG",
    Kind.BOOL,
    "CASE WHEN {1} BETWEEN 0 AND 18446744073709551615 THEN list_contains({0}, TRY_CAST({1} AS UBIGINT)) "
    "WHEN {0} IS NOT NULL AND {1} IS NOT NULL THEN false END",
)
STATES.add("bitmap_has_any", "bb", Kind.BOOL, "list_has_any({0}, {1})")
STATES.add("bitmap_has_all", "bb", Kind.BOOL, "list_has_all({0}, {1})")
STATES.add("bitmap_min", "b", Kind.LARGEINT, "{0}[1]::HUGEINT")
STATES.add("bitmap_max", "b", Kind.LARGEINT, "{0}[-1]::HUGEINT")
STATES.add("bitmap_or", "bbb*", Kind.BITMAP, _set(_OR))
STATES.add("bitmap_and", "bbb*", Kind.BITMAP, _set(_AND))
STATES.add("bitmap_xor", "bbb*", Kind.BITMAP, _set(_XOR))
STATES.add("bitmap_andnot bitmap_and_not bitmap_not", "bb", Kind.BITMAP, _set(_ANDNOT))
STATES.add("bitmap_or_count", "bbb*", Kind.INT, _set(_OR, counted=True))
STATES.add("bitmap_and_count", "bbb*", Kind.INT, _set(_AND, counted=True))
STATES.add("bitmap_xor_count", "bbb*", Kind.INT, _set(_XOR, counted=True))
STATES.add("bitmap_andnot_count bitmap_and_not_count", "bb", Kind.INT, _set(_ANDNOT, counted=True))
STATES.add("bitmap_remove", "bG", Kind.BITMAP, "list_filter({0}, lambda __v: __v <> {1})")
STATES.add("sub_bitmap", "bII", Kind.BITMAP, _sub)
STATES.add("bitmap_subset_in_range", "bII", Kind.BITMAP, _in_range)
STATES.add("bitmap_subset_limit", "bII", Kind.BITMAP, _limited)
STATES.add("hll_empty", "", Kind.HLL, _empty(Kind.HLL))
STATES.add("hll_hash", "T", Kind.HLL, _hll_hash)
STATES.add("hll_cardinality", "h", Kind.INT, _cardinality)
STATES.add("quantile_state_empty percentile_empty", "", Kind.QUANTILE, _empty(Kind.QUANTILE))
STATES.add("to_quantile_state", "DD?", Kind.QUANTILE, _state_of)
STATES.add("percentile_hash", "D", Kind.QUANTILE, _state_of)
STATES.add("quantile_percent percentile_approx_raw", "qD", Kind.DOUBLE, _percent)
