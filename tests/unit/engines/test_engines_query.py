"""Queries and row changes: what they answer, and what they may not say."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from routine_load.errors import (
    AnalysisError,
    EngineError,
    NoDatabaseSelected,
    RoutineLoadError,
    UnknownDatabase,
    UnknownTable,
    UnsupportedFeature,
)
from routine_load.ids import Compat
from routine_load.sql.results import Ok, ResultColumn, ResultType
from routine_load.sql.system_tables import SystemTable
from tests.unit.engines.conftest import Asked

BIG = 170141183460469231731687303715884105727


def test_every_type_comes_back_as_the_doors_expect(asked: Asked) -> None:
    """BOOLEAN as 0/1, LARGEINT as int, JSON and containers as the vendors' text, FLOAT in its shortest form."""
    asked.run(
        "CREATE TABLE t (a TINYINT, b BIGINT, c LARGEINT, d DECIMAL(10,2), e DATE, f DATETIME, g BOOLEAN, h JSON,"
        " i ARRAY<STRING>, j MAP<STRING,INT>, k STRUCT<x INT, y STRING>, l FLOAT, m CHAR(3), n VARBINARY, o DOUBLE)"
    )
    asked.run(
        f"INSERT INTO t VALUES (1, 2, {BIG}, 1.25, '2024-01-02', '2024-01-02 03:04:05', true, '{{\"a\":[1,2]}}',"
        " ['a', 'b'], map{'x': 1}, row(1, 'z'), 0.1, 'abc', 'xyz', 1.5)"
    )
    result = asked.table("SELECT * FROM t")
    assert [tuple(row) for row in result.rows] == [
        (
            *(1, 2, BIG, Decimal("1.25"), dt.date(2024, 1, 2), dt.datetime(2024, 1, 2, 3, 4, 5), 1, '{"a":[1,2]}'),
            *('["a","b"]', '{"x":1}', '{"x":1,"y":"z"}', 0.1, "abc", b"xyz", 1.5),
        )
    ]
    kinds = {column.name: column.type for column in result.columns}
    assert kinds["c"] is ResultType.LARGEINT
    assert kinds["g"] is ResultType.BOOLEAN
    assert kinds["f"] is ResultType.DATETIME
    assert kinds["h"] is ResultType.JSON
    assert [c.scale for c in result.columns if c.name == "d"] == [2]


def test_sums_are_bigint_unless_largeint_is_summed(asked: Asked) -> None:
    """DuckDB's HUGEINT sums are the vendors' BIGINT; drivers read LARGEINT as text."""
    asked.run("CREATE TABLE t (a INT, b LARGEINT)")
    asked.run("INSERT INTO t VALUES (1, 2), (3, 4)")
    result = asked.table("SELECT sum(a) s, sum(b), s2 FROM t, (SELECT sum(b) s2 FROM t) x GROUP BY s2")
    assert [c.type for c in result.columns] == [ResultType.BIGINT, ResultType.LARGEINT, ResultType.LARGEINT]
    assert list(map(tuple, result.rows)) == [(4, 6, 6)]


