"""Temporary partitions: loaded unseen, then in the place of partitions (both vendors)."""

from __future__ import annotations

from typing import Any

import pytest

from routine_load.app.compiler import Compiler
from routine_load.clock import SystemClock
from routine_load.errors import AnalysisError, ExecutionError, UnknownTable
from routine_load.ids import Compat, JobId, Label, TableRef, TaskId
from routine_load.loads.path import LoadPath, Progressed, SingleTable
from routine_load.loads.rejects import RejectLog
from routine_load.loads.values import LoadSpec, Origin
from routine_load.sql.statements import ColumnItem
from tests.unit.engines.conftest import Asked

RANGES = """(k INT, v INT) {key} PARTITION BY RANGE(k)
    (PARTITION p1 VALUES LESS THAN ('10'), PARTITION p2 VALUES LESS THAN ('20')) {rest}"""
COLUMNS = tuple(ColumnItem(name=name, expression=None) for name in ("k", "v", "__DORIS_DELETE_SIGN__"))
KEYS = ["DUPLICATE KEY(k)", "PRIMARY KEY(k)", "UNIQUE KEY(k)"]


class Messages:
    def __init__(self, *values: bytes) -> None:
        self.values = list(values)

    def origin(self, index: int) -> Origin:
        return Origin("t", 0, index)


def load(asked: Asked, *rows: bytes, **options: Any) -> tuple[int, int]:
    """Rows into partitions of t; returns how many were loaded and filtered."""
    path = LoadPath(
        sink=asked.engine, compiler=Compiler(), reject_log=RejectLog(asked.directory / "error_log"), clock=SystemClock()
    )
    spec = LoadSpec(**{"compat": asked.session.compat, "column_separator": ","} | options)
    label = Label(f"l{len(asked.engine.commits_after(JobId(1), 0))}")
    with path.begin(label, JobId(1), spec, SingleTable(TableRef("d", "t"))) as loading:
        loading.add(Messages(*rows), received_bytes=1)
        loading.commit(Progressed(task_id=TaskId("x"), ranges=(), timestamps_ms=(), execute_ms=0))
        return loading.counts.loaded, loading.counts.filtered


def temporarily(asked: Asked, *rows: bytes, names: tuple[str, ...] = ("x",), **options: Any) -> tuple[int, int]:
    return load(asked, *rows, partitions=names, temporary_partitions=True, **options)


def made(asked: Asked, key: str = KEYS[0], rest: str = "") -> None:
    asked.run(f"CREATE TABLE t {RANGES.format(key=key, rest=rest)}")
    asked.run("INSERT INTO t VALUES (1, 1), (11, 1)")
    asked.run("ALTER TABLE t ADD TEMPORARY PARTITION x VALUES LESS THAN ('10')")


def rows(asked: Asked) -> list[tuple[Any, ...]]:
    return asked.rows("SELECT k, v FROM t ORDER BY k, v")


def shown(asked: Asked, what: str = "PARTITIONS") -> list[str]:
    return [row[1] for row in asked.rows(f"SHOW {what} FROM t")]


@pytest.mark.parametrize("key", KEYS)
def test_a_load_into_a_temporary_partition_is_unseen_until_it_replaces_a_partition(asked: Asked, key: str) -> None:
    """Both: the rows of the partition go, those of the temporary one come, and the name stays."""
    made(asked, key)
    assert temporarily(asked, b"2,2", b"3,3", b"12,2") == (2, 1)
    assert rows(asked) == [(1, 1), (11, 1)]
    assert shown(asked, "TEMPORARY PARTITIONS") == ["x"]
    assert asked.rows("SHOW TABLES") == [("t",)]
    asked.run("ALTER TABLE t REPLACE PARTITION (p1) WITH TEMPORARY PARTITION (x)")
    assert rows(asked) == [(2, 2), (3, 3), (11, 1)]
    assert (shown(asked), shown(asked, "TEMPORARY PARTITIONS")) == (["p1", "p2"], [])
    with pytest.raises(AnalysisError, match="Partition x does not exist"):
        temporarily(asked, b"2,2")


def test_keys_are_one_row_inside_temporary_partitions_and_across_a_restart(asked: Asked) -> None:
    """Both: what a temporary partition holds is kept by the table's key model; a restart keeps it."""
    made(asked, "PRIMARY KEY(k)")
    temporarily(asked, b"2,2", b"2,3")
    asked.engine.close()
    asked.open()
    temporarily(asked, b"2,4")
    temporarily(asked, b"4,4")
    asked.run("ALTER TABLE t REPLACE PARTITION p1 WITH TEMPORARY PARTITION x")
    assert rows(asked) == [(2, 4), (4, 4), (11, 1)]


