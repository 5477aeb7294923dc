"""Weeks by every rule, differences, epochs, and TIME values, which travel as text 'HH:MM:SS'."""

from __future__ import annotations

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.transform.moments import (
    check_zone,
    epoch_in_zone,
    in_zone,
    instant_of_local,
    local_of_epoch,
    text_to_datetime,
)
from routine_load.transform.operators import as_kind
from routine_load.transform.registry import Builder, Context, Family, constant
from routine_load.transform.time_formats import formatted, week_number
from routine_load.transform.typed import Kind, Typed, clamped, derived, quoted

CALENDAR = Family()
_PERIOD_MAX = 10**15
_TIME_MAX = 838 * 3600 + 59 * 60 + 59
_TIME_TEXT = r"^ *(-?)(\d{1,3}):([0-5]?\d)(?::([0-5]?\d))?(?:\.(\d{1,6})\d*)? *$"
_DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SECONDS_MAX = 253_402_243_199


def _week(*, with_year: bool) -> Builder:
    def build(args: list[Typed], _: Context) -> str:
        if len(args) == 1:
            return week_number(args[0].sql, 0, with_year=with_year)
        if args[1].kind is Kind.NULL:
            return "NULL::BIGINT"
        text = constant(args, 1, "week", "the mode")
        mode = int(text) if text.lstrip("-").isdigit() else 0
        return week_number(args[0].sql, mode if 0 <= mode <= 7 else 7, with_year=with_year)

    return build


def time_text(micros: str, *, fraction: bool) -> str:
    """SQL of microseconds as a TIME."""
    size = f"abs({micros})"
    hours, rest = f"{size} // 3600000000", f"{size} // 1000000"
    shown = f"format('{{:02d}}:{{:02d}}:{{:02d}}', {hours}, ({rest} // 60) % 60, {rest} % 60)"
    if fraction:
        shown += f" || (CASE WHEN {size} % 1000000 = 0 THEN '' ELSE format('.{{:06d}}', {size} % 1000000) END)"
    return f"(CASE WHEN {micros} < 0 THEN '-' ELSE '' END) || {shown}"


def _bounded(micros: str) -> str:
    return clamped(micros, -_TIME_MAX * 1_000_000, _TIME_MAX * 1_000_000)


def micros_of_time(text: str) -> str:
    """SQL: microseconds of a TIME's text; NULL for what is none."""

    def part(group: int) -> str:
        return f"regexp_extract({text}, {quoted(_TIME_TEXT)}, {group})"

    whole = " + ".join(
        f"coalesce(TRY_CAST({part(group)} AS BIGINT), 0) * {size}"
        for group, size in ((2, 3_600_000_000), (3, 60_000_000), (4, 1_000_000))
    )
    fraction = f"coalesce(TRY_CAST(rpad({part(5)}, 6, '0') AS BIGINT), 0)"
    sign = f"(CASE WHEN {part(1)} = '-' THEN -1 ELSE 1 END)"
    return f"CASE WHEN regexp_matches({text}, {quoted(_TIME_TEXT)}) THEN {sign} * ({whole} + {fraction}) END"


def _time_of(args: list[Typed], context: Context) -> Typed:
    """Microseconds since midnight of a TIME's text, of a moment, or of a moment's text."""
    value = args[0]
    if value.kind in {Kind.DATE, Kind.DATETIME}:
        moment = context.stages.bind(as_kind(value, Kind.DATETIME, context))
        return derived(f"(epoch_us({moment.sql}) - epoch_us(date_trunc('day', {moment.sql})))", Kind.INT, moment)
    text = context.stages.bind(as_kind(value, Kind.TEXT, context))
    moment = context.stages.bind(derived(f"({text_to_datetime(text.sql, context.zone)})", Kind.DATETIME, text))
    since = f"epoch_us({moment.sql}) - epoch_us(date_trunc('day', {moment.sql}))"
    return derived(f"coalesce({micros_of_time(text.sql)}, {since})", Kind.INT, text, moment)


