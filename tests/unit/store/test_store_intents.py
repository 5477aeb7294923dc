"""The log of commits in two phases: what is kept of it, and how it looks to those who read the database."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from routine_load.commit.protocol import IntentState
from routine_load.commit.values import CommitRecord, Counts, OffsetRange
from routine_load.errors import MetadataError
from routine_load.ids import JobId, Label, PartitionId, TableRef, TaskId
from routine_load.store.database import Database
from routine_load.store.intents import KEPT_INTENTS, IntentStore
from routine_load.store.tables import commit_intent, commit_range, partition_progress

JOB, P0 = JobId(7), PartitionId(0)
TABLES = [TableRef("d", "t")]


@pytest.fixture
def database(metadata_url):
    database = Database(metadata_url)
    yield database
    database.close()


def record(start: int, end: int) -> CommitRecord:
    ranges = (OffsetRange(P0, start, end),)
    return CommitRecord(
        sequence=0, label=Label(""), job_id=JOB, task_id=TaskId("x"), ranges=ranges, counts=Counts(end - start)
    )


def count(database, table) -> int:
    with database.reading() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_the_newest_intents_of_a_job_stay_for_people(database):
    """Open ones, and those that are not booked yet, too; old ones go in portions, not with every batch."""
    log = IntentStore(database, "rl", lambda: count(database, commit_intent))
    log.place(JOB, {P0: 0})
    booked = [log.finish_without_target(record(n, n + 1)).sequence for n in range(2 * KEPT_INTENTS)]
    unbooked = log.finish_without_target(record(len(booked), len(booked) + 1))
    opened = log.intend(record(len(booked) + 1, len(booked) + 2), TABLES)
    log.forget_records(JOB, booked[-1])
    assert count(database, commit_intent) == count(database, commit_range) == KEPT_INTENTS + 1
    assert log.open_intents() == [opened]
    assert log.records_after(JOB, booked[-1]) == [unbooked]
    log.forget_records(JOB, unbooked.sequence)
    assert count(database, commit_intent) == KEPT_INTENTS + 1


def test_labels_tell_whose_they_are(database):
    """The service's word, an identity of the metadata, job and number; what both vendors take as a label."""
    log = IntentStore(database, "mine", lambda: 0)
    log.place(JOB, {P0: 0})
    word, identity, job, number = log.intend(record(0, 1), TABLES).label.split("-")
    assert (word, len(identity), job, number) == ("mine", 8, "7", "1")


@pytest.mark.parametrize(
    "statement",
    [
        sa.update(commit_intent).values(state="DONE"),
        sa.update(commit_intent).values(state=IntentState.FINISHED.value),
        sa.update(commit_intent).values(sequence=3),
        sa.update(commit_range).values(end_offset=-1),
        sa.update(partition_progress).values(next_offset=-1),
        sa.delete(commit_intent),
    ],
)
def test_the_database_itself_refuses_what_cannot_be(database, statement):
    """States that nobody knows, an end without a place in the order, ranges that go back, labels that vanish."""
    log = IntentStore(database, "rl", lambda: 0)
    log.place(JOB, {P0: 0})
    log.intend(record(0, 1), TABLES)
    with pytest.raises(MetadataError) as refused, database.writing() as connection:
        connection.execute(statement)
    assert isinstance(refused.value.__cause__, IntegrityError) or "CONSTRAINT" in refused.value.message  # MariaDB
