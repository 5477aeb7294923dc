"""Doris: ``INSERT INTO t [(…)] [WITH LABEL l] SELECT … FROM http_stream(…) [WHERE …]``, the header ``sql`` of a load.

Owns where its parts are; what the items and the condition mean is said by load expressions. A statement that is more
than a list of values of each row is refused by name. Refuses to know what is loaded, and what a property means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlglot.dialects.doris import Doris
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from routine_load.errors import AnalysisError, StatementSyntaxError
from routine_load.sql.expression_tokens import TOKENS_MAX, position_in

TEXT_MAX: Final = 64 * 1024
SOURCE: Final = "HTTP_STREAM"
_OPENING: Final = {TokenType.L_PAREN, TokenType.L_BRACKET}
_CLOSING: Final = {TokenType.R_PAREN, TokenType.R_BRACKET}
_NAMES: Final = {TokenType.IDENTIFIER, TokenType.VAR}
_REFUSED: Final = {"GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "JOIN", "LATERAL", "QUALIFY"}
_ESCAPED: Final = re.compile(r"\\([\\\"'])")


@dataclass(frozen=True, slots=True)
class StreamedInsert:
    """``columns`` empty: the table's own. ``items`` empty: ``*``. ``where`` empty: none. ``database`` may be empty."""

    database: str
    table: str
    columns: tuple[str, ...]
    label: str
    items: tuple[str, ...]
    properties: Mapping[str, str]
    where: str


def parse_streamed_insert(text: str) -> StreamedInsert:
    """Raises StatementSyntaxError, AnalysisError."""
    if len(text) > TEXT_MAX:
        raise AnalysisError(f"the statement has {len(text)} characters, at most {TEXT_MAX} are allowed")
    try:
        tokens = list(Doris().tokenizer().tokenize(text))
    except TokenError as error:
        raise StatementSyntaxError("a quoted text or a comment does not end") from error
    if len(tokens) > TOKENS_MAX:
        raise AnalysisError(f"the statement has {len(tokens)} tokens, at most {TOKENS_MAX} are allowed")
    if tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens.pop()
    return _Reader(text, tokens).insert()


class _Reader:
    """One pass over the tokens."""

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self._text = text
        self._tokens = tokens
        self._at = 0

    def insert(self) -> StreamedInsert:
        self._need("INSERT")
        self._need("INTO")
        name = self._dotted()
        columns = self._listed() if self._is(TokenType.L_PAREN) else ()
        label = ""
        if self._takes("WITH"):
            self._need("LABEL")
            label = self._name()
        self._need("SELECT")
        items = self._items()
        self._need("FROM")
        self._need(SOURCE)
        properties = self._properties()
        if self._takes("AS") or (self._at < len(self._tokens) and self._tokens[self._at].token_type in _NAMES):
            self._name()
        where = self._rest() if self._takes("WHERE") else ""
        if self._at < len(self._tokens):
            raise self._unexpected("WHERE, or the end of the statement")
        return StreamedInsert(
            database=name[-2] if len(name) > 1 else "",
            table=name[-1],
            columns=columns,
            label=label,
            items=() if items == ["*"] else tuple(items),
            properties=properties,
            where=where,
        )

    def _items(self) -> list[str]:
        """The texts between the commas, without what names them."""
        items: list[str] = []
        start, depth = self._at, 0
        while self._at < len(self._tokens):
            kind, word = self._tokens[self._at].token_type, self._word()
            depth += (kind in _OPENING) - (kind in _CLOSING)
            if depth == 0 and (kind is TokenType.COMMA or word == "FROM"):
                items.append(self._item(start, self._at))
                start = self._at + 1
            if depth == 0 and word == "FROM":
                return items
            self._at += 1
        raise self._unexpected("FROM http_stream(…)")

    def _item(self, start: int, stop: int) -> str:
        if stop - start > 2 and self._tokens[stop - 2].text.upper() == "AS":
            stop -= 2
        if start >= stop:
            raise self._unexpected("a value")
        return self._slice(start, stop)

    def _rest(self) -> str:
        start = self._at
        while self._at < len(self._tokens):
            if self._word().partition(" ")[0] in _REFUSED:
                raise self._refused(self._tokens[self._at])
            self._at += 1
        if start == self._at:
            raise self._unexpected("a condition")
        return self._slice(start, self._at)

    def _properties(self) -> dict[str, str]:
        self._need_kind(TokenType.L_PAREN, "(")
        found: dict[str, str] = {}
        while not self._is(TokenType.R_PAREN):
            key = self._quoted()
            self._need_kind(TokenType.EQ, "=")
            found[key.strip().lower()] = self._quoted()
            if not self._is(TokenType.R_PAREN):
                self._need_kind(TokenType.COMMA, ",")
        self._at += 1
        return found

    def _quoted(self) -> str:
        """A text as it was written, but for its quotes: separators keep their escapes."""
        token = self._need_kind(TokenType.STRING, "a quoted text")
        quote = self._text[token.start]
        inner = self._text[token.start + 1 : token.end].replace(quote * 2, quote)
        return _ESCAPED.sub(r"\1", inner)

    def _dotted(self) -> list[str]:
        names = [self._name()]
        while self._is(TokenType.DOT):
            self._at += 1
            names.append(self._name())
        return names

    def _listed(self) -> tuple[str, ...]:
        self._at += 1
        names = [self._name()]
        while self._is(TokenType.COMMA):
            self._at += 1
            names.append(self._name())
        self._need_kind(TokenType.R_PAREN, ")")
        return tuple(names)

    def _name(self) -> str:
        if self._at >= len(self._tokens) or not re.match(r"[\w`]", self._text[self._tokens[self._at].start]):
            raise self._unexpected("a name")
        self._at += 1
        return self._tokens[self._at - 1].text

    def _need(self, word: str) -> None:
        if not self._takes(word):
            raise self._unexpected(word)

    def _takes(self, word: str) -> bool:
        if self._word() != word:
            return False
        self._at += 1
        return True

    def _word(self) -> str:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        is_word = token is not None and token.token_type not in {TokenType.STRING, TokenType.IDENTIFIER}
        return token.text.upper() if token is not None and is_word else ""

    def _is(self, kind: TokenType) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at].token_type is kind

    def _need_kind(self, kind: TokenType, shown: str) -> Token:
        if not self._is(kind):
            raise self._unexpected(shown)
        self._at += 1
        return self._tokens[self._at - 1]

    def _slice(self, start: int, stop: int) -> str:
        return self._text[self._tokens[start].start : self._tokens[stop - 1].end + 1]

    def _unexpected(self, wanted: str) -> StatementSyntaxError | AnalysisError:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        if token is None:
            return StatementSyntaxError(f"at the end: expected {wanted}", position=position_in(self._text, 0))
        if self._word().partition(" ")[0] in _REFUSED:
            return self._refused(token)
        return StatementSyntaxError(
            f"near {'a quoted text' if token.token_type is TokenType.STRING else repr(token.text[:64])}: "
            f"expected {wanted}",
            position=position_in(self._text, token.start),
        )

    def _refused(self, token: Token) -> AnalysisError:
        word = token.text.upper().partition(" ")[0]
        return AnalysisError(
            f"{word} is not supported in a load of http_stream: each row is loaded by itself",
            position=position_in(self._text, token.start),
        )
