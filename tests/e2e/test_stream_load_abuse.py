"""Bodies and heads that mean harm, over bare sockets: each is refused or cut, and nobody else notices."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import routine_load
from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings
from routine_load.ids import Compat
from routine_load.testing import EmbeddedKafka

HEAD = "PUT /api/d/t/_stream_load HTTP/1.1\r\nHost: x\r\nAuthorization: Basic cm9vdDo=\r\nConnection: close\r\n"
CSV = "column_separator: ,\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
BOMB = gzip.compress(b"\0" * 80_000_000)
REFUSED_HEADS = {
    "both lengths": HEAD + "Content-Length: 3\r\n" + CHUNKED + "\r\n5\r\n1,abc\r\n0\r\n\r\n",
    "two lengths": HEAD + "Content-Length: 3\r\nContent-Length: 5\r\n\r\n1,abc",
    "negative length": HEAD + "Content-Length: -1\r\n\r\n",
    "length with a sign": HEAD + "Content-Length: +5\r\n\r\n1,abc",
    "chunk size no number": HEAD + CSV + CHUNKED + "\r\nzz\r\n1,abc\r\n0\r\n\r\n",
    "chunk size endless": HEAD + CSV + CHUNKED + "\r\n" + "f" * 40 + "\r\n1,abc\r\n0\r\n\r\n",
    "chunk extension endless": HEAD + CSV + CHUNKED + "\r\n5;" + "x" * 200_000 + "\r\n1,abc\r\n0\r\n\r\n",
    "chunk longer than said": HEAD + CSV + CHUNKED + "\r\n2\r\n1,abc\r\n0\r\n\r\n",
    "other encoding": HEAD + "Transfer-Encoding: gzip, chunked\r\n\r\n",
    "chunked in disguise": HEAD + "Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\n1,abc",
    "bare carriage return": HEAD + "label: a\rX-Evil: 1\r\n\r\n",
    "NUL in a value": HEAD + "label: a\0b\r\n\r\n",
    "blank before the colon": HEAD + "Content-Length : 5\r\n\r\n1,abc",
    "folded line": HEAD + "label: a\r\n b: c\r\n\r\n",
    "head endless": HEAD + "x: " + "y" * 300_000 + "\r\n\r\n",
    "path endless": HEAD.replace("/t/", "/" + "t" * 300_000 + "/") + "\r\n",
    "up in the path": HEAD.replace("/api/d/t/", "/api/../../etc/passwd/") + "Content-Length: 0\r\n\r\n",
    "encoded up in the path": HEAD.replace("/d/t/", "/%2e%2e%2f%2e%2e/passwd/") + "Content-Length: 0\r\n\r\n",
    "NUL in the path": HEAD.replace("/d/t/", "/d/%00/") + "Content-Length: 0\r\n\r\n",
    "lines in the path": HEAD.replace("/d/t/", "/d/t%0d%0aX-Evil: 1/") + "Content-Length: 0\r\n\r\n",
    "label too long": HEAD + "label: " + "l" * 5_000 + "\r\nContent-Length: 5\r\n\r\n1,abc",
    "label with lines": HEAD + "label: a%0d%0ab\r\nContent-Length: 5\r\n\r\n1,abc",
    "a bomb": HEAD
    + CSV
    + f"format: csv\r\ncompression: gzip\r\ncompress_type: gz\r\nContent-Length: {len(BOMB)}\r\n\r\n",
    "deep JSON": HEAD + "format: json\r\nContent-Length: 400000\r\n\r\n" + "[" * 400_000,
}


class World:
    """A service with a job that loads beside."""

    def __init__(self, coordinator: Coordinator, kafka: EmbeddedKafka) -> None:
        self.kafka = kafka
        self.mysql_port = coordinator.ports[0] or 0
        self.port = coordinator.backend_http_port or 0
        self.sent = 0

    def ask(self, statement: str) -> list[tuple]:
        with routine_load.connect(url=f"mysql://root@127.0.0.1:{self.mysql_port}") as rl:
            return rl.query(statement).fetchall()

    def goes_on(self) -> None:
        """The job loads, the MySQL door answers, a good load succeeds."""
        self.kafka.produce("abuse", [b"%d,x" % self.sent], partition=0)
        self.sent += 1
        with routine_load.connect(url=f"mysql://root@127.0.0.1:{self.mysql_port}") as rl:
            rl.wait("d.j", loaded_rows=self.sent, timeout=60)
        good = HEAD + CSV + "Content-Length: 5\r\n\r\n1,abc"
        assert outcome(self.talk(good.encode()))["Status"] == "Success"

    def talk(self, *pieces: bytes) -> bytes:
        """What comes back for what is sent."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            with contextlib.suppress(ConnectionError):
                for piece in pieces:
                    connection.sendall(piece)
            with contextlib.suppress(ConnectionError):
                while more := connection.recv(65536):
                    received += more
        return received


