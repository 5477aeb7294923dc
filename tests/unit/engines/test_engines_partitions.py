"""Partitions as statements make, show and change them (both vendors: partitioned tables)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from routine_load.engines.duckdb import DuckDbEngine
from routine_load.errors import AnalysisError, RoutineLoadError
from routine_load.ids import Compat, TableRef
from routine_load.statements.ports import Session
from tests.unit.engines.conftest import Asked

RANGES = "(k INT, d DATE) PARTITION BY RANGE(d) (PARTITION p1 VALUES LESS THAN ('2024-02-01'))"


def names(asked: Asked, table: str = "t") -> list[str]:
    return [row[1] for row in asked.rows(f"SHOW PARTITIONS FROM {table}")]


def ranges(asked: Asked, table: str = "t") -> list[str]:
    return [row[4] for row in asked.rows(f"SHOW PARTITIONS FROM {table}")]


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ("(d) (START ('2024-02-28') END ('2024-03-02') EVERY (INTERVAL 1 DAY))", ["20240228", "20240229", "20240301"]),
        ("(d) (START ('2023-12-01') END ('2024-02-01') EVERY (INTERVAL 1 MONTH))", ["202312", "202401"]),
        ("(d) (START ('2024-01-01') END ('2026-01-01') EVERY (INTERVAL 1 YEAR))", ["2024", "2025"]),
        ("(d) (START ('2024-12-30') END ('2025-01-13') EVERY (INTERVAL 1 WEEK))", ["2025_01", "2025_02"]),
        ("(k) (START ('1') END ('6') EVERY (2))", ["1", "3", "5"]),
        ("(k) (START ('-2') END ('0') EVERY (1))", ["_2", "_1"]),
    ],
)
def test_a_series_of_partitions_is_counted_out(asked: Asked, series: str, expected: list[str]) -> None:
    """StarRocks: START, END, EVERY."""
    asked.run(f"CREATE TABLE t (k INT, d DATE) PARTITION BY RANGE {series}")
    assert names(asked) == [f"p{name}" for name in expected]


def test_ranges_and_lists_are_shown_as_the_vendors_show_them(asked: Asked) -> None:
    """SHOW PARTITIONS: types and keys of both ends; the values of a list."""
    asked.run(
        "CREATE TABLE t (a INT, b INT) PARTITION BY RANGE(a, b) (PARTITION p1 VALUES LESS THAN ('10', '5'),"
        " PARTITION p2 VALUES LESS THAN ('20', MAXVALUE), PARTITION p3 VALUES LESS THAN MAXVALUE)"
    )
    assert ranges(asked) == [
        "[types: [INT, INT]; keys: [-2147483648, -2147483648]; ..types: [INT, INT]; keys: [10, 5]; )",
        "[types: [INT, INT]; keys: [10, 5]; ..types: [INT, INT]; keys: [20, MAXVALUE]; )",
        "[types: [INT, INT]; keys: [20, MAXVALUE]; ..types: [MAXVALUE]; keys: []; )",
    ]
    asked.run(
        "CREATE TABLE u (c VARCHAR(9)) PARTITION BY LIST(c)"
        " (PARTITION p1 VALUES IN ('x', 'y'), PARTITION p2 VALUES IN (NULL))"
    )
    assert ranges(asked, "u") == ['(("x"),("y"))', "((NULL))"]


def test_partitions_are_added_dropped_with_their_rows_renamed_and_emptied(asked: Asked) -> None:
    """ALTER TABLE ADD, DROP, RENAME PARTITION; TRUNCATE TABLE … PARTITION."""
    asked.run(f"CREATE TABLE t {RANGES}")
    asked.run("ALTER TABLE t ADD PARTITION p2 VALUES LESS THAN ('2024-03-01')")
    asked.run("ALTER TABLE t ADD PARTITION IF NOT EXISTS p2 VALUES LESS THAN ('2024-03-01')")
    asked.run("ALTER TABLE t ADD PARTITION p4 VALUES [('2024-04-01'), ('2024-05-01')) DISTRIBUTED BY HASH(k) BUCKETS 2")
    asked.run("ALTER TABLE t ADD PARTITIONS START ('2025-01-01') END ('2025-01-03') EVERY (INTERVAL 1 DAY)")
    assert names(asked) == ["p1", "p2", "p4", "p20250101", "p20250102"]
    asked.run("INSERT INTO t VALUES (1, NULL), (2, '2024-01-31'), (3, '2024-02-01'), (4, '2024-04-09')")
    asked.run("ALTER TABLE t DROP PARTITION p1")
    asked.run("ALTER TABLE t DROP PARTITIONS IF EXISTS (p20250101, p20250102, nope) FORCE")
    assert asked.rows("SELECT k FROM t ORDER BY k") == [(3,), (4,)]
    asked.run("ALTER TABLE t RENAME PARTITION p4 april")
    asked.run("TRUNCATE TABLE t PARTITION (april)")
    assert asked.rows("SELECT k FROM t") == [(3,)]
    assert names(asked) == ["p2", "april"]
    created = asked.rows("SHOW CREATE TABLE t")[0][1]
    asked.run("DROP TABLE t")
    asked.run(created)
    assert names(asked) == ["p2", "april"]


@pytest.mark.parametrize(
    ("action", "kind", "words"),
    [
        ("ADD PARTITION p1 VALUES LESS THAN ('2025-01-01')", AnalysisError, "Duplicate partition name p1"),
        ("ADD PARTITION x VALUES [('2024-01-15'), ('2025-01-01'))", AnalysisError, "intersected with range"),
        ("ADD PARTITION x VALUES LESS THAN ('2023-01-01')", AnalysisError, "not less than"),
        ("ADD PARTITION x VALUES LESS THAN ('soon')", AnalysisError, "'soon' is no date"),
        ("ADD PARTITION x VALUES IN ('2025-01-01')", AnalysisError, "x: a range partition needs"),
        ("DROP PARTITION nope", AnalysisError, "Error in list of partitions to nope"),
        ("RENAME PARTITION nope x", AnalysisError, "Error in list of partitions to nope"),
        ("DROP TEMPORARY PARTITION nope", AnalysisError, "Temporary partition nope does not exist"),
        ("REPLACE PARTITION p1 WITH TEMPORARY PARTITION nope", AnalysisError, "Temporary partition nope does not"),
        ("REPLACE PARTITION p1 WITH TEMPORARY PARTITION x PROPERTIES ('a' = 'b')", AnalysisError, "Unknown properties"),
    ],
)
def test_a_partition_that_cannot_be_is_refused(
    asked: Asked, action: str, kind: type[RoutineLoadError], words: str
) -> None:
    """Names, bounds and overlaps are looked at before anything changes."""
    asked.run(f"CREATE TABLE t {RANGES}")
    with pytest.raises(kind, match=words):
        asked.run(f"ALTER TABLE t {action}")
    assert names(asked) == ["p1"]


def test_a_table_without_partitions_has_one_of_its_own_name(asked: Asked) -> None:
    """Both vendors: it can be emptied by that name, and none can be added."""
    asked.run("CREATE TABLE t (k INT)")
    asked.run("INSERT INTO t VALUES (1)")
    assert names(asked) == ["t"]
    with pytest.raises(AnalysisError, match="is not a partitioned table"):
        asked.run("ALTER TABLE t ADD PARTITION p VALUES LESS THAN ('3')")
    asked.run("TRUNCATE TABLE t PARTITION t")
    assert asked.rows("SELECT * FROM t") == []


@pytest.mark.parametrize("by", ["date_trunc('month', d)", "RANGE(date_trunc('month', d)) ()"])
def test_partitions_that_rows_have_made_are_shown(asked: Asked, by: str) -> None:
    """Both vendors: automatic partitions, by a period or by each value."""
    asked.run(f"CREATE TABLE t (k INT, d DATE) PARTITION BY {by}")
    assert names(asked) == []
    asked.run("INSERT INTO t VALUES (1, '2024-03-05'), (2, '2024-03-06'), (3, '2023-12-31')")
    assert names(asked) == ["p202312", "p202403"]
    assert ranges(asked)[0].startswith("[types: [DATE]; keys: [2023-12-01]; ..")
    asked.run("CREATE TABLE u (k INT, city VARCHAR(20)) PARTITION BY (k, city)")
    asked.run("INSERT INTO u VALUES (1, 'New York'), (1, NULL), (1, 'New York')")
    assert names(asked, "u") == ["p1_NewYork", "p1_NULL"]
    assert ranges(asked, "u") == ['(("1", "New York"))', '(("1", NULL))']


@dataclass
class Hands:
    """A clock that is set by hand."""

    at: dt.datetime = field(default_factory=lambda: dt.datetime(2024, 2, 28, 12, tzinfo=dt.UTC))

    def now(self) -> dt.datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0


def test_dynamic_partitions_come_with_time_and_take_no_rows_when_they_are_past(tmp_path: Path) -> None:
    """Both vendors: dynamic_partition.* keeps a window of partitions; here what is past keeps its rows."""
    clock = Hands()
    engine = DuckDbEngine.open(tmp_path / "w.duckdb", error_log_dir=tmp_path / "log", clock=clock)
    session = Session(user="root", compat=Compat.DORIS, database="d")
    engine.execute("CREATE DATABASE d", session)
    window = {"enable": "true", "time_unit": "DAY", "start": "-1", "end": "1", "prefix": "p", "time_zone": "UTC"}
    properties = ", ".join(f"'dynamic_partition.{key}' = '{value}'" for key, value in window.items())
    engine.execute(f"CREATE TABLE t (k INT, d DATE) PARTITION BY RANGE(d) () PROPERTIES ({properties})", session)
    ref = TableRef("d", "t")
    assert engine.table(ref).partition_names == ("p20240228", "p20240229")
    clock.at += dt.timedelta(days=2)
    assert engine.table(ref).partition_names == ("p20240229", "p20240301", "p20240302")
    with pytest.raises(AnalysisError, match="Cannot add/drop partition on a Dynamic Partition Table"):
        engine.execute("ALTER TABLE t DROP PARTITION p20240301", session)
    engine.execute("ALTER TABLE t SET ('dynamic_partition.enable' = 'false')", session)
    clock.at += dt.timedelta(days=9)
    assert engine.table(ref).partition_names == ("p20240229", "p20240301", "p20240302")
    engine.close()


def test_generated_columns_are_computed_whenever_they_are_read(asked: Asked) -> None:
    """Both vendors' spellings; they follow INSERT, UPDATE and ALTER, and cannot be given."""
    asked.run("CREATE TABLE t (k INT, a INT, c INT AS (a + 1), u STRING AS upper(concat(a, 'x'))) PRIMARY KEY(k)")
    asked.run("INSERT INTO t VALUES (1, 2), (1, 3), (2, NULL)")
    asked.run("UPDATE t SET a = 10 WHERE k = 2")
    asked.run("ALTER TABLE t ADD COLUMN d INT DEFAULT '4' AFTER a")
    asked.run("ALTER TABLE t ADD COLUMN e BIGINT GENERATED ALWAYS AS (a * d)")
    assert asked.rows("SELECT * FROM t ORDER BY k") == [(1, 3, 4, 4, "3X", 12), (2, 10, 4, 11, "10X", 40)]
    created = asked.rows("SHOW CREATE TABLE t")[0][1]
    assert "`u` string NULL AS upper(concat(a, 'x'))" in created
    asked.run("DROP TABLE t")
    asked.run(created)
    for statement in ("INSERT INTO t (k, c) VALUES (1, 2)", "UPDATE t SET c = 1"):
        with pytest.raises(AnalysisError, match="generated column: c can not be specified"):
            asked.run(statement)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("c INT AS (z)", "'z' cannot be resolved in generated column c"),
        ("b INT AS (k), c INT AS (b)", "can not refers to other generated columns"),
        ("c DATETIME AS (now())", "changes"),
        ("c INT AS (nope(k))", "nope"),
    ],
)
def test_a_generated_column_that_cannot_be_computed_is_refused(asked: Asked, column: str, words: str) -> None:
    """At CREATE, by name."""
    with pytest.raises(AnalysisError, match=words):
        asked.run(f"CREATE TABLE t (k INT, {column}) PRIMARY KEY(k)")


