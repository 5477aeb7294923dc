"""GRANT, REVOKE, SHOW GRANTS and users: whose word counts, what is shown, and that a change counts at once."""

from __future__ import annotations

import itertools

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from routine_load.app.coordinator import Coordinator
from routine_load.config import Settings
from routine_load.errors import (
    AccessDenied,
    AnalysisError,
    ExecutionError,
    NoDatabaseSelected,
    NoSuchGrant,
    PrivilegeDenied,
    RoutineLoadError,
    SystemDenied,
    UnknownTable,
    UnsupportedFeature,
)
from routine_load.ids import Compat
from routine_load.sql.results import ResultTable

NAMES = (f"user{n}" for n in itertools.count())


class Stand:
    """One coordinator with d.t and e.t; each test makes users of its own."""

    def __init__(self, directory) -> None:
        self.settings = Settings(data_dir=directory, mysql_port=None, http_port=None)
        self.start()
        for database in ("d", "e"):
            self.root(f"CREATE DATABASE {database}; CREATE TABLE {database}.t (id INT) DUPLICATE KEY(id)")

    def start(self) -> None:
        self.coordinator = Coordinator(self.settings)
        self.coordinator.start()
        self.service = self.coordinator.service
        self.sessions = {compat: self.service.open_session("root", "test", compat) for compat in Compat}

    def root(self, text: str, compat: Compat = Compat.STARROCKS) -> list:
        return rows(self.service.execute(self.sessions[compat], text))

    def doris(self, text: str) -> list:
        return self.root(text, Compat.DORIS)

    def user(self) -> str:
        name = next(NAMES)
        self.root(f"CREATE USER {name}")
        return name

    def session(self, user: str, compat: Compat = Compat.STARROCKS):
        return self.service.open_session(user, "127.0.0.1:5", compat)

    def ask(self, session, text: str) -> list:
        return rows(self.service.execute(session, text))


def rows(results) -> list:
    last = results[-1]
    return [tuple(row) for row in last.rows] if isinstance(last, ResultTable) else []


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    made = Stand(tmp_path_factory.mktemp("grants"))
    yield made
    made.coordinator.stop()


def test_starrocks_shows_a_grant_a_row(stand):
    """StarRocks: UserIdentity, Catalog (NULL for roles and the system), Grants as statements that can be run again."""
    user = stand.user()
    stand.root(f"GRANT db_admin, user_admin TO {user}")
    stand.root(f"GRANT SELECT, INSERT ON TABLE d.t TO USER '{user}'@'%'")
    stand.root(f"GRANT ALL ON ALL TABLES IN DATABASE d TO {user}")
    stand.root(f"GRANT DROP, CREATE TABLE ON DATABASE e TO {user}")
    stand.root(f"GRANT SELECT ON ALL TABLES IN ALL DATABASES TO {user} WITH GRANT OPTION")
    stand.root(f"GRANT OPERATE ON SYSTEM TO {user}")
    stand.root(f"GRANT CREATE DATABASE ON CATALOG default_catalog TO {user}")
    who, catalog = f"'{user}'@'%'", "default_catalog"
    shown = stand.root(f"SHOW GRANTS FOR {user}")
    assert sorted(shown, key=str) == sorted(
        [
            (who, None, f"GRANT 'db_admin', 'user_admin' TO {who}"),
            (who, None, f"GRANT OPERATE ON SYSTEM TO USER {who}"),
            (who, catalog, f"GRANT SELECT ON ALL TABLES IN ALL DATABASES TO USER {who} WITH GRANT OPTION"),
            (who, catalog, f"GRANT CREATE DATABASE ON CATALOG default_catalog TO USER {who}"),
            (
                who,
                catalog,
                f"GRANT DELETE, DROP, INSERT, SELECT, ALTER, EXPORT, UPDATE ON ALL TABLES IN DATABASE d TO USER {who}",
            ),
            (who, catalog, f"GRANT DROP ON ALL TABLES IN DATABASE e TO USER {who}"),
            (who, catalog, f"GRANT CREATE TABLE, DROP ON DATABASE e TO USER {who}"),
            (who, catalog, f"GRANT INSERT, SELECT ON TABLE d.t TO USER {who}"),
        ],
        key=str,
    )
    other = stand.user()
    for _, _, statement in shown:
        stand.root(statement.replace(who, f"'{other}'@'%'"))
    again = [(c, g.replace(other, user)) for _, c, g in stand.root(f"SHOW GRANTS FOR {other}")]
    assert again == [(c, g) for _, c, g in shown]