def test_columns_are_called_what_the_client_wrote(asked: Asked) -> None:
    """An expression without an alias is titled by its text."""
    result = asked.table("SELECT COUNT(*), max( 1 ) , 2 AS two, if(1=1, 'a,b', 'c') FROM (SELECT 1 x) y")
    assert [c.name for c in result.columns] == ["COUNT(*)", "max( 1 )", "two", "if(1=1, 'a,b', 'c')"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("length('é')", 2),
        ("char_length('é')", 1),
        ("concat('a', 1, length('bc'))", "a12"),
        ("concat('a', null)", None),
        ("cast('x' AS INT)", None),
        ("'5' + 1", 6.0),
        ("7 / 2", 3.5),
        ("7 DIV 2", 3),
        ("7 / 0", None),
        ("1 <=> NULL", 0),
        ("1 || 0", 1),
        ("'abc' REGEXP 'b'", 1),
        ("regexp_extract('abc123', '([a-z]+)([0-9]+)', 2)", "123"),
        ("substring_index('a.b.c', '.', -2)", "b.c"),
        ("from_unixtime(0)", "1970-01-01 08:00:00"),
        ("from_unixtime(1700000000, '%Y%m%d')", "20231115"),
        ("unix_timestamp('2024-01-01 08:00:00')", 1704067200),
        ("date_format('2024-01-02 03:04:05', '%Y/%m/%d %H:%i:%s')", "2024/01/02 03:04:05"),
        ("str_to_date('nope', '%Y')", None),
        ("timestampdiff(hour, '2024-01-01 00:30:00', '2024-01-01 02:00:00')", 1),
        ("datediff('2024-01-03', '2024-01-01')", 2),
        ("hours_add('2024-01-01', 1)", dt.datetime(2024, 1, 1, 1)),
        ("dayofweek('2024-01-01')", 2),
        ("weekday('2024-01-01')", 0),
        ('get_json_string(\'{"a":{"b":"c"}}\', \'$.a.b\')', "c"),
        ("get_json_int('{\"a\":7}', '$.a')", 7),
        ("array_length([1, 2, 3])", 3),
        ("ifnull(null, if(1 > 2, 'x', 'y'))", "y"),
        ("split_part('a,b', ',', 2)", "b"),
    ],
)
def test_functions_mean_what_the_vendors_mean(asked: Asked, expression: str, value: Any) -> None:
    """A function that exists under the same name in DuckDB, or not at all, has the vendors' result."""
    assert asked.rows(f"SELECT {expression}") == [(value,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM query('SELECT 1')",
        "SELECT * FROM query_table(['d.t'])",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM generate_series(1, 2)",
        "SELECT read_text('/etc/passwd')",
        "SELECT current_setting('temp_directory')",
        "SELECT getvariable('x')",
        "SELECT getenv('HOME')",
        "SELECT nextval('routine_load.auto_increment')",
        "SELECT * FROM routine_load.commits",
        "SELECT * FROM pg_catalog.pg_tables",
        "SELECT * FROM main.x",
        "SELECT * FROM temp.__rl_chunk_0",
        "SELECT * FROM system.information_schema.tables",
        "INSERT INTO routine_load.progress VALUES (1, 1, 1)",
        "DELETE FROM routine_load.progress",
        "DELETE FROM information_schema.tables",
        "UPDATE routine_load.progress SET next_offset = 0",
        "INSERT INTO t SELECT * FROM read_csv('/etc/passwd')",
        "CREATE TABLE u AS SELECT * FROM read_text('/etc/passwd')",
        "CREATE MACRO m(x) AS x",
        "CREATE MATERIALIZED VIEW v AS SELECT 1",
        "CREATE FUNCTION f AS 'x'",
        "COPY t TO '/tmp/x'",
        "COPY (SELECT 1) TO '/tmp/x'",
        "EXPORT DATABASE '/tmp/x'",
        "ATTACH '/tmp/x.duckdb'",
        "INSTALL httpfs",
        "LOAD json",
        "PRAGMA version",
        "SET threads = 8",
        "RESET threads",
        "CHECKPOINT",
        "VACUUM",
        "CALL pragma_version()",
        "BEGIN",
        "PREPARE p AS SELECT 1",
        "SELECT 1; DROP TABLE t",
        "SELECT * FROM t INTO OUTFILE '/tmp/x'",
        "SUMMARIZE t",
        "PIVOT t ON a",
        "DROP SCHEMA routine_load",
        "CREATE DATABASE routine_load",
        "CREATE DATABASE main",
        "TRUNCATE TABLE routine_load.commits",
        "ALTER TABLE routine_load.commits RENAME x",
        "DROP TABLE routine_load.commits",
        "SELECT $1",
        "SELECT ?",
    ],
)
def test_nothing_beyond_queries_reaches_the_file(asked: Asked, sql: str) -> None:
    """Files, settings, the engine's own tables, other statements: refused, with an error of ours."""
    asked.run("CREATE TABLE t (a INT)")
    with pytest.raises(RoutineLoadError) as caught:  # noqa: PT012 - reading rows may fail too
        result = asked.run(sql)
        list(getattr(result, "rows", ()))
    assert str(asked.directory) not in caught.value.message


