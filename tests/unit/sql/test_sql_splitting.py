"""Where statements and quotes end: checked against sqlglot's tokenizers, which read our texts after us.

Differences by intention, each with an example below: a text with an unterminated quote or comment is refused here; an
optimizer hint is a comment; a byte order mark is a blank; ``{#`` and ``#>`` begin a comment
to the end of the line, and ``{%--`` holds one; MySQL's executable comment is a statement where it stands alone, and a comment elsewhere; ``1e--`` holds a
comment; ``--`` needs no blank behind it (both vendors; MySQL wants one) and ends at a carriage return, too; ``#``
begins a comment in both modes (MySQL, Doris; StarRocks has none).
"""

import re
from typing import ClassVar

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from sqlglot.dialects import Doris, MySQL, StarRocks
from sqlglot.errors import TokenError
from sqlglot.tokens import TokenType

from routine_load.errors import LimitExceeded, Position, StatementSyntaxError
from routine_load.ids import Compat
from routine_load.sql import statements as s
from routine_load.sql.parser import parse
from routine_load.sql.splitting import _PIECES, split


def _without_commands(dialect):
    class Plain(dialect):
        class Tokenizer(dialect.Tokenizer):
            COMMANDS: ClassVar = set()  # the rest of a CALL would be one token

    return Plain()


MYSQL, DORIS, STARROCKS = (_without_commands(dialect) for dialect in (MySQL, Doris, StarRocks))
QUOTED = {TokenType.STRING, TokenType.IDENTIFIER}

fragments = st.sampled_from(
    [
        *("'", '"', "`", "''", '""', "``", "\\", "\\'", '\\"', "\\`", "\\\\", "\\x27", "%'", "\\%"),
        *("--", "-- ", "#", "/*", "*/", "/**/", "/*!", "/*!40101 ", "/*!999999", "/*M!", "*", "/", "-", "!", "+"),
        *(";", ";;", " ; ", "\n", "\r", "\r\n", "\t", " ", "\x00", "\x1a", "\x0b", "\ufeff", "\xa0", "\u2028"),
        *("‘", "’", "“", "＇", "\u02bc", "；", "ʼ", "\u0600"),
        *("a", "select 1", "drop table t", "set x = 1", "stop routine load for j", "(", ")", ",", "=", "@", "@@", ":"),
        *("1", ".5", "0b", "{", "}", "{%", "$$", "$", "_utf8", "N", "é", "[", "]", "||", "->", "<=>", "?"),
    ]
)
texts = st.lists(fragments, max_size=25).map("".join) | st.text(max_size=25)


def quoted_spans(text):
    """Where we say that quoted texts and names begin and end."""
    return [match.span() for match in _PIECES.finditer(text) if match.lastgroup == "string"]


def sqlglot_tokens(dialect, text):
    """The tokens, or None where the text does not lex."""
    try:
        return dialect.tokenize(text)
    except TokenError:
        return None


def spans_of(tokens, text):
    quoted = (token for token in tokens if token.token_type in QUOTED)
    return [
        (token.start, token.end + 1) for token in quoted if text[token.start] in "'\"`"
    ]  # `0b` is a name to sqlglot


def statements_of(tokens):
    count, inside = 0, False
    for token in tokens:
        if token.token_type is TokenType.SEMICOLON:
            count, inside = count + inside, False
        else:
            inside = True
    return count + inside


def ours(text):
    try:
        return split(text)
    except StatementSyntaxError:
        return None


@settings(max_examples=3000, deadline=None)
@example("/*/ ; */;")
@example("'a\\';drop table t -- '")
@example("\\';select 1;'")
@example("'\\\\';x'")
@example('"\\"";y')
@example("-- a\r;b")
@example("--;\n;")
@example("a--1;\n-2")
@example("`a\\`;b")
@example("'\x00;'\x00;a")
@example("/* /* */ ; */")
@example("’;’;a")
@example("'a' 'b'';'")
@given(texts)
def test_statements_and_quotes_end_where_sqlglot_says(text):
    """As many statements, and quoted texts at the same places, as sqlglot finds; refused by both or by neither."""
    assume(not re.search(r"\ufeff|{[#%]|#[>-]|/\*[!+]|\de[-+]?--|[bxn]['\"]|0b", text, re.IGNORECASE))
    pieces = ours(text)
    for dialect, other in ((DORIS, r"$^"), (STARROCKS, r"#"), (MYSQL, r"--(?![\s\0-\x1f]|$)|\r(?!\n)")):
        if re.search(other, text):
            continue
        theirs = sqlglot_tokens(dialect, text)
        assert (theirs is None) == (pieces is None)
        if theirs is not None and pieces is not None:
            assert len(pieces) == statements_of(theirs)
            assert quoted_spans(text) == spans_of(theirs, text)


