"""Why a job is paused, cancelled or stopped: every cause's code and text, one line each in reasons/."""

from __future__ import annotations

from pathlib import Path

import pytest

from routine_load.ids import Compat
from routine_load.jobs.reasons import NEVER_HERE, REASONS, Cause, reason
from routine_load.jobs.states import DorisReason, StarRocksReason

CASES = [
    tuple(line.split("  ", 3))
    for line in (Path(__file__).parent / "reasons" / "reasons.txt").read_text().splitlines()
    if not line.startswith("#")
]
NAMED = {"user": "root", "detail": "DETAIL", "database": "sales", "backend": 10001, "errors": 7, "allowed": 2}
NAMED |= {"lag": 3700, "partition": 3, "threshold": 3600, "offset": 9, "end": 5, "attempts": 5}


@pytest.mark.parametrize(("vendor", "cause", "code", "text"), CASES)
def test_a_cause_has_this_code_and_text(vendor, cause, code, text):
    """Each vendor's own number and words."""
    found = reason(Cause(cause), Compat(vendor), **NAMED)
    assert (str(int(found.code)), found.text) == (code, text)


def test_every_cause_of_the_table_stands_in_a_line():
    """The table and the lines tick each other off."""
    assert {(vendor, cause) for vendor, cause, *_ in CASES} == {
        (compat.value, cause.value) for compat, causes in REASONS.items() for cause in causes
    }


@pytest.mark.parametrize(("compat", "codes"), [(Compat.STARROCKS, StarRocksReason), (Compat.DORIS, DorisReason)])
def test_every_code_of_the_vendor_has_a_cause_or_cannot_come_about(compat, codes):
    """No code is forgotten; those that need replicas or a second name for a missing table are listed."""
    told = {told.code for told in REASONS[compat].values()}
    assert told | NEVER_HERE[compat] == set(codes)
    assert not told & NEVER_HERE[compat]
