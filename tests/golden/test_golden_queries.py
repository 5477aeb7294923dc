"""Functions and operators mean the same in SELECT as at load: the fixtures of load expressions, asked as queries."""

from __future__ import annotations

import json

import pytest

import routine_load
from routine_load.errors import RoutineLoadError
from tests.golden.function_cases import cases, files


def literal(text):
    if text is None:
        return "NULL"
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


@pytest.fixture(scope="module")
def world():
    with routine_load.connect() as connection:
        connection.execute("CREATE DATABASE d")
        connection.execute(
            "CREATE TABLE t (k INT, a STRING, b STRING, c STRING, i INT, ti TINYINT, n DECIMAL(10, 2), dt DATETIME,"
            " j JSON) DUPLICATE KEY(k) DISTRIBUTED BY HASH(k) BUCKETS 1",
            "d",
        )
        yield connection


AT_ONCE = 20


def answers(connection, numbered):
    """Texts of what SELECT gives; what goes wrong together is asked one by one."""
    items = ", ".join(f"CAST(({case.expression}) AS STRING) x{i}" for i, (_, case) in enumerate(numbered))
    rows = ", ".join(str(number) for number, _ in numbered)
    try:
        found = connection.query(f"SELECT {items} FROM f WHERE k IN ({rows}) ORDER BY k", "d").fetchall()
        return ["NULL" if row[i] is None else str(row[i]) for i, row in enumerate(found)]
    except RoutineLoadError as error:
        if len(numbered) == 1:
            return [f"error {error.message}"]
        half = len(numbered) // 2
        return answers(connection, numbered[:half]) + answers(connection, numbered[half:])


@pytest.mark.parametrize("compat", ["starrocks", "doris"])
def test_every_function_fixture_holds_in_a_query(compat):
    """One meaning: what an expression gives in COLUMNS it gives in SELECT, over columns of a table."""
    asked = [case for path in files() for case in cases(path) if case.queried and compat in case.vendors]
    numbered = list(enumerate(asked))
    wrong = []
    with routine_load.connect(compat=compat) as connection:
        connection.execute("CREATE DATABASE d")
        connection.execute(
            "CREATE TABLE f (k INT, a STRING, b STRING, c STRING) DUPLICATE KEY(k) DISTRIBUTED BY HASH(k) BUCKETS 1",
            "d",
        )
        values = ", ".join(f"({n}, {', '.join(map(literal, case.values))})" for n, case in numbered)
        connection.execute(f"INSERT INTO f VALUES {values}", "d")
        good = [one for one in numbered if not one[1].is_error]
        batches = [good[i : i + AT_ONCE] for i in range(0, len(good), AT_ONCE)]
        for batch in batches + [[one] for one in numbered if one[1].is_error]:
            for (_, case), actual in zip(batch, answers(connection, batch), strict=True):
                if actual.replace("\n", "\\n") != case.expected and not (actual.startswith("error") and case.is_error):
                    wrong.append(f"{case.where}: {case.expression} is {actual!r}, not {case.expected!r}")
    assert wrong == []