@settings(max_examples=3000, deadline=None)
@example("select /*+ ; */ 1")
@example("a{# ; #}b")
@example("{#\n'#}'")
@example("1e--'")
@example("{%--'")
@example("a #> 'b")
@example("1e-/*'*/")
@example("/*! ; */")
@example("/*!40101 select '*/;'")
@example("x'zz;'")
@given(texts)
def test_what_is_passed_on_holds_one_statement_for_every_reader(text):
    """No reader behind the split finds a second statement, a comment or another end of a quote in a piece."""
    for piece in ours(text) or []:
        for dialect in (MYSQL, STARROCKS, DORIS):
            tokens = sqlglot_tokens(dialect, piece.text)
            if tokens is None:
                assert re.search(r"(?i)[xb]['\"]", piece.text)  # a literal in another base with wrong digits
                continue
            assert statements_of(tokens) == 1
            assert not any(token.comments for token in tokens)
            assert TokenType.HINT not in {token.token_type for token in tokens}
            if not re.search(r"(?i)[xbn]['\"]", piece.text):
                assert quoted_spans(piece.text) == spans_of(tokens, piece.text)


@settings(max_examples=500, deadline=None)
@given(texts)
def test_a_statement_keeps_its_places(text):
    """A piece stands in the text where it says, character by character, but for blanks where comments were."""
    lines = text.split("\n")
    for piece in ours(text) or []:
        start = sum(len(line) + 1 for line in lines[: piece.position.line - 1]) + piece.position.column - 1
        for index, character in enumerate(piece.text):
            assert character in (text[start + index], " ")


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("/*!40101 SET NAMES utf8mb4 */;", ["SET NAMES utf8mb4"]),
        ("/*! SET a = 1 */ -- why\n; select 1", ["SET a = 1", "select 1"]),
        ("/*!40101 SET a = 1 -- inner */;", ["SET a = 1"]),
        ("/*!40101 SET a = 1 /* inner */;", []),
        ("/*!40101 SET a = 1; DROP TABLE t */", []),
        ("/*!40101 SET a = '*/; select 1 -- '", ["select 1"]),
        ("/*!40101 SET a = 1 */ /*!40101 DROP TABLE t */", []),
        ("/*!99999 SET a = 1 */", []),
        ("/*!999999\\- enable the sandbox mode */", []),
        ("select 1 /*!; drop table t */", ["select 1"]),
        ("select 1 /*!40101 + 1 */ + 2", ["select 1                 + 2"]),
        ("select 'a' /*! ' */ ; select 2", ["select 'a'", "select 2"]),
    ],
)
def test_an_executable_comment_is_a_whole_statement_or_a_comment(text, statements):
    """It can neither change the statement around it nor hold a second one; one for later servers is a comment."""
    assert parse(text, Compat.STARROCKS) == [s.EngineStatement(text=each) for each in statements]


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("select 'a", "unterminated quoted text at line 1, column 8", Position(1, 8)),
        ('select 1;\nselect "a\\"', "unterminated quoted text at line 2, column 8", Position(2, 8)),
        ("select 1 from `a``", "unterminated quoted text at line 1, column 15", Position(1, 15)),
        ("stop routine load for `a;\nselect 1", "unterminated quoted text at line 1, column 23", Position(1, 23)),
        ("select 1;\n\n  /* select 2;", "unterminated comment at line 3, column 3", Position(3, 3)),
        ("show routine load /*", "unterminated comment at line 1, column 19", Position(1, 19)),
        ("select '\\'", "unterminated quoted text at line 1, column 8", Position(1, 8)),
    ],
)
def test_what_does_not_end_is_refused_with_its_place(text, message, position):
    """A quote or comment without an end is a syntax error in every statement, ours or the engine's; nothing runs."""
    with pytest.raises(StatementSyntaxError) as caught:
        parse(text, Compat.DORIS)
    assert (caught.value.message, caught.value.position) == (message, position)


def test_empty_statements_have_a_bound():
    """Millions of semicolons are refused before each is looked at."""
    assert parse(";" * 1000 + "select 1", Compat.DORIS) == [s.EngineStatement(text="select 1")]
    with pytest.raises(LimitExceeded, match="semicolons"):
        parse(";" * 200_000, Compat.DORIS)
