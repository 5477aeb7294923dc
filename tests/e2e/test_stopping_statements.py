"""Statements that run too long: KILL ends them, and a client that leaves takes its statement along."""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
import time

import pymysql
import pytest

LONG = "SELECT count(*) FROM d.t a JOIN d.t b ON a.id + b.id <> 0 JOIN d.t c ON a.id + b.id + c.id <> 0"


@pytest.fixture
def busy(service):
    """A service with a table whose join with itself takes minutes."""
    digits = "(SELECT 0 n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4)"
    service.run(
        "CREATE DATABASE d",
        "CREATE TABLE d.t (id BIGINT) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)",
        f"INSERT INTO d.t SELECT a.n + 5 * b.n + 25 * c.n + 125 * d.n + 625 * e.n + 3125 * f.n FROM {digits} a"
        f" CROSS JOIN {digits} b CROSS JOIN {digits} c CROSS JOIN {digits} d CROSS JOIN {digits} e CROSS JOIN {digits} f",
    )
    return service


def running(service):
    """Ids of the connections that run a query on the table."""
    return [int(row[1]) for row in service.run("SHOW PROCESSLIST") if "FROM d.t a" in row[9]]


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


class Victim:
    """A client in a thread of its own, busy with the long query."""

    def __init__(self, service, user="root"):
        self.connection = service.connect(user=user)
        self.error = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        until(lambda: running(service))

    def _run(self):
        try:
            self.connection.cursor().execute(LONG)
        except (pymysql.Error, OSError, AttributeError) as error:
            self.error = error

    def join(self):
        self.thread.join(20)
        assert not self.thread.is_alive()
        return self.error


def test_kill_query_ends_the_query_and_keeps_the_connection(busy):
    """KILL QUERY: error 1317 for the victim, whose connection goes on."""
    victim = Victim(busy)
    busy.run(f"KILL QUERY {victim.connection.thread_id()}")
    assert victim.join().args == (1317, "Query execution was interrupted")
    victim.connection.cursor().execute("SELECT 1")
    victim.connection.close()


def test_kill_ends_the_connection(busy):
    """KILL: the victim loses its connection, and its query ends."""
    victim = Victim(busy)
    busy.run(f"KILL {victim.connection.thread_id()}")
    assert victim.join().args[0] == 2013
    until(lambda: not running(busy))


def test_kill_of_someone_else_is_refused(busy):
    """Only root may kill what another user runs; an unknown id is error 1094."""
    busy.run("CREATE USER ann")
    victim = Victim(busy)
    with pytest.raises(pymysql.Error, match="You are not owner of thread"):
        busy.run(f"KILL QUERY {victim.connection.thread_id()}", user="ann")
    with pytest.raises(pymysql.Error, match="Unknown thread id: 4711") as caught:
        busy.run("KILL 4711")
    assert caught.value.args[0] == 1094
    busy.run(f"KILL CONNECTION {victim.connection.thread_id()}")
    victim.join()


def test_a_client_that_leaves_takes_its_query_along(busy):
    """A connection that breaks in mid-query leaves nothing running behind it."""
    victim = Victim(busy)
    victim.connection._sock.shutdown(2)
    victim.join()
    until(lambda: not running(busy))


@pytest.mark.skipif(shutil.which("mariadb") is None, reason="needs the mariadb client")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_shell_that_is_interrupted_or_killed(busy, number):
    """Ctrl-C in the mariadb shell (it sends KILL QUERY), and its sudden death, end the query."""
    command = ["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{busy.mysql_port}", "-uroot", "-e", LONG]
    shell = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    until(lambda: running(busy))
    shell.send_signal(number)
    until(lambda: not running(busy))
    _, said = shell.communicate(timeout=20)
    assert number == signal.SIGKILL or "ERROR 1317" in said or "Ctrl-C" in said


def test_sessions_are_listed_under_the_number_that_their_client_was_told(service):
    """Refused logins and renewed sessions leave no ghost in SHOW PROCESSLIST, and every number is the client's own."""
    with pytest.raises(pymysql.Error):
        service.connect(user="nobody")
    connection = service.connect()
    connection._execute_command(pymysql.constants.COMMAND.COM_QUERY + 0x1C, b"")  # COM_RESET_CONNECTION
    connection._read_ok_packet()
    with connection.cursor() as cursor:
        cursor.execute("SHOW PROCESSLIST")
        listed = [(int(row[1]), row[9]) for row in cursor.fetchall()]
    assert listed == [(connection.thread_id(), "SHOW PROCESSLIST")]
    connection.close()
    until(lambda: len(service.run("SHOW PROCESSLIST")) == 1)
