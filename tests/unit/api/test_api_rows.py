"""Rows as tuples and as Arrow."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from routine_load.api import Rows
from routine_load.errors import UnsupportedFeature
from routine_load.sql.results import ResultColumn, ResultTable, ResultType


def rows() -> Rows:
    return Rows(ResultTable([ResultColumn("a", ResultType.INT), ResultColumn("b")], iter([[1, "x"], [2, None]])))


def test_rows_are_read_once_from_the_front():
    """fetchone takes the next row, fetchall those that are left."""
    found = rows()
    assert found.columns == ("a", "b")
    assert found.fetchone() == (1, "x")
    assert found.fetchall() == [(2, None)]
    assert found.fetchone() is None


def test_rows_can_be_read_by_name():
    """dicts gives each row by column name."""
    assert rows().dicts() == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


def test_arrow_keeps_types():
    """Every type has one Arrow type, with and without rows."""
    kinds = {
        ResultType.BOOLEAN: (True, pa.bool_()),
        ResultType.TINYINT: (1, pa.int8()),
        ResultType.BIGINT: (2**62, pa.int64()),
        ResultType.LARGEINT: (-(2**127), pa.decimal256(39, 0)),
        ResultType.DOUBLE: (1.5, pa.float64()),
        ResultType.DECIMAL: (Decimal("1.25"), pa.decimal256(76, 2)),
        ResultType.DATE: (dt.date(2026, 1, 2), pa.date32()),
        ResultType.DATETIME: (dt.datetime(2026, 1, 2, 3, 4, 5), pa.timestamp("us")),
        ResultType.TIME: (dt.timedelta(hours=30), pa.duration("us")),
        ResultType.VARCHAR: ("x", pa.string()),
        ResultType.JSON: ('{"a":1}', pa.string()),
        ResultType.BLOB: (b"\xff", pa.binary()),
        ResultType.NULL: (None, pa.null()),
    }
    columns = [ResultColumn(kind.value, kind, 2 if kind is ResultType.DECIMAL else 0) for kind in kinds]
    table = Rows(ResultTable(columns, [[value for value, _ in kinds.values()]])).arrow()
    assert table.schema.types == [kind for _, kind in kinds.values()]
    assert table.to_pylist()[0]["largeint"] == -(2**127)
    assert Rows(ResultTable(columns, [])).arrow().schema == table.schema


def test_a_data_frame_needs_pandas(monkeypatch):
    """Without pandas df() says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(UnsupportedFeature, match="pip install pandas"):
        rows().df()
