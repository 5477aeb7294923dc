"""An engine over a fresh file, and a short way to ask it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from routine_load.engines.duckdb import DuckDbEngine
from routine_load.ids import Compat
from routine_load.sql.results import Result, ResultTable
from routine_load.statements.ports import Session


@dataclass
class Asked:
    """An engine and a session in database ``d``."""

    directory: Path
    session: Session = field(default_factory=lambda: Session(user="root", compat=Compat.STARROCKS, database="d"))
    engine: DuckDbEngine = field(init=False)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        self.engine = DuckDbEngine.open(
            self.directory / "w.duckdb", error_log_dir=self.directory / "error_log", memory="256MB", threads=2
        )

    def run(self, sql: str) -> Result:
        return self.engine.execute(sql, self.session)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.table(sql).rows]

    def table(self, sql: str) -> ResultTable:
        result = self.run(sql)
        assert isinstance(result, ResultTable), result
        return result


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    opened = Asked(tmp_path)
    opened.run("CREATE DATABASE d")
    yield opened
    opened.engine.close()
