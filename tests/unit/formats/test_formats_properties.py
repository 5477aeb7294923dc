"""Properties of decoders: everything is accounted for, cutting a chunk anywhere changes nothing, nothing ever raises."""

import random

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from routine_load.formats import decoder_for
from routine_load.formats.csv import CsvDecoder
from routine_load.ids import Compat
from routine_load.loads.values import Format, LoadSpec, Origin, Reading, SourceColumn

COLUMNS = (SourceColumn("a"), SourceColumn("b", Reading.NUMBER))
FUZZED_PAYLOADS = 5_000


class Chunk:
    def __init__(self, values):
        self.values = values

    def origin(self, index):
        return Origin("t", 0, index)


def spec_for(**options):
    return LoadSpec(**{"compat": Compat.STARROCKS, "column_separator": ",", **options})


DIALECTS = {
    "csv": spec_for(),
    "csv doris": spec_for(compat=Compat.DORIS, empty_field_as_null=True),
    "csv wide": spec_for(column_separator="||", row_delimiter="##"),
    "csv enclosed": spec_for(enclose='"'),
    "csv escaped": spec_for(enclose='"', escape="\\"),
    "csv trimmed": spec_for(enclose='"', trim_space=True),
    "csv wide enclosed": spec_for(enclose="'", escape="\\", column_separator="||", row_delimiter="##"),
    "json": spec_for(format=Format.JSON),
    "json doris": spec_for(format=Format.JSON, compat=Compat.DORIS),
    "json stripped": spec_for(format=Format.JSON, strip_outer_array=True),
    "json root": spec_for(format=Format.JSON, json_root="$.a", strip_outer_array=True),
    "json paths": spec_for(format=Format.JSON, jsonpaths='["$.a[0]", "$.b[*].c"]'),
}
dialects = pytest.mark.parametrize("spec", DIALECTS.values(), ids=DIALECTS.keys())

csv_pieces = st.sampled_from(
    [
        b",",
        b"\n",
        b"\r",
        b'"',
        b"'",
        b"\\",
        b"\\N",
        b"||",
        b"|",
        b"##",
        b" ",
        b"a",
        b"1.50",
        b"\x00",
        b"\xff",
        b"\xef\xbb\xbf",
    ]
)
json_pieces = st.sampled_from(
    [
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b'"a"',
        b'"b"',
        b'"c"',
        b"1.50",
        b"-0",
        b"1e400",
        b"true",
        b"null",
        b" ",
        b"\n",
    ]
    + [b'"\\u0000"', b"\xff", b'"\\ud800"', b"NaN", b'{"a":1,"b":2}', b'[{"a":1}]', b"\x01"]
)
messages = st.lists(
    st.one_of(
        st.none(),
        st.lists(csv_pieces, max_size=8).map(b"".join),
        st.lists(json_pieces, max_size=8).map(b"".join),
        st.binary(max_size=20),
    ),
    max_size=12,
)


def rows_of(decoder, values, base=0, columns=COLUMNS):
    """Decoded rows with the payload of each, and the rejected rows."""
    decoded = decoder.decode(Chunk(values))
    assert [f.type for f in decoded.columns.schema] == [pa.string()] * len(columns)
    assert decoded.columns.column_names == [c.name for c in columns]
    count = decoded.columns.num_rows
    payloads = list(range(count)) if decoded.payload_of is None else decoded.payload_of.to_pylist()
    assert len(payloads) == count
    rows = [tuple(row.values()) for row in decoded.columns.to_pylist()]
    return (
        [(base + payload, row) for payload, row in zip(payloads, rows, strict=True)],
        [(base + r.payload, r.raw, r.reason) for r in decoded.rejected],
    )


@pytest.fixture(scope="module")
def decoders():
    return {name: decoder_for(spec, COLUMNS) for name, spec in DIALECTS.items()}


@dialects
@settings(max_examples=60, deadline=None)
@given(values=messages, cut=st.integers(0, 12))
@example(values=[b'"a', b'b",1'], cut=1)
@example(values=[b"a\\", b",1"], cut=1)
def test_cutting_a_chunk_anywhere_changes_nothing(spec, values, cut, decoders):
    """Decoding a chunk gives the same rows and rejects as decoding its two halves."""
    decoder = decoders[next(name for name, known in DIALECTS.items() if known is spec)]
    whole_rows, whole_rejects = rows_of(decoder, values)
    left_rows, left_rejects = rows_of(decoder, values[:cut])
    right_rows, right_rejects = rows_of(decoder, values[cut:], min(cut, len(values)))
    assert whole_rows == left_rows + right_rows
    assert whole_rejects == left_rejects + right_rejects