def _time_to_sec(args: list[Typed], context: Context) -> Typed:
    micros = context.stages.bind(_time_of(args, context))
    return derived(f"({micros.sql} // 1000000)", Kind.INT, micros)


def _time(args: list[Typed], context: Context) -> Typed:
    micros = context.stages.bind(_time_of(args, context))
    return derived(f"({time_text(micros.sql, fraction=True)})", Kind.TEXT, micros)


def _time_format(args: list[Typed], context: Context) -> Typed:
    micros = context.stages.bind(_time_of(args[:1], context))
    moment = context.stages.bind(derived(f"make_timestamp({micros.sql} % 86400000000)", Kind.DATETIME, micros))
    text = constant(args, 1, "time_format", "the format")
    if not text:
        raise AnalysisError("time_format: the format must not be empty")
    return derived(f"({formatted(moment.sql, text, 'time_format')})", Kind.TEXT, moment)


def _sec_to_time(args: list[Typed], context: Context) -> Typed:
    whole = as_kind(args[0], Kind.DOUBLE, context)
    scaled = f"TRY_CAST(round({_bounded(f'({whole.sql} * 1000000)')}) AS BIGINT)"
    micros = context.stages.bind(derived(scaled, Kind.INT, whole))
    return derived(f"({time_text(micros.sql, fraction=True)})", Kind.TEXT, micros)


def _timediff(args: list[Typed], context: Context) -> Typed:
    """StarRocks: whole seconds."""
    gap = f"(epoch_us({args[0].sql}) - epoch_us({args[1].sql}))"
    if context.compat is Compat.STARROCKS:
        gap = f"({gap} // 1000000 * 1000000)"
    micros = context.stages.bind(derived(gap, Kind.INT, *args))
    return derived(f"({time_text(micros.sql, fraction=True)})", Kind.TEXT, micros)


def _maketime(args: list[Typed], context: Context) -> Typed:
    hours, minutes, seconds = (arg.sql for arg in args)
    whole = f"((abs({hours}) * 3600 + {minutes} * 60) * 1000000 + TRY_CAST(round({seconds} * 1000000) AS BIGINT))"
    signed = _bounded(f"(CASE WHEN {hours} < 0 THEN -{whole} ELSE {whole} END)")
    known = f"{minutes} BETWEEN 0 AND 59 AND {seconds} >= 0 AND {seconds} < 60 AND abs({hours}) < 1000000"
    micros = context.stages.bind(derived(f"(CASE WHEN {known} THEN {signed} END)", Kind.INT, *args))
    return derived(f"({time_text(micros.sql, fraction=True)})", Kind.TEXT, micros)


def _add_time(sign: int) -> Builder:
    def build(args: list[Typed], _: Context) -> str:
        return f"TRY({args[0].sql} + to_microseconds({sign} * ({micros_of_time(args[1].sql)})))"

    return build


def _convert_tz(args: list[Typed], _: Context) -> Typed:
    """A zone that nobody knows makes NULL."""
    zones = [constant(args, i, "convert_tz", "a time zone") for i in (1, 2)]
    try:
        for zone in zones:
            check_zone(zone)
    except AnalysisError:
        return Typed("NULL::TIMESTAMP", Kind.DATETIME, atomic=True)
    instant = instant_of_local(args[0].sql, zones[0])
    return derived(f"TRY({in_zone(instant, zones[1])})", Kind.DATETIME, args[0])


def _moment_of_epoch(per_second: int, zoned: bool) -> Builder:
    """A moment in the job's (or no) time zone; NULL before 1970 in Doris and beyond the last second."""

    def build(args: list[Typed], context: Context) -> str:
        zone = context.zone if zoned else "UTC"
        micros = f"{args[0].sql} * {1_000_000 // per_second}"
        seconds = f"({args[0].sql} // {per_second})"
        rest = f"to_microseconds({micros} % 1000000)"
        low = 0 if context.compat is Compat.DORIS else -62_135_596_800
        known = f"{args[0].sql} BETWEEN {low * per_second} AND {_SECONDS_MAX * per_second}"
        return f"CASE WHEN {known} THEN {local_of_epoch(seconds, zone)} + {rest} END"

    return build


