"""Load expressions: the promised tree, what is refused, and the columns that are read."""

import contextlib

import pytest
from sqlglot import exp

from routine_load.errors import AnalysisError, Position, RoutineLoadError, StatementSyntaxError
from routine_load.sql.expressions import (
    NODES,
    check_functions,
    column_names,
    function_names,
    parse_expression,
    read_expression,
)
from tests.work import bounded_work


@pytest.mark.parametrize(
    "name",
    [
        "from_unixtime",
        "date_format",
        "str_to_date",
        "ifnull",
        "if",
        "split_part",
        "now",
        "get_json_string",
        "left",
        "right",
        "replace",
        "date",
        "year",
        "month",
        "mod",
        "timestamp",
        "values",
        "concat",
        "concat_ws",
        "coalesce",
        "nullif",
        "substr",
        "substring",
        "trim",
        "upper",
        "char_length",
        "length",
        "position",
        "hex",
        "md5",
        "date_trunc",
        "greatest",
        "json_object",
        "parse_json",
        "array",
        "map",
        "struct",
        "row",
        "format",
        "insert",
        "database",
        "user",
        "like",
        "regexp",
        "current_timestamp",
        "curdate",
        "utc_timestamp",
        "convert_tz",
        "floor",
        "ceil",
        "round",
        "abs",
        "instr",
        "locate",
        "lpad",
        "show",
        "call",
        "execute",
    ],
)
def test_every_call_keeps_the_name_and_the_arguments_as_written(name):
    """A function call is Anonymous with the user's own name and order of arguments, whatever sqlglot knows of it."""
    tree = parse_expression(f"{name}(a, '%Y', 1)")
    assert type(tree) is exp.Anonymous
    assert tree.name == name
    assert [type(argument) for argument in tree.expressions] == [exp.Column, exp.Literal, exp.Literal]


@pytest.mark.parametrize(
    "name",
    [
        "date",
        "time",
        "timestamp",
        "comment",
        "load",
        "type",
        "key",
        "value",
        "partition",
        "order",
        "group",
        "desc",
        "format",
        "user",
        "status",
        "rank",
    ],
)
def test_keywords_of_other_statements_are_plain_columns(name):
    """A word that is no keyword of load expressions is a column, quoted or not."""
    assert column_names(parse_expression(f"{name} = 1 and `{name}x` is not null")) == (name, f"{name}x")


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a + b * a", ("a", "b")),
        ("case b when c then a else d end", ("b", "c", "a", "d")),
        ("A = a", ("A",)),
        ("timestampdiff(day, b, a)", ("b", "a")),
        ("date_add(z, interval n day)", ("z", "n")),
        ("now()", ()),
        ("`order` > 1 and x in (y, 'x')", ("order", "x", "y")),
        ("extract(year from d)", ("d",)),
    ],
)
def test_columns_are_collected_in_order_once_each(text, columns):
    """Columns come in order of appearance; a second spelling that differs in case is the same column."""
    assert read_expression(text).columns == columns


def test_only_the_promised_nodes_occur():
    """Whatever is accepted consists of the documented node types."""
    text = (
        "if(not a like 'x%' and b not in (1, 2) or c is not null xor d <=> e, "
        "cast(f as decimal(12, 2)) div 2 % 3, case g when 1 then -h else ~i & j | k ^ l end) "
        "= try_cast(m as array<int>) and n between 1 and 2.5 and !o and p = date '2020-01-01' and q regexp 'r'"
    )
    assert {type(node) for node in parse_expression(text).walk()} <= NODES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(select 1)", "the predicate cannot contain subqueries"),
        ("a in (select b from t)", "the predicate cannot contain subqueries"),
        ("exists (select 1)", "the predicate cannot contain subqueries"),
        ("a > 1; drop table t", "a load expression is one expression, without `;`"),
        ("count(*)", "aggregate function count() is not allowed in a load expression"),
        ("row_number() over (order by a)", "window functions are not allowed in a load expression"),
        ("@@version", "not allowed in a load expression"),
        ("@a", "parameters and variables are not allowed in a load expression"),
        ("?", "placeholders are not allowed in a load expression"),
        (":a", "placeholders are not allowed in a load expression"),
        ("*", "`*` is not allowed in a load expression"),
        ("unnest(a)", "table function unnest() is not allowed in a load expression"),
        ("t.a", "names in a load expression are plain column names"),
        ("db.f(a)", "names in a load expression are plain column names"),
        ("f(distinct a)", "DISTINCT is not allowed in a load expression"),
        ("x'1f'", "hexadecimal literals are not allowed"),
        ("a in ()", "the list after IN is empty"),
        ("a in b", "IN needs a list of values in parentheses"),
        ("(a, b)", "a list in parentheses is only allowed after IN"),
        ("map{'a': 1}", "braces are not allowed in a load expression"),
        ("'a' 'b'", "put concat() around adjacent string literals"),
    ],
)
def test_what_could_leave_the_language_is_refused(text, message):
    """Subqueries, several statements, aggregates, windows, parameters and table functions are refused by name."""
    with pytest.raises(AnalysisError) as caught:
        parse_expression(text)
    assert message in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "a,",
        "a +",
        "(a",
        "a)",
        "cast(a)",
        "cast(a as)",
        "a as b",
        "'a",
        "`a",
        "a /* b",
        "f(a limit 1)",
        "case",
    ],
)
def test_text_that_is_no_expression_is_a_syntax_error(text):
    """Half an expression, two expressions and unterminated quotes are syntax errors."""
    with pytest.raises(StatementSyntaxError):
        parse_expression(text)


