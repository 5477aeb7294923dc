"""Backends in other processes as a user meets them: joined, shown, decommissioned, dropped, and shut to strangers."""

from __future__ import annotations

import contextlib

import httpx
import pytest

from routine_load.app.backend import BackendProcess, BackendSettings, _register, read_fronts
from routine_load.backends.codec import to_json
from routine_load.backends.messages import (
    CANCEL_PATH,
    HEARTBEAT_PATH,
    REGISTER_PATH,
    TASK_PATH,
    TURN_PATH,
    Heartbeat,
    Presence,
)
from routine_load.backends.signing import HEADER, SharedSecret
from routine_load.backends.wire import Wire
from routine_load.errors import AnalysisError, ExecutionError, PropertyError
from tests.support.backend_processes import SECRET, CoordinatorHere, secret_file, wait_until


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    made = CoordinatorHere(tmp_path_factory.mktemp("backends"))
    yield made
    made.stop()


@contextlib.contextmanager
def backend_of(here, port: int = 0):
    backend = BackendProcess(
        BackendSettings(fronts=read_fronts(here.fe), secret_file=secret_file(here.folder), port=port, silence_s=0.2)
    )
    backend.start()
    try:
        yield backend
    finally:
        backend.stop()


def wait_alive(here, backend) -> None:
    wait_until(lambda: here.backends().get(backend.port, {}).get("Alive") == "true", here.backends)


def load(here, kafka, topic, *, rows: int, table: str) -> None:
    """A job of its own for these rows."""
    kafka.create_topic(topic, 4)
    for partition in range(4):
        values = [f"{partition * rows + n},{n}" for n in range(rows)]
        kafka.produce(topic, [*values, "bad"], partition=partition)
    here.run("CREATE DATABASE IF NOT EXISTS d")
    here.run(f"CREATE TABLE d.{table} (id BIGINT NOT NULL, n BIGINT) PRIMARY KEY(id) DISTRIBUTED BY HASH(id)")
    here.run(
        f"""CREATE ROUTINE LOAD d.{table} ON {table} COLUMNS TERMINATED BY ","
        PROPERTIES ("desired_concurrent_number" = "2", "max_batch_interval" = "5", "max_error_number" = "1000")
        FROM KAFKA ("kafka_broker_list" = "{kafka.bootstrap}", "kafka_topic" = "{topic}",
                    "property.kafka_default_offsets" = "OFFSET_BEGINNING")"""
    )
    shown = lambda: here.shown(f"SHOW ROUTINE LOAD FOR d.{table}")[0]  # noqa: E731 - one use
    wait_until(lambda: f'"loadedRows":{4 * rows},' in shown()["Statistic"], shown)
    assert '"errorRows":4,' in shown()["Statistic"]
    here.run(f"STOP ROUTINE LOAD FOR d.{table}")


def test_two_backends_share_a_job_and_merge_into_one_table(here, embedded_kafka, topic):
    """Rows of a PRIMARY KEY table pass the one merging writer; rejected rows can be read where all are read."""
    with backend_of(here) as one, backend_of(here) as two:
        wait_alive(here, one)
        wait_alive(here, two)
        load(here, embedded_kafka, topic, rows=300, table="shared")
        assert here.run("SELECT count(*), count(DISTINCT id) FROM d.shared") == [(1200, 1200)]
        rejected = here.run("SELECT raw FROM information_schema.routine_load_rejects WHERE table_name = 'shared'")
        assert rejected == [(b"bad",)] * 4
    wait_until(lambda: {each["Alive"] for each in here.backends().values()} == {"false"}, here.backends)


def test_a_decommissioned_backend_is_dropped_when_it_has_nothing_left(here):
    """StarRocks, Doris: DECOMMISSION; a backend that was dropped joins again only when it is added."""
    with backend_of(here) as backend:
        wait_alive(here, backend)
        address = f"127.0.0.1:{backend.port}"
        here.run(f"ALTER SYSTEM DECOMMISSION BACKEND '{address}'")
        wait_until(lambda: backend.port not in here.backends(), here.backends)
        with pytest.raises(ExecutionError, match=r"backend does not exists\[127"):
            here.run(f"ALTER SYSTEM DROP BACKEND '{address}'")
        here.run(f"ALTER SYSTEM ADD BACKEND '{address}'")
        wait_alive(here, backend)
        with pytest.raises(ExecutionError, match=r"Same backend already exists\[127"):
            here.run(f"ALTER SYSTEM ADD BACKEND '{address}'")
        with pytest.raises(ExecutionError, match="not decommissioned"):
            here.run(f"CANCEL DECOMMISSION BACKEND '{address}'")
        here.run(f"ALTER SYSTEM DROP BACKEND '{address}'")
        assert backend.port not in here.backends()


