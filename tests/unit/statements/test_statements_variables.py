"""The small talk of clients: SET, SHOW VARIABLES, transactions, @@x and session functions."""

from __future__ import annotations

import contextlib

import pytest

from routine_load.errors import AnalysisError, LimitExceeded, RoutineLoadError, StatementSyntaxError, UnknownVariable
from routine_load.ids import Compat
from routine_load.sql.results import Ok
from routine_load.statements import variables
from routine_load.statements.ports import Session
from tests.work import bounded_work


@pytest.fixture
def session() -> Session:
    return Session(user="root", compat=Compat.STARROCKS, connection_id=7, database="d")


@pytest.mark.parametrize(
    "text",
    [
        "SET NAMES utf8mb4",
        "SET NAMES 'utf8mb4' COLLATE 'utf8mb4_general_ci'",
        "SET character_set_results = NULL",
        "SET autocommit=1",
        "SET @@session.autocommit = OFF",
        "SET SESSION TRANSACTION READ ONLY",
        "begin",
        "START TRANSACTION",
        "COMMIT",
        "ROLLBACK",
    ],
)
def test_what_clients_set_on_connect_is_accepted(session, text):
    """Nobody is turned away for it."""
    assert variables.answer(text, session) == Ok()


def test_a_client_reads_back_what_it_set(session):
    """Session variables are kept by name, whatever the name."""
    variables.answer("SET SESSION sql_mode = 'A,B', my_own = 3", session)
    assert "'A,B'" in variables.with_session_values("SELECT @@sql_mode", session)
    assert list(variables.answer("SHOW VARIABLES LIKE 'my\\_own'", session).rows) == [("my_own", "3")]


def test_an_assignment_may_be_an_expression_of_variables(session):
    """Drivers add to sql_mode by CONCAT, restore what they saved, and a comma inside parentheses ends nothing."""
    variables.answer("SET @old = @@sql_mode, sql_mode = CONCAT(@@session.sql_mode, ',STRICT'), a = 1", session)
    assert variables.with_session_values("SELECT @@sql_mode AS m, @@a AS a", session) == (
        "SELECT 'ONLY_FULL_GROUP_BY,STRICT' AS m, '1' AS a"
    )
    variables.answer("SET sql_mode = @old", session)
    assert variables.with_session_values("SELECT @@sql_mode AS m", session) == "SELECT 'ONLY_FULL_GROUP_BY' AS m"


def test_a_users_variable_is_no_system_variable(session):
    """SET @time_zone leaves the session's time zone alone; one that was never set is NULL."""
    variables.answer("SET @time_zone = '+00:00'", session)
    assert session.timezone == "Asia/Shanghai"
    assert (
        variables.with_session_values("SELECT @time_zone AS z, @no AS n", session) == "SELECT '+00:00' AS z, NULL AS n"
    )
    assert "@time_zone" not in {row[0] for row in variables.answer("SHOW VARIABLES", session).rows}


def test_compat_can_be_switched_in_a_session(session):
    """SET compat = 'doris' changes whose rules apply; another word is refused."""
    variables.answer("SET compat = 'doris'", session)
    assert session.compat is Compat.DORIS
    with pytest.raises(AnalysisError, match="allowed: starrocks, doris"):
        variables.answer("SET compat = mysql", session)


def test_an_unknown_variable_is_error_1193(session):
    """MySQL: Unknown system variable."""
    with pytest.raises(UnknownVariable, match="Unknown system variable 'nope'") as unknown:
        variables.with_session_values("SELECT @@nope", session)
    assert unknown.value.number(Compat.STARROCKS) == 1193


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT DATABASE()", "SELECT 'd' AS `DATABASE()`"),
        ("select connection_id(), version()", "SELECT 7 AS `CONNECTION_ID()`, '8.0.33' AS `VERSION()`"),
        ("SELECT @@auto_increment_increment AS a", "SELECT 1 AS a"),
        ("SELECT 1", "SELECT 1"),
        ("SELECT '@@nope', database FROM t", "SELECT '@@nope', database FROM t"),
        ("select 'a@b',  1", "select 'a@b',  1"),
        ("SELECT current_user", "SELECT '''root''@''%''' AS `current_user`"),
        ("SELECT CURRENT_USER AS u", "SELECT '''root''@''%''' AS u"),
        ("SELECT `current_user` FROM t", "SELECT `current_user` FROM t"),
    ],
)
def test_session_values_become_literals_under_the_name_asked_for(session, text, expected):
    """The rest of the query stays, and so does a text that has none of them."""
    assert variables.with_session_values(text, session) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("SHOW WARNINGS", "SHOW COLLATION", "SHOW ENGINES", "SHOW PLUGINS", "show status", "SHOW COUNT(*) WARNINGS"),
        *("SHOW GLOBAL STATUS", "SHOW PROCEDURE STATUS WHERE Db = 'd'", "SHOW CHARACTER  SET", "SHOW CATALOGS"),
        *("SHOW ALTER TABLE COLUMN FROM d WHERE TableName = 't'",),
    ],
)
def test_lists_that_tools_ask_for_have_their_columns(session, text):
    """Often empty, never an error."""
    assert variables.answer(text, session).columns


