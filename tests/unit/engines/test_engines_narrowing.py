"""What a query says of the rows it wants, before it is asked."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from routine_load.engines.duckdb.narrowing import either, narrowed


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT * FROM t WHERE name = 'x'", {"NAME": {"x"}}),
        ("SELECT * FROM t WHERE 'x' = name AND (id = 5)", {"NAME": {"x"}, "ID": {"5"}}),
        ("SELECT * FROM t WHERE name IN ('x', 'y') AND id > 3", {"NAME": {"x", "y"}}),
        ("SELECT * FROM t WHERE name = 'x' AND name IN ('x', 'y')", {"NAME": {"x"}}),
        ("SELECT * FROM t a WHERE a.name = 'x' AND t.id = 1", {"NAME": {"x"}}),
        ("SELECT * FROM t WHERE name = 'x' OR id = 1", {}),
        ("SELECT * FROM t WHERE NOT name = 'x'", {}),
        ("SELECT * FROM t WHERE name NOT IN ('x')", {}),
        ("SELECT * FROM t WHERE name = upper('x')", {}),
        ("SELECT * FROM t WHERE name IN (SELECT 'x')", {}),
        ("SELECT * FROM t JOIN u ON t.a = u.a WHERE t.name = 'x' AND id = 1", {"NAME": {"x"}}),
        ("SELECT * FROM u JOIN t ON t.a = u.a WHERE t.name = 'x'", {"NAME": {"x"}}),
        ("SELECT * FROM (SELECT * FROM t) s WHERE name = 'x'", {}),
        ("SELECT * FROM t", {}),
    ],
)
def test_only_what_is_certain_narrows(query, expected):
    """Equality with literals under AND, about this table; whatever else is said, the query filters by itself."""
    tree = sqlglot.parse_one(query, read="starrocks")
    [table] = [node for node in tree.find_all(exp.Table) if node.name == "t"]
    assert narrowed(table) == expected


def test_a_table_named_twice_wants_what_either_wants():
    """A column that only one of them fixes is not fixed."""
    one, other = {"A": frozenset("x"), "B": frozenset("1")}, {"A": frozenset("y")}
    assert either(one, other) == {"A": {"x", "y"}}
