"""LIKE patterns, matched in time that grows with the text and not with the number of ``%`` in the pattern.

A pattern is what a client says and the text may be what it stored before: translated to ``.*a.*a.*a`` a few dozen
characters would keep the whole process busy for hours, because a regular expression holds every other thread up. Here
each piece between two ``%`` is taken where it is found first, once and for all, which is right for LIKE: what comes
after it has the most room left. Owns that; refuses to know which characters a vendor's LIKE knows (``Wildcards``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from routine_load.errors import LimitExceeded

PATTERN_MAX: Final = 1_024
TEXT_MAX: Final = 65_536
"""What is longer (a comment of a table can be) is compared by so many of its first characters."""

Matches = Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wildcards:
    """Which character stands for one character (empty: none does), whether a backslash makes what follows it plain."""

    one: str = "_"
    escapes: bool = True
    any_case: bool = False


def like(pattern: str, wildcards: Wildcards) -> Matches:
    """Whether a whole text is like the pattern, ``%`` being any text. Raises LimitExceeded for too long a pattern."""
    if len(pattern) > PATTERN_MAX:
        raise LimitExceeded(f"The pattern of LIKE has {len(pattern)} characters, at most {PATTERN_MAX} are allowed")
    first, *others = _pieces(pattern, wildcards)
    if not others:
        return _fixed(first, wildcards)
    *inner, last = others
    # An atomic group is never entered again once it has matched.
    expression = "".join(piece.text for piece in (first, *(piece.atomic for piece in inner)))
    compiled = re.compile(expression, _flags(wildcards))
    ending = re.compile(last.text, _flags(wildcards))
    return lambda text: _in_order(text, compiled, ending, last.length)


def _fixed(piece: _Piece, wildcards: Wildcards) -> Matches:
    compiled = re.compile(piece.text, _flags(wildcards))
    return lambda text: compiled.fullmatch(text[:TEXT_MAX]) is not None


def _in_order(text: str, begin: re.Pattern[str], ending: re.Pattern[str], length: int) -> bool:
    """The pattern up to its last ``%`` at the front, what follows it at the very end, and not over each other."""
    text = text[:TEXT_MAX]
    found = begin.match(text)
    end = len(text) - length
    return found is not None and found.end() <= end and ending.fullmatch(text, end) is not None


@dataclass(frozen=True, slots=True)
class _Piece:
    """What stands between two ``%``: a regular expression for texts of one length."""

    text: str
    length: int

    @property
    def atomic(self) -> _Piece:
        return _Piece(f"(?>.*?{self.text})", self.length)


def _pieces(pattern: str, wildcards: Wildcards) -> list[_Piece]:
    pieces: list[_Piece] = []
    text, length, at = "", 0, 0
    while at < len(pattern):
        letter = pattern[at]
        at += 1
        if letter == "%":
            if length or not pieces:
                pieces.append(_Piece(text, length))
            text, length = "", 0
            continue
        if letter == "\\" and wildcards.escapes and at < len(pattern):
            letter = pattern[at]
            at += 1
            text += re.escape(letter)
        else:
            text += "." if wildcards.one and letter == wildcards.one else re.escape(letter)
        length += 1
    return [*pieces, _Piece(text, length)]


def _flags(wildcards: Wildcards) -> re.RegexFlag:
    return re.DOTALL | re.IGNORECASE if wildcards.any_case else re.DOTALL
