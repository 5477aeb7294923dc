"""The service is killed while a vendor's Flink connector loads into it: every row once. Part of ``make soak``."""

from __future__ import annotations

import os
import threading
import time

import pytest
from real_clients.loaders import Flink
from real_clients.session import Login, NotHere, Place

from routine_load.ids import Compat
from tests.e2e.conftest import ServiceProcess

ROWS, RATE, KILLS = 100_000, 4_000, 4


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif("RL_SOAK" not in os.environ, reason="part of make soak")
@pytest.mark.parametrize("compat", Compat)
@pytest.mark.parametrize("form", ["json", "csv"])
def test_the_service_is_killed_under_a_job_of_flink(tmp_path, compat, form):
    """Prepared transactions survive SIGKILL, others are gone; the job starts again each time, and rows are exact."""
    flink = Flink(compat)
    try:
        flink.version()
    except NotHere as reason:
        pytest.skip(str(reason))
    service = ServiceProcess(tmp_path / "data", compat=compat)
    service.keeps_ports = True
    service.start()
    service.run(
        "CREATE DATABASE shop",
        "CREATE TABLE shop.t (id BIGINT, name VARCHAR(60)) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 1",
    )
    place = Place(compat, service.mysql_port, tmp_path, None, "", "", service.http_port)
    ended: list[BaseException | None] = []

    def job() -> None:
        try:
            flink.fail(place, Login(), form, "t", ROWS, RATE)
        except BaseException as error:
            ended.append(error)
        else:
            ended.append(None)

    thread = threading.Thread(target=job)
    thread.start()
    try:
        for kill in range(1, KILLS + 1):
            rows_beyond(service, kill * ROWS // (KILLS + 2), thread)
            service.kill()
            service.start()
        thread.join(240)
    finally:
        flink.close()
        thread.join(60)
    assert ended == [None]
    asked = "SELECT count(*), count(DISTINCT id), min(id), max(id) FROM shop.t"
    assert service.run(asked) == [(ROWS, ROWS, 0, ROWS - 1)]
    assert service.stop() == 0


def rows_beyond(service: ServiceProcess, wanted: int, job: threading.Thread) -> None:
    give_up = time.monotonic() + 120
    while service.run("SELECT count(*) FROM shop.t")[0][0] < wanted:
        assert job.is_alive()
        assert time.monotonic() < give_up
        time.sleep(0.2)
