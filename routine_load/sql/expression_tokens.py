"""The tokens of a load expression, narrowed to the little language that load expressions are.

sqlglot's lexer knows hundreds of keywords and its parser gives many of them a meaning of its own. Here every word that
is not one of our keywords becomes a plain name before the parser sees it: `` date ``, `` left ``, `` replace `` or
`` values `` are columns and functions like any other, and what is left cannot leave the language. Owns words, literals
and bounds; refuses to know what an expression means.
"""

from __future__ import annotations

from typing import Final

from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType
from sqlglot.tokens import Tokenizer

from routine_load.errors import AnalysisError, Position, StatementSyntaxError
from routine_load.sql.literals import string_value

TOKENS_MAX: Final = 20_000
NESTING_MAX: Final = 32

_KEYWORDS: Final = frozenset(
    {"AND", "OR", "NOT", "XOR", "IN", "IS", "NULL", "TRUE", "FALSE", "LIKE", "REGEXP", "RLIKE", "BETWEEN", "DIV", "MOD"}
    | {"CASE", "WHEN", "THEN", "ELSE", "END", "INTERVAL"}
)
_CASTS: Final = frozenset({"CAST", "TRY_CAST"})
_CALLED_WITHOUT_PARENTHESES: Final = frozenset(
    {"CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP"}
)
_REFUSED: Final = {
    "SELECT": "the predicate cannot contain subqueries",
    "EXISTS": "the predicate cannot contain subqueries",
    "OVER": "window functions are not allowed in a load expression",
    "DISTINCT": "DISTINCT is not allowed in a load expression",
}
_TEMPORAL: Final = frozenset({"DATE", "DATETIME", "TIMESTAMP"})
_WORDS: Final = _KEYWORDS | _CALLED_WITHOUT_PARENTHESES | _REFUSED.keys() | _TEMPORAL | {"AS", "FROM"}
"""Any other word is a name wherever it stands."""
_OPENING: Final = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE}
_CLOSING: Final = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END}
_PREFIXES: Final = {TokenType.NOT, TokenType.DASH, TokenType.TILDE, TokenType.PLUS}
_NEVER_WORDS: Final = frozenset(
    {TokenType.COMMA, TokenType.EQ, TokenType.NEQ, TokenType.LT, TokenType.LTE, TokenType.GT, TokenType.GTE}
    | {TokenType.STAR, TokenType.PLUS, TokenType.DASH, TokenType.SLASH, TokenType.NUMBER, TokenType.IDENTIFIER}
)
"""Kinds that no word has, and that mean here what they mean to sqlglot."""
_REFUSED_TYPES: Final = {
    TokenType.PARAMETER: "parameters and variables are not allowed in a load expression",
    TokenType.SESSION_PARAMETER: "variables are not allowed in a load expression",
    TokenType.PLACEHOLDER: "placeholders are not allowed in a load expression",
    TokenType.SEMICOLON: "a load expression is one expression, without `;`",
    TokenType.L_BRACE: "braces are not allowed in a load expression",
}


def narrowed(tokenizer: Tokenizer, text: str) -> list[Token]:
    """Tokens of the text in which only this language's keywords are keywords. Raises with a position in the text."""
    try:
        raw = list(tokenizer.tokenize(text))
    except TokenError as error:
        raise StatementSyntaxError("a quoted text or a comment does not end") from error
    if len(raw) > TOKENS_MAX:
        raise AnalysisError(f"the expression has {len(raw)} tokens, at most {TOKENS_MAX} are allowed")
    if len(raw) > NESTING_MAX:
        _check_nesting(text, raw)
    return _Narrowing(text, raw).tokens()


def position_in(text: str, start: int) -> Position:
    """Line and column, from 1, of a character of the text."""
    before = text[:start]
    return Position(before.count("\n") + 1, start - (before.rfind("\n") + 1) + 1)


def _check_nesting(text: str, raw: list[Token]) -> None:
    depth = prefix = 0
    for token in raw:
        if token.token_type in _OPENING:
            depth += 1
        elif token.token_type in _CLOSING:
            depth -= 1
        if token.token_type in _PREFIXES:
            prefix += 1
        else:
            prefix = 0
        if max(depth, prefix) > NESTING_MAX:
            message = f"the expression is nested more than {NESTING_MAX} levels deep"
            raise AnalysisError(message, position=position_in(text, token.start))


