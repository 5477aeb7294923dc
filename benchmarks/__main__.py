"""``make bench``: CSV and JSON from Apache Kafka into DuckDB, beside a consumer that only counts. Same topic, same run.

For each story: rows per second from CREATE ROUTINE LOAD to the last visible row, CPU seconds of the service per million
rows, its peak resident memory, and the ratios to the counting consumer. ``--rows N`` changes the size. Before them, how
many CREATE statements a second are read and validated (``--only statements``: nothing else).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import routine_load
from benchmarks import show_speed, statement_speed
from routine_load.testing import ApacheKafka, RemoteKafka

PARTITIONS = 8
_SERVE = (sys.executable, "-m", "routine_load", "serve", "--mysql-port", "0", "--http-port", "0")
_NAMES = ("Emily", "Benjamin", "Olivia", "Alexander", "Ava", "William", "Sophia", "James", "Emma", "Liam")
_COLUMNS = "(id BIGINT, day DATE, name VARCHAR(26), country VARCHAR(26), code VARCHAR(8), price DOUBLE)"


@dataclass(frozen=True, slots=True)
class Story:
    name: str
    form: str
    table: str


STORIES = (
    Story("CSV append", "csv", f"{_COLUMNS} DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)"),
    Story("JSON append", "json", f"{_COLUMNS} DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)"),
    Story(
        "CSV upsert",
        "csv",
        "(id BIGINT NOT NULL, day DATE, name VARCHAR(26), country VARCHAR(26), code VARCHAR(8), price DOUBLE) "
        "PRIMARY KEY(id) DISTRIBUTED BY HASH(id)",
    ),
)


def message(form: str, number: int) -> str:
    name, day = _NAMES[number % 10], f"2026-11-{number % 28 + 1:02d}"
    if form == "csv":
        fields = (
            number,
            day,
            f"{name} {number % 1000}",
            f"Country{number % 90}",
            f"c{number % 99}",
            number % 997 + 0.25,
        )
        return ",".join(map(str, fields))
    return (
        f'{{"id": {number}, "day": "{day}", "name": "{name} {number % 1000}", '
        f'"country": "Country{number % 90}", "code": "c{number % 99}", "price": {number % 997}.25}}'
    )


def produce(kafka: RemoteKafka, topic: str, form: str, rows: int) -> int:
    kafka.create_topic(topic, PARTITIONS)
    size = 0
    for partition in range(PARTITIONS):
        values = [message(form, number) for number in range(partition, rows, PARTITIONS)]
        size += sum(map(len, values))
        kafka.produce(topic, values, partition=partition)
    return size


def count(kafka: RemoteKafka, topic: str, rows: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.counting", kafka.bootstrap, topic, str(PARTITIONS), str(rows)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def load(kafka: RemoteKafka, topic: str, story: Story, rows: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as home:
        log = (Path(home) / "log").open("w")
        process = subprocess.Popen(
            [*_SERVE, "--data-dir", f"{home}/data"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["mysql_port"]
        try:
            with routine_load.connect(url=f"mysql://root@127.0.0.1:{port}") as rl:
                rl.execute("CREATE DATABASE b")
                rl.execute(f"CREATE TABLE b.t {story.table}")
                cpu = _cpu_seconds(process.pid)
                started = time.monotonic()
                rl.execute(
                    f"""CREATE ROUTINE LOAD b.j ON t COLUMNS TERMINATED BY ","
                    PROPERTIES ("format" = "{story.form}")
                    FROM KAFKA ("kafka_broker_list" = "{kafka.bootstrap}", "kafka_topic" = "{topic}",
                                "property.kafka_default_offsets" = "OFFSET_BEGINNING")"""
                )
                rl.wait("b.j", loaded_rows=rows, timeout=600)
                seconds = time.monotonic() - started
                cpu = _cpu_seconds(process.pid) - cpu
                [(found, distinct)] = rl.query("SELECT count(*), count(DISTINCT id) FROM b.t").fetchall()
                assert (found, distinct) == (rows, rows), (found, distinct)
                return {"rows": rows, "seconds": seconds, "cpu": cpu, "rss_mib": _peak_mib(process.pid)}
        finally:
            process.terminate()
            process.wait(60)
            process.stdout.close()
            log.close()


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    if options.only in "statements":
        statement_speed.main()
    if options.only in "show":
        show_speed.main()
    if options.only in ("statements", "show"):
        return
    rows = options.rows // PARTITIONS * PARTITIONS
    print(f"{rows:,} rows, {PARTITIONS} partitions, {os.cpu_count()} cores shared with Apache Kafka")
    header = ("story", "bytes/row", "rows/s", "CPU s/M", "peak MiB", "counting rows/s", "its CPU s/M", "rows/s ratio")
    print("{:<12} {:>9} {:>10} {:>8} {:>9} {:>16} {:>12} {:>13}".format(*header))
    with ApacheKafka() as kafka:
        produced: dict[str, int] = {}
        for story in STORIES:
            if options.only not in story.name:
                continue
            topic = f"bench-{story.form}"
            if story.form not in produced:
                produced[story.form] = produce(kafka, topic, story.form, rows)
            # The first reader finds a cold broker: the floor is the best of a run before and one after.
            before = count(kafka, topic, rows)
            loaded = load(kafka, topic, story, rows)
            counted = min(before, count(kafka, topic, rows), key=lambda run: run["seconds"])
            speed, floor = rows / loaded["seconds"], rows / counted["seconds"]
            print(
                f"{story.name:<12} {produced[story.form] / rows:>9.1f} {speed:>10,.0f} "
                f"{loaded['cpu'] / rows * 1e6:>8.2f} {loaded['rss_mib']:>9.0f} {floor:>16,.0f} "
                f"{counted['cpu'] / rows * 1e6:>12.2f} {speed / floor:>13.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
