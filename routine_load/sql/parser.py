"""Text to statement values: the grammar looks first, what it does not own is SQL for the engine.

``grammar/routine_load.lark`` is the language; this module loads it once, decides by a statement's first words whether
it is ours, and turns a failed parse into an error that says where and what was expected. Refuses to know what a clause
means (``building``) and what a statement does.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, cast

from lark import Lark, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.lexer import PatternRE, PatternStr, TerminalDef

from routine_load.errors import LimitExceeded, Position, RoutineLoadError, StatementSyntaxError
from routine_load.ids import Compat
from routine_load.paths import shipped
from routine_load.sql.building import build
from routine_load.sql.expression_tokens import position_in
from routine_load.sql.expressions import parse_expression, shifted
from routine_load.sql.splitting import Piece, first_words, split
from routine_load.sql.statements import EngineStatement, Statement
from routine_load.sql.table_parser import TableParser
from routine_load.sql.trees import Node, start_of

STATEMENT_MAX: Final = 256 * 1024

_OWNED: Final = (
    *(("CREATE", "ROUTINE"), ("ALTER", "ROUTINE"), ("PAUSE",), ("RESUME",), ("STOP",), ("KILL",)),
    *(("ALTER", "SYSTEM"), ("CANCEL", "DECOMMISSION")),
    *(("SHOW", "ROUTINE"), ("SHOW", "ALL", "ROUTINE")),
    *(("SHOW", "CREATE", "ROUTINE"), ("SHOW", "ALL", "CREATE", "ROUTINE"), ("SHOW", "CREATE", "ALL", "ROUTINE")),
    *(("SHOW", "TRANSACTION"), ("SHOW", "LOAD"), ("SHOW", "ALL", "LOAD")),
    *(("SHOW", "STREAM", "LOAD"), ("SHOW", "ALL", "STREAM", "LOAD")),
    *(("SHOW", "BACKENDS"), ("SHOW", "COMPUTE"), ("SHOW", "FRONTENDS"), ("SHOW", "PROC")),
    *(("SHOW", "PROCESSLIST"), ("SHOW", "FULL", "PROCESSLIST")),
    *(("ADMIN", "SHOW", "FRONTEND"), ("SHOW", "FRONTEND")),
    *(("ADMIN", "SET", "FRONTEND"), ("ADMIN", "SET", "ALL", "FRONTEND")),
    *(("SET", "FRONTEND"), ("SET", "ALL", "FRONTEND")),
    *(("CREATE", "FILE"), ("DROP", "FILE"), ("SHOW", "FILE")),
    *(("CREATE", "USER"), ("DROP", "USER"), ("ALTER", "USER"), ("SET", "PASSWORD")),
    *(("GRANT",), ("REVOKE",), ("SHOW", "GRANTS"), ("SHOW", "ALL", "GRANTS")),
)
_EXPRESSION_TERMINALS: Final = frozenset(
    {"NAME", "QUOTED_NAME", "STRING", "NUMBER", "OPERATOR", "LPAR", "LSQB", "DOT", "EQUAL", "AT"}
)
_EXPRESSION_ENDS: Final = frozenset({"COMMA", "RPAR", "RSQB", "FROM", "PROPERTIES", "ORDER", "LIMIT", "$END"})
_READABLE: Final = {
    "STRING": "a quoted text",
    "PROPERTY_WORD": "a word",
    "INT": "a number",
    "_PARTITION": "PARTITION",
    "$END": "the end",
}
_ISLANDS: Final = frozenset({"expression", "show_expression"})
_NEAR: Final = re.compile(r"(\w+|`[^`]*`)(?:[ \t]+(\w+))?|\S")


def parse(text: str, compat: Compat) -> list[Statement]:
    """The statements of a text, in order; an empty text has none.

    Raises StatementSyntaxError or AnalysisError with the position in the text, LimitExceeded for texts beyond bounds.
    """
    return [_parse_one(piece, compat) for piece in split(text)]


def is_owned(statement: str) -> bool:
    """The statement's first words are ours, so a mistake in the rest is our syntax error."""
    words = first_words(statement, 4)
    return any(words[: len(owned)] == owned for owned in _OWNED)


@cache
def grammar() -> Lark:
    """The ROUTINE LOAD language, built once."""
    text = (shipped("grammar") / "routine_load.lark").read_text(encoding="utf-8")
    return Lark(
        text,
        parser="lalr",
        lexer="contextual",
        maybe_placeholders=False,
        edit_terminals=_whole_word,
    )


