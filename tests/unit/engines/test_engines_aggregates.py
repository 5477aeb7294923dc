"""Sums that do not fit, and keys that number the rows."""

from __future__ import annotations

import pytest

from routine_load.errors import AnalysisError, EngineError, SinkError
from routine_load.ids import Compat
from tests.unit.engines.conftest import Asked
from tests.unit.engines.test_engines_temporary import load


@pytest.mark.parametrize(
    ("kind", "most", "one"),
    [
        ("TINYINT", "127", "1"),
        ("BIGINT", "9223372036854775807", "1"),
        ("LARGEINT", "170141183460469231731687303715884105727", "1"),
        ("DECIMAL(5, 2)", "999.99", "0.01"),
    ],
)
def test_a_sum_that_does_not_fit_fails_the_load_and_says_what_to_do(
    asked: Asked, kind: str, most: str, one: str
) -> None:
    """Both vendors wrap around silently; here nothing of the batch is loaded, and a wider column takes it."""
    asked.run(f"CREATE TABLE t (k INT, v {kind} SUM) AGGREGATE KEY(k)")
    for before, rows in (([], (f"1,{most}", f"1,{one}")), ([(1,)], (f"1,{one}",))):
        if before:
            asked.run(f"INSERT INTO t VALUES (1, {most})")
        with pytest.raises(SinkError, match="a sum does not fit the type of its SUM column: make it wider"):
            load(asked, *(row.encode() for row in rows))
        assert asked.rows("SELECT k FROM t") == before
    with pytest.raises(EngineError):
        asked.run(f"INSERT INTO t VALUES (1, {one})")


def test_a_sum_takes_negative_numbers_back_into_range(asked: Asked) -> None:
    """Both: only the sum of the batch, and then that with the row, has to fit."""
    asked.run("CREATE TABLE t (k INT, v TINYINT SUM) AGGREGATE KEY(k)")
    assert load(asked, b"1,127", b"1,127", b"1,-127") == (3, 0)
    assert load(asked, b"1,-127") == (1, 0)
    assert asked.rows("SELECT v FROM t") == [(0,)]


@pytest.mark.parametrize("model", ["UNIQUE KEY(k)", "PRIMARY KEY(k)", "DUPLICATE KEY(k)"])
def test_a_key_that_numbers_the_rows_needs_no_field(asked: Asked, model: str) -> None:
    """Both: AUTO_INCREMENT as a key; every row is a new one, and values that are given are kept."""
    asked.run(f"CREATE TABLE t (k BIGINT NOT NULL AUTO_INCREMENT, v INT) {model}")
    asked.run("INSERT INTO t (v) VALUES (1), (2)")
    assert load(asked, b"3", b"4") == (2, 0)
    assert asked.rows("SELECT v FROM t ORDER BY k") == [(1,), (2,), (3,), (4,)]
    asked.run("INSERT INTO t VALUES (1000, 5)")
    assert asked.rows("SELECT v FROM t WHERE k = 1000") == [(5,)]


def test_the_size_of_a_map_and_of_an_array(asked: Asked) -> None:
    """Both: size and cardinality take either."""
    asked.run("CREATE TABLE t (m MAP<INT, VARCHAR(9)>, a ARRAY<INT>)")
    asked.run("INSERT INTO t VALUES (map{1: 'a', 2: 'b'}, [1, 2, 3]), (NULL, NULL)")
    assert asked.rows("SELECT size(m), size(a), cardinality(m), cardinality(a), map_size(m) FROM t") == [
        (2, 3, 2, 3, 2),
        (None,) * 5,
    ]


def test_varchar_is_as_long_as_the_vendor_says(asked: Asked) -> None:
    """StarRocks: 1,048,576 bytes; Doris: 65,533."""
    asked.run("CREATE TABLE t (v VARCHAR(1048576))")
    asked.session.compat = Compat.DORIS
    asked.run("CREATE TABLE u (v VARCHAR(65533))")
    with pytest.raises(AnalysisError, match="length of VARCHAR should be between 1 and 65533, got 65534"):
        asked.run("CREATE TABLE w (v VARCHAR(65534))")
