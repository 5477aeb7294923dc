"""Dates and times: the many spellings that load, the job's time zone, and both vendors' format strings.

Nothing here depends on DuckDB's session time zone: a zone is always written into the expression.
"""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from routine_load.errors import AnalysisError
from routine_load.transform.typed import quoted

_BLANKS = "' ' || chr(9) || chr(10) || chr(13)"
# DuckDB would take 24:00 as the next day, and prints the year 0 as a year before Christ.
_HOUR = r"([01]?\d|2[0-3])"
_YEAR = r"(000[1-9]|00[1-9]\d|0[1-9]\d{2}|[1-9]\d{3})"
_FIRST, _LAST = "TIMESTAMP '0001-01-01 00:00:00'", "TIMESTAMP '9999-12-31 23:59:59.999999'"
_FRACTION = r"(\.\d{1,6})?\d*"
_GAP = r"(?:[T:]| +)"
_SEPARATED = (
    rf"^{_YEAR}[-/.](\d{{1,2}})[-/.](\d{{1,2}})(?:{_GAP}{_HOUR}(?::(\d{{1,2}})(?::(\d{{1,2}}){_FRACTION})?)?)?$"
)
_COMPACT = rf"^{_YEAR}(\d{{2}})(\d{{2}})(?:[T ]?([01]\d|2[0-3])(\d{{2}})(\d{{2}}){_FRACTION})?$"
_PARTS = "['y', 'm', 'd', 'h', 'i', 's', 'f']"
_OFFSET = re.compile(r"([+-])(\d{1,2}):(\d{2})")

_SHORT_YEAR = r"(\d{6}|\d{12}|\d{2}[-/.].*)"


def text_to_datetime(text: str, zone: str, *, usual_only: bool = False) -> str:
    """SQL: TIMESTAMP of any spelling the vendors load; NULL when it is none. ``text`` must be cheap to repeat.

    ``usual_only``: NULL for every spelling but those that DuckDB prints, with a time of day and without.
    """
    cast, day = f"TRY_CAST({text} AS TIMESTAMP)", f"TRY_CAST({text} AS DATE)"
    usual = f"CASE WHEN {cast}::VARCHAR = {text} AND {text} LIKE '____-__-__ __:__:__%' THEN {cast}"
    usual += f" WHEN strlen({text}) = 10 AND {day}::VARCHAR = {text} THEN CAST({day} AS TIMESTAMP)"
    return f"{usual} END" if usual_only else f"{usual} ELSE {_any_datetime(text, zone)} END"


def text_to_date(text: str, zone: str, *, usual_only: bool = False) -> str:
    """SQL: DATE of the same spellings; a time of day is cut off."""
    cast = f"TRY_CAST({text} AS DATE)"
    usual = f"CASE WHEN {cast}::VARCHAR = {text} AND strlen({text}) = 10 THEN {cast}"
    return f"{usual} END" if usual_only else f"{usual} ELSE CAST({_any_datetime(text, zone)} AS DATE) END"


def _any_datetime(text: str, zone: str) -> str:
    """SQL of every spelling. Its parts have names (lambdas over one element): whatever is repeated is planned again."""
    # MySQL: two-digit years 70-99 are 19xx, 00-69 are 20xx.
    century = "CASE WHEN __t >= '70' THEN '19' ELSE '20' END || __t"
    full = f"CASE WHEN regexp_full_match(__t, {quoted(_SHORT_YEAR)}) THEN {century} ELSE __t END"
    parts = (
        f"regexp_extract({full}, {quoted(_SEPARATED)}, {_PARTS}), regexp_extract({full}, {quoted(_COMPACT)}, {_PARTS})"
    )
    parts = f"list_filter([{parts}], lambda __p: __p.y <> '')"
    day = "__p.y || '-' || __p.m || '-' || __p.d"
    # What a spelling leaves out is nought.
    clock = "coalesce(nullif(__p.h, ''), '00') || ':' || coalesce(nullif(__p.i, ''), '00') || ':'"
    clock += " || coalesce(nullif(__p.s, ''), '00') || coalesce(__p.f, '')"
    local = f"list_transform({parts}, lambda __p: TRY_CAST({day} || ' ' || {clock} AS TIMESTAMP))[1]"
    zoned = r"\d{4}-\d{1,2}-\d{1,2}[T ]\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)? ?(?:Z|[+-]\d{2}:?\d{2})"
    moment = in_zone("TRY_CAST(__t AS TIMESTAMPTZ)", zone)
    within = f"CASE WHEN {moment} BETWEEN {_FIRST} AND {_LAST} THEN {moment} END"
    either = f"CASE WHEN regexp_full_match(__t, {quoted(zoned)}) THEN {within} ELSE {local} END"
    return f"(list_transform([trim({text}, {_BLANKS})], lambda __t: {either})[1])"


