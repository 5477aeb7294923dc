"""LIKE means what a regular expression of the same pattern means, in bounded time."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from routine_load.errors import LimitExceeded
from routine_load.sql.like import PATTERN_MAX, TEXT_MAX, Wildcards, like

MYSQL, ANY_CASE = Wildcards(), Wildcards(any_case=True)
STARROCKS, LABELS = Wildcards(one="?", escapes=False), Wildcards(one="", escapes=False)


def by_expression(pattern: str, wildcards: Wildcards) -> re.Pattern[str]:
    text, letters = "", iter(pattern)
    for letter in letters:
        if letter == "%":
            text += ".*"
        elif letter == "\\" and wildcards.escapes:
            text += re.escape(next(letters, letter))
        else:
            text += "." if letter == wildcards.one else re.escape(letter)
    return re.compile(text, re.DOTALL | (re.IGNORECASE if wildcards.any_case else re.NOFLAG))


@given(
    st.text("abA%_?\\\n", max_size=10),
    st.text("aabBA%_?\\\n", max_size=12),
    st.sampled_from([MYSQL, ANY_CASE, STARROCKS, LABELS]),
)
@example("a%a", "a", MYSQL)
@example("%ab%b", "aab", MYSQL)
@example("a\\", "a\\", MYSQL)
def test_like_is_its_regular_expression(pattern, text, wildcards):
    """``%`` is any text, the one-character wildcard one character, a backslash makes what follows plain."""
    assert like(pattern, wildcards)(text) is (by_expression(pattern, wildcards).fullmatch(text) is not None)


def test_many_wildcards_over_a_long_text_end():
    """Fifty ``%`` over 60,000 equal letters are answered; a regular expression would take longer than the universe."""
    matches = like("%a" * 50 + "%b", MYSQL)
    assert not matches("a" * 60_000)
    assert matches("a" * 60_000 + "b")


def test_a_pattern_has_a_bound():
    """A longer pattern is refused, naming the bound."""
    assert like("%" * PATTERN_MAX, MYSQL)("x")
    with pytest.raises(LimitExceeded, match=f"at most {PATTERN_MAX}"):
        like("%" * (PATTERN_MAX + 1), MYSQL)


def test_a_very_long_text_is_compared_by_its_beginning():
    """A text beyond the bound matches by its first characters."""
    assert like("a%", MYSQL)("a" * (2 * TEXT_MAX) + "b")
