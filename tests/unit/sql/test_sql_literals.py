"""String literals and names, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routine_load.sql.literals import name_value, quote_name, quote_string, string_value


@given(st.text())
def test_a_quoted_string_reads_back_as_itself(value):
    """Quoting and reading are inverse for any text."""
    assert string_value(quote_string(value)) == value
    assert string_value(quote_string(value), keep_hex=True) == value


@given(st.text(min_size=1))
def test_a_quoted_name_reads_back_as_itself(value):
    """Quoting and reading are inverse for any name."""
    assert name_value(quote_name(value)) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        (r"'\n\t\r\b\0\Z'", "\n\t\r\b\0\x1a"),
        (r"'\%\_'", r"\%\_"),
        (r"'\q\'\"'", "q'\""),
        ("'it''s'", "it's"),
        ('"say ""hi"""', 'say "hi"'),
        ("'\"'", '"'),
        (r"'\\n'", r"\n"),
        (r"'\x41'", "x41"),
        ("''", ""),
    ],
)
def test_escapes_follow_the_vendors_table(source, value):
    r"""A doubled quote is one, known escapes mean what MySQL means, \% and \_ stay, others drop the backslash."""
    assert string_value(source) == value
