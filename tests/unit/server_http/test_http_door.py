"""The HTTP door, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from routine_load.errors import RoutineLoadError
from routine_load.ids import Compat
from routine_load.observe.metrics import Family
from routine_load.server.http import Facts, HttpDoor, HttpLimits, Told

KNOWN = "0123456789abcdef0123456789abcdef"
BROKEN = "f" * 32
LONG = "a" * 32
FORGED = "c" * 32
LINE = "Error: bad. Row: [meta: kafka partition: 0, offset: 7] x"


class Logs:
    """Remembers what was asked for, so that a test can prove that nothing else reached it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def render(self, opaque_id: str) -> Iterator[str]:
        self.asked.append(opaque_id)
        if opaque_id == KNOWN:
            return iter([LINE, LINE])
        if opaque_id == FORGED:
            return iter(["Error: bad. Row: a\nError: forged\x1b[2J"])
        if opaque_id == LONG:
            return (LINE for _ in range(100_000))
        if opaque_id == BROKEN:
            raise RoutineLoadError("the file cannot be read")
        raise FileNotFoundError(opaque_id)


def facts(compat: Compat = Compat.STARROCKS) -> Facts:
    return Facts(
        compat=compat,
        version="0.1.0",
        started_ms=1,
        mysql_port=9030,
        http_port=None,
        backends_total=3,
        backends_online=2,
    )


FAMILIES = [
    Family(name="x_rows", kind="counter", help="rows", unit="rows", samples=(((), 7),)),
    Family(name="x_jobs", kind="gauge", help="jobs", samples=(((("state", 'a"b'),), 4),)),
]


def told(logs: Logs, compat: Compat = Compat.STARROCKS) -> Told:
    return Told(error_logs=logs, facts=lambda: facts(compat), metrics=lambda: FAMILIES)


