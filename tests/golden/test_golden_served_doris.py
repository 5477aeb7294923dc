"""Doris mode over a real MySQL connection: statements_served/doris_*.case, and that nothing is left out of them."""

from __future__ import annotations

import re

import pytest
from served_cases import Case, outcomes, read_cases

from routine_load.ids import Compat
from routine_load.jobs import source, source_create
from routine_load.jobs.properties_doris import OWN
from routine_load.jobs.reasons import NEVER_HERE
from routine_load.jobs.states import DorisReason
from routine_load.sql import show

CASES = read_cases(Compat.DORIS)
ANSWERS = [answer for case in CASES for step in case.steps if not step.prepares for answer in step.answers]
ANY_TEXT = {"partial_columns", "jsonpaths", "json_root", "strip_outer_array", "num_as_string", "fuzzy_parse"}
ANY_TEXT |= {"empty_field_as_null", "fill_missing_columns"}
"""Whatever their text, CREATE accepts it; partial_columns is refused for its table."""
ANY_TEXT_ALTERED = ANY_TEXT | {"strict_mode", "workload_group"}
ALTERED_HERE = {"format"}
"""What the original's ALTER refuses as invalid, and ours takes."""
REFUSED_EVERYWHERE = (
    *("memtable_on_sink_node", "trim_double_quotes", "column_separator", "line_delimiter", "read_json_by_line"),
    *("skip_lines", "compress_type", "hidden_columns", "group_commit", "null_format", "delimiter", "quote"),
    *("skip_header_lines", "skip_footer_lines", "query_parallelism", "query_timeout", "query_band"),
    *("memory_quota_per_query", "error_table_name"),
)
SOURCE_KEYS = (
    *(source_create.BROKERS, source_create.TOPIC, source_create.PARTITIONS, source_create.OFFSETS),
    *(f"property.{source.DEFAULT_OFFSETS}", source.DEFAULT_OFFSETS, "kafka_table_name_format"),
)
TAKEN = (
    *(f"property.{source.GROUP_ID}", "kafka_table_name_location", "kafka_text_table_name_field_delimiter"),
    "kafka_text_table_name_field_index",
)
NUMBERS = {1046: "3D000", 1049: "42000", 1051: "42S02", 1105: "HY000", 1142: "42000", 1298: "HY000"}
"""Every number that an error packet carries, with its one SQLSTATE."""
TAKES_MANY_TRIES = DorisReason.TASKS_ABORT
"""Not over the socket: five tries with growing pauses; the simulation and the table of reasons have it."""


@pytest.mark.parametrize("case", CASES, ids=[f"{case.place}: {case.rule}" for case in CASES])
def test_a_client_is_answered_as_the_case_says(serve, case: Case):
    """Columns, JSON, number, SQLSTATE and text, as they come out of the socket."""
    serve(Compat.DORIS).run(case)


def test_every_case_names_its_vendor_and_rule():
    """So that a failure can be looked up."""
    assert [case.place for case in CASES if not case.rule.startswith(("Doris: ", "Ours: "))] == []


@pytest.mark.parametrize("rule", OWN, ids=lambda rule: rule.key)
def test_every_property_is_taken_and_refused_by_create_and_alter(rule):
    """Both ends of its range, just outside, and a wrong type: at the least one case each of OK and ERROR."""
    assert outcomes(CASES, rule.key, altering=False) >= ({True} if rule.key in ANY_TEXT else {True, False})
    if rule.key not in ALTERED_HERE:
        refused = set() if rule.key in ANY_TEXT_ALTERED and rule.alter else {False}
        assert outcomes(CASES, rule.key, altering=True) >= refused | ({True} if rule.alter else set())


@pytest.mark.parametrize("key", REFUSED_EVERYWHERE)
def test_what_is_no_property_is_refused_by_create_and_alter(key):
    """Also what a manual lists and the program does not know."""
    assert outcomes(CASES, key, altering=False) == {False}
    assert outcomes(CASES, key, altering=True) == {False}


@pytest.mark.parametrize("key", [*SOURCE_KEYS, *TAKEN])
def test_every_key_of_the_data_source_is_taken_and_refused(key):
    """By CREATE; what takes any text is only taken."""
    assert outcomes(CASES, key, altering=False) >= ({True} if key in TAKEN else {True, False})


@pytest.mark.parametrize(
    "column",
    [
        *show.ROUTINE_LOAD_COLUMNS[Compat.DORIS],
        *show.ROUTINE_LOAD_TASK_COLUMNS[Compat.DORIS],
        *show.CREATE_ROUTINE_LOAD_COLUMNS[Compat.DORIS],
    ],
)
def test_every_column_of_show_has_a_case(column):
    """Its contents, not only its name."""
    assert any(re.match(rf"{re.escape(column)}(?:[.:\[{{]| ~)", answer) for answer in ANSWERS)


def test_every_reason_code_has_a_case_or_cannot_come_about():
    """As SHOW prints it; the stop by a user is shown nowhere."""
    told = {int(code) for answer in ANSWERS for code in re.findall(r"code=errCode = (\d+)", answer)}
    assert told == set(DorisReason) - NEVER_HERE[Compat.DORIS] - {DorisReason.MANUAL_STOP, TAKES_MANY_TRIES}
    assert any("reason 101" in case.rule for case in CASES)


def test_every_number_of_an_error_has_a_case_and_one_sqlstate():
    """MySQL's numbers where Doris uses them, else its general one."""
    found = {match[1]: match[2] for answer in ANSWERS if (match := re.match(r"ERROR (\d+) \((\w{5})\): ", answer))}
    assert {int(number): state for number, state in found.items()} == NUMBERS
    assert {answer[:30] for answer in ANSWERS if answer.startswith("ERROR ") and "errCode = 2, " not in answer} == set()
