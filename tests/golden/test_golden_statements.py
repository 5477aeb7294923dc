"""Statements and expressions in, results out: cases live in statements/, one block or line each, without code."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlglot import exp

from routine_load.errors import RoutineLoadError
from routine_load.ids import Compat
from routine_load.sql.expressions import parse_expression
from routine_load.sql.parser import parse
from routine_load.sql.render import render

FOLDER = Path(__file__).parent / "statements"


def blocks(file):
    """Cases of a file: what stands above and below the dashes, between two rulers."""
    return [tuple(block.strip("\n").split("\n----\n")) for block in (FOLDER / file).read_text().split("\n====\n")]


def lines(file):
    return [tuple(line.split("  =>  ")) for line in (FOLDER / file).read_text().splitlines() if line]


def rules():
    """Cases of rules.txt: the rule, the statement, and what each vendor's mode answers, if they differ."""
    for block in (FOLDER / "rules.txt").read_text().strip("\n").split("\n====\n"):
        rule, _, rest = block.removeprefix("# ").partition("\n")
        text, _, answers = rest.partition("\n----")
        for part in answers.split("\n---- "):
            named, _, expected = part.strip(" ").partition("\n")
            for compat in Compat:
                if named in {"", compat.value}:
                    yield pytest.param(text, compat, expected, id=f"{compat.value}: {rule}")


def answer(text):
    """The statements as rendered, or the error."""
    try:
        return ";\n".join(render(statement) for statement in parse(text, Compat.STARROCKS))
    except RoutineLoadError as error:
        return f"{type(error).__name__}: {error.message}"


def tree(node):
    """An expression as nested calls: Anonymous by its own name, other nodes by theirs."""
    if isinstance(node, exp.Anonymous):
        return f"{node.name}({', '.join(map(tree, node.expressions))})"
    if isinstance(node, exp.Column):
        return node.name
    if isinstance(node, exp.Literal):
        return repr(node.this) if node.is_string else node.this
    if isinstance(node, exp.DataType):
        return node.sql("starrocks")
    if isinstance(node, exp.Boolean | exp.Null | exp.Var):
        return node.sql().upper()
    return f"{type(node).__name__}[{', '.join(map(tree, node.iter_expressions()))}]"


@pytest.mark.parametrize(("text", "expected"), blocks("manuals.txt") + blocks("mistakes.txt"))
def test_a_statement_means_what_its_block_says(text, expected):
    """A statement is rendered in canonical form, a mistake is answered by the error below it."""
    assert answer(text) == expected


@pytest.mark.parametrize(("text", "compat", "expected"), list(rules()))
def test_a_rule_of_the_language_is_kept_in_each_mode(text, compat, expected):
    """A statement is read as the rule says; a mistake is answered with the vendor's number, SQLSTATE and text."""
    try:
        found = ";\n".join(render(statement) for statement in parse(text, compat))
    except RoutineLoadError as error:
        found = f"{error.number(compat)} ({error.state(compat)}): {error.framed(compat)}"
    assert found == expected


@pytest.mark.parametrize(("text", "expected"), lines("expressions.txt"))
def test_an_expression_means_what_its_line_says(text, expected):
    """Operators keep their precedence, calls their names and arguments."""
    assert tree(parse_expression(text)) == expected
