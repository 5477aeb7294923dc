"""ALTER TABLE on columns: forms of both vendors, all actions of a statement or none, ON UPDATE CURRENT_TIMESTAMP."""

from __future__ import annotations

import pytest

from routine_load.errors import AnalysisError
from tests.unit.engines.conftest import Asked


@pytest.fixture
def altered(asked: Asked) -> Asked:
    asked.run("CREATE TABLE t (k INT, v INT, w INT) UNIQUE KEY(k)")
    asked.run("INSERT INTO t VALUES (1, 2, 3)")
    return asked


@pytest.mark.parametrize(
    ("action", "columns", "row"),
    [
        ("ADD COLUMN (a INT, b INT DEFAULT '9')", "k v w a b", (1, 2, 3, None, 9)),
        ("ADD COLUMN a INT AFTER k", "k a v w", (1, None, 2, 3)),
        ("ADD COLUMN a INT DEFAULT '1' FIRST, DROP COLUMN a", "k v w", (1, 2, 3)),
        ("MODIFY COLUMN w BIGINT AFTER k", "k w v", (1, 3, 2)),
        ("MODIFY COLUMN w VARCHAR(9) COMMENT 'c'", "k v w", (1, 2, "3")),
        ("MODIFY COLUMN w COMMENT 'c'", "k v w", (1, 2, 3)),
        ("ORDER BY (k, w, v)", "k w v", (1, 3, 2)),
        ("ORDER BY (k, w, v) FROM base", "k w v", (1, 3, 2)),
        ("DROP COLUMN v PROPERTIES ('timeout' = '1')", "k w", (1, 3)),
        ("MODIFY COMMENT 'x'", "k v w", (1, 2, 3)),
        ("COMMENT = 'x'", "k v w", (1, 2, 3)),
    ],
)
def test_forms_of_both_vendors(altered: Asked, action: str, columns: str, row: tuple[object, ...]) -> None:
    """The columns stand as they were told to, and rows keep their values."""
    if "FIRST" in action:
        with pytest.raises(AnalysisError, match="Key columns"):
            altered.run(f"ALTER TABLE t {action}")
    else:
        altered.run(f"ALTER TABLE t {action}")
    shown = altered.table("SELECT * FROM t")
    assert ([column.name for column in shown.columns], [tuple(r) for r in shown.rows]) == (columns.split(), [row])


def test_comments_are_shown(altered: Asked) -> None:
    """MODIFY COLUMN … COMMENT (Doris), COMMENT (StarRocks): the declaration has them."""
    altered.run("ALTER TABLE t MODIFY COLUMN v COMMENT 'vv', COMMENT = 'tt'")
    [(_, text)] = altered.rows("SHOW CREATE TABLE t")
    assert '`v` int(11) NULL COMMENT "vv"' in text
    assert 'COMMENT "tt"' in text


def test_all_actions_are_done_or_none(altered: Asked) -> None:
    """An action that cannot be done leaves those before it undone."""
    with pytest.raises(AnalysisError, match="Column does not exists: nope"):
        altered.run("ALTER TABLE t ADD COLUMN a INT, DROP COLUMN nope")
    with pytest.raises(AnalysisError, match="Key columns"):
        altered.run("ALTER TABLE t ADD COLUMN a INT, ADD COLUMN b INT FIRST")
    with pytest.raises(AnalysisError, match="Reorder stmt should contains all columns"):
        altered.run("ALTER TABLE t ADD COLUMN a INT, ORDER BY (k, v, w)")
    assert [row[0] for row in altered.rows("DESC t")] == ["k", "v", "w"]


def test_an_update_sets_the_time_of_the_change(asked: Asked) -> None:
    """Doris: ON UPDATE CURRENT_TIMESTAMP sets the column where UPDATE does not; SHOW CREATE can be run again."""
    stamp = "at DATETIME NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"
    asked.run(f"CREATE TABLE t (k INT, v INT, {stamp}) UNIQUE KEY(k)")
    asked.run("INSERT INTO t VALUES (1, 1, '2020-01-01'), (2, 2, '2020-01-01')")
    asked.run("UPDATE t SET v = 5 WHERE k = 1")
    assert asked.rows("SELECT k, v, at > '2021-01-01' FROM t ORDER BY k") == [(1, 5, 1), (2, 2, 0)]
    asked.run("UPDATE t SET at = '2019-01-01' WHERE k = 1")
    assert asked.rows("SELECT k FROM t WHERE at = '2019-01-01'") == [(1,)]
    [(_, text)] = asked.rows("SHOW CREATE TABLE t")
    assert "DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP" in text
    described = asked.rows("DESC t")
    asked.run("DROP TABLE t")
    asked.run(text)
    assert asked.rows("DESC t") == described


@pytest.mark.parametrize(
    ("declaration", "words"),
    [
        ("at DATETIME ON UPDATE CURRENT_TIMESTAMP) UNIQUE KEY(k)", "You must set the default value"),
        ("at INT DEFAULT '1' ON UPDATE CURRENT_TIMESTAMP) UNIQUE KEY(k)", "You must set the default value"),
        ("at DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP) DUPLICATE KEY(k)", "unique table"),
        ("at DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE '2020-01-01') UNIQUE KEY(k)", "takes CURRENT_TIMESTAMP only"),
    ],
)
def test_on_update_has_its_rules(asked: Asked, declaration: str, words: str) -> None:
    """Doris: in a UNIQUE table, beside DEFAULT CURRENT_TIMESTAMP."""
    with pytest.raises(AnalysisError, match=words):
        asked.run(f"CREATE TABLE t (k INT, {declaration}")
