"""How backends join, and what cannot disturb those that are there: false addresses, twins, strangers' repeats, versions."""

from __future__ import annotations

import contextlib
import json
import socket

import httpx
import pytest

from routine_load import __version__
from routine_load.app.backend import BackendProcess, BackendSettings, _register, _told_host, read_fronts
from routine_load.backends.messages import REGISTER_PATH, Presence
from routine_load.backends.signing import HEADER, SharedSecret
from routine_load.backends.wire import Wire
from routine_load.server.http import backends as http_backends
from tests.support.backend_processes import SECRET, CoordinatorHere, secret_file, wait_until

MINE = SharedSecret(SECRET.strip().encode())


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    made = CoordinatorHere(tmp_path_factory.mktemp("joining"))
    yield made
    made.stop()


@contextlib.contextmanager
def backend_of(here, **settings):
    given = {"port": 0, "silence_s": 0.2} | settings
    made = BackendProcess(BackendSettings(fronts=read_fronts(here.fe), secret_file=secret_file(here.folder), **given))
    made.start()
    try:
        yield made
    finally:
        made.stop()


def is_alive(here, backend) -> bool:
    return here.backends().get(backend.port, {}).get("Alive") == "true"


def registered(here, **changes) -> str:
    """What a coordinator answers to such a registration; empty: it was taken."""
    known = {"session": "s", "host": "127.0.0.1", "port": 1, "slots": 1, "started_at_ms": 0, "version": __version__}
    body = json.dumps(known | changes).encode()
    answer = httpx.post(
        here.fe + REGISTER_PATH, content=body, headers={HEADER: MINE.signature(REGISTER_PATH, body)}, trust_env=False
    )
    return "" if answer.status_code == 200 else answer.json()["message"]


@pytest.mark.parametrize("address", ["999.1.1.1:80", "[::::]:80", "xn--a:80", "a..b:80"])
def test_an_address_that_can_be_nobodys_is_shown_so_and_disturbs_nobody(here, address):
    """The others are asked as before: one that dies is seen dead."""
    here.run(f"ALTER SYSTEM ADD BACKEND '{address}'")
    wait_until(lambda: here.backends()[80]["ErrMsg"] != "", here.backends)
    with backend_of(here) as backend:
        wait_until(lambda: is_alive(here, backend), here.backends)
    wait_until(lambda: "attempts failed" in here.backends()[backend.port]["ErrMsg"], here.backends)
    here.run(f"ALTER SYSTEM DROP BACKEND '{address}', '127.0.0.1:{backend.port}'")


def test_a_backend_at_an_address_of_another_is_refused_and_ends_none_of_its_tasks(here):
    """Two with one --advertise: the coordinator asks there, and hears the first one."""
    with backend_of(here) as first:
        wait_until(lambda: is_alive(here, first), here.backends)
        started = here.backends()[first.port]["LastStartTime"]
        assert "another backend answers at" in registered(here, port=first.port)
        with backend_of(here, advertise=("127.0.0.1", first.port)) as second:
            assert second.port not in here.backends()
            assert is_alive(here, first)
            assert here.backends()[first.port]["LastStartTime"] == started


def test_a_backend_that_cannot_be_reached_where_it_says_is_refused(here):
    """Its log says so at once: both ways have to be open."""
    assert "no way from the coordinator to 127.0.0.1:1" in registered(here, port=1)
    assert 1 not in here.backends()


@pytest.mark.parametrize("changes", [{}, {"future": 1}])
def test_a_backend_of_another_version_is_refused_by_both_versions(here, changes):
    """Also where it says what this one does not know."""
    said = registered(here, version="99.0", **changes)
    assert "the backend has version 99.0, this coordinator has" in said


