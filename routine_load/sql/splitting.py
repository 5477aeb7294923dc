"""Statements in a text: where each begins and ends, and what its first words are.

Owns quotes, comments and `;`. MySQL's executable comments (``/*!40101 SET … */``) lose their marks and keep their
contents. Refuses to know what a statement means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from routine_load.errors import LimitExceeded, Position

STATEMENTS_MAX: Final = 1000

_STRING: Final = r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`(?:[^`]|``)*`"
_REMARK: Final = r"--[^\n]*|#[^\n]*|/\*(?!!)(?:[^*]|\*(?!/))*\*/"
_EXECUTABLE: Final = r"/\*!\d*"
_PIECES: Final = re.compile(
    rf"(?P<string>{_STRING})|(?P<remark>{_REMARK})|(?P<executable>{_EXECUTABLE})|(?P<close>\*/)|(?P<end>;)"
    r"|(?P<broken>['\"`]|/\*)|(?P<text>[^'\"`;/*#-]+|.)",
    re.DOTALL,
)
_LEADING: Final = re.compile(rf"(?:[\s\ufeff]+|{_REMARK})*", re.DOTALL)
_WORD: Final = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Piece:
    """One statement's text, without what stands before its first word, and where it begins."""

    text: str
    position: Position


def split(text: str) -> list[Piece]:
    """The statements of a text, empty ones left out. A quote that never closes belongs to the last statement."""
    pieces: list[Piece] = []
    start = 0
    plain, ends = _without_marks(text)
    for end in [*ends, len(plain)]:
        begin = _skip(plain, start, end)
        statement = plain[begin:end].rstrip()
        if statement:
            pieces.append(Piece(statement, _position(plain, begin)))
        if len(pieces) > STATEMENTS_MAX:
            raise LimitExceeded(f"one text may hold at most {STATEMENTS_MAX} statements")
        start = end + 1
    return pieces


def first_words(text: str, count: int) -> tuple[str, ...]:
    """The first words of a statement in upper case, comments skipped, as far as it begins with words."""
    words: list[str] = []
    place = 0
    while len(words) < count:
        place = _skip(text, place, len(text))
        match = _WORD.match(text, place)
        if match is None:
            break
        words.append(match.group().upper())
        place = match.end()
    return tuple(words)


def _without_marks(text: str) -> tuple[str, list[int]]:
    """The text, executable comments' marks turned into blanks of the same length, and where its `;` stand."""
    parts: list[str] = []
    ends: list[int] = []
    open_marks = 0
    for match in _PIECES.finditer(text):
        kind, source = match.lastgroup, match.group()
        if kind == "broken":
            parts.append(text[match.start() :])
            break
        if kind == "executable":
            open_marks += 1
            source = " " * len(source)
        elif kind == "close" and open_marks:
            open_marks -= 1
            source = "  "
        elif kind == "end":
            ends.append(match.start())
        parts.append(source)
    return "".join(parts), ends


def _skip(text: str, start: int, end: int) -> int:
    match = _LEADING.match(text, start, end)
    return match.end() if match else start


def _position(text: str, index: int) -> Position:
    before = text.count("\n", 0, index)
    return Position(before + 1, index - (text.rfind("\n", 0, index) + 1) + 1)