def test_doris_shows_a_user_a_row(stand):
    """Doris: fourteen columns; what is granted in StarRocks' words shows in Doris', and the other way round."""
    user = stand.user()
    stand.doris(f"GRANT SELECT_PRIV, LOAD_PRIV ON internal.d.* TO '{user}'@'%'")
    stand.doris(f"GRANT ALTER_PRIV, CREATE_PRIV, DROP_PRIV ON e.* TO {user}")
    stand.doris(f"GRANT ADMIN_PRIV ON *.*.* TO {user}")
    stand.root(f"GRANT INSERT, UPDATE, DELETE, SELECT ON TABLE e.t TO {user}")
    stand.root(f"GRANT cluster_admin TO {user}")
    [row] = stand.doris(f"SHOW GRANTS FOR {user}")
    assert len(row) == 14
    assert row[:8] == (
        f"'{user}'@'%'",
        "",
        "No",
        "cluster_admin",
        "Admin_priv",
        None,
        (
            "internal.d: Select_priv,Load_priv; internal.e: Alter_priv,Create_priv,Drop_priv; "
            "internal.information_schema: Select_priv"
        ),
        "internal.e.t: Select_priv,Load_priv",
    )
    assert "GRANT DELETE, INSERT, SELECT, UPDATE ON ALL TABLES IN DATABASE d" in str(
        stand.root(f"SHOW GRANTS FOR {user}")
    )


def test_show_all_grants_has_everybody(stand):
    """Doris: SHOW ALL GRANTS; root is shown with all it has."""
    user = stand.user()
    shown = {row[0]: row for row in stand.doris("SHOW ALL GRANTS")}
    assert shown["'root'@'%'"][3:5] == ("operator", "Node_priv,Admin_priv")
    assert f"'{user}'@'%'" in shown
    assert stand.root("SHOW GRANTS") == [("'root'@'%'", None, "GRANT 'root' TO 'root'@'%'")]


def test_a_grant_and_a_revoke_count_at_once(stand):
    """An open session may do, from its next statement on, what was granted, and not what was revoked."""
    user = stand.user()
    session = stand.session(user)
    for _ in range(2):
        with pytest.raises(PrivilegeDenied):
            stand.ask(session, "SELECT * FROM d.t")
        stand.root(f"GRANT SELECT ON d.t TO {user}")
        assert stand.ask(session, "SELECT * FROM d.t") == []
        assert stand.ask(session, "SHOW TABLES FROM d") == [("t",)]
        stand.root(f"REVOKE SELECT ON d.t FROM {user}")


@pytest.mark.parametrize("compat", list(Compat))
def test_a_role_counts_at_once(stand, compat):
    """db_admin has the data and OPERATE, but neither GRANT nor NODE; admin (Doris) all but NODE."""
    user = stand.user()
    session = stand.session(user, compat)
    stand.root(f"GRANT db_admin TO {user}")
    stand.ask(session, "INSERT INTO e.t VALUES (1)")
    stand.ask(session, "SHOW PROC '/backends'")
    with pytest.raises(SystemDenied):
        stand.ask(session, "CREATE USER nobody")
    stand.root(f"REVOKE db_admin FROM {user}")
    with pytest.raises(PrivilegeDenied):
        stand.ask(session, "SELECT * FROM e.t")
    stand.root(f"GRANT admin TO {user}")
    stand.ask(session, "SELECT * FROM e.t")
    stand.ask(session, "CREATE USER somebody_new")
    stand.root("DROP USER somebody_new")


