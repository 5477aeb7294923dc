"""Statements to a cluster's front end: their connections, sessions and results; who may send what."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import pytest

from routine_load.clock import SystemClock
from routine_load.engines.cluster import frontend as module
from routine_load.engines.cluster.address import read_target
from routine_load.engines.cluster.admission import require_to_forward
from routine_load.engines.cluster.frontend import Frontend
from routine_load.engines.cluster.nodes import Nodes
from routine_load.engines.cluster.tables import Tables
from routine_load.errors import (
    ClusterRefused,
    EngineError,
    LimitExceeded,
    PrivilegeDenied,
    TargetUnavailable,
    UnknownDatabase,
    UnknownTable,
)
from routine_load.ids import Compat, TableRef
from routine_load.sql.privileges import Privilege
from routine_load.statements.ports import Session
from tests.support.cluster_peer import peer_of


@pytest.fixture(scope="module", params=list(Compat))
def peer(request, tmp_path_factory):
    with peer_of(request.param, tmp_path_factory.mktemp("front")) as peer:
        peer.table("t", "v VARCHAR(20), d DECIMAL(10,3), j JSON, a ARRAY<INT>")
        peer.run("INSERT INTO d.t (id, v) VALUES (1, 'x')")
        yield peer


@pytest.fixture
def frontend(peer):
    made = Frontend(read_target(peer.url + "&connections=2"))
    yield made
    made.close()


def session(peer, **values):
    return Session(user="root", compat=peer.compat, connection_id=77, **values)


def rows(frontend, text, session):
    return [tuple(row) for row in frontend.run(text, session).rows]


def test_a_statement_runs_in_its_clients_session(peer, frontend):
    """Database, time zone and timeout of the client's session are set where they differ from the last one's."""
    near = session(peer, database="d", timezone="America/New_York", variables={"query_timeout": "17"})
    assert rows(frontend, "SELECT v, @@time_zone, @@query_timeout FROM t", near) == [("x", "America/New_York", 17)]
    far = replace(near, database="information_schema", timezone="Asia/Tokyo")
    assert rows(frontend, "SELECT DATABASE(), @@time_zone", far) == [("information_schema", "Asia/Tokyo")]


def test_a_session_without_a_database_has_none_there(peer, frontend):
    """It does not find itself in the database of who used the connection before."""
    assert rows(frontend, "SELECT v FROM t", session(peer, database="d")) == [("x",)]
    with pytest.raises(ClusterRefused) as caught:
        frontend.run("SELECT v FROM t", session(peer))
    assert caught.value.number(peer.compat) == 1046


def test_a_long_result_comes_as_it_is_read_and_may_be_left(peer, frontend):
    """It is never all in memory; a client that leaves gives its place to the next."""
    many = "SELECT unnest FROM unnest(array_generate(1, 5000)) u"
    assert len(rows(frontend, many, session(peer))) == 5000
    for _ in range(4):  # more than there are connections
        begun = iter(frontend.run(many, session(peer)).rows)
        assert next(begun) == (1,)
        del begun
    assert rows(frontend, "SELECT 1", session(peer)) == [(1,)]


def test_a_statement_that_fails_keeps_its_connection(peer, frontend):
    """The refusal is the cluster's, with number and state."""
    for _ in range(5):
        with pytest.raises(ClusterRefused) as caught:
            frontend.run("SELECT * FROM d.nowhere", session(peer))
    assert caught.value.number(peer.compat) in {5502, 1051}
    assert len(frontend._idle) == 1


def test_what_a_client_runs_can_be_ended(peer, frontend):
    """KILL: the client is told so; its place is free again."""
    begun = threading.Event()
    failures = []

    def run():
        begun.set()
        try:
            frontend.run("SELECT sleep(60)", session(peer))
        except EngineError as error:
            failures.append(error.message)

    thread = threading.Thread(target=run)
    thread.start()
    begun.wait()
    while thread.is_alive():
        frontend.kill(77)
        thread.join(0.05)
    assert failures == ["Query was cancelled"]
    assert rows(frontend, "SELECT 1", session(peer)) == [(1,)]
    frontend.kill(12345)


def test_more_statements_than_allowed_wait_for_their_turn(peer, frontend, monkeypatch):
    """Connections to a cluster are bounded; who waits too long is told which option bounds them."""
    monkeypatch.setattr(module, "_WAIT_S", 0.05)
    many = "SELECT unnest FROM unnest(array_generate(1, 5000)) u"
    held = [frontend.run(many, session(peer)) for _ in range(2)]
    with pytest.raises(LimitExceeded, match="option connections"):
        frontend.run("SELECT 1", session(peer))
    del held
    assert rows(frontend, "SELECT 1", session(peer)) == [(1,)]


