"""Time functions. Seconds since 1970 and "now" are read in the job's time zone, which every expression names."""

from __future__ import annotations

from collections.abc import Callable

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.transform.moments import (
    epoch_in_zone,
    in_zone,
    local_of_epoch,
    strftime_format,
)
from routine_load.transform.operators import as_kind
from routine_load.transform.registry import Builder, Context, Family, whole_number
from routine_load.transform.time_formats import formatted, joda_format, joda_formatted, tera_format
from routine_load.transform.typed import Kind, Typed, clamped, derived, quoted

TIME = Family()
_SECONDS_MAX = 253_402_243_199
"""The vendors' last second: 9999-12-31 15:59:59 UTC."""
_DEFAULT_FORMAT = "%Y-%m-%d %H:%i:%s"


def _format_text(args: list[Typed], index: int, function: str) -> str:
    """The constant format argument."""
    if len(args) <= index:
        return _DEFAULT_FORMAT
    text = args[index].literal
    if not text:
        raise AnalysisError(f"{function}: the format must be a constant text, and not empty")
    return text


def _format(args: list[Typed], index: int, function: str) -> str:
    """The constant format argument as a literal of DuckDB's strptime."""
    return quoted(strftime_format(_format_text(args, index, function), function))


def _from_unixtime(args: list[Typed], context: Context) -> str:
    seconds = args[0].sql
    moment = local_of_epoch(seconds, context.zone)
    shown = formatted(moment, _format_text(args, 1, "from_unixtime"), "from_unixtime")
    return f"CASE WHEN {seconds} BETWEEN 0 AND {_SECONDS_MAX} THEN {shown} END"


def _unix_timestamp(args: list[Typed], context: Context) -> str | Typed:
    if not args:
        return "epoch(now())::BIGINT"
    if len(args) > 1:
        text = as_kind(args[0], Kind.TEXT, context)
        form = _format(args, 1, "unix_timestamp")
        moment = derived(f"try_strptime({text.sql}, {form})", Kind.DATETIME, text)
    else:
        moment = as_kind(args[0], Kind.DATETIME, context)
    moment = context.stages.bind(moment)
    seconds = f"TRY_CAST(floor({epoch_in_zone(moment.sql, context.zone)}) AS BIGINT)"
    # Before 1970 and beyond the last second: 0, as the vendors answer.
    known = f"CASE WHEN {seconds} BETWEEN 0 AND {_SECONDS_MAX} THEN {seconds} WHEN {seconds} IS NOT NULL THEN 0 END"
    return derived(f"({known})", Kind.INT, moment)


def _str_to_date(args: list[Typed], _: Context) -> str:
    moment = f"try_strptime({args[0].sql}, {_format(args, 1, 'str_to_date')})"
    return moment if _str_to_date_kind(args) is Kind.DATETIME else f"CAST({moment} AS DATE)"


def _str_to_date_kind(args: list[Typed]) -> Kind:
    """A format without a time of day makes a DATE."""
    text = args[1].literal or ""
    return Kind.DATETIME if any(f"%{letter}" in text for letter in "HhIiklSsfTr") else Kind.DATE


def _date_format(args: list[Typed], _: Context) -> str:
    return formatted(args[0].sql, _format_text(args, 1, "date_format"), "date_format")


def _str2date(args: list[Typed], _: Context) -> str:
    return f"CAST(try_strptime({args[0].sql}, {_format(args, 1, 'str2date')}) AS DATE)"


def _joda(args: list[Typed], _: Context) -> str:
    return joda_formatted(args[0].sql, _format_text(args, 1, "jodatime_format"), "jodatime_format")


def _from_joda(args: list[Typed], _: Context) -> str:
    form = joda_format(_format_text(args, 1, "str_to_jodatime"), "str_to_jodatime")
    return f"try_strptime({args[0].sql}, {quoted(form)})"


def _from_tera(args: list[Typed], _: Context) -> str:
    return f"try_strptime({args[0].sql}, {quoted(tera_format(_format_text(args, 1, 'to_tera_timestamp')))})"


def _now(context: Context) -> str:
    return in_zone("now()", context.zone)


def _now_of(args: list[Typed], context: Context) -> str:
    """Both vendors: ``now(p)`` has p digits of a second, at most 6, cut; ``now()`` none."""
    if not args:
        return f"date_trunc('second', {_now(context)})"
    digits = whole_number(args, 0, "now", "the number of digits")
    if not 0 <= digits <= SECOND_DIGITS:
        raise AnalysisError(f"now: the number of digits must be between 0 and {SECOND_DIGITS}, not {digits}")
    unit = 10 ** (SECOND_DIGITS - digits)
    return f"make_timestamp(epoch_us({_now(context)}) // {unit} * {unit})"


SECOND_DIGITS = 6


def _to_date(args: list[Typed], context: Context) -> Typed:
    return as_kind(args[0], Kind.DATE, context)


def _shift(unit: str, sign: int) -> Builder:
    def build(args: list[Typed], _: Context) -> str:
        # A count beyond any calendar would overflow: TRY makes it NULL.
        count = f"({sign} * {clamped(args[1].sql, -400_000_000_000, 400_000_000_000)})"
        if unit not in {"seconds", "hours", "minutes", "microseconds", "milliseconds"}:
            count = f"TRY_CAST({count} AS INTEGER)"
        return f"TRY({args[0].sql} + to_{unit}({count}))"

    return build


