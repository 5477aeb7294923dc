"""Arrays. Elements are of one kind, which is followed; positions count from 1. Lambdas have a module of their own."""

from __future__ import annotations

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.transform.operators import as_kind, duck_kind
from routine_load.transform.registry import Builder, Context, Family, common_kind, constant, joined
from routine_load.transform.typed import Kind, Typed, derived

ARRAY = Family()
_NUMBER_MAX = 2**60
_ELEMENTS_MAX = 10_000
"""Longest array that a function makes of numbers alone."""


def _items(value: Typed, item: Kind) -> str:
    """SQL of the array with elements of that kind."""
    if value.item is item or Kind.OTHER in {value.item, item}:
        return value.sql
    if Kind.ARRAY in {value.item, item} and item is not Kind.TEXT:
        raise AnalysisError("an array of arrays cannot be used here")
    return f"TRY_CAST({value.sql} AS {duck_kind(item)}[])"


def _numbers(value: Typed) -> tuple[str, Kind]:
    """The array as numbers: text becomes double."""
    item = value.item if value.item.is_number else Kind.DOUBLE
    return _items(value, item), item


def _element(value: Typed, array: Typed, context: Context) -> Typed:
    """The value as what the array holds; a number looked for among texts makes both numbers."""
    return value if array.item is Kind.OTHER else as_kind(value, array.item, context)


def _array(args: list[Typed], context: Context) -> Typed:
    if any(arg.kind in {Kind.MAP, Kind.STRUCT, Kind.OTHER} for arg in args):
        raise AnalysisError("array: maps and structs cannot be elements here")
    if any(arg.kind is Kind.ARRAY for arg in args):
        return _of_arrays(args)
    if args and all(arg.kind is Kind.NULL for arg in args):
        return derived(f"[{', '.join('NULL' for _ in args)}]::VARCHAR[]", Kind.ARRAY, item=Kind.NULL)
    item = common_kind(args)
    values = [as_kind(arg, item, context) for arg in args]
    made = f"[{', '.join(value.sql for value in values)}]"
    return derived(made if values else "[]::VARCHAR[]", Kind.ARRAY, *values, item=item)


def _of_arrays(args: list[Typed]) -> Typed:
    if any(arg.kind not in {Kind.ARRAY, Kind.NULL} for arg in args):
        raise AnalysisError("array: the elements are of different kinds")
    item = common_kind([Typed("", arg.item) for arg in args if arg.kind is Kind.ARRAY])
    values = ", ".join("NULL" if arg.kind is Kind.NULL else _items(arg, item) for arg in args)
    return derived(f"[{values}]", Kind.ARRAY, *args, item=Kind.ARRAY)


def _same(template: str) -> Builder:
    """An array of the same elements, from a template over the array (and its further arguments)."""

    def build(args: list[Typed], _: Context) -> Typed:
        made = template.format(*(arg.sql for arg in args))
        return derived(f"({made})", Kind.ARRAY, *args, item=args[0].item)

    return build


def _with_element(template: str) -> Builder:
    """The same, with a second argument that is an element."""

    def build(args: list[Typed], context: Context) -> Typed:
        element = context.stages.bind(_element(args[1], args[0], context))
        made = template.format(args[0].sql, element.sql)
        return derived(f"({made})", Kind.ARRAY, args[0], element, item=args[0].item)

    return build


def _about_element(template: str, kind: Kind) -> Builder:
    def build(args: list[Typed], context: Context) -> Typed:
        element = context.stages.bind(_element(args[1], args[0], context))
        return derived(f"({template.format(args[0].sql, element.sql)})", kind, args[0], element)

    return build


def _aggregate(function: str) -> Builder:
    def build(args: list[Typed], _: Context) -> Typed:
        if function in {"list_min", "list_max"} or args[0].item is Kind.OTHER:
            return derived(f"{function}({args[0].sql})", args[0].item, args[0])
        numbers, item = _numbers(args[0])
        kind = Kind.DOUBLE if function in {"list_avg", "list_product"} or item is not Kind.INT else Kind.LARGEINT
        return derived(f"TRY({function}({numbers})::{duck_kind(kind)})", kind, args[0])

    return build


def _over_numbers(template: str) -> Builder:
    def build(args: list[Typed], context: Context) -> Typed:
        numbers, item = _numbers(args[0])
        bound = context.stages.bind(derived(numbers, Kind.ARRAY, args[0], item=item))
        result = Kind.LARGEINT if item is Kind.INT else item
        return derived(f"TRY({template.format(bound.sql)})", Kind.ARRAY, bound, item=result)

    return build


