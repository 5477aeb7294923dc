"""Backends in processes of their own die, sleep and come back: every message is in the table exactly once."""

from __future__ import annotations

import contextlib
import os
import signal
import urllib.request

import pytest

from routine_load.ids import Compat
from tests.crash.test_service_kill import PARTITIONS, Feed
from tests.support.backend_processes import BackendAt, CoordinatorHere, secret_file, wait_until
from tests.support.cluster_peer import peer_of
from tests.support.forked import ForkServer

TABLE = "CREATE TABLE d.t (p INT, n BIGINT, payload VARCHAR(64)) DUPLICATE KEY(p, n) DISTRIBUTED BY HASH(p)"
SOME = ["transform.filter.after", "commit.commit.before", "commit.commit.after"]
ALL = ["backend.task.before", "source.poll.after", *SOME, "offsets.publish.before", "backend.task.after"]


@pytest.fixture(scope="module")
def forks(tmp_path_factory):
    with ForkServer(tmp_path_factory.mktemp("forks")) as server:
        yield server


@pytest.fixture
def here(tmp_path):
    made = CoordinatorHere(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def backend_at(forks, tmp_path, here):
    made: list[BackendAt] = []

    def make(**environment: str) -> BackendAt:
        made.append(BackendAt(forks, tmp_path, here.fe, f"be{len(made)}", **environment))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


def create(here, kafka, topic, properties: str = "") -> None:
    here.run("CREATE DATABASE IF NOT EXISTS d")
    here.run(TABLE)
    here.run(
        f"""CREATE ROUTINE LOAD d.j ON t COLUMNS TERMINATED BY ",", COLUMNS (p, n, payload)
        PROPERTIES ("desired_concurrent_number" = "2", "max_batch_interval" = "5"{properties})
        FROM KAFKA ("kafka_broker_list" = "{kafka.bootstrap}", "kafka_topic" = "{topic}",
                    "property.kafka_default_offsets" = "OFFSET_BEGINNING")"""
    )


def job(here) -> dict:
    return here.shown("SHOW ROUTINE LOAD FOR d.j")[0]


def wait_for_all(here, feed) -> None:
    wait_until(lambda: f'"loadedRows":{feed.total},' in job(here)["Statistic"], lambda: job(here))


def check_exactly_once(here, feed) -> None:
    found = here.run("SELECT p, count(*), count(DISTINCT n), min(n), max(n) FROM d.t GROUP BY p ORDER BY p")
    assert found == [(p, n, n, 0, n - 1) for p, n in enumerate(feed.produced)]
    assert job(here)["State"] == "RUNNING"


def test_a_backend_that_is_killed_at_any_instant_loses_and_doubles_nothing(here, backend_at, embedded_kafka, topic):
    """One after the other, each killed at its step: what it had not committed another one reads again."""
    embedded_kafka.create_topic(topic, PARTITIONS)
    feed = Feed(embedded_kafka, topic)
    create(here, embedded_kafka, topic)
    for point in ALL if "RL_SOAK" in os.environ else SOME:
        backend = backend_at(RL_FAILPOINTS=f"{point}=kill")
        feed.portion(400)
        feed.join()
        assert backend.ended() == -signal.SIGKILL, point
        wait_until(lambda port=backend.port: here.backends()[port]["Alive"] == "false", here.backends)
    backend_at()
    wait_for_all(here, feed)
    check_exactly_once(here, feed)


def test_a_backend_that_sleeps_through_its_tasks_end_changes_nothing_when_it_wakes(
    here, backend_at, embedded_kafka, topic
):
    """SIGSTOP in the middle of a batch: another backend loads it, and what the sleeper still says is not heard."""
    here.stop()
    here.__init__(here.folder, linger_ms=60_000)
    embedded_kafka.create_topic(topic, PARTITIONS)
    feed = Feed(embedded_kafka, topic)
    feed.portion(400)
    feed.join()
    sleeper = backend_at()
    create(here, embedded_kafka, topic, ', "task_consume_second" = "1", "task_timeout_second" = "4"')
    wait_until(lambda: here.run("SELECT count(*) FROM d.t") == [(0,)] and runs(here, sleeper), here.backends)
    sleeper.signalled(signal.SIGSTOP)
    wait_until(lambda: here.backends()[sleeper.port]["Alive"] == "false", here.backends)
    backend_at()
    wait_for_all(here, feed)
    sleeper.signalled(signal.SIGCONT)
    wait_until(lambda: here.backends()[sleeper.port]["Alive"] == "true", here.backends)
    feed.portion(400)
    feed.join()
    wait_for_all(here, feed)
    check_exactly_once(here, feed)


def runs(here, backend) -> bool:
    """Whether one of its tasks has begun to send rows."""
    tasks = here.shown("SHOW ROUTINE LOAD TASK FROM d WHERE JobName = 'j'")
    return any(task["TxnId"] != "-1" for task in tasks) and here.backends()[backend.port]["Alive"] == "true"


def test_a_backend_that_is_told_to_end_drains_and_hands_over_at_once(here, backend_at, embedded_kafka, topic):
    """SIGTERM: it takes no more tasks, says so, and ends with 0; its slices go on elsewhere."""
    embedded_kafka.create_topic(topic, PARTITIONS)
    feed = Feed(embedded_kafka, topic)
    create(here, embedded_kafka, topic)
    first = backend_at()
    feed.portion(400)
    feed.join()
    wait_for_all(here, feed)
    second = backend_at()
    wait_until(lambda: here.backends().get(second.port, {}).get("Alive") == "true", here.backends)
    assert first.stop() == 0
    assert here.backends()[first.port]["Alive"] == "false"
    feed.portion(400)
    feed.join()
    wait_for_all(here, feed)
    check_exactly_once(here, feed)


@pytest.mark.parametrize("compat", list(Compat))
def test_a_backend_that_is_killed_while_it_prepares_at_a_cluster_loses_and_doubles_nothing(
    forks, tmp_path, embedded_kafka, topic, compat
):
    """It begins, loads and prepares labels; the coordinator alone decides. What it left behind is rolled back."""
    embedded_kafka.create_topic(topic, PARTITIONS)
    feed = Feed(embedded_kafka, topic)
    points = ["commit.prepare.before", "commit.prepare.after"] if "RL_SOAK" in os.environ else ["commit.prepare.after"]
    backends = []
    with contextlib.ExitStack() as stack:
        peer = stack.enter_context(peer_of(compat, tmp_path))
        here = CoordinatorHere(tmp_path, target=peer.url, compat=compat)
        stack.callback(here.stop)
        stack.callback(lambda: [backend.close() for backend in backends])
        create(here, embedded_kafka, topic, ', "max_error_number" = "1000"')
        for point in points:
            backends.append(BackendAt(forks, tmp_path, here.fe, point, RL_FAILPOINTS=f"{point}=kill"))
            feed.portion(400)
            feed.join()
            assert backends[-1].ended() == -signal.SIGKILL, point
        backends.append(BackendAt(forks, tmp_path, here.fe))
        embedded_kafka.produce(topic, ["bad"], partition=0)
        wait_for_all(here, feed)
        wait_until(lambda: '"errorRows":1,' in job(here)["Statistic"], lambda: job(here))
        found = peer.run("SELECT p, count(*), count(DISTINCT n), min(n), max(n) FROM d.t GROUP BY p ORDER BY p")
        assert found == [(p, n, n, 0, n - 1) for p, n in enumerate(feed.produced)]
        with urllib.request.urlopen(job(here)["ErrorLogUrls"]) as log:
            assert "bad" in log.read().decode()  # the rejected rows travelled, too


COORDINATOR_POINTS = ["backend.order.after", "backend.commit.before", "backend.commit.after"]


@pytest.mark.slow
def test_a_coordinator_that_is_killed_while_its_backend_works_loses_and_doubles_nothing(
    forks, new_service, tmp_path, embedded_kafka, topic
):
    """The backend lives on; the next start gives its orders anew, under another epoch."""
    embedded_kafka.create_topic(topic, PARTITIONS)
    feed = Feed(embedded_kafka, topic)
    secret = secret_file(tmp_path)
    service = new_service(RL_BACKENDS="0", RL_BACKEND_SECRET_FILE=str(secret), RL_BACKEND_HEARTBEAT_S="0.2")
    service.keeps_ports = True
    backend = BackendAt(forks, tmp_path, f"http://127.0.0.1:{service.http_port}")
    try:
        service.run(
            "CREATE DATABASE d",
            TABLE,
            f"""CREATE ROUTINE LOAD d.j ON t COLUMNS TERMINATED BY ",", COLUMNS (p, n, payload)
            PROPERTIES ("desired_concurrent_number" = "2", "max_batch_interval" = "5")
            FROM KAFKA ("kafka_broker_list" = "{embedded_kafka.bootstrap}", "kafka_topic" = "{topic}",
                        "property.kafka_default_offsets" = "OFFSET_BEGINNING")""",
        )
        for point in COORDINATOR_POINTS if "RL_SOAK" in os.environ else COORDINATOR_POINTS[1:]:
            service.kill()
            service.environment["RL_FAILPOINTS"] = f"{point}=kill"
            service.start()
            feed.portion(400)
            feed.join()
            assert service.ended() == -signal.SIGKILL, point
        service.environment.pop("RL_FAILPOINTS")
        service.start()
        rows = "SELECT p, count(*), count(DISTINCT n), min(n), max(n) FROM d.t GROUP BY p ORDER BY p"
        wanted = [(p, n, n, 0, n - 1) for p, n in enumerate(feed.produced)]
        wait_until(lambda: service.run(rows) == wanted, lambda: service.run(rows))
        assert service.stop() == 0
        assert backend.stop() == 0
    finally:
        backend.close()
