"""Many clients change the same jobs at the same time while rows flow: everybody is answered, no row is lost or doubled."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import threading
import time
from collections import Counter

import pytest

from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings
from routine_load.errors import BrokenInvariant, ExecutionError, MetadataError, RoutineLoadError
from routine_load.ids import Compat

THREADS = 20
JOBS = 5
PARTITIONS = 4
SOAK = bool(os.environ.get("RL_SOAK"))
ROWS = 100_000 if SOAK else 20_000
STATEMENTS = 200 if SOAK else 25
INCARNATIONS = itertools.count(1)


class Client:
    """One session that says what comes to its mind. Job 0 loses its table now and then; the rows of the others count."""

    def __init__(self, coordinator: Coordinator, kafka, topics: list[str], seed: int) -> None:
        self._service = coordinator.service
        self._session = self._service.open_session("root", f"client {seed}", Compat.STARROCKS)
        self._kafka, self._topics, self._dice = kafka, topics, random.Random(seed)
        self.refused: Counter[str] = Counter()
        self.faults: list[BaseException] = []
        self.longest = (0.0, "")

    def talk(self) -> None:
        verbs = (self.create, self.alter, self.properties, self.rollback, self.pause, self.resume, self.stop)
        verbs += (self.show, self.drop_table, self.alter_table, self.admin_set)
        weights = (4, 4, 3, 3, 3, 8, 1, 6, 1, 0.3, 2)
        for _ in range(STATEMENTS):
            verb = self._dice.choices(verbs, weights)[0]
            began = time.monotonic()
            try:
                verb(self._dice.randrange(JOBS))
            except (BrokenInvariant, MetadataError) as error:
                self.faults.append(error)
            except RoutineLoadError as error:
                self.refused[f"{verb.__name__}: {type(error).__name__}"] += 1
                if isinstance(error, ExecutionError) and re.search("did not end|still changing", error.message):
                    self.faults.append(error)
            except BaseException as error:
                self.faults.append(error)
            self.longest = max(self.longest, (time.monotonic() - began, verb.__name__))

    def run(self, text: str) -> list[tuple]:
        result = self._service.execute(self._session, text)[-1]
        return list(getattr(result, "rows", ()))

    def create(self, job: int) -> None:
        incarnation = next(INCARNATIONS)
        self.run(
            f"""CREATE ROUTINE LOAD d.j{job} ON t{job} COLUMNS TERMINATED BY ",", COLUMNS (p, n, i = {incarnation}, v = 1)
            PROPERTIES ("desired_concurrent_number" = "{self._dice.randrange(1, 4)}")
            FROM KAFKA ("kafka_broker_list" = "{self._kafka.bootstrap}", "kafka_topic" = "{self._topics[job]}",
                        "property.kafka_default_offsets" = "OFFSET_BEGINNING")"""
        )

    def alter(self, job: int) -> None:
        """The incarnation stays: it is read from the definition as it is."""
        text = "".join(row[1] for row in self.run(f"SHOW CREATE ROUTINE LOAD d.j{job}"))
        found = re.search(r"\bi`? = (\d+)", text)
        if found is None:
            return  # it was stopped meanwhile
        number = found[1]
        self.run(
            f"ALTER ROUTINE LOAD FOR d.j{job} COLUMNS (p, n, i = {number}, v = {self._dice.randrange(100)}) "
            f'PROPERTIES ("max_batch_rows" = "{self._dice.randrange(200_000, 900_000)}")'
        )

    def properties(self, job: int) -> None:
        number = self._dice.randrange(1, 5)
        self.run(f'ALTER ROUTINE LOAD FOR d.j{job} PROPERTIES ("desired_concurrent_number" = "{number}")')

    def rollback(self, job: int) -> None:
        versions = self.run(f"SHOW ROUTINE LOAD VERSIONS FOR d.j{job}")
        self.run(f"ALTER ROUTINE LOAD FOR d.j{job} ROLLBACK TO VERSION {self._dice.choice(versions)[0]}")

    def pause(self, job: int) -> None:
        self.run(f"PAUSE ROUTINE LOAD FOR d.j{job}")

    def resume(self, job: int) -> None:
        self.run(f"RESUME ROUTINE LOAD FOR d.j{job}")

    def stop(self, job: int) -> None:
        self.run(f"STOP ROUTINE LOAD FOR d.j{job}")

    def show(self, job: int) -> None:
        self.run("SHOW ALL ROUTINE LOAD FROM d")
        self.run(f"SHOW ROUTINE LOAD TASK FROM d WHERE JobName = 'j{job}'")
        self.run(f"SELECT count(*) FROM d.t{job}")

    def drop_table(self, job: int) -> None:
        self.run("DROP TABLE IF EXISTS d.t0")
        make_table(self, 0)

    def alter_table(self, job: int) -> None:
        self.run(f"ALTER TABLE d.t{job} ADD COLUMN c{self._dice.randrange(1_000_000)} INT")

    def admin_set(self, job: int) -> None:
        name, values = self._dice.choice(
            [
                ("max_routine_load_task_concurrent_num", "135"),
                ("max_routine_load_task_num_per_be", "149"),
                ("routine_load_scheduler_interval_millisecond", ("1000", "5000")),
            ]
        )
        self.run(f'ADMIN SET FRONTEND CONFIG ("{name}" = "{self._dice.choice(values)}")')


def make_table(client: Client, job: int) -> None:
    kind = "PRIMARY KEY" if job % 2 else "DUPLICATE KEY"
    client.run(
        f"CREATE TABLE IF NOT EXISTS d.t{job} (i INT, p INT, n BIGINT, v INT) {kind}(i, p, n) DISTRIBUTED BY HASH(p)"
    )


@pytest.fixture
def coordinator(tmp_path):
    coordinator = Coordinator(Settings(data_dir=tmp_path / "data", mysql_port=None, http_port=None))
    coordinator.start()
    yield coordinator
    coordinator.stop()


@pytest.mark.timeout(900)
def test_everybody_is_answered_and_no_row_is_lost_or_doubled(coordinator, embedded_kafka, topic_name):
    """Twenty sessions, five jobs: of every job that ever was, each partition's rows from the first on, each once."""
    topics = [topic_name() for _ in range(JOBS)]
    for topic in topics:
        embedded_kafka.create_topic(topic, PARTITIONS)
    clients = [Client(coordinator, embedded_kafka, topics, seed) for seed in range(THREADS)]
    first = clients[0]
    first.run("CREATE DATABASE d")
    for job in range(JOBS):
        make_table(first, job)
        first.create(job)
    per_partition = ROWS // JOBS // PARTITIONS
    feeding = threading.Thread(target=feed, args=(embedded_kafka, topics, per_partition))
    talking = [threading.Thread(target=client.talk) for client in clients]
    for thread in (feeding, *talking):
        thread.start()
    for thread in (feeding, *talking):
        thread.join()
    print(sum((client.refused for client in clients), Counter()), max(client.longest for client in clients))
    assert Counter(repr(fault) for client in clients for fault in client.faults) == {}
    settle(first, per_partition)
    check(first, per_partition)


