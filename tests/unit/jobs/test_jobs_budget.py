from __future__ import annotations

import pytest
from jobs_builders import defined

from routine_load.commit.values import Counts
from routine_load.ids import Compat
from routine_load.jobs.budget import ErrorWindow, charge, ratio_exceeded
from routine_load.jobs.properties import JobProperties
from routine_load.jobs.states import Reason

SR, DORIS = Compat.STARROCKS, Compat.DORIS
DORIS_TEXT = "current error rows is more than max_error_number or the max_filter_ratio is more than the value set"


def properties(compat: Compat, **given: str) -> JobProperties:
    return defined(compat, given).properties


@pytest.mark.parametrize("compat", list(Compat))
def test_one_bad_row_is_too_many_by_default(compat):
    """max_error_number 0: the comparison is strict, so that the first bad row pauses, and the window starts anew."""
    charged = charge(ErrorWindow(), Counts(loaded=9, filtered=1), properties(compat), compat)
    assert charged.pause is not None
    assert charged.pause.code == 102
    assert charged.window == ErrorWindow()


def test_starrocks_names_the_numbers_and_the_way_out():
    """StarRocks: the pause text names errors, limit, TrackingSQL and the property."""
    charged = charge(ErrorWindow(errors=10), Counts(filtered=1), properties(SR, max_error_number="10"), SR)
    assert charged.pause == Reason(
        102,
        "Current error rows: 11 is more than max error num: 10. Check the 'TrackingSQL' field for detailed "
        "information. If you are sure that the data has many errors, you can set 'max_error_number' property to a "
        "greater value through ALTER ROUTINE LOAD and RESUME the job",
    )


@pytest.mark.parametrize("compat", list(Compat))
def test_errors_within_the_budget_add_up(compat):
    """Errors up to the limit pass; unselected rows count as rows, not as errors."""
    limit = properties(compat, max_error_number="10")
    charged = charge(ErrorWindow(4, 100), Counts(loaded=3, filtered=6, unselected=1), limit, compat)
    assert (charged.pause, charged.window, charged.was_full) == (None, ErrorWindow(10, 110), False)


@pytest.mark.parametrize("compat", list(Compat))
def test_a_window_of_ten_batches_ends(compat):
    """More than ten times max_batch_rows: the window ends, with a pause where the budget is spent."""
    limit = properties(compat, max_error_number="10", max_batch_rows="200000")
    full = charge(ErrorWindow(10, 2_000_000), Counts(loaded=1), limit, compat)
    assert (full.pause, full.window, full.was_full) == (None, ErrorWindow(), True)
    not_yet = charge(ErrorWindow(10, 1_999_999), Counts(loaded=1), limit, compat)
    assert (not_yet.window, not_yet.was_full) == (ErrorWindow(10, 2_000_000), False)
    spent = charge(ErrorWindow(10, 2_000_000), Counts(filtered=1), limit, compat)
    assert (spent.pause is not None, spent.window) == (True, ErrorWindow())


def test_doris_checks_the_ratio_after_the_commit():
    """Doris: either limit pauses; the share is of all rows."""
    limit = properties(DORIS, max_error_number="1000", max_filter_ratio="0.1")
    assert charge(ErrorWindow(), Counts(loaded=90, filtered=10), limit, DORIS).pause is None
    assert charge(ErrorWindow(), Counts(loaded=89, filtered=11), limit, DORIS).pause == Reason(102, DORIS_TEXT)


def test_starrocks_fails_a_batch_by_its_ratio():
    """StarRocks: filtered / (total - unselected) beyond the ratio; close to 1 never fails; Doris never fails one."""
    limit = properties(SR, max_filter_ratio="0.1")
    assert not ratio_exceeded(Counts(loaded=9, filtered=1), limit, SR)
    assert ratio_exceeded(Counts(loaded=8, filtered=1, unselected=100), limit, SR)
    assert not ratio_exceeded(Counts(unselected=5), limit, SR)
    assert not ratio_exceeded(Counts(filtered=5), properties(SR, max_filter_ratio="0.9995"), SR)
    assert not ratio_exceeded(Counts(filtered=5), properties(DORIS, max_filter_ratio="0"), DORIS)
