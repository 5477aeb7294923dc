"""Every connection between the parts is delayed, dripped, held half-open, shut and cut; nothing is lost or doubled.

Between service and Kafka, client and service, coordinator and cluster, coordinator and PostgreSQL, backend and coordinator.
"""

from __future__ import annotations

import os
import random
import threading
from contextlib import ExitStack, suppress

import pymysql
import pytest

from routine_load.ids import Compat
from routine_load.testing import ApacheKafka
from routine_load.testing.chaos.campaign import Campaign
from routine_load.testing.chaos.world import Shape, World
from routine_load.testing.kafka_files import available
from tests.support.cluster_peer import peer_of
from tests.support.databases import free_port
from tests.support.forked import ForkServer
from tests.support.numbered import Numbered, told
from tests.support.toxic import Toxins

IS_LONG = "RL_SOAK" in os.environ
STRIKES = 1000 if IS_LONG else 0
"""Each mood comes once on each connection, and then so many in all."""
LONGEST_S, EVERY_S = (4.0, 0.3) if IS_LONG else (0.6, 0.05)
OTHER_LOOPBACK = "127.0.0.2"
"""Where coordinators say they are: a proxy is there, in front of the same port."""


@pytest.fixture
def toxins():
    with Toxins() as made:
        yield made


@pytest.fixture
def poisoned_kafka(toxins):
    """Apache Kafka with a door that is behind a proxy, and says so to whoever comes through it."""
    if missing := available():
        pytest.skip(f"Apache Kafka cannot be started: {missing}")
    toxic, port = toxins.before(0), free_port()
    advertised = f"PLAINTEXT://127.0.0.1:{port},TOXIC://{toxic.address}"
    with ApacheKafka(
        port=port, listeners={"TOXIC": "PLAINTEXT"}, settings={"advertised.listeners": advertised}
    ) as kafka:
        toxic.upstream = ("127.0.0.1", int(kafka.doors["TOXIC"].rpartition(":")[2]))
        yield kafka, toxic


class Asker:
    """A client that asks and asks, over a connection that is mistreated; what it is told may be an error of the network."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._over = threading.Event()
        self.answers = self.losses = 0
        self._thread = threading.Thread(target=self._run, name="asker")

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.05):
            try:
                self.ask()
                self.answers += 1
            except (pymysql.MySQLError, OSError):
                self.losses += 1

    def ask(self) -> None:
        connection = pymysql.connect(
            host="127.0.0.1", port=self._port, user="root", connect_timeout=2, read_timeout=2, write_timeout=2
        )
        try:
            with connection.cursor() as cursor:
                for _ in range(5):
                    cursor.execute("SHOW ROUTINE LOAD FOR d.j")
                    assert len(cursor.fetchall()) == 1
        finally:
            with suppress(pymysql.MySQLError):
                connection.close()


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(4 * 3600 if IS_LONG else 300)
def test_however_connections_are_mistreated_nothing_is_lost_or_doubled(
    tmp_path, toxins, poisoned_kafka, topic, postgresql_kept
):
    """Each mood of the network once on each connection, in the order of a seed, while messages flow."""
    seed = int(os.environ.get("RL_TEST_SEED") or random.randrange(1 << 32))
    print(f"seed {seed}")
    kafka, to_kafka = poisoned_kafka
    numbered = Numbered(kafka, topic, bootstrap=to_kafka.address)
    with ExitStack() as parts:
        forks = parts.enter_context(ForkServer(tmp_path))
        peer = parts.enter_context(peer_of(Compat.STARROCKS, tmp_path))
        mysql_port, http_port = peer.coordinator.ports
        be_port = peer.coordinator.backend_http_port
        to_sql, to_http, to_be = (toxins.before(port) for port in (mysql_port, http_port, be_port))
        to_backend = toxins.before(0)
        to_postgres = toxins.before(postgresql_kept.server.port)
        clean = postgresql_kept.clean()
        target = (
            f"starrocks://root:@{to_sql.address}?http_port={to_http.port}"
            f"&host_map=127.0.0.1:{be_port}>{to_be.address}&load_timeout=30"
        )
        environment = {
            "RL_METADATA_URL": clean,
            "RL_TARGET": target,
            "RL_LEASE_TTL_S": "1",
            "RL_BACKEND_HEARTBEAT_S": "0.3",
            "RL_ADVERTISED_HOST": OTHER_LOOPBACK,
        }
        shape = Shape(coordinators=2, backends=1, environment=environment, advertised=[to_backend.address])
        world = parts.enter_context(World(tmp_path, shape, forks.launch))
        poisoned, _ = world.coordinators
        poisoned.environment["RL_METADATA_URL"] = clean.replace(
            f":{postgresql_kept.server.port}/", f":{to_postgres.port}/"
        )
        fronts = [toxins.before(http, host=OTHER_LOOPBACK, at=http) for _, http in world.ports]
        to_backend.upstream = ("127.0.0.1", world.backend_ports[0])
        to_service = toxins.before(world.ports[0][0])
        world.backends[0].words[2] = ",".join(f"http://{front.address}" for front in fronts)
        world.start()
        numbered.create(world)
        links = {
            "kafka": to_kafka,
            "client": to_service,
            "cluster's SQL": to_sql,
            "cluster's HTTP": to_http,
            "cluster's backend": to_be,
            "database": to_postgres,
            "backend": to_backend,
            "coordinator": fronts[0],
        }
        faults = [fault for name, link in links.items() for fault in link.faults(name, LONGEST_S)]
        campaign = Campaign(faults, seed, EVERY_S)
        with parts.enter_context(numbered.feed) as feed, Asker(to_service.port) as asker:
            feed.start(300)
            for fault in random.Random(seed).sample(faults, len(faults)):
                campaign.strike_with(fault)
            while campaign.counts.total() < STRIKES:
                campaign.strike()
            feed.stop()
        verdict = numbered.judged(world, peer.run)
        Asker(to_service.port).ask()
    assert feed.failure is None
    assert {name: link.connections > 0 for name, link in links.items()} == dict.fromkeys(links, True)
    told(verdict, 0, f", {campaign.others} faults of {len(links)} connections")
    print(f"a client got {asker.answers} answers and lost {asker.losses}")
