"""Column and row separators."""

import pytest

from routine_load.errors import AnalysisError
from routine_load.sql.delimiters import read_delimiter


@pytest.mark.parametrize(
    ("source", "original", "value"),
    [
        ("','", ",", ","),
        (r"'\t'", "\t", "\t"),
        (r"'\\t'", r"\t", "\t"),
        (r"'\\n'", r"\n", "\n"),
        (r"'\r\n'", "\r\n", "\r\n"),
        (r"'\x01'", r"\x01", "\x01"),
        (r"'\\x01'", r"\x01", "\x01"),
        (r"'\X01'", r"\X01", "\x01"),
        ("'0x01'", "0x01", "\x01"),
        ("'0X0D0A'", "0X0D0A", "\r\n"),
        ("'x01'", "x01", "x01"),
        ("'||'", "||", "||"),
        ("'é'", "é", "é"),
        (r"'a\\tb'", r"a\tb", "a\tb"),
    ],
)
def test_a_delimiter_keeps_its_text_and_its_meaning(source, original, value):
    """The text is what SHOW prints, the value what separates; hex and escapes are decoded."""
    delimiter = read_delimiter(source)
    assert (delimiter.original, delimiter.value) == (original, value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("''", "Delimiter cannot be empty or null"),
        ("'0x'", "Invalid delimiter '0x: empty hex string"),
        (r"'\\x'", r"Invalid delimiter '\x: empty hex string"),
        ("'0x1'", "Invalid delimiter '0x1: hex length must be a even number"),
        ("'0xzz'", "Invalid delimiter '0xzz': invalid hex format"),
        ("'0x80'", "Invalid delimiter '0x80': bytes above 7F are not supported; write the characters themselves"),
    ],
)
def test_a_delimiter_that_means_nothing_is_refused_in_the_vendors_words(source, message):
    """Empty, odd and foreign hex texts have StarRocks' own messages."""
    with pytest.raises(AnalysisError) as caught:
        read_delimiter(source)
    assert caught.value.message == message