QUERIES = {
    "SELECT dt > '20200201', date_format(dt, '%Y/%m'), date_trunc('month', dt) = '2020-02-01' FROM t": (1, "2020/02", 1),
    "SELECT a + 1, a > 9, a IN (10, 11), concat(a, '-', i), ifnull(a, 0) FROM t": (11.0, 1, 1, "10-7", "10"),
    "SELECT ti + ti, i / 2, i DIV 2, i / 0, i % 0, n * 2 FROM t": (200, 3.5, 3, None, None, 3),
    "SELECT CAST(12.9 AS INT), CAST(20200101 AS DATE) = '2020-01-01', CAST(i > 1 AS STRING) FROM t": (12, 1, "1"),
    "SELECT sum(i) + 1, concat(max(a), '!'), sum(if(i > 5, 1, 0)), upper(group_concat(b)) FROM t": (8, "10!", 1, "X"),
    "SELECT m, sum(i) FROM (SELECT date_format(dt, '%m') m, i FROM t) s GROUP BY m HAVING sum(i) + 0 > 1": ("02", 7),
    "WITH w AS (SELECT a AS x, dt FROM t) SELECT x * 2, year(dt) FROM w": (20.0, 2020),
    "SELECT lag(a) OVER (ORDER BY k), row_number() OVER (ORDER BY date_format(dt, '%d')) FROM t": (None, 1),
    "SELECT upper(x), date_format(y, '%Y') FROM (SELECT 'a' x, '20210101' y UNION SELECT 'a', '20210101') u": ("A", "2021"),
    "SELECT get_json_string(j, '$.x.y'), concat_ws('-', b, NULL, a), b LIKE '%\\\\%' FROM t": ("z", "x-10", 0),
    "SELECT (SELECT max(i) FROM t) + 1, k FROM t WHERE a + 1 = 11 AND i IN (SELECT i FROM t)": (8, 1),
}  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_an_analyst(world, query):
    """Load expressions' meaning inside aggregates, subqueries, windows, WITH, over columns that are not text."""
    world.execute("TRUNCATE TABLE t", "d")
    row = "(1, '10', 'x', NULL, 7, 100, 1.5, '2020-02-29 10:00:00', '{\"x\":{\"y\":\"z\"}}')"
    world.execute(f"INSERT INTO t VALUES {row}", "d")
    assert world.query(query, "d").fetchall() == [QUERIES[query]]


def test_arrays_and_maps_of_a_table_are_read_by_the_same_functions(world):
    """Elements are what the column says: numbers are added, dates formatted, texts joined."""
    world.execute(
        "CREATE TABLE IF NOT EXISTS n (k INT, xs ARRAY<INT>, ts ARRAY<STRING>, ds ARRAY<DATE>, m MAP<STRING, INT>)"
        " DUPLICATE KEY(k) DISTRIBUTED BY HASH(k) BUCKETS 1",
        "d",
    )
    world.execute("TRUNCATE TABLE n", "d")
    world.execute("INSERT INTO n VALUES (1, [3, 1], ['b', 'a'], ['2020-02-29'], MAP{'x': 5})", "d")
    row = "array_max(xs) + 1, array_sum(xs), array_join(array_sort(ts), '-'), date_format(ds[1], '%Y'), map_size(m)"
    more = "element_at(xs, 1) * 2, array_contains(xs, 3), array_length(xs), element_at(m, 'x') + 1, cardinality(m)"
    assert world.query(f"SELECT {row}, {more} FROM n", "d").fetchall() == [(4, 4, "a-b", "2020", 1, 6, 1, 2, 6, 1)]


NESTED = {
    "array_map(x -> x + k, xs), array_filter(x -> x > 1, xs), array_count(x -> x > 1, xs)": ("[4,2]", "[3]", 1),
    "array_map(x -> concat(x, t), ts), array_map(x -> date_format(x, '%Y'), ds)": ('["b!","a!"]', '["2020"]'),
    "any_match(k -> k = 3, xs), array_map(x -> array_length(x), xss), array_map(x -> x, xss)": (1, "[2,1]", "[[1,2],[3]]"),
    "array_sum(array_map((x, y) -> x * y, xs, xs)), array_join(array_map(x -> CAST(x AS STRING), xs), '-')": (10, "3-1"),
    "CAST(xss AS STRING), CAST(m AS STRING), CAST(s AS STRING), concat(m, '')": (
        *("[[1,2],[3]]", '{"x":5,"y":6}', '{"i":1,"l":["a,b"]}', '{"x":5,"y":6}'),
    ),
}  # fmt: skip
SUBQUERIES = {
    "SELECT array_map(x -> x + 1, b) FROM (SELECT xs AS b FROM o) q": ("[4,2]",),
    "WITH w AS (SELECT xs FROM o) SELECT array_map(x -> -x, xs) FROM w": ("[-3,-1]",),
    "SELECT array_map(x -> concat(x, '?'), xs) FROM (SELECT ts AS xs FROM o) q": ('["b?","a?"]',),
    "SELECT k FROM o WHERE any_match(x -> x = 3, xs) ORDER BY array_max(array_map(x -> -x, xs))": (1,),
    "SELECT * FROM lambdas": ("[4,2]",),
}
OVER_NOTHING_KNOWN = [
    "array_map(x -> x + max(k), array_agg(k))",
    "array_map(x -> nowhere, xs)",
    "array_map(x -> sleep(x), xs)",
    "map_filter((a, b) -> b > 0, m)",
    "upper(x -> x)",
    "count(x -> x)",
]


