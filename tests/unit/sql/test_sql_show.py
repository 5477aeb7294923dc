"""Column lists of the SHOW statements."""

import pytest

from routine_load.ids import Compat
from routine_load.sql import show


@pytest.mark.parametrize(
    ("columns", "starrocks", "doris"),
    [
        (show.ROUTINE_LOAD_COLUMNS, 22, 24),
        (show.ROUTINE_LOAD_TASK_COLUMNS, 11, 9),
        (show.CREATE_ROUTINE_LOAD_COLUMNS, 2, 3),
        (show.BACKENDS_COLUMNS, 30, 29),
        (show.FRONTENDS_COLUMNS, 17, 20),
    ],
)
def test_every_vendor_has_its_number_of_columns_without_doubles(columns, starrocks, doris):
    """Clients cut results by position, so the lists are complete."""
    assert [len(columns[Compat.STARROCKS]), len(columns[Compat.DORIS])] == [starrocks, doris]
    assert all(len(set(names)) == len(names) for names in columns.values())


def test_positions_that_clients_rely_on():
    """Doris' own tests read columns 8, 11, 14, 15, 16, 17 and 18; StarRocks' read State as the eighth."""
    doris = show.ROUTINE_LOAD_COLUMNS[Compat.DORIS]
    assert [doris[i] for i in (8, 11, 14, 15, 16, 17, 18)] == [
        "State",
        "JobProperties",
        "Statistic",
        "Progress",
        "Lag",
        "ReasonOfStateChanged",
        "ErrorLogUrls",
    ]
    assert show.ROUTINE_LOAD_COLUMNS[Compat.STARROCKS][7] == "State"
    assert show.BACKENDS_COLUMNS[Compat.STARROCKS][1:5:3] == ("IP", "HttpPort")
