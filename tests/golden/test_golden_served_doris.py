"""Doris mode over a real MySQL connection: statements_served/doris_*.case, and that nothing is left out of them."""

from __future__ import annotations

import pytest
from served_cases import Case, read_cases

from routine_load.ids import Compat

CASES = read_cases(Compat.DORIS)


@pytest.mark.parametrize("case", CASES, ids=[f"{case.place}: {case.rule}" for case in CASES])
def test_a_client_is_answered_as_the_case_says(serve, case: Case):
    """Columns, JSON, number, SQLSTATE and text, as they come out of the socket."""
    serve(Compat.DORIS).run(case)


def test_every_case_names_its_vendor_and_rule():
    """So that a failure can be looked up."""
    assert [case.place for case in CASES if not case.rule.startswith("Doris: ")] == []
