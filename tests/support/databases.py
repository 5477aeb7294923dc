"""PostgreSQL and MariaDB from Debian's packages, each on a free port and in a directory of its own.

Both are set the way that trips a careless program: languages' collations, another time zone, latin1 where nothing is
said. They do not sync to disk, which only a power cut would show.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pymysql

USER, PASSWORD = "rl", "canary/5e:c@ret"
START_TIMEOUT_S = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _unprivileged() -> dict:
    """Both servers refuse root: as which user they run, where the tests run as root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "mysql", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    raise AssertionError("there is no user nobody")


class DatabaseServer:
    """A server that may be killed, stopped for a while and started again; its port and its data stay."""

    scheme: str

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix=f"rl-{self.scheme}-"))
        self.as_user = _unprivileged()
        if self.as_user:
            os.chown(self.directory, self.as_user["user"], self.as_user["group"])
        self.port = free_port()
        self.process: subprocess.Popen | None = None
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.close()
            raise

    @classmethod
    def missing(cls) -> str:
        """What is not installed; empty where everything is."""
        raise NotImplementedError

    def prepare(self) -> None:
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def execute(self, *statements: str) -> None:
        """Run statements as the server's administrator."""
        raise NotImplementedError

    def url(self, database: str, *, user: str = USER, password: str = PASSWORD, port: int | None = None) -> str:
        return f"{self.scheme}://{user}:{quote(password, safe='')}@127.0.0.1:{port or self.port}/{database}"

    def database(self) -> str:
        """A new database of our user; its name."""
        name = f"rl_{uuid.uuid4().hex[:12]}"
        self.make_database(name)
        return name

    def make_database(self, name: str) -> None:
        raise NotImplementedError

    def run(self, *command: str | Path, **options) -> None:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **self.as_user,
            **options,
        )
        assert done.returncode == 0, done.stdout[-4000:]

    def start(self) -> None:
        log = self.directory / "server.log"
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command(), cwd=self.directory, stdout=output, stderr=output, **self.as_user
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.answers():
            assert self.process.poll() is None, f"the server ended:\n{log.read_text(errors='replace')[-4000:]}"
            assert time.monotonic() < deadline, f"no answer:\n{log.read_text(errors='replace')[-4000:]}"
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL, as a machine that is switched off: PostgreSQL's other processes see it and end."""
        children = self._children()
        self._end(signal.SIGKILL)
        deadline = time.monotonic() + START_TIMEOUT_S
        while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < deadline:
            time.sleep(0.01)

    def signalled(self, number: int) -> None:
        """Also PostgreSQL's processes that answer, of which each connection has its own."""
        os.kill(self.process.pid, number)
        for pid in self._children():
            with suppress(ProcessLookupError):  # a connection that was closed ends its process at its leisure
                os.kill(pid, number)

    def _children(self) -> list[int]:
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout
        return [int(pid) for pid in found.split()]

    def _end(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(60)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
        self._end(signal.SIGINT if self.scheme == "postgresql" else signal.SIGTERM)
        shutil.rmtree(self.directory, ignore_errors=True)


class PostgresServer(DatabaseServer):
    scheme = "postgresql"

    @classmethod
    def programs(cls) -> Path | None:
        """Debian keeps them beside each other, one folder a version, and not on the PATH."""
        folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
        if found := shutil.which("initdb"):
            folders.append(Path(found).resolve().parent)
        return (
            max(folders, key=lambda folder: [int(n) for n in folder.parent.name.split(".") if n.isdigit()])
            if (folders)
            else None
        )

    @classmethod
    def missing(cls) -> str:
        return "" if cls.programs() else "PostgreSQL is not installed: make test-deps"

    def prepare(self) -> None:
        word = self.directory / "word"
        word.write_text(PASSWORD)
        word.chmod(0o644)
        collation = ("--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
        access = ("--username=admin", "--auth=scram-sha-256", f"--pwfile={word}")
        self.run(self.programs() / "initdb", "--no-sync", *collation, *access, f"--pgdata={self.directory / 'data'}")

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": 60,
            "shared_buffers": "16MB",
            "timezone": "Asia/Shanghai",
            "default_transaction_isolation": "repeatable read",
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self.programs() / "postgres"), "-D", str(self.directory / "data"), *words]

    def _connect(self):
        import psycopg

        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="admin",
            password=PASSWORD,
            dbname="postgres",
            autocommit=True,
            connect_timeout=5,
        )

    def answers(self) -> bool:
        import psycopg

        try:
            connection = self._connect()
        except psycopg.OperationalError:
            return False
        with connection:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [USER]).fetchone() is None:
                connection.execute(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
        return True

    def execute(self, *statements: str) -> None:
        with self._connect() as connection:
            for statement in statements:
                connection.execute(statement)

    def make_database(self, name: str) -> None:
        self.execute(f"CREATE DATABASE {name} OWNER {USER}")


class MariaDbServer(DatabaseServer):
    scheme = "mariadb"

    @classmethod
    def missing(cls) -> str:
        there = shutil.which("mariadb-install-db") and cls.program()
        return "" if there else "MariaDB's server is not installed: make test-deps"

    @classmethod
    def program(cls) -> str | None:
        return shutil.which("mariadbd") or next((str(p) for p in [Path("/usr/sbin/mariadbd")] if p.exists()), None)

    def prepare(self) -> None:
        self.run(
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={self.directory / 'data'}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
            "--innodb-log-file-size=16M",
            "--innodb-flush-method=nosync",
        )
        self.directory.joinpath("users.sql").write_text(
            f"CREATE USER IF NOT EXISTS 'admin'@'%' IDENTIFIED BY '{PASSWORD}';\n"
            "GRANT ALL ON *.* TO 'admin'@'%' WITH GRANT OPTION;\n"
            f"CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';\n"
        )

    def command(self) -> list[str]:
        settings = {
            "datadir": self.directory / "data",
            "socket": self.directory / "s",
            "pid-file": self.directory / "pid",
            "bind-address": "127.0.0.1",
            "port": self.port,
            "init-file": self.directory / "users.sql",
            "default-time-zone": "+08:00",
            "innodb-flush-log-at-trx-commit": 2,
            "innodb-flush-method": "nosync",
            "innodb-log-file-size": "16M",
            "innodb-buffer-pool-size": "32M",
            "performance-schema": "off",
            "debug-no-sync": 1,
            "max-connections": 60,
            "sql-mode": "",
        }
        words = [f"--{name}={value}" for name, value in settings.items()]
        return [self.program(), "--no-defaults", "--skip-name-resolve", *words]

    def _connect(self) -> pymysql.Connection:
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="admin", password=PASSWORD, autocommit=True, connect_timeout=5
        )

    def answers(self) -> bool:
        try:
            self._connect().close()
        except pymysql.OperationalError:
            return False
        return True

    def execute(self, *statements: str) -> None:
        connection = self._connect()
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()

    def make_database(self, name: str) -> None:
        self.execute(f"CREATE DATABASE {name}", f"GRANT ALL ON {name}.* TO '{USER}'@'%'")


SERVERS = {"postgresql": PostgresServer, "mariadb": MariaDbServer}