@pytest.mark.parametrize(
    "names", ["NAMES utf8mb4", "names 'utf8mb4' COLLATE 'utf8mb4_general_ci'", "CHARACTER SET utf8", 'charset "utf8"']
)
def test_names_may_stand_among_assignments(session, names):
    """MySQL: SET a = 1, NAMES utf8mb4, as MariaDB Connector/J sends it; what stands beside it counts."""
    variables.answer(f"SET autocommit=0,{names}", session)
    assert session.variables["autocommit"] == "0"
    variables.answer(f"SET {names}, autocommit = 1", session)
    assert session.variables["autocommit"] == "1"
    with pytest.raises(StatementSyntaxError):
        variables.answer(f"SET {names} nonsense", session)


@pytest.mark.parametrize(
    "text",
    [
        *("LOCK TABLES `t` READ /*!32311 LOCAL */", "lock tables a write, b read", "UNLOCK TABLES"),
        *("ALTER TABLE `a b` DISABLE KEYS", "alter table d.t enable keys "),
    ],
)
def test_what_a_dump_puts_around_its_rows_is_done(session, text):
    """mysqldump, mariadb-dump: locks and switches of keys, which mean nothing here, stop neither dump nor restore."""
    assert variables.answer(text, session) == Ok()
    assert variables.answer("ALTER TABLE t ADD COLUMN keys INT", session) is None


def test_status_tells_how_the_connection_is_encrypted(session):
    """MySQL: SHOW STATUS LIKE 'Ssl_cipher' is empty without TLS, as mysqlclient and mycli ask."""
    assert list(variables.answer('SHOW STATUS LIKE "Ssl_cipher"', session).rows) == [("Ssl_cipher", "")]
    session.tls_cipher, session.tls_version = "TLS_AES_256_GCM_SHA384", "TLSv1.3"
    assert list(variables.answer("SHOW SESSION STATUS", session).rows) == [
        ("Ssl_cipher", "TLS_AES_256_GCM_SHA384"),
        ("Ssl_version", "TLSv1.3"),
    ]


def test_statements_of_the_engine_are_left_alone(session):
    """SHOW TABLES and SELECT are not small talk."""
    for text in ("SHOW TABLES", "SHOW FULL COLUMNS FROM t", "SHOW TABLE STATUS", "SELECT 1", "SHOW DATABASES"):
        assert variables.answer(text, session) is None


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", ["SET " + "a" * 500_000, "SET " + "a=1," * 100_000, "SET " + "@" * 500_000])
def test_a_long_set_without_sense_takes_no_long_time(session, text):
    """Reading assignments is linear in the text: a quadratic one would hold up every other session for minutes."""
    with bounded_work(2_000 + 10 * len(text)), contextlib.suppress(RoutineLoadError):
        variables.answer(text, session)


def test_what_a_session_keeps_of_its_variables_is_bounded(session):
    """Number and size of values; a variable that is set already may be set again."""
    with pytest.raises(LimitExceeded, match="at most 256 variables"):
        variables.answer("SET " + ", ".join(f"v{i} = 1" for i in range(300)), session)
    variables.answer("SET v1 = 2", session)
    assert (len(session.variables), session.variables["v1"]) == (256, "2")
    with pytest.raises(LimitExceeded, match="more than 4096 characters"):
        variables.answer(f"SET v1 = '{'x' * 5000}'", session)


def test_query_timeout_is_a_number_of_seconds(session):
    """The engine obeys it, so a value that is no time is refused where it is set."""
    assert session.query_timeout_s == 300
    variables.answer("SET query_timeout = 7", session)
    assert session.query_timeout_s == 7
    for wrong in ("0", "-1", "'soon'", "259201", "1e3"):
        with pytest.raises(AnalysisError, match="allowed: seconds from 1 to 259200"):
            variables.answer(f"SET query_timeout = {wrong}", session)


@pytest.mark.parametrize("text", ["SET PASSWRD FOR bob = PASSWORD('hidden')", "SET a = 1, b", "SET 'x"])
def test_a_set_that_assigns_nothing_is_an_error(session, text):
    """A mistyped SET PASSWORD must not look as if it had worked; what it held is not repeated."""
    with pytest.raises(RoutineLoadError) as told:
        variables.answer(text, session)
    assert "hidden" not in str(told.value)


