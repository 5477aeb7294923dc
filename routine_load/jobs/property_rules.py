"""How one property's text becomes its value: the few kinds of rule that both vendors' property tables are made of.

Owns conversion and the shape of refusals. Refuses to know which properties there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from routine_load.errors import PropertyError
from routine_load.sql.statements import Property

Values = dict[str, object]
"""Fields of ``JobProperties`` by name, as far as a statement gave them."""

Parse = Callable[[str], object]
"""Text → value; raises PropertyError. ``DEFAULT`` is returned where the text asks for the default."""

_LONG_MAX = 2**63 - 1
_LONG_MIN = -(2**63)
_TEXT_MAX = 20
_JAVA_DOUBLE = re.compile(
    r"[\x00-\x20]*[+-]?(?:NaN|Infinity|(?:\d++\.?\d*+|\.\d++)(?:[eE][+-]?\d{1,5})?[dDfF]?)[\x00-\x20]*", re.ASCII
)


class _Default:
    """Marks an empty number: both vendors read it as "use the default"."""


DEFAULT = _Default()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of a vendor's property table. ``field`` None: accepted and without effect.

    ``alter`` None: ALTER refuses the key as invalid.
    """

    key: str
    field: str | None
    create: Parse
    alter: Parse | None = None


def long_number(text: str) -> int | None:
    """A Java ``long``; None for anything else."""
    digits = text[1:] if text[:1] in {"+", "-"} else text
    if not digits.isdecimal() or not digits.isascii() or len(digits) > _TEXT_MAX:
        return None
    number = int(text)
    return number if _LONG_MIN <= number <= _LONG_MAX else None


def at_least(minimum: int, refusal: str, maximum: int = _LONG_MAX) -> Parse:
    """A number in a range; the refusal is the same for a text that is no number."""

    def parse(text: str) -> object:
        if text == "":
            return DEFAULT
        number = long_number(text)
        if number is None or not minimum <= number <= maximum:
            raise PropertyError(refusal)
        return number

    return parse


def ratio(not_a_number: str, out_of_range: str) -> Parse:
    """A number from 0 to 1, both included, as Java reads one; NaN is out of range."""

    def parse(text: str) -> object:
        if text == "":
            return DEFAULT
        if not _JAVA_DOUBLE.fullmatch(text):
            raise PropertyError(not_a_number)
        number = float(text.strip().rstrip("dDfF"))
        if not 0.0 <= number <= 1.0:
            raise PropertyError(out_of_range)
        return number

    return parse


def lenient_boolean(text: str) -> object:
    """``true`` in any case is true; any other text is false, without error."""
    return text.lower() == "true"


def strict_boolean(refusal: str) -> Parse:
    def parse(text: str) -> object:
        if text.lower() not in {"true", "false"}:
            raise PropertyError(refusal)
        return text.lower() == "true"

    return parse


def any_text(text: str) -> object:
    return text


def one_of(choices: tuple[str, ...], refusal: Callable[[str], str]) -> Parse:
    """One of some upper-case words, in any case."""

    def parse(text: str) -> object:
        if text.upper() not in choices:
            raise PropertyError(refusal(text))
        return text.upper()

    return parse


def last_values(properties: tuple[Property, ...]) -> dict[str, str]:
    """Trimmed keys; the last of repeated ones wins; values as they are."""
    return {p.key.strip(): p.value for p in properties}


def read(given: Mapping[str, str], rules: tuple[Rule, ...], *, altering: bool) -> Values:
    """Apply the rules in their order. Unknown keys are refused before any value is looked at."""
    known = {rule.key for rule in rules if not altering or rule.alter is not None}
    for key in given:
        if key not in known:
            raise PropertyError(f"{key} is invalid property")
    values: Values = {}
    for rule in rules:
        parse = rule.alter if altering else rule.create
        if rule.key not in given or parse is None:
            continue
        value = parse(given[rule.key])
        if rule.field is not None:
            values[rule.field] = value
    return values
