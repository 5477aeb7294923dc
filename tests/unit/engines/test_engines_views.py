"""Views: a query under a name, read with the rights of its reader."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from routine_load.errors import AnalysisError, LimitExceeded, PrivilegeDenied, TableExists, UnknownTable
from routine_load.sql.privileges import Privilege
from tests.unit.engines.conftest import Asked


@pytest.fixture
def seen(asked: Asked) -> Asked:
    """A table ``t`` of two rows, and a view ``v`` of it."""
    asked.run("CREATE TABLE t (k INT, v VARCHAR(10)) DUPLICATE KEY(k)")
    asked.run("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    asked.run("CREATE VIEW v (n, big COMMENT 'upper') COMMENT 'all' AS SELECT k, upper(v) FROM t WHERE k > 0")
    return asked


def test_a_view_stands_where_a_table_stands(seen: Asked) -> None:
    """In FROM, in joins, under an alias, with its database, in subqueries; its columns have the view's names."""
    assert seen.rows("SELECT * FROM v ORDER BY n") == [(1, "A"), (2, "B")]
    assert seen.rows("SELECT x.big, v.n FROM d.v JOIN v AS x ON v.n = x.n ORDER BY 2") == [("A", 1), ("B", 2)]
    assert seen.rows("SELECT count(*) FROM t WHERE k IN (SELECT max(n) FROM v)") == [(1,)]
    assert seen.rows("SELECT length(big) FROM v WHERE n = 1") == [(1,)]
    seen.run("INSERT INTO t SELECT n + 10, big FROM v")
    assert seen.rows("SELECT count(*) FROM v") == [(4,)]


def test_names_in_a_view_mean_what_they_meant_when_it_was_made(seen: Asked) -> None:
    """Another database of the session, a WITH query of the reader: neither is the view's."""
    seen.run("CREATE DATABASE e")
    seen.run("CREATE VIEW e.w AS SELECT n FROM v")
    seen.session = replace(seen.session, database="e")
    assert seen.rows("SELECT * FROM w ORDER BY n") == [(1,), (2,)]
    assert seen.rows("WITH t AS (SELECT 9 AS k, 'z' AS v) SELECT n FROM w, t ORDER BY n") == [(1,), (2,)]
    assert seen.rows("WITH w AS (SELECT 9 AS n) SELECT n FROM w") == [(9,)]
    [(_, text, *_)] = seen.rows("SHOW CREATE VIEW w")
    assert seen.run("DROP VIEW w") == seen.run(text)
    assert seen.rows("SELECT count(*) FROM w") == [(2,)]


def test_a_star_is_the_columns_of_then(seen: Asked) -> None:
    """A column that is added later is none of the view's; one that is dropped is missing, and the answer says so."""
    seen.run("CREATE VIEW s AS SELECT * FROM t")
    seen.run("ALTER TABLE t ADD COLUMN z INT")
    assert [column.name for column in seen.table("SELECT * FROM s").columns] == ["k", "v"]
    seen.run("ALTER TABLE t DROP COLUMN v")
    with pytest.raises(AnalysisError, match="Column 'v' cannot be resolved"):
        seen.rows("SELECT * FROM s")


def test_views_are_shown(seen: Asked) -> None:
    """SHOW TABLES, DESC, SHOW CREATE and information_schema know views from tables; SHOW CREATE can be run again."""
    assert seen.rows("SHOW FULL TABLES") == [("t", "BASE TABLE"), ("v", "VIEW")]
    assert [(row[0], row[1]) for row in seen.rows("DESC v")] == [("n", "int"), ("big", "string")]
    assert [row[-1] for row in seen.rows("SHOW TABLE STATUS LIKE 'v'")] == ["VIEW"]
    text = 'CREATE VIEW `v` (`n`, `big` COMMENT "upper") COMMENT "all" AS SELECT k, upper(v) FROM t WHERE k > 0;'
    assert (
        seen.rows("SHOW CREATE TABLE v") == seen.rows("SHOW CREATE VIEW v") == [("v", text, "utf8", "utf8_general_ci")]
    )
    told = "SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.views WHERE TABLE_SCHEMA = 'd'"
    assert seen.rows(told) == [("v", "SELECT k, upper(v) FROM t WHERE k > 0")]
    kind = "SELECT TABLE_TYPE FROM information_schema.tables WHERE TABLE_NAME = 'v'"
    assert seen.rows(kind) == [("VIEW",)]
    seen.run("DROP VIEW v")
    seen.run(text)
    assert seen.rows("SELECT count(*) FROM v") == [(2,)]


def test_views_outlive_a_restart_and_end_with_their_database(seen: Asked) -> None:
    """They are kept in the file."""
    seen.engine.close()
    seen.open()
    assert seen.rows("SELECT count(*) FROM v") == [(2,)]
    seen.run("DROP DATABASE d")
    seen.run("CREATE DATABASE d")
    with pytest.raises(UnknownTable):
        seen.rows("SELECT * FROM v")