def test_deleted_keys_and_hidden_sequences_go_with_their_partition(asked: Asked) -> None:
    """Doris: after the exchange a late row loses against the sequence that came with the temporary partition."""
    asked.session.compat = Compat.DORIS
    made(asked, "UNIQUE KEY(k)", 'PROPERTIES ("function_column.sequence_col" = "v")')
    load(asked, b"2,9,1", columns=COLUMNS)
    temporarily(asked, b"1,5,1", b"3,3,0", columns=COLUMNS)
    asked.run("ALTER TABLE t REPLACE PARTITION p1 WITH TEMPORARY PARTITION x")
    load(asked, b"1,4,0", b"2,8,0", b"3,2,0", columns=COLUMNS)
    assert rows(asked) == [(2, 8), (3, 3), (11, 1)]


def test_several_partitions_become_others(asked: Asked) -> None:
    """Both: strict_range asks for the same rows; use_temp_partition_name, or another number, gives the new names."""
    made(asked)
    asked.run("ALTER TABLE t ADD TEMPORARY PARTITION y VALUES LESS THAN ('15')")
    asked.run("ALTER TABLE t ADD TEMPORARY PARTITION z VALUES [('15'), ('20'))")
    with pytest.raises(AnalysisError, match="2 range lists are not stricly matched"):
        asked.run("ALTER TABLE t REPLACE PARTITION (p1, p2) WITH TEMPORARY PARTITION (x, y)")
    temporarily(asked, b"5,5", b"12,5", b"17,5", names=("x", "y", "z"))
    asked.run("ALTER TABLE t REPLACE PARTITION (p1, p2) WITH TEMPORARY PARTITION (x, y, z)")
    assert (shown(asked), rows(asked)) == (["x", "y", "z"], [(5, 5), (12, 5), (17, 5)])
    asked.run("ALTER TABLE t ADD TEMPORARY PARTITION w VALUES [('10'), ('12'))")
    asked.run(
        "ALTER TABLE t REPLACE PARTITION y WITH TEMPORARY PARTITION w "
        "PROPERTIES ('strict_range' = 'false', 'use_temp_partition_name' = 'true')"
    )
    assert (shown(asked), rows(asked)) == (["x", "w", "z"], [(5, 5), (17, 5)])
    created = asked.rows("SHOW CREATE TABLE t")[0][1]
    asked.run("DROP TABLE t")
    asked.run(created)
    assert shown(asked) == ["x", "w", "z"]


def test_a_temporary_partition_that_overlaps_another_partition_is_refused_where_it_would_stand(asked: Asked) -> None:
    """Both: ranges of temporary partitions are their own until they are exchanged."""
    made(asked)
    asked.run("ALTER TABLE t ADD TEMPORARY PARTITION y VALUES [('10'), ('30'))")
    with pytest.raises(AnalysisError, match="intersected with range"):
        asked.run("ALTER TABLE t ADD TEMPORARY PARTITION z VALUES [('5'), ('6'))")
    with pytest.raises(AnalysisError, match="intersected with range"):
        asked.run("ALTER TABLE t REPLACE PARTITION p1 WITH TEMPORARY PARTITION y PROPERTIES ('strict_range' = 'false')")
    assert rows(asked) == [(1, 1), (11, 1)]


def test_temporary_partitions_go_with_their_rows(asked: Asked) -> None:
    """Both: DROP TEMPORARY PARTITION; what comes again is empty. DROP TABLE takes them, a new table has none."""
    made(asked)
    temporarily(asked, b"2,2")
    asked.run("ALTER TABLE t DROP TEMPORARY PARTITION x")
    asked.run("ALTER TABLE t ADD TEMPORARY PARTITION x VALUES LESS THAN ('10')")
    asked.run("ALTER TABLE t REPLACE PARTITION p1 WITH TEMPORARY PARTITION x")
    assert rows(asked) == [(11, 1)]
    asked.run("ALTER TABLE t ADD TEMPORARY PARTITION x VALUES LESS THAN ('10')")
    asked.run("DROP TABLE t")
    made(asked)
    assert temporarily(asked, b"2,2") == (1, 0)


def test_columns_stay_as_they_are_while_there_are_temporary_partitions(asked: Asked) -> None:
    """Both: a schema change is refused; the table may get another name, and its temporary partitions go with it."""
    made(asked)
    temporarily(asked, b"2,2")
    with pytest.raises(AnalysisError, match="Can not alter table when there are temp partitions in table"):
        asked.run("ALTER TABLE t ADD COLUMN c INT")
    asked.run("ALTER TABLE t RENAME u")
    asked.run("ALTER TABLE u REPLACE PARTITION p1 WITH TEMPORARY PARTITION x")
    assert asked.rows("SELECT k FROM u ORDER BY k") == [(2,), (11,)]


