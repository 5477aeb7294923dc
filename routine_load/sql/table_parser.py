"""Lark's parse table, driven fast: one loop that matches a token and takes the table's steps for it.

The language is Lark's throughout: the table, the terminals that each state may see, their order and the rules' options
are read from a ``Lark`` object, and the trees have the shape of those that ``Lark.parse`` builds. What this loop leaves
out is what only a failed parse needs: a text that is not of the language has no tree here, and ``Lark.parse`` says
why. Blanks are matched together with the token behind them. Refuses to know what a rule means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any, Final

from lark import Lark, Token, Tree
from lark.grammar import NonTerminal, Rule, Symbol, Terminal
from lark.lexer import BasicLexer, ContextualLexer
from lark.parsers.lalr_analysis import Shift

_END: Final = "$END"
_TEXT_END: Final = r"\Z"


class Word(str):
    """A token as written: a Lark token's text, type and place, at a quarter of its price."""

    __slots__ = ("column", "line", "start_pos", "type")

    type: str
    start_pos: int
    line: int
    column: int

    @property
    def end_pos(self) -> int:
        return self.start_pos + len(self)


Leaf = Word | Token
_Match = Callable[[str, int], "re.Match[str] | None"]
_Pick = Callable[[list[Any]], list[Any]]


class TableParser:
    """The language of a ``Lark`` object that was made with ``parser="lalr"`` and ``lexer="contextual"``."""

    def __init__(self, lark: Lark) -> None:
        config = lark.parse_interactive("").parser_state.parse_conf
        lexer = lark.parser.lexer
        assert isinstance(lexer, ContextualLexer)
        states = {number: _State() for number in config.states}
        scanners: dict[int, _Scanner] = {}
        for number, state in states.items():
            terminals = lexer.lexers[number]
            assert isinstance(terminals, BasicLexer)
            state.scanner = scanners.setdefault(id(terminals), _Scanner(terminals))
            for symbol, (action, target) in config.states[number].items():
                if action is not Shift:
                    state.reductions[symbol] = _reduction(target)
                elif symbol in terminals.terminals_by_name:
                    state.shifts[symbol] = states[target]
                else:
                    state.gotos[symbol] = states[target]
        self._start, self._end = states[config.start_state], states[config.end_state]

    def tree(self, text: str) -> Tree[Leaf] | None:
        """The tree of the whole text, None where it is not of the language."""
        state, place = self._start, 0
        states, values = [state], list[Any]()
        line, line_start, newlines = 1, 0, _newlines(text)
        newline = next(newlines)
        while (found := (state.match or state.matcher())(text, place)) is not None:
            kind = found.lastgroup or _END
            while (reduction := state.reductions.get(kind)) is not None:
                size, origin, data, pick = reduction
                kept: list[Any] = []
                if size:
                    kept = values[-size:] if pick is None else pick(values[-size:])
                    del values[-size:], states[-size:]
                values.append(kept if data is None else Tree(data, kept))
                state = states[-1].gotos[origin]
                states.append(state)
            if (following := state.shifts.get(kind)) is None:
                return values[0] if state is self._end else None
            state = following
            states.append(state)
            start, place = found.span(kind)
            while start > newline:
                line, line_start, newline = line + 1, newline + 1, next(newlines)
            word = Word(text[start:place])
            word.type, word.start_pos, word.line, word.column = kind, start, line, start - line_start + 1
            values.append(word)
        return None


class _State:
    """What may come next and what follows from it. ``match`` is None until the state is first entered."""

    __slots__ = ("gotos", "match", "reductions", "scanner", "shifts")

    def __init__(self) -> None:
        self.match: _Match | None = None
        self.scanner: _Scanner
        self.reductions: dict[str, tuple[int, str, str | None, _Pick | None]] = {}
        self.shifts: dict[str, _State] = {}
        self.gotos: dict[str, _State] = {}

    def matcher(self) -> _Match:
        self.match = self.scanner.matcher()
        return self.match


class _Scanner:
    """The terminals that some states may see, as one expression; blanks before them are skipped."""

    def __init__(self, lexer: BasicLexer) -> None:
        self._lexer = lexer
        self._match: _Match | None = None

    def matcher(self) -> _Match:
        if self._match is None:
            lexer = self._lexer
            ignored = [t.pattern.to_regexp() for t in lexer.terminals if t.name in lexer.ignore_types]
            seen = [
                f"(?P<{t.name}>{t.pattern.to_regexp()})" for t in lexer.terminals if t.name not in lexer.ignore_types
            ]
            pattern = rf"(?:{'|'.join(ignored)})*+(?:{'|'.join([*seen, _TEXT_END])})"
            self._match = re.compile(pattern, lexer.g_regex_flags).match
        return self._match


def _reduction(rule: Rule) -> tuple[int, str, str | None, _Pick | None]:
    """How many values a rule takes, where it leads, the name of its tree and which of the values that keeps.

    A rule whose name begins with `_` has no tree, its values are its parent's; one behind `?` is its only value.
    """
    size, keeps_all = len(rule.expansion), rule.options.keep_all_tokens
    plan = [
        (index, _is_hidden(symbol))
        for index, symbol in enumerate(rule.expansion)
        if keeps_all or not (isinstance(symbol, Terminal) and symbol.filter_out)
    ]
    if rule.options.expand1 and not rule.alias:
        assert plan == [(0, False)], rule
        return size, rule.origin.name, None, itemgetter(0)
    data = None if _is_hidden(rule.origin) else str(rule.alias or rule.origin.name)
    return size, rule.origin.name, data, _pick(plan, size)


def _is_hidden(symbol: Symbol) -> bool:
    return isinstance(symbol, NonTerminal) and symbol.name.startswith("_")


def _pick(plan: list[tuple[int, bool]], size: int) -> _Pick | None:
    """What takes the kept values out of all; None where all are kept as they are."""
    if any(is_hidden for _, is_hidden in plan):
        return lambda values: _joined(values, plan)
    if len(plan) == size:
        return None
    indexes = [index for index, _ in plan]
    return lambda values: [values[index] for index in indexes]


def _joined(values: list[Any], plan: list[tuple[int, bool]]) -> list[Any]:
    """Lists in one with what stands between them. The first grows in place: its rule is gone once it is another's."""
    kept: list[Any] | None = None
    for index, is_hidden in plan:
        if not is_hidden:
            kept = kept or []
            kept.append(values[index])
        elif kept:
            kept += values[index]
        else:
            kept = values[index]
    return kept or []


def _newlines(text: str) -> Iterator[int]:
    """Where the lines end; behind the last one, the end of the text."""
    place = text.find("\n")
    while place >= 0:
        yield place
        place = text.find("\n", place + 1)
    while True:
        yield len(text)
