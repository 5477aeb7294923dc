"""Group commit with many clients at once: every load is answered for itself, and none is lost or there twice."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pymysql
import pytest

from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings
from routine_load.ids import Compat

CLIENTS = 24
ROUNDS = 4
AUTHORIZATION = "Basic " + base64.b64encode(b"root:").decode()


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    folder: Path = tmp_path_factory.mktemp("batches")
    running = Coordinator(Settings(data_dir=folder / "data", compat=Compat.DORIS, mysql_port=0, http_port=0))
    running.start()
    yield running
    running.stop(drain=False)


def asked(coordinator: Coordinator, *statements: str) -> Any:
    rows: Any = ()
    with pymysql.connect(host="127.0.0.1", port=coordinator.ports[0] or 0, user="root", ssl_disabled=True) as client:
        for statement in statements:
            with client.cursor() as cursor:
                cursor.execute(statement)
                rows = cursor.fetchall()
    return rows


def put(coordinator: Coordinator, table: str, body: str, **headers: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", coordinator.backend_http_port or 0, timeout=60)
    try:
        named = {"Authorization": AUTHORIZATION, "group_commit": "sync_mode", **headers}
        connection.request("PUT", f"/api/b/{table}/_stream_load", body.encode(), named)
        with connection.getresponse() as answered:
            found: dict[str, Any] = json.loads(answered.read())
            return found
    finally:
        connection.close()


def test_grouped_loads_share_transactions_and_spoil_nothing(coordinator: Coordinator) -> None:
    """Doris: good loads succeed with their own counts, bad ones fail alone, and rows are those of the good ones."""
    asked(coordinator, "CREATE DATABASE IF NOT EXISTS b", "CREATE TABLE b.t (c INT, r INT) DUPLICATE KEY (c)")

    def client(number: int) -> list[dict[str, Any]]:
        answers = []
        for turn in range(ROUNDS):
            last = "bad" if number % 6 == 0 else str(turn)
            answers.append(
                put(coordinator, "t", f"{number},{turn}\n{number},{last}\n", column_separator=",", strict_mode="true")
            )
        return answers

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(client, range(CLIENTS)))
    for number, found in enumerate(answers):
        for answer in found:
            is_bad = number % 6 == 0
            assert answer["Status"] == ("Fail" if is_bad else "Success"), answer
            assert answer["NumberFilteredRows"] == (1 if is_bad else 0)
            assert answer["NumberLoadedRows"] == (0 if is_bad else 2)
            assert ("ErrorURL" in answer) == is_bad
    good = [answer for found in answers for answer in found if answer["Status"] == "Success"]
    assert all(answer["GroupCommit"] is True and answer["Label"].startswith("group_commit_") for answer in good)
    rows = asked(coordinator, "SELECT c, count(*), sum(r) FROM b.t GROUP BY c ORDER BY c")
    assert [tuple(map(int, row)) for row in rows] == [
        (number, 2 * ROUNDS, sum(range(ROUNDS)) * 2) for number in range(CLIENTS) if number % 6
    ]
    assert len({answer["TxnId"] for answer in good}) < len(good)


def test_grouped_loads_of_other_headers_are_apart(coordinator: Coordinator) -> None:
    """Loads that mean their rows in another way never share a transaction."""
    asked(coordinator, "CREATE DATABASE IF NOT EXISTS b", "CREATE TABLE b.u (a INT, b INT) DUPLICATE KEY (a)")

    def client(number: int) -> dict[str, Any]:
        separator = ",;|"[number % 3]
        return put(coordinator, "u", f"{number}{separator}{number % 3}\n", column_separator=separator)

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(client, range(24)))
    assert {answer["Status"] for answer in answers} == {"Success"}
    kinds: dict[int, set[int]] = {}
    for number, answer in enumerate(answers):
        kinds.setdefault(answer["TxnId"], set()).add(number % 3)
    assert all(len(kind) == 1 for kind in kinds.values())
    rows = asked(coordinator, "SELECT count(*), sum(a), sum(b) FROM b.u")
    assert tuple(map(int, rows[0])) == (24, sum(range(24)), 24)