def test_a_backend_that_one_coordinator_refuses_asks_the_next(here):
    """Coordinators may differ in their versions for a while, and one may have got the new secret before the other."""
    wire, stranger = Wire(MINE), Wire(SharedSecret(b"not the secret of these tests"))
    with backend_of(here) as backend:
        wait_until(lambda: is_alive(here, backend), here.backends)
        away = (("127.0.0.1", backend.port), *read_fronts(here.fe))  # a backend takes no registrations
        said = Presence(session="s", host="127.0.0.1", port=1, version="99.0", slots=1, started_at_ms=0)
        assert "99.0" in _register(away, said, wire)
        assert "not signed" in _register(read_fronts(here.fe) * 2, said, stranger)
    wire.close()
    stranger.close()


def test_a_dead_backend_that_is_decommissioned_is_dropped(here):
    """It has nothing left."""
    here.run("ALTER SYSTEM ADD BACKEND '127.0.0.1:2'")
    wait_until(lambda: here.backends()[2]["ErrMsg"] != "", here.backends)
    here.run("ALTER SYSTEM DECOMMISSION BACKEND '127.0.0.1:2'")
    wait_until(lambda: 2 not in here.backends(), here.backends)


def test_a_process_is_one_backend_whatever_it_is_called(here):
    """Its second name is shown with the number of the first, and gets no tasks."""
    with backend_of(here) as backend:
        wait_until(lambda: is_alive(here, backend), here.backends)
        number = here.backends()[backend.port]["BackendId"]
        here.run(f"ALTER SYSTEM ADD BACKEND 'localhost:{backend.port}'")
        named = lambda: next(each for each in here.shown("SHOW BACKENDS") if each["IP"] == "localhost")  # noqa: E731 - one use
        wait_until(lambda: f"it is backend {number}, too" in named()["ErrMsg"], named)
        assert named()["Alive"] == "false"
        here.run(f"ALTER SYSTEM DROP BACKEND 'localhost:{backend.port}'")
        assert is_alive(here, backend)


def test_a_job_says_that_no_backend_is_alive_and_goes_on_with_the_first(here, embedded_kafka, topic):
    """The originals leave it NEED_SCHEDULE and do not say why."""
    embedded_kafka.create_topic(topic, 1)
    embedded_kafka.produce(topic, ["1"])
    here.run("CREATE DATABASE d")
    here.run("CREATE TABLE d.t (id INT) DUPLICATE KEY(id) DISTRIBUTED BY HASH(id)")
    here.run(
        f"""CREATE ROUTINE LOAD d.j ON t FROM KAFKA ("kafka_broker_list" = "{embedded_kafka.bootstrap}",
        "kafka_topic" = "{topic}", "property.kafka_default_offsets" = "OFFSET_BEGINNING")"""
    )
    job = lambda: here.shown("SHOW ROUTINE LOAD FOR d.j")[0]  # noqa: E731 - one use
    wait_until(lambda: "No alive backends" in job()["OtherMsg"], job)
    assert job()["State"] == "NEED_SCHEDULE"
    with backend_of(here):
        wait_until(lambda: here.run("SELECT id FROM d.t") == [(1,)], job)
        wait_until(lambda: "No alive backends" not in job()["OtherMsg"], job)
        here.run("STOP ROUTINE LOAD FOR d.j")


def test_messages_that_stop_arriving_keep_no_place_from_others(here, monkeypatch):
    """Backends without power left their bodies half sent, more than are read at a time: others are heard."""
    monkeypatch.setattr(http_backends, "_SILENCE_S", 0.2)
    signature = MINE.signature(REGISTER_PATH, b"x" * 100)
    head = f"POST {REGISTER_PATH} HTTP/1.1\r\nHost: h\r\n{HEADER}: {signature}\r\nContent-Length: 100\r\n\r\nx"
    with contextlib.ExitStack() as dead:
        for _ in range(8):
            half = dead.enter_context(socket.create_connection(("127.0.0.1", here.coordinator.ports[1]), 20))
            half.sendall(head.encode())
        assert "no way from the coordinator" in registered(here)
        assert half.recv(100).startswith(b"HTTP/1.1 408")


def test_who_listens_everywhere_is_found_by_the_machines_name():
    """0.0.0.0 is nobody's address."""
    assert _told_host("0.0.0.0") not in {"0.0.0.0", ""}
    assert _told_host("10.0.0.7") == "10.0.0.7"
