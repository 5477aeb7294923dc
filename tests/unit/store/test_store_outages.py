"""A metadata server that dies, stalls or cuts connections: callers are told so, and go on as soon as it is back."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from store_builders import job

from routine_load.commit.values import CommitRecord, Counts, OffsetRange
from routine_load.errors import MetadataUnavailable, StaleRange
from routine_load.ids import JobId, Label, PartitionId, TaskId
from routine_load.store import SecretBox, open_metadata
from routine_load.store.connections import Reach
from routine_load.store.database import Database
from tests.support.databases import PASSWORD


@pytest.fixture
def metadata(database_server):
    """Of a server that runs again afterwards, whatever the test does to it."""
    with open_metadata(database_server.url(database_server.database()), SecretBox.ephemeral()) as metadata:
        yield metadata
    if database_server.process.poll() is not None:
        database_server.start()


def batch(start: int) -> CommitRecord:
    ranges = (OffsetRange(PartitionId(0), start, start + 1),)
    return CommitRecord(
        sequence=0, label=Label(""), job_id=JobId(1), task_id=TaskId("x"), ranges=ranges, counts=Counts(1)
    )


def test_a_server_that_is_killed_and_started_again_has_everything(database_server, metadata):
    """While it is away every call says so, with its address and without the password; then all connections work."""
    made = [metadata.jobs.insert(job(f"j{n}")) for n in range(3)]
    moved = metadata.jobs.modify(made[0].id, lambda j: j.placed({0: 7}))
    log = metadata.intents("rl", lambda: 1)
    log.place(JobId(1), {PartitionId(0): 0})
    finished = log.finish_without_target(batch(0))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: metadata.jobs.list(), range(8)))  # several connections are open
    database_server.kill()
    calls = [
        metadata.jobs.list,
        lambda: metadata.jobs.insert(job("new")),
        lambda: metadata.jobs.modify(made[0].id, lambda j: j.placed({0: 8})),
        lambda: log.finish_without_target(batch(1)),
        metadata.settings.all,
    ]
    for call in calls:
        with pytest.raises(
            MetadataUnavailable, match=r"the metadata database .*127\.0\.0\.1.* cannot be reached"
        ) as told:
            call()
        assert PASSWORD not in told.value.message
    database_server.start()
    assert metadata.jobs.list() == [moved, *made[1:]]
    assert log.records_after(JobId(1), 0) == [finished]
    assert log.finish_without_target(batch(1)).sequence == finished.sequence + 1


def test_a_write_that_is_cut_leaves_all_of_it_or_nothing(database_server, metadata):
    """The server dies between the statements of a transaction; the same batch is committed again, once."""
    log = metadata.intents("rl", lambda: 1)
    log.place(JobId(1), {PartitionId(0): 0})

    def cut():
        with log._writing() as connection:
            connection.execute(sa.text("UPDATE partition_progress SET next_offset = 1"))
            database_server.kill()
            connection.execute(sa.text("UPDATE partition_progress SET next_offset = 2"))

    with pytest.raises(MetadataUnavailable):
        cut()
    database_server.start()
    assert log.progress(JobId(1)) == {0: 0}
    log.finish_without_target(batch(0))
    with pytest.raises(StaleRange):
        log.finish_without_target(batch(0))


def test_connections_that_somebody_cuts_are_made_anew(database_server, metadata):
    """An administrator ends all our sessions; the next call does not notice."""
    made = metadata.jobs.insert(job())
    if database_server.scheme == "postgresql":
        database_server.execute(
            "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE application_name = 'routine-load'"
        )
    else:
        database_server.execute("KILL USER rl")
    assert metadata.jobs.list() == [made]


def test_a_server_that_stalls_is_given_up_and_used_again(database_server, monkeypatch):
    """It takes connections and answers nothing; whoever asks is told within the time allowed."""
    monkeypatch.setattr("routine_load.store.connections.CONNECT_TIMEOUT_S", 2)  # libpq takes no less
    monkeypatch.setattr("routine_load.store.connections.SILENCE_TIMEOUT_S", 1)
    database = Database(database_server.url(database_server.database()))
    assert Reach().silence_s == 1
    database_server.signalled(signal.SIGSTOP)
    try:
        with pytest.raises(MetadataUnavailable), database.reading() as connection:
            connection.execute(sa.text("SELECT 1"))
    finally:
        database_server.signalled(signal.SIGCONT)
    with database.reading() as connection:
        assert connection.execute(sa.text("SELECT 1")).scalar_one() == 1
    database.close()


def test_a_coordinator_that_falls_asleep_in_a_transaction_holds_up_nobody(database_server, monkeypatch):
    """The server ends the transaction, and with it its locks: a newer coordinator takes over, the old one is told."""
    monkeypatch.setattr("routine_load.store.connections.IDLE_IN_TRANSACTION_TIMEOUT_S", 1)
    url = database_server.url(database_server.database())
    with open_metadata(url, SecretBox.ephemeral()) as old, open_metadata(url, SecretBox.ephemeral()) as new:
        log = old.intents("rl", lambda: 1)
        asleep, awake = threading.Event(), threading.Event()

        def sleeps():
            with log._writing() as connection:
                asleep.set()
                awake.wait(30)
                connection.execute(sa.text("SELECT 1"))

        with ThreadPoolExecutor(1) as pool:
            sleeping = pool.submit(sleeps)
            assert asleep.wait(30)
            assert new.intents("rl", lambda: 1).epoch == log.epoch + 1
            awake.set()
            with pytest.raises(MetadataUnavailable):
                sleeping.result(30)
