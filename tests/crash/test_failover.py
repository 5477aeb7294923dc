"""Two coordinators on one metadata database, a cluster as their target: one leads, and the other one when it dies.

The cluster is another service of ours, in this process; coordinators are processes as a user runs them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

import pymysql
import pytest

from routine_load.ids import Compat
from tests.crash.test_cluster_kill import TABLE, wait_for_counts, wait_for_rows
from tests.crash.test_service_kill import PARTITIONS, Feed, create
from tests.support.cluster_peer import peer_of
from tests.support.metadata_fixtures import KeptDatabase

TTL_S = 1.0
NUMBERS = "SELECT p, count(*), count(DISTINCT n), min(n), max(n) FROM d.t GROUP BY p ORDER BY p"


@pytest.fixture
def pair(new_service, postgresql_kept: KeptDatabase, tmp_path):
    """Makes coordinators on one PostgreSQL, with one key and a lease of a second, in front of a cluster."""
    url = postgresql_kept.clean()
    with peer_of(Compat.STARROCKS, tmp_path) as peer:
        shared = {
            "RL_METADATA_URL": url,
            "RL_TARGET": peer.url,
            "RL_KEY_FILE": str(tmp_path / "shared.key"),
            "RL_LEASE_TTL_S": str(TTL_S),
        }
        yield peer, lambda name, **more: new_service("starrocks", name, **shared, **more)


def leader_of(*services) -> list:
    """Those that lead: none for a moment, never two."""
    return [service for service in services if service.alive and "LEADER" in roles(service).values()]


def roles(service) -> dict[int, str]:
    """Role of each coordinator by its MySQL port, as this one tells it."""
    connection = service.connect()
    try:
        with connection.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute("SHOW FRONTENDS")
            return {int(row["QueryPort"]): row["Role"] for row in cursor.fetchall()}
    finally:
        connection.close()


def test_who_follows_leads_when_the_leader_is_killed(pair, embedded_kafka, topic):
    """Every message is loaded once, though its leader was killed while it loaded; each is killed twice."""
    peer, start = pair
    embedded_kafka.create_topic(topic, PARTITIONS)
    feed = Feed(embedded_kafka, topic)
    one, two = start("one"), start("two")
    create(one, embedded_kafka, topic, TABLE)
    feed.portion(400)
    feed.join()
    wait_for_rows(peer, feed.total)
    for leader, follower in ((one, two), (two, one), (one, two), (two, one)):
        feed.portion(400)
        leader.kill()
        feed.join()
        wait_for_rows(peer, feed.total)
        leader.start()
    assert peer.run(NUMBERS) == [(p, n, n, 0, n - 1) for p, n in enumerate(feed.produced)]
    wait_for_counts(one, feed.total)
    assert (one.stop(), two.stop()) == (0, 0)