def _of_two(template: str, kind: Kind | None = None) -> Builder:
    """Over two (or, folded, more) arrays whose elements become one kind; an array unless ``kind`` says otherwise."""

    def build(args: list[Typed], context: Context) -> Typed:
        item = common_kind([Typed("", arg.item) for arg in args])
        made = context.stages.bind(derived(_items(args[0], item), Kind.ARRAY, args[0], item=item))
        for arg in args[1:]:
            other = context.stages.bind(derived(_items(arg, item), Kind.ARRAY, arg, item=item))
            text = f"({template.format(made.sql, other.sql)})"
            made = derived(text, kind or Kind.ARRAY, made, other, item=item)
            made = context.stages.bind(made) if kind is None else made
        return made

    return build


_KNOWN = "{0} IS NOT NULL AND {1} IS NOT NULL"
_DISTINCT = "list_filter({0}, lambda __v, __i: list_position({0}, __v) = __i)"


def _concat(args: list[Typed], context: Context) -> Typed:
    if len(args) == 1:
        return args[0]
    return _of_two(f"CASE WHEN {_KNOWN} THEN list_concat({{0}}, {{1}}) END")(args, context)  # type: ignore[return-value] # a Typed


def _position(args: list[Typed], context: Context) -> Typed:
    element = context.stages.bind(_element(args[1], args[0], context))
    found = f"CASE WHEN {args[0].sql} IS NOT NULL THEN coalesce(list_position({args[0].sql}, {element.sql}), 0) END"
    return derived(f"({found})", Kind.INT, args[0], element)


def _contains(args: list[Typed], context: Context) -> Typed:
    element = context.stages.bind(_element(args[1], args[0], context))
    found = f"CASE WHEN {args[0].sql} IS NOT NULL THEN list_position({args[0].sql}, {element.sql}) IS NOT NULL END"
    return derived(f"({found})", Kind.BOOL, args[0], element)


def _slice(args: list[Typed], _: Context) -> Typed:
    array, offset = args[0].sql, args[1].sql
    size = args[2].sql if len(args) > 2 else f"len({array})"
    start = f"(CASE WHEN {offset} < 0 THEN len({array}) + {offset} + 1 ELSE {offset} END)"
    known = " OR ".join(f"{arg.sql} IS NULL" for arg in args)
    inside = f"{start} BETWEEN 1 AND len({array}) AND {size} > 0"
    made = (
        f"CASE WHEN {known} THEN NULL WHEN {inside} "
        f"THEN {array}[{start}:least({start} + {size} - 1, len({array}))] ELSE {array}[1:0] END"
    )
    return derived(f"({made})", Kind.ARRAY, *args, item=args[0].item)


def _join(args: list[Typed], context: Context) -> str:
    """NULL elements are left out, or written as the third argument says."""
    texts = args[0].sql if args[0].item is Kind.TEXT else f"TRY_CAST({args[0].sql} AS VARCHAR[])"
    if len(args) == 3:
        texts = f"list_transform({texts}, lambda __v: coalesce(__v, {args[2].sql}))"
    del context
    return joined(texts, args[1].sql)


def _range(args: list[Typed], context: Context) -> Typed:
    """Doris: from 0 or a start up to an end that is not in it. StarRocks' array_generate: the end is in it."""
    return _numbers_between(args, inclusive=False, context=context)


def _generate(args: list[Typed], context: Context) -> Typed:
    return _numbers_between(args, inclusive=True, context=context)


def _numbers_between(args: list[Typed], *, inclusive: bool, context: Context) -> Typed:
    first = 1 if inclusive else 0
    args = [context.stages.bind(_small(arg)) for arg in args]
    start = Typed(f"{first}::BIGINT", Kind.INT, atomic=True)
    end, step = args[0], Typed("1::BIGINT", Kind.INT, atomic=True)
    if len(args) > 1:
        start, end = args[:2]
    if len(args) > 2:
        step = args[2]
    elif inclusive and len(args) == 2:
        step = context.stages.bind(
            derived(f"(CASE WHEN {start.sql} <= {end.sql} THEN 1 ELSE -1 END)", Kind.INT, start, end)
        )
    last = f"({end.sql} + sign({step.sql})::BIGINT)" if inclusive else end.sql
    count = f"abs({last} - {start.sql}) // nullif(abs({step.sql}), 0)"
    low = "" if inclusive else f" AND {start.sql} >= 0 AND {end.sql} >= 0 AND {step.sql} > 0"
    made = f"CASE WHEN {count} <= {_ELEMENTS_MAX}{low} THEN range({start.sql}, {last}, {step.sql}) END"
    return derived(f"({made})", Kind.ARRAY, start, end, step, item=Kind.INT)


