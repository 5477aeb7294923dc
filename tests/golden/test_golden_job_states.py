"""Every state of a job × every statement about it, in both modes: jobs/states.txt has a line for each pair.

A line: vendor, state, statement, what is answered (OK, a number of rows, or the error's number and text), the state
after it, and which times are set then (P: PauseTime, E: EndTime). Rules: StarRocks, Doris: job state machine, which job
a name refers to, look-up errors; ALTER beyond PAUSED, VERSIONS and ROLLBACK are ours.
"""

from __future__ import annotations

import itertools
import re
import time
from pathlib import Path

import pytest

from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings
from routine_load.errors import RoutineLoadError
from routine_load.ids import Compat
from routine_load.jobs.states import JobState
from routine_load.sql.results import ResultTable

CASES = Path(__file__).parent / "jobs" / "states.txt"
NOWHERE = "127.0.0.1:1"
STATEMENTS = {
    "ALTER": 'ALTER ROUTINE LOAD FOR {j} PROPERTIES ("max_error_number" = "7")',
    "PAUSE": "PAUSE ROUTINE LOAD FOR {j}",
    "RESUME": "RESUME ROUTINE LOAD FOR {j}",
    "STOP": "STOP ROUTINE LOAD FOR {j}",
    "ROLLBACK": "ALTER ROUTINE LOAD FOR {j} ROLLBACK TO VERSION 1",
    "VERSIONS": "SHOW ROUTINE LOAD VERSIONS FOR {j}",
    "SHOW": "SHOW ROUTINE LOAD FOR {j}",
    "SHOW ALL": "SHOW ALL ROUTINE LOAD FOR {j}",
    "SHOW TASK": 'SHOW ROUTINE LOAD TASK WHERE JobName = "{j}"',
    "SHOW CREATE": "SHOW CREATE ROUTINE LOAD FOR {j}",
    "CREATE": None,
}


def cases() -> list[tuple[str, ...]]:
    lines = [line for line in CASES.read_text().splitlines() if line and not line.startswith("#")]
    return [tuple(part.strip() for part in line.split("|")) for line in lines]


class Stand:
    """One coordinator, and jobs of any state on it."""

    def __init__(self, directory: Path, kafka) -> None:
        # a short time for Kafka: the jobs that stay NEED_SCHEDULE ask one that does not answer
        settings = Settings(data_dir=directory, mysql_port=None, http_port=None, kafka_timeout_s=0.3)
        self.coordinator = Coordinator(settings)
        self.coordinator.start()
        self.kafka = kafka
        self.sessions = {c: self.coordinator.service.open_session("root", "test", c) for c in Compat}
        self.numbers = itertools.count(1)
        self.run(Compat.STARROCKS, "CREATE DATABASE d")
        for compat in Compat:
            self.run(compat, "USE d")

    def run(self, compat: Compat, text: str):
        return self.coordinator.service.execute(self.sessions[compat], text)[-1]

    def show(self, compat: Compat, job: str) -> dict[str, str | None]:
        """The oldest job of that name, as it is now."""
        table = self.run(compat, f"SHOW ALL ROUTINE LOAD FOR {job} ")
        row = min(table.rows, key=lambda row: int(row[0]))
        return dict(zip((column.name for column in table.columns), row, strict=True))

    def until(self, compat: Compat, job: str, state: JobState) -> dict[str, str | None]:
        for _ in range(400):
            shown = self.show(compat, job)
            if shown["State"] == state:
                return shown
            time.sleep(0.02)
        pytest.fail(f"{job} is not {state}: {shown}")

    def create(self, compat: Compat, job: str, brokers: str) -> None:
        self.run(compat, f"SET validate = '{'off' if brokers == NOWHERE else 'on'}'")
        self.run(compat, self.create_text(job, brokers))

    def create_text(self, job: str, brokers: str) -> str:
        return (
            f'CREATE ROUTINE LOAD {job} ON t{job} FROM KAFKA ("kafka_broker_list" = "{brokers}", "kafka_topic" = "st")'
        )

    def job_in(self, compat: Compat, state: JobState) -> str:
        """A new job, altered once while it was not final, in that state."""
        job = f"j{next(self.numbers)}"
        self.run(compat, f"CREATE TABLE t{job} (a INT) DUPLICATE KEY(a) DISTRIBUTED BY HASH(a)")
        self.create(compat, job, NOWHERE if state is JobState.NEED_SCHEDULE else self.kafka.bootstrap)
        self.run(compat, f'ALTER ROUTINE LOAD FOR {job} PROPERTIES ("max_error_number" = "3")')
        if state in {JobState.PAUSED, JobState.CANCELLED}:
            self.run(compat, f"PAUSE ROUTINE LOAD FOR {job}")
        if state is JobState.CANCELLED:
            self.run(compat, f"DROP TABLE t{job}")
            self.run(compat, f"RESUME ROUTINE LOAD FOR {job}")
        if state is JobState.STOPPED:
            self.run(compat, f"STOP ROUTINE LOAD FOR {job}")
        self.until(compat, job, state)
        return job

    def answer(self, compat: Compat, job: str, statement: str) -> str:
        text = STATEMENTS[statement] or self.create_text(job, self.kafka.bootstrap)
        try:
            result = self.run(compat, text.format(j=job))
        except RoutineLoadError as error:
            return f"{error.number(compat)} {error.framed(compat)}".replace(job, "j")
        return f"{len(list(result.rows))} rows" if isinstance(result, ResultTable) else "OK"