def feed(kafka, topics: list[str], per_partition: int) -> None:
    portion = per_partition // 20
    for start, topic, partition in itertools.product(range(0, per_partition, portion), topics, range(PARTITIONS)):
        kafka.produce(topic, [f"{partition},{n}" for n in range(start, start + portion)], partition=partition)


def settle(client: Client, per_partition: int) -> None:
    """Every job runs, and has read its topic to the end."""
    client.run('ADMIN SET FRONTEND CONFIG ("max_routine_load_task_num_per_be" = "16")')
    make_table(client, 0)
    for job in range(JOBS):
        for _ in range(1_500):
            live = [row for row in client.run("SHOW ROUTINE LOAD FROM d") if row[1] == f"j{job}"]
            if not live:
                client.create(job)
            elif live[0][7] == "PAUSED":
                client.resume(job)
            elif progress(live[0]) == [per_partition - 1] * PARTITIONS:
                break
            time.sleep(0.02)
        else:
            tasks = client.run(f"SHOW ROUTINE LOAD TASK FROM d WHERE JobName = 'j{job}'")
            pytest.fail(f"j{job} has not caught up: {live[0][7]} {live[0][13:]} {tasks}")


def check(client: Client, per_partition: int) -> None:
    records = client.run("SHOW ALL ROUTINE LOAD FROM d")
    assert all(not row[16] or "PAUSED" not in row[7] for row in records)
    for job in range(1, JOBS):
        found = client.run(
            f"SELECT i, p, count(*), count(DISTINCT n), min(n), max(n) FROM d.t{job} GROUP BY i, p ORDER BY i, p"
        )
        assert [row for row in found if not (row[2] == row[3] == row[5] + 1 and row[4] == 0)] == []
        told = sorted(p for row in records if row[1] == f"j{job}" for p in progress(row) if p >= 0)
        assert told == sorted(row[5] for row in found)
        assert told[-PARTITIONS:] == [per_partition - 1] * PARTITIONS
        rows = sum(json.loads(row[13])["loadedRows"] for row in records if row[1] == f"j{job}")
        assert rows == sum(row[2] for row in found)


def progress(row: tuple) -> list[int]:
    """The last offset that was read of each partition; -1: none."""
    read = json.loads(row[14])
    return [int(value) if value.isdigit() else -1 for value in read.values()]
