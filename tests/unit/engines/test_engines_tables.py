"""Databases, tables and the file itself."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pytest

from routine_load.engines.duckdb import DuckDbEngine
from routine_load.errors import (
    AnalysisError,
    DatabaseExists,
    DirectoryInUse,
    EngineError,
    RoutineLoadError,
    TableExists,
    UnknownDatabase,
    UnknownTable,
)
from routine_load.ids import Compat, JobId, Label, TableRef
from routine_load.loads.values import TableBatch, WriteMode
from tests.unit.engines.conftest import Asked


def test_databases_come_and_go(asked: Asked) -> None:
    """CREATE and DROP DATABASE with their IF clauses; the engine's own schemas are hidden."""
    asked.run("CREATE DATABASE IF NOT EXISTS d")
    with pytest.raises(DatabaseExists):
        asked.run("CREATE DATABASE d")
    asked.run("CREATE SCHEMA e")
    assert asked.engine.databases() == ["d", "e"]
    assert asked.rows("SHOW DATABASES LIKE 'e%'") == [("e",)]
    asked.run("CREATE TABLE e.t (a INT)")
    asked.run("DROP DATABASE e FORCE")
    asked.run("DROP DATABASE IF EXISTS e")
    with pytest.raises(UnknownDatabase):
        asked.run("DROP DATABASE e")
    with pytest.raises(UnknownDatabase):
        asked.engine.tables("e")
    assert asked.rows("SHOW DATABASES") == [("d",), ("information_schema",)]


def test_names_that_differ_only_by_case_are_refused(asked: Asked) -> None:
    """DuckDB cannot keep them apart; saying so beats mixing them up."""
    asked.run("CREATE TABLE Orders (a INT)")
    with pytest.raises(AnalysisError, match="Orders"):
        asked.run("CREATE TABLE orders (a INT)")
    with pytest.raises(AnalysisError, match="'d'"):
        asked.run("CREATE DATABASE D")
    with pytest.raises(UnknownTable, match="orders"):
        asked.run("SELECT * FROM orders")


@pytest.mark.parametrize("name", ["select", "w", 'quo"te', "sp ace", "日本", "a.b"])
def test_any_name_can_be_quoted(asked: Asked, name: str) -> None:
    """Keywords, quotes, dots, spaces and the file's own name are ordinary names."""
    asked.run(f"CREATE DATABASE `{name}`")
    asked.run(f"CREATE TABLE `{name}`.`{name}` (`{name}` INT, k INT) UNIQUE KEY(`{name}`)")
    asked.run(f"INSERT INTO `{name}`.`{name}` VALUES (1, 2)")
    assert asked.rows(f"SELECT `{name}`, `{name}`.k FROM `{name}`.`{name}`") == [(1, 2)]
    assert asked.rows(f"SHOW TABLES FROM `{name}`") == [(name,)]


def test_tables_come_and_go(asked: Asked) -> None:
    """CREATE, LIKE, TRUNCATE, DROP with their IF clauses."""
    asked.run("CREATE TABLE t (a INT) UNIQUE KEY(a)")
    asked.run("CREATE TABLE IF NOT EXISTS t (b INT)")
    with pytest.raises(TableExists):
        asked.run("CREATE TABLE t (b INT)")
    asked.run("CREATE TABLE u LIKE t")
    assert asked.engine.table(TableRef("d", "u")).key_model is asked.engine.table(TableRef("d", "t")).key_model
    asked.run("INSERT INTO t VALUES (1)")
    asked.run("TRUNCATE TABLE t")
    assert asked.rows("SELECT * FROM t") == []
    asked.run("DROP TABLE t FORCE")
    asked.run("DROP TABLE IF EXISTS t")
    with pytest.raises(UnknownTable):
        asked.run("DROP TABLE t")
    with pytest.raises(UnknownTable):
        asked.run("TRUNCATE TABLE t")
    assert asked.engine.tables("d") == ["u"]


