"""Views: what CREATE, ALTER and DROP VIEW say, and a view's text. A view is a query with a name; it keeps no rows.

create_view := CREATE [OR REPLACE] VIEW [IF NOT EXISTS] name [ "(" column [COMMENT string], … ")" ]
               [COMMENT string] [SECURITY INVOKER] AS query
alter_view  := ALTER VIEW name [ "(" column [COMMENT string], … ")" ] AS query
"""

from __future__ import annotations

from dataclasses import dataclass

from routine_load.errors import UnsupportedFeature
from routine_load.ids import TableRef
from routine_load.sql.ddl_tokens import Reader
from routine_load.sql.schema import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """``query`` is the text as it was written, in which names without a database mean tables of ``home``;
    ``columns`` are named as the view's users see them, one for each of ``sources``, the query's own.
    """

    ref: TableRef
    query: str
    home: str
    columns: tuple[Column, ...]
    sources: tuple[str, ...]
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateView:
    """``columns`` are names and comments; empty where the query names them. ``must_exist``: ALTER VIEW."""

    ref: TableRef
    query: str
    columns: tuple[tuple[str, str], ...] = ()
    comment: str = ""
    replaces: bool = False
    if_not_exists: bool = False
    must_exist: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DropView:
    ref: TableRef
    if_exists: bool = False


def read_view(reader: Reader, ref: TableRef) -> CreateView:
    """What follows a view's name."""
    columns: list[tuple[str, str]] = []
    if reader.accept_symbol("("):
        while True:
            name = reader.name()
            columns.append((name, reader.string() if reader.accept("COMMENT") else ""))
            if not reader.accept_symbol(","):
                break
        reader.expect_symbol(")")
    comment = reader.string() if reader.accept("COMMENT") else ""
    if reader.accept("SECURITY") and not reader.accept("INVOKER"):
        raise UnsupportedFeature("SECURITY NONE is not kept here: who reads a view needs SELECT on what it reads")
    reader.expect("AS")
    query = reader.source[reader.peek().start :].rstrip().rstrip(";").rstrip()
    if not query:
        raise reader.unexpected("a SELECT")
    return CreateView(ref=ref, query=query, columns=tuple(columns), comment=comment)


def create_view_text(view: View) -> str:
    """The text of SHOW CREATE VIEW; it can be run again as it stands."""
    columns = ", ".join(_name(c.name) + (f" COMMENT {_string(c.comment)}" if c.comment else "") for c in view.columns)
    comment = f" COMMENT {_string(view.comment)}" if view.comment else ""
    return f"CREATE VIEW {_name(view.ref.table)} ({columns}){comment} AS {view.query};"


def _name(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
