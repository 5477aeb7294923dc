"""LIKE and WHERE over rows that are ready, and the conditions of SHOW TRANSACTION and SHOW LOAD."""

from __future__ import annotations

import pytest

from routine_load.errors import AnalysisError, RoutineLoadError
from routine_load.ids import Compat
from routine_load.sql.load_conditions import load_filter, sorted_loads, transaction_condition
from routine_load.sql.show_conditions import row_condition
from routine_load.sql.statement_parts import Expression, SortKey

COLUMNS = ("Variable_name", "Value")
ROWS = [("sql_mode", "A"), ("sqlxmode", "b"), ("timeout", "30"), ("Empty", None)]
LOADS = [
    {"JobId": 9, "Label": "j_1", "State": "FINISHED", "Type": "ROUTINE_LOAD", "ErrorMsg": None},
    {"JobId": 10, "Label": "jx1", "State": "CANCELLED", "Type": "ROUTINE_LOAD", "ErrorMsg": "bad"},
]


@pytest.mark.parametrize(
    ("ending", "names"),
    [
        ("", ["sql_mode", "sqlxmode", "timeout", "Empty"]),
        ("LIKE 'sql_mode'", ["sql_mode", "sqlxmode"]),
        (r"like 'sql\_mode'", ["sql_mode"]),
        ('LIKE "SQL%"', ["sql_mode", "sqlxmode"]),
        ("WHERE Variable_name = 'SQL_MODE'", ["sql_mode"]),
        ("WHERE variable_name IN ('timeout', 'empty') AND NOT Value IS NULL", ["timeout"]),
        ("WHERE `Variable_name` = 'timeout' OR Value = 'a'", ["sql_mode", "timeout"]),
        ("WHERE Variable_name LIKE '%mode' AND Value != 'b'", ["sql_mode"]),
        ("WHERE Value > 29", ["timeout"]),
        ("WHERE (Value IS NULL)", ["Empty"]),
    ],
)
def test_rows_pass_by_like_or_where(ending, names):
    """MySQL: LIKE is about the first column, WHERE about any; NULL passes IS NULL only."""
    keep = row_condition(ending, COLUMNS)
    assert [row[0] for row in ROWS if keep(row)] == names


@pytest.mark.parametrize(
    "ending", ["LIKE x", "WHERE", "WHERE nothing = 1", "WHERE Value = Variable_name", "WHERE Value + 1", "ORDER BY 1"]
)
def test_an_ending_that_means_nothing_is_an_error(ending):
    """It is never taken for no condition."""
    with pytest.raises(RoutineLoadError):
        row_condition(ending, COLUMNS)


@pytest.mark.parametrize("compat", Compat)
@pytest.mark.parametrize(
    ("where", "matching"),
    [
        ("id = 5", (5, "a", "VISIBLE")),
        ("(ID = 5)", (5, "a", "VISIBLE")),
        ("label = 'a'", (5, "a", "VISIBLE")),
        ('label LIKE "a_%"', (5, "a_b", "ABORTED")),
        ("label like '%'", (5, "any", "PREPARE")),
        ("status = 'Prepare'", (5, "a", "PREPARE")),
    ],
)
def test_a_transaction_is_found_by_each_allowed_form(compat, where, matching):
    """Both vendors' forms are taken in both modes."""
    condition = transaction_condition(Expression(text=where), compat)
    assert condition.matches(*matching)
    assert not condition.matches(6, "axb", "COMMITTED") or where == "label like '%'"


@pytest.mark.parametrize("where", ["id = 'x'", "id < 5", "label = 5", "name = 'x'", "id = 1 AND label = 'a'", "5 = id"])
def test_another_condition_on_a_transaction_is_an_error(where):
    """StarRocks, Doris: Where clause should looks like …"""
    with pytest.raises(AnalysisError, match="Where clause should looks like one of them"):
        transaction_condition(Expression(text=where), Compat.DORIS)


@pytest.mark.parametrize(
    ("where", "labels"),
    [
        ("LABEL = 'j_1'", ["j_1"]),
        ("LABEL LIKE 'j_%'", ["j_1"]),
        ("STATE != 'finished' AND TYPE = 'routine_load'", ["jx1"]),
        ("(STATE IN ('FINISHED', 'CANCELLED') AND JobId = 9)", ["j_1"]),
    ],
)
def test_loads_pass_by_label_state_type_and_id(where, labels):
    """SHOW LOAD; ``_`` in a label's pattern is itself."""
    keep = load_filter(Expression(text=where))
    assert [row["Label"] for row in LOADS if keep(row)] == labels


@pytest.mark.parametrize("where", ["LABEL > 'a'", "Progress = 'x'", "STATE LIKE 'F%'", "LABEL = State", "1"])
def test_another_condition_on_loads_is_an_error(where):
    """The message says what may be asked."""
    with pytest.raises(AnalysisError, match="SHOW LOAD takes conditions on Label, State, Type and JobId"):
        load_filter(Expression(text=where))


def test_loads_are_sorted_by_any_column():
    """Numbers as numbers, NULLs first."""
    columns = tuple(LOADS[0])
    by_id = sorted_loads(LOADS, [SortKey(column="jobid", descending=True)], columns)
    by_error = sorted_loads(LOADS, [SortKey(column="State"), SortKey(column="ErrorMsg")], columns)
    assert ([row["JobId"] for row in by_id], [row["JobId"] for row in by_error]) == ([10, 9], [10, 9])
    with pytest.raises(AnalysisError, match="Unknown column 'x' in ORDER BY"):
        sorted_loads(LOADS, [SortKey(column="x")], columns)
