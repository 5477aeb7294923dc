"""Functions that take ``x -> …`` (StarRocks, Doris: higher-order functions), over arrays and maps.

Each is its lambda applied to every element, which gives an array beside the first one, and what the function makes of
the two. Names inside a lambda are bound inside it: a piece of SQL that depends on a parameter has no SELECT of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from routine_load.errors import AnalysisError
from routine_load.transform.operators import as_kind, duck_kind
from routine_load.transform.registry import Context
from routine_load.transform.typed import Kind, Stages, Typed, derived

_BASE = 1_000
"""Levels of what depends on parameters begin here: no expression has so many SELECTs."""
_INLINE_MAX = 200
_LEVELS_MAX = 6
"""Each level is a lambda inside a lambda, which DuckDB binds in time that doubles."""


class Scope(Stages):
    """What is bound inside one lambda. ``outer_level`` is the greatest level outside that its body refers to."""

    def __init__(self, outer: Stages) -> None:
        super().__init__()
        self._outer = outer
        self.base: int = (outer.base if isinstance(outer, Scope) else 0) + _BASE
        self.outer_level = 0
        self._lets: list[list[str]] = []

    def note(self, level: int) -> None:
        if level < self.base:
            self.outer_level = max(self.outer_level, level)
        if isinstance(self._outer, Scope):
            self._outer.note(level)

    def bind(self, value: Typed) -> Typed:
        if value.atomic:
            return value
        if value.level < self.base:
            bound = self._outer.bind(value)
            self.note(bound.level)
            return bound
        if len(value.sql) <= _INLINE_MAX:
            return replace(value, sql=f"({value.sql})", atomic=True)
        at = value.level - self.base
        if at >= _LEVELS_MAX:
            raise AnalysisError("the functions in a lambda expression are nested too deeply")
        while len(self._lets) <= at:
            self._lets.append([])
        name = f"f{len(self._lets[at])}"
        self._lets[at].append(f"'{name}': {value.sql}")
        return replace(value, sql=f"struct_extract(q{self.base}_{at}, '{name}')", level=value.level + 1, atomic=True)

    def around(self, sql: str) -> str:
        """The body with the names it uses."""
        for at, fields in reversed(list(enumerate(self._lets))):
            sql = f"list_transform([{{{', '.join(fields)}}}], lambda q{self.base}_{at}: {sql})[1]"
        return sql


@dataclass(frozen=True, slots=True)
class Lambda:
    """``body`` translates the lambda's body in a scope, with these values for its parameters."""

    parameters: int
    body: Callable[[Scope, Sequence[Typed]], Typed]


def higher_order(name: str, function: Lambda | None, values: list[Typed], context: Context) -> Typed:
    """A call with its lambda or, where that is ``None``, an array of flags in its place. Raises AnalysisError."""
    if not values:
        raise AnalysisError(f"No matching function with signature: {name} takes an array or a map")
    if name in _MAPS:
        return _over_map(name, function, values, context)
    if function is None:
        flags = values[-1]
        if len(values) != _FLAGGED.get(name, 0) or flags.kind is not Kind.ARRAY:
            raise AnalysisError(f"No matching function with signature: {name} needs a lambda expression")
        return _ARRAYS[name](context.stages.bind(values[0]), _flags(flags, context))
    arrays = [context.stages.bind(as_kind(value, Kind.ARRAY, context)) for value in values]
    if function.parameters != len(arrays):
        raise AnalysisError(f"{name}: the lambda expression takes {function.parameters} values of {len(arrays)} arrays")
    made = _mapped(arrays, function, context)
    if name == "array_map":
        return made
    if name != "array_sortby":
        made = _flags(made, context)
    return _ARRAYS[name](arrays[0], context.stages.bind(made))


