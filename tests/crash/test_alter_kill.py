"""SIGKILL while a job is altered and led back with rows flowing: nothing lost, doubled, torn or of a wrong version."""

from __future__ import annotations

import os
import random
import re
import threading
from contextlib import suppress
from itertools import groupby

import pymysql
import pytest

from tests.crash.test_service_kill import Feed, check_exactly_once, wait_for_rows

PARTITIONS = 8
POINTS = ("job.alter.before", "job.version.before", "job.version.after", "job.alter.after")
TABLE = "CREATE TABLE d.t (p INT, n BIGINT, payload VARCHAR(64), v INT) DUPLICATE KEY(p, n) DISTRIBUTED BY HASH(p)"


class Flow:
    """Produces portions without a pause until ``stop``."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flow")
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(0.02):  # a pace that two cores can follow
            self._feed.portion(PARTITIONS * 25)
            self._feed.join()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()


class Changes:
    """ALTER after ALTER, and every third time back to the oldest version there is; ``said`` is each one's ``v``."""

    def __init__(self) -> None:
        self.said = [1]
        self._number = 1

    def say_until_killed(self, service) -> None:
        with suppress(pymysql.Error):
            while True:
                self._say(service)

    def _say(self, service) -> None:
        self._number += 1
        oldest, *newer = service.run("SHOW ROUTINE LOAD VERSIONS FOR d.j")
        if self._number % 3 == 0 and newer:
            self.said.append(int(re.search(r"\bv`? = (\d+)", oldest[-1])[1]))
            service.run(f"ALTER ROUTINE LOAD FOR d.j ROLLBACK TO VERSION {oldest[0]}")
        else:
            self.said.append(self._number)
            service.run(f"ALTER ROUTINE LOAD FOR d.j COLUMNS (p, n, payload, v = {self._number})")


def create(service, kafka, topic: str) -> None:
    service.run(
        "CREATE DATABASE d",
        TABLE,
        f"""CREATE ROUTINE LOAD d.j ON t COLUMNS TERMINATED BY ",", COLUMNS (p, n, payload, v = 1)
        PROPERTIES ("desired_concurrent_number" = "3", "max_batch_interval" = "5")
        FROM KAFKA ("kafka_broker_list" = "{kafka.bootstrap}", "kafka_topic" = "{topic}",
                    "property.kafka_default_offsets" = "OFFSET_BEGINNING")""",
    )


def check_pieces(service, said: list[int]) -> None:
    """What each partition was loaded with, in its order, is what was said, in that order."""
    for partition in range(PARTITIONS):
        rows = service.run(f"SELECT v FROM d.t WHERE p = {partition} ORDER BY n")
        rest = iter(said)
        pieces = [value for value, _ in groupby(row[0] for row in rows)]
        assert all(piece in rest for piece in pieces), (partition, pieces, said)


@pytest.mark.timeout(600)
def test_whatever_alter_was_at_when_the_service_was_killed_each_row_is_of_one_version_once(
    new_service, embedded_kafka, topic
):
    """Two kills (forty in the soak) at the cuts of ALTER and ROLLBACK while rows flow without a pause."""
    kills = 40 if os.environ.get("RL_SOAK") else 2
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    embedded_kafka.create_topic(topic, PARTITIONS)
    feed, changes = Feed(embedded_kafka, topic), Changes()
    service = new_service()
    create(service, embedded_kafka, topic)
    flow = Flow(feed)
    try:
        for _ in range(kills):
            service.kill()
            point = f"{dice.choice(POINTS)}=kill@{dice.randrange(2, 7)}"
            service.environment = {"RL_FAILPOINTS": point}
            service.start()
            changes.say_until_killed(service)
            assert service.ended() == -9, point
            service.environment = {}
            service.start()
    finally:
        flow.stop()
    wait_for_rows(service, feed.total, 120)
    check_exactly_once(service, feed)
    check_pieces(service, changes.said)
    versions = [row[0] for row in service.run("SHOW ROUTINE LOAD VERSIONS FOR d.j")]
    assert versions == [str(n) for n in range(int(versions[0]), int(versions[-1]) + 1)]
    print(f"{kills} kills, {len(changes.said)} statements, {feed.total} messages")
    assert service.stop() == 0
