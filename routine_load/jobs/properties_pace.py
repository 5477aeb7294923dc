"""Job properties of our own that decide when and how fast a job loads: accepted for both vendors, by CREATE and ALTER.

Owns their spellings and bounds. Refuses to know what the scheduler makes of them (``scheduler.turns``, ``.rates``).
"""

from __future__ import annotations

import re
from typing import Final

from routine_load.errors import PropertyError
from routine_load.jobs import property_rules as rules

PRIORITY: Final = 10
"""Of a job that names none."""
PRIORITY_MAX: Final = 100
_FRESHNESS_MAX_MS: Final = 24 * 3_600 * 1_000

_BYTES = re.compile(r"\s*(\d{1,15})\s*(B|KB|MB|GB)?(?:/s)?\s*", re.IGNORECASE | re.ASCII)
_UNITS: Final = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}
_DURATION = re.compile(r"\s*(\d{1,8})\s*(ms|s|m)\s*", re.IGNORECASE | re.ASCII)
_MILLISECONDS: Final = {"ms": 1, "s": 1_000, "m": 60_000}
_YES: Final = frozenset({"true", "on", "1"})
_NO: Final = frozenset({"false", "off", "0"})


def rate(text: str) -> object:
    """Bytes a second; an empty text or 0 takes the limit away."""
    match = _BYTES.fullmatch(text)
    if match is None and text.strip():
        raise PropertyError(f"rate_limit is '{text[:32]}'; it is a number of bytes a second, as in '1048576' or '10MB'")
    return int(match[1]) * _UNITS[(match[2] or "B").upper()] if match else 0


def freshness(text: str) -> object:
    """Milliseconds; an empty text asks for the service's own linger."""
    if not text.strip():
        return rules.DEFAULT
    match = _DURATION.fullmatch(text)
    found = int(match[1]) * _MILLISECONDS[match[2].lower()] if match else None
    if found is None or found > _FRESHNESS_MAX_MS:
        raise PropertyError(f"freshness is '{text[:32]}'; it is a time from '0ms' to '1440m', as in '200ms' or '5s'")
    return found


def switch(text: str) -> object:
    """``true`` and ``false`` as SET spells them."""
    word = text.strip().lower()
    if not word:
        return rules.DEFAULT
    if word not in _YES | _NO:
        raise PropertyError(f"early_commit is '{text[:32]}', allowed: on, off, true, false")
    return word in _YES


def freshness_text(milliseconds: int | None) -> str:
    """As CREATE takes it; empty where the job names none."""
    return "" if milliseconds is None else f"{milliseconds}ms"


_PRIORITY = rules.at_least(1, f"priority should be a number from 1 to {PRIORITY_MAX}", PRIORITY_MAX)

OWN: tuple[rules.Rule, ...] = (
    rules.Rule(key="priority", field="priority", create=_PRIORITY, alter=_PRIORITY),
    rules.Rule(key="rate_limit", field="rate_limit", create=rate, alter=rate),
    rules.Rule(key="freshness", field="freshness_ms", create=freshness, alter=freshness),
    rules.Rule(key="early_commit", field="early_commit", create=switch, alter=switch),
)
