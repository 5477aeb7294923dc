"""One connection, many threads; and its end while they are at work."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

import routine_load
from routine_load.api import sessions
from routine_load.errors import ConnectionClosed, LimitExceeded, RoutineLoadError, UnknownDatabase

LONG = "SELECT count(*) FROM web.n a, web.n b, web.n c, web.n d, web.n e WHERE a.i + b.i + c.i + d.i + e.i = -1"


@pytest.fixture(scope="module")
def service():
    with routine_load.connect(mysql_port=0) as connection:
        connection.execute("CREATE DATABASE web; CREATE DATABASE shop")
        connection.execute("CREATE TABLE web.n (i INT) DUPLICATE KEY(i) DISTRIBUTED BY HASH(i)")
        connection.execute(f"INSERT INTO web.n VALUES {', '.join(f'({i})' for i in range(400))}")
        yield connection


@pytest.fixture
def remote(service) -> Callable[..., routine_load.Connection]:
    return lambda **more: routine_load.connect(url=f"mysql://127.0.0.1:{service.ports[0]}", **more)


def in_thread(work: Callable[[], object]) -> Future[object]:
    pool = ThreadPoolExecutor(1)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return future


def is_running(service: routine_load.Connection, text: str) -> bool:
    rows = service.query("SHOW FULL PROCESSLIST").dicts()
    return any(text in (row["Info"] or "") and "PROCESSLIST" not in row["Info"] for row in rows)


def until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(600):
        if condition():
            return
        pause.wait(0.05)
    pytest.fail("it did not come about within 30 s")


def test_threads_do_not_see_each_others_database(service):
    """USE and SET hold for the thread that said them, whatever the others say meanwhile."""
    meet = threading.Barrier(8)

    def work(number: int) -> tuple:
        database = ("web", "shop")[number % 2]
        service.execute(f"USE {database}")
        service.execute(f"SET @mine = '{number}'")
        meet.wait(30)
        seen = service.query("SELECT DATABASE(), @mine").fetchone()
        return seen == (database, str(number))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_a_threads_session_begins_with_the_database_of_connect(remote):
    """database is for every thread; a database that is not there is an error of connect."""
    with remote(database="web") as connection:
        assert in_thread(lambda: connection.query("SELECT DATABASE()").fetchall()).result(30) == [("web",)]
    with pytest.raises(UnknownDatabase):
        remote(database="nowhere")
    with pytest.raises(UnknownDatabase):
        routine_load.connect(database="nowhere")


def test_a_long_query_keeps_nobody_waiting(service, remote):
    """While one thread computes, another is answered by the same connection."""
    with remote() as connection:
        computing = in_thread(lambda: connection.query(LONG).fetchall())
        until(lambda: is_running(service, "web.n e"))
        assert connection.query("SELECT 1").fetchall() == [(1,)]
        assert not computing.done()
    with pytest.raises(ConnectionClosed):
        computing.result(30)


def test_sessions_of_ended_threads_are_given_back(service, remote):
    """A thread that is gone leaves no session behind for long: the next new one sweeps."""
    with remote() as connection:
        for _ in range(5):
            in_thread(lambda: connection.query("SELECT 1").fetchall()).result(30)

        def held() -> int:
            in_thread(lambda: connection.query("SELECT 1").fetchall()).result(30)
            return len(connection._sessions._held)

        until(lambda: held() <= 3)


def test_sessions_are_bounded(remote, monkeypatch):
    """More threads at a time than there may be sessions get an error with the number."""
    monkeypatch.setattr(sessions, "SESSIONS_MAX", 2)
    with remote() as connection, ThreadPoolExecutor(3) as pool:
        meet = threading.Barrier(3)

        def ask() -> object:
            meet.wait(30)
            try:
                answer = connection.query("SELECT 1").fetchall()
            except RoutineLoadError as error:
                answer = error
            meet.wait(30)
            return answer

        answers = [each.result(30) for each in [pool.submit(ask) for _ in range(3)]]
    refused = [each for each in answers if isinstance(each, LimitExceeded)]
    assert len(refused) >= 1
    assert "2 sessions of this connection are open" in refused[0].message


def busy_connection(way: str, service, remote) -> tuple[routine_load.Connection, Callable[[], bool]]:
    if way == "remote":
        return remote(), lambda: is_running(service, "web.n e")
    inside = routine_load.connect()
    inside.execute("CREATE DATABASE web; CREATE TABLE web.n (i INT) DUPLICATE KEY(i) DISTRIBUTED BY HASH(i)")
    inside.execute(f"INSERT INTO web.n VALUES {', '.join(f'({i})' for i in range(400))}")
    return inside, lambda: is_running(inside, "web.n e")


@pytest.mark.parametrize("way", ["embedded", "remote"])
def test_closing_ends_what_other_threads_run(way, service, remote):
    """close interrupts a query of another thread, which raises ConnectionClosed, and comes back itself."""
    connection, begun = busy_connection(way, service, remote)
    computing = in_thread(lambda: connection.query(LONG).fetchall())
    until(begun)
    connection.close()
    with pytest.raises(ConnectionClosed):
        computing.result(30)
    with pytest.raises(ConnectionClosed):
        connection.execute("SELECT 1")


@pytest.mark.parametrize("way", ["embedded", "remote"])
def test_closing_ends_a_wait(way, remote, embedded_kafka, topic):
    """A thread that waits for a job is told, not left until its time limit."""
    embedded_kafka.create_topic(topic, 1)
    connection = remote() if way == "remote" else routine_load.connect()
    connection.execute("CREATE DATABASE IF NOT EXISTS web")
    connection.execute("CREATE TABLE IF NOT EXISTS web.w (i INT) DUPLICATE KEY(i) DISTRIBUTED BY HASH(i)")
    job = connection.create_routine_load("web.w", table="w", brokers=embedded_kafka.bootstrap, topic=topic)
    looked = threading.Event()
    look = connection._looking.job

    def noticed(*arguments):
        looked.set()
        return look(*arguments)

    connection._looking.job = noticed
    waiting = in_thread(lambda: job.wait(loaded_rows=1, timeout=600))
    assert looked.wait(30)
    connection.close()
    with pytest.raises(ConnectionClosed):
        waiting.result(30)


FORGETFUL = """
import sys
import routine_load

