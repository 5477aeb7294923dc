"""The fast loop over Lark's parse table reads the language that Lark reads, and builds its trees."""

import pytest
from lark import Tree
from lark.exceptions import UnexpectedInput

from routine_load.sql.parser import grammar
from routine_load.sql.table_parser import TableParser
from tests.fuzz.sentences import Sentences, mutated


@pytest.fixture(scope="module")
def table():
    return TableParser(grammar())


def seen(tree):
    """All of a tree that its readers see; loops, as trees of long lists are deep."""
    parts, waiting = [], [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Tree):
            parts.append((part.data, len(part.children)))
            waiting += part.children
        else:
            parts.append((part.type, str(part), part.start_pos, part.end_pos, part.line, part.column))
    return parts


def by_lark(text):
    try:
        return seen(grammar().parse(text))
    except UnexpectedInput:
        return None


@pytest.mark.parametrize("seed", [11, 12])
def test_every_alternative_has_the_tree_that_lark_builds(seed, table):
    """Sentences derived from every alternative have the same rules, tokens and places in both."""
    sentences = Sentences(seed)
    for _ in range(4 * len(grammar().rules)):
        text = sentences.sentence()
        assert seen(table.tree(text)) == by_lark(text), f"seed {seed}: {text}"
        sentences.tick()
        if not sentences.unused():
            break
    assert sentences.unused() == []


@pytest.mark.parametrize("seed", range(4))
def test_what_lark_refuses_has_no_tree(seed, table):
    """Whatever is done to a statement, both accept it with the same tree or neither does."""
    sentences = Sentences(seed)
    refused = 0
    for _ in range(300):
        text = mutated(sentences.tokens(), sentences.random).strip()
        tree, expected = table.tree(text), by_lark(text)
        assert (seen(tree) if tree else None) == expected, f"seed {seed}: {text!r}"
        refused += expected is None
    assert 0 < refused < 300


@pytest.mark.parametrize(
    "text",
    [
        *(
            "create user u identified by 'x' 'hunter2'",
            "pause all routine load x",
            "kill 1 ,",
            "stop routine load for j .",
        ),
        *("", " ", "stop", "stop routine load for", "show routine load where", "stop routine loadfor j"),
    ],
)
def test_nothing_may_stand_behind_a_statement_and_nothing_be_missing(text, table):
    """A text that goes on where only its end may come, or ends too early, has no tree."""
    assert by_lark(text) is None
    assert table.tree(text) is None


@pytest.mark.parametrize("blank", [" ", "\n", "\r\n", "\t", "\ufeff", "\u2003", " \n\n \ufeff"])
def test_places_count_blanks_of_all_kinds(blank, table):
    """Lines end at newlines, in blanks as in quoted texts; any other blank is one column."""
    words = ["resume", "routine", "load", "for", "`a\nb`", ".", "c", "properties", "(", "'x\ny'", "=", "'\n'", ")"]
    text = blank.join(words)
    assert seen(table.tree(text)) == by_lark(text)
