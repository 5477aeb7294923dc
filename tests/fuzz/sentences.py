"""Sentences of the ROUTINE LOAD language, derived from the grammar that the program loads.

``hypothesis.extra.lark`` joins terminals without blanks, so hardly any of its sentences is one; and it cannot be asked
for the alternatives not used yet. Everything here follows from the seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache

from lark.grammar import NonTerminal, Rule, Symbol
from lark.lexer import PatternStr

from routine_load.sql.parser import grammar

DEPTH_MAX = 14
ISLANDS = frozenset({"expression", "show_expression"})
SAMPLES = {
    "NAME": ["n1", "date", "größe", "load", "_x", "x$", "a", "b", "KEY", "offset", "Topic", "JobName", "3d"],
    "QUOTED_NAME": ["`q n`", "`a``b`", "`from`", "`--`", "`;`", "`/*`", "`'`"],
    "STRING": ["'s'", '"t"', r"'\t'", "'it''s'", "'0x01'", r"'\\x01'", "''", "'kafka'", "';'", '"--"', "'a.b'", "'*/'"],
    "NUMBER": ["1", "2.5", "1e3", ".5"],
    "INT": ["0", "7", "999999999999999999"],
    "PROPERTY_WORD": ["true", "10", "property.group.id", "a-b", "-1"],
    "OPERATOR": ["+", "<=>", "||", "->", "%", "*", "-", "/", "!", "<>", "{", "}", "?", ":", "$", "\\", "&&", "~"],
    "_PARTITION": ["partition", "PARTITIONS"],
}
FITTING = {
    "metadata_column": ["KEY", "partition", "`OFFSET`", "topic", "Timestamp_ms", "HEADERS"],
    "on_catalog": ["internal", "`default_catalog`", "'internal'"],
}
"""Rules whose first name is one of a few words."""
VALUES = ["a", "`from`", "date", "1", "-2.5", "'x;y'", "null", "true", "'it''s'", '"\\"q"', "'2024-01-31'", "größe"]
PATTERNS = [
    *("{0} = {1}", "{0} > {1} and {1} <= {0}", "{0} is not null or {1} in ({0}, {1})", "({0})", "not {0}"),
    *("{0} + {1} * {0}", "if({0}, {1}, {0})", "cast({0} as decimal(10, 2))", "case when {0} then {1} else {0} end"),
    *("{0} like 'a%'", "{0} between {1} and {1}", "f({0}, {1})", "date_add({0}, interval 1 day)", "{0} || {1}"),
    *("[{0}, {1}]", "extract(year from {0})", "{0} <=> {1}", "g()", "{0}\n-- why\n+ {1}", "{0} /* ; */ - {1}"),
]


class _Rules:
    """The grammar's alternatives by what they define, how deep each must go, and the way to each."""

    def __init__(self) -> None:
        self.by_origin: dict[str, list[Rule]] = {}
        for rule in grammar().rules:
            self.by_origin.setdefault(rule.origin.name, []).append(rule)
        self.number = {id(rule): number for number, rule in enumerate(grammar().rules)}
        self.terminals = {terminal.name: terminal for terminal in grammar().terminals}
        self.cost = self._costs()
        self.way = self._ways()

    def price(self, rule: Rule) -> int:
        return self._price(rule, self.cost)

    def _costs(self) -> dict[str, int]:
        """Depth of the shallowest derivation of every rule, so that every sentence ends."""
        cost: dict[str, int] = {}
        for _ in self.by_origin:
            for name, rules in self.by_origin.items():
                cost[name] = 1 + min(self._price(rule, cost) for rule in rules)
        return cost

    @staticmethod
    def _price(rule: Rule, cost: dict[str, int]) -> int:
        return max((cost.get(s.name, 999) for s in rule.expansion if isinstance(s, NonTerminal)), default=0)

    def _ways(self) -> dict[str, list[Rule]]:
        """The shortest chain of alternatives from the start to each rule."""
        ways: dict[str, list[Rule]] = {"start": []}
        waiting = ["start"]
        for name in waiting:
            for rule in self.by_origin[name]:
                for symbol in rule.expansion:
                    if isinstance(symbol, NonTerminal) and symbol.name not in ways:
                        ways[symbol.name] = [*ways[name], rule]
                        waiting.append(symbol.name)
        return ways


@cache
def _rules() -> _Rules:
    return _Rules()


