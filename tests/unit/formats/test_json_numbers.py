"""Numbers that become text are what was written, however they were written and whatever stands around them."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from routine_load.formats import decoder_for
from routine_load.ids import Compat
from routine_load.loads.values import Format, LoadSpec, Origin, Reading, SourceColumn

SHAPES = {
    "object": ({}, '{"a":%s,%s"b":%s%s}'),
    "root": ({"json_root": "$.r"}, '{"r":{"a":%s,%s"b":%s%s}}'),
    "array": ({"strip_outer_array": True}, '[{"a":%s,%s"b":%s%s}]'),
}

digits = st.text("0123456789", min_size=1, max_size=12)
whole = digits.map(lambda text: text.lstrip("0") or "0")
fractions = st.tuples(whole, digits).map(".".join)
small = st.tuples(st.sampled_from(["0.", "-0.", "7."]), st.text("0", max_size=9), digits).map("".join)
doubles = st.floats(allow_nan=False, allow_infinity=False).map(repr)
exponents = st.tuples(whole, st.sampled_from(["e", "E", ".0e-", ".50E+"]), st.sampled_from("0379")).map("".join)
numbers = st.one_of(fractions, small, doubles, exponents, whole)


class Chunk:
    def __init__(self, values):
        self.values = values

    def origin(self, index):
        return Origin("t", 0, index)


def decoded(options, reading, messages):
    spec = LoadSpec(compat=Compat.STARROCKS, format=Format.JSON, **options)
    decoder = decoder_for(spec, (SourceColumn("a", reading), SourceColumn("b", reading)))
    try:
        rows = decoder.decode(Chunk([message.encode() for message in messages]))
        return list(zip(*(column.to_pylist() for column in rows.columns.columns), strict=True))
    finally:
        decoder.close()


@pytest.mark.parametrize("shape", SHAPES)
@settings(deadline=None)
@given(
    pairs=st.lists(st.tuples(numbers, numbers), min_size=1, max_size=20),
    between=st.sampled_from(["", " ", '"x": 1.50,\n', '"x": "1.5e3", ']),
    behind=st.sampled_from(["", " ", "\t", ', "x": [0.10]']),
)
@example(pairs=[("0.5", "0.50"), ("1.0", "1.00"), ("0.000001", "1e-6")], between="", behind="")
@example(pairs=[("1234567890.1234567", "0.1")], between="", behind="")
def test_numbers_as_text_keep_their_spelling(shape, pairs, between, behind):
    """A text column takes the digits of a number as they stand in the message, in both vendors."""
    options, form = SHAPES[shape]
    messages = [form % (first, between, second, behind) for first, second in pairs]
    assert decoded(options, Reading.TEXT, messages) == pairs


@pytest.mark.parametrize("shape", SHAPES)
def test_more_digits_than_a_double_has(shape):
    """A DECIMAL of 38 digits takes all of them, also of a row that was cut out of a document."""
    options, form = SHAPES[shape]
    message = form % ("0.10000000000000000001", "", "12345678901234567.25", "")
    assert decoded(options, Reading.EXACT, [message]) == [("0.10000000000000000001", "12345678901234567.25")]


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ('{"a":0.5,"b":0.25}', ("0.5", "0.25")),
        ('{"a":0.5,"b" :\n 0.250}', ("0.5", "0.250")),
        ('{"a":0.5,"b":25e-2}', ("0.5", "25e-2")),
        ('{"a":0.5,"b":0.00001}', ("0.5", "0.00001")),
        ('{"a":0.5,"b":0.25000000000000001}', ("0.5", "0.25000000000000001")),
        ('{"a":0.5,"b":true}', ("0.5", "1")),
        ('{"a":0.5,"b":[0.50]}', ("0.5", "[0.50]")),
        ('{"a":0.5,"b":{"c":1e3}}', ("0.5", '{"c":1e3}')),
        ('{"a":0.5,"\\u0062":0.250}', ("0.5", "0.250")),
        ('{"a":0.5,"x\\"b":0.25,"\\u0062":0.250}', ("0.5", "0.250")),
        ('{"a":0.5,"c":{"b":0.25},"b":0.250}', ("0.5", "0.250")),
        ('{"a":0.5,"b":"0.250"}', ("0.5", "0.250")),
        ('{"a":0.5,"b":-7.50}', ("0.5", "-7.50")),
        ('{"b":0.250,"a":0.5}', ("0.5", "0.250")),
        ('{"a":0.5}', ("0.5", None)),
    ],
)
def test_one_uneven_value_among_even_ones(message, wanted):
    """A number that is printed otherwise than it is written is found among others, by whatever way it stands there."""
    even = '{"a":0.5,"b":7.25}'
    for messages in ([even, message, even], [even] * 50 + [message], [message, even]):
        rows = decoded({}, Reading.TEXT, messages)
        assert rows.count(wanted) >= 1
        assert set(rows) <= {wanted, ("0.5", "7.25")}
    assert decoded({"jsonpaths": '["$.a", "$.b"]'}, Reading.TEXT, [even, message]) == [("0.5", "7.25"), wanted]
