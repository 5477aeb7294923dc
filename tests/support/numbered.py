"""Numbered messages for jobs that are struck: one table, one statement and one judge for all tests of chaos."""

from __future__ import annotations

import json
from collections.abc import Sequence

from routine_load.testing.chaos.feed import Broker, Feed
from routine_load.testing.chaos.ledger import Ledger, Query, Verdict, judge
from routine_load.testing.chaos.play import settle
from routine_load.testing.chaos.world import World

PARTITIONS = 8
TABLE = (
    "CREATE TABLE d.{} (n BIGINT, p INT, payload VARCHAR(64)) DUPLICATE KEY(n) DISTRIBUTED BY HASH(n) BUCKETS 1 "
    'PROPERTIES ("replication_num" = "1")'
)
PAYLOAD = "x" * 24


class Numbered:
    """Job ``d.j`` into table ``d.t``, fed by a topic of its own."""

    def __init__(self, kafka: Broker, topic: str, bootstrap: str = "", partitions: int = PARTITIONS) -> None:
        self.kafka, self.topic = kafka, topic
        self.bootstrap = bootstrap or kafka.bootstrap
        self.ledger = Ledger()
        self.partitions = partitions
        kafka.create_topic(topic, partitions)
        self.feed = self.new_feed()

    def new_feed(self) -> Feed:
        return Feed(self.kafka, self.topic, _message, range(self.partitions), self.ledger)

    def create(self, world: World, properties: str = "", name: str = "j", table: str = "t") -> None:
        world.run("CREATE DATABASE IF NOT EXISTS d", TABLE.format(table), self.job(properties, name, table))

    def job(self, properties: str = "", name: str = "j", table: str = "t") -> str:
        return f"""CREATE ROUTINE LOAD d.{name} ON {table} COLUMNS TERMINATED BY ",", COLUMNS (n, p, payload)
            PROPERTIES ("desired_concurrent_number" = "3", "max_batch_interval" = "5"{properties})
            FROM KAFKA ("kafka_broker_list" = "{self.bootstrap}", "kafka_topic" = "{self.topic}",
                        "property.kafka_default_offsets" = "OFFSET_BEGINNING")"""

    def judged(self, world: World, query: Query | None = None, name: str = "j", table: str = "t") -> Verdict:
        """Everything has come, each once, and the job counts it so. Fails where not."""
        job = settle(world, f"d.{name}", f"d.{table}", self.ledger)
        counted = int(json.loads(job["Statistic"])["loadedRows"])
        verdict = judge(query or world.run, f"d.{table}", "n", self.ledger, counted)
        assert verdict.is_clean, (verdict, job)
        assert job["State"] in {"RUNNING", "UNSTABLE"}, job
        return verdict


def told(verdict: Verdict, kills: int, more: str = "") -> None:
    """What each run prints."""
    print(
        f"{verdict.messages} messages, {kills} kills{more}: lost {verdict.lost}, doubled {verdict.doubled}, "
        f"phantom {verdict.phantom}, miscounted {verdict.miscounted}"
    )


def sides(*names: str, of: Sequence[str] = ("before", "after")) -> list[str]:
    return [f"{name}.{side}" for name in names for side in of]


def _message(number: int, partition: int) -> str:
    return f"{number},{partition},{PAYLOAD}"
