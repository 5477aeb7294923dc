"""The grammar itself: every alternative can be said, and every sentence it can say is read."""

import random

import pytest
from lark.grammar import Terminal
from lark.lexer import PatternStr

from routine_load.errors import RoutineLoadError, StatementSyntaxError
from routine_load.ids import Compat
from routine_load.sql.parser import grammar, parse
from routine_load.sql.render import render

SAMPLES = {
    "NAME": ["n1", "date", "größe", "`load`", "_x", "x$"],
    "QUOTED_NAME": ["`q n`", "`a``b`", "`from`"],
    "STRING": ["'s'", '"t"', r"'\t'", "'it''s'", "'0x01'"],
    "NUMBER": ["1", "2.5", "1e3", ".5"],
    "INT": ["0", "7"],
    "PROPERTY_WORD": ["true", "10", "property.group.id", "a-b"],
    "OPERATOR": ["+", "<=>", "||", "->", "%"],
    "_PARTITION": ["partition", "PARTITIONS"],
}


class Sampler:
    """Derives sentences from the grammar's rules, rarely used alternatives first; tokens are joined by blanks."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.by_origin = {}
        for rule in grammar().rules:
            self.by_origin.setdefault(rule.origin.name, []).append(rule)
        self.used = dict.fromkeys(range(len(grammar().rules)), 0)
        self.number = {id(rule): i for i, rule in enumerate(grammar().rules)}
        self.terminals = {t.name: t for t in grammar().terminals}
        self.cheapest = self._cheapest()

    def sentence(self):
        return " ".join(self._derive("start", 0))

    def unused(self):
        return [str(rule) for i, rule in enumerate(grammar().rules) if not self.used[i]]

    def _cheapest(self):
        """Shortest derivation depth of every rule, so that sampling ends."""
        cost = {}
        for _ in range(len(grammar().rules)):
            for name, rules in self.by_origin.items():
                costs = [
                    max((0 if s.is_term else cost.get(s.name, 999) for s in r.expansion), default=0) for r in rules
                ]
                cost[name] = 1 + min(costs)
        return cost

    def _derive(self, name, depth):
        rules = self.by_origin[name]

        def price(rule):
            return max((0 if s.is_term else self.cheapest[s.name] for s in rule.expansion), default=0)

        if depth > 14:
            least = min(map(price, rules))
            rules = [rule for rule in rules if price(rule) == least]
        fewest = min(self.used[self.number[id(rule)]] for rule in rules)
        rules = [r for r in rules if self.used[self.number[id(r)]] == fewest]
        rule = self.random.choice(rules)
        self.used[self.number[id(rule)]] += 1
        for symbol in rule.expansion:
            if isinstance(symbol, Terminal):
                yield self._say(symbol.name)
            else:
                yield from self._derive(symbol.name, depth + 1)

    def _say(self, name):
        if name in SAMPLES:
            return self.random.choice(SAMPLES[name])
        pattern = self.terminals[name].pattern
        return pattern.value if isinstance(pattern, PatternStr) else self.random.choice([name.lower(), name])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_alternative_of_the_grammar_is_read(seed):
    """Sentences derived from every rule parse, and no rule is left out."""
    sampler = Sampler(seed)
    for _ in range(20_000):
        if not sampler.unused():
            break
        sentence = sampler.sentence()
        try:
            grammar().parse(sentence)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {sentence}") from error
    assert sampler.unused() == []


@pytest.mark.parametrize("seed", [4, 5])
def test_every_sentence_is_answered_by_a_value_that_reads_back(seed):
    """A sentence is a statement or an error of ours; a statement's rendering means the same statement."""
    sampler = Sampler(seed)
    read = 0
    for _ in range(400):
        sentence = sampler.sentence()
        try:
            (statement,) = parse(sentence, Compat.DORIS)
        except RoutineLoadError:
            continue
        read += 1
        assert parse(render(statement), Compat.DORIS) == [statement], (seed, sentence)
    assert read > 100


@pytest.mark.parametrize("seed", [6])
def test_a_sentence_with_one_token_lost_or_doubled_never_breaks_the_parser(seed):
    """Damaged statements are statements or errors of ours, never anything else."""
    sampler = Sampler(seed)
    refused = 0
    for _ in range(300):
        tokens = sampler.sentence().split(" ")
        place = sampler.random.randrange(len(tokens))
        tokens[place : place + 1] = sampler.random.choice([[], [tokens[place]] * 2, ["'"], ["\\"], [";"], ["("]])
        try:
            parse(" ".join(tokens), Compat.STARROCKS)
        except StatementSyntaxError:
            refused += 1
        except RoutineLoadError:
            pass
    assert refused > 50
