"""What comes of a Stream Load, from its headers to the error log: stream_load/*.case, by HTTP on one service a vendor."""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from case_files import Case, read_cases
from stream_load_cases import FOLDER, Doors

from routine_load.ids import Compat

CASES = read_cases(FOLDER)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Compat, Doors]]:
    """A service for each vendor."""
    folder: Path = tmp_path_factory.mktemp("streams")
    running = {compat: Doors(folder / compat, compat) for compat in Compat}
    yield running
    for each in running.values():
        each.close()


@pytest.mark.parametrize("case", CASES, ids=[f"{case.place}: {case.title}" for case in CASES])
def test_a_client_gets_what_the_case_says(doors: dict[Compat, Doors], case: Case) -> None:
    """Answers, rows, counts and error logs, through the doors that clients have."""
    wrong = doors[case.compat].play(case)
    assert not wrong, "\n".join(["", *wrong])


def test_a_label_at_which_another_call_is_at_work_is_in_processing(doors: dict[Compat, Doors]) -> None:
    """StarRocks 2.1.4: TXN_IN_PROCESSING, whatever is asked; the call at work is not disturbed."""
    door, name = doors[Compat.STARROCKS], "busy"
    with door.connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        cursor.execute(f"CREATE TABLE {name}.t (a INT)")
    headers = {"Authorization": "Basic cm9vdDo=", "db": name, "table": "t", "label": "x"}

    def called(operation: str) -> dict[str, object]:
        with closing(http.client.HTTPConnection("127.0.0.1", door.coordinator.backend_http_port or 0)) as client:
            client.request("PUT", f"/api/transaction/{operation}", b"2\n" if operation == "load" else b"", headers)
            return json.loads(client.getresponse().read())  # type: ignore[no-any-return]

    assert called("begin")["Status"] == "OK"
    with socket.create_connection(("127.0.0.1", door.coordinator.backend_http_port or 0)) as slow:
        named = headers | {"Host": "x", "Expect": "100-continue", "Content-Length": "2", "Connection": "close"}
        lines = "".join(f"{key}: {value}\r\n" for key, value in named.items())
        slow.sendall(f"PUT /api/transaction/load HTTP/1.1\r\n{lines}\r\n".encode())
        assert slow.recv(1000).startswith(b"HTTP/1.1 100 ")  # the load is at work: it asked for its body
        for operation in ("load", "prepare", "commit", "rollback"):
            answer = called(operation)
            assert list(answer.items())[:3] == [
                ("Status", "TXN_IN_PROCESSING"),
                ("Label", "x"),
                ("Message", "Transaction is in processing"),
            ], operation
        slow.sendall(b"1\n")
        with slow.makefile("rb") as answered:
            assert b'"Status": "OK"' in answered.read()
    committed = called("commit")
    assert (committed["Status"], committed["NumberLoadedRows"]) == ("OK", 1)


def test_every_case_of_a_load_names_its_vendor_and_rule() -> None:
    """So that a failure can be looked up."""
    vendors = {Compat.STARROCKS: "StarRocks", Compat.DORIS: "Doris"}
    named = re.compile(r"(\w+) \d+(\.\d+)*: .+")
    assert [c.place for c in CASES if not (m := named.fullmatch(c.title)) or m[1] != vendors[c.compat]] == []
