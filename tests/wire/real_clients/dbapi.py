"""PyMySQL, mysqlclient and mysql-connector-python: three drivers with one shape (PEP 249)."""

from __future__ import annotations

import importlib.metadata
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from real_clients.apart import apart
from real_clients.session import Login, Place, PlainSql, Refused
from routine_load.ids import Compat


class DbApiSession(PlainSql):
    """One connection of a PEP 249 driver."""

    error: type[Exception] = Exception
    style = "%s"

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def refused(self, error: Exception) -> Refused:
        raise NotImplementedError

    @contextmanager
    def telling(self) -> Iterator[None]:
        try:
            yield
        except self.error as error:
            raise self.refused(error) from error

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        with self.telling():
            cursor = self.connection.cursor()
            try:
                yield cursor
            finally:
                cursor.close()

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        with self.cursor() as cursor:
            cursor.execute(text)
            return list(cursor.fetchall()) if cursor.description else []

    def names(self, text: str) -> list[str]:
        with self.cursor() as cursor:
            cursor.execute(text)
            names = [column[0] for column in cursor.description]
            cursor.fetchall()
            return names

    def several(self, text: str) -> list[list[tuple[Any, ...]]]:
        found = []
        with self.cursor() as cursor:
            cursor.execute(text)
            while True:
                if cursor.description:
                    found.append(list(cursor.fetchall()))
                if not cursor.nextset():
                    return found

    def parameters(self, text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self.cursor() as cursor:
            cursor.execute(text.replace("?", self.style), tuple(values))
            return list(cursor.fetchall())

    def affected(self, text: str) -> int:
        with self.cursor() as cursor:
            cursor.execute(text)
            return int(cursor.rowcount)

    def transaction(self) -> None:
        with self.telling():
            self.switch(on=False)
            assert self.rows("SELECT 1") == [(1,)]
            self.connection.commit()
            assert self.rows("SELECT 2") == [(2,)]
            self.connection.rollback()
            self.switch(on=True)

    def switch(self, *, on: bool) -> None:
        self.connection.autocommit(on)

    def alive(self) -> bool:
        try:
            self.rows("SELECT 1")
        except Refused:
            return False
        return True

    def close(self) -> None:
        try:
            self.connection.close()
        except self.error:
            return


def context(login: Login, place: Place) -> ssl.SSLContext:
    if login.tls == "verified":
        return ssl.create_default_context(cafile=str(place.certificate))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


class DbApiClient:
    family = ""
    modes: Sequence[Compat] = tuple(Compat)
    pinned = True
    lacks: Mapping[str, str] = {}
    is_terminal = False
    type_names: Mapping[str, str] = {}

    def close(self) -> None:
        pass


class PyMySqlSession(DbApiSession):
    def refused(self, error: Exception) -> Refused:
        return Refused(error.args[0], getattr(error, "sqlstate", None), error.args[1])

    def encrypted(self) -> bool:
        return self.connection._secure and self.connection._sock.cipher() is not None

    def alive(self) -> bool:
        try:
            self.connection.ping(reconnect=False)
        except (self.error, AttributeError):
            return False
        return True


class PyMySql(DbApiClient):
    name = "PyMySQL"
    lacks: ClassVar[Mapping[str, str]] = {
        "mysql_native_password": "it follows the server's plug-in",
        "Server-side prepared statement": "it has none",
    }

    def version(self) -> str:
        return importlib.metadata.version("pymysql")

    def connect(self, place: Place, login: Login) -> PyMySqlSession:
        import pymysql
        from pymysql.constants import CLIENT

        PyMySqlSession.error = pymysql.MySQLError
        options: dict[str, Any] = {"ssl": context(login, place)} if login.tls else {"ssl_disabled": True}
        try:
            connection = pymysql.connect(
                host="127.0.0.1",
                port=place.port,
                user=login.user,
                password=login.password,
                database=login.database or None,
                autocommit=True,
                client_flag=CLIENT.MULTI_STATEMENTS,
                **options,
            )
        except pymysql.MySQLError as error:
            raise Refused(error.args[0], getattr(error, "sqlstate", None), error.args[1]) from error
        return PyMySqlSession(connection)


class MySqlClientSession(DbApiSession):
    def refused(self, error: Exception) -> Refused:
        number, *text = error.args
        return Refused(number, None, str(text[0]) if text else "")

    def encrypted(self) -> bool:
        return bool(self.rows("SHOW STATUS LIKE 'Ssl_cipher'")[0][1])

    def alive(self) -> bool:
        try:
            self.connection.ping()
        except self.error:
            return False
        return True


class MySqlClient(DbApiClient):
    """The C library's Python face; built on this machine, so it lives apart."""

    name = "mysqlclient"
    lacks: ClassVar[Mapping[str, str]] = {
        "SQLSTATE": "it does not keep it",
        "Server-side prepared statement": "it has none",
    }

    def version(self) -> str:
        apart("mysqlclient")
        return importlib.metadata.version("mysqlclient")

    def connect(self, place: Place, login: Login) -> MySqlClientSession:
        import MySQLdb
        from MySQLdb.constants import CLIENT

        MySqlClientSession.error = MySQLdb.MySQLError
        options: dict[str, Any] = {"ssl_mode": "DISABLED"}
        if login.tls:
            options = {"ssl_mode": "REQUIRED", "ssl": {}}
        if login.tls == "verified":
            options = {"ssl_mode": "VERIFY_IDENTITY", "ssl": {"ca": str(place.certificate)}}
        if login.native:
            options["auth_plugin"] = "mysql_native_password"
        try:
            connection = MySQLdb.connect(
                host="127.0.0.1",
                port=place.port,
                user=login.user,
                password=login.password,
                database=login.database,
                charset="utf8mb4",
                autocommit=True,
                client_flag=CLIENT.MULTI_STATEMENTS,
                **options,
            )
        except MySQLdb.MySQLError as error:
            raise Refused(error.args[0], None, error.args[1]) from error
        return MySqlClientSession(connection)


class ConnectorSession(DbApiSession):
    def refused(self, error: Any) -> Refused:
        return Refused(error.errno, error.sqlstate, error.msg)

    def encrypted(self) -> bool:
        return bool(self.connection.is_secure)

    def prepared(self, text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self.telling(), self.connection.cursor(prepared=True) as cursor:
            cursor.execute(text, tuple(values))
            return list(cursor.fetchall())

    def switch(self, *, on: bool) -> None:
        self.connection.autocommit = on

    def use(self, database: str) -> None:
        with self.telling():
            self.connection.database = database

    def alive(self) -> bool:
        return bool(self.connection.is_connected())


class Connector(DbApiClient):
    """The one in Python; its C extension is not in every wheel."""

    name = "mysql-connector-python"
    lacks: ClassVar[Mapping[str, str]] = {
        "With a password (caching_sha2_password)": "it needs TLS for that",
    }

    def version(self) -> str:
        return importlib.metadata.version("mysql-connector-python")

    def connect(self, place: Place, login: Login) -> ConnectorSession:
        import mysql.connector

        ConnectorSession.error = mysql.connector.Error
        options: dict[str, Any] = {"ssl_disabled": not login.tls}
        if login.tls == "verified":
            options |= {"ssl_ca": str(place.certificate), "ssl_verify_cert": True, "ssl_verify_identity": True}
        if login.native:
            options["auth_plugin"] = "mysql_native_password"
        try:
            connection = mysql.connector.connect(
                host="127.0.0.1",
                port=place.port,
                user=login.user,
                password=login.password,
                database=login.database or None,
                autocommit=True,
                use_pure=True,
                **options,
            )
        except mysql.connector.Error as error:
            raise Refused(error.errno, error.sqlstate, error.msg or "") from error
        return ConnectorSession(connection)
