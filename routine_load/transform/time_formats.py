"""Moments written by a vendor's format, where strftime alone cannot: weeks by MySQL's rules, days with a suffix, Joda.

A format is cut into pieces: what DuckDB's strftime knows, and SQL for the rest.
"""

from __future__ import annotations

import re

from routine_load.errors import AnalysisError
from routine_load.transform.moments import strftime_format
from routine_load.transform.typed import quoted

_OUTPUT_MAX = 128
_JODA = {
    "yyyy": "%Y", "y": "%Y", "yy": "%y", "MM": "%m", "M": "%-m", "MMM": "%b", "MMMM": "%B", "dd": "%d", "d": "%-d",
    "HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "m": "%-M", "ss": "%S", "s": "%-S", "SSS": "%g",
    "a": "%p", "E": "%a", "EE": "%a", "EEE": "%a", "EEEE": "%A", "e": "%u", "DDD": "%j", "D": "%-j", "xxxx": "%G",
    "x": "%G", "ww": "%V",
}  # fmt: skip
_TERA = (
    ("yyyy", "%Y"), ("yy", "%y"), ("hh24", "%H"), ("hh", "%I"), ("mi", "%M"), ("mm", "%m"), ("dd", "%d"),
    ("ss", "%S"), ("am", "%p"), ("pm", "%p"),
)  # fmt: skip


def week_number(day: str, mode: int, *, with_year: bool = False) -> str:
    """SQL of MySQL's WEEK(day, mode), or YEARWEEK(day, mode) with the year in front."""
    monday = bool(mode & 1)
    by_first_weekday = bool(mode & 4) == monday
    weekday = f"(isodow({day}) - 1)" if monday else f"(isodow({day}) % 7)"
    # A week belongs to the year of this day of it: its first, or its fourth.
    anchor = f"({day}::DATE - {weekday}::INTEGER + {0 if by_first_weekday else 3})"
    number = "((dayofyear({0}) - 1) // 7 + 1)"
    if with_year:
        return f"(year({anchor}) * 100 + {number.format(anchor)})"
    if mode & 2:
        return number.format(anchor)
    last = number.format(f"({anchor} - 7)")
    return (
        f"(CASE WHEN year({anchor}) < year({day}) THEN 0 WHEN year({anchor}) > year({day}) THEN {last} + 1 "
        f"ELSE {number.format(anchor)} END)"
    )


def formatted(moment: str, text: str, function: str) -> str:
    """SQL of the moment by a format of both vendors: MySQL's letters, or some of Java's."""
    pieces: list[str] = []
    for part in re.split(r"(%[DVXUu])", text):
        if re.fullmatch(r"%[DVXUu]", part):
            pieces.append(_SPECIAL[part].format(moment))
        elif part:
            pieces.append(f"strftime({moment}, {quoted(strftime_format(part, function))})")
    return " || ".join(pieces) if pieces else f"strftime({moment}, '')"


def _two(number: str) -> str:
    return f"lpad(({number})::VARCHAR, 2, '0')"


_DAY = (
    "(day({0})::VARCHAR || CASE WHEN day({0}) IN (11, 12, 13) THEN 'th' WHEN day({0}) % 10 = 1 THEN 'st' "
    "WHEN day({0}) % 10 = 2 THEN 'nd' WHEN day({0}) % 10 = 3 THEN 'rd' ELSE 'th' END)"
)
_SPECIAL = {
    "%D": _DAY,
    "%U": _two(week_number("{0}", 0)),
    "%u": _two(week_number("{0}", 1)),
    "%V": _two(week_number("{0}", 2)),
    "%X": f"left(lpad(({week_number('{0}', 2, with_year=True)})::VARCHAR, 6, '0'), 4)",
}


def _joda_parts(text: str) -> list[tuple[str, str]]:
    """(kind, text): ``letters`` of one field, or ``plain``; quotes hold plain text, two of them are one."""
    parts: list[tuple[str, str]] = []
    for match in re.finditer(r"''|'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+|'", text):
        if match[0] == "''":
            parts.append(("plain", "'"))
        elif match[1] is not None:
            parts.append(("plain", match[1].replace("''", "'")))
        else:
            parts.append(("letters" if match[2] else "plain", match[0]))
    return parts


def joda_format(text: str, function: str) -> str:
    """A Joda pattern as DuckDB's strftime and strptime read it. Raises AnalysisError for a field without an equal."""
    out = ""
    for kind, part in _joda_parts(text):
        if kind == "plain":
            out += part.replace("%", "%%")
        elif part in _JODA:
            out += _JODA[part]
        else:
            raise AnalysisError(f"{function}: the format letters {part} are not supported here")
    return out


def joda_formatted(moment: str, text: str, function: str) -> str:
    """SQL of the moment by a Joda pattern; NULL for more than 128 bytes."""
    pieces: list[str] = []
    for kind, part in _joda_parts(text):
        if kind == "letters" and part == "ee":
            pieces.append(_two(f"isodow({moment})"))
        elif kind == "letters" and part == "KK":
            pieces.append(_two(f"hour({moment}) % 12"))
        elif kind == "letters" and part == "K":
            pieces.append(f"(hour({moment}) % 12)::VARCHAR")
        else:
            quote = "'" + part.replace("'", "''") + "'" if kind == "plain" else part
            pieces.append(f"strftime({moment}, {quoted(joda_format(quote, function))})")
    made = " || ".join(pieces) if pieces else f"strftime({moment}, '')"
    return f"CASE WHEN strlen({made}) <= {_OUTPUT_MAX} THEN {made} END"


def tera_format(text: str) -> str:
    """A Teradata pattern as DuckDB's strptime reads it."""
    out, at = "", 0
    while at < len(text):
        for letters, form in _TERA:
            if text.lower().startswith(letters, at):
                out += form
                at += len(letters)
                break
        else:
            out += text[at].replace("%", "%%")
            at += 1
    return out
