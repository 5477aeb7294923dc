"""What travels between coordinators and backends comes out as it went in, and nothing else can be made of it."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routine_load import errors
from routine_load.backends.codec import MessageError, from_frame, from_json, to_frame, to_json
from routine_load.backends.messages import Answer, Problem, RowsSent, Said, TaskOrder
from routine_load.commit.values import Counts
from routine_load.errors import LogCut, OffsetOutOfRange, RoutineLoadError
from routine_load.ids import Compat, TableRef
from routine_load.jobs.budget import RatioLimit
from routine_load.loads.path import SingleTable
from routine_load.loads.routing import ByTablePrefix
from routine_load.loads.values import WriteMode
from routine_load.sql.schema import Column, ColumnType, Table, TablePartition

CALM = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])

texts = st.text(st.characters(codec="utf-8"), max_size=8)
st.register_type_strategy(str, texts)
st.register_type_strategy(float, st.floats(allow_nan=False))
routes = st.one_of(st.builds(SingleTable), st.builds(ByTablePrefix))


@st.composite
def orders(draw) -> TaskOrder:
    from routine_load.tasks.run import Task

    task = draw(st.builds(Task, routes=routes, refuses=st.builds(RatioLimit)))
    return dataclasses.replace(draw(st.builds(TaskOrder, task=st.just(task))))


@CALM
@given(orders())
def test_an_order_comes_out_as_it_went_in(order):
    """Whatever the job: its properties, expressions, routes and limits."""
    assert from_json(TaskOrder, to_json(order)) == order


flat = st.builds(ColumnType, arguments=st.just(()))
nested = st.builds(ColumnType, arguments=st.tuples(flat, flat))
tables = st.builds(
    Table,
    columns=st.lists(st.builds(Column, type=flat | nested), max_size=2).map(tuple),
    partitions=st.lists(st.builds(TablePartition), max_size=1).map(tuple),
    temporary=st.just(()),
    properties=st.just((("a", "b"),)),
)


@CALM
@given(tables)
def test_a_table_comes_out_as_it_went_in(table):
    """With all of its columns, types within types, and partitions."""
    assert from_frame(Answer, to_frame(table, Answer)) == (table, b"")


@CALM
@given(st.binary(max_size=200))
def test_bytes_that_are_no_frame_are_said_to_be_none(noise):
    """Nothing but MessageError, however they are cut."""
    with pytest.raises(MessageError):
        from_frame(Said, noise)


def test_a_frame_has_rows_behind_its_value():
    """They are not copied."""
    said = RowsSent(table=TableRef("d", "t"), mode=WriteMode(sequence_column="s"))
    value, payload = from_frame(Said, to_frame(said, Said, b"rows"))
    assert value == said
    assert bytes(payload) == b"rows"


@pytest.mark.parametrize(
    "document",
    [
        b'["Popen",{"args":["true"]}]',
        b'["RowsSent",{"table":{"database":"d"},"mode":{}}]',
        b'["RowsSent",{"table":{"database":"d","table":1},"mode":{}}]',
        b'["TableAsked",{"ref":{"database":"d","table":"t"},"more":1}]',
        b"null",
    ],
)
def test_a_message_can_name_no_class_and_no_field_that_is_not_in_its_type(document):
    """Types come from here, never from the message."""
    with pytest.raises(MessageError):
        from_frame(Said, len(document).to_bytes(4, "big") + document)


def test_an_error_is_raised_again_as_what_it_was():
    """With what belongs to it; one that is not ours, or is made up, is a plain one."""
    cut = Problem.of(LogCut("cut", partition=3, offset=9, end=5)).error()
    assert isinstance(cut, LogCut)
    assert (cut.message, cut.partition, cut.offset, cut.end) == ("cut", 3, 9, 5)
    assert type(Problem.of(OffsetOutOfRange("gone")).error()) is OffsetOutOfRange
    assert type(Problem(kind="annotations", message="x").error()) is RoutineLoadError
    for name in errors.__all__:
        kind = getattr(errors, name)
        if isinstance(kind, type) and issubclass(kind, RoutineLoadError):
            assert isinstance(Problem(kind=name, message="m").error(), RoutineLoadError), name


def test_what_decides_on_a_batch_travels_as_a_value():
    """StarRocks: max_filter_ratio is checked where the batch is loaded."""
    limit = from_json(RatioLimit, to_json(RatioLimit(max_filter_ratio=0.1, compat=Compat.STARROCKS)))
    assert limit(Counts(loaded=8, filtered=2))
    assert not limit(Counts(loaded=9, filtered=1))
