"""WHERE, ORDER BY and LIMIT over the rows of SHOW ROUTINE LOAD."""

from datetime import datetime

import pytest

from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.sql.expressions import read_expression
from routine_load.sql.parser import parse
from routine_load.sql.predicates import limit_rows, name_filter, row_filter, sort_rows, task_job_name
from routine_load.sql.statements import SortKey

ROWS = [
    {
        "Id": 1,
        "Name": "Orders_in",
        "State": "RUNNING",
        "CreateTime": datetime(2024, 1, 1, 10, 0, 0, 5),
        "PauseTime": None,
    },
    {
        "Id": 20,
        "Name": "ordersXin",
        "State": "PAUSED",
        "CreateTime": "2024-01-02 10:00:00",
        "PauseTime": "2024-01-03 00:00:00",
    },
    {"Id": "3", "Name": "clicks", "State": "PAUSED", "CreateTime": "2024-01-03 10:00:00", "PauseTime": None},
]


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ("Name = 'ORDERS_IN'", [1]),
        ("name != 'clicks'", [1, 20]),
        ("Name like 'orders_in'", [1]),
        ("Name like 'orders?in'", [1, 20]),
        ("Name LIKE '%S%'", [1, 20, 3]),
        ("State in ('paused', 'x')", [20, 3]),
        ("State not in ('paused')", [1]),
        ("Id >= 3", [20, 3]),
        ("Id < -1", []),
        ("id = 3 and (state = 'PAUSED' and name like 'c%')", [3]),
        ("CreateTime = '2024-01-01 10:00:00'", [1]),
        ("CreateTime > '2024-01-01 10:00:00'", [20, 3]),
        ("PauseTime < '2030-01-01 00:00:00'", [20]),
        ("OtherMsg = 'x'", []),
    ],
)
def test_rows_are_kept_by_the_condition(where, ids):
    """Text compares without case, LIKE has % and ?, times are to the second, NULL never matches."""
    keeps = row_filter(read_expression(where))
    assert [int(row["Id"]) for row in ROWS if keeps(row)] == ids


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("Name = 'a' or Id = 1", "Only `AND` operator is allowed in compound predicates."),
        ("not Name = 'a'", "Only `AND` operator is allowed in compound predicates."),
        ("Progress = 'a'", "Column `Progress` is not allowed in `where` clause"),
        ("'a' = Name", "`'a'` is not allowed in `where` clause."),
        ("upper(Name) = 'A'", "is not allowed in `where` clause."),
        ("Name", "`Name` is not allowed in `where` clause."),
        ("Name > 'a'", "Operator `>` is not allowed in `where` clause for column `Name`."),
        ("Id like '1'", "Operator `LIKE` is not allowed in `where` clause for column `Id`."),
        ("Id = '1'", "Wrong RValue's type in `where` clause for column `Id` "),
        ("Id = 1.5", "Wrong RValue's type in `where` clause for column `Id` "),
        ("Name = 1", "Wrong RValue's type in `where` clause for column `Name` "),
        ("CreateTime > 'yesterday'", "Wrong RValue's type in `where` clause for column `CreateTime` "),
        (
            "Id in (1, 2)",
            "Only `string` values are allowed in the predicate `in()` or `not in()` for column `Id` ",
        ),
        ("Name between 'a' and 'b'", "Operator `BETWEEN` is not allowed in `where` clause for column `Name`."),
        ("PauseTime is null", "Operator `IS` is not allowed in `where` clause for column `PauseTime`."),
    ],
)
def test_what_show_cannot_filter_is_refused_in_starrocks_words(where, message):
    """Each rule of the SHOW filter has its own text."""
    with pytest.raises(AnalysisError) as caught:
        row_filter(read_expression(where))
    assert message in caught.value.message


def test_rows_are_sorted_by_several_keys_with_nulls_first():
    """The first key decides; a direction belongs to its own key only; integers sort as numbers."""
    keys = [SortKey(column="state"), SortKey(column="Id", descending=True)]
    assert [int(row["Id"]) for row in sort_rows(ROWS, keys)] == [20, 3, 1]
    assert [int(row["Id"]) for row in sort_rows(ROWS, [SortKey(column="PauseTime")])] == [1, 3, 20]
    assert [int(row["Id"]) for row in sort_rows(ROWS, [SortKey(column="CreateTime", descending=True)])] == [3, 20, 1]


def test_sorting_by_another_column_is_refused():
    """ORDER BY knows the same columns as WHERE."""
    with pytest.raises(AnalysisError, match="Column `Lag` is not allowed in `order by` clause"):
        sort_rows(ROWS, [SortKey(column="Lag")])


def test_limit_and_offset_cut_the_rows():
    """Without a limit everything from the offset on remains."""
    assert limit_rows([1, 2, 3, 4], 2, 1) == [2, 3]
    assert limit_rows([1, 2, 3, 4], None, 1) == [2, 3, 4]
    assert limit_rows([1, 2], 0) == []


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("orders%", ["ordersXin"]),
        ("_rders_in", ["Orders_in", "ordersXin"]),
        (r"%\_in", ["Orders_in"]),
        ("clicks", ["clicks"]),
    ],
)
def test_doris_like_is_mysqls(pattern, names):
    """% is any text, _ one character, backslash escapes, case counts."""
    keeps = name_filter(pattern)
    assert [row["Name"] for row in ROWS if keeps(row)] == names


@pytest.mark.parametrize(
    ("condition", "name"),
    [
        ('WHERE JobName = "a"', "a"),
        ("where jobname='it''s'", "it's"),
        ("FROM d WHERE (JOBNAME = 'a')", "a"),
        ("WHERE JobName = a", None),
        ("WHERE Name = 'a'", None),
        ("WHERE JobName = 'a' AND 1 = 1", None),
        ("WHERE JobName LIKE 'a'", None),
        ("LIKE 'a'", None),
        ("", None),
    ],
)
def test_tasks_are_asked_for_by_one_equality(condition, name):
    """SHOW ROUTINE LOAD TASK needs JobName = "…", else each vendor complains in its own words."""
    (statement,) = parse(f"SHOW ROUTINE LOAD TASK {condition}", Compat.STARROCKS)
    if name is not None:
        assert task_job_name(statement, Compat.STARROCKS) == name
        return
    with pytest.raises(AnalysisError, match='JobName="ILoveStarRocks"'):
        task_job_name(statement, Compat.STARROCKS)
    with pytest.raises(AnalysisError, match='JobName="ILoveDoris"'):
        task_job_name(statement, Compat.DORIS)
