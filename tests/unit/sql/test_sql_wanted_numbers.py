"""Which numbers a query wants of a system table."""

from __future__ import annotations

import pytest

from routine_load.sql.system_tables import wanted_numbers


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        ({"5"}, {5}),
        ({"-3", " 4 "}, {-3, 4}),
        ({"9" * 18}, {10**18 - 1}),
        ({"9" * 19}, None),
        ({"1" * 5000}, None),
        ({"--5"}, None),
        ({"1e5"}, None),
        ({""}, None),
        ({"\u0661"}, None),
    ],
)
def test_what_is_no_number_of_ours_narrows_nothing(texts, numbers):
    """A number that no record can have, or no number at all, is left to the query's own filter; nothing raises."""
    assert wanted_numbers({"JOB_ID": frozenset(texts)}, "JOB_ID") == numbers
