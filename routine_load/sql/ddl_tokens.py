"""Words of a DDL statement with their positions, and a reader that asks for them one by one.

Owns comments, quoting and escapes of both vendors' SQL. Knows no statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from routine_load.errors import Position, StatementSyntaxError

TOKENS_MAX = 200_000


class Kind(StrEnum):
    WORD = "word"
    QUOTED = "quoted"
    STRING = "string"
    NUMBER = "number"
    SYMBOL = "symbol"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """``text`` is what is meant (unquoted, unescaped); ``start`` and ``end`` cut the source."""

    kind: Kind
    text: str
    start: int
    end: int

    def is_word(self, *words: str) -> bool:
        return self.kind is Kind.WORD and self.text.upper() in words


_TOKEN = re.compile(
    r"""
    (?P<skip>\s+|--(?=\s|$)[^\n]*|\#[^\n]*|/\*.*?\*/)
  | (?P<quoted>`(?:[^`]|``)*`)
  | (?P<string>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
  | (?P<number>(?:\d++\.?\d*+|\.\d++)(?:[eE][+-]?\d++)?(?![A-Za-z_$]))
  | (?P<word>@{0,2}[^\W]+[\w$]*)
  | (?P<symbol><=>|<=|>=|<>|!=|->|:=|\|\||&&|[^\w\s])
    """,
    re.VERBOSE | re.DOTALL,
)

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a"}


def unescape(literal: str) -> str:
    """The text that a quoted string literal means."""
    quote, body = literal[0], literal[1:-1]
    body = body.replace(quote * 2, quote)
    if "\\" not in body:
        return body
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m.group(1), m.group(1)), body, flags=re.DOTALL)


def literal(text: str) -> str:
    """SQL text of a string constant, for both vendors and DuckDB alike."""
    return "'" + text.replace("'", "''") + "'"


def position(source: str, offset: int) -> Position:
    line = source.count("\n", 0, offset) + 1
    return Position(line, offset - (source.rfind("\n", 0, offset) + 1) + 1)


def _scan(source: str) -> Iterator[Token]:
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise StatementSyntaxError(f"Unexpected input '{source[at : at + 16]}'", position=position(source, at))
        text, at = match.group(), match.end()
        match match.lastgroup:
            case "skip":
                continue
            case "quoted":
                yield Token(Kind.QUOTED, text[1:-1].replace("``", "`"), match.start(), at)
            case "string":
                yield Token(Kind.STRING, unescape(text), match.start(), at)
            case kind:
                yield Token(Kind(str(kind)), text, match.start(), at)
    yield Token(Kind.END, "", len(source), len(source))


def first_word(source: str) -> str:
    """The first word in upper case, comments skipped; cheap however long the statement is. Empty for none."""
    token = next(_scan(source))
    return token.text.upper() if token.kind is Kind.WORD else ""


class Reader:
    """Asks for the words of one statement in order; what does not fit is a syntax error at its place."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._tokens: list[Token] = []
        for token in _scan(source):
            self._tokens.append(token)
            if len(self._tokens) > TOKENS_MAX:
                raise StatementSyntaxError(f"Statement has more than {TOKENS_MAX} words")
        while len(self._tokens) > 1 and self._tokens[-2].text == ";" and self._tokens[-2].kind is Kind.SYMBOL:
            del self._tokens[-2]
        self._at = 0

    def peek(self, ahead: int = 0) -> Token:
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def next(self) -> Token:
        token = self.peek()
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def at_end(self) -> bool:
        return self.peek().kind is Kind.END

    def looks_at(self, *words: str) -> bool:
        """Whether the next words are these, in order; nothing is consumed."""
        return all(self.peek(i).is_word(word) for i, word in enumerate(words))

    def accept(self, *words: str) -> bool:
        if not self.looks_at(*words):
            return False
        self._at += len(words)
        return True

    def accept_symbol(self, symbol: str) -> bool:
        token = self.peek()
        if token.kind is not Kind.SYMBOL or token.text != symbol:
            return False
        self._at += 1
        return True

    def expect(self, *words: str) -> None:
        for word in words:
            if not self.accept(word):
                raise self.unexpected(f"'{word}'")

    def expect_symbol(self, symbol: str) -> None:
        if not self.accept_symbol(symbol):
            raise self.unexpected(f"'{symbol}'")

    def expect_end(self) -> None:
        if not self.at_end():
            raise self.unexpected("<EOF>")

    def name(self) -> str:
        """One identifier, quoted or not."""
        token = self.peek()
        if token.kind not in (Kind.WORD, Kind.QUOTED) or not token.text:
            raise self.unexpected("an identifier")
        return self.next().text

    def string(self) -> str:
        if self.peek().kind is not Kind.STRING:
            raise self.unexpected("a string")
        return self.next().text

    def integer(self) -> int:
        token = self.peek()
        if token.kind is not Kind.NUMBER or not token.text.isdigit():
            raise self.unexpected("an integer")
        return int(self.next().text)

    def names(self) -> tuple[str, ...]:
        """``(a, b, …)``."""
        self.expect_symbol("(")
        found = [self.name()]
        while self.accept_symbol(","):
            found.append(self.name())
        self.expect_symbol(")")
        return tuple(found)

    def skip_parentheses(self) -> str:
        """Step over one balanced ``( … )``; the exact source text, parentheses included."""
        start = self.peek().start
        self.expect_symbol("(")
        depth = 1
        while depth:
            token = self.next()
            if token.kind is Kind.END:
                raise self.unexpected("')'")
            if token.kind is Kind.SYMBOL:
                depth += {"(": 1, ")": -1}.get(token.text, 0)
        return self.source[start : self.peek(-1).end]

    def slice_from(self, start: int) -> str:
        """Source text from an offset to the last word consumed."""
        return self.source[start : self._tokens[max(self._at - 1, 0)].end]

    def unexpected(self, wanted: str) -> StatementSyntaxError:
        token = self.peek()
        seen = self.source[token.start : token.end] or "<EOF>"
        return StatementSyntaxError(
            f"Unexpected input '{seen}', the most similar input is {{{wanted}}}",
            position=position(self.source, token.start),
        )
