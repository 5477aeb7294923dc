"""Rows on their way into a cluster: every value, what is deleted, what is updated in part, what the cluster filters."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pytest

from routine_load.commit.labels import LabelState, Outcome, Part
from routine_load.engines.cluster.body import Encoder, headers, plan
from routine_load.errors import SinkError
from routine_load.ids import Compat, Label, TableRef
from routine_load.loads.values import HAS, SEQUENCE, WriteMode
from routine_load.sql.ddl import DdlContext, parse_create_table
from tests.support.cluster_peer import Body, connected_to, peer_of

_NUMBERS = itertools.count(1)


class Cluster:
    def __init__(self, peer, target):
        self.peer = peer
        self.target = target

    def load(self, table, rows, mode=WriteMode()):  # noqa: B008 - a frozen value
        """Load rows in two phases; returns what preparing them told."""
        part = Part(TableRef("d", table), Label(f"rows-{next(_NUMBERS)}"))
        prepared = self.target.prepare(part, Body(pa.table(rows), mode))
        assert prepared.reply.outcome is Outcome.DONE, prepared
        done = self.target.commit(replace(part, txn_id=prepared.txn_id))
        assert done.outcome is Outcome.DONE, done
        return prepared

    def read(self, query):
        return self.peer.run(query)


@pytest.fixture(scope="module", params=list(Compat))
def cluster(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    with peer_of(request.param, folder) as peer, connected_to(peer, folder) as connected:
        yield Cluster(peer, connected.target)


IDS = pa.array([1, 2, 3, -(2**63)], pa.int64())
WIDE = 170141183460469231731687303715884105727

VALUES = {
    "text": (
        "VARCHAR(400)",
        pa.array(['a"b\\\n\r\t\x00\x01\x7fé😀\u2028', "\\N", None, ""]),
        ['a"b\\\n\r\t\x00\x01\x7fé😀\u2028', "\\N", None, ""],
    ),
    "flag": ("BOOLEAN", pa.array([True, False, None, True]), [1, 0, None, 1]),
    "tiny": ("TINYINT", pa.array([127, -128, None, 0], pa.int8()), [127, -128, None, 0]),
    "big": ("BIGINT", pa.array([2**63 - 1, -(2**63), None, 0], pa.int64()), [2**63 - 1, -(2**63), None, 0]),
    "large": (
        "LARGEINT",
        pa.array([Decimal(10**37), Decimal(-(10**37)), None, Decimal(0)], pa.decimal128(38, 0)),
        [10**37, -(10**37), None, 0],
    ),
    "exact": (
        "DECIMAL(38,4)",
        pa.array([Decimal("1234567890123456789012345678901234.5678"), Decimal("-0.0001"), None, Decimal(0)]),
        [Decimal("1234567890123456789012345678901234.5678"), Decimal("-0.0001"), None, Decimal(0)],
    ),
    "single": ("FLOAT", pa.array([0.1, -1e30, None, 1e-30], pa.float32()), [0.1, -1e30, None, 1e-30]),
    "double": ("DOUBLE", pa.array([0.1, -1e300, None, 5e-324]), [0.1, -1e300, None, 5e-324]),
    "day": (
        "DATE",
        pa.array([dt.date(2020, 2, 29), dt.date(1, 1, 1), None, dt.date(9999, 12, 31)]),
        [dt.date(2020, 2, 29), dt.date(1, 1, 1), None, dt.date(9999, 12, 31)],
    ),
    "moment": (
        "DATETIME(6)",
        pa.array([dt.datetime(2020, 1, 1, 1, 2, 3, 123456), dt.datetime(1, 1, 1), None, dt.datetime(2038, 1, 19)]),
        [dt.datetime(2020, 1, 1, 1, 2, 3, 123456), dt.datetime(1, 1, 1), None, dt.datetime(2038, 1, 19)],
    ),
}


@pytest.mark.parametrize("kind", VALUES)
def test_every_value_arrives_as_it_was(cluster, kind):
    """NULL is NULL, a text that looks like NULL is a text, no digit and no byte is lost (StarRocks, Doris: types)."""
    type_, given, wanted = VALUES[kind]
    if cluster.peer.compat is Compat.STARROCKS and type_ == "DATETIME(6)":
        type_ = "DATETIME"
    cluster.peer.table(f"of_{kind}", f"v {type_}")
    prepared = cluster.load(f"of_{kind}", {"id": IDS, "v": given})
    assert (prepared.loaded, prepared.filtered) == (4, 0)
    found = dict(cluster.read(f"SELECT id, v FROM of_{kind}"))
    assert [found[key] for key in IDS.to_pylist()] == wanted


@pytest.mark.parametrize(
    ("name", "type_", "given", "wanted"),
    [
        (
            "numbers",
            "ARRAY<DECIMAL(10,2)>",
            pa.array([[Decimal("1.50"), None], [], None, [Decimal("-2.00")]]),
            [[1.5, None], [], None, [-2.0]],
        ),
        (
            "pairs",
            "MAP<VARCHAR(10),INT>",
            pa.array([[('k"', 1)], [], None, [("a", None)]], pa.map_(pa.string(), pa.int32())),
            [{'k"': 1}, {}, None, {"a": None}],
        ),
        (
            "fields",
            "STRUCT<x INT, y DATE>",
            pa.array(
                [{"x": 1, "y": dt.date(2020, 1, 1)}, {"x": None, "y": None}, None, {"x": 5, "y": None}],
                pa.struct([("x", pa.int32()), ("y", pa.date32())]),
            ),
            [{"x": 1, "y": "2020-01-01"}, {"x": None, "y": None}, None, {"x": 5, "y": None}],
        ),
        (
            "document",
            "JSON",
            pa.array(['{"a": 1.5,\n "b": [null, "x\\n"]}', "[1]", None, "12345678901234567890"]),
            [{"a": 1.5, "b": [None, "x\n"]}, [1], None, 12345678901234567890],
        ),
    ],
)
def test_values_of_values_arrive_as_they_were(cluster, name, type_, given, wanted):
    """ARRAY, MAP, STRUCT and JSON, with NULLs inside and nothing inside."""
    cluster.peer.table(f"of_{name}", f"v {type_}")
    cluster.load(f"of_{name}", {"id": IDS, "v": given})
    found = dict(cluster.read(f"SELECT id, v FROM of_{name}"))
    assert [None if found[key] is None else json.loads(found[key]) for key in IDS.to_pylist()] == wanted


def test_columns_of_any_name_arrive(cluster):
    """Names may have quotes, blanks, commas and letters of any script; they are quoted in headers and bodies."""
    cluster.peer.table("of_names", '`größe, in m²` INT, `say "x"` INT, `select` INT')
    names = ("größe, in m²", 'say "x"', "select")
    cluster.load("of_names", {"id": IDS[:1], **{name: pa.array([at], pa.int32()) for at, name in enumerate(names)}})
    assert cluster.read("SELECT * FROM of_names") == [(1, 0, 1, 2)]


def test_columns_that_are_not_loaded_get_their_default(cluster):
    """StarRocks, Doris: a load names its columns; the others are filled by the table."""
    cluster.peer.table("of_defaults", "a VARCHAR(10) DEFAULT 'x', b INT")
    cluster.load("of_defaults", {"id": IDS[:1]})
    assert cluster.read("SELECT * FROM of_defaults") == [(1, "x", None)]


def test_deletes_go_with_upserts(cluster):
    """StarRocks: ``__op``; Doris: MERGE with a delete condition. A row that is not there is deleted, too."""
    cluster.peer.table("of_deletes", "v VARCHAR(10)")
    cluster.load("of_deletes", {"id": IDS[:2], "v": ["a", "b"]})
    ops = pa.array([1, 0, 1], pa.int8())
    cluster.load("of_deletes", {"id": pa.array([1, 3, 9], pa.int64()), "v": [None, "c", None], "__op": ops})
    assert sorted(cluster.read("SELECT id, v FROM of_deletes")) == [(2, "b"), (3, "c")]


def test_a_delete_needs_nothing_but_its_key(cluster):
    """A tombstone has NULL in columns that take none: the row goes all the same."""
    columns = "a VARCHAR(5) NOT NULL, b DATETIME NOT NULL, c DECIMAL(9,2) NOT NULL, e ARRAY<INT> NOT NULL"
    cluster.peer.table("of_tombstones", columns)
    cluster.peer.run(
        "INSERT INTO d.of_tombstones VALUES (1, 'x', '2020-01-01', 1.5, [1]), (2, 'y', '2020-01-01', 2, [2])"
    )
    nulls = {
        "a": pa.array([None], pa.string()),
        "b": pa.array([None], pa.timestamp("us")),
        "c": pa.array([None], pa.decimal128(9, 2)),
        "e": pa.array([None], pa.list_(pa.int32())),
    }
    prepared = cluster.load("of_tombstones", {"id": IDS[:1], **nulls, "__op": pa.array([1], pa.int8())})
    assert (prepared.loaded, prepared.filtered) == (1, 0)
    assert cluster.read("SELECT id FROM of_tombstones") == [(2,)]


def test_a_partial_update_keeps_the_other_columns(cluster):
    """StarRocks: partial_update; Doris: partial_columns, which takes keys that are new."""
    cluster.peer.table("of_parts", "a INT, b INT")
    cluster.load("of_parts", {"id": IDS[:1], "a": pa.array([1], pa.int32()), "b": pa.array([2], pa.int32())})
    mode = WriteMode(partial_update=True)
    cluster.load("of_parts", {"id": IDS[:2], "b": pa.array([7, 8], pa.int32())}, mode)
    assert sorted(cluster.read("SELECT * FROM of_parts")) == [(1, 1, 7), (2, None, 8)]


def test_rows_that_the_cluster_filters_are_counted_and_told(cluster):
    """The other rows are loaded; the first reason comes from the cluster's error log."""
    cluster.peer.table("of_filters", "v VARCHAR(3)")
    prepared = cluster.load("of_filters", {"id": IDS[:3], "v": ["ok", "too long", "x"]})
    assert (prepared.loaded, prepared.filtered) == (2, 1)
    assert "too long" in prepared.first_error
    assert prepared.error_url.startswith("http://")
    assert sorted(cluster.read("SELECT v FROM of_filters")) == [("ok",), ("x",)]


