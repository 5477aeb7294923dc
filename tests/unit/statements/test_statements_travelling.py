"""Results and errors between coordinators: what arrives is what was sent."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routine_load import errors
from routine_load.errors import AnalysisError, ExecutionError, JobNotFound, Position, RoutineLoadError
from routine_load.ids import Compat
from routine_load.sql.results import Ok, ResultColumn, ResultTable, ResultType
from routine_load.statements import travelling
from routine_load.statements.travelling import error_fields, read_error, read_result, result_fields

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**127), 2**127),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(max_size=20),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.dates(),
    st.times(),
    st.timedeltas(timedelta(hours=-838), timedelta(hours=838)),
)


def sent(fields):
    """Over the wire."""
    return json.loads(json.dumps(fields))


@given(st.lists(st.lists(VALUES, min_size=2, max_size=2), max_size=4))
def test_rows_arrive_as_they_were_sent(rows):
    """Values keep their types, columns theirs."""
    columns = [ResultColumn("a", ResultType.BIGINT), ResultColumn("ä b", ResultType.DECIMAL, 3)]
    came = read_result(sent(result_fields(ResultTable(columns, iter(rows)))))
    assert isinstance(came, ResultTable)
    assert list(came.columns) == columns
    assert came.rows == rows
    assert [[type(v) for v in row] for row in came.rows] == [[type(v) for v in row] for row in rows]


def test_an_ok_arrives_with_its_words():
    """Rows that were changed, message and warnings."""
    ok = Ok(3, "done", ("careful",))
    assert read_result(sent(result_fields(ok))) == ok


def test_an_answer_without_end_is_refused(monkeypatch):
    """Before it is all in memory."""
    monkeypatch.setattr(travelling, "ROWS_MAX", 10)
    endless = ResultTable([ResultColumn("n")], iter(lambda: [1], 0))
    with pytest.raises(ExecutionError, match="more than 10 rows"):
        result_fields(endless)


KINDS = sorted(
    {each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, RoutineLoadError)},
    key=lambda kind: kind.__name__,
)


class Framed(JobNotFound, AnalysisError):
    """A class that only the room that raises it knows: said in another frame."""

    errno = 5089

    def framed(self, compat: Compat) -> str:
        return AnalysisError.framed(self, compat)


def made(kind) -> RoutineLoadError:
    """Some are made of more than a text."""
    if kind is errors.ClusterRefused:
        return kind("no such thing", errno=5024, sqlstate="42S02")
    error = kind.__new__(kind)
    RoutineLoadError.__init__(error, "what went wrong: \N{SNOWMAN}", position=Position(2, 7))
    return error


@pytest.mark.parametrize("kind", [*KINDS, Framed])
@pytest.mark.parametrize("compat", list(Compat))
def test_an_error_says_what_it_said_where_it_was_raised(kind, compat):
    """Number, state, frame and what our own clients ask for; it can be caught by its class."""
    error = made(kind)
    came = read_error(sent(error_fields(error, compat)))
    assert (came.number(compat), came.state(compat)) == (error.number(compat), error.state(compat))
    assert came.framed(compat) == error.framed(compat)
    assert came.described(compat) == error.described(compat)
    assert (came.message, came.position) == (error.message, error.position)
    assert isinstance(came, JobNotFound if kind is Framed else kind)


def test_an_error_of_a_newer_program_is_said_all_the_same():
    """While one coordinator after the other is upgraded."""
    fields = error_fields(JobNotFound("gone"), Compat.STARROCKS) | {"class": "TomorrowsError"}
    came = read_error(sent(fields))
    assert type(came).__mro__[2] is ExecutionError
    assert came.framed(Compat.STARROCKS) == JobNotFound("gone").framed(Compat.STARROCKS)


def test_moments_are_told_apart():
    """A moment is a date, too, and arrives as what it was."""
    row = [datetime(2026, 11, 20, 1, 2, 3), date(2026, 11, 20), time(1, 2), timedelta(seconds=1.5), Decimal("1.50")]
    came = read_result(sent(result_fields(ResultTable([ResultColumn("x")] * 5, [row]))))
    assert isinstance(came, ResultTable)
    assert came.rows == [row]
