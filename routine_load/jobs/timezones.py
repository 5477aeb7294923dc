"""Time zones as both vendors accept and print them (StarRocks: time zone; Doris: timezone).

Owns the accepted spellings and their normal form. Refuses to know what time it is.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from routine_load.errors import UnknownTimeZone

_OFFSET = re.compile(r"([+-]?)(\d{1,2}):(\d{2})")
_SHANGHAI = frozenset({"CST", "PRC"})
_OFFSET_MIN = -12 * 60
_OFFSET_MAX = 14 * 60


@lru_cache(maxsize=1)
def _regions() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}


@lru_cache(maxsize=1024)
def standard_time_zone(text: str) -> str:
    """The normal form: a region's own spelling, or ``±HH:MM``. Raises UnknownTimeZone.

    CST and PRC are kept as written and mean Asia/Shanghai.
    """
    if match := _OFFSET.fullmatch(text):
        sign = -1 if match[1] == "-" else 1
        minutes = sign * (int(match[2]) * 60 + int(match[3]))
        if int(match[3]) < 60 and _OFFSET_MIN <= minutes <= _OFFSET_MAX:
            return f"{'-' if sign < 0 else '+'}{int(match[2]):02d}:{int(match[3]):02d}"
    elif text.upper() in _SHANGHAI:
        return text.upper()
    elif region := _regions().get(text.lower()):
        return region
    raise UnknownTimeZone(f"Unknown or incorrect time zone: '{text}'")


@lru_cache(maxsize=1024)
def zone(text: str) -> tzinfo:
    """The zone that a text names. Raises UnknownTimeZone."""
    standard = standard_time_zone(text)
    if standard in _SHANGHAI:
        return ZoneInfo("Asia/Shanghai")
    if match := _OFFSET.fullmatch(standard):
        minutes = int(match[2]) * 60 + int(match[3])
        return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes))
    return ZoneInfo(standard)


def local_text(moment: datetime, time_zone: str) -> str:
    """``yyyy-MM-dd HH:mm:ss`` on the clocks of that zone."""
    return moment.astimezone(zone(time_zone)).strftime("%Y-%m-%d %H:%M:%S")


def epoch_ms(text: str, time_zone: str) -> int | None:
    """Epoch milliseconds of ``yyyy-MM-dd HH:mm:ss`` in that zone; None where the text is no date-time.

    A bare date is midnight; a time that the zone skips or repeats is taken by the earlier offset.
    """
    if "-" not in text:  # a number, as most offsets are
        return None
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"):
        try:
            local = datetime.strptime(text, form).replace(tzinfo=zone(time_zone))
        except ValueError:
            continue
        return (local - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    return None
