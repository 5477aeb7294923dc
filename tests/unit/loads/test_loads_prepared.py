"""Statements that are planned once give for each chunk what they would give if they were planned for it."""

import duckdb
import pyarrow as pa
import pytest

from routine_load.loads.prepared import STATEMENTS_MAX, PreparedQueries


@pytest.fixture
def connection():
    with duckdb.connect(":memory:") as connection:
        yield connection


def numbers(*values):
    return pa.table({"n": pa.array(values, pa.int64())})


def test_a_prepared_statement_reads_the_rows_of_the_call(connection):
    """The rows are those of each call, however many there are, and none are kept from the one before."""
    queries = PreparedQueries(connection)
    asked = [numbers(1, 2), numbers(), numbers(*range(5_000)), pa.concat_tables([numbers(7), numbers(8)])]
    for rows in asked:
        found = queries.query("SELECT n + 1 AS m FROM src", rows)
        assert found["m"].to_pylist() == [n + 1 for n in rows["n"].to_pylist()]


def test_rows_of_another_shape_are_another_statement(connection):
    """The same text over columns of other names or types has a plan of its own."""
    queries = PreparedQueries(connection)
    for _ in range(2):
        assert queries.query("SELECT max(n) AS m FROM src", numbers(9, 10))["m"].to_pylist() == [10]
        texts = pa.table({"n": pa.array(["9", "10"])})
        assert queries.query("SELECT max(n) AS m FROM src", texts)["m"].to_pylist() == ["9"]


def test_a_literal_that_looks_like_the_source_stays_as_it_is(connection):
    """What a statement says in quotes is not taken for its source."""
    queries = PreparedQueries(connection)
    for _ in range(2):
        assert queries.query("SELECT 'FROM src' AS t FROM src", numbers(1))["t"].to_pylist() == ["FROM src"]


def test_a_failed_statement_can_be_asked_again(connection):
    """A row that makes a statement fail does not spoil the plan, and what fails to be planned is told each time."""
    queries = PreparedQueries(connection)
    sql = "SELECT CASE WHEN n = 2 THEN error('two') ELSE n END AS m FROM src"
    for rows, wanted in ((numbers(1), [1]), (numbers(2), None), (numbers(3), [3])):
        if wanted is None:
            with pytest.raises(duckdb.Error, match="two"):
                queries.query(sql, rows)
        else:
            assert [int(m) for m in queries.query(sql, rows)["m"].to_pylist()] == wanted
    for _ in range(2):
        with pytest.raises(duckdb.Error, match="nowhere"):
            queries.query("SELECT nowhere FROM src", numbers(1))


def test_the_clock_and_chance_are_of_the_call(connection):
    """What differs from one statement to the next is not kept with the plan."""
    queries = PreparedQueries(connection)
    sql = "SELECT now() AS moment, uuid() AS id, random() AS r FROM src"
    first, second = (queries.query(sql, numbers(1)).to_pylist()[0] for _ in range(2))
    assert second["moment"] > first["moment"]
    assert second["id"] != first["id"]
    assert second["r"] != first["r"]


def test_plans_are_bounded(connection):
    """More statements than are kept run all the same."""
    queries = PreparedQueries(connection)
    for number in range(STATEMENTS_MAX + 3):
        assert queries.query(f"SELECT n + {number} AS m FROM src", numbers(1))["m"].to_pylist() == [number + 1]
    [(kept,)] = connection.sql("SELECT count(*) FROM duckdb_prepared_statements()").fetchall()
    assert kept == STATEMENTS_MAX