def test_a_hidden_sequence_column_can_be_inserted_by_its_name(asked: Asked) -> None:
    """Doris: INSERT into a table with a sequence has to name it."""
    asked.run("CREATE TABLE t (k INT, v INT) UNIQUE KEY(k) PROPERTIES('function_column.sequence_type' = 'int')")
    with pytest.raises(AnalysisError, match="need to specify the sequence column"):
        asked.run("INSERT INTO t VALUES (1, 2)")
    asked.run("INSERT INTO t (k, v, __DORIS_SEQUENCE_COL__) VALUES (1, 5, 5)")
    asked.run("INSERT INTO t (k, v, __DORIS_SEQUENCE_COL__) VALUES (1, 4, 4)")
    assert asked.rows("SELECT * FROM t") == [(1, 5)]


def test_partitions_of_several_expressions_need_no_parentheses(asked: Asked) -> None:
    """StarRocks: PARTITION BY date_trunc('month', d), c takes every row, and SHOW CREATE TABLE can be run again."""
    asked.run(
        "CREATE TABLE t (k INT, c VARCHAR(9), d DATE) PARTITION BY date_trunc('month', d), c DISTRIBUTED BY HASH(k)"
    )
    asked.run("INSERT INTO t VALUES (1, 'a', '2024-01-05'), (2, 'b', '2024-02-05')")
    assert asked.rows("SELECT k FROM t ORDER BY k") == [(1,), (2,)]
    [(_, statement)] = asked.rows("SHOW CREATE TABLE t")
    asked.run(statement.replace("`t`", "`u`"))
    assert asked.rows("SHOW CREATE TABLE u") == [("u", statement.replace("`t`", "`u`"))]
