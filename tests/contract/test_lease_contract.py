"""The promises of the leader's lease, on every database that metadata may live in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from routine_load.errors import LeadershipLost
from routine_load.store.counters import counter
from routine_load.store.database import Database
from routine_load.store.lease import FAR, NO_EPOCH, NOBODY, Fence, LeaseStore, check_epoch, now_ms, seize
from routine_load.store.tables import leader_lease
from tests.support.metadata_fixtures import clean_url

TTL_S = 60.0


@pytest.fixture
def database(metadata_url):
    database = Database(metadata_url)
    yield database
    database.close()


@pytest.fixture
def one(database):
    return LeaseStore(database, "one", TTL_S)


@pytest.fixture
def two(database):
    return LeaseStore(database, "two", TTL_S)


def expire(database):
    """So much time has passed."""
    with database.writing() as connection:
        connection.execute(sa.update(leader_lease).values(expires_at_ms=1))


def test_who_asks_first_leads_until_its_time_is_over(one, two):
    """Everybody sees who it is, and how long it still has by the database's clock."""
    assert not one.standing().is_held
    mine = one.acquire()
    assert (mine.holder, mine.is_held, mine.epoch) == ("one", True, 1)
    assert TTL_S - 5 < mine.left_s <= TTL_S
    theirs = two.acquire()
    assert (theirs.holder, theirs.epoch) == ("one", 1)
    assert two.standing().holder == "one"


def test_a_lease_that_has_expired_is_taken_under_a_new_epoch(one, two, database):
    """Who had it neither keeps nor gives up what is another's."""
    old = one.acquire()
    expire(database)
    new = two.acquire()
    assert (new.holder, new.epoch) == ("two", old.epoch + 1)
    assert one.renew(old.epoch).holder == "two"
    one.resign(old.epoch)
    assert two.standing().is_held


def test_a_lease_of_a_clock_that_went_back_is_free(one, two, database):
    """A day ahead nobody can have taken it by the clock of now; within some lease times somebody may."""
    held = one.acquire()
    for ahead_ms, holder in ((FAR * 60_000 - 5_000, one.holder), (86_400_000, two.holder)):
        with database.writing() as connection:
            until = now_ms(connection) + ahead_ms
            connection.execute(sa.update(leader_lease).values(expires_at_ms=until))
        assert two.acquire().holder == holder
    assert two.standing().epoch == held.epoch + 1


def test_a_lease_is_kept_by_renewing_it(one, two, database):
    """Also where it has expired and nobody took it meanwhile."""
    epoch = one.acquire().epoch
    expire(database)
    kept = one.renew(epoch)
    assert (kept.holder, kept.epoch, kept.is_held) == ("one", epoch, True)
    assert two.acquire().holder == "one"


def test_a_lease_that_is_given_up_is_free_at_once(one, two):
    """Nobody waits for its end."""
    mine = one.acquire()
    one.resign(mine.epoch)
    assert one.standing().holder == NOBODY
    assert two.acquire().holder == "two"


def test_who_begins_anew_leads_anew_without_waiting(one):
    """Its process was killed and started: the same coordinator under a new epoch; its old self writes nothing."""
    old = one.acquire()
    new = one.acquire()
    assert (new.holder, new.epoch) == ("one", old.epoch + 1)
    assert one.renew(old.epoch).epoch == new.epoch


def test_of_many_who_ask_at_once_one_leads(database):
    """The others see which one."""
    leases = [LeaseStore(database, f"c{n}", TTL_S) for n in range(6)]
    with ThreadPoolExecutor(len(leases)) as pool:
        standings = list(pool.map(LeaseStore.acquire, leases))
    assert {standing.epoch for standing in standings} == {1}
    assert len({standing.holder for standing in standings}) == 1


def test_who_is_not_the_leader_of_now_writes_nothing(one, two, database):
    """Neither an old leader nor one that never led; until somebody leads here, everybody may (tools)."""
    fence = Fence()
    with database.writing() as connection:
        fence.check(connection)
        for epoch in (NO_EPOCH, one.acquire().epoch + 1) if database.engine.dialect.name != "sqlite" else ():
            with pytest.raises(LeadershipLost):
                check_epoch(connection, epoch)
    fence.epoch = one.acquire().epoch
    with database.writing() as connection:
        fence.check(connection)
    expire(database)
    two.acquire()
    with database.writing() as connection, pytest.raises(LeadershipLost, match="another coordinator commits now"):
        fence.check(connection)
    fence.epoch = NO_EPOCH
    with database.writing() as connection, pytest.raises(LeadershipLost, match="does not lead"):
        fence.check(connection)


def test_a_leader_renews_while_it_writes(request, tmp_path):
    """Whoever writes holds a share of the lease, which keeps others out, and not the renewal.

    PostgreSQL lets those who share a row pass by who wants it alone: a busy leader would starve its own renewal.
    """
    database = Database(clean_url("postgresql", request, tmp_path))
    one = LeaseStore(database, "one", TTL_S)
    epoch = one.acquire().epoch
    with database.writing() as connection, ThreadPoolExecutor(1) as pool:
        check_epoch(connection, epoch)
        assert pool.submit(one.renew, epoch).result(5).is_held
    database.close()


def test_an_epoch_goes_on_where_programs_of_before_counted(one, database):
    """And their counter keeps up: a program that knows no lease is fenced as well."""
    seize(database)
    assert seize(database) == 2
    assert one.acquire().epoch == 3
    with database.writing() as connection:
        assert counter(connection, "epoch") == 3