inside = routine_load.connect(mysql_port=0)
outside = routine_load.connect(url=f"mysql://127.0.0.1:{inside.ports[0]}")
outside.execute("CREATE DATABASE web")
sys.exit(3)
"""


def test_a_program_may_forget_to_close(tmp_path):
    """It ends with its own exit code, says nothing, and leaves nothing behind."""
    ran = subprocess.run(
        [sys.executable, "-W", "always", "-c", FORGETFUL],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (3, "", "")
    assert list(tmp_path.iterdir()) == []


def test_two_may_close(remote):
    """Threads that close at the same time do not wait for each other."""
    connection = remote()
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(connection.close) for _ in range(4)]:
            done.result(30)
    assert repr(connection).startswith("<Connection closed")


def test_rows_that_were_not_read_before_the_end(tmp_path):
    """A result that is read after close is an error of ours, or what was fetched already; never another's exception."""
    connection = routine_load.connect(tmp_path)
    connection.execute("CREATE DATABASE web; CREATE TABLE web.n (i INT) DUPLICATE KEY(i) DISTRIBUTED BY HASH(i)")
    connection.execute(f"INSERT INTO web.n VALUES {', '.join(f'({i})' for i in range(5000))}")
    rows = connection.query("SELECT i FROM web.n")
    assert rows.fetchone() is not None
    connection.close()
    with pytest.raises(RoutineLoadError):
        rows.fetchall()
