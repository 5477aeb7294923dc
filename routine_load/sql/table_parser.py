"""Lark's parse table, driven fast: one loop that matches a token and takes the table's steps for it.

The language is Lark's throughout: the table, the terminals that each state may see, their order and the rules' options
are read from a ``Lark`` object, and the trees have the shape of those that ``Lark.parse`` builds. What this loop leaves
out is what only a failed parse needs: a text that is not of the language has no tree here, and ``Lark.parse`` says
why. Blanks are matched together with the token behind them. Refuses to know what a rule means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
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
        lexers = {number: each for number, each in lexer.lexers.items() if isinstance(each, BasicLexer)}
        scanners = {id(terminals): _Scanner(terminals) for terminals in lexers.values()}
        states = {number: _State(scanners[id(lexers[number])]) for number in config.states}
        for number, state in states.items():
            for symbol, (action, target) in config.states[number].items():
                if action is not Shift:
                    state.reductions[symbol] = _reduction(target)
                elif symbol in lexer.root_lexer.terminals_by_name:
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
        while (found := state.match(text, place)) is not None:
            kind = found.lastgroup or _END
            while (reduction := state.reductions.get(kind)) is not None:
                size, origin, data, pick = reduction
                taken = len(values) - size
                kept = values[taken:] if pick is None else pick(values[taken:])
                del values[taken:], states[taken + 1 :]
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
    """What may come next and what follows from it."""

    __slots__ = ("_scanner", "gotos", "match", "reductions", "shifts")

    def __init__(self, scanner: _Scanner) -> None:
        self._scanner = scanner
        self.match: _Match = self._first_match
        self.reductions: dict[str, tuple[int, str, str | None, _Pick | None]] = {}
        self.shifts: dict[str, _State] = {}
        self.gotos: dict[str, _State] = {}

    def _first_match(self, text: str, place: int) -> re.Match[str] | None:
        """A state that no statement enters needs no expression."""
        self.match = self._scanner.expression.match
        return self.match(text, place)


class _Scanner:
    """The terminals that some states may see."""

    def __init__(self, lexer: BasicLexer) -> None:
        self._lexer = lexer

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """Any of the terminals or the end, in Lark's order, behind blanks."""
        lexer, ignored, seen = self._lexer, [], []
        for terminal in lexer.terminals:
            pattern = terminal.pattern.to_regexp()
            if terminal.name in lexer.ignore_types:
                ignored.append(pattern)
            else:
                seen.append(f"(?P<{terminal.name}>{pattern})")
        return re.compile(rf"(?:{'|'.join(ignored)})*+(?:{'|'.join([*seen, _TEXT_END])})", lexer.g_regex_flags)


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