@pytest.fixture(scope="module")
def stand(tmp_path_factory, embedded_kafka):
    embedded_kafka.create_topic("st", 2)
    stand = Stand(tmp_path_factory.mktemp("states") / "data", embedded_kafka)
    yield stand
    stand.coordinator.stop()


@pytest.mark.parametrize(("vendor", "state", "statement", "answer", "after", "times"), cases())
def test_a_statement_does_to_a_job_what_its_state_allows(stand, vendor, state, statement, answer, after, times):
    """Answer or error, the state that follows, PauseTime and EndTime."""
    compat = Compat(vendor)
    job = stand.job_in(compat, JobState(state))
    try:
        assert stand.answer(compat, job, statement) == answer
        shown = stand.until(compat, job, JobState(after))
        assert "".join(letter for letter, t in (("P", "PauseTime"), ("E", "EndTime")) if shown[t]) == times
    finally:
        lives = statement == "CREATE" and state == JobState.STOPPED
        if lives or not JobState(after).is_final:
            stand.run(compat, f"STOP ROUTINE LOAD FOR {job}")


def test_every_pair_has_a_line():
    """States × statements × modes, each once."""
    pairs = [case[:3] for case in cases()]
    assert sorted(pairs) == sorted(itertools.product([*map(str, Compat)], [*map(str, JobState)], STATEMENTS))


def test_pause_all_and_resume_all_pass_over_what_cannot_follow(stand):
    """Doris: every job of the current database; one that is PAUSED already, or RUNNING already, is left alone."""
    compat = Compat.DORIS
    paused, running = stand.job_in(compat, JobState.PAUSED), stand.job_in(compat, JobState.RUNNING)
    stopped = stand.job_in(compat, JobState.STOPPED)
    since = stand.show(compat, paused)["PauseTime"]
    stand.run(compat, "PAUSE ALL ROUTINE LOAD")
    assert [stand.show(compat, job)["State"] for job in (paused, running, stopped)] == ["PAUSED", "PAUSED", "STOPPED"]
    assert stand.show(compat, paused)["PauseTime"] == since
    stand.run(compat, "RESUME ALL ROUTINE LOAD")
    for job in (paused, running):
        stand.until(compat, job, JobState.RUNNING)
        stand.run(compat, f"STOP ROUTINE LOAD FOR {job}")
    assert stand.show(compat, stopped)["State"] == "STOPPED"


def test_a_job_of_another_database_is_altered_from_there_only(stand):
    """StarRocks: the session's database has to be the job's, or none; Doris does not ask."""
    job = stand.job_in(Compat.STARROCKS, JobState.PAUSED)
    stand.run(Compat.STARROCKS, "CREATE DATABASE IF NOT EXISTS other")
    statement = f'ALTER ROUTINE LOAD FOR d.{job} PROPERTIES ("max_error_number" = "8")'
    try:
        stand.run(Compat.STARROCKS, "USE other")
        stand.run(Compat.DORIS, "USE other")
        with pytest.raises(RoutineLoadError, match=re.escape("Session's db 'other' not equals label's db 'd'")):
            stand.run(Compat.STARROCKS, statement)
        stand.run(Compat.DORIS, statement)
    finally:
        for compat in Compat:
            stand.run(compat, "USE d")
    stand.run(Compat.STARROCKS, f"STOP ROUTINE LOAD FOR {job}")