def test_views_are_replaced_and_dropped(seen: Asked) -> None:
    """OR REPLACE, ALTER VIEW, IF NOT EXISTS, IF EXISTS; tables and views share their names."""
    seen.run("CREATE VIEW IF NOT EXISTS v AS SELECT 1 AS x")
    assert seen.rows("SELECT max(n) FROM v") == [(2,)]
    seen.run("CREATE OR REPLACE VIEW v AS SELECT 3 AS x")
    assert seen.rows("SELECT x FROM v") == [(3,)]
    seen.run("ALTER VIEW v AS SELECT k FROM t WHERE k = 1")
    assert seen.rows("SELECT k FROM v") == [(1,)]
    for refused in ("CREATE VIEW t AS SELECT 1 AS x", "CREATE TABLE v (k INT)", "ALTER TABLE t RENAME v"):
        with pytest.raises(TableExists):
            seen.run(refused)
    for refused in ("DROP VIEW t", "ALTER VIEW t AS SELECT 1 AS x", "SHOW CREATE VIEW t"):
        with pytest.raises(AnalysisError, match=r"'d\.t' is not VIEW"):
            seen.run(refused)
    for refused in ("DROP TABLE v", "TRUNCATE TABLE v", "INSERT INTO v VALUES (1)", "DELETE FROM v WHERE k = 1"):
        with pytest.raises(UnknownTable, match=r"'d\.v' is a view"):
            seen.run(refused)
    seen.run("DROP VIEW v")
    seen.run("DROP VIEW IF EXISTS v")
    with pytest.raises(UnknownTable):
        seen.run("DROP VIEW v")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT 1 AS a, 2 AS A", "Duplicate column name 'a'"),
        ("SELECT * FROM nowhere", "Unknown table 'nowhere'"),
        ("INSERT INTO t VALUES (1, 'x')", "A view needs a SELECT"),
        ("SELECT n FROM v", "cannot read itself"),
        ("SELECT nope FROM t", "Column 'nope' cannot be resolved"),
    ],
)
def test_a_view_that_cannot_be_read_is_not_made(seen: Asked, query: str, words: str) -> None:
    """Its query is checked when it is made."""
    with pytest.raises((AnalysisError, UnknownTable), match=words):
        seen.run(f"CREATE OR REPLACE VIEW v AS {query}")
    assert seen.rows("SELECT count(*) FROM v") == [(2,)]


def test_views_inside_views_have_a_bound(seen: Asked) -> None:
    """Depth and places are counted before DuckDB has to plan them."""
    seen.run("CREATE VIEW v0 AS SELECT k FROM t")
    for depth in range(1, 16):
        seen.run(f"CREATE VIEW v{depth} AS SELECT k FROM v{depth - 1}")
    assert seen.rows("SELECT count(*) FROM v14") == [(2,)]
    with pytest.raises(AnalysisError, match="nested deeper than 16"):
        seen.rows("SELECT * FROM (SELECT * FROM v15) AS x")
    seen.run("CREATE VIEW w0 AS SELECT 1 AS k")
    for depth in range(1, 5):
        froms = ", ".join(f"w{depth - 1} AS x{i}" for i in range(4))
        seen.run(f"CREATE VIEW w{depth} AS SELECT x0.k FROM {froms}")
    with pytest.raises(LimitExceeded, match="more than 1000 places"):
        seen.rows("SELECT count(*) FROM w4 AS a, w4 AS b, w4 AS c")


@dataclass
class Reader:
    """The rights of a user who may SELECT from some tables, and CREATE VIEW."""

    tables: set[str]
    alive = True
    roles: tuple[str, ...] = ()

    def has(self, privilege: Privilege, database: str = "", table: str = "") -> bool:
        return privilege is Privilege.CREATE_VIEW or (privilege is Privilege.SELECT and table in self.tables)

    def sees(self, database: str, table: str = "") -> bool:
        return not table or table in self.tables


def test_a_view_hides_no_table_from_the_checks(seen: Asked) -> None:
    """Who reads a view needs SELECT on it and on what is behind it, and so does who makes it."""
    root = seen.session
    seen.session = replace(root, user="u", rights=Reader({"v"}))
    with pytest.raises(PrivilegeDenied):
        seen.rows("SELECT * FROM v")
    seen.session = replace(root, user="u", rights=Reader({"t"}))
    with pytest.raises(PrivilegeDenied):
        seen.rows("SELECT * FROM v")
    assert seen.rows("SHOW TABLES") == [("t",)]
    assert seen.rows("SELECT TABLE_NAME FROM information_schema.views") == []
    seen.session = replace(root, user="u", rights=Reader({"w"}))
    with pytest.raises(PrivilegeDenied):
        seen.run("CREATE VIEW w AS SELECT * FROM t")
    seen.session = replace(root, user="u", rights=Reader({"v", "t"}))
    assert seen.rows("SELECT count(*) FROM v") == [(2,)]
    with pytest.raises(PrivilegeDenied):
        seen.run("DROP VIEW v")