def test_a_part_that_the_cluster_filters_whole_has_nothing_to_commit(cluster):
    """StarRocks refuses it (No partitions have data available for loading), Doris prepares nothing; rows are counted."""
    cluster.peer.table("of_nothing", "v VARCHAR(3)")
    part = Part(TableRef("d", "of_nothing"), Label("nothing-at-all"))
    prepared = cluster.target.prepare(part, Body(pa.table({"id": IDS[:1], "v": ["too long"]})))
    assert (prepared.loaded, prepared.filtered) == (0, 1)
    assert prepared.is_empty is (cluster.peer.compat is Compat.STARROCKS)
    cluster.target.rollback(replace(part, txn_id=prepared.txn_id))
    assert cluster.target.state("d", part.label) is LabelState.ABORTED


def test_a_table_that_is_gone_refuses_the_part(cluster):
    """Nothing is begun for it."""
    part = Part(TableRef("d", "gone"), Label("of-a-table-that-is-gone"))
    prepared = cluster.target.prepare(part, Body(pa.table({"id": IDS})))
    assert (prepared.reply.outcome, "gone" in prepared.reply.text) == (Outcome.REFUSED, True)
    assert cluster.target.state("d", part.label) is LabelState.UNKNOWN


# what headers and bodies say, where the peer cannot show it