UNITS = {
    "YEAR": "years", "QUARTER": "quarters", "MONTH": "months", "WEEK": "weeks", "DAY": "days", "HOUR": "hours",
    "MINUTE": "minutes", "SECOND": "seconds", "MILLISECOND": "milliseconds", "MICROSECOND": "microseconds",
}  # fmt: skip
"""Interval units → DuckDB's to_<unit>."""


def shift(unit: str, *, back: bool) -> Builder:
    """Adds (or subtracts) a count of units to a moment. Raises AnalysisError for a unit that is none."""
    if unit.upper() not in UNITS:
        raise AnalysisError(f"interval unit {unit} is not supported, use one of {', '.join(UNITS)}")
    return _shift(UNITS[unit.upper()], -1 if back else 1)


def _date_trunc(args: list[Typed], context: Context) -> Typed:
    """StarRocks: the unit first; Doris: either way round."""
    units = {"year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond"}
    unit, value = args[0].literal, args[1]
    if context.compat is Compat.DORIS and (args[1].literal or "").lower() in units:
        unit, value = args[1].literal, args[0]
    if (unit or "").lower() not in units:
        raise AnalysisError("date_trunc function just support year|quarter|month|week|day|hour|minute|second")
    moment = as_kind(value, Kind.DATETIME, context)
    return derived(f"(date_trunc({quoted(str(unit).lower())}, {moment.sql}))", Kind.DATETIME, moment)


def _difference(part: str) -> Callable[[list[Typed], Context], str]:
    def build(args: list[Typed], _: Context) -> str:
        # Whole units that passed, so date_sub (DuckDB counts boundaries in date_diff).
        return f"date_sub({quoted(part)}, {args[1].sql}, {args[0].sql})"

    return build


TIME.add("from_unixtime", "IF?", Kind.TEXT, _from_unixtime)
TIME.add("unix_timestamp", "A?F?", Kind.INT, _unix_timestamp)
TIME.add("str_to_date", "TF", _str_to_date_kind, _str_to_date)
TIME.add("str2date", "TF", Kind.DATE, _str2date)
TIME.add("jodatime_format", "mF", Kind.TEXT, _joda)
TIME.add("str_to_jodatime", "TF", Kind.DATETIME, _from_joda)
TIME.add("to_tera_timestamp", "TF", Kind.DATETIME, _from_tera)
TIME.add("to_tera_date", "TF", Kind.DATE, lambda args, context: f"CAST({_from_tera(args, context)} AS DATE)")
TIME.add("date_format", "mF", Kind.TEXT, _date_format)
TIME.add("to_date date", "A", Kind.DATE, _to_date)
TIME.add("timestamp", "m", Kind.DATETIME, "{0}")
TIME.add("now current_timestamp localtime localtimestamp", "I?", Kind.DATETIME, _now_of)
TIME.add("curdate current_date", "", Kind.DATE, lambda _, c: f"CAST({_now(c)} AS DATE)")
TIME.add("utc_timestamp", "", Kind.DATETIME, "date_trunc('second', timezone('UTC', now()))")
for _part in ("year", "quarter", "month", "hour", "minute", "second", "dayofyear"):
    TIME.add(_part, "m", Kind.INT, f"{_part}({{0}})")
TIME.add("day dayofmonth", "m", Kind.INT, "day({0})")
TIME.add("dayofweek", "m", Kind.INT, "dayofweek({0}) + 1")
TIME.add("weekday", "m", Kind.INT, "isodow({0}) - 1")
TIME.add("weekofyear", "m", Kind.INT, "weekofyear({0})")
TIME.add("dayname", "m", Kind.TEXT, "dayname({0})")
TIME.add("monthname", "m", Kind.TEXT, "monthname({0})")
TIME.add("last_day", "m", Kind.DATE, "last_day({0})")
TIME.add("date_trunc", "AA", Kind.DATETIME, _date_trunc)
TIME.add("datediff", "mm", Kind.INT, "date_diff('day', {1}, {0})")
TIME.add("makedate", "II", Kind.DATE,
         "CASE WHEN {0} BETWEEN 0 AND 9999 AND {1} BETWEEN 1 AND 4000000 "
         "THEN TRY(make_date({0}, 1, 1) + ({1} - 1)::INTEGER) END")  # fmt: skip
TIME.add("to_days", "d", Kind.INT, "date_diff('day', DATE '0001-01-01', {0}) + 366")
TIME.add("date_add adddate days_add", "mI", Kind.DATETIME, _shift("days", 1))
TIME.add("date_sub subdate days_sub", "mI", Kind.DATETIME, _shift("days", -1))
for _unit in ("years", "quarters", "months", "weeks", "hours", "minutes", "seconds", "milliseconds", "microseconds"):
    TIME.add(f"{_unit}_add", "mI", Kind.DATETIME, _shift(_unit, 1))
    TIME.add(f"{_unit}_sub", "mI", Kind.DATETIME, _shift(_unit, -1))
TIME.add("add_months", "mI", Kind.DATETIME, _shift("months", 1))
for _part in ("year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond", "microsecond"):
    TIME.add(f"{_part}s_diff", "mm", Kind.INT, _difference(_part))
