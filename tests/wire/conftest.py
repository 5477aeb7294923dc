"""A MySQL door on a free port of the loopback, with a tiny service behind it that answers a few texts."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from routine_load.errors import AnalysisError, StatementSyntaxError, UnknownDatabase
from routine_load.ids import Compat
from routine_load.server.mysql import MySqlDoor, make_verifiers, self_signed
from routine_load.server.ports import MySqlLimits, TlsFiles, Verifiers
from routine_load.sql.results import Ok, Result, ResultColumn, ResultTable, ResultType, text_table
from routine_load.sql.splitting import split
from routine_load.statements.ports import Session

pytest.register_assert_rewrite("real_clients")

TYPED_COLUMNS = [ResultColumn(kind.value, kind, scale=2) for kind in ResultType]
TYPED_ROW = (
    True,
    -5,
    -300,
    70_000,
    2**40,
    2**100,
    0.1,
    1.5,
    Decimal("12.50"),
    date(2024, 2, 29),
    datetime(2024, 2, 29, 23, 59, 59, 123456),
    timedelta(hours=-30, minutes=-5),
    "naïve 漢字 😀",
    '{"a": [1, 2]}',
    b"\x00\xff'\\",
    None,
)


@dataclass
class FakeService:
    """Answers by the front of a text; ``SELECT ECHO x`` answers ``x`` as the door handed it over."""

    compat: Compat = Compat.STARROCKS
    texts: list[str] = field(default_factory=list)
    open_sessions: list[Session] = field(default_factory=list)
    closed_sessions: int = 0
    entered: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    session_closed: threading.Event = field(default_factory=threading.Event)
    pulled: int = 0

    def open_session(self, user: str, client: str) -> Session:
        session = Session(user=user, compat=self.compat, client=client)
        self.open_sessions.append(session)
        return session

    def close_session(self, session: Session) -> None:
        self.open_sessions.remove(session)
        self.closed_sessions += 1
        self.session_closed.set()

    def stop(self, session: Session) -> None:
        self.release.set()

    def use(self, session: Session, database: str) -> None:
        if database not in ("db", "information_schema"):
            raise UnknownDatabase(f"Unknown database '{database}'")
        session.database = database

    def steps(self, session: Session, text: str) -> list[Callable[[], Result]]:
        assert threading.current_thread().name.startswith("mysql-statement")
        self.texts.append(text)
        if "ECHO" in text:
            return [lambda: text_table(["echo"], [(text.split("ECHO", 1)[1].strip(),)])]
        return [partial(self._one, session, piece.text) for piece in split(text)]

    def _one(self, session: Session, text: str) -> Result:  # noqa: PLR0911 - a table of answers
        lowered = text.lower()
        if "@@version_comment" in lowered:
            return text_table(["@@version_comment"], [("4.0.2-abc",)])
        if "@@session.auto_increment_increment" in lowered:
            return self._connector_variables(text)
        if lowered.startswith("select "):
            return self._select(session, lowered.removeprefix("select "))
        if lowered.startswith("show columns"):
            return text_table(["Field", "Type"], [("id", "int"), ("name", "varchar(10)")])
        if lowered.startswith("show databases"):
            return text_table(["Database"], [("db",), ("information_schema",)])
        if lowered.startswith("show tables"):
            return text_table(["Tables_in_db"], [("t",)])
        if lowered.startswith("show warnings"):
            return text_table(["Level", "Code", "Message"], [])
        if lowered.startswith("use "):
            self.use(session, text[4:].strip("` "))
            return Ok()
        if lowered.startswith(("set ", "begin", "commit", "rollback")):
            return Ok()
        if lowered == "insert":
            return Ok(affected_rows=3, message="{'label':'x'}", warnings=("one",))
        if lowered == "crash":
            raise RuntimeError("password=hunter2 \x1b[31m")
        if lowered == "wait":
            self.entered.set()
            assert self.release.wait(240)
            return Ok()
        raise StatementSyntaxError(f"Unexpected input '{text}'")

    def _select(self, session: Session, rest: str) -> Result:  # noqa: PLR0911 - a table of answers
        if rest == "types":
            return ResultTable(TYPED_COLUMNS, [TYPED_ROW, (None,) * len(TYPED_ROW)])
        if rest == "database()":
            return text_table(["database()"], [(session.database,)])
        if rest.startswith("@@character_set_client"):
            return text_table(["client", "connection", "server", "database"], [("utf8",) * 4])
        if rest.startswith("database(), user()"):
            return text_table(["DATABASE()", "USER()"], [(session.database, session.user)])
        if rest == "connection_id()":
            return ResultTable([ResultColumn("id", ResultType.BIGINT)], [(session.connection_id,)])
        if rest.startswith("rows "):
            columns = [ResultColumn("n", ResultType.BIGINT), ResultColumn("s")]
            return ResultTable(columns, self._rows(int(rest.split()[1])))
        if rest == "rows_then_error":
            return ResultTable([ResultColumn("n", ResultType.INT)], self._failing_rows())
        if rest == "wide":
            return ResultTable([ResultColumn("s")], [("x" * 17_000_000,), ("end",)])
        if rest == "wrong":
            raise AnalysisError("Column 'x' cannot be resolved")
        return ResultTable([ResultColumn(rest, ResultType.BIGINT)], [(int(rest),)])

    def _rows(self, count: int) -> Iterator[tuple[int, str]]:
        for number in range(count):
            self.pulled += 1
            yield number, f"row {number}"

    @staticmethod
    def _failing_rows() -> Iterator[tuple[int]]:
        yield (1,)
        raise AnalysisError("the second row is bad")

    @staticmethod
    def _connector_variables(text: str) -> Result:
        known = {
            "auto_increment_increment": "1",
            "character_set_client": "utf8mb4",
            "character_set_connection": "utf8mb4",
            "character_set_results": "utf8mb4",
            "character_set_server": "utf8mb4",
            "collation_server": "utf8mb4_general_ci",
            "collation_connection": "utf8mb4_general_ci",
            "interactive_timeout": "3600",
            "lower_case_table_names": "0",
            "max_allowed_packet": "33554432",
            "net_write_timeout": "60",
            "sql_mode": "ONLY_FULL_GROUP_BY",
            "system_time_zone": "UTC",
            "time_zone": "SYSTEM",
            "transaction_isolation": "REPEATABLE-READ",
            "wait_timeout": "28800",
        }
        names = [part.split(" AS ")[1].strip() for part in text.split(",")]
        return text_table(names, [[known.get(name, "") for name in names]])


@dataclass
class FakeUsers:
    known: dict[str, Verifiers]

    def verifiers(self, user: str) -> Verifiers | None:
        return self.known.get(user)


@dataclass
class Door:
    """A running door, its loop in a thread of its own."""

    port: int
    service: FakeService
    users: FakeUsers
    stop: Callable[[float], None]


@pytest.fixture(scope="session")
def known_users() -> dict[str, Verifiers]:
    return {"root": make_verifiers(""), "ann": make_verifiers("s3cret"), "bob": make_verifiers("other")}


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def open_door(known_users: dict[str, Verifiers]) -> Iterator[Callable[..., Door]]:
    """Opens doors that the test's end closes. ``tls``, ``limits`` and ``compat`` as for MySqlDoor."""
    with contextlib.ExitStack() as stack:

        def build(
            *,
            tls: TlsFiles | None = None,
            limits: MySqlLimits | None = None,
            compat: Compat = Compat.STARROCKS,
        ) -> Door:
            return stack.enter_context(_running(FakeService(compat), FakeUsers(dict(known_users)), tls, limits))

        yield build