def encoded(vendor, columns, rows, mode=WriteMode()):  # noqa: B008 - a frozen value
    model = "PRIMARY KEY" if vendor is Compat.STARROCKS else "UNIQUE KEY"
    text = f"CREATE TABLE t (id INT NOT NULL, {columns}) {model} (id) DISTRIBUTED BY HASH(id)"
    batch = pa.table(rows)
    encoding = plan(vendor, parse_create_table(text, DdlContext("d", vendor)), batch.schema, mode)
    encoder = Encoder()
    try:
        return headers(encoding, mode), b"".join(encoder.chunks(encoding, iter(batch.to_batches()))).decode()
    finally:
        encoder.close()


def test_bytes_go_as_hexadecimal_digits():
    """StarRocks: VARBINARY is made by ``to_binary`` in the mapping: JSON has no bytes."""
    said, body = encoded(Compat.STARROCKS, "v VARBINARY", {"id": [1, 2], "v": [b"\x00\xff", None]})
    assert said["columns"] == "`id`,`__rl_hex_v`,`v`=to_binary(`__rl_hex_v`, 'hex')"
    assert body == '{"id":1,"__rl_hex_v":"00FF"}\n{"id":2,"__rl_hex_v":null}\n'


def test_states_are_left_to_the_cluster():
    """BITMAP, HLL: our states are not the cluster's; the refusal says what to do."""
    with pytest.raises(SinkError, match='"push_down" = "true"'):
        encoded(Compat.DORIS, "v HLL HLL_UNION".replace(" HLL_UNION", ""), {"id": [1], "v": [b""]})


