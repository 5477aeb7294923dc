"""Processes of the service by fork: one process has imported everything once, and each life begins as a copy of it.

What is killed is a process like any other, with memory, threads and files of its own; only the two seconds that Python
takes to import the package are spent once. The first process opens no file, socket or client.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

_POLL_S = 0.005
_CLONE_NEWNET = 0x40000000
NAMESPACE = "RL_TEST_NETWORK_NAMESPACE"
"""In the environment of a life: the network namespace that it is lived in."""


class ForkServer:
    """``launch`` is what ``routine_load.testing.chaos.processes.Part`` takes. A context: leaving it ends the first process."""

    def __init__(self, folder: Path) -> None:
        self._outputs = folder / "said"
        self._outputs.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._lives = 0
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from tests.support.forked import main; main()"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        assert json.loads(self._process.stdout.readline()) == "ready"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()

    def asked(self, **question: Any) -> Any:
        with self._lock:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def launch(self, words: Sequence[str], environment: Mapping[str, str], log: Path) -> Forked:
        self._lives += 1
        said = self._outputs / str(self._lives)
        said.touch()
        pid = self.asked(words=list(words), environment=dict(environment), log=str(log), said=str(said))
        return Forked(self, pid, said)


class Forked:
    def __init__(self, server: ForkServer, pid: int, said: Path) -> None:
        self._server, self.pid, self._said = server, pid, said
        self._code: int | None = None

    def first_line(self) -> str:
        while True:
            over = self.poll() is not None
            line, end, _ = self._said.read_text().partition("\n")
            if end:
                return line
            if over:
                return ""
            time.sleep(_POLL_S)

    def poll(self) -> int | None:
        if self._code is None:
            self._code = self._server.asked(ended=self.pid)
        return self._code

    def wait(self, timeout: float) -> int:
        give_up = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > give_up:
                raise TimeoutError
            time.sleep(_POLL_S)
        return code

    def close(self) -> None:
        self._said.unlink(missing_ok=True)


def main() -> None:
    """The first process: forks when asked, and says how who it forked has ended."""
    import routine_load.app.backend
    import routine_load.app.coordinator
    import routine_load.cli.commands
    import routine_load.cli.running  # noqa: F401 - imported once for all lives

    print(json.dumps("ready"), flush=True)
    alive: set[int] = set()
    for line in sys.stdin:
        question = json.loads(line)
        if "ended" in question:
            pid, status = os.waitpid(question["ended"], os.WNOHANG)
            code = os.waitstatus_to_exitcode(status) if pid else None
            if pid:
                alive.discard(pid)
            print(json.dumps(code), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            _live(question)
        alive.add(pid)
        print(json.dumps(pid), flush=True)
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _live(question: dict[str, Any]) -> None:
    """A life of its own; never returns."""
    code = 1
    try:
        _redirect("/dev/null", os.O_RDONLY, 0)
        _redirect(question["said"], os.O_WRONLY, 1)
        _redirect(question["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 2)
        sys.stdout, sys.stderr = _writer(1), _writer(2)
        os.environ.update(question["environment"])
        if namespace := os.environ.get(NAMESPACE):
            _enter(namespace)
        from routine_load.cli.commands import app

        try:
            app(question["words"], prog_name="routine-load")
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _enter(namespace: str) -> None:
    """Whatever this process opens from now on is in that network namespace."""
    opened = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(opened, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"namespace {namespace}")
    os.close(opened)


def _redirect(path: str, flags: int, to: int) -> None:
    opened = os.open(path, flags, 0o600)
    os.dup2(opened, to)
    os.close(opened)


def _writer(descriptor: int) -> IO[str]:
    return open(descriptor, "w", buffering=1, closefd=False)
