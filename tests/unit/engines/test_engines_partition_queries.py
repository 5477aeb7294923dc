"""Partitions that a query or a DELETE names (both vendors: SELECT … FROM t PARTITION (p))."""

from __future__ import annotations

import pytest

from routine_load.errors import AnalysisError, StatementSyntaxError, UnsupportedFeature
from routine_load.ids import Compat
from tests.unit.engines.conftest import Asked

RANGES = """(k INT, v INT) DUPLICATE KEY(k) PARTITION BY RANGE(k) (PARTITION p1 VALUES LESS THAN ('10'),
    PARTITION p2 VALUES LESS THAN ('20'), PARTITION p3 VALUES LESS THAN ('30'))"""


@pytest.fixture
def table(asked: Asked) -> Asked:
    asked.run(f"CREATE TABLE t {RANGES}")
    asked.run("INSERT INTO t VALUES (1, 1), (11, 2), (21, 3)")
    asked.run("ALTER TABLE t ADD TEMPORARY PARTITION tp VALUES LESS THAN ('5')")
    asked.run("INSERT INTO t TEMPORARY PARTITION (tp) VALUES (3, 9)")
    return asked


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("SELECT k FROM t PARTITION (p1)", [1]),
        ("SELECT k FROM t PARTITION p2", [11]),
        ("SELECT k FROM t partition ('p2')", [11]),
        ("SELECT k FROM `d`.`t` PARTITIONS (`p1`, P3) ORDER BY k", [1, 21]),
        ("SELECT t.k FROM t PARTITION (p2) WHERE t.v = 2", [11]),
        ("SELECT x.k FROM t PARTITION (p2) AS x", [11]),
        ("SELECT b.k FROM t a JOIN t PARTITION (p1, p3) b ON a.k = b.k ORDER BY 1", [1, 21]),
        ("SELECT a.k + b.k FROM t PARTITION (p1) a, t PARTITIONS (p2) b", [12]),
        ("SELECT k FROM t PARTITION (p1) UNION ALL SELECT k FROM t PARTITION (p3)", [1, 21]),
        ("WITH c AS (SELECT * FROM t PARTITION (p3)) SELECT k FROM c", [21]),
        ("SELECT CAST(upper((SELECT max(k) FROM t PARTITION (p2))) AS INT)", [11]),
        ("SELECT k FROM t TEMPORARY PARTITION (tp)", [3]),
        ("SELECT k FROM t TEMPORARY PARTITIONS tp", [3]),
        ("SELECT k partitions FROM t PARTITION (p1)", [1]),
        ("SELECT row_number() OVER (PARTITION BY v ORDER BY k) FROM t PARTITION (p1)", [1]),
    ],
)
def test_a_query_reads_the_partitions_that_it_names(table: Asked, query: str, found: list[int]) -> None:
    """Both vendors: PARTITION or PARTITIONS, with or without brackets, before the alias."""
    assert [row[0] for row in table.rows(query)] == found


@pytest.mark.parametrize(
    ("statement", "error", "told"),
    [
        ("SELECT * FROM t PARTITION (p9)", AnalysisError, "Error in list of partitions to p9"),
        ("SELECT * FROM t TEMPORARY PARTITION (p1)", AnalysisError, "Temporary partition p1 does not exist"),
        ("SELECT * FROM information_schema.tables PARTITION (p)", AnalysisError, "not a partitioned table"),
        ("WITH c AS (SELECT 1 k) SELECT * FROM c PARTITION (p1)", AnalysisError, "WITH has no partitions"),
        ("SELECT * FROM t TABLET (10001)", UnsupportedFeature, "TABLET"),
        ("UPDATE t PARTITION (p1) SET v = 5", UnsupportedFeature, "PARTITION can stand behind"),
        ("DELETE FROM t TEMPORARY PARTITION (tp) WHERE k = 3", UnsupportedFeature, "PARTITION can stand behind"),
        ("SELECT * FROM t AS x PARTITION (p1)", StatementSyntaxError, "PARTITION"),
    ],
)
def test_a_wrong_partition_is_refused(table: Asked, statement: str, error: type[Exception], told: str) -> None:
    """Nothing is read as an alias that was meant as a partition."""
    with pytest.raises(error, match=told):
        table.run(statement)


def test_the_only_partition_of_a_table_without_partitions_has_its_name(asked: Asked) -> None:
    """Both vendors: an unpartitioned table is one partition."""
    asked.run("CREATE TABLE u (k INT)")
    asked.run("INSERT INTO u VALUES (1)")
    assert asked.rows("SELECT k FROM u PARTITION (U)") == [(1,)]
    with pytest.raises(AnalysisError, match="Error in list of partitions to p1"):
        asked.run("SELECT k FROM u PARTITION (p1)")


def test_partitions_that_rows_have_made_can_be_named(asked: Asked) -> None:
    """StarRocks: expression partitioning; the names are those of SHOW PARTITIONS."""
    asked.run("CREATE TABLE a (k INT, d DATETIME) PARTITION BY date_trunc('day', d)")
    asked.run("INSERT INTO a VALUES (1, '2024-05-01 03:00:00'), (2, '2024-05-02 00:00:00')")
    assert asked.rows("SELECT k FROM a PARTITION (p20240502)") == [(2,)]


def test_a_view_keeps_the_partition_it_reads(table: Asked) -> None:
    """Both vendors: a view is its query."""
    table.run("CREATE VIEW w AS SELECT k FROM t PARTITION (p2)")
    assert table.rows("SELECT * FROM w") == [(11,)]


@pytest.mark.parametrize("compat", Compat)
@pytest.mark.parametrize("named", ["PARTITION p2", "PARTITION (p2)", "PARTITIONS (p2)"])
def test_delete_from_a_partition_leaves_the_others(table: Asked, compat: Compat, named: str) -> None:
    """Both vendors: DELETE FROM t PARTITION p WHERE …; an OR in the condition stays inside."""
    table.session.compat = compat
    table.run(f"DELETE FROM t {named} WHERE v = 2 OR v = 3")
    assert table.rows("SELECT k FROM t ORDER BY k") == [(1,), (21,)]


def test_insert_takes_every_spelling_of_partition(table: Asked) -> None:
    """Both vendors: INSERT INTO t PARTITIONS (p) and PARTITION p."""
    table.run("INSERT INTO t PARTITIONS (p1) VALUES (2, 2)")
    table.run("INSERT INTO t PARTITION p3 (k, v) VALUES (22, 2)")
    assert table.rows("SELECT k FROM t ORDER BY k") == [(1,), (2,), (11,), (21,), (22,)]