def check_zone(zone: str) -> None:
    """Raise AnalysisError for a time zone that is neither a region nor ``±HH:MM``."""
    match = _OFFSET.fullmatch(zone)
    if match is not None:
        if int(match[2]) <= 14 and int(match[3]) < 60:
            return
    elif zone.upper() not in {"UTC", "GMT", "CST"}:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as cause:
            raise AnalysisError(f"Unknown or incorrect time zone: '{zone}'") from cause
        return
    else:
        return
    raise AnalysisError(f"Unknown or incorrect time zone: '{zone}'")


def _region(zone: str) -> str:
    return "Asia/Shanghai" if zone.upper() == "CST" else zone


def _offset_seconds(zone: str) -> int | None:
    match = _OFFSET.fullmatch(zone)
    if match is None:
        return 0 if zone.upper() in {"UTC", "GMT"} else None
    seconds = int(match[2]) * 3600 + int(match[3]) * 60
    return -seconds if match[1] == "-" else seconds


def in_zone(instant: str, zone: str) -> str:
    """SQL: local TIMESTAMP in ``zone`` of a TIMESTAMPTZ."""
    offset = _offset_seconds(zone)
    if offset is not None:
        return f"TRY((timezone('UTC', {instant}) + to_seconds({offset})))"
    return f"timezone({quoted(_region(zone))}, {instant})"


def instant_of_local(local: str, zone: str) -> str:
    """SQL: TIMESTAMPTZ of a local TIMESTAMP in ``zone``."""
    offset = _offset_seconds(zone)
    if offset is not None:
        return f"timezone('UTC', ({local}) - to_seconds({offset}))"
    return f"timezone({quoted(_region(zone))}, {local})"


def epoch_in_zone(local: str, zone: str) -> str:
    """SQL: seconds since 1970 (DOUBLE) of a local TIMESTAMP in ``zone``."""
    offset = _offset_seconds(zone)
    if offset is not None:
        return f"(epoch({local}) - {offset})"
    return f"epoch(timezone({quoted(_region(zone))}, {local}))"


def local_of_epoch(seconds: str, zone: str) -> str:
    """SQL: local TIMESTAMP in ``zone`` of seconds since 1970 (a number); NULL beyond year 9999."""
    offset = _offset_seconds(zone)
    # make_timestamp takes microseconds and knows no zone: for an offset that is all there is to do.
    if offset is not None:
        return f"make_timestamp((({seconds}) + {offset})::BIGINT * 1000000)"
    return f"timezone({quoted(_region(zone))}, to_timestamp({seconds}))"


# Both vendors' format letters → DuckDB's strftime.
_MYSQL = {
    "a": "%a", "b": "%b", "c": "%-m", "d": "%d", "e": "%-d", "f": "%f", "H": "%H", "h": "%I", "I": "%I", "i": "%M",
    "j": "%j", "k": "%-H", "l": "%-I", "M": "%B", "m": "%m", "p": "%p", "r": "%I:%M:%S %p", "S": "%S", "s": "%S",
    "T": "%H:%M:%S", "W": "%A", "Y": "%Y", "y": "%y", "w": "%w", "v": "%V", "x": "%G", "U": "%U", "u": "%W", "%": "%%",
}  # fmt: skip
_JAVA = {"yyyy-MM-dd HH:mm:ss": "%Y-%m-%d %H:%M:%S", "yyyy-MM-dd": "%Y-%m-%d", "yyyyMMdd": "%Y%m%d"}
_JAVA_LETTERS = (
    ("yyyy", "%Y"), ("yy", "%y"), ("MM", "%m"), ("dd", "%d"), ("HH", "%H"), ("hh", "%I"), ("mm", "%M"), ("ss", "%S"),
    ("SSS", "%g"),
)  # fmt: skip


def strftime_format(text: str, function: str) -> str:
    """A vendor's format string as DuckDB writes it. Raises AnalysisError for a letter that has no equal."""
    if "%" not in text:
        return _java_format(text)
    out: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char != "%":
            out.append(char)
            at += 1
            continue
        letter = text[at + 1 : at + 2]
        if not letter:
            out.append("%%")
        elif letter in _MYSQL:
            out.append(_MYSQL[letter])
        elif letter in "DVX":
            raise AnalysisError(f"{function}: the format specifier %{letter} is not supported here")
        else:
            out.append(letter.replace("%", "%%"))
        at += 2
    return "".join(out)


def _java_format(text: str) -> str:
    if text in _JAVA:
        return _JAVA[text]
    out, at = "", 0
    while at < len(text):
        for letters, form in _JAVA_LETTERS:
            if text.startswith(letters, at):
                out += form
                at += len(letters)
                break
        else:
            out += text[at]
            at += 1
    return out
