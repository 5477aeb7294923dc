"""From text to statement values: whose statement it is, where statements end, what errors say."""

import contextlib

import pytest

from routine_load.errors import AnalysisError, LimitExceeded, Position, RoutineLoadError, StatementSyntaxError
from routine_load.ids import Compat
from routine_load.sql import statements as s
from routine_load.sql.parser import STATEMENT_MAX, grammar, is_owned, parse
from tests.work import bounded_work

KEYWORDS = sorted({t.name for t in grammar().terminals if t.priority == 2} | {"PARTITION", "PARTITIONS"})


def one(text, compat=Compat.STARROCKS):
    (statement,) = parse(text, compat)
    return statement


def failure(text, compat=Compat.STARROCKS):
    with pytest.raises(RoutineLoadError) as caught:
        parse(text, compat)
    return caught.value


@pytest.mark.parametrize("text", ["", "  \n", ";", " ; ; -- nothing\n# at all\n/* here */ ;", "\ufeff"])
def test_an_empty_text_has_no_statements(text):
    """Blanks, comments and lone semicolons are no statements."""
    assert parse(text, Compat.STARROCKS) == []


def test_statements_end_at_semicolons_outside_quotes_and_comments():
    """A semicolon in a literal, a name or a comment ends nothing."""
    text = 'select \';\' as `a;b`, "x\\";" -- ;\n, 1 /* ; */ ; stop routine load for `j;1` # ;\n;select 2'
    first, second, third = parse(text, Compat.STARROCKS)
    assert isinstance(first, s.EngineStatement)
    assert first.text.startswith("select ';'")
    assert first.text.endswith(", 1")
    assert second == s.StopRoutineLoad(job=s.JobName(name="j;1"))
    assert third == s.EngineStatement(text="select 2")


@pytest.mark.parametrize(
    ("text", "engine_text"),
    [
        (
            "/* mysql-connector-j-9.0.0 */SELECT  @@session.auto_increment_increment",
            "SELECT  @@session.auto_increment_increment",
        ),
        ("/*!40101 SET NAMES utf8mb4 */", "SET NAMES utf8mb4"),
        ("/*!SET x = 1 */;", "SET x = 1"),
        ("-- hello\nSHOW DATABASES", "SHOW DATABASES"),
        ("SELECT /*!40001 SQL_NO_CACHE */ 1", "SELECT                          1"),
        ("select 1 -- it's\n+ 2", "select 1        \n+ 2"),
        ("select '-- no' /* comment */", "select '-- no'"),
        ("(select 1)", "(select 1)"),
        ("CREATE TABLE t (a int)", "CREATE TABLE t (a int)"),
        ("show create table routine", "show create table routine"),
        ("SHOW TABLES", "SHOW TABLES"),
        ("set names utf8", "set names utf8"),
        ("§", "§"),
    ],
)
def test_what_is_not_ours_goes_on_as_text(text, engine_text):
    """Comments become blanks, a statement that is one executable comment loses its marks, the rest stands as written."""
    assert parse(text, Compat.STARROCKS) == [s.EngineStatement(text=engine_text)]


def test_ownership_is_decided_by_the_first_words():
    """Once the first words are ours a mistake is our syntax error, comments between them or not."""
    assert is_owned("/* x */ create -- y\n ROUTINE thing")
    assert is_owned("show /* all */ all create routine")
    assert not is_owned("create table routine (a int)")
    assert not is_owned("show all tables")


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_every_keyword_is_a_name_where_a_name_may_stand(keyword):
    """Jobs, tables, columns, partitions and sort keys may be called like any keyword, without quotes."""
    text = (
        f"create routine load {keyword}.{keyword} on {keyword} columns({keyword}, {keyword}1 = f(`{keyword}`)), "
        f"partitions({keyword}), order by {keyword} from {keyword} ({keyword} = {keyword})"
    )
    statement = one(text)
    assert statement.job == s.JobName(name=keyword, database=keyword)
    assert (statement.table, statement.source, statement.clauses.order_by) == (keyword, keyword, keyword)
    assert statement.clauses.columns[0] == s.ColumnItem(name=keyword)
    assert statement.clauses.partitions == (keyword,)
    assert statement.source_properties == (s.Property(key=keyword, value=keyword),)