def test_the_hint_names_the_roles(stand):
    """StarRocks: Current role(s) of the hint."""
    user = stand.user()
    stand.root(f"GRANT public, cluster_admin TO {user}")
    with pytest.raises(PrivilegeDenied, match=r"Current role\(s\): cluster_admin, public\. "):
        stand.ask(stand.session(user), "SELECT * FROM d.t")
    assert stand.ask(stand.session(user), "SELECT current_role()") == [("cluster_admin, public",)]


def test_a_grant_option_lets_give_that_and_nothing_else(stand):
    """StarRocks: WITH GRANT OPTION; on a database it reaches the tables in it."""
    giver, taker = stand.user(), stand.user()
    stand.root(f"GRANT SELECT ON ALL TABLES IN DATABASE d TO {giver} WITH GRANT OPTION")
    stand.root(f"GRANT INSERT ON ALL TABLES IN DATABASE d TO {giver}")
    session = stand.session(giver)
    stand.ask(session, f"GRANT SELECT ON d.t TO {taker}")
    assert stand.ask(stand.session(taker), "SELECT * FROM d.t") == []
    for refused in (
        f"GRANT INSERT ON d.t TO {taker}",
        f"GRANT SELECT ON e.t TO {taker}",
        f"GRANT SELECT ON ALL TABLES IN ALL DATABASES TO {taker}",
        f"GRANT SELECT, INSERT ON d.t TO {taker}",
        f"GRANT db_admin TO {taker}",
    ):
        with pytest.raises(SystemDenied):
            stand.ask(session, refused)
    stand.ask(session, f"REVOKE SELECT ON d.t FROM {taker}")


def test_a_grant_option_is_kept_until_the_revoke(stand):
    """Granting the same again without the option takes nothing away."""
    user = stand.user()
    stand.root(f"GRANT SELECT ON d.t TO {user} WITH GRANT OPTION")
    stand.root(f"GRANT SELECT ON d.t TO {user}")
    assert len(stand.root(f"SHOW GRANTS FOR {user}")) == 1
    assert "WITH GRANT OPTION" in str(stand.root(f"SHOW GRANTS FOR {user}"))
    stand.root(f"REVOKE SELECT ON d.t FROM {user}")
    assert stand.root(f"SHOW GRANTS FOR {user}") == []


def test_grant_priv_on_a_database_is_about_that_database(stand):
    """Doris: GRANT_PRIV ON d.* gives the right to grant there, and to make no users."""
    giver, taker = stand.user(), stand.user()
    stand.doris(f"GRANT GRANT_PRIV ON d.* TO {giver}")
    session = stand.session(giver, Compat.DORIS)
    stand.ask(session, f"GRANT LOAD_PRIV ON d.t TO {taker}")
    for refused in (f"GRANT LOAD_PRIV ON e.t TO {taker}", f"GRANT LOAD_PRIV ON *.* TO {taker}", "CREATE USER x"):
        with pytest.raises(SystemDenied):
            stand.ask(session, refused)


def test_root_cannot_lose_anything(stand):
    """Neither by REVOKE nor by DROP, and nobody else sets its password or gives its role away."""
    user = stand.user()
    stand.root(f"GRANT user_admin TO {user}")
    session = stand.session(user)
    for text in (
        "REVOKE ALL ON ALL TABLES IN ALL DATABASES FROM root",
        "REVOKE root FROM root",
        "DROP USER root",
        "SET PASSWORD FOR root = PASSWORD('x')",
        f"GRANT root TO {user}",
    ):
        with pytest.raises(ExecutionError, match="root"):
            stand.ask(session, text)
    stand.root("GRANT SELECT ON d.t TO root")
    assert len(stand.root("SHOW GRANTS")) == 1