def test_alter_table_changes_declaration_and_rows_together(asked: Asked) -> None:
    """ADD (also FIRST value column, AFTER), DROP, MODIFY, RENAME COLUMN, RENAME; SELECT * keeps the declared order."""
    asked.run("CREATE TABLE t (k INT NOT NULL, v INT) UNIQUE KEY(k)")
    asked.run("INSERT INTO t VALUES (1, 2)")
    asked.run('ALTER TABLE t ADD COLUMN x VARCHAR(5) NOT NULL DEFAULT "q" AFTER k')
    asked.run("ALTER TABLE t ADD COLUMN y INT, MODIFY COLUMN v BIGINT, RENAME COLUMN x TO z")
    assert asked.rows("SELECT * FROM t") == [(1, "q", 2, None)]
    assert [row[:2] for row in asked.rows("DESC t")] == [
        ("k", "int"),
        ("z", "varchar(5)"),
        ("v", "bigint"),
        ("y", "int"),
    ]
    asked.run("ALTER TABLE t DROP COLUMN v")
    asked.run("ALTER TABLE t RENAME u")
    asked.engine.close()
    asked.open()
    asked.run("INSERT INTO u VALUES (1, 'w', 3), (2, 'x', 4)")
    assert asked.rows("SELECT * FROM u ORDER BY k") == [(1, "w", 3), (2, "x", 4)]
    for sql in (
        "DROP COLUMN k",
        "DROP COLUMN nope",
        "ADD COLUMN z INT",
        "ADD COLUMN n INT NOT NULL",
        "RENAME COLUMN z TO k",
    ):
        with pytest.raises(AnalysisError):
            asked.run(f"ALTER TABLE u {sql}")


def test_declarations_survive_a_restart(asked: Asked) -> None:
    """Key models, defaults, comments, properties and partitions are read back as they were declared."""
    asked.run(
        'CREATE TABLE t (a INT COMMENT "x", s STRUCT<p INT, q ARRAY<STRING>>, b BIGINT DEFAULT "5") DUPLICATE KEY(a)'
        ' PARTITION BY RANGE(a) (PARTITION p VALUES LESS THAN ("3")) DISTRIBUTED BY HASH(a) BUCKETS 3'
        ' PROPERTIES("replication_num" = "1")'
    )
    before = asked.engine.table(TableRef("d", "t")), asked.rows("SHOW CREATE TABLE t")
    asked.engine.close()
    asked.open()
    assert (asked.engine.table(TableRef("d", "t")), asked.rows("SHOW CREATE TABLE t")) == before


def test_desc_and_show_columns_have_the_vendors_columns(asked: Asked) -> None:
    """DESC: Field, Type, Null, Key, Default, Extra; StarRocks says YES, Doris Yes and NONE."""
    asked.run('CREATE TABLE t (k BIGINT NOT NULL, v INT DEFAULT "3" COMMENT "c")')
    assert [c.name for c in asked.table("DESC t").columns] == ["Field", "Type", "Null", "Key", "Default", "Extra"]
    assert asked.rows("DESCRIBE d.t") == [
        ("k", "bigint", "NO", "true", None, ""),
        ("v", "int", "YES", "false", "3", ""),
    ]
    assert asked.rows("SHOW FULL COLUMNS FROM t FROM d LIKE 'v'") == [("v", "int", "", "YES", "NO", "3", "", "", "c")]
    assert asked.rows("SHOW COLUMNS FROM d.t")[0][0] == "k"
    assert asked.rows("SHOW FULL TABLES") == [("t", "BASE TABLE")]
    assert asked.rows("SHOW TABLE STATUS LIKE 't'")[0][:2] == ("t", "OLAP")
    assert asked.rows("SHOW CREATE DATABASE d") == [("d", "CREATE DATABASE `d`")]
    asked.session.compat = Compat.DORIS
    assert asked.rows("DESC t")[1] == ("v", "int", "Yes", "false", "3", "NONE")
    assert "`k` bigint NOT NULL" in asked.rows("SHOW CREATE TABLE t")[0][1]


