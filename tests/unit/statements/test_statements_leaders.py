"""Which statements are the leader's: what may be asked of it, and asked again."""

from __future__ import annotations

import pytest

from routine_load.ids import Compat
from routine_load.sql.parser import parse
from routine_load.sql.results import Ok
from routine_load.statements.leaders import answer
from routine_load.statements.ports import Session


class Company:
    """Another coordinator leads; what it was asked."""

    leads = False

    def __init__(self):
        self.asked = []

    def ask(self, _session, text, *, patient):
        self.asked.append((text, patient))
        return Ok()

    def changed(self):
        pass


@pytest.mark.parametrize(
    ("text", "database", "patient"),
    [
        ("PAUSE ROUTINE LOAD FOR d.j", None, True),
        ("SHOW ROUTINE LOAD FROM d", None, False),
        ("SELECT * FROM information_schema.loads", None, False),
        ("(SELECT 1) UNION (SELECT count(*) FROM `information_schema` . `routine_load_jobs`)", "d", False),
        ("WITH x AS (SELECT * FROM loads) SELECT * FROM x", "information_schema", False),
        ("select STATE from Routine_Load_Jobs", "information_schema", False),
    ],
)
def test_what_only_the_leader_knows_is_asked_of_it(text, database, patient):
    """Tables of running loads too, however they are named."""
    company = Company()
    assert _answered(company, text, database) == Ok()
    assert company.asked == [(text, patient)]


@pytest.mark.parametrize(
    ("text", "database"),
    [
        ("INSERT INTO d.t SELECT LABEL FROM information_schema.loads", "d"),
        ("SELECT * FROM loads", "d"),
        ("SELECT * FROM information_schema.tables", "d"),
        ("SELECT * FROM tables", "information_schema"),
        ("SHOW ROUTINE LOAD VERSIONS FOR d.j", None),
    ],
)
def test_the_rest_is_answered_by_whoever_is_asked(text, database):
    """An INSERT above all: where the leader's answer were lost it would be done twice."""
    company = Company()
    assert _answered(company, text, database) is None
    assert company.asked == []


def _answered(company, text, database):
    (statement,) = parse(text, Compat.STARROCKS)
    return answer(statement, Session(user="root", compat=Compat.STARROCKS, database=database), text, company)
