"""Two programs on one metadata database: whoever comes second sees what the first did, or waits, or is refused."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import sqlalchemy as sa
from store_builders import job

from routine_load.commit.intents import Report
from routine_load.commit.protocol import IntentState
from routine_load.commit.values import CommitRecord, Counts, OffsetRange
from routine_load.errors import ExecutionError, JobExists, LeadershipLost, StaleRange
from routine_load.ids import JobId, Label, PartitionId, TableRef, TaskId
from routine_load.jobs.small_files import NewFile
from routine_load.server.ports import Verifiers
from routine_load.sql.privileges import Granted, Held, Place, Privilege
from routine_load.store import SecretBox, open_metadata
from routine_load.store.counters import counted
from routine_load.store.database import Database
from routine_load.store.intents import IntentStore

THREADS = 6
TABLES = [TableRef("d", "t")]


@pytest.fixture
def programs(metadata_url):
    """As many programs as there are threads, each with connections and memory of its own."""
    box = SecretBox.ephemeral()
    with ExitStack() as stack:
        yield [stack.enter_context(open_metadata(metadata_url, box, 3)) for _ in range(THREADS)]


def at_once(work, items):
    """Run ``work`` on each item at the same moment; results and errors, in the order of the items."""
    start = threading.Barrier(len(items))

    def run(item):
        start.wait(30)
        try:
            return work(item)
        except (ExecutionError, StaleRange, LeadershipLost) as error:
            return error

    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(run, items))


def record(job_id: int, *ranges: tuple[int, int, int]) -> CommitRecord:
    moved = tuple(OffsetRange(PartitionId(p), start, end) for p, start, end in ranges)
    return CommitRecord(
        sequence=0, label=Label(""), job_id=JobId(job_id), task_id=TaskId("x"), ranges=moved, counts=Counts(1)
    )


def test_changes_of_one_job_by_many_programs_all_count(programs):
    """Each UPDATE names the version that it was computed from, whatever the database lets it see.

    Each attempt that fails is one of the others' that came through: with 15 of those, 20 attempts are enough.
    """
    programs = programs[:4]
    made = programs[0].jobs.insert(job())
    programs[0].jobs.modify(made.id, lambda j: j.placed({0: 0}))

    def increment(program):
        for _ in range(5):
            program.jobs.modify(made.id, lambda j: j.placed({0: j.progress[0] + 1}))

    assert at_once(increment, programs) == [None] * 4
    assert {program.jobs.get(made.id).progress[0] for program in programs} == {20}


def test_one_of_many_programs_gets_a_name(programs):
    """CREATE at the same moment: one job, and the vendor's words for the others."""
    done = at_once(lambda program: program.jobs.insert(job()), programs)
    refused = [each for each in done if isinstance(each, JobExists)]
    assert len(refused) == THREADS - 1
    assert {each.message for each in refused} == {"Name j already used in db db"}
    assert len(programs[0].jobs.list()) == 1


def test_one_of_many_batches_gets_a_partition(metadata_url, programs):
    """A partition has one open intent; the others are told that they came too late, and leave nothing behind."""
    log = programs[0].intents("rl", lambda: 1)
    log.place(JobId(1), {PartitionId(p): 0 for p in range(THREADS)})
    done = at_once(
        lambda n: log.intend(record(1, *sorted({(0, 0, 5), (n, 0, 1)}, reverse=bool(n % 2))), TABLES),
        range(1, THREADS + 1),
    )
    won = [each for each in done if not isinstance(each, StaleRange)]
    assert len(won) == 1
    assert [intent.label for intent in log.open_intents()] == [won[0].label]


def test_commits_of_many_tasks_neither_wait_for_each_other_nor_get_lost(programs):
    """Intend, decide and finish of two jobs' partitions at once, with jobs that are forgotten in between.

    Every commit has a number of its own, and the numbers are seen in the order in which they were given.
    """
    log = programs[0].intents("rl", lambda: 1)
    for job_id in (1, 2):
        log.place(JobId(job_id), {PartitionId(p): 0 for p in range(THREADS)})
    seen = []

    def load(n):
        for start in range(6):
            if n == THREADS:  # reads while the others write: no number comes behind one that was seen
                seen.append([r.sequence for r in log.records_after(JobId(1), 0)])
                log.forget_job(JobId(3 + start))
                continue
            batch = record(1 + n % 2, (n, start, start + 1))
            if start % 3 == 2:
                log.finish_without_target(batch)
                continue
            intent = log.intend(batch, TABLES)
            if start % 3 == 1:
                assert log.move(intent, IntentState.ABANDONED, "")
                log.finish_without_target(batch)
            else:
                assert log.decide(intent, Report(parts=intent.parts, counts=Counts(1)))
                assert log.finish(log.find(intent.label)) is not None

    assert at_once(load, range(THREADS + 1)) == [None] * (THREADS + 1)
    records = log.records_after(JobId(1), 0) + log.records_after(JobId(2), 0)
    assert len({r.sequence for r in records}) == len(records) == 6 * THREADS
    final = [r.sequence for r in log.records_after(JobId(1), 0)]
    assert all(each == final[: len(each)] for each in seen)
    assert {log.progress(JobId(1))[PartitionId(p)] for p in (0, 2, 4)} == {6}
    assert {log.progress(JobId(2))[PartitionId(p)] for p in (1, 3, 5)} == {6}