class Sentences:
    """Derives sentences and counts which alternatives they used; ``next`` prefers those that no sentence used yet."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._rules = _rules()
        self._unused = set(range(len(grammar().rules)))
        self._used: set[int] = set()
        self._goal: list[Rule] = []

    def unused(self) -> list[str]:
        """The alternatives that no sentence has used yet."""
        return [str(rule) for rule in grammar().rules if self._rules.number[id(rule)] in self._unused]

    def sentence(self, *, sensible: float = 0.0) -> str:
        """The next sentence, tokens joined by blanks; ``sensible``: how often an island is a real expression."""
        return " ".join(self.tokens(sensible=sensible))

    def tokens(self, *, sensible: float = 0.0) -> list[str]:
        self._used = set()
        self._goal = self._towards_an_unused_alternative()
        return list(self._derive("start", 0, sensible))

    def tick(self) -> None:
        """The last sentence was one: its alternatives are used."""
        self._unused -= self._used

    def expression(self, depth: int = 2) -> str:
        """A load expression that means something."""
        if depth == 0 or self.random.random() < 0.2:
            return self.random.choice(VALUES)
        return self.random.choice(PATTERNS).format(self.expression(depth - 1), self.expression(depth - 1))

    def _towards_an_unused_alternative(self) -> list[Rule]:
        if not self._unused:
            return []
        rule = grammar().rules[self.random.choice(sorted(self._unused))]
        return [*self._rules.way[rule.origin.name], rule]

    def _derive(self, name: str, depth: int, sensible: float) -> Iterator[str]:
        on_the_way = bool(self._goal) and self._goal[0].origin.name == name
        if name in ISLANDS and not on_the_way and self.random.random() < sensible:
            yield self.expression()
            return
        rule = self._goal.pop(0) if on_the_way else self._choice(self._rules.by_origin[name], depth)
        self._used.add(self._rules.number[id(rule)])
        fits = name in FITTING and self.random.random() < sensible
        for symbol in rule.expansion:
            if fits and isinstance(symbol, NonTerminal):
                fits = False
                yield self.random.choice(FITTING[name])
            else:
                yield from self._say(symbol, depth, sensible)

    def _say(self, symbol: Symbol, depth: int, sensible: float) -> Iterator[str]:
        if isinstance(symbol, NonTerminal):
            yield from self._derive(symbol.name, depth + 1, sensible)
        elif symbol.name in SAMPLES:
            yield self.random.choice(SAMPLES[symbol.name])
        else:
            pattern = self._rules.terminals[symbol.name].pattern
            word = symbol.name if not isinstance(pattern, PatternStr) else pattern.value
            yield self.random.choice([word.lower(), word])

    def _choice(self, rules: list[Rule], depth: int) -> Rule:
        if depth > DEPTH_MAX:
            least = min(self._rules.price(rule) for rule in rules)
            rules = [rule for rule in rules if self._rules.price(rule) == least]
        return self.random.choice(rules)


def mutated(words: list[str], chance: random.Random) -> str:
    """The sentence with one to three things done to it that a user, a broken client or an attacker might do."""
    text = " ".join(words)
    for _ in range(chance.randint(1, 3)):
        text = chance.choice(_MUTATIONS)(text, chance)
    return text


def _words_changed(text: str, chance: random.Random) -> str:
    words = text.split(" ")
    first, second = chance.randrange(len(words)), chance.randrange(len(words))
    what = chance.randrange(4)
    if what == 0:
        del words[first]
    elif what == 1:
        words.insert(first, words[second])
    elif what == 2:
        words[first], words[second] = words[second], words[first]
    else:
        words[first] = chance.choice(_ODD_WORDS)
    return " ".join(words)


def _inserted(text: str, chance: random.Random) -> str:
    place = chance.randint(0, len(text))
    return text[:place] + chance.choice(_ODD_PIECES) + text[place:]


def _cut(text: str, chance: random.Random) -> str:
    start = chance.randint(0, len(text))
    return text[:start] + text[start + chance.choice([1, 1, 1, 3, 10, len(text)]) :]


def _quote_changed(text: str, chance: random.Random) -> str:
    places = [place for place, character in enumerate(text) if character in "'\"`"]
    if not places:
        return text
    place = chance.choice(places)
    return text[:place] + chance.choice(["", "'", '"', "`", "\\'", "''", "’"]) + text[place + 1 :]


def _nested(text: str, chance: random.Random) -> str:
    place = chance.randint(0, len(text))
    times = chance.choice([5, 31, 33, 200])
    left, right = chance.choice(
        [("(", ")"), ("[", "]"), ("f(", ")"), ("not ", ""), ("- ", ""), ("/*", "*/"), ("{", "}")]
    )
    return text[:place] + " " + left * times + " x " + right * times + text[place:]


def _joined(text: str, chance: random.Random) -> str:
    return chance.choice(
        [f"{text};{text}", f"/*!40101 {text} */", f"/* {text} */{text}", f"{text} -- {text}", f"{text};;"]
    )


_ODD_WORDS = [
    "",
    "x" * 5000,
    "9" * 400,
    "ключ",
    "\x00",
    "😀",
    "\ud800",
    "()",
    "a.b.c.d",
    "*",
    "?",
    "@@x",
    "0x",
    "1e",
    "$$",
]
_ODD_PIECES = [
    *(
        "\x00",
        "\x1a",
        "\ufeff",
        "\u2028",
        "\u202e",
        "’",
        "＇",
        "\ud83d",
        "😀",
        "\r",
        "\n",
        "\\",
        "'",
        '"',
        "`",
        ";",
        "#",
    ),
    *(
        "--",
        "/*",
        "*/",
        "/*!",
        "/*!40101 ",
        "/*+",
        "{#",
        "{%",
        "||",
        "(",
        ")",
        "[",
        ",",
        ".",
        "=",
        "@",
        "&" * 50,
        "-" * 50,
    ),
]
_MUTATIONS = (
    _words_changed,
    _words_changed,
    _words_changed,
    _inserted,
    _inserted,
    _cut,
    _quote_changed,
    _nested,
    _joined,
)
