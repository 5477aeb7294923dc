"""A leader falls asleep in the middle of a step, for longer than its lease; another one leads; then it wakes.

SIGSTOP at named points, so that what the sleeper does next is known: it goes on where it was, as if no time had passed.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pymysql
import pytest

from routine_load.ids import Compat
from routine_load.testing.chaos.world import Shape, World
from tests.support.cluster_peer import peer_of
from tests.support.forked import ForkServer
from tests.support.numbered import Numbered, sides, told

STEPS = ("intend", "begin", "load", "prepare", "report", "decide", "send", "finish")
ALL = [
    *sides(*(f"commit.{step}" for step in STEPS)),
    *sides("lease.renew", "commit.mirror", "task.plan", "source.poll"),
]
SOME = ["commit.prepare.after", "commit.decide.before", "commit.send.before"]
IN_A_TRANSACTION = "job.version.after"
PORTION = 80


def test_a_leader_that_sleeps_at_any_step_changes_nothing_when_it_wakes(
    tmp_path, embedded_kafka, topic, postgresql_kept
):
    """What it had begun is decided by who led meanwhile; the last one holds a row of the metadata locked in its sleep."""
    numbered = Numbered(embedded_kafka, topic)
    points = [*(ALL if "RL_SOAK" in os.environ else SOME), IN_A_TRANSACTION]
    with ForkServer(tmp_path) as forks, peer_of(Compat.STARROCKS, tmp_path) as peer:
        environment = {"RL_METADATA_URL": postgresql_kept.clean(), "RL_TARGET": peer.url, "RL_LEASE_TTL_S": "1"}
        with World(tmp_path, Shape(coordinators=2, environment=environment), forks.launch) as world:
            world.start()
            numbered.create(world)
            sleeper, other = world.coordinators
            for point in points:
                print(point)
                numbered.feed.portion(PORTION)
                sleeper.kill()
                other.kill()
                sleeper.environment["RL_FAILPOINTS"] = f"{point}=stop"
                sleeper.start()
                until(lambda: leads(world))  # alone, as soon as the lease of who was killed has ended
                other.start()
                numbered.feed.portion(PORTION)
                if point == IN_A_TRANSACTION:
                    alter(world.ports[0][0])
                until(lambda: Path(f"/proc/{sleeper.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
                del sleeper.environment["RL_FAILPOINTS"]
                numbered.feed.portion(PORTION)
                until(lambda: peer.run("SELECT count(*) FROM d.t") == [(numbered.ledger.messages,)])
                sleeper.signal(signal.SIGCONT)
                numbered.feed.portion(PORTION)
                numbered.judged(world, peer.run)
            told(numbered.judged(world, peer.run), 2 * len(points), f", {len(points)} sleepers")


def leads(world) -> bool:
    return any("LEADER" in row for row in world.run("SHOW FRONTENDS"))


def alter(port: int) -> None:
    """The answer does not come while it sleeps; it may be that it was done, or that it was not."""
    with suppress(pymysql.MySQLError):
        connection = pymysql.connect(host="127.0.0.1", port=port, user="root", autocommit=True, read_timeout=1)
        with connection.cursor() as cursor:
            cursor.execute('ALTER ROUTINE LOAD FOR d.j PROPERTIES ("max_error_number" = "7")')


def until(holds, timeout_s: float = 60.0) -> None:
    give_up = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.05)


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "RL_SOAK" not in os.environ, reason="RL_SOAK: leases of a second change hands on a busy machine"
    ),
]
