"""One column of a declaration: name, type, and its attributes in whatever order they come."""

from __future__ import annotations

from dataclasses import dataclass

from routine_load.errors import AnalysisError, UnsupportedFeature
from routine_load.ids import Compat
from routine_load.sql.ddl_tokens import Kind, Reader, literal
from routine_load.sql.ddl_types import read_type
from routine_load.sql.schema import Aggregation, Column, ColumnType

_UNKEPT_AGGREGATIONS = {
    "GENERIC": "aggregate in the query",
    "AVG": "keep a SUM and a count, and divide in the query",
}


_AFTER_GENERATED = frozenset(
    {"NOT", "NULL", "COMMENT", "DEFAULT", "AUTO_INCREMENT", "KEY", "VIRTUAL", "STORED", "AFTER", "FIRST", "PROPERTIES"}
)
"""Words that end the parentheses of a generated column's expression."""
_WORDS = {"NULL": "NULL", "TRUE": "TRUE", "FALSE": "FALSE", "PI": "3.141592653589793", "E": "2.718281828459045"}


_LATEST_START = 2**62
"""Half of the numbers that there are remain."""


@dataclass(slots=True, kw_only=True)
class ColumnDraft:
    """A column as far as it has been read; ``nullable`` None means nothing was said."""

    name: str
    type: ColumnType
    is_key: bool = False
    aggregation: Aggregation | None = None
    nullable: bool | None = None
    default: str | None = None
    auto_increment: bool = False
    auto_start: int = 1
    comment: str = ""
    generated: str | None = None
    on_update: bool = False

    def column(self, *, is_key: bool, nullable: bool | None = None) -> Column:
        may_be_null = self.nullable if nullable is None else nullable
        return Column(
            name=self.name,
            type=self.type,
            nullable=True if may_be_null is None else may_be_null,
            default=self.default,
            is_key=is_key,
            aggregation=None if is_key else self.aggregation,
            comment=self.comment,
            auto_increment=self.auto_increment,
            auto_start=self.auto_start,
            generated=self.generated,
            on_update=self.on_update,
        )


def read_column(reader: Reader, compat: Compat) -> ColumnDraft:
    name = reader.name()
    draft = ColumnDraft(name=name, type=read_type(reader, name, compat))
    while _attribute(reader, draft):
        pass
    return draft


def _attribute(reader: Reader, draft: ColumnDraft) -> bool:  # noqa: C901, PLR0912 - a flat table of attributes
    if reader.accept("NOT", "NULL"):
        draft.nullable = False
    elif reader.accept("NULL"):
        draft.nullable = True
    elif reader.accept("COMMENT"):
        draft.comment = reader.string()
    elif reader.accept("DEFAULT"):
        if draft.type.name.is_state:
            _empty(reader, draft)
        else:
            draft.default = _default(reader, draft.name)
    elif reader.accept("AUTO_INCREMENT"):
        draft.auto_start = _auto_start(reader, draft.name)
        draft.auto_increment = True
        draft.nullable = False
    elif reader.accept("PRIMARY", "KEY"):
        raise AnalysisError(f"Column[{draft.name}]: write PRIMARY KEY(`{draft.name}`) after the column list")
    elif reader.accept("KEY"):
        draft.is_key = True
    elif reader.accept("CHARACTER", "SET") or reader.accept("CHARSET") or reader.accept("COLLATE"):
        reader.accept_symbol("=")
        reader.name()
    elif reader.accept("GENERATED", "ALWAYS", "AS") or reader.accept("AS"):
        draft.generated = _generated(reader)
    elif reader.accept("ON", "UPDATE"):
        draft.on_update = _default(reader, draft.name) == "CURRENT_TIMESTAMP"
        if not draft.on_update:
            raise AnalysisError(f"Column[{draft.name}]: ON UPDATE takes CURRENT_TIMESTAMP only")
    else:
        return _aggregation(reader, draft)
    return True


def _auto_start(reader: Reader, column: str) -> int:
    """Doris: ``AUTO_INCREMENT(100)``; without it numbers begin at 1."""
    if not reader.accept_symbol("("):
        return 1
    start = reader.integer()
    reader.expect_symbol(")")
    if start > _LATEST_START:
        raise AnalysisError(f"Column[{column}]: AUTO_INCREMENT can begin at {_LATEST_START} at the latest, got {start}")
    return max(start, 1)


def _generated(reader: Reader) -> str:
    """The expression as it was written, without parentheses around the whole of it (StarRocks needs none)."""
    start = reader.peek().start
    if reader.peek().text == "(":
        whole = reader.skip_parentheses()
        if reader.at_end() or reader.peek().text in (",", ")") or reader.peek().is_word(*_AFTER_GENERATED):
            text = whole[1:-1].strip()
            reader.accept("VIRTUAL") or reader.accept("STORED")
            return text
    while not reader.at_end() and reader.peek().text not in (",", ")") and not reader.looks_at("COMMENT"):
        if reader.peek().text == "(" and reader.peek().kind is Kind.SYMBOL:
            reader.skip_parentheses()
        else:
            reader.next()
    return reader.slice_from(start).strip()


def _aggregation(reader: Reader, draft: ColumnDraft) -> bool:
    token = reader.peek()
    if token.kind is not Kind.WORD:
        return False
    word = token.text.upper()
    if word in _UNKEPT_AGGREGATIONS:
        raise UnsupportedFeature(
            f"Column[{draft.name}]: aggregation {word} cannot be kept here; {_UNKEPT_AGGREGATIONS[word]}"
        )
    if word not in Aggregation.__members__:
        return False
    reader.next()
    draft.aggregation = Aggregation[word]
    return True


def _empty(reader: Reader, draft: ColumnDraft) -> None:
    """A column of states is empty where nothing fills it (both vendors); there is no other default."""
    given = reader.string() if reader.peek().kind is Kind.STRING else reader.name().upper()
    if given not in ("", "NULL", f"{draft.type.name.upper()}_EMPTY"):
        raise AnalysisError(f"{draft.type.name.upper()} type column can not set default value: {draft.name}")
    if reader.peek().text == "(":
        reader.skip_parentheses()


def _default(reader: Reader, column: str) -> str:
    """Canonical SQL text: a quoted string, a number, NULL, TRUE/FALSE, CURRENT_TIMESTAMP, CURRENT_DATE, uuid()."""
    wrapped = reader.accept_symbol("(")
    text = _default_value(reader, column)
    if wrapped:
        reader.expect_symbol(")")
    return text


def _default_value(reader: Reader, column: str) -> str:
    token = reader.peek()
    if token.kind is Kind.STRING:
        return literal(reader.string())
    negative = reader.accept_symbol("-")
    if reader.peek().kind is Kind.NUMBER:
        return ("-" if negative else "") + reader.next().text
    word = reader.name().upper()
    if word in _WORDS:
        return _WORDS[word]
    called = reader.peek().text == "("
    if called:
        reader.skip_parentheses()
    if word in ("CURRENT_TIMESTAMP", "NOW", "LOCALTIMESTAMP", "LOCALTIME") and (called or word != "NOW"):
        return "CURRENT_TIMESTAMP"
    if word in ("CURRENT_DATE", "CURDATE"):
        return "CURRENT_DATE"
    if word == "UUID" and called:
        return "uuid()"
    raise UnsupportedFeature(
        f"Column[{column}]: DEFAULT {word} cannot be kept here; a constant, NULL, CURRENT_TIMESTAMP, CURRENT_DATE or"
        " uuid() can"
    )
