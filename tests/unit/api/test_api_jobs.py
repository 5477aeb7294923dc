"""Typed jobs, by both ways in and in both vendors' mode."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from routine_load import JobState, Reason
from routine_load.errors import (
    AnalysisError,
    JobNotFound,
    JobStateError,
    LimitExceeded,
    NoDatabaseSelected,
    PropertyError,
    RoutineLoadError,
    StatementSyntaxError,
    UnknownDatabase,
)
from routine_load.ids import Compat


def test_a_job_tells_everything_after_it_caught_up(place):
    """What was produced before the wait is loaded after it; every fact of the job is typed."""
    before = datetime.now(UTC) - timedelta(seconds=2)
    job = place.job("1,a", "2,b", "bad,c", properties={"max_error_number": 5, "strict_mode": True}, where="v <> 'b'")
    assert job.wait(caught_up=True) is job
    assert (job.name, job.database, job.full_name) == ("j", place.database, f"{place.database}.j")
    assert (job.table, job.state, job.reason) == ("t", JobState.RUNNING, None)
    assert job.progress == {0: 3, 1: 0}
    assert (job.lag.partitions, job.lag.total) == ({0: 0, 1: 0}, 0)
    counted = job.statistic
    assert (counted.total_rows, counted.loaded_rows, counted.error_rows, counted.unselected_rows) == (3, 1, 1, 1)
    assert counted.committed_tasks >= 1
    assert before <= job.created_at <= datetime.now(UTC)
    assert (job.paused_at, job.ended_at) == (None, None)
    assert job.source["topic"] == place.topic
    assert len(job.error_log_urls) == 1
    assert job.status.statistic is counted
    assert repr(job) == f"<Job {place.database}.j #{job.id} RUNNING, 1 rows, lag 0>"


def test_rejected_rows_are_rows(place):
    """rejects gives each rejected row with its reason, partition, offset and raw bytes."""
    job = place.job("1,a", "bad,c", properties={"max_error_number": 5, "strict_mode": True}).wait(caught_up=True)
    (row,) = job.rejects().dicts()
    assert (row["partition"], row["offset"], row["column_name"], row["raw"]) == (0, 1, "id", b"bad,c")
    assert job.rejects(limit=0).fetchall() == []


def test_actions_end_with_a_look(place):
    """After pause, alter, resume and stop the job shows what became of it."""
    job = place.job("1,a").wait(loaded_rows=1)
    assert job.pause() is job
    assert (job.state, job.reason) == (JobState.PAUSED, Reason(100, "User root pauses routine load job"))
    assert job.paused_at is not None
    assert job.lag.total is None
    assert job.refresh(ask_kafka=True).lag.total == 0
    place.kafka.produce(place.topic, ["2,b"], partition=0)
    assert job.refresh(ask_kafka=True).lag.partitions == {0: 1, 1: 0}
    job.alter(max_error_number=7, where="id > 1", offsets={0: 0})
    assert job.progress == {0: 0, 1: 0}
    assert job.properties["maxErrorNum" if place.compat is Compat.STARROCKS else "max_error_number"] == "7"
    assert job.resume().wait(caught_up=True).statistic.unselected_rows == 1
    assert job.wait(state="RUNNING").state.is_running
    assert job.stop().state is JobState.STOPPED
    assert job.ended_at is not None
    assert job.tasks() == ()


def test_tasks_cover_the_partitions(place):
    """Each partition is in one task, at its next offset."""
    job = place.job("1,a").wait(loaded_rows=1)
    tasks = job.tasks()
    assert {partition: offset for task in tasks for partition, offset in task.progress.items()} == {0: 1, 1: 0}
    assert {task.job_id for task in tasks} == {job.id}


def test_the_create_statement_makes_the_job_again(place):
    """What create_statement gives can be run; the job after it has the same properties."""
    job = place.job("1,a", properties={"max_error_number": 3}).wait(loaded_rows=1)
    text = job.create_statement()
    properties = dict(job.properties)
    job.stop()
    place.rl.execute(text, database=place.database)
    again = place.rl.job(f"{place.database}.j")
    assert again.id != job.id
    ignored = {"currentTaskConcurrentNum", "current_concurrent_number"}
    assert {k: v for k, v in again.properties.items() if k not in ignored} == {
        k: v for k, v in properties.items() if k not in ignored
    }


def test_a_job_is_itself_though_its_name_is_anothers(place):
    """A stopped job stays what it was; acting on it does not touch the new job of that name."""
    old = place.job("1,a").wait(loaded_rows=1).stop()
    new = place.job()
    assert old.refresh().state is JobState.STOPPED
    assert place.rl.job(old.full_name).id == new.id
    with pytest.raises(JobStateError, match=f"the job of that name is another now, with the id {new.id}"):
        old.pause()
    assert new.refresh().state is not JobState.PAUSED


def test_jobs_are_listed_by_database(place):
    """jobs gives live jobs by id, of one database or of all; include_final adds those that are over."""
    first = place.job()
    second = place.job(name="k").stop()
    assert [job.id for job in place.rl.jobs(place.database)] == [first.id]
    assert [job.id for job in place.rl.jobs(place.database, include_final=True)] == [first.id, second.id]
    assert {first.id} <= {job.id for job in place.rl.jobs()}
    assert place.database in place.rl.databases()
    assert place.rl.tables(place.database) == ["t"]


def test_the_current_database_completes_a_name(place):
    """A name without a database is of the session's; without one it is an error."""
    job = place.job()

    def in_a_session_of_its_own() -> None:
        with pytest.raises(NoDatabaseSelected):
            place.rl.job("j")
        place.rl.execute("SELECT 1", database=place.database)
        assert place.rl.job("j").id == job.id
        assert place.rl.tables() == ["t"]
        place.rl.execute("USE information_schema")
        with pytest.raises(RoutineLoadError):
            place.rl.job("j")

    with ThreadPoolExecutor(1) as pool:
        pool.submit(in_a_session_of_its_own).result()


