"""Coordinators and backends with addresses of their own, whose links go down for longer than the lease, and up again.

Nobody is told that a link is down: packets vanish, connections stay open on both sides. Skipped aloud where network
namespaces may not be made (they want root and ``ip``).
"""

from __future__ import annotations

import os
import random
import time
from contextlib import ExitStack

import pytest

from routine_load.ids import Compat
from routine_load.testing import ApacheKafka
from routine_load.testing.chaos.campaign import Campaign, Fault
from routine_load.testing.chaos.world import Shape, World
from routine_load.testing.kafka_files import available
from tests.support.cluster_peer import peer_of
from tests.support.databases import free_port
from tests.support.forked import NAMESPACE, ForkServer
from tests.support.namespaces import NotPermitted, net
from tests.support.numbered import Numbered, told
from tests.support.toxic import Toxins

IS_LONG = "RL_SOAK" in os.environ
CUTS = 100 if IS_LONG else 5


@pytest.fixture
def parts():
    with ExitStack() as stack:
        yield stack


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(3600 if IS_LONG else 300)
def test_whoever_is_cut_off_from_the_network_nothing_is_lost_or_doubled(parts, tmp_path, topic, postgresql_kept):
    """One after the other, then a coordinator together with a backend, for one to three times the lease."""
    try:
        network = parts.enter_context(net())
        islands = [network.island() for _ in range(4)]
    except NotPermitted as error:
        pytest.skip(f"network namespaces cannot be made here: {error}")
    if missing := available():
        pytest.skip(f"Apache Kafka cannot be started: {missing}")
    seed = int(os.environ.get("RL_TEST_SEED") or random.randrange(1 << 32))
    print(f"seed {seed}")
    here = network.address
    toxins = parts.enter_context(Toxins())  # as doors of what listens on the loopback only
    to_kafka, port = toxins.before(0, host=here), free_port()
    advertised = f"PLAINTEXT://127.0.0.1:{port},NET://{to_kafka.address}"
    kafka = parts.enter_context(
        ApacheKafka(port=port, listeners={"NET": "PLAINTEXT"}, settings={"advertised.listeners": advertised})
    )
    to_kafka.upstream = ("127.0.0.1", int(kafka.doors["NET"].rpartition(":")[2]))
    numbered = Numbered(kafka, topic, bootstrap=to_kafka.address)
    peer = parts.enter_context(peer_of(Compat.STARROCKS, tmp_path))
    be_port = peer.coordinator.backend_http_port
    to_sql, to_http, to_be = (toxins.before(each, host=here) for each in (*peer.coordinator.ports, be_port))
    postgres = postgresql_kept.server.port
    to_postgres = toxins.before(postgres, host=here)
    environment = {
        "RL_METADATA_URL": postgresql_kept.clean().replace(f"127.0.0.1:{postgres}/", f"{to_postgres.address}/"),
        "RL_TARGET": f"starrocks://root:@{to_sql.address}?http_port={to_http.port}"
        f"&host_map=127.0.0.1:{be_port}>{to_be.address}&load_timeout=30",
        "RL_LEASE_TTL_S": "1",
        "RL_BACKEND_HEARTBEAT_S": "0.3",
        "RL_ALLOW_REMOTE_EMPTY_PASSWORD": "true",
    }
    shape = Shape(coordinators=2, backends=2, environment=environment, hosts=[each.address for each in islands[:2]])
    forks = parts.enter_context(ForkServer(tmp_path))
    world = parts.enter_context(World(tmp_path, shape, forks.launch))
    for part, island in zip([*world.coordinators, *world.backends], islands, strict=True):
        part.environment[NAMESPACE] = island.name
    for part, island in zip(world.backends, islands[2:], strict=True):
        part.words += ["--host", island.address]
    world.start()
    numbered.create(world)
    alone = [[island] for island in islands]
    faults = [cut_off(links, number) for number, links in enumerate([*alone, [islands[0], islands[2]]])]
    campaign = Campaign(faults, seed, 0.2)
    with parts.enter_context(numbered.feed) as feed:
        feed.start(300)
        for fault in random.Random(seed).sample(faults, len(faults)):
            campaign.strike_with(fault)
        while campaign.counts.total() < CUTS:
            campaign.strike()
    assert feed.failure is None
    told(numbered.judged(world, peer.run), 0, f", {campaign.others} partitions of the network")


def cut_off(islands, number: int) -> Fault:
    def strike(dice: random.Random) -> None:
        for island in islands:
            island.down()
        time.sleep(dice.uniform(1.0, 3.0))
        for island in islands:
            island.up()

    return Fault(f"partition {number}", strike, kills=False)
