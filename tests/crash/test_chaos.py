"""Chaos: coordinators, backends, broker and database are killed at random moments while numbered messages flow.

Two coordinators on one PostgreSQL with a lease of a second, two backends elsewhere, Apache Kafka with eight partitions,
and a cluster, which is another service of ours in this process. ``make chaos`` is the long run of the same.
"""

from __future__ import annotations

import os
import random

import pytest

from routine_load.ids import Compat
from routine_load.testing.chaos.campaign import Campaign, Fault
from routine_load.testing.chaos.play import broker_fault
from routine_load.testing.chaos.world import Shape, World
from tests.support.cluster_peer import peer_of
from tests.support.forked import ForkServer
from tests.support.metadata_fixtures import KeptDatabase
from tests.support.numbered import Numbered, told

IS_LONG = "RL_SOAK" in os.environ
SHORT = {"coordinator": 8, "backend": 8, "database": 3, "broker": 1, "coordinator asleep": 1, "backend asleep": 1}
KILLS = int(os.environ.get("RL_TEST_KILLS", "2000")) if IS_LONG else 20
RATE = 400
EVERY_S = 0.4
LEASE = {"RL_LEASE_TTL_S": "1", "RL_BACKEND_HEARTBEAT_S": "0.3"}


@pytest.fixture
def forks(tmp_path):
    with ForkServer(tmp_path) as server:
        yield server


def database_fault(kept: KeptDatabase, weight: float) -> Fault:
    """The metadata's server is killed, and is back a moment later."""

    def strike(_dice: random.Random) -> None:
        kept.server.kill()
        kept.server.start()

    return Fault("database", strike, weight)


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(6 * 3600 if IS_LONG else 300)
def test_whoever_is_killed_nothing_is_lost_or_doubled(tmp_path, forks, own_apache_kafka, topic, postgresql_kept):
    """Twenty kills of coordinators, backends, broker and database (thousands in ``make chaos``), and sleepers between."""
    seed = int(os.environ.get("RL_TEST_SEED") or random.randrange(1 << 32))
    print(f"seed {seed}")
    numbered = Numbered(own_apache_kafka, topic)
    with peer_of(Compat.STARROCKS, tmp_path) as peer:
        environment = LEASE | {"RL_METADATA_URL": postgresql_kept.clean(), "RL_TARGET": peer.url}
        shape = Shape(coordinators=2, backends=2, environment=environment)
        with World(tmp_path, shape, forks.launch) as world, numbered.feed as feed:
            world.start()
            numbered.create(world)
            faults = [*world.faults(2.5), database_fault(postgresql_kept, 1.0), broker_fault(own_apache_kafka, 0.5)]
            campaign = Campaign(faults, seed, EVERY_S)
            feed.start(RATE)
            if IS_LONG:
                while campaign.kills < KILLS:
                    campaign.strike()
                    if campaign.counts.total() % 100 == 0:
                        print(f"{numbered.ledger.messages} messages, {campaign.told()}", flush=True)
            else:
                dealt = [fault for fault in faults for _ in range(SHORT[fault.name])]
                for fault in random.Random(seed).sample(dealt, len(dealt)):
                    campaign.strike_with(fault)
            feed.stop()
            assert feed.failure is None
            verdict = numbered.judged(world, peer.run)
    told(verdict, campaign.kills, f" ({campaign.told()})")
    assert campaign.kills >= KILLS
