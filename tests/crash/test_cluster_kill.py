"""SIGKILL at every step of a commit to a cluster: rows of the cluster, progress and counts are those of each message once.

The cluster is another service of ours, in this process.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import pytest

from routine_load.ids import Compat
from tests.crash.test_service_kill import PARTITIONS, Feed, create
from tests.support.cluster_peer import peer_of

STEPS = ("intend", "prepare", "decide", "send", "finish")
RECOVERY = [f"commit.{step}.{side}" for step in ("abandon", "rollback") for side in ("before", "after")]
ALL = [f"commit.{step}.{side}" for step in STEPS for side in ("before", "after")]
# what was prepared and not decided is what recovery gives up
ALL += ["commit.prepare.after", *RECOVERY]
SOME = ["commit.send.after"]
COMPATS = list(Compat) if "RL_SOAK" in os.environ else [Compat.DORIS]
"""Without the soak, each cut of a commit to StarRocks is tests/crash/test_every_cut_kill.py's."""
TABLE = "CREATE TABLE d.t (p INT, n BIGINT, payload VARCHAR(64)) DUPLICATE KEY(p, n) DISTRIBUTED BY HASH(p)"


@pytest.mark.slow
@pytest.mark.parametrize("compat", COMPATS)
def test_a_kill_at_any_step_of_a_commit_to_a_cluster_loses_and_doubles_nothing(
    new_service, embedded_kafka, topic, tmp_path, compat
):
    """One process after the other on the same directory, each killed at its step, recovery of the one before too."""
    embedded_kafka.create_topic(topic, PARTITIONS)
    feed = Feed(embedded_kafka, topic)
    with peer_of(compat, tmp_path) as peer:
        service = new_service(compat, RL_TARGET=peer.url)
        create(service, embedded_kafka, topic, TABLE)
        feed.portion(200)
        feed.join()
        wait_for_rows(peer, feed.total)
        service.kill()
        for point in ALL if "RL_SOAK" in os.environ else SOME:
            service.environment["RL_FAILPOINTS"] = f"{point}=kill"
            with suppress(AssertionError):  # it may be killed before it is ready
                service.start()
            feed.portion(200)
            feed.join()
            assert service.ended() == -signal.SIGKILL, point
        service.environment.pop("RL_FAILPOINTS")
        service.start()
        wait_for_rows(peer, feed.total)
        found = peer.run("SELECT p, count(*), count(DISTINCT n), min(n), max(n) FROM d.t GROUP BY p ORDER BY p")
        assert found == [(p, n, n, 0, n - 1) for p, n in enumerate(feed.produced)]
        wait_for_counts(service, feed.total)
        assert service.stop() == 0


def wait_for_rows(peer, wanted: int, timeout_s: float = 60) -> None:
    give_up = time.monotonic() + timeout_s
    while (rows := peer.run("SELECT count(*) FROM d.t")[0][0]) < wanted:
        assert time.monotonic() < give_up, f"{rows} of {wanted} rows"
        time.sleep(0.1)


def wait_for_counts(service, wanted: int, timeout_s: float = 20) -> None:
    """The last batch is visible a little before it is booked."""
    give_up = time.monotonic() + timeout_s
    while f'"loadedRows":{wanted}' not in (job := service.show("d.j"))["Statistic"].replace(" ", ""):
        assert time.monotonic() < give_up, job
        time.sleep(0.1)
    assert job["State"] == "RUNNING"
