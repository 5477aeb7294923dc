"""Which privilege each kind of statement needs, and how each vendor says no: privileges/needs.txt has a line for each.

Every line is run three times for both vendors: by a user who has nothing (the answer of the line), by one who has only
what the line names (not refused), and by one who has everything else (refused or shown nothing).
"""

from __future__ import annotations

import typing
from dataclasses import dataclass
from pathlib import Path

import pytest

from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings
from routine_load.errors import PrivilegeDenied, RoutineLoadError
from routine_load.ids import Compat
from routine_load.sql import statements
from routine_load.sql.parser import parse
from routine_load.sql.privileges import DATA_PRIVILEGES, SYSTEM_PRIVILEGES, Granted, Held, Place, Privilege
from routine_load.sql.results import ResultTable
from routine_load.statements.admission import NEEDS

LINES = (Path(__file__).parent / "privileges" / "needs.txt").read_text().splitlines()
HINT = (
    "Please ask the admin to grant permission(s) or try activating existing roles using <set [default] role>. "
    "Current role(s): NONE. Inactivated role(s): NONE."
)


@dataclass(frozen=True)
class Case:
    text: str
    needs: str
    answers: dict[Compat, str]

    @property
    def ways(self) -> list[frozenset[Held]]:
        """One set of privileges for each way to be allowed."""
        if self.needs == "free":
            return []
        return [frozenset(map(held, way.split("+"))) for way in self.needs.removeprefix("any:").split(" or ")]

    @property
    def any_will_do(self) -> bool:
        return self.needs.startswith("any:")


def held(text: str) -> Held:
    privilege, _, where = text.strip().partition("@")
    database, _, table = where.partition(".")
    if where == "SYSTEM":
        return Held(Place.SYSTEM, "", "", Privilege(privilege))
    if where == "*":
        return Held(Place.ALL, "", "", Privilege(privilege))
    return Held(Place.TABLE if table else Place.DATABASE, database, table, Privilege(privilege))


def cases() -> list[Case]:
    found = []
    for line in LINES:
        if line and not line.startswith("#"):
            text, needs, starrocks, doris = (part.strip() for part in line.split(" | "))
            found.append(Case(text, needs, {Compat.STARROCKS: starrocks, Compat.DORIS: doris}))
    return found


def whole(answer: str, compat: Compat) -> str:
    """The number and the text that a short answer stands for."""
    number, _, rest = answer.partition(" ")
    if not number.isdigit() or rest == "rows":
        return answer
    if number == "5203":
        privileges, _, what = rest.partition(" on ")
        rest = f"Access denied; you need (at least one of) the {privileges} privilege(s) on {what} for this operation. {HINT}"
    elif number == "1142":
        word, database, table = rest.rsplit(" ", 2)
        rest = f"{word} command denied to user 'asker'@'127.0.0.1' for table '{database} {table}'"
    elif number == "1044":
        rest = f"Access denied for user 'asker'@'127.0.0.1' to database '{rest}'"
    elif number == "1227":
        rest = f"Access denied; you need (at least one of) the ({rest}) privilege(s) for this operation"
    return f"{number} errCode = 2, detailMessage = {rest}" if compat is Compat.DORIS else f"{number} {rest}"