def test_of_many_coordinators_the_newest_alone_writes(programs):
    """Each has an epoch of its own, also at the very first start, and labels have one prefix."""
    logs = at_once(lambda program: program.intents("rl", lambda: 1), programs)
    assert sorted(log.epoch for log in logs) == list(range(1, THREADS + 1))
    done = at_once(lambda log: log.place(JobId(1), {PartitionId(0): log.epoch}), logs)
    assert sum(isinstance(each, LeadershipLost) for each in done) == THREADS - 1
    assert logs[0].progress(JobId(1)) == {0: THREADS}
    assert len({log._prefix for log in logs}) == 1


def test_a_write_that_has_begun_is_finished_before_a_newer_coordinator_begins(metadata_url):
    """And one that begins afterwards is refused: there is no moment at which both may write."""
    database, other = Database(metadata_url), Database(metadata_url)
    old = IntentStore(database, "rl", lambda: 1)
    inside, go_on = threading.Event(), threading.Event()
    order = []

    def write():
        with old._writing():
            inside.set()
            go_on.wait(30)
            order.append("old")

    def take_over():
        IntentStore(other, "rl", lambda: 1)
        order.append("new")

    with ThreadPoolExecutor(2) as pool:
        writing = pool.submit(write)
        assert inside.wait(30)
        taking = pool.submit(take_over)
        if metadata_url.startswith("sqlite"):
            go_on.set()
        else:
            _until_somebody_waits(metadata_url, database)
            go_on.set()
        writing.result(30)
        taking.result(30)
    assert order == ["old", "new"]
    with pytest.raises(LeadershipLost):
        old.place(JobId(1), {})
    for each in (database, other):
        each.close()


def _until_somebody_waits(url, database):
    """The database itself says that a transaction waits for another."""
    query = (
        "SELECT count(*) FROM pg_locks WHERE NOT granted"
        if url.startswith("postgresql")
        else "SELECT count(*) FROM information_schema.processlist WHERE db = database()"
        " AND state = 'Updating' OR info LIKE 'SELECT%FOR UPDATE' AND db = database()"
    )
    for _ in range(2000):
        with database.reading() as connection:
            if connection.execute(sa.text(query)).scalar_one():
                return
    pytest.fail("nobody waits")


def test_numbers_are_counted_once_each(metadata_url, programs):
    """Also the first one of a name."""

    def count(program):
        with program.jobs._database.writing() as connection:
            return counted(connection, "anything")

    assert sorted(at_once(count, programs)) == list(range(1, THREADS + 1))


def test_grants_of_many_sessions_add_up(programs):
    """Each change is made to what the one before it left."""
    programs[0].users(Verifiers).create("u", Verifiers())

    def grant(n):
        held = Held(Place.TABLE, "d", f"t{n}", Privilege.SELECT)
        return programs[n].grants.change(
            "u", lambda old: Granted(privileges=old.privileges | {held}, roles=old.roles | {f"r{n}"})
        )

    at_once(grant, range(THREADS))
    granted = programs[0].grants.of("u")
    assert {held.table for held in granted.privileges} == {f"t{n}" for n in range(THREADS)}
    assert len(granted.roles) == THREADS


def test_settings_and_users_that_are_made_at_once_are_made_once(programs):
    """No driver's complaint about a key that is taken."""
    assert at_once(lambda program: program.settings.put("a", "b"), programs) == [None] * THREADS
    users = at_once(lambda program: program.users(Verifiers), programs)
    assert users[0].names() == ["root"]
    made = at_once(lambda store: store.create("u", Verifiers()), users)
    assert sum(each is None for each in made) == 1
    assert users[0].names() == ["root", "u"]


def test_files_are_never_more_than_allowed(programs, tmp_path):
    """The bound is asked and kept by one transaction."""
    stores = [program.small_files(tmp_path / "files") for program in programs]
    made = at_once(
        lambda n: stores[n].create(NewFile(database="d", catalog="c", name=f"f{n}", content=b"x"), 2), range(THREADS)
    )
    assert sum(isinstance(each, ExecutionError) for each in made) == THREADS - 2
    assert len(stores[0].list("d")) == 2


def test_programs_that_start_together_migrate_once(database_server):
    """On an empty database; each opens it. A SQLite file has one program: its directory is locked."""
    url = database_server.url(database_server.database())
    for database in at_once(lambda _: Database(url), range(4)):
        with database.reading() as connection:
            assert connection.execute(sa.text("SELECT count(*) FROM alembic_version")).scalar_one() == 1
        database.close()


def test_a_list_is_of_one_moment(metadata_url, programs):
    """What is committed while a list of jobs is read is in it whole, or not at all."""
    one, other = programs[:2]
    for number in range(3):
        one.jobs.insert(job(f"j{number}"))
    with other.jobs._database.reading() as connection:
        before = connection.execute(sa.text("SELECT count(*) FROM jobs")).scalar_one()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(one.jobs.insert, job("late")).result(30)
        assert connection.execute(sa.text("SELECT count(*) FROM jobs")).scalar_one() == before == 3
    assert len(other.jobs.list()) == 4