def _small(value: Typed) -> Typed:
    """A number that can be added to another; NULL for others."""
    within = f"{value.sql} BETWEEN {-_NUMBER_MAX} AND {_NUMBER_MAX}"
    return derived(f"(CASE WHEN {within} THEN {value.sql} END)", Kind.INT, value)


def _repeated(value: Typed, count: Typed) -> Typed:
    size = f"CASE WHEN {count.sql} > {_ELEMENTS_MAX} THEN NULL ELSE greatest({count.sql}, 0) END"
    made = f"list_transform(range(0, {size}), lambda __v: {value.sql})"
    made = f"CASE WHEN {count.sql} IS NOT NULL THEN {made} END"
    return derived(f"({made})", Kind.ARRAY, value, count, item=value.kind)


def _repeat(args: list[Typed], context: Context) -> Typed:
    return _repeated(args[0], context.stages.bind(as_kind(args[1], Kind.INT, context)))


def _with_constant(args: list[Typed], context: Context) -> Typed:
    return _repeated(args[1], context.stages.bind(as_kind(args[0], Kind.INT, context)))


def _apply(args: list[Typed], context: Context) -> Typed:
    """Doris: the elements for which a comparison with a value holds."""
    sign = constant(args, 1, "array_apply", "the comparison").strip()
    if sign not in {"=", ">", "<", ">=", "<=", "!="}:
        raise AnalysisError(f"array_apply: unsupported op {sign}, use one of = > < >= <= !=")
    element = context.stages.bind(_element(args[2], args[0], context))
    kept = f"list_filter({args[0].sql}, lambda __v: __v {sign} {element.sql})"
    return derived(kept, Kind.ARRAY, args[0], element, item=args[0].item)


def _filter(args: list[Typed], _: Context) -> Typed:
    """The elements whose place in the second array is true."""
    flags = _items(args[1], Kind.BOOL)
    kept = f"list_filter({args[0].sql}, lambda __v, __i: coalesce({flags}[__i], false))"
    return derived(f"({kept})", Kind.ARRAY, *args, item=args[0].item)


def _sort_by(args: list[Typed], _: Context) -> Typed:
    """In the order of the second array's elements; NULL where their numbers differ."""
    keyed = f"list_transform({args[0].sql}, lambda __v, __i: {{'k': {args[1].sql}[__i], 'i': __i, 'v': __v}})"
    made = f"list_transform(list_sort({keyed}, 'ASC', 'NULLS FIRST'), lambda __v: __v.v)"
    same = f"CASE WHEN len({args[0].sql}) = len({args[1].sql}) THEN {made} END"
    return derived(f"({same})", Kind.ARRAY, *args, item=args[0].item)


def _flatten(args: list[Typed], _: Context) -> Typed:
    if args[0].item not in {Kind.ARRAY, Kind.OTHER}:
        raise AnalysisError("array_flatten: the elements are no arrays")
    return derived(f"flatten({args[0].sql})", Kind.ARRAY, args[0], item=Kind.OTHER)


def _split(args: list[Typed], context: Context) -> Typed:
    """An empty delimiter cuts characters. Doris: nothing of an empty text."""
    parts = f"string_split({args[0].sql}, {args[1].sql})"
    if context.compat is Compat.DORIS:
        parts = f"CASE WHEN {args[0].sql} = '' THEN []::VARCHAR[] ELSE {parts} END"
    return derived(f"(CASE WHEN {args[1].sql} IS NOT NULL THEN {parts} END)", Kind.ARRAY, *args)


def _distance(template: str) -> Builder:
    """Of two vectors of equal length without NULLs; NULL otherwise."""

    def build(args: list[Typed], context: Context) -> Typed:
        one, other = (
            context.stages.bind(derived(_items(arg, Kind.DOUBLE), Kind.ARRAY, arg, item=Kind.DOUBLE)) for arg in args
        )
        known = f"len({one.sql}) = len({other.sql}) AND len({one.sql}) > 0 AND list_count({one.sql}) = len({one.sql})"
        known += f" AND list_count({other.sql}) = len({other.sql})"
        made = f"TRY(CASE WHEN {known} THEN {template.format(one.sql, other.sql)} END)"
        return derived(made, Kind.DOUBLE, one, other)

    return build


