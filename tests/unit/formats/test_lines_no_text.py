"""Lines that are no text: which they are, and that a parser gets past them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from routine_load.formats.csv import CsvDecoder
from routine_load.formats.lines_no_text import blotted, line_breaks, lines_of_no_text
from routine_load.ids import Compat
from routine_load.loads.values import LoadSpec, Origin, SourceColumn

PIECES = [b"a", b",", b"xyz", b"\xc3\xa4", b"\xe4\xb8\xad", b"\xf0\x9f\x98\x80", b"\xff", b"\xc3", b"\xe4\xb8", b"\x80"]
LINE = st.lists(st.sampled_from(PIECES), max_size=5).map(b"".join)
USUAL = st.sampled_from([b"a,1", b"b,22", b"\xc3\xa4,3", b""])
MARK = b"\xef\xbb\xbf"


class Chunk:
    def __init__(self, values):
        self.values = values

    def origin(self, _index):
        return Origin()


def is_text(line):
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(st.lists(st.one_of(LINE, USUAL, USUAL, USUAL, USUAL, USUAL), min_size=1, max_size=40))
@settings(deadline=None)
def test_lines_are_found_with_their_bytes_and_overwritten_where_they_stand(lines):
    """Few or many, the first or the last, beside lines of any other letters: they alone, and nothing moves."""
    joined = b"\n".join(lines)
    broken = [at for at, line in enumerate(lines) if not is_text(line)]
    assert lines_of_no_text(joined) == broken
    data, found = blotted(joined, b"x")
    assert found == [lines[at] for at in broken]
    assert bytes(data) == b"\n".join(line if is_text(line) else b"x" * len(line) for line in lines)
    assert line_breaks(joined) == len(lines) - 1


def test_lines_of_no_text_are_rejected_without_reading_the_others_again(monkeypatch):
    """One byte is enough for a line, whatever else is in the others; Doris drops a byte order mark in front of it."""
    for compat in Compat:
        for columns in (2, 3):
            good = b",".join([b"v"] * columns)
            messages = [
                b"\xff",
                *[good] * 9,
                MARK + b"\xff,\xff",
                *[good] * 9,
                b"1,\xc3",
                *[good] * 9,
                b"\x01",
                b"\x01,2,3,4",
            ]
            decoder = CsvDecoder(
                LoadSpec(compat=compat, column_separator=","), tuple(SourceColumn(f"c{at}") for at in range(columns))
            )
            exact = decoder._decode_exact(messages)
            monkeypatch.setattr(decoder, "_decode_exact", None)
            fast = decoder.decode(Chunk(messages))
            assert fast.columns.to_pylist() == exact.columns.to_pylist()
            assert fast.rejected == exact.rejected
            assert fast.payload_of.to_pylist() == exact.payload_of.to_pylist()
