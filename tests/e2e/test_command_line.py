"""The commands as processes: what they print, how they end."""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from examples import runner

RL = [sys.executable, "-m", "routine_load"]


def ended(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RL, *arguments], env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def service():
    with runner.service("starrocks") as running:
        yield running


def test_serve_prints_one_line_and_drains_on_sigterm(tmp_path):
    """stdout is exactly the ready line; both doors answer; SIGTERM exits 0."""
    flags = ["--data-dir", str(tmp_path), "--mysql-port", "0", "--http-port", "0"]
    with subprocess.Popen([*RL, "serve", *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            ready = json.loads(process.stdout.readline())
            assert set(ready) == {"event", "mysql_port", "http_port", "be_http_port"}
            assert ready["event"] == "ready"
            health = httpx.get(f"http://127.0.0.1:{ready['http_port']}/api/health", timeout=10).json()
            assert health["status"] == "OK"
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out) == (0, "")
    assert all(json.loads(line)["event"] for line in err.splitlines())


@pytest.mark.skipif(sys.platform != "linux", reason="threads are named and signalled as Linux does it")
def test_sigterm_is_heard_whichever_thread_gets_it(tmp_path):
    """The system may hand a signal to any thread of the process; the service ends all the same."""
    flags = ["--data-dir", str(tmp_path), "--mysql-port", "0", "--http-port", "off"]
    with subprocess.Popen([*RL, "serve", *flags], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            process.stdout.readline()
            threads = {int(each.name) for each in Path(f"/proc/{process.pid}/task").iterdir()} - {process.pid}
            tgkill = 234 if os.uname().machine == "x86_64" else 131
            assert ctypes.CDLL(None).syscall(tgkill, process.pid, max(threads), signal.SIGTERM) == 0
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--backends", "65"], {}, "backends = '65' (--backends) is not allowed; allowed: a whole number from 0 to 64"),
        ([], {"RL_COMPAT": "oracle"}, "compat = 'oracle' (in RL_COMPAT) is not allowed; allowed: starrocks or doris"),
        ([], {"RL_LOG_LEVEL": "loud"}, "RL_LOG_LEVEL = 'loud' is not allowed; allowed: debug, info"),
        (["--config", "/nonexistent.toml"], {}, "cannot read the configuration file /nonexistent.toml"),
        (["--host", "0.0.0.0"], {}, "--allow-remote-empty-password"),
    ],
)
def test_a_wrong_setting_ends_with_a_sentence(tmp_path, arguments, environment, message):
    """A setting that is not allowed: exit code 2, one line on stderr, nothing on stdout."""
    ran = ended("serve", "--data-dir", str(tmp_path), *arguments, **environment)
    assert (ran.returncode, ran.stdout) == (2, "")
    last = ran.stderr.splitlines()[-1]
    assert last.startswith("routine-load: ")
    assert message in last


def test_a_second_service_on_a_directory_is_refused(tmp_path):
    """The error names the directory's owner by pid; exit code 1."""
    flags = ["--data-dir", str(tmp_path), "--mysql-port", "0", "--http-port", "off"]
    with subprocess.Popen([*RL, "serve", *flags], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as first:
        try:
            first.stdout.readline()
            second = ended("serve", *flags)
        finally:
            first.terminate()
            first.wait(60)
    assert second.returncode == 1
    assert str(first.pid) in second.stderr


def test_sql_prints_tables_json_and_csv(service):
    """One statement, three shapes."""
    port = str(service.mysql_port)
    query = "SELECT 1 AS a, 'x' AS b"
    assert ended("sql", query, "--port", port).stdout.splitlines()[3] == "| 1 | x |"
    assert json.loads(ended("sql", query, "--port", port, "--json").stdout) == [{"a": 1, "b": "x"}]
    assert ended("sql", query, "--port", port, "--csv").stdout == "a,b\n1,x\n"
    assert "a: 1\n" in ended("sql", query + r"\G", "--port", port).stdout


def test_sql_reads_statements_from_stdin(service):
    """A dash stands for stdin; every statement's result is printed."""
    ran = subprocess.run(
        [*RL, "sql", "-", "--port", str(service.mysql_port), "--csv"],
        input="SELECT 1 AS a; SELECT 2 AS b",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stdout == "a\n1\nb\n2\n", ran.stderr


def test_sql_fails_with_the_servers_message(service):
    """Exit code 1 and the message, with its place, on stderr when the statement, or the login, fails."""
    ran = ended("sql", "PAUSE ROUTINE LOAD FOR nowhere.j", "--port", str(service.mysql_port))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("routine-load: ")
    wrong = ended("sql", "SET time_zone = 'Mars/Base'", "--port", str(service.mysql_port))
    assert (wrong.returncode, "Mars/Base" in wrong.stderr) == (1, True)
    odd = ended("sql", "CREATE ROUTINE LOAD x\nFORM", "--port", str(service.mysql_port))
    assert odd.stderr.count("line 2, column 1") == 1
    denied = ended("sql", "SELECT 1", "--port", str(service.mysql_port), RL_PASSWORD="canary")
    assert denied.returncode == 1
    assert "canary" not in denied.stderr


def test_migrate_says_the_revision(tmp_path):
    """migrate makes the metadata database, a second time it finds nothing to do."""
    first = ended("migrate", "--data-dir", str(tmp_path / "new"))
    assert (first.returncode, first.stderr) == (0, "")
    assert ended("migrate", "--data-dir", str(tmp_path / "new")).stdout == first.stdout


def test_dev_fills_a_table_from_what_it_prints(tmp_path):
    """The statements that dev prints, pasted as they stand, give rows."""
    flags = ["--mysql-port", "0", "--http-port", "0"]
    with subprocess.Popen(
        [*RL, "dev", *flags], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=tmp_path
    ) as process:
        try:
            said = _until(process, "Ctrl-C")
            port = re.search(r"-P(\d+)", said)[1]
            script = said[said.index("CREATE DATABASE") : said.index("SHOW ROUTINE LOAD")]
            with runner.routine_load.connect(url=f"mysql://127.0.0.1:{port}") as connection:
                for statement in filter(str.strip, script.split(";")):
                    connection.execute(statement)
                connection.wait("demo.clicks_load", loaded_rows=5)
                assert connection.query("SELECT count(*) >= 5 FROM demo.clicks").fetchone()[0]
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            process.kill()
    assert list(Path(tmp_path).iterdir()) == []


def _until(process: subprocess.Popen[str], word: str) -> str:
    said = ""
    while word not in said:
        line = process.stdout.readline()
        assert line, f"dev ended after: {said}"
        said += line
    return said
