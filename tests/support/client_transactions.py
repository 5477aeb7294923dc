"""Transactions of clients over a real file that can be opened again, with a clock that is set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from routine_load.app.compiler import Compiler
from routine_load.engines.duckdb import DuckDbEngine
from routine_load.ids import Compat, Label, TableRef, TxnId
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.loads.history import LoadHistory
from routine_load.loads.kept import KeptCompiler
from routine_load.loads.path import LoadPath
from routine_load.loads.rejects import RejectLog
from routine_load.loads.transaction_values import BeginLoad
from routine_load.loads.transactions import TransactionParts, Transactions, TxnIds
from routine_load.loads.values import LoadSpec, Origin
from routine_load.statements.ports import Session

T, P, AGG = TableRef("d", "t"), TableRef("d", "p"), TableRef("d", "agg")
SPEC = LoadSpec(compat=Compat.STARROCKS, column_separator=",")
BEGIN = BeginLoad(database="d", label=Label("l"), compat=Compat.STARROCKS, user="root", client="127.0.0.1")
STAGED = replace(BEGIN, two_phase=True)


@dataclass
class Rows:
    values: list[bytes | None]

    def origin(self, index: int) -> Origin:
        return Origin()


@dataclass
class SetClock:
    wall: datetime = field(default_factory=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    seconds: float = 0.0

    def now(self) -> datetime:
        return self.wall + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


class World:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = SetClock()
        self.settings: dict[str, str] = {}
        self.history = LoadHistory()
        self.file = "w.duckdb"
        self.open()

    def make_tables(self) -> None:
        self.run("CREATE DATABASE d")
        self.run("CREATE DATABASE e")
        self.run("CREATE TABLE t (a BIGINT NOT NULL, b VARCHAR(20))")
        self.run("CREATE TABLE p (a BIGINT NOT NULL, b VARCHAR(20)) PRIMARY KEY(a)")
        self.run("CREATE TABLE agg (a BIGINT NOT NULL, b BIGINT SUM) AGGREGATE KEY(a)")

    def open(self) -> None:
        self.engine = DuckDbEngine.open(
            self.directory / self.file, error_log_dir=self.directory / "error_log", memory="256MB", threads=2
        )
        self.compiler = KeptCompiler(Compiler())
        reject_log = RejectLog(self.directory / "error_log")
        self.transactions = Transactions(
            TransactionParts(
                log=self.engine.clients,
                path=LoadPath(sink=self.engine, compiler=self.compiler, reject_log=reject_log, clock=self.clock),
                clock=self.clock,
                ids=TxnIds.of(self.engine.clients, self.clock),
                elsewhere=self.history,
                frontend_config=lambda compat: FrontendConfig.of(compat, self.settings),
            )
        )
        self.recovered = self.transactions.recover()
        self.engine.label_inserts(self.transactions.begin)

    def close(self) -> None:
        self.compiler.close()
        self.engine.close()

    def restart(self) -> None:
        """As after a kill: nothing is given up before."""
        self.close()
        self.open()

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        result = self.engine.execute(sql, Session(user="root", compat=Compat.STARROCKS, database="d"))
        return [tuple(row) for row in getattr(result, "rows", ())]

    def rows(self, table: str = "t") -> list[tuple[Any, ...]]:
        return self.ask(f"SELECT * FROM d.{table} ORDER BY 1")

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """DuckDB itself."""
        cursor = self.engine._warehouse.cursor()
        try:
            return cursor.execute(sql).fetchall()
        finally:
            cursor.close()

    def load(self, begin: BeginLoad, *rows: bytes, table: TableRef = T) -> Any:
        opened = self.transactions.begin(begin)
        add(opened, *rows, table=table)
        return opened

    def prepared(self, label: str, *rows: bytes, table: TableRef = T, timeout_s: int = 100) -> TxnId:
        return self.load(replace(STAGED, label=Label(label)), *rows, table=table).prepare(timeout_s).id

    def stages(self) -> list[str]:
        return [name for (name,) in self.ask("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'stage%'")]

    def files(self) -> list[str]:
        return sorted(path.suffix for path in (self.directory / "error_log").iterdir())


def loading(opened: Any, act: Callable[[Any], None]) -> None:
    with opened.load(T, SPEC) as stream:
        act(stream)


def add(opened: Any, *rows: bytes, table: TableRef = T) -> None:
    with opened.load(table, SPEC) as stream:
        stream.add(Rows(list(rows)), received_bytes=sum(map(len, rows)))


def make_directory(directory: Path) -> Path:
    """A closed file with the tables in it."""
    world = World(directory)
    world.make_tables()
    world.close()
    return directory
