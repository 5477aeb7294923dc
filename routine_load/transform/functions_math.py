"""Mathematics beyond arithmetic: roots, angles, bases, buckets, and numbers written for people."""

from __future__ import annotations

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.transform.convert import to_text
from routine_load.transform.native import call
from routine_load.transform.operators import as_kind
from routine_load.transform.registry import Builder, Context, Family, constant, whole_number
from routine_load.transform.typed import Kind, Typed, clamped, derived

MATH = Family()
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_WIDTH_MAX = 65_533


def _finite(sql: str) -> str:
    """NULL instead of what is no number."""
    return f"TRY(CASE WHEN isfinite({sql}) THEN {sql} END)"


def _log(args: list[Typed], _: Context) -> str:
    """log(x) is natural; log(base, x)."""
    if len(args) == 1:
        return f"CASE WHEN {args[0].sql} > 0 THEN ln({args[0].sql}) END"
    base, value = args[0].sql, args[1].sql
    return f"CASE WHEN {base} > 0 AND {base} <> 1 AND {value} > 0 THEN ln({value}) / ln({base}) END"


def _conv(args: list[Typed], _: Context) -> str:
    """MySQL's CONV: digits of one base in another; reading stops at what is no digit; a negative target is signed."""
    number, old, new = (arg.sql for arg in args)
    base = f"(CASE WHEN abs({new}) BETWEEN 2 AND 36 THEN abs({new}) END)"
    digit = f"(strpos('{_DIGITS}', __v) - 1)"
    digits = f"string_split(regexp_replace(upper(trim({number})), '^[+-]', ''), '')"
    are = f"list_transform({digits}, lambda __v: {digit} BETWEEN 0 AND abs({old}) - 1)"
    end = f"coalesce(list_position({are}, false), 65)"
    used = f"list_transform({digits}[1:least({end} - 1, 64)], lambda __v: {digit}::DECIMAL(38, 0))"
    step = f"(__v * abs({old}) + __w)::DECIMAL(38, 0)"
    value = f"TRY_CAST(list_reduce(list_prepend(0::DECIMAL(38, 0), {used}), lambda __v, __w: {step}) AS UBIGINT)"
    bounded = f"coalesce(TRY({value}), 18446744073709551615::UBIGINT)"
    minus = f"starts_with(trim({number}), '-')"
    signed = f"(CASE WHEN {minus} THEN -({bounded}::HUGEINT) ELSE {bounded}::HUGEINT END)"
    positive = f"CASE WHEN {signed} < 0 THEN 18446744073709551616::HUGEINT + {signed} ELSE {signed} END"
    as_signed = (
        f"CASE WHEN {signed} > 9223372036854775807 THEN {signed} - 18446744073709551616::HUGEINT ELSE {signed} END"
    )
    return (
        f"CASE WHEN abs({old}) NOT BETWEEN 2 AND 36 OR abs({new}) NOT BETWEEN 2 AND 36 OR {number} IS NULL THEN NULL "
        f"WHEN {new} > 0 THEN {_in_base(positive, base)} "
        f"ELSE (CASE WHEN {as_signed} < 0 THEN '-' ELSE '' END) || {_in_base(f'abs({as_signed})', base)} END"
    )


def _in_base(value: str, base: str) -> str:
    """Digits of an unsigned 64-bit number; DuckDB's to_base ends at 2^63."""
    high = f"(({value})::HUGEINT // {base}::HUGEINT)::BIGINT"
    low = f"(({value})::HUGEINT % {base}::HUGEINT)::BIGINT"
    return (
        f"((CASE WHEN {high} > 0 THEN to_base({high}, {base}::INTEGER) ELSE '' END) || to_base({low}, {base}::INTEGER))"
    )


def _format(args: list[Typed], context: Context) -> str | Typed:
    """StarRocks: format(12332.2, 2) is 12,332.20. Doris: format('{:.2f}', x, …) fills a template."""
    if context.compat is Compat.STARROCKS:
        return _format_round([as_kind(args[0], Kind.DOUBLE, context), as_kind(args[1], Kind.INT, context)], context)
    constant(args, 0, "format", "the template")
    return f"TRY(format({', '.join(arg.sql for arg in args)}))"


def _format_round(args: list[Typed], _: Context) -> str:
    value, digits = args[0].sql, clamped(args[1].sql, 0, 30)
    rounded = f"round({value}, {digits}::INTEGER)"
    shape = f"('{{:,.' || {digits}::VARCHAR || 'f}}')"
    return f"CASE WHEN isfinite({value}) AND {digits} IS NOT NULL THEN format({shape}, {rounded}) END"


