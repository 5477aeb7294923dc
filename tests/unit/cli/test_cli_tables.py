"""How results look."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

from routine_load.cli import tables
from routine_load.sql.results import Ok, ResultColumn, ResultTable, ResultType


def result() -> ResultTable:
    columns = [ResultColumn("id", ResultType.BIGINT), ResultColumn("名前")]
    return ResultTable(columns, iter([[1, "Émile"], [20, None]]))


def test_a_table_is_aligned_by_width_on_screen():
    """Numbers stand to the right, wide characters count twice, NULL is said."""
    assert list(tables.aligned(result())) == [
        "+----+-------+",
        "| id | 名前  |",
        "+----+-------+",
        "|  1 | Émile |",
        "| 20 | NULL  |",
        "+----+-------+",
        "2 rows",
    ]


def test_vertical_rows_are_numbered():
    """After a backslash-G each column has its line."""
    assert list(tables.vertical(result()))[:3] == [
        f"{'*' * 27} 1. row {'*' * 27}",
        "  id: 1",
        "名前: Émile",
    ]


def test_a_cell_cannot_speak_to_the_terminal():
    """Control characters are shown, not sent."""
    line = list(tables.aligned(ResultTable([ResultColumn("c")], [["a\x1b[2J\nb"]])))[3]
    assert line == "| a\\x1b[2J\\nb |"


def test_json_is_one_line_a_result():
    """Rows are objects; exact numbers and times are texts."""
    columns = [ResultColumn("d", ResultType.DECIMAL, 2), ResultColumn("t", ResultType.DATETIME), ResultColumn("b")]
    rows = [[Decimal("1.10"), dt.datetime(2026, 1, 2, 3, 4, 5), b"x"]]
    (line,) = tables.as_json(ResultTable(columns, rows))
    assert json.loads(line) == [{"d": "1.10", "t": "2026-01-02 03:04:05", "b": "x"}]
    assert list(tables.as_json(Ok(affected_rows=2))) == ['{"affected_rows": 2, "warnings": []}']


def test_csv_quotes_what_needs_it():
    """CSV has a header; NULL is empty; separators inside a value are quoted."""
    columns = [ResultColumn("a"), ResultColumn("b")]
    assert list(tables.as_csv(ResultTable(columns, [["x,y", None]]))) == ["a,b", '"x,y",']


def test_a_statement_without_rows_says_ok():
    """The count of affected rows and the warnings are shown."""
    assert list(tables.aligned(Ok(affected_rows=1, warnings=("ignored",)))) == ["OK, 1 row affected\nignored"]