def test_what_cannot_be_converted_is_told_with_types_that_columns_have(asked: Asked) -> None:
    """Both vendors: an INT64 is a BIGINT, a value that is called so stays what it is."""
    with pytest.raises(RoutineLoadError, match=r"'INT64' to BIGINT$"):
        asked.run("SELECT array_position(array_flatten([[1]]), 'INT64')")


def test_unknown_things_are_named_in_the_vendors_words(asked: Asked) -> None:
    """Table, database, column, function: each its own error."""
    asked.run("CREATE TABLE t (a INT)")
    with pytest.raises(UnknownTable, match=r"^Unknown table 'nope'$"):
        asked.run("SELECT * FROM nope")
    with pytest.raises(UnknownDatabase, match=r"^Unknown database 'nope'$"):
        asked.run("SELECT * FROM nope.t")
    with pytest.raises(AnalysisError, match=r"^Column 'zz' cannot be resolved$"):
        asked.run("SELECT zz FROM t")
    with pytest.raises(AnalysisError, match="No matching function with signature: frob"):
        asked.run("SELECT frob(a) FROM t")
    asked.session.compat = Compat.DORIS
    with pytest.raises(AnalysisError, match=r"^Unknown column 'zz' in 'table list'$"):
        asked.run("SELECT zz FROM t")
    asked.session.database = None
    with pytest.raises(NoDatabaseSelected):
        asked.run("SELECT * FROM t")


def test_tables_resolve_with_and_without_database(asked: Asked) -> None:
    """Names with database, aliases, CTEs of the same name as a table, self joins."""
    asked.run("CREATE TABLE t (a INT)")
    asked.run("INSERT INTO d.t VALUES (1), (2)")
    assert asked.rows("SELECT d.t.a, t.a FROM d.t ORDER BY 1") == [(1, 1), (2, 2)]
    assert asked.rows("SELECT x.a FROM t x JOIN d.t y ON x.a = y.a + 1") == [(2,)]
    assert asked.rows("WITH t AS (SELECT 9 AS a) SELECT a FROM t") == [(9,)]
    assert asked.rows("SELECT count(*) FROM default_catalog.d.t WHERE a IN (SELECT a FROM t)") == [(2,)]
    assert asked.rows("SELECT 1 FROM dual") == [(1,)]


@pytest.mark.parametrize("key", ["UNIQUE", "PRIMARY"])
def test_insert_merges_by_key(asked: Asked, key: str) -> None:
    """INSERT … VALUES and … SELECT take the merging writer: the last row of a key is kept."""
    asked.run(f"CREATE TABLE t (k INT NOT NULL, v INT DEFAULT '7') {key} KEY(k)")
    assert asked.run("INSERT INTO t VALUES (1, 1), (1, 2), (2, DEFAULT)") == Ok(affected_rows=3)
    asked.run("INSERT INTO t SELECT k, v + 10 FROM t WHERE k = 1")
    asked.run("INSERT INTO t (k) VALUES (3)")
    assert asked.rows("SELECT * FROM t ORDER BY k") == [(1, 12), (2, 7), (3, 7)]
    with pytest.raises(EngineError):
        asked.run("INSERT INTO t VALUES (NULL, 1)")
    with pytest.raises(AnalysisError, match="'k'"):
        asked.run("INSERT INTO t (v) VALUES (1)")
    asked.run("UPDATE t SET v = 0 WHERE k > 1")
    with pytest.raises(AnalysisError, match="'k'"):
        asked.run("UPDATE t SET k = 5")
    assert asked.run("DELETE FROM t WHERE v = 0") == Ok(affected_rows=2)
    assert asked.rows("SELECT * FROM t") == [(1, 12)]


def test_insert_aggregates(asked: Asked) -> None:
    """INSERT into an AGGREGATE KEY table adds to what is there."""
    asked.run("CREATE TABLE t (k INT, s BIGINT SUM) AGGREGATE KEY(k)")
    asked.run("INSERT INTO t VALUES (1, 1), (1, 2)")
    asked.run("INSERT INTO t VALUES (1, 4)")
    assert asked.rows("SELECT * FROM t") == [(1, 7)]


