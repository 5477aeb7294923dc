"""SIGKILL once at every cut point there is, in a process of its own each: of coordinators and of backends."""

from __future__ import annotations

import signal
from contextlib import suppress

import pymysql
import pytest

from routine_load.ids import Compat
from routine_load.observe.failpoints import POINTS
from routine_load.testing.chaos.processes import ProcessFailed
from routine_load.testing.chaos.world import Shape, World
from tests.support.cluster_peer import peer_of
from tests.support.forked import ForkServer
from tests.support.numbered import TABLE, Numbered, sides, told

AT_START = sides("lease.acquire", "recovery.scan", "recovery.resolve")
ON_THE_WAY = sides(
    "job.claim",
    "task.plan",
    "task.dispatch",
    "source.assign",
    "source.poll",
    "transform.decode",
    "transform.filter",
    "commit.commit",
    "offsets.publish",
    "commit.mirror",
)
PLACING = sides("job.place")
SAID = {
    "job.pause": "PAUSE ROUTINE LOAD FOR d.j",
    "job.resume": "RESUME ROUTINE LOAD FOR d.j",
    "job.alter": 'ALTER ROUTINE LOAD FOR d.j PROPERTIES ("max_error_number" = "{}")',
    "job.version": 'ALTER ROUTINE LOAD FOR d.j PROPERTIES ("max_error_number" = "{}")',
}
TO_A_CLUSTER = sides(
    "commit.intend",
    "commit.begin",
    "commit.load",
    "commit.prepare",
    "commit.report",
    "commit.decide",
    "commit.send",
    "commit.finish",
)
GIVING_UP = sides("commit.abandon", "commit.rollback")
OF_BACKENDS = sides("backend.task", "source.poll", "transform.filter", "commit.commit", "offsets.publish")
BEHIND_BACKENDS = sides("backend.order", "backend.commit")
RENEWING = sides("lease.renew")
ELSEWHERE = {point for point in POINTS if point.startswith(("transaction.", "prepared."))}
"""Of clients' own loads: tests/crash/test_prepared_kill.py and tests/e2e/test_client_transactions.py."""

PORTION = 80


@pytest.fixture(scope="module")
def forks(tmp_path_factory):
    with ForkServer(tmp_path_factory.mktemp("forks")) as server:
        yield server


@pytest.fixture
def numbered(embedded_kafka, topic):
    return Numbered(embedded_kafka, topic)


def live_until(world, point: str, act) -> None:
    """A coordinator's life with one point armed: it ends there, in the middle of its start or of what ``act`` lets it do."""
    (part,) = world.coordinators
    if part.alive:
        part.kill()
    part.environment["RL_FAILPOINTS"] = f"{point}=kill"
    try:
        part.start()
    except ProcessFailed:
        pass
    else:
        act()
    assert part.ended() == -signal.SIGKILL, point
    del part.environment["RL_FAILPOINTS"]


def say(world, *statements: str):
    """Statements of which the last one's answer may be lost with the process."""

    def act():
        connection = pymysql.connect(host="127.0.0.1", port=world.ports[0][0], user="root", autocommit=True)
        with suppress(pymysql.MySQLError), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    return act


def test_every_point_has_its_kill():
    """A point that somebody adds is killed at, too."""
    here = {*AT_START, *ON_THE_WAY, *PLACING, *sides(*SAID), *TO_A_CLUSTER, *GIVING_UP, *OF_BACKENDS}
    assert POINTS - here - {*BEHIND_BACKENDS, *RENEWING} == ELSEWHERE


