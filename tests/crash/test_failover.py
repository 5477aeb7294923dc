"""Two coordinators on one metadata database, a cluster as their target: one leads, and the other one when it dies.

The cluster is another service of ours, in this process; coordinators are processes as a user runs them.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pymysql
import pytest
import requests

from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings
from routine_load.errors import DirectoryInUse, MetadataError
from routine_load.ids import Compat
from tests.crash.test_cluster_kill import TABLE, wait_for_counts, wait_for_rows
from tests.crash.test_service_kill import PARTITIONS, Feed, create
from tests.support.cluster_peer import peer_of
from tests.support.forked import ForkServer
from tests.support.forked_service import ForkedService
from tests.support.metadata_fixtures import KeptDatabase

TTL_S = 30.0
"""Where nobody waits for its end; processes of a busy machine may pause for long."""
ROOT = Path(__file__).resolve().parents[2]
NUMBERS = "SELECT p, count(*), count(DISTINCT n), min(n), max(n) FROM d.t GROUP BY p ORDER BY p"


@pytest.fixture(scope="module")
def forks(tmp_path_factory):
    with ForkServer(tmp_path_factory.mktemp("forks")) as server:
        yield server


@pytest.fixture
def pair(forks, postgresql_kept: KeptDatabase, tmp_path):
    """Makes coordinators on one PostgreSQL, with one key and a short lease, in front of a cluster."""
    url = postgresql_kept.clean()
    with peer_of(Compat.STARROCKS, tmp_path) as peer:
        shared = {
            "RL_METADATA_URL": url,
            "RL_TARGET": peer.url,
            "RL_KEY_FILE": str(tmp_path / "shared.key"),
            "RL_LEASE_TTL_S": str(TTL_S),
        }
        made: list[ForkedService] = []

        def start(name: str, **more: str) -> ForkedService:
            made.append(ForkedService(forks, tmp_path / name, "starrocks", shared | more))
            return made[-1].start()

        yield peer, start
        for service in made:
            if service.alive:
                service.kill()


def roles(service) -> dict[int, str]:
    """Role of each coordinator by its MySQL port, as this one tells it."""
    return {port: role for port, (role, _) in told(service.mysql_port).items()}


def test_who_follows_leads_when_the_leader_is_killed(pair, embedded_kafka, topic):
    """Every message is loaded once, though its leader was killed while it loaded."""
    peer, start = pair
    embedded_kafka.create_topic(topic, PARTITIONS)
    feed = Feed(embedded_kafka, topic)
    one, two = start("one", RL_LEASE_TTL_S="2"), start("two", RL_LEASE_TTL_S="2")
    create(one, embedded_kafka, topic, TABLE)
    feed.portion(400)
    feed.join()
    wait_for_rows(peer, feed.total)
    for leader, other in ((one, two), (two, one)):
        if not other.alive:
            other.start()
        feed.portion(400)
        leader.kill()
        feed.join()
        wait_for_rows(peer, feed.total)
    assert peer.run(NUMBERS) == [(p, n, n, 0, n - 1) for p, n in enumerate(feed.produced)]
    wait_for_counts(one, feed.total)
    assert one.stop() == 0


@pytest.mark.skipif("RL_SOAK" not in os.environ, reason="RL_SOAK: tests/crash/test_sleepers.py has it at named steps")
def test_a_leader_that_slept_longer_than_its_lease_commits_nothing_more(pair, embedded_kafka, topic):
    """It is stopped while it loads, another one takes over, and it goes on: every message is loaded once."""
    peer, start = pair
    embedded_kafka.create_topic(topic, PARTITIONS)
    feed = Feed(embedded_kafka, topic)
    one, two = start("one", RL_LEASE_TTL_S="3"), start("two", RL_LEASE_TTL_S="3")
    create(one, embedded_kafka, topic, TABLE)
    feed.portion(400)
    feed.join()
    wait_for_rows(peer, 1)
    feed.portion(4000)
    one.process.send_signal(signal.SIGSTOP)
    try:
        feed.join()
        wait_for_rows(peer, feed.total)
        assert roles(two)[two.mysql_port] == "LEADER"
    finally:
        one.process.send_signal(signal.SIGCONT)
    feed.portion(400)
    feed.join()
    wait_for_rows(peer, feed.total)
    wait_for_counts(two, feed.total)
    assert one.show("d.j")["State"] == "RUNNING"
    assert sorted(roles(one).values()) == ["FOLLOWER", "LEADER"]
    assert peer.run(NUMBERS) == [(p, n, n, 0, n - 1) for p, n in enumerate(feed.produced)]


@pytest.fixture
def here(postgresql_kept, tmp_path):
    """Makes coordinators in this process, on one PostgreSQL, with tables in a file of each."""
    url, made = postgresql_kept.clean(), []

    def make(name: str, key: str = "shared.key") -> Coordinator:
        settings = Settings(
            data_dir=tmp_path / name, key_file=tmp_path / key, metadata_url=url, mysql_port=0, http_port=0
        )
        made.append(Coordinator(settings))
        made[-1].start()
        return made[-1]

    yield make
    for coordinator in made:
        coordinator.stop(drain=False)


def test_a_second_owner_of_tables_in_a_file_says_whose_they_are(here):
    """Its own file would be another one: it names the coordinator that has the jobs. That one may start anew."""
    one = here("one")
    with pytest.raises(DirectoryInUse, match=rf"a DuckDB file has one owner.* 127\.0\.0\.1:{one.ports[0]}"):
        here("two")
    one.stop()
    again = here("one")
    assert told(again.ports[0]) == {again.ports[0]: ("LEADER", "true")}


def test_a_coordinator_with_another_key_says_so(here, tmp_path):
    """It could open none of the jobs' secrets."""
    here("one")
    with pytest.raises(MetadataError, match=rf"sealed with another key than that of {tmp_path}/other\.key.*--key-file"):
        here("two", "other.key")