@pytest.fixture(scope="module", params=["starrocks", "doris"])
def nested(request):
    with routine_load.connect(compat=request.param) as connection:
        connection.execute("CREATE DATABASE d")
        connection.execute(
            "CREATE TABLE o (k INT, t STRING, xs ARRAY<INT>, ts ARRAY<STRING>, ds ARRAY<DATE>, xss ARRAY<ARRAY<INT>>,"
            " m MAP<STRING, INT>, s STRUCT<i: INT, l: ARRAY<STRING>>) DUPLICATE KEY(k)",
            "d",
        )
        values = "[3, 1], ['b', 'a'], ['2020-02-29'], [[1, 2], [3]], MAP{'x': 5, 'y': 6}"
        connection.execute(f"INSERT INTO o VALUES (1, '!', {values}, named_struct('i', 1, 'l', ['a,b']))", "d")
        connection.execute("CREATE VIEW lambdas AS SELECT array_map(x -> x + k, xs) FROM o", "d")
        yield connection, (", " if request.param == "doris" else ",")


def spaced(value, comma):
    is_text = isinstance(value, str) and value[0] in "[{"
    return json.dumps(json.loads(value), separators=(comma, ":")) if is_text else value


@pytest.mark.parametrize("items", NESTED)
def test_lambdas_and_texts_of_a_tables_arrays(nested, items):
    """Both vendors: a lambda's parameter is an element of the column's type, and hides a column of its name."""
    connection, comma = nested
    expected = tuple(spaced(value, comma) for value in NESTED[items])
    assert connection.query(f"SELECT {items} FROM o", "d").fetchall() == [expected]


@pytest.mark.parametrize("query", SUBQUERIES)
def test_lambdas_see_through_subqueries(nested, query):
    """What the elements are is told by where the array comes from, not by a column of that name elsewhere."""
    connection, comma = nested
    expected = tuple(spaced(value, comma) for value in SUBQUERIES[query])
    assert connection.query(query, "d").fetchall() == [expected]


@pytest.mark.parametrize("item", OVER_NOTHING_KNOWN)
def test_a_lambda_that_cannot_be_written_is_refused(nested, item):
    """In words of ours: DuckDB never sees a lambda that was not translated."""
    with pytest.raises(RoutineLoadError, match=r"lambda expression|matching function|not found function") as refused:
        nested[0].query(f"SELECT {item} FROM o", "d")
    assert "p1000" not in str(refused.value)


def test_a_column_called_current_timestamp_is_not_the_time(world):
    """An alias of that name does not change what now() means beside it."""
    [(first, second)] = world.query("SELECT current_timestamp, now(6)").fetchall()
    assert abs((second - first).total_seconds()) < 60


def test_a_chain_of_four_hundred_conditions_is_no_matter(world):
    """Generated conditions are long, not deep."""
    query = f"SELECT count(*) FROM t WHERE {' AND '.join(['a + 1 > 0'] * 400)}"
    assert world.query(query, "d").fetchall()[0][0] in {0, 1}


@pytest.mark.parametrize(
    "query", ["SELECT concat()", "SELECT upper('a', 'b')", "SELECT date_format(now(), upper('x'))"]
)
def test_a_wrong_use_is_refused_in_words(world, query):
    """An error of the vendor's kind names the function."""
    with pytest.raises(RoutineLoadError, match=r"concat takes|upper takes|date_format: the format"):
        world.query(query)
