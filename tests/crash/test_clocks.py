"""Clocks that jump by hours, in processes of the service while they load: nothing is lost, doubled, or waits for them.

A library of ours (tests/support/moved_clock.c) moves the wall clock of one process; PostgreSQL, Kafka and the other
coordinator keep theirs. Skipped aloud where there is no C compiler.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from routine_load.ids import Compat
from routine_load.testing.chaos.world import Shape, World
from tests.support.cluster_peer import peer_of
from tests.support.numbered import Numbered, told

HOURS = (0, 5, -7, 26, -26, 9000, 0)
PORTION = 200


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler: make test-deps")
    made = tmp_path_factory.mktemp("clock") / "moved_clock.so"
    source = Path(__file__).parents[1] / "support" / "moved_clock.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(made), str(source), "-ldl"], check=True)
    return made


@pytest.fixture
def moved_clock(tmp_path, library):
    """The environment of a process whose clock a file moves, and who writes the file."""
    file = tmp_path / "clock"
    file.write_bytes(b"0".ljust(4096, b"\0"))

    def move(hours: int) -> None:
        with file.open("r+b") as place:
            place.write(str(hours * 3600).encode().ljust(32, b"\0"))

    return {"LD_PRELOAD": str(library), "MOVED_CLOCK_FILE": str(file)}, move


@pytest.mark.slow
def test_a_clock_that_jumps_by_hours_loses_and_doubles_nothing(tmp_path, moved_clock, embedded_kafka, topic):
    """Forth and back, by a year too, on a file of DuckDB's; the process is killed and started in another time."""
    environment, move = moved_clock
    numbered = Numbered(embedded_kafka, topic)
    with World(tmp_path, Shape(environment=environment)) as world:
        world.start()
        numbered.create(world)
        for hours in HOURS:
            move(hours)
            numbered.feed.portion(PORTION)
            numbered.judged(world)
        (part,) = world.coordinators
        move(-5)
        numbered.feed.portion(PORTION)
        part.kill()
        part.start()
        told(numbered.judged(world), 1, f", {len(HOURS)} jumps")
        ((now,),) = world.run("SELECT unix_timestamp()")
        ((then,),) = embedded_now(world, move)
    assert abs((int(then) - int(now)) / 3600 - 5) < 0.5  # the clock was indeed its own


def embedded_now(world, move):
    move(0)
    return world.run("SELECT unix_timestamp()")


@pytest.mark.slow
@pytest.mark.skipif("RL_SOAK" not in os.environ, reason="RL_SOAK: two coordinators, a database and a cluster at once")
def test_a_leader_whose_clock_jumps_keeps_to_the_databases_time(
    tmp_path, moved_clock, embedded_kafka, topic, postgresql_kept
):
    """Its lease ends by the database's clock, its trust by one that never goes back: it does not step down, nor stay."""
    environment, move = moved_clock
    numbered = Numbered(embedded_kafka, topic)
    with peer_of(Compat.STARROCKS, tmp_path) as peer:
        shared = {"RL_METADATA_URL": postgresql_kept.clean(), "RL_TARGET": peer.url, "RL_LEASE_TTL_S": "3"}
        with World(tmp_path, Shape(coordinators=2, environment=shared)) as world:
            world.coordinators[0].environment.update(environment)
            world.start()
            numbered.create(world)
            for hours in HOURS[1:4]:
                move(hours)
                numbered.feed.portion(PORTION)
                numbered.judged(world, peer.run)
            world.coordinators[0].kill()
            numbered.feed.portion(PORTION)
            numbered.judged(world, peer.run)
            world.coordinators[0].start()
            numbered.feed.portion(PORTION)
            told(numbered.judged(world, peer.run), 1, ", 3 jumps")