def test_another_front_end_is_asked_where_one_is_away(peer):
    """The first of the target's hosts that can be reached; a login that is refused is not tried elsewhere."""
    mysql_port, http_port = peer.coordinator.ports
    made = Frontend(read_target(f"{peer.compat}://root@127.0.0.2:{mysql_port},127.0.0.1:{mysql_port}"))
    assert made.ask("SELECT 1 AS x") == [{"x": 1}]
    made.close()
    stranger = Frontend(read_target(f"{peer.compat}://stranger:hidden@127.0.0.1:{mysql_port}?http_port={http_port}"))
    with pytest.raises(ClusterRefused) as caught:
        stranger.ask("SELECT 1")
    assert caught.value.number(peer.compat) == 1045
    assert "hidden" not in caught.value.message
    stranger.close()


def test_a_cluster_that_is_away_is_unavailable():
    """No answer is no refusal."""
    made = Frontend(read_target("doris://root@127.0.0.1:1"))
    with pytest.raises(TargetUnavailable, match=r"127\.0\.0\.1:1 does not answer"):
        made.ask("SELECT 1")
    tables = Tables(made, SystemClock())
    assert tables.has_database("d"), "jobs of a cluster that is away can be looked at"
    assert Nodes(made, SystemClock()).alive == 0
    made.close()


def test_a_table_is_described_as_it_was_declared(peer, frontend):
    """By SHOW CREATE TABLE; by information_schema where the declaration has what our DDL does not read."""
    tables = Tables(frontend, SystemClock())
    ref = TableRef("d", "t")
    declared, listed = tables.table(ref), tables._by_columns(ref)
    assert [column.name for column in declared.columns] == ["id", "v", "d", "j", "a"]
    assert declared.key_model is listed.key_model
    assert [(c.name, c.type, c.nullable, c.is_key) for c in declared.columns] == [
        (c.name, c.type, c.nullable, c.is_key) for c in listed.columns
    ]
    with pytest.raises(UnknownTable):
        tables.table(TableRef("d", "nowhere"))
    with pytest.raises(UnknownDatabase):
        tables.table(TableRef("nowhere", "t"))
    assert (tables.databases(), tables.names("d", views=False)) == (["d"], ["t"])


def test_live_nodes_are_counted(peer, frontend):
    """StarRocks, Doris: SHOW BACKENDS (and compute nodes); whoever watches hears of a change."""
    nodes, told = Nodes(frontend, SystemClock()), []
    nodes.changed = lambda: told.append(nodes._members.alive)
    assert nodes.alive == 2
    assert told == [2]
    assert nodes.identity.startswith(peer.compat)
    members = nodes.members()
    assert members.nodes - members.fronts, "backends have a port of their own"


# who may forward what


@dataclass(frozen=True)
class Some:
    """Rights on single tables."""

    granted: frozenset

    alive = True
    roles = ()

    def has(self, privilege, database="", table=""):
        return (str(privilege), database, table) in self.granted

    def sees(self, database, table=""):
        return any(each[1:] == (database, table) for each in self.granted)


def reader(*granted):
    rights = Some(frozenset((str(privilege), "d", table) for privilege, table in granted))
    return Session(user="u", compat=Compat.STARROCKS, database="d", rights=rights)


READER = reader((Privilege.SELECT, "t"), (Privilege.INSERT, "w"))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM t",
        "SELECT count(*) FROM d.t AS x JOIN t AS y ON x.a = y.a",
        "WITH s AS (SELECT * FROM t) SELECT * FROM s",
        "INSERT INTO w SELECT * FROM t",
    ],
)
def test_statements_about_tables_of_ones_own_are_forwarded(text):
    """Every table is asked for by name, with what the statement does to it."""
    require_to_forward(text, READER)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM secret",
        "SELECT * FROM t, other.t",
        "SELECT (SELECT max(a) FROM secret) FROM t",
        "WITH a AS (SELECT * FROM secret), secret AS (SELECT 1) SELECT * FROM a",
        "SELECT * FROM secret, (WITH secret AS (SELECT 1) SELECT * FROM secret) x",
        "INSERT INTO t SELECT 1",
        "DELETE FROM t WHERE a = 1",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM FILES('path' = 's3://x')",
        "DROP TABLE t",
        "TRUNCATE TABLE t",
        "CREATE TABLE x AS SELECT * FROM secret",
        "SHOW GRANTS FOR root",
        "SHOW PROC '/frontends'",
        "ADMIN SET FRONTEND CONFIG ('a' = 'b')",
        "GRANT ALL ON *.* TO u",
        "EXPLAIN SELECT * FROM secret",
        "ALTER SYSTEM DROP BACKEND 'x:1'",
        "LOAD LABEL d.l (DATA INFILE('x') INTO TABLE t)",
    ],
)
def test_what_one_may_not_or_nobody_can_read_is_not_forwarded(text):
    """The cluster would do it: it knows the target's own login only."""
    with pytest.raises(PrivilegeDenied):
        require_to_forward(text, READER)


def test_who_has_all_privileges_says_everything():
    """Root: also what only the cluster understands."""
    require_to_forward("ADMIN SHOW REPLICA STATUS FROM d.t", Session(user="root", compat=Compat.DORIS))