def test_a_kill_at_any_cut_of_a_job_into_a_file_loses_and_doubles_nothing(tmp_path, forks, numbered):
    """One life after the other on the same files, each ended at its point, on its way or in recovery."""
    kills = 0
    with World(tmp_path, Shape(), forks.launch) as world:
        world.start()
        numbered.create(world)
        for point in (*AT_START, *ON_THE_WAY):
            numbered.feed.portion(PORTION)
            live_until(world, point, lambda: numbered.feed.portion(PORTION))
            kills += 1
        for point in PLACING:
            name = point.rpartition(".")[2]
            live_until(world, point, say(world, TABLE.format(name), numbered.job("", f"j_{name}", name)))
            kills += 1
        for name, statement in SAID.items():
            for number, point in enumerate(sides(name)):
                numbered.feed.portion(PORTION)
                live_until(world, point, say(world, statement.format(number + len(name))))
                kills += 1
        world.start()
        if world.show("d.j")["State"] == "PAUSED":
            world.run("RESUME ROUTINE LOAD FOR d.j")
        told(numbered.judged(world), kills)
        for side in ("before", "after"):
            numbered.judged(world, name=f"j_{side}", table=side)
    assert kills == len([*AT_START, *ON_THE_WAY, *PLACING, *sides(*SAID)])


def test_a_kill_at_any_cut_of_a_commit_to_a_cluster_loses_and_doubles_nothing(tmp_path, forks, numbered):
    """What was prepared and not decided is what the next life gives up: it is killed there, too."""
    kills = 0
    with peer_of(Compat.STARROCKS, tmp_path) as peer:
        shape = Shape(environment={"RL_TARGET": peer.url})
        with World(tmp_path, shape, forks.launch) as world:
            world.start()
            numbered.create(world)
            for point in (*TO_A_CLUSTER, *GIVING_UP):
                if point in GIVING_UP:
                    live_until(world, "commit.prepare.after", lambda: numbered.feed.portion(PORTION))
                    kills += 1
                numbered.feed.portion(PORTION)
                live_until(world, point, lambda: numbered.feed.portion(PORTION))
                kills += 1
            world.start()
            told(numbered.judged(world, peer.run), kills)
    assert kills == len([*TO_A_CLUSTER, *GIVING_UP, *GIVING_UP])


def test_a_kill_at_any_cut_of_a_task_elsewhere_loses_and_doubles_nothing(tmp_path, forks, numbered):
    """Backends are killed at theirs, the coordinator at those of orders and commits that came by HTTP."""
    kills = 0
    shape = Shape(backends=1, environment={"RL_BACKEND_HEARTBEAT_S": "0.2", "RL_BACKEND_HEARTBEATS_MISSED_MAX": "2"})
    with World(tmp_path, shape, forks.launch) as world:
        world.start()
        numbered.create(world)
        (backend,) = world.backends
        for point in OF_BACKENDS:
            backend.kill()
            backend.environment["RL_FAILPOINTS"] = f"{point}=kill"
            backend.start()
            numbered.feed.portion(PORTION)
            assert backend.ended() == -signal.SIGKILL, point
            del backend.environment["RL_FAILPOINTS"]
            backend.start()
            kills += 1
        for point in BEHIND_BACKENDS:
            live_until(world, point, lambda: numbered.feed.portion(PORTION))
            kills += 1
        world.start()
        told(numbered.judged(world), kills)
    assert kills == len([*OF_BACKENDS, *BEHIND_BACKENDS])


def test_a_kill_while_the_lease_is_renewed_loses_and_doubles_nothing(tmp_path, forks, numbered, postgresql_kept):
    """The other coordinator leads from then on; it is killed at the other side of it, too."""
    with peer_of(Compat.STARROCKS, tmp_path) as peer:
        environment = {"RL_METADATA_URL": postgresql_kept.clean(), "RL_TARGET": peer.url, "RL_LEASE_TTL_S": "1"}
        with World(tmp_path, Shape(coordinators=2, environment=environment), forks.launch) as world:
            kills = 0
            world.start()
            numbered.create(world)
            for point in RENEWING:
                for part in world.coordinators:
                    part.kill()
                    part.environment["RL_FAILPOINTS"] = f"{point}=kill@2"
                    part.start()
                    numbered.feed.portion(PORTION)
                struck = [part for part in world.coordinators if part.ended() == -signal.SIGKILL]
                kills += len(struck)
                for part in struck:
                    del part.environment["RL_FAILPOINTS"]
                    part.start()
            told(numbered.judged(world, peer.run), kills)
        assert kills == len(RENEWING) * 2
