"""docs/backends.md is followed as it stands, with free ports and this machine's address in place of the page's."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pymysql

from tests.support.backend_processes import wait_until

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "backends.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def typed(command: str, folder: Path) -> tuple[subprocess.Popen, dict]:
    """A command that goes on, once it has said that it is ready."""
    words = [sys.executable, "-m", "routine_load", *command.split()[1:]]
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
    line = process.stdout.readline()
    assert line, (folder / "log").read_text()[-3000:]
    return process, json.loads(line)


def test_a_reader_gets_a_backend_that_comes_and_goes(tmp_path):
    """Every command of the page, in its order."""
    (make_secret, serve), (be,) = (block.splitlines() for block in blocks("sh"))
    subprocess.run(make_secret, shell=True, cwd=tmp_path, check=True)
    assert (tmp_path / "backend.secret").stat().st_mode & 0o777 == 0o600
    started = []
    try:
        coordinator, ready = typed(f"{serve} --mysql-port 0 --http-port 0", tmp_path)
        started.append(coordinator)
        own = be.replace("fe1:8030", f"127.0.0.1:{ready['http_port']}")
        own = own.replace("--host 0.0.0.0 --port 8040 --advertise 10.0.0.7:8040", "--port 0")
        backend, said = typed(own, tmp_path)
        started.append(backend)
        address = f"127.0.0.1:{said['http_port']}"
        connection = pymysql.connect(host="127.0.0.1", port=ready["mysql_port"], user="root", autocommit=True)

        def run(text: str) -> list[tuple]:
            with connection.cursor() as cursor:
                cursor.execute(text.replace("10.0.0.7:8040", address))
                return list(cursor.fetchall())

        show, *rest = [each.strip() for block in blocks("sql") for each in block.split(";") if each.strip()]
        assert show == "SHOW BACKENDS"
        states: list[list[str]] = []
        wait_until(lambda: [row[8] for row in run(show)] == ["true"], lambda: run(show))
        heard = run(show)[0][7]
        # a backend without tasks is dropped at the next heartbeat after it was decommissioned: that one is far now
        wait_until(lambda: run(show)[0][7] != heard, lambda: run(show))
        for statement in rest:
            run(statement)
            states.append([row[9] for row in run(show)])
        assert states[1:] == [["false"], [], ["false"]]  # SystemDecommissioned, kept after all, dropped, added
        wait_until(lambda: [row[8] for row in run(show)] == ["true"], lambda: run(show))
        connection.close()
        for process in (backend, coordinator):
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.wait()
            process.stdout.close()
