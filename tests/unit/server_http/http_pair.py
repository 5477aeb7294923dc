"""A front end's and a backend's HTTP door over a stub of Stream Load that remembers what it was handed."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from routine_load.commit.values import Counts
from routine_load.errors import UnknownTable
from routine_load.ids import Compat, TableRef, TxnId
from routine_load.server.http import (
    BackendDoor,
    Callers,
    Facts,
    HttpDoor,
    HttpLimits,
    Loading,
    Told,
    backend_routes,
    frontend_routes,
)
from routine_load.server.mysql import make_verifiers
from routine_load.server.ports import Verifiers
from routine_load.sql.access import NOTHING
from routine_load.sql.results import text_table
from routine_load.statements.ports import Session
from routine_load.statements.stream_load.values import (
    ClientGone,
    Finished,
    LabelState,
    LoadOutcome,
    LoadRequest,
    LoadTimes,
)

TIMES = LoadTimes(load=52, begin=1, plan=2, read=3, write=23, commit=20)


@dataclass
class StubLoads:
    """Answers ``Success`` to whatever is loaded; a header ``refuse`` makes it refuse before it reads the body."""

    requests: list[LoadRequest] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    """Size and hash of each."""
    pieces: list[int] = field(default_factory=list)
    """Sizes of what was read at a time, of all bodies."""
    gone: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    holds: bool = False
    read_max: int = 1 << 20
    states: dict[str, str] = field(default_factory=dict)
    outcome: LoadOutcome | None = None

    def load_by_sql(self, request: LoadRequest) -> LoadOutcome:
        return self.load(request)

    def load(self, request: LoadRequest) -> LoadOutcome:
        self.requests.append(request)
        if refusal := request.header("refuse"):
            return LoadOutcome(status="Fail", message=refusal, label=request.header("label"))
        self.entered.set()
        if self.holds:
            self.go_on.wait(20)
        digest, size = hashlib.sha256(), 0
        try:
            while chunk := request.body.read(self.read_max):
                assert len(chunk) <= self.read_max
                self.pieces.append(len(chunk))
                digest.update(chunk)
                size += len(chunk)
        except ClientGone:
            self.gone.set()
            raise
        self.bodies.append(f"{size} {digest.hexdigest()[:12]}")
        return self.outcome or LoadOutcome(
            status="Success",
            message="OK",
            txn_id=TxnId(1003),
            label=request.header("label") or "l1",
            database=request.database,
            table=request.table,
            two_phase=request.header("two_phase_commit") == "true",
            counts=Counts(loaded=3, received_bytes=size),
            times=TIMES,
        )

    def _transacted(self, request: LoadRequest, name: str) -> LoadOutcome:
        done = self.load(request)
        return LoadOutcome(
            status="OK",
            message="" if name != "rollback" else "rolled",
            txn_id=done.txn_id,
            label=done.label,
            database=done.database,
            table=done.table,
            counts=done.counts,
            times=done.times,
        )

    def begin(self, request: LoadRequest) -> LoadOutcome:
        return self._transacted(request, "begin")

    def load_into(self, request: LoadRequest) -> LoadOutcome:
        return self._transacted(request, "load")

    def prepare(self, request: LoadRequest) -> LoadOutcome:
        return self._transacted(request, "prepare")

    def commit(self, request: LoadRequest) -> LoadOutcome:
        return self._transacted(request, "commit")

    def rollback(self, request: LoadRequest) -> LoadOutcome:
        return self._transacted(request, "rollback")

    def finish(self, request: LoadRequest) -> Finished:
        self.requests.append(request)
        return Finished("Success", f"transaction [{request.header('txn_id')}] commit successfully.")

    def state(self, _session: Session, _database: str, label: str) -> LabelState:
        return LabelState(self.states.get(label, "UNKNOWN"))

    def cancel(self, _session: Session, _database: str, _table: str, label: str) -> None:
        self.states[label] = "ABORTED"


class StubService:
    """Sessions without rights but root's."""

    def __init__(self, compat: Compat) -> None:
        self._compat = compat
        self.open: list[Session] = []

    def open_session(self, user: str, client: str) -> Session:
        session = Session(user=user, compat=self._compat, client=client, rights=NOTHING)
        self.open.append(session)
        return session

    def close_session(self, session: Session) -> None:
        self.open.remove(session)

    def use(self, session: Session, database: str) -> None: ...

    def stop(self, session: Session) -> None: ...

    def steps(self, session: Session, text: str) -> list:
        return [lambda: text_table(["a"], [("b",)])]


class StubUsers:
    known: ClassVar = {"root": make_verifiers("s3cr:t@ö"), "open": Verifiers()}

    def verifiers(self, user: str) -> Verifiers | None:
        return self.known.get(user)


class StubTables:
    def databases(self) -> list[str]:
        return ["db"]

    def has_database(self, database: str) -> bool:
        return database == "db"

    def tables(self, _database: str) -> list[str]:
        return []

    def table(self, ref: TableRef):
        raise UnknownTable(f"Unknown table '{ref.table}'")


class Pair:
    """Both doors, on a loop of their own."""

    def __init__(self, compat: Compat, *, host: str = "127.0.0.1", backend: bool = True, loads_max: int = 8) -> None:
        self.loads = StubLoads()
        self.service = StubService(compat)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        facts = Facts(
            compat=compat,
            version="1",
            started_ms=1,
            mysql_port=None,
            http_port=None,
            backends_total=1,
            backends_online=1,
        )
        told = Told(error_logs=None, facts=lambda: facts, metrics=list)  # type: ignore[arg-type] # not asked for
        loading = Loading(
            compat=compat,
            streams=self.loads,
            service=self.service,
            users=StubUsers(),
            tables=StubTables(),
            error_url=lambda rejects: f"http://{host}:1/api/_load_error_log?file={rejects}",
            backend=lambda: (host, self.backend_port) if backend else None,
        )
        self.callers = self.on_loop(self._made(loading, loads_max))
        limits = HttpLimits(connections_max=64, shutdown_s=1)
        self.doors = [
            BackendDoor("127.0.0.1", 0, told, limits, backend_routes(self.callers)),
            HttpDoor("127.0.0.1", 0, told, limits, frontend_routes(self.callers)),
        ]
        self.backend_port, self.port = (self.on_loop(door.start()) for door in self.doors)

    async def _made(self, loading: Loading, loads_max: int) -> Callers:
        return Callers(loading, loads_max)

    def on_loop(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def close(self) -> None:
        self.loads.go_on.set()
        self.on_loop(self.callers.leave(0.2))
        for door in self.doors:
            self.on_loop(door.stop())
        self.callers.close(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    @contextlib.contextmanager
    def talk(self, port: int | None = None) -> Iterator[socket.socket]:
        """A bare connection."""
        with socket.create_connection(("127.0.0.1", port or self.backend_port), timeout=20) as connection:
            yield connection


@contextlib.contextmanager
def pair(compat: Compat, **settings) -> Iterator[Pair]:
    both = Pair(compat, **settings)
    try:
        yield both
    finally:
        both.close()


def basic(user: str = "root", password: str = "s3cr:t@ö") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def head(method: str, path: str, **headers: str) -> bytes:
    """A request's head. Capital names write their dash as ``_``. Authorization is root's unless given."""
    named = {name.replace("_", "-") if name[0].isupper() else name: value for name, value in headers.items()}
    lines = {"Host": "x", "Authorization": basic()} | named
    text = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return text.encode() + b"\r\n"


def everything(connection: socket.socket) -> bytes:
    """What the peer sends until it closes."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while more := connection.recv(65536):
            received += more
    return received