def test_a_follower_answers_as_the_leader_would(pair, embedded_kafka, topic):
    """Jobs are made, changed, looked at and ended through it, as its own user, with the leader's errors."""
    peer, start = pair
    embedded_kafka.create_topic(topic, PARTITIONS)
    feed = Feed(embedded_kafka, topic)
    one, two = start("one"), start("two")
    assert roles(one) == roles(two) == {one.mysql_port: "LEADER", two.mysql_port: "FOLLOWER"}
    create(two, embedded_kafka, topic, TABLE)
    feed.portion(80)
    feed.join()
    wait_for_rows(peer, feed.total)
    wait_for_counts(two, feed.total)
    tasks = [two.run("SHOW ROUTINE LOAD TASK FROM d WHERE JobName = 'j'") for _ in range(2)]
    assert [len(each) for each in tasks] == [2, 2]
    live = "SELECT STATE, STATISTICS LIKE '%80%' FROM information_schema.routine_load_jobs WHERE NAME = 'j'"
    assert two.run(live) == one.run(live) == [("RUNNING", 1)]
    two.run("USE d", "PAUSE ROUTINE LOAD FOR j", "ALTER ROUTINE LOAD FOR j PROPERTIES ('max_error_number' = '7')")
    assert one.show("d.j")["State"] == two.show("d.j")["State"] == "PAUSED"
    with pytest.raises(pymysql.Error) as here:
        one.run("PAUSE ROUTINE LOAD FOR d.k")
    with pytest.raises(pymysql.Error) as there:
        two.run("PAUSE ROUTINE LOAD FOR d.k")
    assert here.value.args == there.value.args
    two.run("CREATE USER u IDENTIFIED BY 'pw'", "GRANT SELECT ON d.t TO USER u")
    with pytest.raises(pymysql.Error, match=r"(?i)denied"):
        two.run("STOP ROUTINE LOAD FOR d.j", user="u", password="pw")
    assert two.run("SHOW ROUTINE LOAD FROM d", user="u", password="pw") == []  # the leader knows the grants of u now
    two.run("GRANT INSERT ON d.t TO USER u")
    assert len(two.run("SHOW ROUTINE LOAD FROM d", user="u", password="pw")) == 1
    two.run("ADMIN SET FRONTEND CONFIG ('max_routine_load_task_concurrent_num' = '2')", "RESUME ROUTINE LOAD FOR d.j")
    shown = "ADMIN SHOW FRONTEND CONFIG LIKE 'max_routine_load_task_concurrent_num'"
    assert one.run(shown)[0][2] == two.run(shown)[0][2] == "2"
    embedded_kafka.produce(topic, ["a line of one column"], partition=0)
    url = until(lambda: one.show("d.j")["ErrorLogUrls"])
    of_the_other = url.replace(f":{one.http_port}/", f":{two.http_port}/")
    assert of_the_other != url
    assert requests.get(of_the_other, timeout=30).text == requests.get(url, timeout=30).text != ""
    two.run("STOP ROUTINE LOAD FOR d.j")
    assert one.show("d.j", all_=True)["State"] == "STOPPED"


