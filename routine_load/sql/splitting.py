"""Statements in a text: where each begins and ends, and what its first words are.

The one owner of comments and of where quotes end: whatever reads a statement after this module sees blanks where its
comments stood, so no two readers can disagree about them. MySQL's executable comments are comments, too, except where
one is a whole statement (``/*!40101 SET NAMES utf8mb4 */``, as drivers and dumps send it): it can neither change
another statement nor hold a second one. Refuses to know what a statement means.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from typing import Final

from routine_load.errors import LimitExceeded, Position, StatementSyntaxError

STATEMENTS_MAX: Final = 1000
_ENDS_MAX: Final = 100_000

_STRING: Final = r"'(?:[^'\\]++|\\.|'')*+'|\"(?:[^\"\\]++|\\.|\"\")*+\"|`(?:[^`]++|``)*+`"
_REMARK: Final = r"--[^\r\n]*|#[^\r\n]*|/\*(?:[^*]++|\*(?!/))*+\*/"
_PIECES: Final = re.compile(
    rf"(?P<string>{_STRING})|(?P<remark>{_REMARK})|(?P<end>;)|(?P<broken>['\"`]|/\*)|(?P<text>[^'\"`;/*#-]+|.)",
    re.DOTALL,
)
_ONE: Final = re.compile(rf"(?:[^'\"`;/#\ufeff-]++|-(?!-)|/(?!\*)|{_STRING})*+", re.DOTALL)
"""A text that is one statement without comments, as most are: nothing in it ends and nothing becomes a blank."""
_LEADING: Final = re.compile(rf"(?:[\s\ufeff]+|{_REMARK})*", re.DOTALL)
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_VISIBLE: Final = re.compile(r"[^\r\n]")
_EXECUTABLE: Final = re.compile(r"/\*!(?P<version>\d{5,6}(?!\d))?(?P<body>(?!\d).*)\*/", re.DOTALL)
_VERSION_MAX: Final = 80099
"""Executable comments for later servers than MySQL 8.0 are comments (MariaDB's dumps begin with ``/*!999999\\- …``)."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One statement's text from its first word on, with blanks for comments, and where it begins."""

    text: str
    position: Position


def split(text: str) -> list[Piece]:
    """The statements of a text, empty ones left out. Raises StatementSyntaxError where a quote or comment never ends.

    Every character keeps its place; what stands in a comment becomes a blank.
    """
    scan = _scanned(text)
    if len(scan.ends) > _ENDS_MAX:
        raise LimitExceeded(f"one text may hold at most {_ENDS_MAX} semicolons, empty statements included")
    pieces: list[Piece] = []
    start = seen = 0
    line = 1
    for end in [*scan.ends, len(text)]:
        begin = _skip(scan.plain, start, end)
        statement = scan.plain[begin:end].rstrip()
        if not statement:
            begin, statement = scan.executable(text, start, end)
        if statement:
            line += text.count("\n", seen, begin)
            seen = begin
            pieces.append(Piece(statement, Position(line, _column(text, begin))))
        if len(pieces) > STATEMENTS_MAX:
            raise LimitExceeded(f"one text may hold at most {STATEMENTS_MAX} statements")
        start = end + 1
    return pieces


def has_several_statements(text: str) -> bool:
    """Whether more than one statement would be run. Raises as ``split`` does."""
    return ";" in text and len(split(text)) > 1


def marks(text: str) -> tuple[int, ...]:
    """The places of the ``?`` that stand outside quotes and comments."""
    found: list[int] = []
    for match in _PIECES.finditer(text):
        if match.lastgroup == "broken":
            break
        if match.lastgroup == "text":
            found += [place for place in range(*match.span()) if text[place] == "?"]
    return tuple(found)


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


@dataclass(frozen=True, slots=True)
class _Scan:
    """A text with blanks for comments, where its `;` stand, and where its executable comments begin and end."""

    plain: str
    ends: list[int]
    executables: list[tuple[int, int]]

    def executable(self, text: str, start: int, end: int) -> tuple[int, str]:
        """What the one executable comment of an otherwise empty statement says: where it begins, and its text."""
        first = bisect.bisect_left(self.executables, (start, 0))
        inside = [place for place in self.executables[first : first + 2] if place[0] < end]
        match = _EXECUTABLE.fullmatch(text, *inside[0]) if len(inside) == 1 else None
        if match is None or int(match["version"] or 0) > _VERSION_MAX:
            return start, ""
        try:
            body = _scanned(match["body"])
        except StatementSyntaxError:
            return start, ""
        if body.ends:
            return start, ""
        begin = _skip(body.plain, 0, len(body.plain))
        return match.start("body") + begin, body.plain[begin:].rstrip()


def _scanned(text: str) -> _Scan:
    if _ONE.fullmatch(text):
        return _Scan(text, [], [])
    parts: list[str] = []
    ends: list[int] = []
    executables: list[tuple[int, int]] = []
    for match in _PIECES.finditer(text):
        kind, source = match.lastgroup, match.group()
        if kind == "broken":
            raise _unterminated(text, match.start())
        if kind == "remark":
            if source.startswith("/*!"):
                executables.append(match.span())
            source = _VISIBLE.sub(" ", source)
        elif kind == "text":
            source = source.replace("\ufeff", " ")
        elif kind == "end":
            ends.append(match.start())
        parts.append(source)
    return _Scan("".join(parts), ends, executables)


def _skip(text: str, start: int, end: int) -> int:
    match = _LEADING.match(text, start, end)
    return match.end() if match else start


def _unterminated(text: str, index: int) -> StatementSyntaxError:
    place = Position(text.count("\n", 0, index) + 1, _column(text, index))
    what = "comment" if text.startswith("/*", index) else "quoted text"
    return StatementSyntaxError(f"unterminated {what} at line {place.line}, column {place.column}", position=place)


def _column(text: str, index: int) -> int:
    return index - text.rfind("\n", 0, index)
