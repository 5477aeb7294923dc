"""SHOW and DESC as introspecting tools send them: conditions, indexes, and information_schema's own tables."""

from __future__ import annotations

import pytest

from routine_load.engines.duckdb.system_rows import EMPTY
from routine_load.errors import AnalysisError, StatementSyntaxError, UnknownTable
from routine_load.ids import Compat
from tests.unit.engines.conftest import Asked

TABLES = [
    "CREATE TABLE d.a (id INT, v BIGINT SUM) AGGREGATE KEY(id) DISTRIBUTED BY HASH(id) BUCKETS 3",
    "CREATE TABLE d.p (id INT, v INT) PRIMARY KEY(id) DISTRIBUTED BY HASH(id) PROPERTIES('replication_num' = '1')",
]


@pytest.fixture
def shown(asked):
    for statement in TABLES:
        asked.run(statement)
    return asked


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("SHOW TABLES WHERE Tables_in_d = 'A'", ["a"]),
        ("SHOW TABLES WHERE Tables_in_d != 'a'", ["p"]),
        ("SHOW TABLES WHERE tables_in_d LIKE '_'", ["a", "p"]),
        ("SHOW TABLES WHERE Tables_in_d NOT LIKE 'a%'", ["p"]),
        ("SHOW FULL TABLES WHERE Table_type = 'BASE TABLE' AND Tables_in_d IN ('p', 'q')", ["p"]),
        ("SHOW FULL TABLES FROM d WHERE Table_type = 'VIEW'", []),
        ("SHOW DATABASES WHERE `Database` = 'd'", ["d"]),
        ("SHOW TABLE STATUS WHERE Name = 'p'", ["p"]),
        ("SHOW TABLE STATUS FROM `d` LIKE 'a'", ["a"]),
        ("SHOW COLUMNS FROM a WHERE Field = 'v'", ["v"]),
        ("SHOW FULL COLUMNS FROM a FROM d LIKE 'i%'", ["id"]),
    ],
)
def test_where_and_like_choose_among_the_rows_shown(shown, text, names):
    """SHOW … WHERE compares the answer's own columns without regard to case; LIKE is about the first."""
    assert [row[0] for row in shown.rows(text)] == names


def test_a_condition_on_what_is_not_shown_names_the_columns(shown):
    """An unknown column of SHOW … WHERE is refused with those there are; so is another operator."""
    with pytest.raises(AnalysisError, match="Unknown column 'nope', there are Tables_in_d"):
        shown.run("SHOW TABLES WHERE nope = 'a'")
    with pytest.raises(StatementSyntaxError, match="Unexpected input '>'"):
        shown.run("SHOW TABLES WHERE Tables_in_d > 'a'")


@pytest.mark.parametrize("word", ["INDEX", "INDEXES", "KEYS", "KEY"])
def test_a_table_without_unique_key_has_no_index(shown, word):
    """SHOW INDEX has MySQL's columns and no rows, as tools expect of a table without indexes."""
    result = shown.table(f"SHOW {word} FROM `d`.`a`")
    assert [column.name for column in result.columns][:5] == [
        *("Table", "Non_unique", "Key_name", "Seq_in_index", "Column_name")
    ]
    assert not list(result.rows)
    with pytest.raises(UnknownTable):
        shown.run(f"SHOW {word} FROM absent")


@pytest.mark.parametrize("model", ["PRIMARY", "UNIQUE"])
def test_a_key_that_tells_rows_apart_is_the_primary_index(shown, model):
    """SHOW KEYS names it PRIMARY, column by column, so that JDBC tools know which row to change."""
    shown.run(f"CREATE TABLE k (x INT NOT NULL, y INT NOT NULL, v INT) {model} KEY (x, y) DISTRIBUTED BY HASH(x)")
    rows = list(shown.table("SHOW KEYS FROM k FROM d").rows)
    assert [row[:5] for row in rows] == [("k", "0", "PRIMARY", "1", "x"), ("k", "0", "PRIMARY", "2", "y")]
    columns = "table_name, non_unique, index_name, seq_in_index, column_name"
    text = f"SELECT {columns} FROM information_schema.statistics WHERE table_name = 'k' ORDER BY seq_in_index"
    assert list(shown.table(text).rows) == [("k", 0, "PRIMARY", 1, "x"), ("k", 0, "PRIMARY", 2, "y")]


def test_a_table_is_not_a_view(shown):
    """SHOW CREATE VIEW of a table says that it is none."""
    with pytest.raises(AnalysisError, match=r"'d\.a' is not VIEW"):
        shown.run("SHOW CREATE VIEW a")
    with pytest.raises(UnknownTable):
        shown.run("SHOW CREATE MATERIALIZED VIEW absent")


@pytest.mark.parametrize("name", ["schemata", "tables", "columns", "tables_config", "routine_load_rejects", *EMPTY])
def test_information_schema_describes_itself(shown, name):
    """Each system table can be read, and DESC and SHOW COLUMNS tell the same columns in the same order."""
    read = [column.name for column in shown.table(f"SELECT * FROM information_schema.{name.upper()}").columns]
    assert [row[0] for row in shown.rows(f"DESC information_schema.{name}")] == read
    assert [row[0] for row in shown.rows(f"SHOW FULL COLUMNS FROM {name} FROM information_schema")] == read


def test_system_tables_have_a_status(shown):
    """SHOW TABLE STATUS works for information_schema, too."""
    assert ["columns", "MEMORY"] in [list(row[:2]) for row in shown.rows("SHOW TABLE STATUS FROM information_schema")]


def test_tables_config_tells_what_create_table_said(shown):
    """information_schema.tables_config: model, keys and buckets of each table (StarRocks' SQLAlchemy dialect asks)."""
    found = shown.rows(
        "SELECT table_name, table_model, primary_key, distribute_type, distribute_key, distribute_bucket, properties"
        " FROM information_schema.tables_config WHERE table_schema = 'd' ORDER BY table_name"
    )
    assert [list(row) for row in found] == [
        ["a", "AGG_KEYS", "", "HASH", "`id`", 3, "{}"],
        ["p", "PRI_KEYS", "`id`", "HASH", "`id`", 0, '{"replication_num": "1"}'],
    ]


def test_doris_calls_string_text_and_its_statement_makes_the_same_table(asked: Asked) -> None:
    """Doris: DESC and SHOW CREATE TABLE say text and struct<a:int>; StarRocks struct<a int>."""
    asked.run("CREATE TABLE t (k INT, s STRING, a ARRAY<STRING>, r STRUCT<x: INT, y: STRING>)")
    assert [row[1] for row in asked.rows("DESC t")][1:] == ["string", "array<string>", "struct<x int, y string>"]
    asked.session.compat = Compat.DORIS
    told = [row[1] for row in asked.rows("DESC t")]
    assert told[1:] == ["text", "array<text>", "struct<x:int,y:text>"]
    [(_, statement)] = asked.rows("SHOW CREATE TABLE t")
    asked.run(statement.replace("`t`", "`u`"))
    assert asked.rows("SHOW CREATE TABLE u") == [("u", statement.replace("`t`", "`u`"))]
    assert [row[1] for row in asked.rows("DESC u")] == told