def test_the_users_clock_does_not_move_the_jobs(place):
    """A session's time zone changes what SHOW prints, not what a job tells."""
    job = place.job()
    created = job.created_at
    place.rl.execute("SET time_zone = 'America/New_York'")
    assert job.refresh().created_at == created
    place.rl.execute("SET time_zone = 'Asia/Shanghai'")


def test_a_wait_ends_with_the_jobs_own_reason(place):
    """A job that pauses itself ends a wait for rows; one for its state goes on."""
    job = place.job("1,a", "bad,b", properties={"strict_mode": True})
    with pytest.raises(JobStateError, match=r"is PAUSED with 1 of 9 rows: .*error"):
        job.wait(loaded_rows=9)
    with pytest.raises(JobStateError, match="is PAUSED with"):
        job.wait(caught_up=True)
    assert job.wait(state=JobState.PAUSED).reason.code == 102
    assert job.resume().wait(caught_up=True).progress[0] == 2


def test_a_wait_that_cannot_be_reached_ends(place):
    """The time limit and a stopped job end a wait, each with what was seen."""
    job = place.job("1,a").wait(loaded_rows=1)
    with pytest.raises(LimitExceeded, match=r"loaded 1 of 2 rows within 0\.1 s and is RUNNING"):
        job.wait(loaded_rows=2, timeout=0.1)
    with pytest.raises(LimitExceeded, match=r"has PAUSED wanted within 0\.1 s"):
        job.wait(state="PAUSED", timeout=0.1)
    with pytest.raises(JobStateError, match="is STOPPED with RUNNING wanted"):
        job.stop().wait(state="RUNNING")


@pytest.mark.parametrize(
    ("wish", "text"),
    [
        ({}, "wait needs loaded_rows, caught_up or state"),
        ({"state": "ASLEEP"}, "'ASLEEP' is not allowed; allowed: NEED"),
    ],
)
def test_a_wait_for_nothing_is_a_mistake(place, wish, text):
    """wait says what it can wait for."""
    with pytest.raises(PropertyError, match=text):
        place.rl.wait(f"{place.database}.j", **wish)


def test_caught_up_counts_what_was_produced_before_the_call(place):
    """The ends that the service saw last may be old: a wait asks Kafka itself."""
    job = place.job().wait(caught_up=True)
    for round_ in range(1, 6):
        place.kafka.produce(place.topic, [f"{round_},x"], partition=round_ % 2)
        assert job.wait(caught_up=True).statistic.loaded_rows == round_


@pytest.mark.parametrize(
    ("text", "kind", "errno", "sqlstate", "position"),
    [
        ("CREATE ROUTINE LOAD x\nFORM KAFKA", StatementSyntaxError, (1064, 1105), ("HY000", "HY000"), (2, 1)),
        ("PAUSE ROUTINE LOAD FOR {d}.nope", JobNotFound, (5089, 1105), ("42000", "HY000"), None),
        ("SHOW ROUTINE LOAD FOR nowhere.j", RoutineLoadError, (1064, 1105), ("HY000", "HY000"), None),
        ("USE nowhere", UnknownDatabase, (5501, 1049), ("3F000", "42000"), None),
        ("SELECT nope(1)", AnalysisError, (1064, 1105), ("HY000", "HY000"), None),
        (
            "ALTER ROUTINE LOAD FOR {d}.j PROPERTIES ('max_error_number' = '-1')",
            PropertyError,
            (1064, 1105),
            ("HY000", "HY000"),
            None,
        ),
        ("SET compat = 'oracle'", AnalysisError, (1064, 1105), ("HY000", "HY000"), None),
    ],
)
def test_errors_are_the_same_by_both_ways_in(place, coordinators, text, kind, errno, sqlstate, position):
    """Class, number, SQLSTATE, position and message of a failure do not depend on the way in."""
    place.job().pause()
    text = text.format(d=place.database)
    seen = []
    for connection in (place.rl, coordinators[place.compat]):
        connection.execute("SELECT 1", database=place.database)
        with pytest.raises(kind) as caught:
            connection.execute(text)
        error = caught.value
        place_seen = (error.position.line, error.position.column) if error.position else None
        assert getattr(error, "__notes__", []) == ([f"in the statement{error.place}"] if error.place else [])
        seen.append((type(error), error.errno, error.sqlstate, place_seen, error.message))
    assert seen[0] == seen[1]
    doris = place.compat is Compat.DORIS
    assert seen[0][1:4] == (errno[doris], sqlstate[doris], position)


def test_an_unknown_job_is_the_vendors_error(place):
    """job and wait raise what SHOW answers."""
    for ask in (
        lambda: place.rl.job(f"{place.database}.j"),
        lambda: place.rl.wait(f"{place.database}.j", loaded_rows=1),
    ):
        with pytest.raises(JobNotFound, match=f"j in db {place.database}"):
            ask()


def test_versions_and_rollback(place):
    """versions lists what ALTER kept; rollback brings one back."""
    job = place.job(properties={"max_error_number": 1}).pause()
    job.alter(max_error_number=2)
    versions = job.versions().fetchall()
    assert len(versions) >= 2
    key = "maxErrorNum" if place.compat is Compat.STARROCKS else "max_error_number"
    assert job.properties[key] == "2"
    assert job.rollback(1).properties[key] == "1"
