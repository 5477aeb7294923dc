"""``push_down``: what a job says, as headers; whole messages, as a body; what cannot be pushed down."""

from __future__ import annotations

import pyarrow as pa
import pytest

from routine_load.engines.cluster import pushed
from routine_load.errors import AnalysisError, PropertyError
from routine_load.ids import Compat
from routine_load.loads.pushed import RAW, PushDown
from routine_load.loads.values import Format, LoadSpec
from routine_load.sql.ddl import DdlContext, parse_create_table
from routine_load.sql.statements import ColumnItem, Expression, MergeType, MetadataColumn, MetadataField

ITEMS = (
    ColumnItem(name="id"),
    ColumnItem(name="größe"),
    ColumnItem(name="v", expression=Expression(text="hll_hash(\n`größe`)")),
)


def body(spec, *messages):
    batch = pa.record_batch([pa.array(messages, pa.binary())], [RAW])
    return b"".join(pushed.chunks(spec, iter([batch])))


def spec(compat, **values):
    return LoadSpec(compat=compat, push_down=True, **values)


def test_a_mapping_and_a_filter_are_headers():
    """Names are quoted, expressions as they were written, in one line."""
    said = pushed.headers(
        spec(Compat.STARROCKS, columns=ITEMS, where=Expression(text="id > 1"), strict_mode=True, timezone="UTC")
    )
    assert said["columns"] == "`id`,`größe`,`v`=hll_hash( `größe`)"
    assert (said["where"], said["strict_mode"], said["timezone"], said["max_filter_ratio"]) == (
        "id > 1",
        "true",
        "UTC",
        "1",
    )
    assert (said["format"], said["column_separator"], said["row_delimiter"]) == ("csv", "\\t", "\\n")


@pytest.mark.parametrize(
    ("text", "header"),
    [(",", ","), ("||", "||"), ("\t", "\\t"), ("\x01", "\\x01"), (" ", "\\x20"), ("\\", "\\x5C"), ("é", "\\xC3A9")],
)
def test_separators_are_written_as_both_vendors_read_them(text, header):
    """What is not printable goes as hexadecimal digits behind one prefix (StarRocks refuses a second)."""
    assert pushed.headers(spec(Compat.DORIS, column_separator=text))["column_separator"] == header


def test_doris_has_headers_of_its_own():
    """Merge type, delete condition, sequence, partial update, lines."""
    said = pushed.headers(
        spec(
            Compat.DORIS,
            merge_type=MergeType.MERGE,
            delete_on=Expression(text="x = 1"),
            sequence_column="s",
            partial_update=True,
            partitions=("p1", "p2"),
            row_delimiter="\x02",
            empty_field_as_null=True,
        )
    )
    wanted = {
        "merge_type": "MERGE",
        "delete": "x = 1",
        "function_column.sequence_col": "s",
        "partial_columns": "true",
        "partial_update_new_key_behavior": "APPEND",
        "partitions": "p1,p2",
        "line_delimiter": "\\x02",
        "empty_field_as_null": "true",
    }
    assert wanted.items() <= said.items()
    assert "row_delimiter" not in said


@pytest.mark.parametrize(("enclose", "said"), [('"', "true"), ("'", None), ("", None)])
def test_doris_is_told_to_take_quotes_off(enclose, said):
    """A routine load does so by itself; a Stream Load keeps them around a field without ``trim_double_quotes``."""
    headers = pushed.headers(spec(Compat.DORIS, enclose=enclose))
    assert (headers.get("trim_double_quotes") or None) == said


def test_messages_are_joined_as_routine_load_joins_them():
    """A delimiter behind each; a message without a value is none."""
    assert body(spec(Compat.STARROCKS, row_delimiter="|"), b"1,a", None, b"2,b") == b"1,a|2,b|"


def test_a_document_is_one_line_for_doris():
    """Doris reads a document a line; StarRocks a stream of documents, whatever stands between their parts."""
    given = b'{"a":\r\n1}', b'{"a":2}'
    assert body(spec(Compat.DORIS, format=Format.JSON), *given) == b'{"a":  1}\n{"a":2}\n'
    assert body(spec(Compat.STARROCKS, format=Format.JSON), *given) == b'{"a":\r\n1}\n{"a":2}\n'
    said = pushed.headers(spec(Compat.DORIS, format=Format.JSON, jsonpaths='["$.a"]', strip_outer_array=True))
    wanted = {"read_json_by_line": "true", "jsonpaths": '["$.a"]', "strip_outer_array": "true"}
    assert wanted.items() <= said.items()


def test_large_batches_come_in_pieces():
    """Each piece is of whole messages and of some megabytes at most."""
    batch = pa.record_batch([pa.array([b"x" * 100_000] * 200, pa.binary())], [RAW])
    pieces = list(pushed.chunks(spec(Compat.DORIS), iter([batch])))
    assert 1 < len(pieces) < 20
    assert sum(map(len, pieces)) == 200 * 100_001


class Compiler:
    """One that would check everything else."""

    def check(self, spec, table):
        """It is fine."""


TABLE = parse_create_table(
    "CREATE TABLE t (id INT, b BITMAP BITMAP_UNION) AGGREGATE KEY(id) DISTRIBUTED BY HASH(id)",
    DdlContext("d", Compat.STARROCKS),
)


@pytest.mark.parametrize(
    ("compat", "values", "said"),
    [
        (Compat.STARROCKS, {"enclose": '"'}, "enclose, escape or trim_space"),
        (Compat.STARROCKS, {"strip_outer_array": True}, "strip_outer_array"),
        (Compat.DORIS, {"format": Format.AVRO}, "format = avro"),
        (Compat.DORIS, {"preceding_filter": Expression(text="a = 1")}, "PRECEDING FILTER"),
        (Compat.STARROCKS, {"metadata": (MetadataColumn(field=MetadataField.KEY, name="key"),)}, "INCLUDE"),
    ],
)
def test_what_no_stream_load_does_cannot_be_pushed_down(compat, values, said):
    """It is refused at CREATE, by its name."""
    with pytest.raises(PropertyError, match=said):
        PushDown(Compiler(), to_cluster=True).check(spec(compat, **values), TABLE)


def test_nobody_does_the_work_of_the_embedded_engine():
    """push_down needs a cluster; states need push_down."""
    with pytest.raises(PropertyError, match="needs a cluster"):
        PushDown(Compiler(), to_cluster=False).check(spec(Compat.DORIS), TABLE)
    here = LoadSpec(compat=Compat.STARROCKS)
    with pytest.raises(AnalysisError, match="'b' \\(BITMAP\\) are made by the cluster only"):
        PushDown(Compiler(), to_cluster=True).check(here, TABLE)
    PushDown(Compiler(), to_cluster=False).check(here, TABLE)
    PushDown(Compiler(), to_cluster=True).check(LoadSpec(compat=Compat.STARROCKS, columns=ITEMS[:1]), TABLE)