def test_each_row_has_its_own_columns_in_a_flexible_partial_update():
    """Doris: UPDATE_FLEXIBLE_COLUMNS; a key that a row does not bring is absent, one that is NULL is null."""
    rows = {"id": [1, 2], "a": [5, None], HAS + "a": [True, True], "b": [None, 6], HAS + "b": [False, True]}
    mode = WriteMode(partial_update=True, flexible=True)
    said, body = encoded(Compat.DORIS, "a INT, b INT", rows, mode)
    assert body == '{"id":1,"a":5}\n{"id":2,"a":null,"b":6}\n'
    assert said["unique_key_update_mode"] == "UPDATE_FLEXIBLE_COLUMNS"
    assert {"columns", "partial_columns", "merge_type"}.isdisjoint(said)


def test_a_hidden_sequence_goes_under_a_name_of_its_own():
    """Doris: function_column.sequence_col names the column of the load that the hidden column is made of."""
    mode = WriteMode(sequence_column="s")
    said, body = encoded(Compat.DORIS, "a INT", {"id": [1], "a": [2], SEQUENCE: [9]}, mode)
    assert said["function_column.sequence_col"] == "__rl_sequence"
    assert (said["columns"], body) == ("`id`,`a`,`__rl_sequence`", '{"id":1,"a":2,"__rl_sequence":"9"}\n')


def test_a_row_of_a_flexible_update_brings_its_hidden_sequence_or_none():
    """Doris: a row without __DORIS_SEQUENCE_COL__ leaves the sequence that its key has."""
    mode = WriteMode(partial_update=True, flexible=True)
    rows = {"id": [1, 2], "a": [5, 6], HAS + "a": [True, True], SEQUENCE: [7, None], HAS + SEQUENCE: [True, False]}
    _, body = encoded(Compat.DORIS, "a INT", rows, mode)
    assert body == '{"id":1,"a":5,"__DORIS_SEQUENCE_COL__":"7"}\n{"id":2,"a":6}\n'


def test_documents_that_are_texts_go_to_doris_as_texts():
    """Doris parses a text into a JSON column; StarRocks takes the document itself."""
    rows = {"id": [1, 2], "j": ['"a\\nb"', '{"x":\r\n1}']}
    assert encoded(Compat.DORIS, "j JSON", rows)[1] == '{"id":1,"j":"\\"a\\\\nb\\""}\n{"id":2,"j":{"x":  1}}\n'
    assert encoded(Compat.STARROCKS, "j JSON", rows)[1] == '{"id":1,"j":"a\\nb"}\n{"id":2,"j":{"x":  1}}\n'


def test_conditions_of_an_update_are_headers():
    """StarRocks: merge_condition; strict mode tells what cannot be held instead of making it NULL."""
    said, _ = encoded(Compat.STARROCKS, "a INT", {"id": [1], "a": [2]}, WriteMode(merge_condition="a"))
    assert (said["merge_condition"], said["strict_mode"], said["max_filter_ratio"]) == ("a", "true", "1")


def test_new_keys_are_refused_where_the_job_says_so():
    """Doris: partial_update_new_key_behavior = ERROR."""
    mode = WriteMode(partial_update=True, refuses_new_keys=True)
    said, _ = encoded(Compat.DORIS, "a INT, b INT", {"id": [1], "a": [2]}, mode)
    assert (said["partial_columns"], said["partial_update_new_key_behavior"]) == ("true", "ERROR")