def test_insert_checks_values(asked: Asked) -> None:
    """Too many values, text too long in bytes, a number out of range: refused, nothing inserted."""
    asked.run("CREATE TABLE t (a TINYINT, b VARCHAR(3))")
    for sql in ("(1)", "(1, 'ab', 3)", "(1, 'abcd')", "(1, 'éé')", "(1000, 'a')", "('x', 'a')"):
        with pytest.raises(RoutineLoadError):
            asked.run(f"INSERT INTO t VALUES {sql}")
    assert asked.rows("SELECT * FROM t") == []


def test_auto_increment_fills_what_is_not_given(asked: Asked) -> None:
    """AUTO_INCREMENT: absent or NULL values become growing numbers."""
    asked.run("CREATE TABLE t (id BIGINT AUTO_INCREMENT, v INT)")
    asked.run("INSERT INTO t (v) VALUES (1), (2)")
    asked.run("INSERT INTO t VALUES (NULL, 3), (100, 4)")
    ids = [row[0] for row in asked.rows("SELECT id FROM t ORDER BY v")]
    assert ids[:3] == sorted(set(ids[:3]))
    assert ids[3] == 100


def test_auto_increment_begins_where_the_table_says(asked: Asked) -> None:
    """Doris: AUTO_INCREMENT(n); also after the file is opened again, and in a table made of SHOW CREATE TABLE."""
    asked.run("CREATE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT(1000), v INT)")
    [(_, again)] = asked.rows("SHOW CREATE TABLE t")
    assert "AUTO_INCREMENT(1000)" in again
    asked.run(again.replace("`t`", "`u`"))
    asked.engine.close()
    asked.open()
    for table in ("t", "u"):
        asked.run(f"INSERT INTO {table} (v) VALUES (1), (2)")
        first, second = (row[0] for row in asked.rows(f"SELECT id FROM {table} ORDER BY v"))
        assert 1000 <= first < second
    with pytest.raises(AnalysisError, match="can begin at"):
        asked.run("CREATE TABLE w (id BIGINT NOT NULL AUTO_INCREMENT(9223372036854775807), v INT)")


def test_a_long_result_is_read_lazily(asked: Asked) -> None:
    """Rows come in chunks: the first are there before the last are made, and a result may be left unread."""
    asked.run("CREATE TABLE t (a BIGINT)")
    asked.run("INSERT INTO t VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10)")
    rows = iter(asked.table("SELECT a.a FROM t a, t b, t c, t d, t e, t f, t g, t h").rows)
    assert len([next(rows) for _ in range(3)]) == 3
    del rows
    assert asked.rows("SELECT count(*) FROM t") == [(10,)]


def test_information_schema_shows_user_tables_with_vendor_types(asked: Asked) -> None:
    """schemata, tables and columns list what users made, and nothing of the engine's own."""
    asked.run('CREATE TABLE t (a BIGINT NOT NULL COMMENT "key", b VARCHAR(20) DEFAULT "x") UNIQUE KEY(a) COMMENT "tt"')
    assert asked.rows("SELECT schema_name FROM information_schema.schemata ORDER BY 1") == [
        ("d",),
        ("information_schema",),
    ]
    assert asked.rows(
        "SELECT table_name, table_type, engine, table_comment FROM information_schema.tables WHERE table_schema = 'd'"
    ) == [("t", "BASE TABLE", "OLAP", "tt")]
    assert asked.rows(
        "SELECT column_name, ordinal_position, column_default, is_nullable, data_type, character_maximum_length,"
        " column_type, column_key, column_comment FROM information_schema.columns WHERE table_name = 't' ORDER BY 2"
    ) == [
        ("a", 1, None, "NO", "bigint", None, "bigint", "UNI", "key"),
        ("b", 2, "x", "YES", "varchar", 20, "varchar(20)", "", ""),
    ]
    with pytest.raises(UnknownTable):
        asked.run("SELECT * FROM information_schema.nope")


def test_rejected_rows_are_read_from_the_error_log(asked: Asked) -> None:
    """information_schema.routine_load_rejects is empty at first, then shows every Parquet file's rows."""
    query = 'SELECT job_id, label, topic, "partition", `offset`, column_name, reason, raw FROM information_schema.routine_load_rejects'
    assert asked.rows(query) == []
    rows = {"job_id": [7], "label": ["l"], "database_name": ["d"], "table_name": ["t"], "topic": ["x"]}
    rows |= {"partition": pa.array([3], pa.int32()), "offset": [42], "column_name": ["a"], "reason": ["bad"]}
    rows |= {"raw": [b"1,2"], "rejected_at": [dt.datetime(2024, 1, 1)]}
    pq.write_table(pa.table(rows), asked.directory / "error_log" / "abc.parquet")
    assert asked.rows(query.replace('"partition"', "`partition`")) == [(7, "l", "x", 3, 42, "a", "bad", b"1,2")]


