"""A service in its own process, as a user runs it, and a client on it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pymysql
import pytest


class ServiceProcess:
    """``routine-load serve`` on free ports; ``kill`` is SIGKILL, ``stop`` is SIGTERM."""

    def __init__(self, data_dir: Path, *, compat: str = "starrocks", environment: dict[str, str] | None = None):
        self.data_dir = data_dir
        self.compat = compat
        self.environment = environment or {}
        self.process: subprocess.Popen[str] | None = None
        self.mysql_port = 0
        self.http_port = 0
        self.keeps_ports = False

    @property
    def log(self) -> Path:
        return self.data_dir.parent / f"{self.data_dir.name}.log"

    def start(self) -> ServiceProcess:
        ports = (self.mysql_port, self.http_port) if self.keeps_ports else (0, 0)
        words = ["serve", "--data-dir", str(self.data_dir), "--compat", self.compat]
        self.process = self.spawned([*words, "--mysql-port", str(ports[0]), "--http-port", str(ports[1])])
        line = self.process.stdout.readline()
        assert line, f"the service did not start:\n{self.log.read_text()[-4000:]}"
        ready = json.loads(line)
        self.mysql_port, self.http_port = ready["mysql_port"], ready["http_port"]
        return self

    def spawned(self, words: list[str]) -> subprocess.Popen[str]:
        with self.log.open("a") as stderr:
            return subprocess.Popen(
                [sys.executable, "-m", "routine_load", *words],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=os.environ | self.environment,
            )

    def connect(self, **options) -> pymysql.Connection:
        settings = {"host": "127.0.0.1", "port": self.mysql_port, "user": "root", "autocommit": True} | options
        return pymysql.connect(**settings)

    def run(self, *statements: str, **options) -> list[tuple]:
        """Run statements on one connection; the rows of the last."""
        connection = self.connect(**options)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def show(self, job: str, *, all_: bool = False) -> dict:
        connection = self.connect()
        try:
            with connection.cursor(pymysql.cursors.DictCursor) as cursor:
                cursor.execute(f"SHOW {'ALL ' if all_ else ''}ROUTINE LOAD FOR {job}")
                return cursor.fetchall()[-1]
        finally:
            connection.close()

    def signalled(self, number: int) -> int:
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGUSR1)
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            pytest.fail(f"the service did not end:\n{self.log.read_text()[-12000:]}")
        self.process.stdout.close()
        return code

    def kill(self) -> None:
        assert self.signalled(signal.SIGKILL) == -signal.SIGKILL

    def stop(self) -> int:
        return self.signalled(signal.SIGTERM)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


@pytest.fixture
def new_service(tmp_path):
    """Makes services that are killed at the end of the test at the latest."""
    made: list[ServiceProcess] = []

    def make(compat: str = "starrocks", name: str = "data", **environment: str) -> ServiceProcess:
        made.append(ServiceProcess(tmp_path / name, compat=compat, environment=environment))
        return made[-1].start()

    yield make
    for service in made:
        if service.alive:
            service.kill()


@pytest.fixture
def service(new_service) -> ServiceProcess:
    return new_service()
