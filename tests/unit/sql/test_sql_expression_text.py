"""How the front ends print a load expression (StarRocks, Doris: JobProperties)."""

from __future__ import annotations

import pytest
from sqlglot import exp

from routine_load.ids import Compat
from routine_load.sql.expression_text import printed
from routine_load.sql.expressions import parse_expression

CASES = [
    ("CAST(amt_txt AS DECIMAL( 12 , 2 ))", "CAST(`amt_txt` AS DECIMAL(12,2))", None),
    ("cast(a as string)", "CAST(`a` AS VARCHAR(65533))", None),
    ("try_cast(a as largeint)", "TRY_CAST(`a` AS LARGEINT)", None),
    ("a>1", "`a` > 1", "(`a` > 1)"),
    ("a<>1", "`a` != 1", "(`a` != 1)"),
    ("(((a)))", "`a`", None),
    ("a+b*c", "`a` + (`b` * `c`)", "(`a` + (`b` * `c`))"),
    ("a=1 and b=2 or c", "((`a` = 1) AND (`b` = 2)) OR `c`", "(((`a` = 1) AND (`b` = 2)) OR `c`)"),
    ("not a", "NOT (`a`)", "(NOT (`a`))"),
    ("not (a > 1)", "NOT (`a` > 1)", "(NOT (`a` > 1))"),
    ("a NOT like 'x%'", "NOT (`a` LIKE 'x%')", "(NOT (`a` LIKE 'x%'))"),
    ("a not in (1,2)", "`a` NOT IN (1, 2)", "(`a` NOT IN (1, 2))"),
    ("a between b+1 and 2", "`a` BETWEEN (`b` + 1) AND 2", "(`a` BETWEEN (`b` + 1) AND 2)"),
    ("a is not null", "`a` IS NOT NULL", "(`a` IS NOT NULL)"),
    ("5 - -a", "5 - (-`a`)", "(5 - (-`a`))"),
    ("DATE_SUB(CURDATE(), interval 2 day)", "date_sub(curdate(), INTERVAL 2 DAY)", None),
    ("timestampdiff(day, a, b)", "timestampdiff(DAY, `a`, `b`)", None),
    ("IF(a, 'it''s \\\\', null)", "if(`a`, 'it\\'s \\\\', NULL)", None),
    ("case a when 1 then true else b end", "CASE `a` WHEN 1 THEN TRUE ELSE `b` END", None),
    ("case when a>1 then 1 end", "CASE WHEN `a` > 1 THEN 1 END", "CASE WHEN (`a` > 1) THEN 1 END"),
    ("a->'$.x'", "json_query(`a`, '$.x')", None),
    ("`a``b` & 1", "`a``b` & 1", "(`a``b` & 1)"),
]


@pytest.mark.parametrize(("text", "starrocks", "doris"), CASES)
def test_an_expression_is_printed_as_each_vendor_prints_it(text, starrocks, doris):
    """Back-quoted columns, lower-case functions; parentheses around inner operations, or around all of them."""
    assert printed(text, Compat.STARROCKS) == starrocks
    assert printed(text, Compat.DORIS) == (doris or starrocks)


def bare(text: str) -> exp.Expr:
    """The tree without what printing changes on purpose: parentheses, quotes, case of functions."""
    tree = exp.Paren(this=parse_expression(text))
    while found := tree.find(exp.Paren, bfs=True):
        if found is tree:
            tree = found.this
            tree.pop()
        else:
            found.replace(found.this)
    for node in tree.walk():
        if isinstance(node, exp.Identifier):
            node.set("quoted", True)
        if isinstance(node, exp.Anonymous):
            node.set("this", node.name.lower())
    return tree


@pytest.mark.parametrize("compat", Compat)
@pytest.mark.parametrize("text", [text for text, *_ in CASES if "string" not in text])
def test_what_is_printed_reads_back_as_the_same_tree(compat, text):
    """Parentheses keep what precedence meant."""
    assert bare(printed(text, compat)) == bare(text)


def test_a_long_text_is_printed_without_being_kept():
    """The memory of printed expressions is bounded."""
    text = " or ".join(f"a = {i}" for i in range(600))
    assert printed(text, Compat.STARROCKS).count("`a` = ") == 600
