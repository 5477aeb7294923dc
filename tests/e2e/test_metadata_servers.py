"""The service with its metadata on a server: jobs outlive the service's death and the server's, and rows stay exact."""

from __future__ import annotations

import json
import time

import pymysql
import pytest

from tests.crash.test_service_kill import wait_for_rows
from tests.support.databases import PASSWORD

TABLE = "CREATE TABLE d.t (p BIGINT, n BIGINT) DUPLICATE KEY(p) DISTRIBUTED BY HASH(p) BUCKETS 1"
CREATE = """CREATE ROUTINE LOAD d.j ON t COLUMNS TERMINATED BY "," PROPERTIES ("desired_concurrent_number" = "2")
    FROM KAFKA ("kafka_broker_list" = "{broker}", "kafka_topic" = "{topic}",
                "property.kafka_default_offsets" = "OFFSET_BEGINNING")"""
PORTION = 500


class Feed:
    def __init__(self, kafka, topic):
        self.kafka, self.topic, self.each = kafka, topic, 0
        kafka.create_topic(topic, 2)

    def portion(self) -> int:
        """How many rows there are now."""
        for partition in range(2):
            numbers = range(self.each, self.each + PORTION)
            self.kafka.produce(self.topic, [f"{partition},{n}" for n in numbers], partition=partition)
        self.each += PORTION
        return 2 * self.each


def test_a_job_outlives_the_death_of_service_and_server(new_service, database_server, embedded_kafka, topic):
    """kill -9 of the service while it loads, then of the metadata's server while it loads: every row once, all counted.

    While the server is away, statements about jobs say so, those about tables answer, and the service stays.
    """
    url = database_server.url(database_server.database())
    service = new_service(RL_METADATA_URL=url)
    feed = Feed(embedded_kafka, topic)
    service.run("CREATE DATABASE d", TABLE, CREATE.format(broker=embedded_kafka.bootstrap, topic=topic))
    wait_for_rows(service, feed.portion(), 60)

    feed.portion()
    service.kill()
    service.start()
    wait_for_rows(service, feed.portion(), 60)

    feed.portion()
    with service.connect() as connection, connection.cursor() as cursor:
        database_server.kill()
        for statement in ("SHOW ROUTINE LOAD FOR d.j", "PAUSE ROUTINE LOAD FOR d.j"):
            with pytest.raises(pymysql.Error, match=r"the metadata database .* cannot be reached") as refused:
                cursor.execute(statement)
            assert PASSWORD not in str(refused.value)
        with pytest.raises(pymysql.Error, match=r"the metadata database cannot be reached"):
            service.run("SELECT 1")  # nobody can log in, nor learn where the metadata lives
        total = feed.portion()
        cursor.execute("SELECT count(*) FROM d.t")
        assert cursor.fetchone()[0] > 0
        database_server.start()
    wait_for_rows(service, total, 90)

    assert service.run("SELECT count(*), count(DISTINCT p * 1000000 + n) FROM d.t")[0] == (total, total)
    job = until_booked(service, total)
    assert job["State"] == "RUNNING"
    assert service.stop() == 0
    log = service.log.read_text()
    assert PASSWORD not in log
    assert "canary" not in log


def until_booked(service, total: int) -> dict:
    """The batch that the sink has is booked in the metadata as well, a moment later."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        job = service.show("d.j")
        if json.loads(job["Statistic"])["loadedRows"] == total:
            return job
        time.sleep(0.1)
    pytest.fail(f"not booked: {job}\n{service.log.read_text()[-6000:]}")
