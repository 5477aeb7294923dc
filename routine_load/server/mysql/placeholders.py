"""Prepared statements without a planner: owns how a value is written in place of a ``?``.

A value becomes a MySQL literal that cannot end its own quotes whether or not the reader takes backslashes for
escapes: a quote is doubled, a backslash is doubled, and line ends are written as escapes. Refuses to know SQL, and
where quotes and comments end (``sql.splitting``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta

Parameter = None | int | float | str | bytes | date | datetime | timedelta
"""``bytes`` is text or binary, ``str`` a decimal number as text."""

_NUMBER = re.compile(r"[+-]?(?:\d++\.?\d*+|\.\d++)(?:[eE][+-]?\d++)?\Z")
_ESCAPES = {"\0": "\\0", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z", "\\": "\\\\", "'": "''"}
_ESCAPED = re.compile("[\0\n\r\x1a\\\\']")


def substitute(text: str, places: Sequence[int], values: Sequence[Parameter]) -> str:
    """``text`` with a literal in place of each mark."""
    parts: list[str] = []
    begin = 0
    for place, value in zip(places, values, strict=True):
        parts += [text[begin:place], literal(value)]
        begin = place + 1
    return "".join(parts) + text[begin:]


def literal(value: Parameter) -> str:
    """``value`` as MySQL text. A negative number gets a blank, so that a minus before it makes no comment."""
    match value:
        case None:
            written = "NULL"
        case bytes():
            written = _bytes_literal(value)
        case str():
            written = _signed(value) if _NUMBER.match(value) else quoted(value)
        case datetime():
            written = quoted(value.isoformat(sep=" "))
        case date():
            written = quoted(value.isoformat())
        case timedelta():
            written = quoted(duration_text(value))
        case float():
            written = _signed(repr(value)) if math.isfinite(value) else quoted(str(value))
        case _:
            written = _signed(str(value))
    return written


def quoted(value: str) -> str:
    return "'" + _ESCAPED.sub(lambda found: _ESCAPES[found.group()], value) + "'"


def duration_text(value: timedelta) -> str:
    """A MySQL TIME: hours may pass 24, fractions only where there are any."""
    micros = round(value / timedelta(microseconds=1))
    sign = "-" if micros < 0 else ""
    seconds, micros = divmod(abs(micros), 1_000_000)
    fraction = f".{micros:06d}" if micros else ""
    return f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"


def _bytes_literal(value: bytes) -> str:
    try:
        return quoted(value.decode())
    except UnicodeDecodeError:
        return f"X'{value.hex()}'"


def _signed(number: str) -> str:
    return f" {number}" if number.startswith("-") else number
