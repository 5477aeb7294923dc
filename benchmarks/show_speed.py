"""SHOW ROUTINE LOAD of a thousand running jobs, from the query's packet to the last row's, and what is beside it.

    python -m benchmarks.show_speed [jobs]

Milliseconds: the best and the middle of some rounds, on one connection to a coordinator in this process.
"""

import sys
import tempfile
import time
from pathlib import Path

import pymysql

from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings
from routine_load.testing import EmbeddedKafka

ROUNDS = 15
PARTITIONS = 4
QUERIES = (
    ("starrocks", "SHOW ROUTINE LOAD"),
    ("starrocks", "SHOW ROUTINE LOAD WHERE State = 'RUNNING' ORDER BY CreateTime DESC LIMIT 10"),
    ("starrocks", "SELECT * FROM information_schema.routine_load_jobs"),
    ("starrocks", "SELECT * FROM information_schema.routine_load_jobs WHERE DB_NAME = 'b' AND NAME = 'j7'"),
    ("doris", "SHOW ROUTINE LOAD"),
    ("doris", "SHOW ROUTINE LOAD LIKE 'j7%'"),
)


def create(cursor, jobs, kafka):
    kafka.create_topic("shown", PARTITIONS)
    cursor.execute("CREATE DATABASE b")
    cursor.execute("USE b")
    cursor.execute("CREATE TABLE t (a INT, b VARCHAR(10)) DUPLICATE KEY(a) DISTRIBUTED BY HASH(a)")
    for number in range(jobs):
        cursor.execute(
            f"""CREATE ROUTINE LOAD j{number} ON t COLUMNS TERMINATED BY ",", COLUMNS (a, b)
            PROPERTIES ("desired_concurrent_number" = "2")
            FROM KAFKA ("kafka_broker_list" = "{kafka.bootstrap}", "kafka_topic" = "shown")"""
        )
    while cursor.execute("SHOW ROUTINE LOAD WHERE State = 'RUNNING'") < jobs:
        time.sleep(0.5)


def measure(cursor, query):
    took = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        rows = cursor.execute(query)
        cursor.fetchall()
        took.append((time.perf_counter() - started) * 1000)
    return rows, min(took), sorted(took)[ROUNDS // 2]


def main(jobs=1000):
    with tempfile.TemporaryDirectory() as home, EmbeddedKafka() as kafka:
        room = {"max_routine_load_task_num_per_be": str(jobs)}
        settings = Settings(data_dir=Path(home), mysql_port=0, http_port=None, frontend_config=room)
        coordinator = Coordinator(settings)
        coordinator.start()
        try:
            client = pymysql.connect(host="127.0.0.1", port=coordinator.ports[0], user="root", autocommit=True)
            with client, client.cursor() as cursor:
                create(cursor, jobs, kafka)
                for compat, query in QUERIES:
                    cursor.execute(f"SET compat = '{compat}'")
                    rows, best, middle = measure(cursor, query)
                    print(f"{best:>8.1f} ms {middle:>8.1f} ms {rows:>6,} rows  {compat}: {query}", flush=True)
        finally:
            coordinator.stop(drain=False)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
