"""Generated and mutated statements: answered by a value or by an error of ours, with work in proportion to the text."""

from __future__ import annotations

import contextlib
import os
import time

import pytest

from routine_load.errors import RoutineLoadError
from routine_load.ids import Compat
from routine_load.sql.parser import grammar, parse
from routine_load.sql.render import render
from tests.fuzz.sentences import Sentences, mutated
from tests.work import bounded_work

STATEMENTS = 1_000_000 if os.environ.get("RL_SOAK") else 20_000
SHARDS = 8
BATCH = 250
SLOWEST_MS = 100
REFUSED = {
    "No properties are specified",
    "ALTER ROUTINE LOAD target table change does not support other properties",
    "No partition specifed in partition lists",
}
"""What the grammar could say but leaves to a rule, because the vendors answer with these words."""


def answer(text, compat):
    """The statements of the text, or None for an error of ours whose every part can be shown."""
    try:
        return parse(text, compat)
    except RoutineLoadError as error:
        check(error, text)
        return None


def check(error, text):
    assert error.message
    assert all(error.framed(vendor) and error.number(vendor) for vendor in Compat)
    if error.position is not None:
        assert 1 <= error.position.line <= text.count("\n") + 1
        assert 1 <= error.position.column <= len(text) + 1


@pytest.mark.parametrize("seed", [1, 2])
def test_every_alternative_of_the_grammar_is_read(seed):
    """Sentences derived from every alternative parse, and none is left out."""
    sentences = Sentences(seed)
    for _ in range(4 * len(grammar().rules)):
        if not sentences.unused():
            break
        sentence = sentences.sentence()
        try:
            grammar().parse(sentence)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {sentence}") from error
        sentences.tick()
    assert sentences.unused() == []


def test_every_alternative_outside_islands_makes_a_statement():
    """Each occurs in a statement that is accepted and reads back as itself, or that is refused in the vendors' words."""
    sentences = Sentences(3)
    for _ in range(12 * len(grammar().rules)):
        sentence = sentences.sentence(sensible=1.0)
        try:
            statements = parse(sentence, Compat.STARROCKS)
        except RoutineLoadError as error:
            if error.message in REFUSED:
                sentences.tick()
            continue
        sentences.tick()
        assert [parse(render(each), Compat.STARROCKS) for each in statements] == [[each] for each in statements]
    left = [rule for rule in sentences.unused() if not any(word in rule for word in ("expression", "group", "inner"))]
    assert left == []


@pytest.mark.timeout(3600 if os.environ.get("RL_SOAK") else 300)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_statement_breaks_the_parser(shard):
    """Whatever is done to a statement, it is statements that read back as themselves, or an error of ours."""
    accepted, slowest = fuzz(range(shard * STATEMENTS // SHARDS, (shard + 1) * STATEMENTS // SHARDS))
    assert accepted > STATEMENTS // SHARDS // 5
    if os.environ.get("RL_SOAK"):
        assert slowest < SLOWEST_MS


def fuzz(numbers):
    """Runs these statements, each following from its batch's seed; says how many were accepted and the slowest's ms."""
    accepted, slowest, slowest_text = 0, 0.0, ""
    began = time.perf_counter()
    for batch in range(numbers.start // BATCH, -(-numbers.stop // BATCH)):
        sentences = Sentences(batch)
        for number in range(BATCH):
            words = sentences.tokens(sensible=0.8)
            text = " ".join(words) if number % 4 == 0 else mutated(words, sentences.random)
            compat = Compat.STARROCKS if number % 2 else Compat.DORIS
            started = time.thread_time()
            try:
                statements = answer(text, compat)
            except Exception as error:
                raise AssertionError(f"batch {batch}, statement {number}: {text!r}") from error
            spent = (time.thread_time() - started) * 1000
            if spent > slowest:
                slowest, slowest_text = spent, text
            if statements is None:
                continue
            sentences.tick()
            accepted += 1
            if number % 4 < 2:
                again = [each for statement in statements for each in parse(render(statement), compat)]
                assert again == statements, f"batch {batch}, statement {number}: {text!r}"
    rate = len(numbers) / (time.perf_counter() - began)
    print(
        f"{len(numbers):,} statements, {rate:,.0f} a second, {accepted:,} accepted, slowest {slowest:.1f} ms: {slowest_text[:300]!r}"
    )
    return accepted, slowest


@pytest.fixture(scope="module")
def _warm():
    """Lark builds the lexer for its first error late."""
    fuzz(range(BATCH))


@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.usefixtures("_warm")
def test_work_is_in_proportion_to_the_text(seed):
    """No generated or mutated statement makes more calls than a fixed number for each of its characters."""
    sentences = Sentences(seed)
    for _ in range(200):
        text = mutated(sentences.tokens(sensible=0.8), sentences.random)
        with bounded_work(4_000 + 60 * len(text)), contextlib.suppress(RoutineLoadError):
            parse(text, Compat.STARROCKS)