@pytest.mark.parametrize("mode", ["NO_BACKSLASH_ESCAPES", "STRICT_TRANS_TABLES, ansi_quotes", "ANSI"])
def test_a_way_of_quoting_that_is_not_ours_is_refused(session, mode):
    """A client that doubles quotes and leaves backslashes alone could be made to end a literal early."""
    with pytest.raises(AnalysisError, match="a backslash escapes"):
        variables.answer(f"SET sql_mode = '{mode}'", session)
    assert variables.answer("SET sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE'", session) == Ok()


@pytest.mark.parametrize(
    ("compat", "name", "selected", "shown"),
    [
        ("starrocks", "character_set_client", "'utf8'", "utf8"),
        ("doris", "character_set_client", "'utf8mb4'", "utf8mb4"),
        ("starrocks", "collation_server", "'utf8_general_ci'", "utf8_general_ci"),
        ("doris", "collation_server", "'utf8mb4_0900_bin'", "utf8mb4_0900_bin"),
        ("starrocks", "license", "'Apache License 2.0'", "Apache License 2.0"),
        ("doris", "license", "'Apache License, Version 2.0'", "Apache License, Version 2.0"),
        ("starrocks", "max_allowed_packet", "33554432", "33554432"),
        ("doris", "max_allowed_packet", "16777216", "16777216"),
        ("starrocks", "net_write_timeout", "60", "60"),
        ("doris", "net_write_timeout", "600", "600"),
        ("starrocks", "performance_schema", "0", "false"),
        ("doris", "performance_schema", "'OFF'", "OFF"),
        ("starrocks", "default_storage_engine", "'InnoDB'", "InnoDB"),
        ("doris", "default_storage_engine", "'olap'", "olap"),
        ("starrocks", "query_timeout", "300", "300"),
        ("doris", "query_timeout", "900", "900"),
        ("starrocks", "autocommit", "1", "true"),
        ("doris", "tx_read_only", "0", "false"),
        ("starrocks", "interactive_timeout", "3600", "3600"),
        ("doris", "wait_timeout", "28800", "28800"),
        ("starrocks", "language", "'/starrocks/share/english/'", "/starrocks/share/english/"),
        ("doris", "language", "'/palo/share/english/'", "/palo/share/english/"),
        ("starrocks", "system_time_zone", "'Asia/Shanghai'", "Asia/Shanghai"),
        ("doris", "transaction_isolation", "'REPEATABLE-READ'", "REPEATABLE-READ"),
    ],
)
def test_variables_have_the_vendors_values(session, compat, name, selected, shown):
    """StarRocks, Doris: variable values; a switch is a number to SELECT and a word to SHOW VARIABLES."""
    variables.answer(f"SET compat = '{compat}'", session)
    assert variables.with_session_values(f"SELECT @@{name} AS v", session) == f"SELECT {selected} AS v"
    [row] = variables.answer(f"SHOW VARIABLES LIKE '{name}'", session).rows
    assert row[:2] == (name, shown)


def test_a_variable_that_was_set_shows_its_default_beside_it(session):
    """StarRocks: SHOW VERBOSE VARIABLES; Doris: always. DEFAULT brings the default back."""
    variables.answer("SET net_read_timeout = 7, autocommit = OFF", session)
    ask = "SHOW VERBOSE VARIABLES WHERE Is_changed = 'true'"
    assert list(variables.answer(ask, session).rows) == [
        ("autocommit", "false", "true", "true"),
        ("net_read_timeout", "7", "60", "true"),
    ]
    variables.answer("SET compat = doris", session)
    assert list(variables.answer("SHOW VARIABLES LIKE 'net_read%'", session).rows) == [
        ("net_read_timeout", "7", "600", "1")
    ]
    variables.answer("SET net_read_timeout = DEFAULT", session)
    assert variables.with_session_values("SELECT @@net_read_timeout AS v", session) == "SELECT 600 AS v"


def test_null_is_null_and_the_systems_time_zone_is_the_default(session):
    """Connector/J sets character_set_results to NULL; tools bring the time zone back by SYSTEM or DEFAULT."""
    variables.answer("SET character_set_results = NULL, @x = 1, time_zone = '+02:00'", session)
    asked = "SELECT @@character_set_results AS r, @x AS x, @@time_zone AS z"
    assert variables.with_session_values(asked, session) == "SELECT NULL AS r, '1' AS x, '+02:00' AS z"
    variables.answer("SET @x = NULL, time_zone = SYSTEM", session)
    assert variables.with_session_values(asked, session) == "SELECT NULL AS r, NULL AS x, 'Asia/Shanghai' AS z"


@pytest.mark.parametrize("text", ["SET CATALOG default_catalog", "SET PROPERTY FOR 'root' 'a' = 'b'", "SET ROLE ALL"])
def test_what_has_no_effect_here_is_accepted(session, text):
    """There is one catalog, and no limit per user."""
    assert variables.answer(text, session) == Ok()
    with pytest.raises(AnalysisError, match="Unknown catalog 'hive'"):
        variables.answer("SET CATALOG hive", session)