def test_a_revoke_of_nothing_says_so(stand):
    """Doris: error 1141. StarRocks: done. What is held by a wider grant is not taken away, and not silently."""
    user = stand.user()
    stand.root(f"REVOKE SELECT ON d.t FROM {user}; REVOKE db_admin FROM {user}")
    with pytest.raises(NoSuchGrant, match=f"no such grant defined for user '{user}' on host '%'"):
        stand.doris(f"REVOKE SELECT_PRIV ON d.t FROM {user}")
    stand.root(f"GRANT SELECT ON ALL TABLES IN DATABASE d TO {user}")
    with pytest.raises(ExecutionError, match="by a wider grant"):
        stand.root(f"REVOKE SELECT ON d.t FROM {user}")


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("GRANT FLY ON d.t TO {u}", AnalysisError, "Invalid privilege 'FLY'"),
        ("GRANT OPERATE ON d.t TO {u}", AnalysisError, "OPERATE cannot be granted on TABLE"),
        ("GRANT CREATE TABLE ON ALL TABLES IN DATABASE d TO {u}", AnalysisError, "CREATE TABLE cannot be granted"),
        ("GRANT SELECT ON SYSTEM TO {u}", AnalysisError, "SELECT cannot be granted on SYSTEM"),
        ("GRANT SELECT ON d.nowhere TO {u}", UnknownTable, "nowhere"),
        ("GRANT SELECT ON t TO {u}", NoDatabaseSelected, "No database selected"),
        ("GRANT SELECT ON d.t TO nobody", ExecutionError, "'nobody'@'%' does not exist"),
        ("GRANT captain TO {u}", AnalysisError, "Role 'captain' does not exist"),
        ("GRANT SELECT ON d.t TO ROLE db_admin", AnalysisError, "cannot be changed"),
        ("SHOW GRANTS FOR nobody", ExecutionError, "'nobody'@'%' does not exist"),
        ("GRANT SELECT ON d.t TO {u}@'10.0.0.%'", UnsupportedFeature, "known by their name alone"),
        ("CREATE USER {u}x@localhost", UnsupportedFeature, "known by their name alone"),
        ("DROP USER {u}@'127.0.0.1'", UnsupportedFeature, "known by their name alone"),
        ("SET PASSWORD FOR {u}@localhost = PASSWORD('x')", UnsupportedFeature, "known by their name alone"),
        ("SHOW GRANTS FOR {u}@localhost", UnsupportedFeature, "known by their name alone"),
    ],
)
def test_what_cannot_be_granted_is_an_error(stand, text, kind, said):
    """A mistake is named, and a host that nobody would check is refused."""
    user = stand.user()
    with pytest.raises(kind, match=said):
        stand.root(text.format(u=user))
    assert stand.root(f"SHOW GRANTS FOR {user}") == []


def test_doris_grants_on_what_is_not_there_yet(stand):
    """Doris: catalog, database and table of a GRANT may not exist."""
    user = stand.user()
    stand.doris(f"GRANT SELECT_PRIV ON later.x TO {user}")
    stand.root("CREATE DATABASE later; CREATE TABLE later.x (id INT) DUPLICATE KEY(id)")
    assert stand.ask(stand.session(user), "SELECT * FROM later.x") == []


def test_a_dropped_user_is_gone_at_once(stand):
    """Sessions that are open may do nothing, not even where the name is used again; grants went with the user."""
    user = stand.user()
    stand.root(f"GRANT SELECT ON d.t TO {user}")
    session, other = stand.session(user), stand.session(user)
    ended = []
    other.disconnect = lambda: ended.append(other)
    stand.root(f"DROP USER {user}")
    assert ended == [other]
    for text in ("SELECT 1", "SHOW VARIABLES", "SELECT * FROM d.t", "SET PASSWORD = PASSWORD('x')", "KILL 1"):
        with pytest.raises(AccessDenied):
            stand.ask(session, text)
    with pytest.raises(AccessDenied):
        stand.session(user)
    stand.root(f"CREATE USER {user}")
    with pytest.raises(AccessDenied):
        stand.ask(session, "SELECT 1")
    assert stand.root(f"SHOW GRANTS FOR {user}") == []