def outcome(answer: bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


@pytest.fixture(scope="module", params=list(Compat))
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home: Path = tmp_path_factory.mktemp("abuse")
    with EmbeddedKafka() as kafka:
        kafka.create_topic("abuse", 1)
        running = Coordinator(Settings(data_dir=home / "data", compat=request.param, mysql_port=0, http_port=0))
        running.start()
        try:
            with routine_load.connect(url=f"mysql://root@127.0.0.1:{running.ports[0]}") as rl:
                rl.execute("CREATE DATABASE d")
                for name in ("t", "k"):
                    rl.execute(f"CREATE TABLE d.{name} (a INT, b VARCHAR(9)) DUPLICATE KEY(a) DISTRIBUTED BY HASH(a)")
                rl.execute(
                    'CREATE ROUTINE LOAD d.j ON k COLUMNS TERMINATED BY "," FROM KAFKA ("kafka_broker_list" = '
                    f'"{kafka.bootstrap}", "kafka_topic" = "abuse", "property.kafka_default_offsets" = '
                    '"OFFSET_BEGINNING")'
                )
            yield World(running, kafka)
        finally:
            running.stop(drain=False)


def test_harmful_requests_are_refused_and_nothing_else_is_disturbed(world: World) -> None:
    """No row comes of any of them, no second request is read out of one, no header is written by one."""
    world.goes_on()
    before = world.ask("SELECT count(*) FROM d.t")
    wrong = {}
    for name, text in REFUSED_HEADS.items():
        answer = world.talk(text.encode("latin-1"), BOMB if name == "a bomb" else b"")
        refused = answer[9:12] in {b"400", b"404", b"413", b"414", b"431", b"501", b""} or (
            answer.startswith(b"HTTP/1.1 200") and outcome(answer)["Status"] != "Success"
        )
        if not refused or answer.count(b"HTTP/1.1 ") > 1 or b"\nX-Evil" in answer or b"root:" in answer:
            wrong[name] = answer[:200]
    assert wrong == {}
    assert world.ask("SELECT count(*) FROM d.t") == before
    world.goes_on()


def test_a_client_that_vanishes_leaves_its_label_free(world: World) -> None:
    """A body that breaks off is given up: nothing of it is loaded, and the label can be used again."""
    before = world.ask("SELECT count(*) FROM d.t")[0][0]
    head = HEAD + CSV + "label: vanishing\r\nContent-Length: 5000000\r\n\r\n"
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", world.port), timeout=60) as connection:
            connection.sendall(head.encode() + b"1,abc\n" * 300_000)
    for _ in range(600):
        answer = outcome(world.talk((HEAD + CSV + "label: vanishing\r\nContent-Length: 5\r\n\r\n1,abc").encode()))
        if answer["Status"] == "Success":
            break
        assert answer["Status"] == "Label Already Exists"
    assert answer["Status"] == "Success"
    assert world.ask("SELECT count(*) FROM d.t")[0][0] == before + 1
    world.goes_on()


def test_many_idle_connections_keep_nobody_out_for_good(world: World) -> None:
    """A thousand connections that say nothing, or half a head: once they are gone, loads go on."""
    with contextlib.ExitStack() as stack:
        for number in range(1_000):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", world.port), timeout=60))
            if number % 2:
                with contextlib.suppress(ConnectionError):
                    connection.sendall(HEAD.encode()[: number % 80])
        assert world.ask("SELECT 1") == [(1,)]
    world.goes_on()
