"""Multi-table routing: the value is cut at its first bar (Doris: multi-table jobs)."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routine_load.errors import UnknownTable
from routine_load.ids import TableRef
from routine_load.loads import routing
from routine_load.loads.routing import ByTablePrefix
from routine_load.loads.values import Origin, PayloadSlice, Routed
from routine_load.sql.statements import MetadataField


@dataclass
class Messages:
    values: list[bytes | None]

    def origin(self, index: int) -> Origin:
        return Origin("topic", 0, index)

    def metadata(self, what: MetadataField) -> pa.Array:
        return pa.array([f"{what} {index}" for index in range(len(self.values))])


def test_each_table_gets_its_rows_in_order_with_their_origins():
    """A bar in the row itself stays."""
    parts = ByTablePrefix("d").split(Messages([b"a|1,x", b"b|2", b"a|3|4", b"b||"])).parts
    assert {ref: list(part.values) for ref, part in parts.items()} == {
        TableRef("d", "a"): [b"1,x", b"3|4"],
        TableRef("d", "b"): [b"2", b"|"],
    }
    assert parts[TableRef("d", "a")].origin(1).offset == 2
    assert parts[TableRef("d", "b")].origin(1).offset == 3


def test_each_table_gets_what_its_messages_carry():
    """INCLUDE METADATA of a multi-table job: the messages of a table, in order, also where its part is cut."""
    parts = ByTablePrefix("d").split(Messages([b"a|1", None, b"b|2", b"a|3", b"a|4"])).parts
    part = parts[TableRef("d", "a")]
    assert part.metadata(MetadataField.KEY).to_pylist() == ["KEY 0", "KEY 3", "KEY 4"]
    assert PayloadSlice(part, 1, 3).metadata(MetadataField.KEY).to_pylist() == ["KEY 3", "KEY 4"]


def test_tombstones_and_empty_values_are_passed_over():
    """They name no table and carry no row."""
    assert ByTablePrefix("d").split(Messages([None, b""])) == Routed({})
    parts = ByTablePrefix("d").split(Messages([None, b"", b"a|1"])).parts
    assert list(parts) == [TableRef("d", "a")]
    assert parts[TableRef("d", "a")].origin(0).offset == 2


def test_a_value_without_a_bar_is_an_unknown_table():
    """Doris takes the whole value for the name."""
    with pytest.raises(UnknownTable, match="table name is abc"):
        ByTablePrefix("d").split(Messages([b"a|1", b"abc"]))


def test_no_more_of_a_message_than_a_name_is_told():
    """A whole message without a bar would otherwise stand in the reason of a pause."""
    with pytest.raises(UnknownTable, match=f"table name is {'x' * 64}: a message"):
        ByTablePrefix("d").split(Messages([b"x" * 1000]))


def test_a_row_without_a_name_and_a_name_without_a_row_are_error_rows():
    """Doris fails the task with these words and reads it again for ever; the other rows go on here."""
    routed = ByTablePrefix("d").split(Messages([b"|x", b"a|1", b"a|", b"b|", b"|", None]))
    assert {ref.table: list(part.values) for ref, part in routed.parts.items()} == {"a": [b"1"]}
    assert routed.parts[TableRef("d", "a")].origin(0).offset == 1
    found = {ref.table: [(r.payload, r.reason) for r in rows] for ref, rows in routed.rejected.items()}
    assert found == {
        "": [(0, "table name is empty"), (4, "table name is empty")],
        "a": [(2, "empty data")],
        "b": [(3, "empty data")],
    }


def test_a_chunk_is_dealt_in_one_pass_however_many_tables_it_names(monkeypatch):
    """A pass for each name took 27 seconds for a chunk of 50,000 names."""
    calls = []

    class Counting:
        def __getattr__(self, name):
            calls.append(name)
            return getattr(pc, name)

    monkeypatch.setattr(routing, "pc", Counting())
    taken = []
    for names in (2, 2_000):
        calls.clear()
        values = [b"t%d|%d" % (i % names, i) for i in range(4_000)]
        parts = ByTablePrefix("d").split(Messages(values)).parts
        assert [list(part.values) for part in parts.values()] == [
            [b"%d" % i for i in range(n, 4_000, names)] for n in range(names)
        ]
        taken.append(len(calls))
    assert taken[0] == taken[1]


def test_a_name_that_is_no_text_is_an_unknown_table():
    """Two of them are not taken for one table, so that no row of the other is lost."""
    with pytest.raises(UnknownTable, match=r"table name is \ufffd"):
        ByTablePrefix("d").split(Messages([b"\xff|", b"\xfe|"]))


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "ü"]), st.binary(min_size=1, max_size=8)), max_size=30))
def test_no_row_is_lost_and_none_doubled(rows):
    """The parts together are the chunk."""
    values = [name.encode() + b"|" + row for name, row in rows]
    parts = ByTablePrefix("d").split(Messages(values)).parts
    back = sorted(
        (part.origin(i).offset, ref.table.encode() + b"|" + value)
        for ref, part in parts.items()
        for i, value in enumerate(part.values)
    )
    assert [value for _, value in back] == values
