"""Numbers that are counted in blocks, and records that are known without being read."""

from __future__ import annotations

import pytest

from routine_load.commit.values import CommitRecord, Counts
from routine_load.ids import JobId, Label, TaskId
from routine_load.store.counters import counted
from routine_load.store.database import Database
from routine_load.store.finished import RECORDS_MAX, FinishedRecords
from routine_load.store.numbers import Numbers

JOB = JobId(7)


@pytest.fixture
def database(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'm.db'}")
    yield database
    database.close()


def taken(numbers, database, *, fails=False, size=3, floor=0) -> int:
    with numbers.lasting(), database.writing() as connection:
        number = numbers.take(connection, "n", size, lambda _: floor)
        if fails:
            raise KeyError
        return number


def test_each_number_is_given_once_and_they_grow(database):
    """Also by a program that begins in the middle of another one's block."""
    one, other = Numbers(), Numbers()
    assert [taken(one, database) for _ in range(4)] == [1, 2, 3, 4]
    assert [taken(other, database) for _ in range(4)] == [7, 8, 9, 10]
    assert [taken(one, database) for _ in range(3)] == [5, 6, 13]


def test_a_block_whose_transaction_failed_is_counted_anew(database):
    """It was never in the database, and somebody else may have it."""
    numbers = Numbers()
    with pytest.raises(KeyError):
        taken(numbers, database, fails=True)
    assert taken(Numbers(), database) == 1
    assert taken(numbers, database) == 4


def test_numbers_lie_above_what_is_there(database):
    """The counter may have gone back with a backup."""
    assert taken(Numbers(), database, floor=40) == 41


def test_a_block_that_comes_late_is_not_given(database):
    """Of two that were counted at once, the lower one may be kept last: its numbers would go back."""
    numbers = Numbers()
    with numbers.lasting():
        with database.writing() as connection:
            assert numbers.take(connection, "n", 3) == 1
        with database.writing() as connection:  # another thread, which was faster
            assert counted(connection, "n", 3) == 6
        numbers.pass_over("n", 4)
    assert taken(numbers, database) == 7


def record(sequence: int) -> CommitRecord:
    return CommitRecord(
        sequence=sequence, label=Label(f"l{sequence}"), job_id=JOB, task_id=TaskId("t"), ranges=(), counts=Counts()
    )


class Kept:
    """A database of records, which counts how often it is read."""

    def __init__(self) -> None:
        self.records: list[CommitRecord] = []
        self.reads = 0

    def after(self, known: FinishedRecords, sequence: int) -> list[int]:
        def read():
            self.reads += 1
            return [r for r in self.records if r.sequence > sequence]

        return [r.sequence for r in known.after(JOB, sequence, read)]

    def finish(self, known: FinishedRecords, sequence: int) -> None:
        with known.finishing(JOB) as done:
            self.records.append(record(sequence))
            done(self.records[-1])


def test_records_are_read_once_and_then_known():
    """Whoever asks for less than is known has them read again."""
    known, kept = FinishedRecords(), Kept()
    kept.finish(known, 1)
    assert (kept.after(known, 0), kept.reads) == ([1], 1)
    kept.finish(known, 2)
    assert (kept.after(known, 1), kept.after(known, 2), kept.reads) == ([2], [], 1)
    assert (kept.after(known, 0), kept.reads) == ([1, 2], 2)


def test_what_is_being_finished_is_asked_for():
    """It may be in the database already, in front of one that is known here; nor is what was read meanwhile kept."""
    known, kept = FinishedRecords(), Kept()
    assert kept.after(known, 0) == []
    with known.finishing(JOB) as done:
        kept.records.append(record(1))
        kept.finish(known, 2)
        assert (kept.after(known, 0), kept.reads) == ([1, 2], 2)
        done(kept.records[0])
    assert (kept.after(known, 0), kept.reads) == ([1, 2], 2)


def test_a_read_that_a_finish_overtakes_is_not_kept():
    """What it saw may lack what is finished now."""
    known, kept = FinishedRecords(), Kept()

    def read():
        kept.finish(known, 1)
        return []

    assert known.after(JOB, 0, read) == []
    assert (kept.after(known, 0), kept.reads) == ([1], 1)


@pytest.mark.parametrize("was_known", [False, True])
def test_a_read_that_began_while_a_batch_was_finished_is_not_kept(was_known):
    """The batch was not there yet when it was read, and was finished before the answer was looked at: it was missed."""
    known, kept = FinishedRecords(), Kept()
    if was_known:
        assert kept.after(known, 0) == []
    finishing = known.finishing(JOB)
    done = finishing.__enter__()

    def read():
        kept.records.append(record(1))
        done(record(1))
        finishing.__exit__(None, None, None)
        return []

    assert known.after(JOB, 0, read) == []
    kept.finish(known, 2)
    assert kept.after(known, 0) == [1, 2]


def test_after_an_error_the_database_says_what_is():
    """Its answer was lost perhaps, and the batch is finished."""
    known, kept = FinishedRecords(), Kept()
    assert kept.after(known, 0) == []

    def broken():
        with known.finishing(JOB):
            kept.records.append(record(1))
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert (kept.after(known, 0), kept.reads) == ([1], 2)


def test_a_commit_that_lands_after_its_answer_was_lost_is_not_missed():
    """What is read between both lacks its record, and is not kept until the next finish, which waits for it."""
    known, kept = FinishedRecords(), Kept()
    with pytest.raises(KeyError), known.finishing(JOB):
        raise KeyError  # the connection broke; the database goes on with the commit
    assert (kept.after(known, 0), kept.reads) == ([], 1)
    kept.records.append(record(1))
    assert (kept.after(known, 0), kept.reads) == ([1], 2)
    kept.finish(known, 2)
    assert (kept.after(known, 0), kept.reads) == ([1, 2], 3)
    assert (kept.after(known, 0), kept.reads) == ([1, 2], 3)


def test_a_job_that_was_forgotten_is_read_again():
    """Also where a batch of it is being finished meanwhile."""
    known, kept = FinishedRecords(), Kept()
    assert kept.after(known, 0) == []
    with known.finishing(JOB) as done:
        known.forget(JOB)
        kept.records.append(record(1))
        done(record(1))
    known.forget(JOB)
    assert (kept.after(known, 0), kept.reads) == ([1], 2)


def test_what_is_known_is_bounded():
    """Records that nobody books are read again one day."""
    known, kept = FinishedRecords(), Kept()
    assert kept.after(known, 0) == []
    for sequence in range(1, RECORDS_MAX + 2):
        kept.finish(known, sequence)
    assert (kept.after(known, 1)[0], kept.reads) == (2, 1)
    assert (kept.after(known, 0)[0], kept.reads) == (1, 2)
