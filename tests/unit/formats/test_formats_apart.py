"""Odd messages among usual ones: which they are, and that decoding them apart changes nothing."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from routine_load.formats.csv import CsvDecoder
from routine_load.formats.json import JsonDecoder, _taken_out
from routine_load.formats.rows import APART_SHARE, as_binary, as_text, lines_of_no_text, odd_lines, others
from routine_load.ids import Compat
from routine_load.loads.values import Format, LoadSpec, Origin, SourceColumn

PIECES = st.sampled_from([b"a", b",", b"\xc3\xa4", b"\xe4\xb8\xad", b"\xff", b"\xc3", b"\n", b"1", b"\xf0\x9f\x98\x80"])
MESSAGE = st.one_of(st.none(), st.lists(PIECES, max_size=6).map(b"".join))
MESSAGES = st.lists(st.one_of(MESSAGE, st.just(b"a,1"), st.just(b"\xc3\xa4,2")), max_size=40)


class Chunk:
    def __init__(self, values):
        self.values = values

    def origin(self, _index):
        return Origin()


def is_text(value):
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(MESSAGES)
@settings(deadline=None)
def test_odd_is_what_is_no_line_of_text(messages):
    """Tombstones, empty messages, line breaks and bytes that are no UTF-8 are odd, and nothing else is."""
    odd = [at for at, m in enumerate(messages) if not m or b"\n" in m or not is_text(m)]
    assert odd_lines(messages) == (odd if len(odd) * APART_SHARE <= len(messages) else None)


@given(
    st.lists(st.one_of(st.binary(min_size=1, max_size=5), st.text(min_size=1, max_size=3).map(str.encode)), max_size=9)
)
@settings(deadline=None)
def test_lines_of_no_text_are_found_wherever_they_are(lines):
    """Whatever bytes a line has, and its neighbours have: it is found once, and only it."""
    lines = [line.replace(b"\n", b" ") for line in lines]
    assert lines_of_no_text(b"\n".join(lines)) == [at for at, line in enumerate(lines) if not is_text(line)]


@given(MESSAGES)
@settings(deadline=None)
def test_values_are_in_arrow_as_they_came(messages):
    """One copy of all values is the same as one copy of each; text that is none is NULL."""
    assert as_binary(messages).equals(pa.array(messages, pa.binary()))
    assert as_text(messages).to_pylist() == [m.decode() if m is not None and is_text(m) else None for m in messages]


@given(st.lists(MESSAGE, max_size=6), st.integers(min_value=1, max_value=3), st.sampled_from(Compat))
@settings(deadline=None)
def test_messages_that_are_decoded_apart_are_rows_as_they_would_be(odd, columns, compat):
    """Whatever stands between usual messages, rows, payloads and rejected rows are those of the exact path."""
    usual = [b",".join([b"x%d" % at] * columns) for at in range(4 * len(odd) + 1)]
    messages = [value for at, good in enumerate(usual) for value in (good, *odd[at // 4 : at // 4 + (at % 4 == 3)])]
    spec = LoadSpec(compat=compat, column_separator=",")
    decoder = CsvDecoder(spec, tuple(SourceColumn(f"c{at}") for at in range(columns)))
    fast, exact = decoder.decode(Chunk(messages)), decoder._decode_exact(messages)
    assert fast.columns.to_pylist() == exact.columns.to_pylist()
    assert sorted(fast.rejected, key=repr) == sorted(exact.rejected, key=repr)
    payload_of = range(len(messages)) if fast.payload_of is None else fast.payload_of.to_pylist()
    assert list(payload_of) == exact.payload_of.to_pylist()


ODD_DOCUMENTS = (
    *(
        None,
        b"",
        b" ",
        b"{}",
        b"{",
        b"}",
        b"{}}",
        b"{{}",
        b'{"c0": 1',
        b'{"c0": 1}{"c0": 2}',
        b' {"c0": 3}',
        b'{"c0": 4}\n',
    ),
    *(
        b"[]",
        b'[{"c0": 5}]',
        b"7",
        b"null",
        b"{\xff}",
        b'{"c0": "\xff"}',
        b'{"c0": 1.50}',
        b'{"c0": [1e3]}',
        b'{"no": 1}',
    ),
    *(b'{"c0" 1}', b'{"c0": 6,}', b"\xef\xbb\xbf{}", b'{"c0": "\n"}', b'{"c0": "}', b'{"c0": nul}'),
)


@given(st.lists(st.sampled_from(ODD_DOCUMENTS), max_size=6), st.integers(1, 5), st.sampled_from(Compat))
@settings(deadline=None)
def test_documents_that_are_decoded_apart_are_rows_as_they_would_be(odd, between, compat):
    """Objects that are cut off, have something around them or are none at all: the same by each way."""
    usual = [b'{"c0": 2.5, "c1": "x"}'] * between
    messages = [message for value in odd for message in (*usual, value)] + usual
    decoder = JsonDecoder(LoadSpec(compat=compat, format=Format.JSON), (SourceColumn("c0"), SourceColumn("c1")))
    fast, exact = decoder.decode(Chunk(messages)), decoder._decode_documents(messages)
    decoder.close()
    assert fast.columns.to_pylist() == exact.columns.to_pylist()
    assert sorted(fast.rejected, key=repr) == sorted(exact.rejected, key=repr)
    payload_of = range(len(messages)) if fast.payload_of is None else fast.payload_of.to_pylist()
    assert list(payload_of) == exact.payload_of.to_pylist()


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from(["{}", '{"c0": "ä"}', "}", "", None])), max_size=8),
    st.integers(0, 8),
)
@settings(deadline=None)
def test_documents_are_taken_out_of_their_text(documents, place):
    """The first, the last, neighbours, empty ones and NULLs: blanks behind a document are all that is left of them."""
    documents = [(kept and bool(text), text) for kept, text in documents]
    documents.insert(place, (True, "{}"))
    taken = [at for at, (kept, _) in enumerate(documents) if not kept]
    wanted = [text for kept, text in documents if kept]
    texts = [text for _, text in documents]
    own = as_text([None if text is None else text.encode() for text in texts])
    validity, offsets, data = own.buffers()
    constant = pa.StringArray.from_buffers(len(own), offsets, pa.py_buffer(data.to_pybytes()), validity)
    for text in (constant, own):
        left = _taken_out(text, pa.array(taken, pa.int64()))
        left.validate(full=True)
        assert [each.rstrip(" ") for each in left.to_pylist()] == wanted
        assert text is own or text.to_pylist() == texts


def test_all_but_a_few():
    """The numbers that are left, in order."""
    assert others(5, [3, 0, 3]).to_pylist() == [1, 2, 4]
    assert others(0, []).to_pylist() == []
