"""Bitmaps, HLL and quantile states in tables: how they are united, how large they grow, how exact they stay."""

from __future__ import annotations

import statistics

import pytest

from routine_load.engines.duckdb.thinning import VALUES_MAX
from routine_load.errors import AnalysisError
from routine_load.transform.functions_states import HASHES_MAX
from tests.unit.engines.conftest import Asked


@pytest.fixture
def numbers(asked: Asked) -> Asked:
    """A table ``some`` of the numbers 0 to 39,999."""
    asked.run("CREATE TABLE digits (n BIGINT) DUPLICATE KEY(n)")
    asked.run(f"INSERT INTO digits VALUES {', '.join(f'({n})' for n in range(200))}")
    asked.run("CREATE TABLE some AS SELECT a.n * 200 + b.n AS n FROM digits AS a, digits AS b")
    return asked


def test_a_bitmap_is_exact_whatever_the_batches_are(numbers: Asked) -> None:
    """Members that come again, in the same batch or a later one, count once."""
    numbers.run("CREATE TABLE t (k INT, b BITMAP BITMAP_UNION) AGGREGATE KEY(k)")
    for first, last in ((0, 20_000), (10_000, 30_000), (29_999, 40_000)):
        numbers.run(f"INSERT INTO t SELECT n % 2, to_bitmap(n % 15000) FROM some WHERE n BETWEEN {first} AND {last}")
    counted = numbers.rows("SELECT k, bitmap_count(b), bitmap_min(b), bitmap_max(b) FROM t ORDER BY k")
    assert counted == [(0, 7500, 0, 14998), (1, 7500, 1, 14999)]
    assert numbers.rows("SELECT count(DISTINCT b), bitmap_union_count(b) FROM t") == [(15000, 15000)]


def test_an_hll_counts_exactly_until_it_is_full(numbers: Asked) -> None:
    """Below its bound an HLL is exact, beyond it the error is that of the vendors, and it grows no more."""
    numbers.run("CREATE TABLE t (k INT, h HLL HLL_UNION) AGGREGATE KEY(k)")
    exact = HASHES_MAX - 1
    numbers.run(f"INSERT INTO t SELECT 1, hll_hash(n) FROM some WHERE n < {exact}")
    assert numbers.rows("SELECT hll_cardinality(h), hll_union_agg(h) FROM t GROUP BY h") == [(exact, exact)]
    numbers.run(f"INSERT INTO t SELECT 1, hll_hash(n) FROM some WHERE n >= {exact - 1000}")
    [(estimate,)] = numbers.rows("SELECT hll_cardinality(h) FROM t")
    assert estimate == pytest.approx(40_000, rel=0.03)
    numbers.run("INSERT INTO t SELECT 1, hll_hash(n) FROM some")
    assert numbers.rows("SELECT hll_cardinality(h) FROM t") == [(estimate,)]


@pytest.mark.parametrize(
    ("union", "made", "asks"),
    [("QUANTILE", "to_quantile_state", "quantile_percent"), ("PERCENTILE", "percentile_hash", "percentile_approx_raw")],
)
def test_a_long_quantile_state_is_thinned_out(numbers: Asked, union: str, made: str, asks: str) -> None:
    """Quantiles of many values, over many batches, are near the true ones and nearest at the ends."""
    kind = "QUANTILE_STATE" if union == "QUANTILE" else union
    numbers.run(f"CREATE TABLE t (k INT, q {kind} {union}_UNION) AGGREGATE KEY(k)")
    for part in range(4):
        numbers.run(f"INSERT INTO t SELECT 1, {made}(n) FROM some WHERE n % 4 = {part}")
    numbers.run(f"INSERT INTO t SELECT 2, {made}(n) FROM some WHERE n < {VALUES_MAX}")
    for share in (0.0, 0.001, 0.25, 0.5, 0.99, 1.0):
        [(first, second)] = numbers.rows(
            f"SELECT max(if(k = 1, {asks}(q, {share}), NULL)), max(if(k = 2, {asks}(q, {share}), NULL)) FROM t"
        )
        assert first == pytest.approx(share * 40_000, abs=80 if 0.01 < share < 0.99 else 30)
        assert second == pytest.approx(share * VALUES_MAX, abs=1)


def test_the_middle_of_two_values_lies_between_them(asked: Asked) -> None:
    """StarRocks: percentile_approx_raw of 1, 2, 3, 4 at 0.5 is 2.5."""
    asked.run("CREATE TABLE t (k INT, p PERCENTILE PERCENTILE_UNION) AGGREGATE KEY(k)")
    asked.run("INSERT INTO t VALUES (1, percentile_hash(1)), (1, percentile_hash(4)), (1, percentile_hash(2))")
    asked.run("INSERT INTO t VALUES (1, percentile_hash(3))")
    assert asked.rows("SELECT percentile_approx_raw(p, 0.5) FROM t") == [(statistics.median([1, 2, 3, 4]),)]


@pytest.mark.parametrize("value", ["5", "'5'", "'[5]'", "hll_empty()"])
def test_a_plain_value_goes_into_no_bitmap(asked: Asked, value: str) -> None:
    """INSERT of anything but a bitmap into a bitmap is refused; DuckDB would read one from its text."""
    asked.run("CREATE TABLE t (k INT, b BITMAP BITMAP_UNION) AGGREGATE KEY(k)")
    with pytest.raises(AnalysisError, match="bitmap column b require the function return type is BITMAP"):
        asked.run(f"INSERT INTO t VALUES (1, {value})")


def test_states_are_shown_as_null_beside_other_columns(asked: Asked) -> None:
    """Both vendors: the column is there, its values are not; order and names stay."""
    asked.run("CREATE TABLE t (k INT, b BITMAP, h HLL) DUPLICATE KEY(k)")
    asked.run("INSERT INTO t VALUES (2, to_bitmap(1), hll_hash(1)), (1, to_bitmap(1), hll_hash(1))")
    shown = asked.table("SELECT *, k AS `k` FROM t ORDER BY k")
    assert [column.name for column in shown.columns] == ["k", "b", "h", "k"]
    assert [tuple(row) for row in shown.rows] == [(1, None, None, 1), (2, None, None, 2)]


def test_states_outlive_a_restart_and_an_alteration(asked: Asked) -> None:
    """A column of states can be added, is empty in rows that are there, and is what it was after the file was opened."""
    asked.run("CREATE TABLE t (k INT, n INT SUM) AGGREGATE KEY(k)")
    asked.run("INSERT INTO t VALUES (1, 1)")
    asked.run("ALTER TABLE t ADD COLUMN b BITMAP BITMAP_UNION NOT NULL")
    asked.run("INSERT INTO t VALUES (1, 1, to_bitmap(4)), (2, 1, to_bitmap(5))")
    asked.engine.close()
    asked.open()
    asked.run("INSERT INTO t VALUES (1, 1, to_bitmap(3))")
    counted = [(1, 3, "3,4"), (2, 1, "5")]
    assert asked.rows("SELECT k, n, bitmap_to_string(b) FROM t ORDER BY k") == counted
    asked.run("ALTER TABLE t DROP COLUMN n")
    assert asked.rows("SELECT k, bitmap_to_string(b) FROM t ORDER BY k") == [(1, "3,4"), (2, "5")]
