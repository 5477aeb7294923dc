"""Backends in processes of their own, as a user runs them, and a coordinator in this one."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings
from tests.support.forked import ForkServer

SECRET = "a secret of these tests, long enough\n"


class BackendAt:
    """``routine-load be`` on a free port, a process by fork."""

    def __init__(self, forks: ForkServer, folder: Path, fe: str, name: str = "be", **environment: str) -> None:
        self.log = folder / f"{name}.log"
        words = ["be", "--fe", fe, "--port", "0", "--secret-file", str(secret_file(folder)), "--slots", "4"]
        self.process = forks.launch(words, environment, self.log)
        line = self.process.first_line()
        assert line, f"the backend did not start:\n{self.log.read_text()[-4000:]}"
        self.port = json.loads(line)["http_port"]

    def signalled(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def ended(self) -> int:
        return self.process.wait(60)

    def stop(self) -> int:
        self.signalled(signal.SIGTERM)
        return self.ended()

    def close(self) -> None:
        if self.process.poll() is None:
            self.signalled(signal.SIGKILL)
            self.ended()
        self.process.close()


def secret_file(folder: Path) -> Path:
    path = folder / "secret"
    path.write_text(SECRET)
    return path


class CoordinatorHere:
    """In this process; its backends are elsewhere."""

    def __init__(self, folder: Path, **settings) -> None:
        self.folder = folder
        given = {
            "backends": 0,
            "backend_heartbeat_s": 0.2,
            "backend_heartbeats_missed_max": 2,
            "backend_secret_file": secret_file(folder),
        } | settings
        self.coordinator = Coordinator(
            Settings(
                data_dir=folder / "coordinator",
                mysql_port=None,
                http_port=0,
                be_http_port=None,
                partition_refresh_s=0.5,
                **given,
            )
        )
        self.coordinator.start()
        self.session = self.coordinator.service.open_session("root", "test")

    @property
    def fe(self) -> str:
        return f"http://127.0.0.1:{self.coordinator.ports[1]}"

    def run(self, text: str) -> list[tuple]:
        results = self.coordinator.service.execute(self.session, text)
        rows = getattr(results[-1], "rows", ())
        return [tuple(row) for row in rows]

    def shown(self, text: str) -> list[dict]:
        result = self.coordinator.service.execute(self.session, text)[-1]
        return [dict(zip([column.name for column in result.columns], row, strict=True)) for row in result.rows]

    def backends(self) -> dict[int, dict]:
        """By port."""
        return {int(each["HttpPort"]): each for each in self.shown("SHOW BACKENDS")}

    def stop(self) -> None:
        self.coordinator.stop()


def wait_until(holds: Callable[[], bool], what: Callable[[], object], timeout_s: float = 40.0) -> None:
    give_up = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < give_up, what()
        time.sleep(0.05)
