"""What comes of a Stream Load, from its headers to the error log: stream_load/*.case, by HTTP on one service a vendor."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from stream_load_cases import Doors, StreamCase, read_stream_cases

from routine_load.ids import Compat

CASES = read_stream_cases()


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Compat, Doors]]:
    """A service for each vendor."""
    folder: Path = tmp_path_factory.mktemp("streams")
    running = {compat: Doors(folder / compat, compat) for compat in Compat}
    yield running
    for each in running.values():
        each.close()


@pytest.mark.parametrize("case", CASES, ids=[f"{case.place}: {case.title}" for case in CASES])
def test_a_client_gets_what_the_case_says(doors: dict[Compat, Doors], case: StreamCase) -> None:
    """Answers, rows, counts and error logs, through the doors that clients have."""
    wrong = doors[case.compat].play(case)
    assert not wrong, "\n".join(["", *wrong])


def test_every_case_of_a_load_names_its_vendor_and_rule() -> None:
    """So that a failure can be looked up."""
    vendors = {Compat.STARROCKS: "StarRocks", Compat.DORIS: "Doris"}
    named = re.compile(r"(\w+) \d+(\.\d+)*: .+")
    assert [c.place for c in CASES if not (m := named.fullmatch(c.title)) or m[1] != vendors[c.compat]] == []