def _to_datetime(zoned: bool) -> Builder:
    """StarRocks: a Unix timestamp and its scale (0, 3, 6); a text or moment is itself."""

    def build(args: list[Typed], context: Context) -> Typed:
        if len(args) == 1 and args[0].kind not in {Kind.INT, Kind.LARGEINT}:
            return as_kind(args[0], Kind.DATETIME, context)
        value = context.stages.bind(as_kind(args[0], Kind.INT, context))
        scale = args[1].literal if len(args) > 1 else "0"
        if scale not in {"0", "3", "6"}:
            return Typed("NULL::TIMESTAMP", Kind.DATETIME, atomic=True)
        made = _moment_of_epoch(10 ** int(scale), zoned)([value], context)
        assert isinstance(made, str)
        return derived(f"({made})", Kind.DATETIME, value)

    return build


def _epoch(per_second: int) -> Builder:
    def build(args: list[Typed], context: Context) -> str:
        whole = f"date_trunc('second', {args[0].sql})"
        seconds = f"floor({epoch_in_zone(whole, context.zone)})"
        micros = f"TRY_CAST({seconds} AS BIGINT) * 1000000 + epoch_us({args[0].sql}) % 1000000"
        return f"(({micros}) // {1_000_000 // per_second})"

    return build


def _next_day(sign: int) -> Builder:
    """The nearest such weekday after (before) a day. StarRocks: names and their first two or three letters."""

    def build(args: list[Typed], context: Context) -> str:
        name = args[1].sql
        if context.compat is Compat.DORIS:
            name = f"lower({name})"
        titled = [day if context.compat is Compat.DORIS else day.title() for day in _DAY_NAMES]
        cases = " ".join(
            f"WHEN {name} IN ('{day}', '{day[:2]}', '{day[:3]}') THEN {at}" for at, day in enumerate(titled, 1)
        )
        wanted = f"(CASE {cases} END)"
        gap = f"((({sign} * ({wanted} - isodow({args[0].sql}))) + 6) % 7 + 1)"
        return f"TRY(({args[0].sql}::DATE + ({sign} * {gap})::INTEGER))"

    return build


def _months_between(args: list[Typed], _: Context) -> str:
    """Oracle's: 31 days a month; whole months where both are the same day or the last of their month."""
    one, other = args[0].sql, args[1].sql
    months = f"((year({one}) - year({other})) * 12 + month({one}) - month({other}))::DOUBLE"
    same = f"day({one}) = day({other}) OR ({one} = last_day({one}) AND {other} = last_day({other}))"
    parts = f"{months} + (day({one}) - day({other})) / 31.0::DOUBLE"
    shown = (
        f"CASE WHEN {args[2].sql} THEN round({parts}, 8) ELSE {parts} END" if len(args) > 2 else f"round({parts}, 8)"
    )
    unknown = f"{args[2].sql} IS NULL OR " if len(args) > 2 else ""
    return f"CASE WHEN {unknown}{one} IS NULL OR {other} IS NULL THEN NULL WHEN {same} THEN {months} ELSE {shown} END"


def _months_of_period(value: str) -> str:
    year = f"({value} // 100)"
    full = f"(CASE WHEN {year} < 70 THEN {year} + 2000 WHEN {year} < 100 THEN {year} + 1900 ELSE {year} END)"
    known = f"{value} BETWEEN 0 AND {_PERIOD_MAX} AND {value} % 100 BETWEEN 1 AND 12"
    return f"CASE WHEN {known} THEN {full} * 12 + {value} % 100 - 1 END"


def _period_add(args: list[Typed], context: Context) -> Typed:
    months = context.stages.bind(
        derived(
            f"({_months_of_period(args[0].sql)} + {clamped(args[1].sql, -_PERIOD_MAX, _PERIOD_MAX)})", Kind.INT, *args
        )
    )
    return derived(f"({months.sql} // 12 * 100 + {months.sql} % 12 + 1)", Kind.INT, months)