def _whole_word(terminal: TerminalDef) -> None:
    """A keyword ends where the word ends: `LOADS` is not LOAD and a name that begins with a keyword is a name."""
    if isinstance(terminal.pattern, PatternStr) and terminal.pattern.value.isalpha():
        terminal.pattern = PatternRE(rf"{terminal.pattern.value}(?![\w$])", terminal.pattern.flags)
        terminal.priority = 2


def _parse_one(piece: Piece, compat: Compat) -> Statement:
    if not is_owned(piece.text):
        return EngineStatement(text=piece.text)
    if len(piece.text) > STATEMENT_MAX:
        raise LimitExceeded(f"the statement has {len(piece.text)} characters, at most {STATEMENT_MAX} are allowed")
    try:
        return build(_tree(piece), piece.text, compat)
    except RoutineLoadError as error:
        raise _placed(error, piece.position) from error.__cause__


def _placed(error: RoutineLoadError, begin: Position) -> RoutineLoadError:
    """The same error with its position counted from the start of the whole text; a syntax error says it, too."""
    place = shifted(error.position, begin) if error.position else None
    message = error.message
    if isinstance(error, StatementSyntaxError) and place:
        what, _, rest = message.partition(": ")
        message = f"{what} at line {place.line}, column {place.column}{': ' if rest else ''}{rest}"
    return type(error)(message, position=place)


@cache
def _table() -> TableParser:
    return TableParser(grammar())


def _tree(piece: Piece) -> Node:
    """The parse tree, or what Lark itself says of a text that has none.

    Lark's own errors quote the statement, which may hold passwords, so they are not chained.
    """
    try:
        return _table().tree(piece.text) or cast("Node", grammar().parse(piece.text))
    except UnexpectedInput as error:
        raise _syntax_error(error, piece.text) from None


def _syntax_error(error: UnexpectedInput, text: str) -> StatementSyntaxError:
    expected = f"expected {_expected(error)}"
    at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    start = _mistake_in_island(error, text) if at_end else error.pos_in_stream
    if start is None:
        return StatementSyntaxError(f"at the end: {expected}", position=position_in(text, len(text)))
    if text.startswith("``", start):
        return StatementSyntaxError("near '``': a name is not empty", position=position_in(text, start))
    return StatementSyntaxError(f"near {_near(text, start)}: {expected}", position=position_in(text, start))


def _near(text: str, start: int) -> str:
    """Up to two words from here on; never the contents of a literal, which may be a secret."""
    match = _NEAR.match(text, start)
    words = match.group() if match else text[start : start + 1]
    if words in {"'", '"'}:
        return "a quoted text"
    return f"'{words if len(words) <= 64 else f'{words[:61]}...'}'"


def _mistake_in_island(error: UnexpectedInput, text: str) -> int | None:
    """Where the last expression stops being one, if the statement ended inside it (``WHERE a > 1 FORM KAFKA``)."""
    state = getattr(getattr(error, "interactive_parser", None), "parser_state", None)
    last = state.value_stack[-1] if state is not None and state.value_stack else None
    while isinstance(last, Tree) and last.data not in _ISLANDS and last.children:
        last = last.children[-1]
    start = start_of(last) if isinstance(last, Tree) and last.data in _ISLANDS else None
    if start is None:
        return None
    island = text[start:]
    try:
        parse_expression(island)
    except RoutineLoadError as mistake:
        if mistake.position is not None:
            return start + _index(island, mistake.position)
    return None


def _index(text: str, position: Position) -> int:
    lines = text.split("\n")
    return sum(len(line) + 1 for line in lines[: position.line - 1]) + position.column - 1


def _expected(error: UnexpectedInput) -> str:
    names: set[str] = set()
    if isinstance(error, UnexpectedToken):
        names = set(error.accepts if isinstance(error.accepts, set) else error.expected or ())
    elif isinstance(error, UnexpectedCharacters):
        names = set(error.allowed or ())
    names -= {"WHITESPACE"}
    words: list[str] = []
    if "OPERATOR" in names:
        names -= _EXPRESSION_TERMINALS
        if not names & _EXPRESSION_ENDS:
            words.append("an expression")
    if "NAME" in names:
        words.append("a name")
    names -= {"NAME", "QUOTED_NAME"}
    words += sorted(_readable(name) for name in names - {"$END"})
    words.sort(key=lambda word: (not word.isupper(), word.startswith("'")))
    if "$END" in names:
        words.append(_READABLE["$END"])
    if len(words) < 2:
        return words[0] if words else "something else"
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _readable(name: str) -> str:
    if name in _READABLE:
        return _READABLE[name]
    definition = next((t for t in grammar().terminals if t.name == name), None)
    if definition is None:
        return name
    return f"'{definition.pattern.value}'" if isinstance(definition.pattern, PatternStr) else name