def test_a_backend_that_was_added_and_is_not_there_is_shown_so(here):
    """Its row says why; no task waits for it."""
    here.run("ALTER SYSTEM ADD BACKEND '127.0.0.1:1'")
    wait_until(lambda: here.backends()[1]["ErrMsg"] != "", here.backends)
    shown = here.backends()[1]
    assert (shown["Alive"], shown["StatusCode"], shown["LastHeartbeat"]) == ("false", "CONNECTING", None)
    here.run("ALTER SYSTEM DROP BACKEND '127.0.0.1:1'")


@pytest.mark.parametrize("text", ["127.0.0.1", "127.0.0.1:0", "127.0.0.1:99999", "a b:1", ""])
def test_an_address_that_is_none_is_refused(here, text):
    """By what is allowed; nothing is added."""
    with pytest.raises(AnalysisError, match="allowed: 'host:port'"):
        here.run(f"ALTER SYSTEM ADD BACKEND '127.0.0.1:2', '{text}'")
    assert 2 not in here.backends()


def test_strangers_are_heard_by_neither_side(here):
    """Whatever they say, without the secret, with another, or with what was signed for another path: 401."""
    others = SharedSecret(b"not the secret of these tests")
    mine = SharedSecret(SECRET.strip().encode())
    body = to_json(Heartbeat(epoch=1 << 40, backend_id=1))
    with backend_of(here) as backend, httpx.Client(trust_env=False) as client:
        wait_alive(here, backend)
        at_backend = [(f"http://127.0.0.1:{backend.port}", path) for path in (HEARTBEAT_PATH, TASK_PATH, CANCEL_PATH)]
        for place, path in [*at_backend, (here.fe, REGISTER_PATH), (here.fe, f"{TURN_PATH}/{'0' * 32}/1")]:
            for signature in ("", others.signature(path, body), mine.signature(path + "x", body)):
                answer = client.post(place + path, content=body, headers={HEADER: signature})
                assert answer.status_code == 401, path
                assert SECRET.strip() not in answer.text
        recorded = client.post(
            f"{here.fe}{TURN_PATH}/{'0' * 32}/1",
            content=body,
            headers={HEADER: mine.signature(f"{TURN_PATH}/{'0' * 32}/1", body)},
        )
        assert recorded.status_code == 410  # signed, and said about a task that is over
        assert here.backends()[backend.port]["Alive"] == "true"


def test_who_loads_into_a_backend_is_sent_to_the_coordinator(here):
    """Connectors pick backends of SHOW BACKENDS (StarRocks, Doris: Stream Load)."""
    with backend_of(here) as backend, httpx.Client(trust_env=False) as client:
        answer = client.put(f"http://127.0.0.1:{backend.port}/api/d/t/_stream_load?x=1")
        assert answer.status_code == 307
        assert answer.headers["location"] == f"{here.fe}/api/d/t/_stream_load?x=1"
        assert client.get(f"http://127.0.0.1:{backend.port}/api/health").json()["status"] == "OK"


def test_without_a_secret_there_are_no_backends_elsewhere(tmp_path):
    """Who signs what does not join, and the statement says what to do."""
    here = CoordinatorHere(tmp_path, backend_secret_file=None, backends=1)
    try:
        signature = SharedSecret(SECRET.strip().encode()).signature(REGISTER_PATH, b"{}")
        httpx.post(f"{here.fe}{REGISTER_PATH}", content=b"{}", headers={HEADER: signature}, trust_env=False)
        assert len(here.backends()) == 1
        with pytest.raises(ExecutionError, match="--backend-secret-file"):
            here.run("ALTER SYSTEM ADD BACKEND '127.0.0.1:1'")
    finally:
        here.stop()


def test_a_backend_that_nobody_takes_says_why(here, tmp_path):
    """Another secret, a coordinator that takes none, or nobody there: its log names it, and it tries again."""
    stranger = Wire(SharedSecret(b"not the secret of these tests"))
    mine = Wire(SharedSecret(SECRET.strip().encode()))
    presence = Presence(session="s", host="127.0.0.1", port=3, version="v", slots=1, started_at_ms=0)
    alone = CoordinatorHere(tmp_path, backend_secret_file=None, backends=1)
    try:
        assert (
            _register(read_fronts(here.fe), presence, stranger) == "the message was not signed with this side's secret"
        )
        assert "takes no backends: start it with --backend-secret-file" in _register(
            read_fronts(alone.fe), presence, mine
        )
        assert "no coordinator at 127.0.0.1:1" in _register((("127.0.0.1", 1),), presence, mine)
        assert 3 not in here.backends()
    finally:
        alone.stop()
        stranger.close()
        mine.close()


@pytest.mark.parametrize("text", ["", "ftp://h:1", "http://h:port", "http://h/path", "http://"])
def test_an_address_of_a_coordinator_that_is_none_is_refused(text):
    """Before anything is started."""
    with pytest.raises(PropertyError, match="--fe"):
        read_fronts(text)
