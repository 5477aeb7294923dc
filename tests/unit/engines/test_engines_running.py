"""Statements that never end by themselves: time limits, KILL, memory, and who is not disturbed."""

from __future__ import annotations

import threading

import pytest

from routine_load.engines.duckdb import running
from routine_load.errors import RoutineLoadError
from routine_load.ids import Compat
from routine_load.sql.results import ResultTable
from routine_load.statements.ports import Session
from tests.unit.engines.conftest import Asked

ENDLESS = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r"


@pytest.fixture
def limited(asked: Asked) -> Asked:
    """A table, and a session whose statements may take one second."""
    asked.run("CREATE TABLE t (a INT, b STRING)")
    asked.run("INSERT INTO t VALUES (1, 'x')")
    asked.session.variables["query_timeout"] = "1"
    return asked


@pytest.mark.parametrize(
    "statement",
    [
        ENDLESS,
        f"INSERT INTO t SELECT n, 'x' FROM ({ENDLESS.replace('max(n)', 'max(n) n')}) q",
        f"CREATE TABLE u AS {ENDLESS.replace('max(n)', 'max(n) n')}",
        f"DELETE FROM t WHERE a IN (SELECT n FROM ({ENDLESS.replace('max(n)', 'max(n) n')}) q)",
    ],
)
def test_a_recursion_without_end_is_stopped_at_query_timeout(limited: Asked, statement: str) -> None:
    """Whatever the statement: the vendor's words, nothing done, and the session goes on."""
    with pytest.raises(RoutineLoadError, match="reached its timeout of 1 seconds") as told:
        limited.run(statement)
    assert told.value.number(Compat.STARROCKS) == 5024
    assert limited.rows("SELECT count(*) FROM t") == [(1,)]


def test_a_result_that_nobody_reads_is_stopped_too(limited: Asked) -> None:
    """The limit holds for a statement with its rows, as lazily as they are read."""
    limited.run("INSERT INTO t SELECT x.a, x.b FROM t x, (SELECT unnest(split(repeat(',', 3000), ',')) u) y")
    rows = iter(limited.table("SELECT x.a FROM t x, t y").rows)

    def read_slowly() -> None:
        for _ in rows:
            threading.Event().wait(0.001)

    with pytest.raises(RoutineLoadError, match="reached its timeout"):
        read_slowly()


def test_kill_ends_what_a_connection_runs_and_nothing_else(asked: Asked) -> None:
    """KILL QUERY: the killed one is told 1317; another session's statement goes on."""
    other = Session(user="root", compat=Compat.STARROCKS, connection_id=2, database="d")
    killed = Session(user="root", compat=Compat.STARROCKS, connection_id=1, database="d")
    done = threading.Event()
    errors: list[RoutineLoadError] = []

    def run() -> None:
        with pytest.raises(RoutineLoadError) as told:
            asked.engine.execute(ENDLESS, killed)
        errors.append(told.value)
        done.set()

    threading.Thread(target=run).start()
    while not done.wait(0.05):
        asked.engine.kill(1)
        answer = asked.engine.execute("SELECT 1", other)
        assert isinstance(answer, ResultTable)
        assert [tuple(row) for row in answer.rows] == [(1,)]
    assert errors[0].number(Compat.DORIS) == 1317


def test_a_statement_that_makes_the_process_too_large_is_stopped(
    limited: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts under way are not in DuckDB's own limit, so the growth of the process is watched."""
    limited.session.variables["query_timeout"] = "60"
    monkeypatch.setattr(running, "MEMORY_GROWTH_MAX", -(1 << 40))
    with pytest.raises(RoutineLoadError, match="Memory of process exceed limit"):
        limited.run(ENDLESS)


def test_a_result_given_up_before_its_first_row_is_forgotten(asked: Asked) -> None:
    """The watch does not keep what its reader has dropped."""
    asked.table("SELECT 1")
    statements = asked.engine._warehouse.statements
    while statements._running:
        threading.Event().wait(0.02)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT length(repeat('x', 2000000000))",
        "SELECT length(repeat(repeat(repeat('x', 1000), 1000), 20))",
        "SELECT length(repeat(b, 2000000)) FROM t",
        "SELECT length(space(2000000000))",
        "SELECT length(lpad('x', 2000000000, 'y')) + length(rpad('x', 2000000000, 'y'))",
        "SELECT length(replace(repeat('a', 60000), 'a', repeat('b', 60000)))",
        "SELECT length(regexp_replace(repeat('a', 60000), 'a', repeat('b', 60000)))",
        f"SELECT {'hex(' * 6}repeat('x', 60000){')' * 6}",
    ],
)
def test_a_function_that_would_make_a_huge_text_gives_null_instead(limited: Asked, query: str) -> None:
    """One call of DuckDB cannot be interrupted, so what it may make is bounded before (StarRocks: NULL beyond)."""
    limited.session.variables["query_timeout"] = "60"
    assert limited.rows(query) == [(None,)]


def test_bounded_text_functions_answer_as_before(asked: Asked) -> None:
    """The bound is looked at, not felt; NULL and negative counts included. concat_ws puts its separator between."""
    query = (
        "SELECT repeat('ab', 2), repeat('a', -1), repeat('a', NULL), space(2), lpad('a', 3, 'xy'), rpad('a', 2),"
        " replace('a.b', '.', '::'), regexp_replace('abab', 'a', 'x'), hex('a'), hex(255), concat_ws(',', 'a', 'b')"
    )
    assert asked.rows(query) == [("abab", "", None, "  ", "xya", "a ", "a::b", "xbxb", "61", "FF", "a,b")]


def test_functions_whose_forms_double_are_not_nested_without_end(asked: Asked) -> None:
    """strcmp names its argument three times: thirty levels would make a statement larger than any memory."""
    query = f"SELECT {'strcmp(' * 30}'a'{', 1)' * 30}"
    with pytest.raises(RoutineLoadError, match="nested too deeply"):
        asked.rows(query)


def test_a_statement_of_too_many_words_is_refused_before_it_is_parsed(asked: Asked) -> None:
    """Parsing holds up every other session for its time; 300,000 words are some 50,000 values."""
    with pytest.raises(RoutineLoadError, match="at most 300000 are allowed"):
        asked.run("SELECT 1 IN (" + ",".join(["1"] * 200_000) + ")")


def test_sleep_only_waits_and_ends_with_its_statement(limited: Asked) -> None:
    """SELECT sleep(n) answers 1 (StarRocks, Doris); its time limit ends it, and so does the engine's end."""
    assert limited.rows("SELECT sleep(0.01)") == [(True,)]
    assert [column.name for column in limited.table("select SLEEP(0)").columns] == ["SLEEP(0)"]
    with pytest.raises(RoutineLoadError, match="reached its timeout"):
        limited.run("SELECT sleep(3600)")


def test_kill_wakes_a_sleeper(asked: Asked) -> None:
    """KILL QUERY ends a sleep that would take an hour."""
    ended: list[RoutineLoadError] = []

    def sleep() -> None:
        with pytest.raises(RoutineLoadError) as told:
            asked.run("SELECT sleep(3600)")
        ended.append(told.value)

    sleeper = threading.Thread(target=sleep)
    sleeper.start()
    while sleeper.is_alive():
        asked.engine.kill(asked.session.connection_id)
        sleeper.join(0.01)
    assert ended[0].number(Compat.STARROCKS) == 1317
