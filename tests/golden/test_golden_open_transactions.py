"""StarRocks: ``/api/transaction/list``: what is open of the transaction interface, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from stream_load_cases import Doors

from routine_load.ids import Compat


class Client:
    """Of one service: SQL as root, HTTP at the backend's door as anybody."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def run(self, *statements: str) -> None:
        with self._doors.connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def call(self, operation: str, label: str, body: bytes = b"", user: str = "root", **more: str) -> dict[str, Any]:
        headers = {"db": "d", "table": "t", "label": label, "column_separator": ",", **more}
        method = "PUT" if operation == "load" else "POST"
        answer = httpx.request(method, self._url(operation), headers=headers, content=body, auth=(user, ""))
        return dict(answer.json())

    def listed(self, user: str = "root", method: str = "GET") -> list[dict[str, Any]]:
        answer = httpx.request(method, self._url("list"), auth=(user, ""))
        assert answer.status_code == 200
        return list(answer.json())

    def denied(self) -> dict[str, Any]:
        return dict(httpx.get(self._url("list"), auth=("nobody", "x")).json())

    def _url(self, operation: str) -> str:
        return f"http://127.0.0.1:{self._doors.coordinator.backend_http_port}/api/transaction/{operation}"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    doors = Doors(tmp_path_factory.mktemp("open"), Compat.STARROCKS)
    made = Client(doors)
    made.run("CREATE DATABASE d", "CREATE TABLE d.t (a INT NOT NULL, b INT) PRIMARY KEY (a)", "CREATE USER clerk")
    try:
        yield made
    finally:
        doors.close()


def test_what_is_open_is_listed_until_it_ends(client: Client) -> None:
    """StarRocks 1.2: a transaction is in the list from begin on, with what was loaded, until it is prepared or given up."""
    before = int(time.time())
    begun = client.call("begin", "first", timeout="70", idle_transaction_timeout="30")
    client.call("begin", "second")
    client.call("load", "first", b"1,1\n2,x,3\n")
    first, second = client.listed()
    assert [first["Label"], second["Label"]] == ["first", "second"]
    assert (first["Status"], first["InProcessing"], first["TxnId"]) == ("OK", False, begun["TxnId"])
    counts = ("NumberTotalRows", "NumberLoadedRows", "NumberFilteredRows", "NumberUnselectedRows")
    assert [first[key] for key in counts] == [2, 1, 1, 0]
    assert first["LoadBytes"] == len(b"1,1\n2,x,3\n")
    assert (first["TransactionTimeoutSec"], first["IdleTransactionTimeoutSec"]) == (70, 30)
    assert before <= first["BeginTimestamp"] <= first["LastActiveTimestamp"] <= time.time()
    client.call("rollback", "first")
    assert [row["Label"] for row in client.listed(method="POST")] == ["second"]
    client.call("load", "second", b"1,1\n")
    client.call("prepare", "second")
    assert client.listed() == []
    assert client.call("commit", "second")["Status"] == "OK"


def test_who_may_not_load_there_sees_nothing(client: Client) -> None:
    """Better on purpose: labels of other people's tables are not told; who is not known gets no list at all."""
    client.call("begin", "hidden")
    assert client.listed(user="clerk") == []
    client.run("GRANT INSERT ON TABLE d.t TO USER clerk")
    assert [row["Label"] for row in client.listed(user="clerk")] == ["hidden"]
    denied = client.denied()
    assert denied["Status"] == "INTERNAL_ERROR"
    assert "Access denied for nobody" in denied["Message"]
    client.call("rollback", "hidden")