def _period_diff(args: list[Typed], _: Context) -> str:
    return f"(({_months_of_period(args[0].sql)}) - ({_months_of_period(args[1].sql)}))"


def _from_iso8601_date(args: list[Typed], _: Context) -> str:
    """YYYY, YYYY-MM, YYYY-MM-DD, YYYY-DDD, YYYY-Www, YYYY-Www-D."""
    text = args[0].sql
    year = f"left({text}, 4)"
    first = f"TRY_CAST({year} || '-01-01' AS DATE)"
    number = f"TRY_CAST(substring({text}, 6, 3) AS INTEGER)"
    days = f"dayofyear(make_date(year({first}), 12, 31))"
    by_day = f"(CASE WHEN {number} BETWEEN 1 AND {days} THEN {first} + {number} - 1 END)"
    monday = f"(TRY_CAST({year} || '-01-04' AS DATE) - (isodow(TRY_CAST({year} || '-01-04' AS DATE)) - 1)::INTEGER)"
    week = f"TRY_CAST(substring({text}, 7, 2) AS INTEGER)"
    weekday = f"(CASE WHEN length({text}) = 10 THEN TRY_CAST(right({text}, 1) AS INTEGER) ELSE 1 END)"
    known = f"{week} BETWEEN 1 AND 53 AND {weekday} BETWEEN 1 AND 7"
    by_week = f"(CASE WHEN {known} THEN {monday} + ({week} - 1) * 7 + {weekday} - 1 END)"
    return (
        rf"CASE WHEN regexp_full_match({text}, '\d{{4}}') THEN {first} "
        rf"WHEN regexp_full_match({text}, '\d{{4}}-\d{{2}}') THEN TRY_CAST({text} || '-01' AS DATE) "
        rf"WHEN regexp_full_match({text}, '\d{{4}}-\d{{2}}-\d{{2}}') THEN TRY_CAST({text} AS DATE) "
        rf"WHEN regexp_full_match({text}, '\d{{4}}-\d{{3}}') THEN {by_day} "
        rf"WHEN regexp_full_match({text}, '\d{{4}}-W\d{{2}}(-\d)?') THEN {by_week} END"
    )


def _iso_text(args: list[Typed], context: Context) -> Typed:
    """A DATE without a time; everything else with six digits of a second."""
    if args[0].kind is Kind.DATE:
        return derived(f"strftime({args[0].sql}, '%Y-%m-%d')", Kind.TEXT, args[0])
    moment = context.stages.bind(as_kind(args[0], Kind.DATETIME, context))
    return derived(f"strftime({moment.sql}, '%Y-%m-%dT%H:%M:%S.%f')", Kind.TEXT, moment)


def _date_diff(args: list[Typed], _: Context) -> str:
    unit = constant(args, 0, "date_diff", "the unit").lower()
    if unit not in {"year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond"}:
        raise AnalysisError(f"date_diff: the unit {unit} is not supported")
    return f"date_sub({quoted(unit)}, {args[2].sql}, {args[1].sql})"


def _to_monday(args: list[Typed], _: Context) -> str:
    """Doris: the first days of 1970 stay in that year."""
    day = args[0].sql
    first = f"{day} BETWEEN DATE '1970-01-01' AND DATE '1970-01-04'"
    return f"CASE WHEN {first} THEN DATE '1970-01-01' ELSE TRY({day} - (isodow({day}) - 1)::INTEGER) END"


def _from_days(args: list[Typed], _: Context) -> str:
    return (
        f"CASE WHEN {args[0].sql} BETWEEN 366 AND 3652424 THEN DATE '0001-01-01' + ({args[0].sql} - 366)::INTEGER END"
    )


def _now_text(form: str, *, utc: bool) -> Builder:
    return lambda _, context: f"strftime({in_zone('now()', 'UTC' if utc else context.zone)}, {quoted(form)})"