def test_other_rooms_may_add_system_tables(asked: Asked) -> None:
    """A table handed in is called for its rows once per query that names it."""
    columns = dict.fromkeys(Compat, (ResultColumn("NAME"),))
    asked.engine.add_system_table(SystemTable(name="jobs", columns=columns, rows=lambda *_: [("j",)]))
    assert asked.rows("SELECT name FROM information_schema.jobs") == [("j",)]
    assert ("jobs",) in asked.rows("SHOW TABLES FROM information_schema")


def test_create_table_as_takes_the_querys_columns(asked: Asked) -> None:
    """CREATE TABLE … AS makes a DUPLICATE KEY table of the query's columns and rows."""
    asked.run("CREATE TABLE t (a INT, b VARCHAR(5))")
    asked.run("INSERT INTO t VALUES (1, 'x')")
    asked.run("CREATE TABLE u AS SELECT a + 1 AS n, b FROM t")
    assert asked.rows("SELECT n, b FROM u") == [(2, "x")]
    assert [row[:2] for row in asked.rows("DESC u")] == [("n", "bigint"), ("b", "string")]


def test_explain_answers_lines(asked: Asked) -> None:
    """EXPLAIN SELECT shows a plan and runs nothing."""
    asked.run("CREATE TABLE t (a INT)")
    assert asked.table("EXPLAIN SELECT * FROM t").columns[0].name == "Explain String"
    with pytest.raises(UnsupportedFeature):
        asked.run("EXPLAIN DELETE FROM t")


@pytest.mark.parametrize(
    "query",
    [
        "WITH duckdb_tables AS (SELECT * FROM duckdb_tables) SELECT * FROM duckdb_tables",
        "WITH x AS (SELECT * FROM duckdb_columns), duckdb_columns AS (SELECT 1) SELECT * FROM x",
        "WITH RECURSIVE sqlite_master AS (SELECT * FROM sqlite_master) SELECT * FROM sqlite_master",
        "WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n FROM s), s AS (SELECT 1 n) SELECT * FROM r",
        "WITH RECURSIVE duckdb_views AS (SELECT * FROM duckdb_views UNION ALL SELECT 1) SELECT * FROM duckdb_views",
        "WITH a AS (WITH duckdb_views AS (SELECT 1 x) SELECT x FROM duckdb_views) SELECT * FROM a, duckdb_views",
        "WITH sqlite_master AS (SELECT sql FROM sqlite_master) INSERT INTO t SELECT 1, sql FROM sqlite_master",
    ],
)
def test_a_with_query_that_names_itself_does_not_reach_the_engines_own_views(asked: Asked, query: str) -> None:
    """Out of a WITH query's scope its name means a table of the catalog, never a view or a file of DuckDB."""
    asked.run("CREATE TABLE t (a INT, b STRING)")
    with pytest.raises(UnknownTable):
        asked.run(query)


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("WITH t AS (SELECT a FROM t WHERE a = 1) SELECT t.a FROM t", [(1,)]),
        ("WITH q AS (SELECT 1 x), r AS (SELECT x + 1 x FROM q) SELECT q.x, r.x FROM q, r", [(1, 2)]),
        (
            "WITH q AS (SELECT 1 x) SELECT a FROM t WHERE EXISTS (WITH q AS (SELECT 2 x) SELECT 1 FROM q WHERE x = a)",
            [(2,)],
        ),
        ("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 4) SELECT sum(r.n) FROM r", [(10,)]),
        ("WITH q(x, y) AS (SELECT 1, 2) SELECT q.y, z.x FROM q JOIN q z ON q.x = z.x", [(2, 1)]),
    ],
)
def test_names_of_with_queries_follow_sqls_scopes(asked: Asked, query: str, rows: list[tuple[int, ...]]) -> None:
    """An inner one hides an outer, each sees those before it, and itself only where it is recursive."""
    asked.run("CREATE TABLE t (a INT)")
    asked.run("INSERT INTO t VALUES (1), (2)")
    assert asked.rows(query) == rows


