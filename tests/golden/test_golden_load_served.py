"""What a user sees of a load, from CREATE TABLE to the error log: load_served/*.case, many jobs at once on one service."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from case_files import Case, read_cases
from load_served_cases import AT_ONCE, FOLDER, Loads

from routine_load.ids import Compat

CASES = read_cases(FOLDER)


@pytest.fixture(scope="module")
def played(request, tmp_path_factory) -> Iterator[Callable[[Case], list[str]]]:
    """The outcome of a case; all that are chosen begin side by side when the first of their vendor is asked for."""
    chosen = {
        item.callspec.params["case"]
        for item in request.session.items
        if item.path == request.path and "case" in getattr(item, "callspec", item).__dict__.get("params", {})
    }
    outcomes: dict[Case, Future[list[str]]] = {}
    running: dict[Compat, Loads] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:

        def outcome(case: Case) -> list[str]:
            if case.compat not in running:
                loads = running[case.compat] = Loads(tmp_path_factory.mktemp("loads") / "data", case.compat)
                beginning = [one for one in CASES if one in chosen and one.compat == case.compat]
                outcomes.update({one: pool.submit(loads.play, one) for one in beginning})
            return outcomes[case].result()

        yield outcome
    for loads in running.values():
        loads.close()


@pytest.mark.parametrize("case", CASES, ids=[f"{case.place}: {case.title}" for case in CASES])
def test_a_user_sees_what_the_case_says(played, case: Case):
    """Rows, counts, states, reasons, rejected rows and error logs, through the doors that users have."""
    wrong = played(case)
    assert not wrong, "\n".join(["", *wrong])


def test_every_case_names_its_vendor_and_section():
    """So that a failure can be looked up."""
    vendors = {Compat.STARROCKS: "StarRocks", Compat.DORIS: "Doris"}
    named = re.compile(r"(\w+) \d+(\.\d+)*: .+")
    assert [c.place for c in CASES if not (m := named.fullmatch(c.title)) or m[1] != vendors[c.compat]] == []
