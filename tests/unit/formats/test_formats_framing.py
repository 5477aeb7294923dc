"""Bodies cut into rows, however they come in pieces."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routine_load.errors import LimitExceeded
from routine_load.formats.framing import EnclosedRows, Framer, RowsByDelimiter, WholeBody, framed
from routine_load.formats.json_framing import BodyBroken, JsonDocuments, JsonElements
from routine_load.ids import Compat
from routine_load.loads.values import LoadSpec


def cut(body: bytes, framer: Framer, *, piece: int = 7, row_bytes_max: int = 1 << 20) -> list[bytes]:
    """The rows of a body that comes in pieces of at most so many bytes."""
    at = 0

    def read(size: int) -> bytes:
        nonlocal at
        part = body[at : at + min(size, random.Random(at).randint(1, piece))]
        at += len(part)
        return part

    found: list[bytes] = []
    for rows in framed(read, framer, chunk_bytes=piece, row_bytes_max=row_bytes_max):
        found += list(rows)
    return found


@given(
    rows=st.lists(st.binary(max_size=20)), piece=st.integers(1, 50), delimiter=st.sampled_from([b"\n", b"||", b"aa"])
)
@settings(max_examples=60, deadline=None)
def test_rows_end_at_delimiters(rows: list[bytes], piece: int, delimiter: bytes) -> None:
    """Rows are those that splitting the whole body gives, whatever the pieces; nothing behind a last delimiter."""
    body = delimiter.join(rows)
    expected = body.split(delimiter)
    if expected[-1] == b"":
        expected.pop()
    assert cut(body, RowsByDelimiter(delimiter), piece=piece) == expected


def enclosed(compat: Compat = Compat.STARROCKS, **options: str) -> Callable[[], EnclosedRows]:
    return lambda: EnclosedRows(LoadSpec(compat=compat, column_separator=",", **{"enclose": '"', **options}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "body", "rows"),
    [
        (enclosed(), b'1,"a\nb"\n2,"c"\n', [b'1,"a\nb"', b'2,"c"']),
        (enclosed(), b'1,"a""\n""b"\n2,x', [b'1,"a""\n""b"', b"2,x"]),
        (enclosed(), b'1,a"b\n2,"c\n"\n', [b'1,a"b', b'2,"c\n"']),
        (enclosed(), b'1,"open\n2,x\n', [b'1,"open\n2,x\n']),
        (enclosed(), b'1,"x"\n\n', [b'1,"x"', b""]),
        (enclosed(escape="\\"), b'1,"a\\"\nb"\n2,c\\\nd\n', [b'1,"a\\"\nb"', b"2,c\\\nd"]),
        (enclosed(Compat.DORIS, escape="\\"), b'1,"a\\"\nb"\n2,c\\\nd\n', [b'1,"a\\"\nb"', b"2,c\\", b"d"]),
        (enclosed(enclose="", escape="\\"), b"1,a\\\nb\n2\\\\\n", [b"1,a\\\nb", b"2\\\\"]),
        (enclosed(row_delimiter="||"), b'1,"a||b"||2|,"x"||', [b'1,"a||b"', b'2|,"x"']),
    ],
)
def test_enclosures_keep_their_delimiters(make: Callable[[], EnclosedRows], body: bytes, rows: list[bytes]) -> None:
    """A delimiter inside an enclosure, or behind an escape, ends no row; Doris: escapes act inside enclosures alone."""
    for piece in (1, 2, 3, 100):
        assert cut(body, make(), piece=piece) == rows


documents = st.recursive(
    st.one_of(st.integers(), st.text(alphabet='ab"\\{}[],:\n ', max_size=6), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(alphabet='k"\\{', max_size=3), inner)),
    max_leaves=8,
)


@given(docs=st.lists(st.dictionaries(st.text(max_size=3), documents, max_size=3)), piece=st.integers(1, 60))
@settings(max_examples=80, deadline=None)
def test_documents_of_a_stream(docs: list[object], piece: int) -> None:
    """StarRocks: documents follow each other with blanks between or nothing, printed on one line or on many."""
    ways: Sequence[int | None] = (None, 2)
    body = "".join(json.dumps(doc, indent=ways[i % 2]) + ["", "\n", "  \r\n\t"][i % 3] for i, doc in enumerate(docs))
    assert [json.loads(row) for row in cut(body.encode(), JsonDocuments(), piece=piece)] == docs


@given(items=st.lists(documents), piece=st.integers(1, 60), indent=st.sampled_from([None, 1]))
@settings(max_examples=80, deadline=None)
def test_elements_of_an_array(items: list[object], piece: int, indent: int | None) -> None:
    """``strip_outer_array``: each element of the array that the body is, is a row."""
    body = b" \n" + json.dumps(items, indent=indent).encode() + b" \n"
    assert [json.loads(row) for row in cut(body, JsonElements(), piece=piece)] == items


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"a":1}', "should be array type"),
        (b'[{"a":1}', "not closed"),
        (b'[{"a":1}}', "not closed by ]"),
        (b"[1,,2]", "is empty"),
        (b"[1,]", "is empty"),
        (b"[,1]", "is empty"),
        (b"[1] [2]", "something follows"),
        (b"[1]x", "something follows"),
    ],
)
def test_broken_arrays(body: bytes, why: str) -> None:
    """A body that is not one array as a whole is refused, however it comes."""
    for piece in (1, 100):
        with pytest.raises(BodyBroken, match=why):
            cut(body, JsonElements(), piece=piece)


def test_stray_text_stays_with_a_document() -> None:
    """What stands between two documents belongs to the second, so that the decoder sees and refuses it."""
    assert cut(b'{"a":1} x {"b":2} ', JsonDocuments(), piece=100) == [b'{"a":1}', b' x {"b":2}']
    assert cut(b'{"a":1} x', JsonDocuments()) == [b'{"a":1}', b"x"]
    with pytest.raises(BodyBroken, match="never opened"):
        cut(b'{"a":1}} {"b":2}', JsonDocuments())


def test_a_row_has_a_bound() -> None:
    """A row longer than the bound is refused before it is all in memory."""
    for framer in (RowsByDelimiter(b"\n"), WholeBody(), JsonDocuments(), JsonElements()):
        with pytest.raises(LimitExceeded, match="more than 100 bytes"):
            cut(b'[{"a": "' + b"x" * 1000, framer, piece=10, row_bytes_max=100)
    assert cut(b"ab\ncd", WholeBody()) == [b"ab\ncd"]
