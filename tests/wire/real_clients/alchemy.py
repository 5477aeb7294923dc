"""The SQLAlchemy dialects ``starrocks`` (over PyMySQL) and ``pydoris`` (over mysqlclient)."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import URL, Engine, create_engine, exc, inspect, text
from sqlalchemy.pool import NullPool

from real_clients.apart import apart
from real_clients.dbapi import context
from real_clients.session import Login, NotHere, Place, Refused
from routine_load.ids import Compat


class AlchemySession:
    """An engine, and one connection of it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._connection = self._told(engine.connect)

    @staticmethod
    def _told(work: Any, *arguments: Any) -> Any:
        try:
            return work(*arguments)
        except exc.DBAPIError as error:
            number, *message = error.orig.args
            raise Refused(number, getattr(error.orig, "sqlstate", None), str(message[0]) if message else "") from error

    def _result(self, statement: str, values: Mapping[str, Any] | None = None) -> Any:
        return self._told(self._connection.execute, text(statement), values or {})

    @staticmethod
    def _rows(result: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in result.fetchall()] if result.returns_rows else []

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self._rows(self._result(statement.replace(":", "\\:")))

    def names(self, statement: str) -> list[str]:
        return list(self._result(statement).keys())

    def parameters(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        names = [f"p{number}" for number in range(len(values))]
        for name in names:
            statement = statement.replace("?", f":{name}", 1)
        return self._rows(self._result(statement, dict(zip(names, values, strict=True))))

    def affected(self, statement: str) -> int:
        return self._result(statement).rowcount

    def use(self, database: str) -> None:
        self.rows(f"USE {database}")

    def encrypted(self) -> bool:
        return bool(self.rows("SHOW STATUS LIKE 'Ssl_cipher'")[0][1])

    def transaction(self) -> None:
        connection = self._connection
        connection.commit()
        with connection.begin():
            assert self.rows("SELECT 1") == [(1,)]
        with connection.begin() as transaction:
            assert self.rows("SELECT 2") == [(2,)]
            transaction.rollback()
        assert connection.get_isolation_level() == "REPEATABLE READ"

    def alive(self) -> bool:
        try:
            self.rows("SELECT 1")
        except Refused:
            return False
        return True

    def databases(self) -> list[str]:
        return inspect(self.engine).get_schema_names()

    def tables(self, database: str) -> list[str]:
        return inspect(self.engine).get_table_names(schema=database)

    def columns(self, database: str, table: str) -> dict[str, str]:
        found = inspect(self.engine).get_columns(table, schema=database)
        return {column["name"]: column["type"].__visit_name__.lower() for column in found}

    def close(self) -> None:
        self._connection.invalidate()
        self._connection.close()
        self.engine.dispose()


class Alchemy:
    family = "SQLAlchemy"
    is_terminal = False
    pinned = True

    def __init__(self, dialect: str, compat: Compat, lacks: Mapping[str, str], type_names: Mapping[str, str]) -> None:
        self.name, self.modes, self.lacks, self.type_names = f"SQLAlchemy {dialect}", (compat,), lacks, type_names
        self._dialect = dialect

    def version(self) -> str:
        if self._dialect == "pydoris":
            apart("mysqlclient")
        try:
            return importlib.metadata.version(self._dialect)
        except importlib.metadata.PackageNotFoundError as error:
            raise NotHere(f"the dialect {self._dialect} is not installed") from error

    def connect(self, place: Place, login: Login) -> AlchemySession:
        url = URL.create(
            self._dialect, login.user, login.password or None, "127.0.0.1", place.port, login.database or None
        )
        options: dict[str, Any] = {"ssl": context(login, place)} if login.tls else {"ssl_disabled": True}
        if self._dialect == "pydoris":
            needs = {None: "DISABLED", "on": "REQUIRED", "verified": "VERIFY_IDENTITY"}[login.tls]
            options = {"ssl_mode": needs, "ssl": {"ca": str(place.certificate)} if login.tls == "verified" else {}}
        options |= {"auth_plugin": "mysql_native_password"} if login.native else {}
        return AlchemySession(create_engine(url, connect_args=options, poolclass=NullPool))

    def close(self) -> None:
        pass


_INTEGER = {"id": "integer", "c_int": "integer"}
_NO_PREPARES = {"Server-side prepared statement": "its driver has none"}


def dialects() -> list[Alchemy]:
    return [
        Alchemy(
            "starrocks",
            Compat.STARROCKS,
            {
                "mysql_native_password": "its driver follows the server's plug-in",
                "Several statements in one text": "SQLAlchemy sends one at a time",
                **_NO_PREPARES,
            },
            _INTEGER,
        ),
        Alchemy(
            "pydoris",
            Compat.DORIS,
            {
                "SQLSTATE": "its driver does not keep it",
                "Several statements in one text": "SQLAlchemy sends one at a time",
                **_NO_PREPARES,
            },
            _INTEGER,
        ),
    ]