def test_what_is_in_temporary_partitions_cannot_be_read_by_name(asked: Asked) -> None:
    """The table beside the table is nobody's."""
    made(asked)
    with pytest.raises(UnknownTable):
        asked.run("SELECT * FROM __rl_temporary_t")


def test_lists_are_exchanged_by_their_values(asked: Asked) -> None:
    """Both: LIST partitions have temporary ones, too."""
    asked.run("CREATE TABLE t (k INT, v INT) PARTITION BY LIST(k) (PARTITION p1 VALUES IN ('1', '2'))")
    asked.run("INSERT INTO t VALUES (1, 1)")
    asked.run("ALTER TABLE t ADD TEMPORARY PARTITION x VALUES IN ('2', '1')")
    assert temporarily(asked, b"2,2", b"3,3") == (1, 1)
    asked.run("ALTER TABLE t REPLACE PARTITION p1 WITH TEMPORARY PARTITION x")
    assert rows(asked) == [(2, 2)]


@pytest.mark.parametrize("key", KEYS)
def test_insert_fills_temporary_partitions(asked: Asked, key: str) -> None:
    """Both: INSERT INTO t TEMPORARY PARTITION (p), which takes no row of another range."""
    made(asked, key)
    asked.run("INSERT INTO t TEMPORARY PARTITION (x) VALUES (2, 2), (3, 3)")
    asked.run("INSERT INTO t TEMPORARY PARTITION (x) (v, k) SELECT v, k + 3 FROM t WHERE k < 10")
    with pytest.raises(ExecutionError, match=r"Insert has filtered data: 1 row"):
        asked.run("INSERT INTO t TEMPORARY PARTITION (x) VALUES (5, 5), (12, 2)")
    with pytest.raises(AnalysisError, match="Temporary partition p1 does not exist"):
        asked.run("INSERT INTO t TEMPORARY PARTITION (p1) VALUES (5, 5)")
    assert rows(asked) == [(1, 1), (11, 1)]
    asked.run("ALTER TABLE t REPLACE PARTITION p1 WITH TEMPORARY PARTITION x")
    assert rows(asked) == [(2, 2), (3, 3), (4, 1), (11, 1)]


@pytest.mark.parametrize("key", KEYS)
def test_insert_of_a_row_without_a_partition_inserts_nothing(asked: Asked, key: str) -> None:
    """Both: a row out of all partitions, or out of those that are named, fails the statement."""
    made(asked, key)
    for wrong in (
        "INSERT INTO t VALUES (2, 2), (20, 1), (21, 1)",
        "INSERT INTO t PARTITION (p1) VALUES (2, 2), (11, 2)",
        "INSERT INTO t PARTITION (p2) SELECT k, v FROM t",
    ):
        with pytest.raises(ExecutionError, match="Insert has filtered data"):
            asked.run(wrong)
    with pytest.raises(AnalysisError, match="Error in list of partitions to nope"):
        asked.run("INSERT INTO t PARTITION (nope) VALUES (2, 2)")
    asked.run("INSERT INTO t PARTITION (p1, p2) VALUES (2, 2), (12, 2)")
    assert rows(asked) == [(1, 1), (2, 2), (11, 1), (12, 2)]


def test_a_partition_column_that_an_insert_leaves_out_is_its_default(asked: Asked) -> None:
    """Both: the default decides the partition."""
    asked.run("CREATE TABLE t (k INT DEFAULT '30', v INT) PARTITION BY RANGE(k) (PARTITION p1 VALUES LESS THAN ('10'))")
    with pytest.raises(ExecutionError, match="Insert has filtered data"):
        asked.run("INSERT INTO t (v) VALUES (1)")
    asked.run("CREATE TABLE u (k INT, v INT) PARTITION BY RANGE(k) (PARTITION p1 VALUES LESS THAN ('10'))")
    asked.run("INSERT INTO u (v) VALUES (1)")
    assert asked.rows("SELECT k, v FROM u") == [(None, 1)]


def test_a_table_without_partitions_is_its_own(asked: Asked) -> None:
    """Both: INSERT INTO t PARTITION (t)."""
    asked.run("CREATE TABLE t (k INT, v INT)")
    asked.run("INSERT INTO t PARTITION (t) VALUES (1, 1)")
    with pytest.raises(AnalysisError, match="Error in list of partitions to p"):
        asked.run("INSERT INTO t PARTITION (p) VALUES (1, 1)")
    assert rows(asked) == [(1, 1)]
