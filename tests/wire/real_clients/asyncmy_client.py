"""asyncmy, on an event loop of its own."""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from real_clients.dbapi import DbApiClient, context
from real_clients.session import Login, NotHere, Place, PlainSql, Refused


class AsyncmySession(PlainSql):
    def __init__(self, runner: asyncio.Runner, connection: Any) -> None:
        self._runner, self._connection = runner, connection

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        from asyncmy.errors import MySQLError

        try:
            return self._runner.run(work)
        except MySQLError as error:
            raise _refused(error) from error

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        return self._run(self._results(text))[-1][1]

    def names(self, text: str) -> list[str]:
        return self._run(self._results(text))[-1][0]

    def several(self, text: str) -> list[list[tuple[Any, ...]]]:
        return [rows for names, rows in self._run(self._results(text)) if names]

    def parameters(self, text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._run(self._results(text.replace("?", "%s"), tuple(values)))[-1][1]

    async def _results(self, text: str, values: Any = None) -> list[tuple[list[str], list[tuple[Any, ...]]]]:
        found = []
        async with self._connection.cursor() as cursor:
            await cursor.execute(text, values)
            while True:
                names = [column[0] for column in cursor.description or ()]
                found.append((names, [tuple(row) for row in await cursor.fetchall()] if names else []))
                if not await cursor.nextset():
                    return found

    def prepared(self, text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        async def work() -> list[tuple[Any, ...]]:
            statement = await self._connection.prepare(text)
            try:
                result = await statement.execute(tuple(values))
                return [tuple(row) for row in result.rows]
            finally:
                await statement.close()

        return self._run(work())

    def affected(self, text: str) -> int:
        async def work() -> int:
            async with self._connection.cursor() as cursor:
                return await cursor.execute(text)

        return self._run(work())

    def use(self, database: str) -> None:
        self._run(self._connection.select_db(database))

    def encrypted(self) -> bool:
        return self._connection._transport.get_extra_info("cipher") is not None

    def transaction(self) -> None:
        async def work() -> None:
            await self._connection.autocommit(False)
            assert (await self._results("SELECT 1"))[0][1] == [(1,)]
            await self._connection.commit()
            assert (await self._results("SELECT 2"))[0][1] == [(2,)]
            await self._connection.rollback()
            await self._connection.autocommit(True)

        self._run(work())

    def alive(self) -> bool:
        try:
            self._run(self._connection.ping(reconnect=False))
        except Refused:
            return False
        return True

    def close(self) -> None:
        self._connection.close()


class Asyncmy(DbApiClient):
    name = "asyncmy"
    lacks: Mapping[str, str] = {"mysql_native_password": "it follows the server's plug-in"}

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None

    def version(self) -> str:
        try:
            import asyncmy  # noqa: F401 - is it there?
        except ImportError as error:
            raise NotHere("asyncmy is not installed") from error
        return importlib.metadata.version("asyncmy")

    def connect(self, place: Place, login: Login) -> AsyncmySession:
        import asyncmy
        from asyncmy.constants.CLIENT import MULTI_STATEMENTS
        from asyncmy.errors import MySQLError

        self._runner = self._runner or asyncio.Runner()

        async def work() -> Any:
            return await asyncmy.connect(
                host="127.0.0.1",
                port=place.port,
                user=login.user,
                password=login.password,
                database=login.database or None,
                charset="utf8mb4",
                autocommit=True,
                client_flag=MULTI_STATEMENTS,
                ssl=context(login, place) if login.tls else None,
            )

        try:
            return AsyncmySession(self._runner, self._runner.run(work()))
        except MySQLError as error:
            raise _refused(error) from error

    def close(self) -> None:
        if self._runner is not None:
            self._runner.close()


def _refused(error: Any) -> Refused:
    return Refused(error.args[0], getattr(error, "sqlstate", None), str(error.args[1]))