def test_a_password_ends_the_other_connections_of_the_user(stand):
    """Whoever came in with the password of before has to come in again; who sets it stays."""
    user = stand.user()
    ended: list[str] = []
    first, second = stand.session(user), stand.session(user)
    first.disconnect, second.disconnect = (lambda: ended.append("first")), (lambda: ended.append("second"))
    stand.ask(first, "SET PASSWORD = PASSWORD('x')")
    assert ended == ["second"]
    stand.root(f"ALTER USER {user} IDENTIFIED BY 'y'")
    assert ended == ["second", "first", "second"]
    assert stand.doris(f"SHOW GRANTS FOR {user}")[0][2] == "Yes"


def test_a_privilege_on_a_table_does_not_reach_beyond_it(stand):
    """Names are told apart by database, and by case."""
    user = stand.user()
    stand.root(f"GRANT ALL ON TABLE d.t TO {user}")
    session = stand.session(user)
    assert stand.ask(session, "SHOW DATABASES") == [("d",), ("information_schema",)]
    for text in ("SELECT * FROM e.t", "SELECT * FROM D.t", "DROP DATABASE d", "CREATE TABLE d.x (id INT)", "USE e"):
        with pytest.raises(RoutineLoadError) as caught:
            stand.ask(session, text)
        assert isinstance(caught.value, PrivilegeDenied), text


def test_a_refusal_does_not_tell_what_is_there(stand):
    """A table, database or column that is there and one that is not are refused with the same words."""
    session = stand.session(stand.user())
    for there, not_there in (
        ("SELECT * FROM d.t", "SELECT * FROM d.q"),
        ("SELECT id FROM d.t", "SELECT nothing FROM d.t"),
        ("SELECT * FROM d.t", "SELECT * FROM q.t"),
        ("DESC d.t", "DESC d.q"),
        ("DROP TABLE d.t", "DROP TABLE IF EXISTS d.q"),
        ("USE d", "USE q"),
        ("INSERT INTO d.t VALUES (1)", "INSERT INTO d.q VALUES (1, 2, 3)"),
    ):
        said = []
        for text in (there, not_there):
            with pytest.raises(PrivilegeDenied) as caught:
                stand.ask(session, text)
            said.append(caught.value.message.replace(" q ", " t " if "TABLE" in caught.value.message else " d "))
        assert said[0] == said[1], (there, not_there)


def test_rejected_rows_are_for_who_may_load(stand):
    """routine_load_rejects holds parts of messages: INSERT on the table they were meant for lets see them."""
    directory = stand.settings.error_log_dir
    directory.mkdir(exist_ok=True)
    for number, (database, table) in enumerate((("d", "t"), ("e", "t"), ("d", None))):
        known = {"database_name": [database], "table_name": pa.array([table], pa.string()), "raw": [b"secret"]}
        pq.write_table(pa.table(known), directory / f"{number}.parquet")
    query = "SELECT database_name, table_name FROM information_schema.routine_load_rejects ORDER BY 1, 2"
    seen = [("d", None), ("d", "t"), ("e", "t")]
    assert sorted(stand.root(query), key=str) == sorted(seen, key=str)
    user = stand.user()
    session = stand.session(user)
    stand.root(f"GRANT SELECT ON ALL TABLES IN ALL DATABASES TO {user}")
    assert stand.ask(session, query) == []
    stand.root(f"GRANT INSERT ON d.t TO {user}")
    assert stand.ask(session, query) == [("d", "t")]
    stand.root(f"GRANT INSERT ON ALL TABLES IN DATABASE d TO {user}")
    assert sorted(stand.ask(session, query), key=str) == sorted(seen[:2], key=str)


def test_grants_outlive_the_process(tmp_path):
    """Restart: the same users may do the same, in the same words."""
    stand = Stand(tmp_path / "data")
    user = stand.user()
    stand.root(f"GRANT SELECT ON d.t TO {user} WITH GRANT OPTION; GRANT user_admin TO {user}")
    before = stand.root(f"SHOW GRANTS FOR {user}")
    stand.coordinator.stop()
    stand.start()
    assert stand.root(f"SHOW GRANTS FOR {user}") == before
    session = stand.session(user)
    assert stand.ask(session, "SELECT * FROM d.t") == []
    with pytest.raises(PrivilegeDenied):
        stand.ask(session, "INSERT INTO d.t VALUES (1)")
    stand.coordinator.stop()
