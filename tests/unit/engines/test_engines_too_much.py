"""Statements that are too much are refused before they cost memory and time."""

from __future__ import annotations

import pytest
from sqlglot import exp

from routine_load.engines.duckdb import guard
from routine_load.errors import AnalysisError, LimitExceeded
from tests.unit.engines.conftest import Asked

WORDS = guard.WORDS_MAX


@pytest.mark.parametrize(
    "words",
    [
        "a," * WORDS,
        "(" * (WORDS + 1),
        "'', " * WORDS,
        "`a`." * WORDS,
        "1.5 " * (WORDS + 1),
        '"',
    ],
)
def test_words_are_counted_before_any_is_kept(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    """Four megabytes of words took a gigabyte before they were counted: sqlglot does not see them now."""

    def seen(_text: str) -> None:
        raise AssertionError("sqlglot was asked")

    monkeypatch.setattr(guard._DIALECT, "tokenize", seen)
    with pytest.raises(LimitExceeded if len(words) > 1 else AssertionError):
        guard.Guard.read(f"SELECT {words}")


def test_a_long_text_is_one_word(asked: Asked) -> None:
    """What stands in quotes counts once, whatever it holds."""
    assert asked.rows("SELECT length('" + "a, '' " * WORDS + "')") == [(5 * WORDS,)]


def test_a_deep_statement_is_refused_by_its_depth(monkeypatch: pytest.MonkeyPatch, asked: Asked) -> None:
    """A chain of a hundred thousand operators is not walked again and again until Python's stack ends."""

    def walked(_self: exp.Expr, *_args: object) -> None:
        raise AssertionError("the tree was worked on")

    monkeypatch.setattr(exp.Expression, "copy", walked)
    with pytest.raises(AnalysisError, match="nested too deeply"):
        asked.run("SELECT 1" + " + 1" * 20_000)
