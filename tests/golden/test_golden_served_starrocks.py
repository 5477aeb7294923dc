"""StarRocks mode over a real MySQL connection: statements_served/starrocks_*.case, and that nothing is left out of them."""

from __future__ import annotations

import re

import pytest
from served_cases import Case, outcomes, read_cases

from routine_load.ids import Compat
from routine_load.jobs import source, source_create
from routine_load.jobs.properties_starrocks import OWN
from routine_load.jobs.reasons import NEVER_HERE
from routine_load.jobs.states import StarRocksReason
from routine_load.sql import show

CASES = read_cases(Compat.STARROCKS)
ANSWERS = [answer for case in CASES for step in case.steps if not step.prepares for answer in step.answers]
ANY_TEXT = {
    "max_batch_size",
    "jsonpaths",
    "json_root",
    "strict_mode",
    "pause_on_fatal_parse_error",
    "enclose",
    "escape",
}
ANY_TEXT |= {"strip_outer_array", "partial_update", "trim_space"}
"""Whatever their text, it is accepted; that of ``enclose`` and ``escape`` needs one character."""
ALTERED_HERE = {"format", "trim_space", "enclose", "escape"}
"""What the original's ALTER refuses as invalid, and ours takes."""
NUMBERS = {1046, 1064, 1298, 5018, 5063, 5089, 5203, 5501, 5502, 5601, 5602, 5605}
"""Every number of the vendor's list that an error packet carries."""
SOURCE_KEYS = (
    *(source_create.BROKERS, source_create.TOPIC, source_create.PARTITIONS, source_create.OFFSETS),
    *(source_create.REGISTRY, f"property.{source.DEFAULT_OFFSETS}", f"property.{source.GROUP_ID}"),
)


@pytest.mark.parametrize("case", CASES, ids=[f"{case.place}: {case.rule}" for case in CASES])
def test_a_client_is_answered_as_the_case_says(serve, case: Case):
    """Columns, JSON, number, SQLSTATE and text, as they come out of the socket."""
    serve(Compat.STARROCKS).run(case)


def test_every_case_names_its_vendor_and_rule():
    """So that a failure can be looked up."""
    assert [case.place for case in CASES if not case.rule.startswith(("StarRocks: ", "Ours: "))] == []


@pytest.mark.parametrize("rule", OWN, ids=lambda rule: rule.key)
def test_every_property_is_taken_and_refused_by_create_and_alter(rule):
    """Both ends of its range, just outside, and a wrong type: at the least one case each of OK and ERROR."""
    wanted = {True} if rule.key in ANY_TEXT else {True, False}
    assert outcomes(CASES, rule.key, altering=False) >= wanted
    if rule.key not in ALTERED_HERE:
        refused = set() if rule.key in ANY_TEXT and rule.alter else {False}
        assert outcomes(CASES, rule.key, altering=True) >= refused | ({True} if rule.alter else set())


@pytest.mark.parametrize("key", SOURCE_KEYS)
def test_every_key_of_the_data_source_is_taken_and_refused(key):
    """By CREATE; what takes any text is only taken."""
    free = {source_create.REGISTRY, f"property.{source.GROUP_ID}"}
    assert outcomes(CASES, key, altering=False) >= ({True} if key in free else {True, False})


@pytest.mark.parametrize(
    "column",
    [
        *show.ROUTINE_LOAD_COLUMNS[Compat.STARROCKS],
        *show.ROUTINE_LOAD_TASK_COLUMNS[Compat.STARROCKS],
        *show.CREATE_ROUTINE_LOAD_COLUMNS[Compat.STARROCKS],
    ],
)
def test_every_column_of_show_has_a_case(column):
    """Its contents, not only its name."""
    assert any(re.match(rf"{re.escape(column)}(?:[.:\[{{]| ~)", answer) for answer in ANSWERS)


def test_every_reason_code_has_a_case_or_cannot_come_about():
    """As SHOW prints it; the stop by a user is shown nowhere."""
    told = {int(code) for answer in ANSWERS for code in re.findall(r"errCode = (\d+)", answer)}
    assert told == set(StarRocksReason) - NEVER_HERE[Compat.STARROCKS] - {StarRocksReason.MANUAL_STOP}
    assert any("reason 101" in case.rule for case in CASES)


def test_every_number_of_an_error_has_a_case():
    """With its SQLSTATE, which is the same in all of them."""
    states: dict[int, set[str]] = {}
    for answer in ANSWERS:
        if match := re.match(r"ERROR (\d+) \((\w{5})\): ", answer):
            states.setdefault(int(match[1]), set()).add(match[2])
    assert set(states) == NUMBERS
    assert [number for number, found in states.items() if len(found) > 1] == []