CALENDAR.add("week", "mA?", Kind.INT, _week(with_year=False))
CALENDAR.add("yearweek", "mA?", Kind.INT, _week(with_year=True))
CALENDAR.add("week_iso", "m", Kind.INT, "weekofyear({0})")
CALENDAR.add("day_of_week_iso dayofweek_iso", "m", Kind.INT, "isodow({0})")
CALENDAR.add("year_of_week yow", "m", Kind.INT, "isoyear({0})")
CALENDAR.add("century", "m", Kind.INT, "century({0})")
CALENDAR.add("microsecond", "m", Kind.INT, "epoch_us({0}) % 1000000")
CALENDAR.add("time_to_sec", "A", Kind.INT, _time_to_sec)
CALENDAR.add("sec_to_time", "A", Kind.TEXT, _sec_to_time)
CALENDAR.add("time", "A", Kind.TEXT, _time)
CALENDAR.add("time_format", "AF", Kind.TEXT, _time_format)
CALENDAR.add("timediff", "mm", Kind.TEXT, _timediff)
CALENDAR.add("maketime", "IID", Kind.TEXT, _maketime)
CALENDAR.add("add_time addtime", "mT", Kind.DATETIME, _add_time(1))
CALENDAR.add("sub_time subtime", "mT", Kind.DATETIME, _add_time(-1))
CALENDAR.add("convert_tz", "mFF", Kind.DATETIME, _convert_tz)
CALENDAR.add("from_unixtime_ms", "I", Kind.TEXT, lambda args, context: (
    f"CASE WHEN {args[0].sql} BETWEEN 0 AND {_SECONDS_MAX * 1000 + 999} "
    f"THEN strftime({local_of_epoch(f'({args[0].sql} // 1000)', context.zone)}, '%Y-%m-%d %H:%M:%S') END"
))  # fmt: skip
CALENDAR.add("from_second", "I", Kind.DATETIME, _moment_of_epoch(1, zoned=True))
CALENDAR.add("from_millisecond", "I", Kind.DATETIME, _moment_of_epoch(1_000, zoned=True))
CALENDAR.add("from_microsecond", "I", Kind.DATETIME, _moment_of_epoch(1_000_000, zoned=True))
CALENDAR.add("to_datetime", "AA?", Kind.DATETIME, _to_datetime(zoned=True))
CALENDAR.add("to_datetime_ntz unixtime_to_datetime_ntz", "AA?", Kind.DATETIME, _to_datetime(zoned=False))
CALENDAR.add("unixtime_to_datetime", "IA?", Kind.DATETIME, _to_datetime(zoned=True))
CALENDAR.add("second_timestamp", "m", Kind.INT, _epoch(1))
CALENDAR.add("millisecond_timestamp", "m", Kind.INT, _epoch(1_000))
CALENDAR.add("microsecond_timestamp", "m", Kind.INT, _epoch(1_000_000))
CALENDAR.add("next_day", "mT", Kind.DATE, _next_day(1))
CALENDAR.add("previous_day", "mT", Kind.DATE, _next_day(-1))
CALENDAR.add("months_between", "ddB?", Kind.DOUBLE, _months_between)
CALENDAR.add("period_add", "II", Kind.INT, _period_add)
CALENDAR.add("period_diff", "II", Kind.INT, _period_diff)
CALENDAR.add("from_iso8601_date", "T", Kind.DATE, _from_iso8601_date)
CALENDAR.add("to_iso8601", "A", Kind.TEXT, _iso_text)
CALENDAR.add("date_diff", "Fmm", Kind.INT, _date_diff)
CALENDAR.add("to_monday", "d", Kind.DATE, _to_monday)
CALENDAR.add("from_days", "I", Kind.DATE, _from_days)
CALENDAR.add("to_seconds", "m", Kind.INT,
             "epoch_us({0}) // 1000000 + 62167219200")  # fmt: skip
CALENDAR.add("utc_date", "", Kind.DATE, "CAST(timezone('UTC', now()) AS DATE)")
CALENDAR.add("utc_time", "", Kind.TEXT, _now_text("%H:%M:%S", utc=True))
CALENDAR.add("curtime current_time", "", Kind.TEXT, _now_text("%H:%M:%S", utc=False))
CALENDAR.add("current_timezone", "", Kind.TEXT, lambda _, context: quoted(context.zone))
