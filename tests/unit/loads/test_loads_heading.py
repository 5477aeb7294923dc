"""The first rows of a load that are no data."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from routine_load.ids import Compat
from routine_load.loads.heading import Heading
from routine_load.loads.values import Format, LoadSpec, Origin


@dataclass
class Body:
    values: list[bytes | None]

    def origin(self, index: int) -> Origin:
        return Origin("body", 0, index)


def left(chunks, **options):
    heading = Heading(LoadSpec(**{"compat": Compat.STARROCKS} | options))
    found = [heading.without(Body(chunk)) for chunk in chunks]
    return [[(value, rest.origin(at).offset) for at, value in enumerate(rest.values)] for rest in found]


@pytest.mark.parametrize(
    ("rows", "chunk", "expected"),
    [
        (0, [b"a\nb\n"], [(b"a\nb\n", 0)]),
        (1, [b"a\nb\nc\n"], [(b"b\nc\n", 0)]),
        (2, [b"a\n", b"b\n", b"c\n"], [(b"c\n", 2)]),
        (2, [b"a\nb\nc\n", b"d\n"], [(b"c\n", 0), (b"d\n", 1)]),
        (3, [b"a\n"], []),
        (2, [b"\na\nb\n"], [(b"b\n", 0)]),
        (1, [b"a\r\nb"], [(b"b", 0)]),
        (2, [b"", b"a", b"", b"b"], [(b"", 2), (b"b", 3)]),
    ],
)
def test_rows_are_left_out_and_the_others_keep_their_place(rows, chunk, expected):
    """Both: so many rows are skipped, blank ones counted; what stays knows where it came from."""
    assert left([chunk], skip_rows=rows) == [expected]


def test_the_heading_of_a_load_is_left_out_once():
    """Both: a body that comes in several chunks has one heading, which may run over the first of them."""
    assert left([[b"a\n"], [b"b\nc\n"], [b"d\n"]], skip_rows=2) == [[], [(b"c\n", 0)], [(b"d\n", 0)]]


@pytest.mark.parametrize(
    ("options", "body", "expected"),
    [
        ({"enclose": '"'}, b'"a\nb",c\nd\n', b"d\n"),
        ({"enclose": '"', "column_separator": ","}, b'x,"a""\nb",c\nd\n', b"d\n"),
        ({"enclose": '"', "column_separator": ","}, b'x"y\nd\n', b"d\n"),
        ({"enclose": '"', "escape": "\\"}, b'"a\\"\nb"\nd\n', b"d\n"),
        ({"escape": "\\"}, b"a\\\nb\nd\n", b"d\n"),
        ({"enclose": '"', "trim_space": True}, b' "a\nb"\nd\n', b"d\n"),
        ({"row_delimiter": "||", "enclose": '"'}, b'"a||b"|c||d', b"d"),
        ({"row_delimiter": "é"}, "aébéc".encode(), "béc".encode()),
    ],
)
def test_a_row_of_the_heading_ends_where_a_row_of_data_would(options, body, expected):
    """Both: a delimiter that is enclosed or escaped ends no row of the heading either."""
    assert left([[body]], skip_rows=1, **options) == [[(expected, 0)]]


def test_json_has_no_heading():
    """Both: skip_header and skip_lines are about CSV."""
    assert left([[b"{}\n{}"]], skip_rows=1, format=Format.JSON) == [[(b"{}\n{}", 0)]]
