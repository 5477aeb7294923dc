"""A full disk: the job says so and stops; with room again it goes on, and every message is there once."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

MESSAGES = 60_000
WIDE = "x" * 600


@pytest.fixture
def small_disk(tmp_path):
    """24 MiB under ``tmp_path/data``; skipped where mounting is not permitted."""
    place = tmp_path / "data"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], capture_output=True)
    if made.returncode != 0:
        pytest.skip(f"tmpfs cannot be mounted here: {made.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def wait_for(service, wanted, timeout_s=90):
    give_up = time.monotonic() + timeout_s
    while not wanted(job := service.show("d.j")):
        assert time.monotonic() < give_up, job
        time.sleep(0.2)
    return job


@pytest.mark.slow
def test_a_full_disk_pauses_the_job_with_its_reason_and_loses_nothing(small_disk, new_service, embedded_kafka, topic):
    """Rows do not compress, some are bad: the sink or the error log runs full first, whichever it is."""
    embedded_kafka.create_topic(topic, 8)
    for partition in range(8):
        values = [f"{partition},{n},{_noise(partition, n)}" for n in range(MESSAGES // 8)]
        values[5::50] = [f"{partition},bad{n},{WIDE}" for n in range(len(values[5::50]))]
        for start in range(0, len(values), 1500):
            embedded_kafka.produce(topic, values[start : start + 1500], partition=partition)
    service = new_service()
    service.run(
        "CREATE DATABASE d",
        "CREATE TABLE d.t (p INT, n BIGINT, payload VARCHAR(700)) DUPLICATE KEY(p, n) DISTRIBUTED BY HASH(p)",
        f"""CREATE ROUTINE LOAD d.j ON t COLUMNS TERMINATED BY ",", COLUMNS (p, n, payload)
        PROPERTIES ("desired_concurrent_number" = "3", "max_batch_interval" = "5", "max_error_number" = "100000",
                    "strict_mode" = "true")
        FROM KAFKA ("kafka_broker_list" = "{embedded_kafka.bootstrap}", "kafka_topic" = "{topic}",
                    "property.kafka_default_offsets" = "OFFSET_BEGINNING")""",
    )
    paused = wait_for(service, lambda job: job["State"] == "PAUSED")
    assert "attempts in a row failed" in paused["ReasonOfStateChanged"], paused
    subprocess.run(["mount", "-o", "remount,size=400m", str(small_disk)], check=True)
    if "restart" in paused["ReasonOfStateChanged"]:
        service.kill()
        service.start()
    service.run("RESUME ROUTINE LOAD FOR d.j")
    total = MESSAGES // 8 * 8
    job = wait_for(service, lambda job: json.loads(job["Statistic"])["totalRows"] >= total)
    assert job["State"] == "RUNNING", job
    statistic = json.loads(job["Statistic"])
    rows = service.run("SELECT count(*), count(DISTINCT p * 1000000 + n) FROM d.t")[0]
    assert rows[0] == rows[1] == statistic["loadedRows"]
    assert (statistic["totalRows"], statistic["loadedRows"] + statistic["errorRows"]) == (total, total)
    assert service.stop() == 0


def _noise(partition: int, number: int) -> str:
    """Text that does not compress well, the same each time."""
    seed = partition * 1_000_003 + number
    return "".join(f"{(seed * step * 2654435761) % (1 << 64):016x}" for step in range(1, 38))
