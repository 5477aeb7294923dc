"""The promises of where backends are kept, on every database that metadata may live in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from routine_load.store.backends import FIRST_ID, BackendStore
from routine_load.store.database import Database


@pytest.fixture
def store(metadata_url):
    database = Database(metadata_url)
    yield BackendStore(database)
    database.close()


def test_an_address_is_one_backend_that_keeps_its_number(store):
    """Whatever is said of it, also where the same is said twice; one that was dropped is still known."""
    first = store.put("10.0.0.7", 8040, "ADDED")
    assert first.id >= FIRST_ID
    for state in ("DECOMMISSIONED", "DROPPED", "DROPPED", "ADDED"):
        again = store.put("10.0.0.7", 8040, state)
        assert (again.id, again.state) == (first.id, state)
    other, ipv6 = store.put("10.0.0.7", 8041, "ADDED"), store.put("fe80::1", 8040, "ADDED")
    assert [each.id for each in store.all()] == [first.id, other.id, ipv6.id]
    assert store.all()[0] == again


def test_backends_that_join_at_once_get_numbers_of_their_own(store):
    """Also the first ones, and one that joins through several coordinators at a time is one."""
    addresses = [("be1", 8040), ("be2", 8040), ("be3", 8040), ("be1", 8040)] * 2
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda address: store.put(*address, "ADDED"), addresses))
    found = {each.host: each.id for each in store.all()}
    assert len(set(found.values())) == len(store.all()) == 3
    assert all(found[each.host] == each.id for each in made)