def test_a_second_process_is_told_who_has_the_file(asked: Asked) -> None:
    """DuckDB locks the file; the other process gets DirectoryInUse with the owner's pid."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom routine_load.engines.duckdb import DuckDbEngine\n"
        "from routine_load.errors import DirectoryInUse\nd = Path(sys.argv[1])\n"
        "try:\n    DuckDbEngine.open(d / 'w.duckdb', error_log_dir=d / 'e', memory='64MB', threads=1)\n"
        "except DirectoryInUse as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(asked.directory)], capture_output=True, text=True, check=True
    )
    assert "pid" in done.stdout
    with pytest.raises(DirectoryInUse):
        DuckDbEngine.open(asked.directory / "w.duckdb", error_log_dir=asked.directory / "e", memory="64MB", threads=1)


def test_a_closed_engine_refuses_and_closes_again(asked: Asked) -> None:
    """Close is final and harmless to repeat; what is asked later is refused."""
    rows = iter(asked.table("SHOW DATABASES").rows)
    assert next(rows)
    asked.engine.close()
    asked.engine.close()
    with pytest.raises(EngineError):
        asked.run("SELECT 1")


def test_a_file_that_is_not_a_warehouse_is_refused(tmp_path: Path) -> None:
    """Neither a text file nor a reserved name is opened."""
    (tmp_path / "w.duckdb").write_text("hello" * 4096)
    for name in ("w.duckdb", "temp.duckdb"):
        with pytest.raises(EngineError):
            DuckDbEngine.open(tmp_path / name, error_log_dir=tmp_path / "e", memory="64MB", threads=1)


def test_closing_interrupts_what_runs_and_rolls_it_back(asked: Asked) -> None:
    """A load and a query under way end with errors of ours; the file opens again without their rows."""
    asked.run("CREATE TABLE t (a BIGINT)")
    started, errors = threading.Event(), []

    def load() -> None:
        transaction = asked.engine.begin(Label("l"), JobId(1))
        try:
            while True:
                transaction.write(TableBatch(TableRef("d", "t"), pa.table({"a": pa.arange(0, 1000)}), WriteMode()))
                started.set()
        except RoutineLoadError as error:
            errors.append(error)
        finally:
            transaction.rollback()

    thread = threading.Thread(target=load)
    thread.start()
    assert started.wait(30)
    asked.engine.close()
    thread.join(30)
    assert not thread.is_alive()
    assert len(errors) == 1
    asked.open()
    assert asked.rows("SELECT count(*) FROM t") == [(0,)]


def test_a_long_insert_is_one_statement(asked: Asked) -> None:
    """INSERT with thousands of rows is neither too long nor slow to tell from DDL."""
    asked.run("CREATE TABLE t (a BIGINT, b VARCHAR(10))")
    values = ", ".join(f"({i}, 'x')" for i in range(5000))
    asked.run(f"INSERT INTO t VALUES {values}")
    assert asked.rows("SELECT count(*), max(a) FROM t") == [(5000, 4999)]


@pytest.mark.parametrize(
    ("statement", "seen"),
    [
        ("CREATE TABLE IF NOT EXISTS t (id INT) DUPLICATE KEY(id)", False),
        ("CREATE TABLE IF NOT EXISTS t LIKE other", False),
        ("CREATE TABLE IF NOT EXISTS t AS SELECT 1 AS id", False),
        ("DROP TABLE IF EXISTS gone", True),
    ],
)
def test_if_exists_holds_where_another_client_was_faster(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, statement: str, seen: bool
) -> None:
    """What was looked up a moment ago has changed: the statement succeeds all the same, and changes nothing."""
    asked.run("CREATE TABLE t (id INT, kept INT) DUPLICATE KEY(id)")
    asked.run("CREATE TABLE other (id INT) DUPLICATE KEY(id)")
    monkeypatch.setattr(asked.engine._tables, "_exists", lambda _ref: seen)
    asked.run(statement)
    monkeypatch.undo()
    assert asked.rows("SELECT count(kept) FROM t") == [(0,)]
    assert asked.engine.tables("d") == ["other", "t"]


def test_without_if_exists_the_slower_client_is_told(asked: Asked) -> None:
    """The error is quiet only where it was asked to be."""
    asked.run("CREATE TABLE t (id INT) DUPLICATE KEY(id)")
    for statement in ("CREATE TABLE t LIKE t", "CREATE TABLE t AS SELECT 1 AS id"):
        with pytest.raises(TableExists):
            asked.run(statement)
    with pytest.raises(UnknownTable):
        asked.run("DROP TABLE gone")