def _cross_product(args: list[Typed], context: Context) -> Typed:
    """Doris: of two vectors of three numbers each; NULL of any others."""
    item = Kind.INT if all(arg.item is Kind.INT for arg in args) else Kind.DOUBLE
    one, other = (context.stages.bind(derived(_items(arg, item), Kind.ARRAY, arg, item=item)) for arg in args)
    known = " AND ".join(f"len({vector.sql}) = 3 AND list_count({vector.sql}) = 3" for vector in (one, other))
    parts = ", ".join(
        f"{one.sql}[{at}] * {other.sql}[{behind}] - {one.sql}[{behind}] * {other.sql}[{at}]"
        for at, behind in ((2, 3), (3, 1), (1, 2))
    )
    return derived(f"TRY(CASE WHEN {known} THEN [{parts}] END)", Kind.ARRAY, one, other, item=item)


def _reverse(args: list[Typed], context: Context) -> Typed:
    if args[0].kind is Kind.ARRAY:
        return derived(f"list_reverse({args[0].sql})", Kind.ARRAY, args[0], item=args[0].item)
    text = as_kind(args[0], Kind.TEXT, context)
    return derived(f"reverse({text.sql})", Kind.TEXT, text)


def _size(args: list[Typed], context: Context) -> Typed:
    """Of an array or a map."""
    if args[0].kind is Kind.MAP:
        return derived(f"cardinality({args[0].sql})::BIGINT", Kind.INT, args[0])
    array = as_kind(args[0], Kind.ARRAY, context)
    return derived(f"len({array.sql})", Kind.INT, array)


ARRAY.add("array", "A*", Kind.ARRAY, _array)
ARRAY.add("split split_by_string", "TT", Kind.ARRAY, _split)
ARRAY.add("reverse", "A", Kind.TEXT, _reverse)
ARRAY.add("array_length array_size", "L", Kind.INT, "len({0})")
ARRAY.add("size cardinality", "A", Kind.INT, _size)
ARRAY.add("array_contains", "LA", Kind.BOOL, _contains)
ARRAY.add("array_position", "LA", Kind.INT, _position)
ARRAY.add("countequal", "LA", Kind.INT, _about_element(
    "len(list_filter({0}, lambda __v: __v IS NOT DISTINCT FROM {1}))", Kind.INT))  # fmt: skip
ARRAY.add("array_append array_pushback", "LA", Kind.ARRAY, _with_element(
    "CASE WHEN {0} IS NOT NULL THEN list_append({0}, {1}) END"))  # fmt: skip
ARRAY.add("array_pushfront", "LA", Kind.ARRAY, _with_element(
    "CASE WHEN {0} IS NOT NULL THEN list_prepend({1}, {0}) END"))  # fmt: skip
ARRAY.add("array_remove", "LA", Kind.ARRAY, _with_element("list_filter({0}, lambda __v: __v IS DISTINCT FROM {1})"))
ARRAY.add("array_popback", "L", Kind.ARRAY, _same("{0}[:greatest(len({0}) - 1, 0)]"))
ARRAY.add("array_popfront", "L", Kind.ARRAY, _same("{0}[2:]"))
ARRAY.add("array_compact", "L", Kind.ARRAY, _same(
    "list_filter({0}, lambda __v, __i: __i = 1 OR __v IS DISTINCT FROM {0}[__i - 1])"))  # fmt: skip
ARRAY.add("array_distinct", "L", Kind.ARRAY, _same(_DISTINCT))
ARRAY.add("array_sort", "L", Kind.ARRAY, _same("list_sort({0}, 'ASC', 'NULLS FIRST')"))
ARRAY.add("array_reverse_sort", "L", Kind.ARRAY, _same("list_sort({0}, 'DESC', 'NULLS LAST')"))
ARRAY.add("array_sortby", "LL", Kind.ARRAY, _sort_by)
ARRAY.add("array_top_n", "LI", Kind.ARRAY, _same(
    "CASE WHEN {1} > 0 THEN list_sort({0}, 'DESC', 'NULLS LAST')[:{1}] WHEN {1} <= 0 THEN {0}[1:0] END"))  # fmt: skip