def _units(names: str, step: int, plain: str) -> Builder:
    """A number with the largest unit that it reaches, two decimals; below the first unit it is plain."""

    def build(args: list[Typed], _: Context) -> str:
        value = args[0].sql
        cases = ""
        for power, name in reversed(list(enumerate(names.split(), 1))):
            size = float(step**power)
            cases += f"WHEN abs({value}) >= {size!r} THEN format('{{:.2f}}', round({value} / {size!r}, 2)) || '{name}' "
        return f"CASE {cases}ELSE {plain.format(value)} END"

    return build


def _format_bytes(args: list[Typed], context: Context) -> str:
    value = f"{args[0].sql}"
    text = _units("KB MB GB TB PB EB", 1024, "{0}::BIGINT::VARCHAR || ' B'")(args, context)
    assert isinstance(text, str)
    for unit in ("KB", "MB", "GB", "TB", "PB", "EB"):
        text = text.replace(f"'{unit}'", f"' {unit}'")
    return f"CASE WHEN {value} >= 0 THEN {text} END"


def _parse_data_size(args: list[Typed], _: Context) -> str:
    """Doris: '2.3MB' in bytes; powers of 1024; what is no size is NULL here, an error there."""
    text = args[0].sql
    shape = r"'^(\d+(?:\.\d+)?)(B|kB|MB|GB|TB|PB|EB|ZB|YB)$'"
    number = f"TRY_CAST(regexp_extract({text}, {shape}, 1) AS DOUBLE)"
    unit = f"(list_position(['B','kB','MB','GB','TB','PB','EB','ZB','YB'], regexp_extract({text}, {shape}, 2)) - 1)"
    return f"TRY_CAST(trunc({number} * pow(1024.0::DOUBLE, {unit})) AS HUGEINT)"


def _width_bucket(args: list[Typed], _: Context) -> str:
    value, low, high, count = (arg.sql for arg in args)
    return (
        f"CASE WHEN {count} NOT BETWEEN 1 AND 2147483647 OR {low} >= {high} THEN NULL WHEN {value} < {low} THEN 0 "
        f"WHEN {value} >= {high} THEN {count} + 1 "
        f"ELSE TRY_CAST(floor(({value} - {low}) * {count} / ({high} - {low})) AS BIGINT) + 1 END"
    )


def _bar(args: list[Typed], _: Context) -> str:
    size, low, high, width = (arg.sql for arg in args)
    count = f"floor(({size} - {low}) * {width} / nullif({high} - {low}, 0))"
    return (
        f"CASE WHEN {size} BETWEEN {low} AND {high} AND {width} BETWEEN 0 AND {_WIDTH_MAX // 3} "
        f"THEN repeat('▓', TRY_CAST({count} AS BIGINT)) END"
    )


def _round_half(args: list[Typed], _: Context) -> str:
    digits = f"{clamped(args[1].sql, -30, 30)}::INTEGER" if len(args) > 1 else "0"
    return f"round_even({args[0].sql}::DOUBLE, {digits})"


def _times(operator: str) -> Builder:
    def build(args: list[Typed], _: Context) -> str:
        right = f"nullif({args[1].sql}, 0)" if operator == "/" else args[1].sql
        return _finite(f"({args[0].sql} {operator} {right})")

    return build


def _pmod(args: list[Typed], _: Context) -> str:
    """The remainder with the sign of the divisor."""
    left, right = args[0].sql, f"nullif({args[1].sql}, 0)"
    return f"TRY((({left} % {right}) + {right}) % {right})"


def _factorial(args: list[Typed], _: Context) -> str:
    return f"CASE WHEN {args[0].sql} BETWEEN 0 AND 20 THEN factorial({args[0].sql}::INTEGER)::BIGINT END"


def _gcd(name: str) -> Builder:
    def build(args: list[Typed], _: Context) -> str:
        return f"TRY({name}({args[0].sql}, {args[1].sql}))::{Kind.LARGEINT}"

    return build


