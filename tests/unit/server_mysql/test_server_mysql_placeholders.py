"""Where question marks stand, what literals look like, and that none can break out."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import expressions as exp

from routine_load.server.mysql.placeholders import literal, substitute
from routine_load.sql.splitting import has_several_statements, marks


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("SELECT ?", 1),
        ("?,?", 2),
        ("'?' \"?\" `?`", 0),
        ("'it''s ?' ?", 1),
        (r"'it\'s ?' ?", 1),
        (r"'\\' ?", 1),
        ("/* ? */ ? /* open ?", 1),
        ("-- ?\n?", 1),
        ("1--?", 0),
        ("1 -- ?\r?", 1),
        ("# ?\n?", 1),
        ("'open ?", 0),
        ("a/?", 1),
        ("a - ?", 1),
        ("", 0),
    ],
)
def test_marks(text, count):
    """A mark counts outside quotes and comments only."""
    assert len(marks(text)) == count


@pytest.mark.parametrize(
    ("text", "several"),
    [
        ("a", False),
        ("a;", False),
        ("a; ; \n", False),
        ("a; -- b", False),
        ("a; /* b */", False),
        ("a; /*! b */", True),
        ("a --'\n; b -- '", True),
        ("a -- x\r; b", True),
        ("a /*! ; b */", False),
        ("a; b", True),
        (";a", False),
        ("';' \";\" `;`", False),
        (r"'\'; b'", False),
        ("COLUMNS TERMINATED BY ';'", False),
    ],
)
def test_several_statements(text, several):
    """Only something that could run makes a second statement."""
    assert has_several_statements(text) is several


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "NULL"),
        (0, "0"),
        (-1, " -1"),
        (1.5, "1.5"),
        (1e300, "1e+300"),
        (-0.5, " -0.5"),
        (math.inf, "'inf'"),
        ("12.50", "12.50"),
        ("-1", " -1"),
        ("1; DROP", "'1; DROP'"),
        ("1\n", "'1\\n'"),
        (b"", "''"),
        (b"\x80", "X'80'"),
        (date(2024, 2, 29), "'2024-02-29'"),
        (datetime(2024, 2, 29, 1), "'2024-02-29 01:00:00'"),
        (timedelta(hours=-100), "'-100:00:00'"),
        (timedelta(microseconds=-1), "'-00:00:00.000001'"),
    ],
)
def test_literals(value, written):
    """Each value has one way to be written."""
    assert literal(value) == written


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_comes_back(value):
    """The literal of any text is one string token, equal to the text, in the dialect that reads it."""
    expression = sqlglot.parse_one(f"SELECT {literal(value.encode())}", read="mysql").expressions[0]
    assert isinstance(expression, exp.Literal)
    assert expression.is_string


@given(st.text(alphabet="'\"\\`?;-/*# \n\0a"))
def test_text_cannot_break_out(value):
    """Whether or not a backslash escapes, the closing quote of a literal is its last character and no line ends."""
    written = literal(value.encode())
    assert "\n" not in written
    assert written[0] == written[-1] == "'"
    assert written[1:-1].replace("''", "").count("'") == 0
    assert (len(written[1:-1]) - len(written[1:-1].rstrip("\\"))) % 2 == 0
    assert not marks(written)
    assert not has_several_statements(written)


@given(st.lists(st.text(alphabet="?'\\a;"), max_size=4))
def test_values_are_not_searched_for_marks(values):
    """A question mark within a value is not taken for the next mark."""
    text = ",".join("?" * len(values))
    encoded = [value.encode() for value in values]
    assert substitute(text, marks(text), encoded) == ",".join(literal(value) for value in encoded)