def _mapped(arrays: list[Typed], function: Lambda, context: Context) -> Typed:
    """The array of the lambda's results; NULL where an array is NULL or the arrays differ in length."""
    scope = Scope(context.stages)
    element, at = f"p{scope.base}", f"i{scope.base}"
    given = [Typed(element, arrays[0].item, scope.base, atomic=True, item=Kind.OTHER)]
    given += [Typed(f"{a.sql}[{at}]", a.item, scope.base, atomic=True, item=Kind.OTHER) for a in arrays[1:]]
    for array in arrays[1:]:
        scope.note(array.level)
    body = function.body(scope, given)
    if body.kind in {Kind.MAP, Kind.STRUCT} or body.kind.is_state:
        raise AnalysisError("the result of a lambda expression cannot be an element of an array")
    value = f"NULL::{duck_kind(Kind.TEXT)}" if body.kind is Kind.NULL else body.sql
    made = f"list_transform({arrays[0].sql}, lambda {element}, {at}: {scope.around(value)})"
    for array in arrays[1:]:
        made = f"CASE WHEN len({arrays[0].sql}) = len({array.sql}) THEN {made} END"
    level = max([scope.outer_level, *(array.level for array in arrays)])
    return Typed(f"({made})", Kind.ARRAY, level, item=body.kind)


def _flags(array: Typed, context: Context) -> Typed:
    if array.item is Kind.BOOL:
        return context.stages.bind(array)
    if array.item is Kind.NULL or array.item.is_number:
        kind = "DOUBLE" if array.item.is_number else "BOOLEAN"
        made = (
            f"list_transform({array.sql}, lambda __f: __f::{kind} <> 0)"
            if kind == "DOUBLE"
            else f"{array.sql}::BOOLEAN[]"
        )
        return context.stages.bind(derived(f"({made})", Kind.ARRAY, array, item=Kind.BOOL))
    raise AnalysisError("the lambda expression is a value, not a condition")


def _over_map(name: str, function: Lambda | None, values: list[Typed], context: Context) -> Typed:
    if function is None or len(values) != 1 or function.parameters != 2:
        raise AnalysisError(
            f"No matching function with signature: {name} takes a map and a lambda expression (k, v) -> …"
        )
    given = context.stages.bind(as_kind(values[0], Kind.MAP, context))
    entries = context.stages.bind(derived(f"map_entries({given.sql})", Kind.OTHER, given))
    scope = Scope(context.stages)
    entry = f"p{scope.base}"
    fields = [Typed(f"{entry}.{part}", Kind.TEXT, scope.base, atomic=True) for part in ("key", "value")]
    body = function.body(scope, fields)
    level = max(entries.level, scope.outer_level)
    if name == "map_filter":
        if body.kind not in {Kind.BOOL, Kind.NULL}:
            raise AnalysisError("the lambda expression is a value, not a condition")
        kept = f"list_filter({entries.sql}, lambda {entry}: coalesce({scope.around(body.sql)}, false))"
        return Typed(f"(map_from_entries({kept}))", Kind.MAP, level)
    text = as_kind(body, Kind.TEXT, replace(context, stages=scope))
    parts = {"transform_keys": (text.sql, fields[1].sql), "transform_values": (fields[0].sql, text.sql)}[name]
    made = f"{{'k': {parts[0]}, 'v': {parts[1]}}}"
    pairs = f"list_transform({entries.sql}, lambda {entry}: {scope.around(made)})"
    bound = context.stages.bind(Typed(pairs, Kind.OTHER, max(level, scope.outer_level)))
    return derived(f"({_last_of_each(bound.sql)})", Kind.MAP, bound)


def _last_of_each(pairs: str) -> str:
    """A map of structs k, v: of equal keys the last counts, and none is NULL."""
    later = f"list_transform({pairs}[__i + 1:], lambda __w: __w.k)"
    alone = f"__v.k IS NOT NULL AND list_position({later}, __v.k) IS NULL"
    kept = f"list_filter({pairs}, lambda __v, __i: {alone})"
    return f"map_from_entries(list_transform({kept}, lambda __v: {{'key': __v.k, 'value': __v.v}}))"


def _answer(template: str, kind: Kind) -> Callable[[Typed, Typed], Typed]:
    """About an array ``{0}`` and its flags ``{1}``."""
    return lambda array, flags: derived(f"({template.format(array.sql, flags.sql)})", kind, array, flags)