class Stand:
    """One coordinator with d.t, d.u and the paused job d.j, made again where a case took something away."""

    def __init__(self, directory: Path) -> None:
        self.coordinator = Coordinator(
            Settings(data_dir=directory, mysql_port=None, http_port=None, kafka_timeout_s=0.3)
        )
        self.coordinator.start()
        self.service = self.coordinator.service
        self.context = self.service._context
        self.root = self.service.open_session("root", "test", Compat.STARROCKS)
        for text in ("SET validate = 'off'", "CREATE USER other", "CREATE USER asker"):
            self.service.execute(self.root, text)
        self.reset()

    def reset(self) -> None:
        wanted = ["CREATE DATABASE IF NOT EXISTS d"]
        for table in ("t", "u"):
            if not self.context.engine.has_database("d") or table not in self.context.engine.tables("d"):
                wanted.append(f"CREATE TABLE d.{table} (id INT, v STRING) DUPLICATE KEY(id)")
                wanted.append(f"INSERT INTO d.{table} VALUES (1, 'x')")
        wanted += ["DROP TABLE IF EXISTS d.n", "DROP DATABASE IF EXISTS new_one", "DROP USER IF EXISTS someone"]
        for name in ("j", "k"):
            job = self.context.jobs.live("d", name)
            if job is not None and (name == "k" or job.definition.table != "t"):
                wanted.append(f"STOP ROUTINE LOAD FOR d.{name}")
                job = None
            if name == "j" and job is None:
                kafka = '"kafka_broker_list" = "127.0.0.1:1", "kafka_topic" = "o"'
                wanted.append(f"CREATE ROUTINE LOAD d.j ON t FROM KAFKA ({kafka})")
        for text in wanted:
            self.service.execute(self.root, text)

    def ask(self, case: Case, compat: Compat, privileges: frozenset[Held]) -> tuple[str, RoutineLoadError | None]:
        """Number and text of the error, or how many rows there were."""
        self.context.privileges.change("asker", lambda _: Granted(privileges=privileges))
        session = self.service.open_session("asker", "127.0.0.1:5", compat)
        try:
            [result] = self.service.execute(session, self.filled(case.text))
        except RoutineLoadError as error:
            return f"{error.number(compat)} {error.framed(compat)}", error
        finally:
            self.service.close_session(session)
        return (f"{len(list(result.rows))} rows" if isinstance(result, ResultTable) else "OK"), None

    def filled(self, text: str) -> str:
        return text.replace("{root}", str(self.root.connection_id))


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    made = Stand(tmp_path_factory.mktemp("privileges"))
    yield made
    made.coordinator.stop()


def parametrized(function):
    named = [
        pytest.param(case, compat, id=f"{compat}: {case.text[:60]}")
        for case in cases()
        for compat in Compat
        if case.answers[compat] != "-"
    ]
    return pytest.mark.parametrize(("case", "compat"), named)(function)


@parametrized
def test_without_privileges_the_answer_is_the_vendors(stand, case, compat):
    """Number and text to the letter; what is free is answered."""
    stand.reset()
    assert stand.ask(case, compat, frozenset())[0] == whole(stand.filled(case.answers[compat]), compat)


@parametrized
def test_what_a_statement_needs_is_enough(stand, case, compat):
    """Each way to be allowed, alone; whatever else may go wrong is no refusal, and what was hidden is shown."""
    for way in case.ways:
        stand.reset()
        got, error = stand.ask(case, compat, way)
        assert not isinstance(error, PrivilegeDenied), (way, got)
        assert got != case.answers[compat] or "TASK" in case.text, (way, got)  # a paused job has no tasks


@parametrized
def test_everything_else_is_not_enough(stand, case, compat):
    """Without one of the things a statement needs, all other privileges are of no use."""
    if len(case.ways) != 1 and not case.any_will_do:
        return  # each way stands in the other's place
    for missing in case.ways[0]:
        stand.reset()
        got, error = stand.ask(case, compat, _all_but(missing, only_system=case.any_will_do))
        hidden = got == whole(case.answers[compat], compat)
        assert isinstance(error, PrivilegeDenied) or hidden, (missing, got)


def _all_but(missing: Held, *, only_system: bool) -> frozenset[Held]:
    """Everything, everywhere, but the one privilege (and Doris' ADMIN_PRIV, which includes it)."""
    every = SYSTEM_PRIVILEGES if only_system else DATA_PRIVILEGES | SYSTEM_PRIVILEGES
    every -= {Privilege.ADMIN, missing.privilege}
    return frozenset(Held(Place.SYSTEM if p in SYSTEM_PRIVILEGES else Place.ALL, "", "", p) for p in every)


def test_every_kind_of_statement_has_a_need_and_a_line():
    """A statement that is added and forgotten here is refused to everybody, and noticed by this test."""
    kinds = set(typing.get_args(statements.Statement))
    assert set(NEEDS) == kinds
    shown = {type(parse(case.text.replace("{root}", "1"), Compat.DORIS)[0]) for case in cases()}
    assert kinds - shown == set()