class Running:
    """A door on a loop of its own, as the coordinator runs it."""

    def __init__(self, compat: Compat = Compat.STARROCKS) -> None:
        self.logs = Logs()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        limits = HttpLimits(error_log_bytes_max=1000 * (len(LINE) + 1), request_line_bytes_max=4096)
        self.door = HttpDoor("127.0.0.1", 0, told(self.logs, compat), limits)
        self.port = self.call(self.door.start())
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10)

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def close(self) -> None:
        self.client.close()
        self.call(self.door.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@pytest.fixture
def door() -> Iterator[Running]:
    running = Running()
    yield running
    running.close()


@pytest.fixture
def doris_door() -> Iterator[Running]:
    running = Running(Compat.DORIS)
    yield running
    running.close()


def test_rejected_rows_come_as_plain_text(door):
    """An error log is served by its id as text, with headers that keep a browser from guessing."""
    answer = door.client.get("/api/_load_error_log", params={"file": KNOWN})
    assert (answer.status_code, answer.text) == (200, f"{LINE}\n{LINE}\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers


def test_a_row_cannot_forge_a_line(door):
    """Control characters of a row are escaped: one row is one line, and no terminal obeys it."""
    text = door.client.get("/api/_load_error_log", params={"file": FORGED}).text
    assert text == "Error: bad. Row: a\\x0aError: forged\\x1b[2J\n"


def test_a_long_error_log_is_cut_and_says_so(door):
    """An error log beyond the limit ends in a line that says where it was cut."""
    text = door.client.get("/api/_load_error_log", params={"file": LONG}).text
    assert text.endswith(f"error log is too long, cut after {1000 * (len(LINE) + 1)} bytes\n")
    assert text.count(LINE) == 1000


@pytest.mark.parametrize(
    "file",
    [
        "",
        "../../etc/passwd",
        "/etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        KNOWN + "\n",
        KNOWN + "/../x",
        KNOWN.upper(),
        KNOWN[:-1],
        KNOWN + "0",
        KNOWN + "\x00",
        "error_log/" + KNOWN,
        "٠" * 32,
    ],
)
def test_nothing_but_an_id_reaches_the_files(door, file):
    """A name that is not 32 lower-case hexadecimal digits is refused before anything is looked up."""
    answer = door.client.get("/api/_load_error_log", params={"file": file})
    assert answer.status_code == 400
    assert "32 hexadecimal digits" in answer.json()["msg"]
    assert door.logs.asked == []


def test_an_unknown_id_is_not_found(door):
    """An id without a file answers 404 and names the id."""
    answer = door.client.get("/api/_load_error_log", params={"file": "b" * 32})
    assert answer.status_code == 404
    assert "b" * 32 in answer.json()["msg"]


def test_a_log_that_cannot_be_read_is_an_error_answer(door):
    """A failure before the first line answers 500 with our message, not a cut connection."""
    answer = door.client.get("/api/_load_error_log", params={"file": BROKEN})
    assert (answer.status_code, answer.json()["msg"]) == (500, "the file cannot be read")


def test_health_and_bootstrap_have_the_starrocks_shape(door):
    """StarRocks: fields beside status and code."""
    health = door.client.get("/api/health").json()
    assert health == {
        "status": "OK",
        "code": "0",
        "msg": "Success",
        "message": "OK",
        "total_backend_num": 3,
        "online_backend_num": 2,
    }
    assert door.client.get("/api/bootstrap").json()["feVersion"] == "0.1.0"


def test_health_and_bootstrap_have_the_doris_shape(doris_door):
    """Doris: fields under data."""
    health = doris_door.client.get("/api/health").json()
    assert health["data"] == {"total_backend_num": 3, "online_backend_num": 2}
    assert (health["msg"], health["code"]) == ("success", 0)
    assert doris_door.client.get("/api/bootstrap").json()["data"]["version"] == "0.1.0"


def test_metrics_are_in_prometheus_text_format(door):
    """Help, type and samples of each metric; label values are escaped."""
    answer = door.client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text == (
        "# HELP x_rows rows\n# TYPE x_rows counter\nx_rows 7\n"
        '# HELP x_jobs jobs\n# TYPE x_jobs gauge\nx_jobs{state="a\\"b"} 4\n'
    )


def test_metrics_are_json_where_asked_for(doris_door):
    """Doris: ?type=json gives one object a sample, with its name and labels under tags."""
    assert doris_door.client.get("/metrics?type=json").json() == [
        {"tags": {"metric": "x_rows"}, "unit": "rows", "value": 7},
        {"tags": {"metric": "x_jobs", "state": 'a"b'}, "unit": "nounit", "value": 4},
    ]


def test_the_front_page_names_the_ports(door):
    """GET / tells where the doors are."""
    assert "mysql port     9030" in door.client.get("/").text


def test_unknown_paths_and_methods_answer_json(door):
    """Wrong requests get a status and a sentence."""
    missing = door.client.get("/nowhere")
    assert (missing.status_code, missing.json()["status"]) == (404, "FAILED")
    refused = door.client.delete("/api/health")
    assert (refused.status_code, refused.json()["msg"]) == (405, "DELETE is not allowed here; allowed: GET, HEAD")


def test_an_oversized_request_head_is_refused(door):
    """A request head that never ends is answered 400 once it passes the limit."""
    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 150_000)
        assert client.recv(100).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("query", "header", "status"), [(4071, 0, 200), (4072, 0, 414), (0, 32_000, 200), (0, 36_864, 431)]
)
def test_a_head_that_comes_at_once_has_the_same_bounds(door, query, header, status):
    """StarRocks: http_max_initial_line_length and http_max_header_size, to the byte for the line."""
    with socket.create_connection(("127.0.0.1", door.port)) as connection:
        line = f"GET /api/health?{'x' * query} HTTP/1.1"
        connection.sendall(f"{line}\r\nHost: x\r\nConnection: close\r\nx: {'y' * header}\r\n\r\n".encode())
        with connection.makefile("rb") as answered:
            assert answered.readline().split()[1] == str(status).encode()


def test_a_taken_port_is_named(door):
    """Opening a second door on the same port names address and port."""
    second = HttpDoor("127.0.0.1", door.port, told(door.logs))
    with pytest.raises(RoutineLoadError, match=f"cannot listen on 127.0.0.1:{door.port}"):
        door.call(second.start())


@pytest.mark.parametrize(
    "head", [b"", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nX: "]
)
def test_a_client_that_dawdles_with_its_request_is_cut(door, monkeypatch, head):
    """Else some hundred sockets that never say what they want would keep everybody out for good."""
    monkeypatch.setattr("routine_load.server.http.patience.Patient.interval_s", 0.1)
    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as dawdler:
        dawdler.sendall(head)
        received = b""
        try:
            while more := dawdler.recv(65536):
                received += more
        except ConnectionResetError:
            pass
    assert received.count(b"200 OK") == head.count(b"\r\n\r\n")


def test_a_client_that_does_not_read_its_answer_is_cut(door, monkeypatch):
    """A long answer nobody takes does not occupy a place for ever."""
    patient = "routine_load.server.http.patience.Patient"
    monkeypatch.setattr(f"{patient}.interval_s", 0.1)
    monkeypatch.setattr(f"{patient}.answer_looks", 3)
    monkeypatch.setattr("routine_load.server.http.pages._bounded", lambda *_: (b"x" * 65536 for _ in range(10_000)))
    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as deaf:
        deaf.sendall(f"GET /api/_load_error_log?file={KNOWN} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        first = deaf.recv(10)
        while door.door._server.server_state.connections:
            threading.Event().wait(0.05)
    assert first == b"HTTP/1.1 2"
