"""Moments cut to periods: slices, floors and ceilings of years to microseconds, counted from an origin."""

from __future__ import annotations

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.transform.operators import as_kind
from routine_load.transform.registry import Builder, Context, Family
from routine_load.transform.typed import Kind, Typed, derived

PERIODS = Family()
_ORIGIN = "TIMESTAMP '0001-01-01 00:00:00'"
_MONTHS = {"YEAR": 12, "QUARTER": 3, "MONTH": 1}
_MICROS = {
    "WEEK": 604_800_000_000, "DAY": 86_400_000_000, "HOUR": 3_600_000_000, "MINUTE": 60_000_000, "SECOND": 1_000_000,
    "MILLISECOND": 1_000, "MICROSECOND": 1,
}  # fmt: skip
_PERIODS_MAX = 100_000


def floor_of(moment: str, count: str, unit: str, origin: str = _ORIGIN) -> str:
    """SQL: where the period of ``count`` units since ``origin`` begins that holds the moment; NULL for count < 1."""
    known = f"{count} BETWEEN 1 AND {_PERIODS_MAX}"
    if unit in _MONTHS:
        size = f"({count} * {_MONTHS[unit]})"
        passed = f"((year({moment}) - year({origin})) * 12 + month({moment}) - month({origin}))"
        whole = f"({passed} - (CASE WHEN {origin} + to_months({passed}::INTEGER) > {moment} THEN 1 ELSE 0 END))"
        months = f"(floor({whole}::DOUBLE / {size}) * {size})::INTEGER"
        return f"CASE WHEN {known} THEN TRY({origin} + to_months({months})) END"
    size = f"({count} * {_MICROS[unit]})"
    passed = f"(epoch_us({moment}) - epoch_us({origin}))"
    below = f"((({passed} % {size}) + {size}) % {size})"
    return f"CASE WHEN {known} THEN make_timestamp(epoch_us({moment}) - {below}) END"


def _after(begin: str, count: str, unit: str) -> str:
    """SQL: the beginning of the next period."""
    if unit in _MONTHS:
        return f"TRY({begin} + to_months(({count} * {_MONTHS[unit]})::INTEGER))"
    return f"TRY(make_timestamp(epoch_us({begin}) + {count} * {_MICROS[unit]}))"


def sliced(moment: Typed, count: Typed, unit: str, end: bool, context: Context) -> Typed:
    """time_slice and Doris' floors: the begin or end of a period. StarRocks: the end is always after the moment."""
    begin = context.stages.bind(derived(f"({floor_of(moment.sql, count.sql, unit)})", Kind.DATETIME, moment, count))
    if not end:
        return begin
    after = _after(begin.sql, count.sql, unit)
    if context.compat is Compat.DORIS:
        after = f"CASE WHEN {begin.sql} = {moment.sql} THEN {begin.sql} ELSE {after} END"
    return derived(f"({after})", Kind.DATETIME, begin, moment, count)


def slice_unit(unit: str, function: str) -> str:
    if unit.upper() not in _MONTHS and unit.upper() not in _MICROS:
        raise AnalysisError(f"{function}: the unit {unit} is not supported")
    return unit.upper()


def _rounded_to(unit: str, *, ceil: bool) -> Builder:
    """Doris: hour_floor(moment[, period][, origin]) and its like."""

    def build(args: list[Typed], context: Context) -> Typed:
        moment, rest = args[0], args[1:]
        is_origin = (
            bool(rest)
            and rest[-1].kind in {Kind.TEXT, Kind.DATE, Kind.DATETIME}
            and not (len(rest) == 1 and (rest[0].literal or "").isdigit())
        )
        origin = Typed(_ORIGIN, Kind.DATETIME, atomic=True)
        if is_origin:
            origin = context.stages.bind(as_kind(rest[-1], Kind.DATETIME, context))
            rest = rest[:-1]
        count = context.stages.bind(as_kind(rest[0], Kind.INT, context)) if rest else Typed("1", Kind.INT, atomic=True)
        found = floor_of(moment.sql, count.sql, unit, origin.sql)
        begin = context.stages.bind(derived(f"({found})", Kind.DATETIME, moment, count, origin))
        if not ceil:
            return begin
        made = f"CASE WHEN {begin.sql} = {moment.sql} THEN {begin.sql} ELSE {_after(begin.sql, count.sql, unit)} END"
        return derived(f"({made})", Kind.DATETIME, begin, moment, count)

    return build


for _unit in ("year", "quarter", "month", "week", "day", "hour", "minute", "second"):
    PERIODS.add(f"{_unit}_floor", "mA?A?", Kind.DATETIME, _rounded_to(_unit.upper(), ceil=False))
    PERIODS.add(f"{_unit}_ceil", "mA?A?", Kind.DATETIME, _rounded_to(_unit.upper(), ceil=True))
