"""The columns of every SHOW and every system table, in both modes: shows/columns.txt has a line for each.

A line: mode (or both), statement, the exact columns. Rules: StarRocks, Doris: column lists of SHOW, information_schema;
MySQL for what tools ask beside that. ``*``: columns that another golden file names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings
from routine_load.errors import RoutineLoadError
from routine_load.ids import Compat
from routine_load.sql.results import Ok, ResultTable, ResultType
from routine_load.statements import lists, proc
from routine_load.statements.service import HANDLERS

FILE = Path(__file__).parent / "shows" / "columns.txt"
CLIENTS = Path(__file__).parent / "shows" / "clients.txt"
JOB = 'CREATE ROUTINE LOAD d.j ON t FROM KAFKA ("kafka_broker_list" = "127.0.0.1:1", "kafka_topic" = "x")'


def cases(file: Path = FILE) -> Iterator[tuple[Compat, str, str]]:
    """Mode, statement, columns; a line for both modes is two cases."""
    for line in file.read_text().splitlines():
        if not line.startswith("#"):
            mode, statement, columns = line.split("  =>  ")
            for compat in Compat if mode == "both" else [Compat(mode)]:
                yield compat, statement, columns


@pytest.fixture(scope="module")
def ask(tmp_path_factory) -> Iterator[Any]:
    """Runs a statement in one mode, on one coordinator with a table and a job that has not begun."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("shows"), mysql_port=None, http_port=None, kafka_timeout_s=0.3)
    coordinator = Coordinator(settings)
    coordinator.start()
    sessions = {compat: coordinator.service.open_session("root", "test", compat) for compat in Compat}

    def run(compat: Compat, text: str) -> Any:
        return coordinator.service.execute(sessions[compat], text)[-1]

    for text in (
        "CREATE DATABASE d",
        "CREATE TABLE d.t (a INT) DUPLICATE KEY(a) DISTRIBUTED BY HASH(a)",
        "SET validate = 'off'",
        JOB,
    ):
        run(Compat.STARROCKS, text)
    try:
        yield run
    finally:
        coordinator.stop(drain=False)


@pytest.mark.parametrize(("compat", "statement", "columns"), list(cases()))
def test_an_answer_has_exactly_these_columns(ask, compat, statement, columns):
    """In this order, under these names: clients cut by position and read by name."""
    result = ask(compat, statement)
    assert isinstance(result, ResultTable)
    list(result.rows)
    if columns != "*":
        assert [column.name for column in result.columns] == columns.split(", ")


@pytest.mark.parametrize(("compat", "statement", "columns"), list(cases()))
def test_a_session_switches_all_of_them(ask, compat, statement, columns):
    """SET compat in a session of the other vendor answers as a session that began so."""
    other = next(c for c in Compat if c is not compat)
    ask(other, f"SET compat = '{compat}'")
    try:
        result = ask(other, statement)
        list(result.rows)
    finally:
        ask(other, f"SET compat = '{other}'")
    if columns != "*":
        assert [column.name for column in result.columns] == columns.split(", ")


@pytest.mark.parametrize("compat", Compat)
def test_no_answer_is_left_out(ask, compat):
    """Every SHOW that is handled, every fixed list, every place of PROC and every system table has a line."""
    said = [statement.lower() for mode, statement, _ in cases() if mode is compat]
    for kind in HANDLERS:
        words = re.sub(r"(?<!^)(?=[A-Z])", " ", kind.__name__).lower()
        if words.startswith("show "):
            assert any(line.startswith(words) for line in said), words
    for name in {*lists._COMMON, *lists._BY_VENDOR[compat]}:
        assert any(name in line for line in said), name
    everywhere = [statement.lower() for _, statement, _ in cases()]
    for name in proc._PLACES:
        assert any(f"show proc '/{name}" in line for line in everywhere), name
    for (name,) in ask(compat, "SHOW TABLES FROM information_schema").rows:
        assert any(f"information_schema.{name}" in line for line in said), name


def test_the_types_of_routine_load_jobs_are_the_vendors(ask):
    """StarRocks: BIGINT, DATETIME, JSON where the manual says so; Doris: text, an INT and a BOOLEAN."""
    kinds = {}
    for compat in Compat:
        result = ask(compat, "SELECT * FROM information_schema.routine_load_jobs")
        list(result.rows)
        kinds[compat] = {c.name: c.type for c in result.columns if c.type is not ResultType.VARCHAR}
    big, moment, json = ResultType.BIGINT, ResultType.DATETIME, ResultType.JSON
    assert kinds[Compat.STARROCKS] == {
        **dict.fromkeys(("ID", "CURRENT_TASK_NUM"), big),
        **dict.fromkeys(("CREATE_TIME", "PAUSE_TIME", "END_TIME"), moment),
        **dict.fromkeys(("LATEST_SOURCE_POSITION", "OFFSET_LAG", "TIMESTAMP_PROGRESS"), json),
    }
    assert kinds[Compat.DORIS] == {
        "CURRENT_ABORT_TASK_NUM": ResultType.INT,
        "IS_ABNORMAL_PAUSE": ResultType.BOOLEAN,
    }


def answered(ask: Any, compat: Compat, statement: str) -> str:
    """OK, the columns, or an error's number."""
    try:
        result = ask(compat, statement)
    except RoutineLoadError as error:
        return str(error.number(compat))
    if isinstance(result, Ok):
        return "OK"
    list(result.rows)
    return ", ".join(column.name for column in result.columns)


@pytest.mark.parametrize(("compat", "statement", "expected"), list(cases(CLIENTS)))
def test_what_clients_send_is_answered(ask, compat, statement, expected):
    """Connecting, opening a tree, reflecting a table: nothing is an error that is none at the originals."""
    ask(compat, "USE d")
    answer = answered(ask, compat, statement)
    assert answer == expected if expected != "*" else not answer.isdecimal()