def test_a_create_statement_becomes_a_value_with_positions():
    """Names, literals, islands and properties arrive unescaped and with the place where they stood."""
    text = (
        "CREATE ROUTINE LOAD db.j ON t\n"
        "COLUMNS TERMINATED BY '\\x01', COLUMNS (a, `b c` = upper(a), d), WHERE a > 1\n"
        'PROPERTIES (" max_error_number " = "1", jsonpaths = "[\\"$.a\\"]")\n'
        'FROM KAFKA ("kafka_topic" = "x")'
    )
    statement = one(";\n" + text)
    assert statement == s.CreateRoutineLoad(
        job=s.JobName(name="j", database="db"),
        table="t",
        clauses=s.LoadClauses(
            column_separator=s.Delimiter(original="\\x01", value="\x01"),
            columns=(
                s.ColumnItem(name="a"),
                s.ColumnItem(name="d"),
                s.ColumnItem(name="b c", expression=s.Expression(text="upper(a)", columns=("a",))),
            ),
            where=s.Expression(text="a > 1", columns=("a",)),
        ),
        properties=(s.Property(key="max_error_number", value="1"), s.Property(key="jsonpaths", value='["$.a"]')),
        source="KAFKA",
        source_properties=(s.Property(key="kafka_topic", value="x"),),
    )
    assert one(text).properties[0].position == Position(3, 13)
    assert one(text).clauses.where.position == Position(2, text.split("\n")[1].index("a > 1") + 1)


def test_a_syntax_error_says_where_and_what_was_expected():
    """Position counts over all statements of the text; the words near it and the alternatives are named."""
    error = failure("select 1;\ncreate routine load j on t\ncolumns (a)\nFORM KAFKA ('a' = 'b')")
    assert isinstance(error, StatementSyntaxError)
    assert error.message == "near 'FORM KAFKA' at line 4, column 1: expected FROM, PROPERTIES or ','"
    assert error.position == Position(4, 1)
    assert error.framed(Compat.STARROCKS).startswith("Getting syntax error at line 4, column 1. Detail message: near")


def test_a_mistake_that_an_expression_swallowed_is_found():
    """The run of tokens after WHERE takes in a misspelt FROM; the error still points at it."""
    error = failure("create routine load j on t where a > 1\nFORM KAFKA ('a' = 'b')")
    assert error.message.startswith("near 'FORM KAFKA' at line 2, column 1: expected")


@pytest.mark.parametrize(
    "text",
    [
        "create user u identified 'hunter2'",
        "create user u identifed by 'hunter2'",
        "create user u identified by 'hunter2",
        "create user u identified by 'x' 'hunter2'",
        "set password = passwrd('hunter2')",
        "alter routine load for j where a > 1 propertes ('property.sasl.password' = 'hunter2')",
        "alter routine load for j columns (a = f(a 'hunter2'))",
        "create routine load j on t from kafka ('property.sasl.password' 'hunter2')",
        "create routine load j on t where a = 'hunter2' form kafka ('property.sasl.password' = 'hunter2')",
    ],
)
def test_errors_never_quote_a_literal(text):
    """A password in a malformed statement appears neither in the error nor in what it was raised from."""
    error = failure(text)
    while error is not None:
        assert "hunter2" not in str(error)
        error = error.__cause__


def test_secrets_do_not_appear_in_a_repr():
    """A statement can be logged whole."""
    text = (
        "create routine load j from kafka ('property.sasl.password' = 'hunter2'); create user u identified by 'hunter2'; "
        "create routine load j from kafka ('confluent.schema.registry.url' = 'http://k:hunter2@r')"
    )
    assert "hunter2" not in repr(parse(text, Compat.STARROCKS))


@pytest.mark.parametrize(
    ("clauses", "message"),
    [
        ("columns terminated by ',', columns terminated by ','", "repeat setting of column separator"),
        ("rows terminated by ',', rows terminated by ','", "repeat setting of row delimiter"),
        ("columns (a), columns (b)", "repeat setting of columns info"),
        ("where a, where b", "repeat setting of where predicate"),
        ("partition (a), temporary partition (b)", "repeat setting of partition names"),
        ("preceding filter a, preceding filter b", "repeat setting of preceding filter"),
        ("delete on a, delete on b", "repeat setting of delete on predicate"),
        ("order by a, order by b", "repeat setting of order by column"),
        ("where a in (select 1)", "the predicate cannot contain subqueries"),
        ("partition ()", "No partition specifed in partition lists"),
        ("partition ('')", "there are empty partition name"),
        ("columns terminated by ''", "Delimiter cannot be empty or null"),
    ],
)
def test_shape_rules_have_the_vendors_texts(clauses, message):
    """What the grammar cannot say is checked with StarRocks' own messages, for CREATE and ALTER."""
    for text in (f"create routine load j on t {clauses} from kafka", f"alter routine load for j {clauses}"):
        error = failure(text)
        assert isinstance(error, AnalysisError)
        assert error.message == message
        assert error.position is not None