@contextlib.contextmanager
def _running(
    service: FakeService, users: FakeUsers, tls: TlsFiles | None, limits: MySqlLimits | None
) -> Iterator[Door]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="door-loop")
    thread.start()
    door = MySqlDoor(
        service=service,
        users=users,
        host="127.0.0.1",
        port=0,
        compat=service.compat,
        limits=limits or MySqlLimits(),
        tls=tls,
    )

    def stop(drain_s: float) -> None:
        asyncio.run_coroutine_threadsafe(door.stop(drain_s), loop).result(30)

    try:
        port = asyncio.run_coroutine_threadsafe(door.start(), loop).result(10)
        yield Door(port, service, users, stop)
    finally:
        service.release.set()
        stop(0.2)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture
def plain_door(open_door: Callable[..., Door]) -> Door:
    return open_door()


@pytest.fixture
def tls_door(open_door: Callable[..., Door], tls_files: TlsFiles) -> Door:
    return open_door(tls=tls_files)


@pytest.fixture
def certificate(tls_files: TlsFiles) -> Path:
    return tls_files.certificate


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The page is compared when every client has run, in whatever order tests come."""
    items.sort(key=lambda item: item.name == "test_the_page_says_what_the_clients_do")


@pytest.fixture(scope="session")
def places(embedded_kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Compat], object]]:
    """A running service for each mode, started when it is asked for."""
    from real_clients.places import Service

    running: dict[Compat, Service] = {}
    topic = "what-real-clients-load"
    embedded_kafka.create_topic(topic, partitions=1)
    embedded_kafka.produce(topic, ["1,a", "2,漢"])

    def place(compat: Compat) -> object:
        if compat not in running:
            folder = tmp_path_factory.mktemp("places")
            running[compat] = Service(folder, compat, embedded_kafka.bootstrap, topic)
        return running[compat].place

    yield place
    for service in running.values():
        service.stop()
