"""One story through the service: a process of its own, a fresh directory, from CREATE ROUTINE LOAD to the last row."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import routine_load
from benchmarks.stories import SEEDED_ROWS, Story
from routine_load.testing import RemoteKafka

_SERVE = (sys.executable, "-m", "routine_load", "serve", "--mysql-port", "0", "--http-port", "0")
_CREATE = """CREATE ROUTINE LOAD b.j ON t COLUMNS TERMINATED BY ","{clauses}
PROPERTIES ("format" = "{form}"{properties})
FROM KAFKA ("kafka_broker_list" = "{brokers}", "kafka_topic" = "{topic}",
            "property.kafka_default_offsets" = "OFFSET_BEGINNING")"""
_FIRST = "INSERT INTO b.t VALUES (0, '2026-10-01', 'Nobody', 'Nowhere', 'none', 0.5)"
_DOUBLE = "INSERT INTO b.t SELECT id + {have}, day, name, country, code, price FROM b.t WHERE id + {have} < {want}"


def load(kafka: RemoteKafka, story: Story, rows: int) -> dict[str, float]:
    """Seconds, CPU seconds and peak resident memory. Raises AssertionError where the table is not as it should be."""
    with tempfile.TemporaryDirectory() as home, (Path(home) / "log").open("w") as log:
        process = subprocess.Popen(
            [*_SERVE, "--data-dir", f"{home}/data"], stdout=subprocess.PIPE, stderr=log, text=True
        )
        assert process.stdout is not None
        try:
            port = json.loads(process.stdout.readline())["mysql_port"]
            with routine_load.connect(url=f"mysql://root@127.0.0.1:{port}") as rl:
                rl.execute("CREATE DATABASE b")
                rl.execute(f"CREATE TABLE b.t {story.table}")
                if story.seeded:
                    _seed(rl)
                statement = _CREATE.format(
                    clauses=f", {story.clauses}" if story.clauses else "",
                    form=story.form,
                    properties=story.properties,
                    brokers=kafka.bootstrap,
                    topic=story.topic,
                )
                cpu, started = cpu_seconds(process.pid), time.monotonic()
                rl.execute(statement)
                rl.wait("b.j", loaded_rows=rows - story.wrong(rows), timeout=600)
                seconds, cpu = time.monotonic() - started, cpu_seconds(process.pid) - cpu
                [(found, distinct)] = rl.query("SELECT count(*), count(DISTINCT id) FROM b.t").fetchall()
                wanted = story.distinct(rows)
                assert (found, distinct) == (wanted, wanted), (story.name, found, distinct, wanted)
                return {"seconds": seconds, "cpu": cpu, "peak_mib": peak_mib(process.pid)}
        finally:
            process.terminate()
            process.wait(60)
            process.stdout.close()


def _seed(rl: routine_load.Connection) -> None:
    """Rows in the table, each time twice as many."""
    rl.execute(_FIRST)
    have = 1
    while have < SEEDED_ROWS:
        rl.execute(_DOUBLE.format(have=have, want=SEEDED_ROWS))
        have *= 2


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024