class _Narrowing:
    """One pass over the tokens; ``_calls`` remembers, for each open parenthesis, which call opened it."""

    def __init__(self, text: str, raw: list[Token]) -> None:
        self._text = text
        self._raw = raw
        self._calls: list[str] = []
        self._types_from_depth: int | None = None

    def tokens(self) -> list[Token]:
        narrowed_tokens: list[Token] = []
        for index, token in enumerate(self._raw):
            if token.token_type in _NEVER_WORDS and not token.comments:
                narrowed_tokens.append(token)
            else:
                narrowed_tokens += self._one(index, token)
        return narrowed_tokens

    def _one(self, index: int, token: Token) -> list[Token]:
        kind = token.token_type
        if kind in _REFUSED_TYPES:
            raise AnalysisError(_REFUSED_TYPES[kind], position=position_in(self._text, token.start))
        source = self._text[token.start : token.end + 1]
        if kind is TokenType.STRING:
            return [_as(token, TokenType.STRING, string_value(source))]
        if kind is TokenType.L_PAREN:
            before = self._raw[index - 1] if index else None
            self._calls.append(before.text.upper() if before and before.token_type is not TokenType.STRING else "")
        elif kind is TokenType.R_PAREN and self._calls:
            self._calls.pop()
            if self._types_from_depth is not None and len(self._calls) < self._types_from_depth:
                self._types_from_depth = None
        if kind in _NEVER_WORDS or not (source[:1].isalpha() or source[:1] == "_"):
            return [_as(token, kind, token.text)]
        if kind in {TokenType.HEX_STRING, TokenType.BIT_STRING, TokenType.BYTE_STRING, TokenType.NATIONAL_STRING}:
            return [_as(token, kind, token.text)]
        return self._word(index, token, source)

    def _word(self, index: int, token: Token, source: str) -> list[Token]:
        word = source.upper()
        in_type = self._types_from_depth is not None
        if in_type or word not in _WORDS:
            return [_as(token, token.token_type, token.text) if in_type else _as(token, TokenType.VAR, source)]
        following = self._raw[index + 1].token_type if index + 1 < len(self._raw) else None
        opened = index > 0 and self._raw[index - 1].token_type is TokenType.L_PAREN
        if word in _REFUSED and (word == "SELECT" or following is TokenType.L_PAREN or (word == "DISTINCT" and opened)):
            raise AnalysisError(_REFUSED[word], position=position_in(self._text, token.start))
        if word == "AS" and self._calls and self._calls[-1] in _CASTS:
            self._types_from_depth = len(self._calls)
            return [_as(token, TokenType.ALIAS, token.text)]
        if word == "FROM" and self._calls and self._calls[-1] == "EXTRACT":
            return [_as(token, TokenType.FROM, token.text)]
        is_keyword = word in _KEYWORDS and not (word in {"MOD", "LIKE", "REGEXP"} and self._is_call(index, following))
        if is_keyword or (word in _TEMPORAL and following is TokenType.STRING):
            return [_as(token, token.token_type, token.text)]
        name = _as(token, TokenType.VAR, source)
        if word in _CALLED_WITHOUT_PARENTHESES and following is not TokenType.L_PAREN:
            return [name, _as(token, TokenType.L_PAREN, "("), _as(token, TokenType.R_PAREN, ")")]
        return [name]

    def _is_call(self, index: int, following: TokenType | None) -> bool:
        """``mod(a, b)`` is a call where no operand stands before it; ``a mod (b)`` is an operator."""
        if following is not TokenType.L_PAREN:
            return False
        if index == 0:
            return True
        before = self._raw[index - 1]
        operand = before.token_type in {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.NUMBER, TokenType.STRING}
        named = before.text[:1].isalpha() and before.text.upper() not in _KEYWORDS - {"NULL", "TRUE", "FALSE", "END"}
        return not (operand or named or before.token_type is TokenType.IDENTIFIER or before.token_type is TokenType.NOT)


def _as(token: Token, kind: TokenType, text: str) -> Token:
    """The same place in the source under another kind; comments are left behind."""
    return Token(kind, text, token.line, token.col, token.start, token.end)