def test_errors_count_positions_from_the_start_of_the_statement():
    """A mistake on the second line of an island is reported where it stands in the statement."""
    with pytest.raises(AnalysisError) as caught:
        read_expression("a > 1\n  and b in (select 1)", Position(5, 7))
    assert caught.value.position == Position(6, 13)
    with pytest.raises(AnalysisError) as caught:
        read_expression("a in (select 1)", Position(5, 7))
    assert caught.value.position == Position(5, 13)


def test_literals_hold_their_unescaped_value():
    r"""Escapes follow the vendors' rules: \% and \_ keep their backslash, unknown escapes lose it."""
    tree = parse_expression(r"""concat('it''s', "a\tb", '\%\_\d', 'x\\y')""")
    assert [argument.name for argument in tree.expressions] == ["it's", "a\tb", r"\%\_d", r"x\y"]


def test_an_unknown_function_is_named_with_the_nearest_known_one():
    """The known names come from the caller, in lower case; calls may be in any case."""
    known = {"from_unixtime", "if", "concat"}
    check_functions(read_expression("IF(a > 1, From_Unixtime(a), concat(b))"), known)
    check_functions("if(a, b, c)", known)
    with pytest.raises(AnalysisError, match=r"from_unixtim; did you mean from_unixtime\(\)\?"):
        check_functions("if(a, from_unixtim(b), c)", known)
    with pytest.raises(AnalysisError, match=r"No matching function with name: zzz$"):
        check_functions("zzz(a)", known)


def test_spellings_that_are_calls_in_disguise_are_calls():
    """Keyword spellings, arrows, brackets and regexp operators ask for functions by name, too."""
    text = "current_date > extract(day from a) and b->'$.x' regexp 'y' and c[1] = [1, 2]"
    names = {"current_date", "day", "json_query", "regexp", "element_at", "array"}
    assert set(function_names(parse_expression(text))) == names


@pytest.mark.parametrize("count", [1, 15, 16, 17, 100, 777])
def test_hundreds_of_alternatives_stay_in_order_and_shallow(count):
    """A chain of AND or OR may be long: it becomes a flat tree with its operands in their order."""
    text = " or ".join(f"a{i} = {i} and not b{i}" for i in range(count))
    tree = parse_expression(text)
    assert tree.sql("mysql").lower() == text
    assert read_expression(text).columns == tuple(name for i in range(count) for name in (f"a{i}", f"b{i}"))
    assert max(node.depth for node in tree.walk()) < 25


@pytest.mark.parametrize("count", [10, 32, 33, 1000, 6000])
@pytest.mark.parametrize(
    ("left", "middle", "right"),
    [
        ("(", "a", ")"),
        ("f(", "a", ")"),
        ("not ", "a", ""),
        ("- ", "a", ""),
        ("case when a then ", "a", " end"),
        ("cast(", "a", " as int)"),
        ("[", "a", "]"),
        ("", "a", "[1]"),
        ("a + ", "a", ""),
        ("a or ", "a", ""),
        ("(a + ", "1", ")"),
        ("date_add(", "a", ", interval 1 day)"),
        ("", "a", "->'x'"),
        ("case ", "a", ""),
        ("(", "", ""),
    ],
)
def test_no_nesting_is_slow_or_breaks_the_stack(left, middle, right, count):
    """Any depth is answered by a tree or by an error of ours, with work that grows no faster than the text."""
    text = left * count + middle + right * count
    with bounded_work(2_000 + 150 * len(text)), contextlib.suppress(RoutineLoadError):
        parse_expression(text)