ARRAY.add("array_slice", "LII?", Kind.ARRAY, _slice)
ARRAY.add("array_filter", "LL", Kind.ARRAY, _filter)
ARRAY.add("array_apply", "LFA", Kind.ARRAY, _apply)
ARRAY.add("array_flatten", "L", Kind.ARRAY, _flatten)
ARRAY.add("array_concat", "LL*", Kind.ARRAY, _concat)
ARRAY.add("array_intersect", "LL*", Kind.ARRAY, _of_two(
    f"CASE WHEN {_KNOWN} THEN " + _DISTINCT.replace(
        "list_position({0}, __v) = __i", "list_position({0}, __v) = __i AND list_position({1}, __v) IS NOT NULL"
    ) + " END"))  # fmt: skip
ARRAY.add("array_union", "LL*", Kind.ARRAY, _of_two(
    f"CASE WHEN {_KNOWN} THEN " + _DISTINCT.replace("{0}", "list_concat({0}, {1})") + " END"))  # fmt: skip
ARRAY.add("array_except", "LL", Kind.ARRAY, _of_two(
    f"CASE WHEN {_KNOWN} THEN " + _DISTINCT.replace(
        "list_position({0}, __v) = __i", "list_position({0}, __v) = __i AND list_position({1}, __v) IS NULL"
    ) + " END"))  # fmt: skip
ARRAY.add("arrays_overlap", "LL", Kind.BOOL, _of_two("list_has_any({0}, {1})", Kind.BOOL))
ARRAY.add("array_contains_all", "LL", Kind.BOOL, _of_two(
    f"CASE WHEN {_KNOWN} THEN len(list_filter({{1}}, lambda __v: list_position({{0}}, __v) IS NULL)) = 0 END",
    Kind.BOOL))  # fmt: skip
ARRAY.add("array_contains_seq", "LL", Kind.BOOL, _of_two(
    f"CASE WHEN {_KNOWN} THEN len({{1}}) = 0 OR len(list_filter(range(1, len({{0}}) - len({{1}}) + 2), "
    "lambda __i: {0}[__i:__i + len({1}) - 1] IS NOT DISTINCT FROM {1})) > 0 END", Kind.BOOL))  # fmt: skip
for _name in ("min", "max", "sum", "avg", "product"):
    ARRAY.add(f"array_{_name}", "L", Kind.DOUBLE, _aggregate(f"list_{_name}"))
ARRAY.add("array_cum_sum", "L", Kind.ARRAY, _over_numbers(
    "list_transform({0}, lambda __v, __i: CASE WHEN __v IS NOT NULL THEN list_sum({0}[:__i]) END)"))  # fmt: skip
ARRAY.add("array_difference", "L", Kind.ARRAY, _over_numbers(
    "list_transform({0}, lambda __v, __i: CASE WHEN __i = 1 THEN __v - __v ELSE __v - {0}[__i - 1] END)"))  # fmt: skip
ARRAY.add("array_enumerate", "L", Kind.ARRAY, lambda args, _: derived(
    f"list_transform({args[0].sql}, lambda __v, __i: __i)", Kind.ARRAY, args[0], item=Kind.INT))  # fmt: skip
ARRAY.add("array_enumerate_uniq", "L", Kind.ARRAY, lambda args, _: derived(
    f"list_transform({args[0].sql}, lambda __v, __i: "
    f"len(list_filter({args[0].sql}[:__i], lambda __w: __w IS NOT DISTINCT FROM __v)))",
    Kind.ARRAY, args[0], item=Kind.INT))  # fmt: skip
ARRAY.add("array_join", "LTT?", Kind.TEXT, _join)
ARRAY.add("array_range sequence", "II?I?", Kind.ARRAY, _range)
ARRAY.add("array_generate", "II?I?", Kind.ARRAY, _generate)
ARRAY.add("array_repeat", "AA", Kind.ARRAY, _repeat)
ARRAY.add("array_with_constant", "AA", Kind.ARRAY, _with_constant)
ARRAY.add("cosine_similarity", "LL", Kind.DOUBLE, _distance("list_cosine_similarity({0}, {1})"))
ARRAY.add("cosine_distance", "LL", Kind.DOUBLE, _distance("list_cosine_distance({0}, {1})"))
ARRAY.add("inner_product", "LL", Kind.DOUBLE, _distance("list_inner_product({0}, {1})"))
ARRAY.add("array_cross_product cross_product", "LL", Kind.ARRAY, _cross_product)
ARRAY.add("l2_distance", "LL", Kind.DOUBLE, _distance("list_distance({0}, {1})"))
ARRAY.add("l1_distance", "LL", Kind.DOUBLE, _distance(
    "list_sum(list_transform({0}, lambda __v, __i: abs(__v - {1}[__i])))"))  # fmt: skip
