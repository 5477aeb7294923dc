"""Random and mutated requests through both vendors' HTTP doors: each gets an answer or a closed connection, no more.

Requests go into the protocol as bytes in random pieces, without sockets between, so that there can be many.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import re

import pytest
import uvicorn
from uvicorn.server import ServerState

from routine_load.ids import Compat
from routine_load.server.http.patience import Patient
from tests.unit.server_http.http_pair import Pair, basic

REQUESTS = 200_000 if os.environ.get("RL_SOAK") else 6_000
AT_ONCE = 100
STATUS = re.compile(rb"HTTP/1\.1 (100|200|307|400|401|404|405|413|501) ")
METHODS = ["PUT", "PUT", "PUT", "POST", "GET", "HEAD", "DELETE", "OPTIONS", "put", "P\x00T", "CONNECT", "PUT" * 500]
PATHS = [
    *(
        "/api/db/t/_stream_load",
        "/api/db/t/_stream_load?a=b",
        "/api/d%C3%A4/t%2Fx/_stream_load",
        "/api/%00/%0a/_stream_load",
    ),
    *("/api/transaction/begin", "/api/transaction/load", "/api/transaction/commit", "/api/transaction/%ff"),
    *(
        "/api/db/_stream_load_2pc",
        "/api/db/t/_stream_load_2pc",
        "/api/db/get_load_state?label=%",
        "/api/db/t/_cancel?label=x",
    ),
    *("/api/db/t/_schema", "/api/db/t/_count", "/api/backends", "/api/show_proc?path='\\", "/api/query/internal/db"),
    *(
        "/api/v1/catalogs/default_catalog/databases/db/sql",
        "/api/_load_error_log?file=../../x",
        "/",
        "*",
        "//",
        "http://x/",
    ),
    *("/" + "a" * 5000, "/api/../../etc/passwd", "/api/db/t/_stream_load#x", "/\udcff", "/api/db;a=b/t/_stream_load"),
]
NAMES = [
    *("label", "columns", "where", "format", "db", "table", "timeout", "txn_id", "txn_operation", "two_phase_commit"),
    *(
        "group_commit",
        "transaction_type",
        "Expect",
        "Content-Type",
        "Connection",
        "Upgrade",
        "Origin",
        "X-Forwarded-For",
    ),
    *("Content-Length", "Transfer-Encoding", "Authorization", "Host", "Range", "refuse", "a" * 300, "b\x00d", ""),
]
VALUES = [
    *(
        "",
        "x",
        "100-continue",
        "chunked",
        "gzip, chunked",
        "close",
        "keep-alive",
        "websocket",
        "multi",
        "true",
        "commit",
    ),
    *(
        "-1",
        "0",
        "7",
        "99999999999999999999",
        "1e3",
        "0x10",
        "+5",
        " 5 ",
        "naïve",
        "\udcff\udc80",
        "a\x00b",
        "\t",
        "x" * 9000,
    ),
    *(basic(), basic("open", ""), basic("x" * 3000, "y"), "Basic", "Basic ====", "Bearer x", "Basic " + "QQ==" * 900),
    *("async_mode", "127.0.0.1:1", "[::1]", "evil@x", "http://evil.example", "c1, c2 = c1 + '", '{"stmt": 1}'),
]
BODIES = [b"", b"abc", b"1,a\n2,b\n", b'{"stmt": "x"}', b"[" * 2000, b"\0\xff\r\n\r\n", b"x" * 70_000]


PLAIN = (
    f"PUT /api/db/t/_stream_load HTTP/1.1\r\nHost: x\r\nAuthorization: {basic()}\r\nExpect: 100-continue\r\n"
    "Content-Length: 2\r\n\r\n1\n"
).encode()
"""A load without a fault: a front end sends it on."""


def request(random_: random.Random) -> bytes:
    """One request, mostly well-formed."""
    body = random_.choice(BODIES)
    lines = [("Host", "x")] if random_.random() < 0.95 else []
    if random_.random() < 0.8:
        lines.append(("Authorization", random_.choice([basic(), basic("open", "")])))
    if random_.random() < 0.4:
        lines.append(("Expect", "100-continue"))
    lines += [(random_.choice(NAMES), random_.choice(VALUES)) for _ in range(random_.randrange(6))]
    framing = random_.random()
    if framing < 0.5:
        lines.append(("Content-Length", str(len(body))))
    elif framing < 0.8:
        lines.append(("Transfer-Encoding", "chunked"))
        size = random_.randrange(1, 2000)
        parts = [body[at : at + size] for at in range(0, len(body), size)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    random_.shuffle(lines)
    version = random_.choice(["HTTP/1.1"] * 20 + ["HTTP/1.0", "HTTP/2.0", "HTTP/1.1 x", ""])
    first = f"{random_.choice(METHODS)} {random_.choice(PATHS)} {version}\r\n"
    text = first + "".join(f"{name}: {value}\r\n" for name, value in lines) + "\r\n"
    whole = bytearray(text.encode(errors="surrogateescape") + body)
    for _ in range(random_.choice([0, 0, 0, 0, 1, 3, 30])):
        whole[random_.randrange(len(whole))] = random_.randrange(256)
    if random_.random() < 0.1:
        del whole[random_.randrange(len(whole)) :]
    return bytes(whole)


class Wire(asyncio.Transport):
    """A connection without a socket: what was written is kept."""

    def __init__(self, protocol: Patient, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__({"peername": ("127.0.0.1", 5), "sockname": ("127.0.0.1", 6)})
        self.protocol, self.loop = protocol, loop
        self.sent = bytearray()
        self.reading = asyncio.Event()
        self.reading.set()
        self.closed = asyncio.Event()

    def write(self, data) -> None:
        self.sent += data

    def write_eof(self) -> None: ...

    def can_write_eof(self) -> bool:
        return True

    def pause_reading(self) -> None:
        self.reading.clear()

    def resume_reading(self) -> None:
        self.reading.set()

    def is_closing(self) -> bool:
        return self.closed.is_set()

    def close(self) -> None:
        if not self.closed.is_set():
            self.closed.set()
            self.reading.set()
            self.loop.call_soon(self.protocol.connection_lost, None)

    abort = close


async def talk(config: uvicorn.Config, state: ServerState, pieces: list[bytes]) -> bytes:
    """What comes back for a request that arrives in pieces, after which the client waits a moment and leaves."""
    loop = asyncio.get_running_loop()
    protocol = Patient(config, state, {}, loop)
    wire = Wire(protocol, loop)
    protocol.connection_made(wire)
    for piece in pieces:
        await wire.reading.wait()
        if wire.is_closing():
            break
        protocol.data_received(piece)
        await asyncio.sleep(0)
    cycle = protocol.cycle
    if cycle is not None and not cycle.more_body:
        while not (cycle.response_complete or wire.is_closing()):  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.001)
    wire.close()
    await asyncio.sleep(0)
    return bytes(wire.sent)


async def run(config: uvicorn.Config, requests: list[bytes], random_: random.Random) -> list[bytes]:
    state = ServerState()
    config.load()
    answers: list[bytes] = []
    for at in range(0, len(requests), AT_ONCE):
        talks = []
        for whole in requests[at : at + AT_ONCE]:
            cuts = sorted(random_.randrange(len(whole) + 1) for _ in range(random_.choice([0, 0, 1, 4])))
            pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True) if a < b]
            talks.append(talk(config, state, pieces))
        answers += await asyncio.gather(*talks)
        while state.tasks:
            await asyncio.wait(list(state.tasks), timeout=20)
    return answers


@pytest.mark.parametrize("role", ["frontend", "backend"])
@pytest.mark.parametrize("compat", Compat)
def test_no_request_breaks_a_door(compat, role, caplog):
    """Whatever comes: an answer that HTTP knows or none, no failure inside, no session and no load left behind."""
    seed = random.randrange(2**32)
    print("seed", seed)
    random_ = random.Random(seed)
    both = Pair(compat, loads_max=AT_ONCE)
    asked: list[dict] = []
    both.on_loop(silence(both, asked))
    try:
        door = both.doors[0 if role == "backend" else 1]
        application = door._application
        config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            ws="none",
            lifespan="off",
            h11_max_incomplete_event_size=32 * 1024,
        )
        with caplog.at_level(logging.ERROR):
            requests = [PLAIN, *(request(random_) for _ in range(REQUESTS // 4))]
            answers = asyncio.run_coroutine_threadsafe(run(config, requests, random_), both.loop).result(600)
    finally:
        both.close()
    wrong = [
        (sent[:300], got[:100]) for sent, got in zip(requests, answers, strict=True) if got and not STATUS.match(got)
    ]
    assert wrong == []
    assert [record.getMessage() for record in caplog.records] == []
    assert asked == []
    assert both.service.open == []
    counted = [sum(got.startswith(start) for got in answers) for start in (b"HTTP/1.1 2", b"HTTP/1.1 3", b"HTTP/1.1 4")]
    assert all(counted[::2]), counted
    assert role == "backend" or counted[1]


async def silence(both: Pair, asked: list[dict]) -> None:
    """What the loop would log is kept, and nobody who guesses waits."""
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: asked.append(context))
    both.callers._authenticator._throttle.wait_s = lambda _user, _client: 0.0