def _kept(template: str) -> Callable[[Typed, Typed], Typed]:
    """Some of the array's elements."""
    return lambda array, flags: derived(
        f"({template.format(array.sql, flags.sql)})", Kind.ARRAY, array, flags, item=array.item
    )


def _element(position: str) -> Callable[[Typed, Typed], Typed]:
    return lambda array, flags: derived(f"({array.sql}[{position.format(flags.sql)}])", array.item, array, flags)


def _cut(begins: str) -> Callable[[Typed, Typed], Typed]:
    """Pieces of the array; ``begins`` says whether one begins at ``__i``."""

    def build(array: Typed, flags: Typed) -> Typed:
        starts = f"list_filter(range(1, len({array.sql}) + 1), lambda __i: __i = 1 OR {begins.format(flags.sql)})"
        pieces = (
            f"list_transform([{starts}], lambda __s: list_transform(__s, lambda __b, __n: "
            f"{array.sql}[__b:coalesce(__s[__n + 1] - 1, len({array.sql}))]))[1]"
        )
        made = f"CASE WHEN len({array.sql}) = len({flags.sql}) THEN {pieces} END"
        return derived(f"({made})", Kind.ARRAY, array, flags, item=Kind.ARRAY)

    return build


_FIRST = "list_position({0}, true)"
_LAST = "len({0}) + 1 - list_position(list_reverse({0}), true)"
_ALL = _answer("CASE WHEN list_contains({1}, false) THEN false WHEN list_position({1}, NULL) IS NULL THEN "
               "len({1}) >= 0 END", Kind.BOOL)  # fmt: skip
_ANY = _answer("CASE WHEN list_contains({1}, true) THEN true WHEN list_position({1}, NULL) IS NULL THEN "
               "len({1}) < 0 END", Kind.BOOL)  # fmt: skip
_ARRAYS: dict[str, Callable[[Typed, Typed], Typed]] = {
    "array_map": lambda _, made: made,
    "array_filter": _kept("list_filter({0}, lambda __v, __i: coalesce({1}[__i], false))"),
    "array_sortby": _kept(
        "list_transform(list_sort(list_transform({0}, lambda __v, __i: {{'k': {1}[__i], 'i': __i, 'v': __v}}), "
        "'ASC', 'NULLS FIRST'), lambda __v: __v.v)"
    ),
    "all_match": _ALL,
    "any_match": _ANY,
    "array_match_all": _ALL,
    "array_match_any": _ANY,
    "none_match": _answer(
        "CASE WHEN list_contains({1}, true) THEN false WHEN list_position({1}, NULL) IS NULL THEN len({1}) >= 0 END",
        Kind.BOOL,
    ),
    # Both print a boolean as 0 or 1.
    "array_exists": lambda array, flags: derived(
        f"(list_transform({flags.sql}, lambda __f: __f::BIGINT))", Kind.ARRAY, array, flags, item=Kind.INT
    ),
    "array_count": _answer("len(list_filter({1}, lambda __v: coalesce(__v, false)))", Kind.INT),
    "array_first": _element(_FIRST),
    "array_last": _element(_LAST),
    "array_first_index": _answer(f"CASE WHEN {{1}} IS NOT NULL THEN coalesce({_FIRST.format('{1}')}, 0) END", Kind.INT),
    "array_last_index": _answer(f"CASE WHEN {{1}} IS NOT NULL THEN coalesce({_LAST.format('{1}')}, 0) END", Kind.INT),
    "array_split": _cut("coalesce({0}[__i], false)"),
    "array_reverse_split": _cut("coalesce({0}[__i - 1], false)"),
}
_MAPS = frozenset({"map_filter", "transform_keys", "transform_values"})
_FLAGGED = {
    **dict.fromkeys(("all_match", "any_match", "array_match_all", "array_match_any", "none_match"), 1),
    **dict.fromkeys(("array_exists", "array_count"), 1),
    **dict.fromkeys(("array_split", "array_reverse_split"), 2),
}
"""How many arrays take the place of a lambda and its array; the last one is the flags."""

OPTIONAL = frozenset({"array_filter", "array_sortby"})
"""Functions of the registry that take a lambda as well."""
NAMES = (frozenset(_ARRAYS) | _MAPS) - OPTIONAL
