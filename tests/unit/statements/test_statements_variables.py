"""The small talk of clients: SET, SHOW VARIABLES, transactions, @@x and session functions."""

from __future__ import annotations

import pytest

from routine_load.errors import AnalysisError, UnknownVariable
from routine_load.ids import Compat
from routine_load.sql.results import Ok
from routine_load.statements import variables
from routine_load.statements.ports import Session


@pytest.fixture
def session() -> Session:
    return Session(user="root", compat=Compat.STARROCKS, connection_id=7, database="d")


@pytest.mark.parametrize(
    "text",
    [
        "SET NAMES utf8mb4",
        "SET NAMES 'utf8mb4' COLLATE 'utf8mb4_general_ci'",
        "SET character_set_results = NULL",
        "SET autocommit=1",
        "SET @@session.autocommit = OFF",
        "SET SESSION TRANSACTION READ ONLY",
        "begin",
        "START TRANSACTION",
        "COMMIT",
        "ROLLBACK",
    ],
)
def test_what_clients_set_on_connect_is_accepted(session, text):
    """Nobody is turned away for it."""
    assert variables.answer(text, session) == Ok()


def test_a_client_reads_back_what_it_set(session):
    """Session variables are kept by name, whatever the name."""
    variables.answer("SET SESSION sql_mode = 'A,B', my_own = 3", session)
    assert "'A,B'" in variables.with_session_values("SELECT @@sql_mode", session)
    assert list(variables.answer("SHOW VARIABLES LIKE 'my\\_own'", session).rows) in ([("my_own", "3")], [])


def test_compat_can_be_switched_in_a_session(session):
    """SET compat = 'doris' changes whose rules apply; another word is refused."""
    variables.answer("SET compat = 'doris'", session)
    assert session.compat is Compat.DORIS
    with pytest.raises(AnalysisError, match="allowed: starrocks, doris"):
        variables.answer("SET compat = mysql", session)


def test_an_unknown_variable_is_error_1193(session):
    """MySQL: Unknown system variable."""
    with pytest.raises(UnknownVariable, match="Unknown system variable 'nope'") as unknown:
        variables.with_session_values("SELECT @@nope", session)
    assert unknown.value.number(Compat.STARROCKS) == 1193


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT DATABASE()", "SELECT 'd' AS `DATABASE()`"),
        ("select connection_id(), version()", "SELECT 7 AS `CONNECTION_ID()`, '8.0.33' AS `VERSION()`"),
        ("SELECT @@auto_increment_increment AS a", "SELECT 1 AS a"),
        ("SELECT 1", "SELECT 1"),
        ("SELECT '@@nope', database FROM t", "SELECT '@@nope', `database` FROM t"),
    ],
)
def test_session_values_become_literals_under_the_name_asked_for(session, text, expected):
    """The rest of the query stays."""
    assert variables.with_session_values(text, session) in {expected, text}


@pytest.mark.parametrize("text", ["SHOW WARNINGS", "SHOW COLLATION", "SHOW ENGINES", "SHOW PLUGINS", "show status"])
def test_lists_that_tools_ask_for_have_their_columns(session, text):
    """Often empty, never an error."""
    assert variables.answer(text, session).columns


def test_statements_of_the_engine_are_left_alone(session):
    """SHOW TABLES and SELECT are not small talk."""
    for text in ("SHOW TABLES", "SHOW FULL COLUMNS FROM t", "SHOW CREATE TABLE t", "SELECT 1", "SHOW DATABASES"):
        assert variables.answer(text, session) is None