def test_a_leader_that_leaves_hands_over_at_once(pair, embedded_kafka, topic):
    """Both are replaced one after the other while it loads; statements through the other one find their leader."""
    peer, start = pair
    embedded_kafka.create_topic(topic, PARTITIONS)
    feed = Feed(embedded_kafka, topic)
    one, two = start("one"), start("two")
    create(one, embedded_kafka, topic, TABLE)
    feed.portion(80)
    for leaving, other in ((one, two), (two, one)):
        if not other.alive:
            other.start()
        assert leaving.stop() == 0
        feed.join()
        feed.portion(80)
        other.run("PAUSE ROUTINE LOAD FOR d.j", "RESUME ROUTINE LOAD FOR d.j")
        feed.join()
        wait_for_rows(peer, feed.total)
        assert roles(other)[other.mysql_port] == "LEADER"
    assert peer.run(NUMBERS) == [(p, n, n, 0, n - 1) for p, n in enumerate(feed.produced)]


def test_what_the_page_says_is_what_happens(postgresql_kept, tmp_path):
    """docs/high-availability.md: its two commands, with ports that are free here; the second leads after the first."""
    (block,) = re.findall(r"```bash\n(.*?)```", (ROOT / "docs/high-availability.md").read_text(), re.DOTALL)
    running: list[subprocess.Popen] = []
    with peer_of(Compat.STARROCKS, tmp_path) as peer:
        own = {"METADATA": postgresql_kept.clean(), "TARGET": peer.url, "RL_LEASE_TTL_S": "3"}
        try:
            ports = []
            for line in block.splitlines():
                command = re.sub(r"--(mysql|http)-port \d+", r"--\1-port 0", line)
                assert command.startswith("routine-load serve")
                command = command.replace("routine-load", f"{sys.executable} -m routine_load", 1)
                running.append(
                    subprocess.Popen(
                        ["bash", "-c", f"exec {command}"],
                        cwd=tmp_path,
                        env=os.environ | own | {"PYTHONPATH": str(ROOT)},
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                        text=True,
                    )
                )
                ports.append(json.loads(running[-1].stdout.readline())["mysql_port"])
            assert told(ports[1]) == {ports[0]: ("LEADER", "true"), ports[1]: ("FOLLOWER", "true")}
            running[0].kill()
            give_up = time.monotonic() + 60
            while told(ports[1]) != {ports[0]: ("FOLLOWER", "false"), ports[1]: ("LEADER", "true")}:
                assert time.monotonic() < give_up
                time.sleep(0.1)
        finally:
            for process in running:
                process.kill()
                process.wait()
                process.stdout.close()


def until(found, timeout_s: float = 60):
    """What is found, as soon as it is."""
    give_up = time.monotonic() + timeout_s
    while not (value := found()):
        assert time.monotonic() < give_up
        time.sleep(0.1)
    return value


def told(port: int) -> dict[int, tuple[str, str]]:
    """Role of each coordinator, and whether it lives, as the one at this port tells it."""
    connection = pymysql.connect(host="127.0.0.1", port=port, user="root")
    try:
        with connection.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute("SHOW FRONTENDS")
            return {int(row["QueryPort"]): (row["Role"], row["Alive"]) for row in cursor.fetchall()}
    finally:
        connection.close()