@dialects
@settings(max_examples=60, deadline=None)
@given(values=messages)
def test_no_message_with_content_vanishes(spec, values, decoders):
    """Each payload is a row, a rejected row, or blank: no row and no reject means nothing but blanks in it."""
    decoder = decoders[next(name for name, known in DIALECTS.items() if known is spec)]
    rows, rejects = rows_of(decoder, values)
    seen = {payload for payload, _ in rows} | {payload for payload, *_ in rejects}
    for index, value in enumerate(values):
        if index in seen:
            continue
        content = value or b""
        if spec.compat is Compat.DORIS:
            content = content.removeprefix(b"\xef\xbb\xbf")  # the mark is dropped there, and is nothing by itself
        blank = content.replace(spec.row_delimiter.encode(), b"").strip(b" \t\r\n")
        assert blank in {b"", b"[]"} or (spec.strip_outer_array and b"[" in blank)


@settings(max_examples=150, deadline=None)
@given(
    values=messages,
    escape=st.sampled_from(["", "\\"]),
    enclose=st.sampled_from(["", '"']),
    compat=st.sampled_from(list(Compat)),
)
@example(values=[b"a\\,1", b"\\N,1"], escape="\\", enclose="", compat=Compat.DORIS)
def test_the_fast_path_agrees_with_the_exact_one(values, escape, enclose, compat):
    """Whatever the fast path answers, the exact path answers too."""
    fast, exact = (CsvDecoder(spec_for(enclose=enclose, escape=escape, compat=compat), COLUMNS) for _ in range(2))
    exact._fast = False
    assert rows_of(fast, values) == rows_of(exact, values)


DIALECT_MARKS = "xyz-aN\\,\"'\x01\x02\x0b\x1c "
odd_pieces = st.sampled_from(
    [
        *(mark.encode() for mark in DIALECT_MARKS),
        b"\n",
        b"\r",
        b"\\N",
        b"\xff",
        "\u2028".encode(),
        "\x85".encode(),
        b"1",
    ]
)


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(st.lists(odd_pieces, max_size=6).map(b"".join) | st.none(), min_size=1, max_size=4),
    marks=st.permutations(DIALECT_MARKS).map(lambda marks: marks[:3]),
    given_marks=st.tuples(st.booleans(), st.booleans()),
    row_delimiter=st.sampled_from(["\n", "\n", "\r\n", "\x03", "\x1e"]),
    width=st.integers(1, 3),
    compat=st.sampled_from(list(Compat)),
)
@example(
    values=[b"1"],
    marks=["\x01", "x", "\\"],
    given_marks=(True, False),
    row_delimiter="\x02",
    width=3,
    compat=Compat.STARROCKS,
)
def test_marks_of_a_dialect_may_be_any_characters(values, marks, given_marks, row_delimiter, width, compat):
    """Letters that separate, enclose or escape are that and nothing else, whatever breaks lines in other programs."""
    separator, enclose, escape = marks
    spec = spec_for(
        column_separator=separator,
        row_delimiter=row_delimiter,
        enclose=enclose if given_marks[0] else "",
        escape=escape if given_marks[1] else "",
        compat=compat,
    )
    columns = tuple(SourceColumn(f"c{at}") for at in range(width))
    fast, exact = CsvDecoder(spec, columns), CsvDecoder(spec, columns)
    exact._fast = False
    assert rows_of(fast, values, columns=columns) == rows_of(exact, values, columns=columns)


@dialects
def test_random_payloads_never_raise(spec, decoders, request):
    """5,000 random payloads per dialect: rows and rejects, never an exception."""
    seed = random.randrange(2**32)
    request.node.user_properties.append(("seed", seed))
    print(f"seed {seed}")
    chance = random.Random(seed)
    decoder = decoders[next(name for name, known in DIALECTS.items() if known is spec)]
    alphabet = [
        b",",
        b"\n",
        b'"',
        b"'",
        b"\\",
        b"||",
        b"##",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b'"a"',
        b"1",
        b".5",
        b" ",
        b"\xff",
    ]
    for _ in range(50):
        values = [
            b"".join(chance.choices(alphabet, k=chance.randrange(12)))
            if chance.random() < 0.8
            else chance.randbytes(12)
            for _ in range(FUZZED_PAYLOADS // 50)
        ]
        rows_of(decoder, values)


@pytest.mark.parametrize("depth", [1_000, 200_000])
def test_deep_nesting_is_bounded(depth, decoders):
    """A document nested without end is a row or a rejected row, not a crash."""
    for text in (
        b'{"a":' + b"[" * depth + b"]" * depth + b"}",
        b"[" * depth,
        b'{"a":' * depth,
        b"{}" * 2 + b"[" * depth,
    ):
        rows, rejects = rows_of(decoders["json"], [text])
        assert rows or rejects


def test_rejected_rows_keep_a_bounded_text(decoders):
    """A rejected megabyte keeps a kilobyte."""
    for name in ("csv", "csv escaped", "json"):
        _, rejects = rows_of(decoders[name], [b"x" * 1_000_000, b"\xff" * 1_000_000])
        assert [len(raw) <= 1024 for _, raw, _ in rejects] == [True, True]
        assert all(len(reason) < 500 for *_, reason in rejects)
