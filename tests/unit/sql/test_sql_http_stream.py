"""Doris: the statement of ``_http_stream``, taken apart."""

from __future__ import annotations

import pytest

from routine_load.errors import AnalysisError, RoutineLoadError, StatementSyntaxError
from routine_load.sql.http_stream import TEXT_MAX, parse_streamed_insert

FROM = 'FROM http_stream("format" = "csv")'


def test_all_parts_are_found():
    """Names in backticks, a list of columns, a label, items with names, properties, an alias, a condition."""
    found = parse_streamed_insert(
        "insert into internal.`d b`.t (`select`, b) with label l_1 select if(c1 > 0, 'from, x', c2) as x, `c 3` "
        """from http_stream('FORMAT'='csv', "column_separator"="\\x01\\x02", "enclose"="\\"", "escape"='\\\\') s """
        "where c1 = 'group by' and `order` > 1;"
    )
    assert (found.database, found.table, found.columns, found.label) == ("d b", "t", ("select", "b"), "l_1")
    assert found.items == ("if(c1 > 0, 'from, x', c2)", "`c 3`")
    assert dict(found.properties) == {
        "format": "csv",
        "column_separator": "\\x01\\x02",
        "enclose": '"',
        "escape": "\\",
    }
    assert found.where == "c1 = 'group by' and `order` > 1"


def test_a_star_is_no_item():
    """All fields, of a table of no database."""
    found = parse_streamed_insert(f"INSERT INTO t SELECT * {FROM}")
    assert (found.database, found.items, found.where, found.columns) == ("", (), "", ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"INSERT INTO t SELECT c1 {FROM} GROUP BY c1", "GROUP is not supported"),
        (f"INSERT INTO t SELECT c1 {FROM} WHERE c1 > 1 LIMIT 1", "LIMIT is not supported"),
        (f"INSERT INTO t SELECT c1 {FROM} UNION SELECT 1", "UNION is not supported"),
        ("INSERT INTO t SELECT c1 FROM other", "near 'other': expected HTTP_STREAM"),
        ("INSERT INTO t SELECT c1", "at the end: expected FROM http_stream"),
        ("INSERT INTO t VALUES (1)", "near 'VALUES': expected SELECT"),
        ("INSERT INTO t SELECT c1, FROM http_stream()", "expected a value"),
        (f"INSERT INTO t SELECT c1 {FROM} WHERE", "at the end: expected a condition"),
        ('INSERT INTO t SELECT c1 FROM http_stream("format" "csv")', "near a quoted text: expected ="),
        ("INSERT INTO t SELECT 'c1", "does not end"),
        ("", "expected INSERT"),
        ("INSERT INTO t SELECT " + "x" * TEXT_MAX, "characters, at most"),
        ("INSERT INTO t SELECT " + ", " * 20_000, "tokens, at most"),
    ],
)
def test_what_it_is_not_is_said(text, said):
    """By the word, never by the content of a text."""
    with pytest.raises((StatementSyntaxError, AnalysisError)) as error:
        parse_streamed_insert(text)
    assert said in error.value.message


@pytest.mark.parametrize("stop", range(0, 95, 3))
def test_a_beginning_of_a_statement_is_refused_in_words(stop):
    """Wherever it is cut."""
    text = f"INSERT INTO d.t (a, b) WITH LABEL l SELECT f(c1, 'x') AS y, `c2` {FROM}"
    with pytest.raises(RoutineLoadError, match=r"expected|does not end"):
        parse_streamed_insert(text[:stop])
