"""A service behind a URL: passwords, TLS, and connections that break."""

from __future__ import annotations

import selectors
from urllib.parse import quote

import pytest

import routine_load
from routine_load.errors import AccessDenied, ConnectionLost, RoutineLoadError

ODD = "p@ss:w/o#r?d%41 é&='\""


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with routine_load.connect(tmp_path_factory.mktemp("service") / "data", mysql_port=0) as connection:
        connection.execute("CREATE DATABASE web")
        escaped = ODD.replace("'", "''")
        connection.execute(f"CREATE USER 'me@home' IDENTIFIED BY '{escaped}'")
        yield connection


def url(service: routine_load.Connection, rest: str = "", login: str = "") -> str:
    return f"mysql://{login}127.0.0.1:{service.ports[0]}{rest}"


def kill(service: routine_load.Connection, connection: routine_load.Connection) -> int:
    """End the connection at the server, and wait for the news to arrive."""
    number = connection_id(connection)
    service.execute(f"KILL {number}")
    (held,) = connection._sessions._all()
    with selectors.DefaultSelector() as selector:
        selector.register(held.client._connection._sock, selectors.EVENT_READ)
        assert selector.select(30)
    return number


def connection_id(connection: routine_load.Connection) -> int:
    return connection.query("SELECT connection_id()").fetchone()[0]


def test_any_password_can_be_written(service):
    """Percent-encoded, every character gets through; a wrong one is AccessDenied and not repeated."""
    login = f"{quote('me@home', safe='')}:{quote(ODD, safe='')}@"
    with routine_load.connect(url=url(service, login=login)) as connection:
        assert "me@home" in connection.query("SELECT current_user()").fetchone()[0]
    with pytest.raises(AccessDenied) as caught:
        routine_load.connect(url=url(service, login="root:canary@"))
    assert caught.value.errno == 1045
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("tls", ["disabled", "preferred", "required"])
def test_tls_as_the_url_asks(service, tls):
    """The service's own certificate is good for preferred and required."""
    with routine_load.connect(url=url(service, f"?ssl={tls}")) as connection:
        client = connection._sessions._all()[0].client
        assert client._connection._secure is (tls != "disabled")


def test_a_certificate_can_be_checked(service, tmp_path):
    """verify_ca takes the certificate that is named; without it, or for another host's, there is no connection."""
    (certificate,) = (service._door._coordinator._settings.data_dir).rglob("*cert*.pem")
    with routine_load.connect(url=url(service, f"?ssl=verify_ca&ssl_ca={quote(str(certificate))}")) as connection:
        assert connection.query("SELECT 1").fetchall() == [(1,)]
    with pytest.raises(ConnectionLost, match="certificate verify failed"):
        routine_load.connect(url=url(service, "?ssl=verify_ca"))


def test_required_tls_is_not_given_up():
    """A server without TLS is refused before the password is sent."""
    with routine_load.connect(mysql_port=0, tls=False) as plain:
        with routine_load.connect(url=url(plain)) as connection:
            assert connection.query("SELECT 1").fetchall() == [(1,)]
        with pytest.raises(ConnectionLost, match="SSL is required"):
            routine_load.connect(url=url(plain, "?ssl=required"))


def test_a_connection_that_was_ended_meanwhile_is_made_again(service):
    """Nothing was under way: the next statement runs on a new connection, in the database that was selected."""
    with routine_load.connect(url=url(service)) as connection:
        connection.execute("USE web")
        before = kill(service, connection)
        assert connection.query("SELECT DATABASE()").fetchall() == [("web",)]
        assert connection_id(connection) != before


def test_compat_is_said_again_on_a_new_connection(service):
    """What connect was given holds on every connection that it makes."""
    with routine_load.connect(url=url(service), compat="doris") as connection:
        kill(service, connection)
        assert connection.query("SELECT @@compat").fetchall() == [("doris",)]


def test_a_statement_that_lost_its_connection_is_not_repeated(service):
    """Whether it was carried out is not known, and said; the next statement connects again."""
    with routine_load.connect(url=url(service)) as connection:
        before = connection_id(connection)
        with pytest.raises(ConnectionLost, match="may or may not have been carried out") as caught:
            connection.execute(f"KILL {before}")
        assert (caught.value.errno, caught.value.sqlstate) == (2013, "08S01")
        assert connection_id(connection) != before


def test_a_wait_outlives_a_restart(tmp_path, embedded_kafka, topic):
    """A server that goes and comes back does not end a wait; rows of after the restart end it."""
    embedded_kafka.create_topic(topic, 1)
    data = tmp_path / "data"
    first = routine_load.connect(data, mysql_port=0)
    port = first.ports[0]
    with routine_load.connect(url=f"mysql://127.0.0.1:{port}") as outside:
        outside.execute("CREATE DATABASE web")
        outside.execute("CREATE TABLE web.t (i INT) DUPLICATE KEY(i) DISTRIBUTED BY HASH(i)")
        job = outside.create_routine_load("web.j", table="t", brokers=embedded_kafka.bootstrap, topic=topic)
        first.close()
        with pytest.raises(RoutineLoadError):
            job.refresh()
        with pytest.raises(ConnectionLost):
            job.wait(loaded_rows=1, timeout=0.2)
        with routine_load.connect(data, mysql_port=port):
            embedded_kafka.produce(topic, ["1"], partition=0)
            assert job.wait(loaded_rows=1).statistic.loaded_rows == 1