def test_a_job_name_has_at_most_two_parts():
    """Three parts are refused in each vendor's words."""
    assert failure("stop routine load for a.b.c", Compat.DORIS).message == "labelParts in load should be [db.]label"
    assert "Incorrect ROUTINE LOAD NAME name 'a.b.c'" in failure("stop routine load for a.b.c").message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alter routine load for j", "No properties are specified"),
        (
            "alter routine load for j on t properties ('a' = 'b')",
            "ALTER ROUTINE LOAD target table change does not support other properties",
        ),
        ("alter routine load for j from kafka", "FROM in ALTER ROUTINE LOAD needs a property list"),
    ],
)
def test_alter_needs_something_to_alter(text, message):
    """ALTER without anything, or with a table and anything else, is refused."""
    assert failure(text).message == message


@pytest.mark.parametrize(
    "text",
    [
        "alter routine load for j columns (" + "a," * 5000 + "a)",
        "alter routine load for j properties (" + "a=b," * 1100 + "a=b)",
        "alter routine load for j partition (" + "a," * 5000 + "a)",
        "alter routine load for j properties (a = '" + "x" * 300_000 + "')",
        "select 1;" * 1001,
    ],
)
def test_what_is_beyond_a_bound_is_refused_by_name(text):
    """Statements, lists and texts have limits."""
    assert isinstance(failure(text), LimitExceeded)


@pytest.mark.parametrize(
    "text",
    [
        "create routine load j on t where " + "(" * 3000,
        "create routine load j on t where " + "(" * 3000 + ")" * 3000 + " from kafka",
        "create routine load j on t columns " + "(" * 3000,
        "create routine load j on t where " + "[(" * 2000 + ")]" * 2000 + " from kafka",
        "stop routine load for j " + "'" * 5001,
        "stop routine load for " + "`" * 5001,
        "/*" * 3000 + " stop routine load for j",
        "stop routine load for j " + "/* * " * 2000,
        "stop routine load for " + "a." * 3000 + "a",
        "select " + "'\\" * 5000,
        "/*!" * 3000,
        "show routine load where " + "a = 1 and " * 500 + "b",
        "-" * 6000,
        "stop routine load for \x00\x01\x02",
    ],
)
def test_pathological_texts_take_work_in_proportion(text):
    """Pathological statements are answered with work that grows no faster than the text."""
    grammar()
    with bounded_work(2_000 + 150 * len(text)), contextlib.suppress(RoutineLoadError):
        parse(text, Compat.STARROCKS)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("before", "length"),
    [("", 2_000_000), ("stop routine load for ", STATEMENT_MAX), ("stop routine load for j ", STATEMENT_MAX)],
)
@pytest.mark.parametrize(
    "piece", ["'", '"', "`", "'\\", "/*", "/* * ", "/* *", "/*!", "--", "-- ", "#", " ", "\n", "0", "é"]
)
def test_no_pattern_looks_back_over_the_text(before, length, piece):
    """A pattern that reads a very long text again from each place would need minutes; none does."""
    text = before + piece * ((length - len(before)) // len(piece))
    with bounded_work(2_000 + 150 * len(text)), contextlib.suppress(RoutineLoadError):
        parse(text, Compat.STARROCKS)


def test_the_grammar_is_built_once():
    """Every parse uses the same grammar."""
    assert grammar() is grammar()


@pytest.mark.parametrize(
    "text",
    ["stop routine loadfor j", "stop routine load forj", "show routine loads", "create routine loadj from kafka"],
)
def test_a_keyword_is_a_whole_word(text):
    """A word that only begins like a keyword is not that keyword."""
    assert isinstance(failure(text), StatementSyntaxError)


def test_from_inside_parentheses_ends_nothing():
    """FROM, ORDER and PROPERTIES are words like any other inside parentheses."""
    where = "extract(year from d) > 1 and f((a) from b, properties, order)"
    error = failure(f"alter routine load for j where {where}")
    assert error.message.startswith("near 'from' at line 1")
    error = failure("create routine load j on t where a > (select max(b) from c where d order by e) from kafka")
    assert error.message == "the predicate cannot contain subqueries"


@pytest.mark.parametrize("statement", ["SET PASSWORD FOR 'u'@'%' = '{}'", "CREATE USER u IDENTIFIED BY '{}'"])
def test_a_hashed_password_is_not_taken_for_a_clear_one(statement):
    """The manuals' ``= '*6BB4…'`` is a hash: taken as it stands it would lock the user out."""
    with pytest.raises(AnalysisError, match="hashed password cannot be kept") as caught:
        parse(statement.format("*6BB4837EB74329105EE4568DDA7DC67ED2CA2AD9"), Compat.STARROCKS)
    assert "6BB4" not in str(caught.value)