def test_with_before_insert_means_the_same_as_with_before_select(asked: Asked) -> None:
    """``WITH … INSERT INTO t SELECT`` and ``INSERT INTO t WITH … SELECT``."""
    asked.run("CREATE TABLE t (a INT)")
    assert asked.run("WITH q AS (SELECT 1 x) INSERT INTO t SELECT x FROM q") == Ok(affected_rows=1)
    assert asked.run("INSERT INTO t WITH q AS (SELECT 2 x) SELECT x FROM q") == Ok(affected_rows=1)
    assert asked.rows("SELECT a FROM t ORDER BY a") == [(1,), (2,)]


@pytest.mark.parametrize(
    "name", ["CURRENT_TIMESTAMP", "current_timestamp()", "LOCALTIMESTAMP", "NOW()", "CURRENT_DATE"]
)
def test_the_time_needs_no_parentheses(asked: Asked, name: str) -> None:
    """CURRENT_TIMESTAMP as a bare word is the session's time in whole seconds, a DATETIME (CURRENT_DATE: a DATE)."""
    table = asked.table(f"SELECT {name}")
    wanted = ResultType.DATE if name == "CURRENT_DATE" else ResultType.DATETIME
    assert [(c.name, c.type) for c in table.columns] == [(name, wanted)]
    assert getattr(next(iter(table.rows))[0], "microsecond", 0) == 0


@pytest.mark.parametrize("name", ["curtime()", "CURRENT_TIME()"])
def test_the_time_of_day_is_the_one_of_now(asked: Asked, name: str) -> None:
    """CURTIME() and CURRENT_TIME() are the session's, in whole seconds, a TIME without a zone."""
    table = asked.table(f"SELECT {name} AS a, CAST(now() AS STRING) AS b")
    assert table.columns[0].type is ResultType.TIME
    [[at, now]] = table.rows
    assert str(at) == now[11:]


def test_hints_are_read_over(asked: Asked) -> None:
    """SET_VAR and join hints advise another planner."""
    assert asked.rows("SELECT /*+ SET_VAR(query_timeout = 1, parallel_fragment_exec_instance_num = 2) */ 1") == [(1,)]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SHOW MASTER STATUS", "This statement is not supported: SHOW MASTER STATUS …"),
        ("GRANT ALL ON *.* TO jack", "This statement is not supported: GRANT ALL ON …"),
        ("INSERT INTO d.t WITH LABEL l1 (id) VALUES (1)", "INSERT … WITH LABEL needs a service that keeps labels"),
    ],
)
def test_what_is_not_supported_is_named(asked: Asked, sql: str, said: str) -> None:
    """A refusal says which statement it is about."""
    with pytest.raises(UnsupportedFeature, match=re.escape(said)):
        asked.run(sql)


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT CASE WHEN n = 1 THEN 'one' ELSE k END AS k FROM d.h HAVING k IN ('one', NULL)", [("one",)]),
        ("SELECT k, n FROM d.h HAVING n > 1 ORDER BY n LIMIT 1", [("b", 2)]),
        ("SELECT k, sum(n) AS s FROM d.h GROUP BY k HAVING s > 1", [("b", 2)]),
        ("SELECT max(n) AS m FROM d.h HAVING m > 5", []),
        ("SELECT k FROM d.h WHERE k COLLATE utf8_general_ci = 'a'", [("a",)]),
        ("SELECT UPPER(n), lower(1.5) FROM d.h WHERE n = 2", [("2", "1.5")]),
    ],
)
def test_metadata_queries_of_drivers(asked: Asked, sql: str, rows: list[tuple[Any, ...]]) -> None:
    """What Connector/J asks of information_schema: HAVING without groups, COLLATE, UPPER of a number."""
    asked.run("CREATE TABLE d.h (k VARCHAR(5), n INT) DUPLICATE KEY(k)")
    asked.run("INSERT INTO d.h VALUES ('a', 1), ('b', 2)")
    assert asked.rows(sql) == rows