def _equiwidth_bucket(args: list[Typed], _: Context) -> str:
    """StarRocks: which of the equal whole-numbered parts of a range; what lies outside of it is in none."""
    least, most, parts = (whole_number(args, at, "equiwidth_bucket", what) for at, what in _RANGE)
    if least >= most:
        raise AnalysisError("equiwidth_bucket requirement: min < max")
    if parts <= 0:
        raise AnalysisError("equiwidth_bucket requirement: buckets > 0")
    width = max((most - least) // parts, 1)
    value = args[0].sql
    return f"CASE WHEN {value} BETWEEN {least} AND {most} THEN (({value}::HUGEINT - {least}) // {width})::BIGINT END"


_RANGE = ((1, "the least value"), (2, "the greatest value"), (3, "the number of buckets"))


def _normal_cdf(args: list[Typed], context: Context) -> Typed:
    """Doris: how probable a value up to the third argument is, of a mean and a standard deviation."""
    mean, deviation, value = (arg.sql for arg in args)
    distance = f"CASE WHEN {deviation} > 0 THEN TRY(({value} - {mean}) / ({deviation} * sqrt(2))) END"
    bound = context.stages.bind(derived(distance, Kind.DOUBLE, *args))
    return derived(f"(0.5::DOUBLE * ({call('erf', bound.sql)} + 1))", Kind.DOUBLE, bound)


for _name in ("sin", "cos", "tan", "atan", "sinh", "cosh", "tanh", "asinh", "cbrt"):
    MATH.add(_name, "D", Kind.DOUBLE, _finite(_name + "({0})"))
for _name in ("asin", "acos"):
    MATH.add(_name, "D", Kind.DOUBLE, f"CASE WHEN {{0}} BETWEEN -1 AND 1 THEN {_name}({{0}}) END")
MATH.add("acosh", "D", Kind.DOUBLE, "CASE WHEN {0} >= 1 THEN acosh({0}) END")
MATH.add("atanh", "D", Kind.DOUBLE, "CASE WHEN abs({0}) < 1 THEN atanh({0}) END")
MATH.add("atan2", "DD", Kind.DOUBLE, "atan2({0}, {1})")
MATH.add("cot", "D", Kind.DOUBLE, _finite("(1 / nullif(tan({0}), 0))"))
MATH.add("sec", "D", Kind.DOUBLE, _finite("(1 / nullif(cos({0}), 0))"))
MATH.add("csc cosec", "D", Kind.DOUBLE, _finite("(1 / nullif(sin({0}), 0))"))
MATH.add("degrees", "D", Kind.DOUBLE, "degrees({0})")
MATH.add("radians", "D", Kind.DOUBLE, "radians({0})")
MATH.add("pi", "", Kind.DOUBLE, "pi()")
MATH.add("e", "", Kind.DOUBLE, "exp(1.0::DOUBLE)")
MATH.add("log", "DD?", Kind.DOUBLE, _log)
MATH.add("square", "D", Kind.DOUBLE, _finite("({0} * {0})"))
MATH.add("multiply", "DD", Kind.DOUBLE, _times("*"))
MATH.add("divide", "DD", Kind.DOUBLE, _times("/"))
MATH.add("pmod", "NN", lambda args: args[0].kind if args[0].kind is args[1].kind else Kind.DOUBLE, _pmod)
MATH.add("positive", "N", lambda args: args[0].kind, "{0}")
MATH.add("negative", "N", lambda args: args[0].kind, "TRY(-{0})")
MATH.add("round_bankers", "DI?", Kind.DOUBLE, _round_half)
MATH.add("even", "D", Kind.INT, "TRY_CAST(even({0}) AS BIGINT)")
MATH.add("signbit", "D", Kind.BOOL, "signbit({0})")
MATH.add("is_nan isnan", "D", Kind.BOOL, "isnan({0})")
MATH.add("isinf", "D", Kind.BOOL, "isinf({0})")
MATH.add("gcd", "II", Kind.LARGEINT, _gcd("gcd"))
MATH.add("lcm", "II", Kind.LARGEINT, _gcd("lcm"))
MATH.add("factorial", "I", Kind.INT, _factorial)
MATH.add("conv", "TII", Kind.TEXT, _conv)
MATH.add("width_bucket", "DDDI", Kind.INT, _width_bucket)
MATH.add("bar", "DDDI", Kind.TEXT, _bar)
MATH.add("equiwidth_bucket", "IIII", Kind.INT, _equiwidth_bucket)
MATH.add("normal_cdf", "DDD", Kind.DOUBLE, _normal_cdf)
MATH.add("money_format", "D", Kind.TEXT, "CASE WHEN isfinite({0}) THEN format('{{:,.2f}}', round({0}, 2)) END")
MATH.add("format_round", "DI", Kind.TEXT, _format_round)
MATH.add("format", "AAA*", Kind.TEXT, _format)
MATH.add("format_number", "D", Kind.TEXT, _units("K M B T Q", 1000, to_text("{0}", Kind.DOUBLE)))
MATH.add("format_bytes", "I", Kind.TEXT, _format_bytes)
MATH.add("parse_data_size", "T", Kind.LARGEINT, _parse_data_size)
