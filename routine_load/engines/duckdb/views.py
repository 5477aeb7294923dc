"""Views of the file: their declarations, and a view's query in place of its name.

A view is read with the rights of its reader: each table behind it is checked as if the query had been typed in. Nothing
of it is in DuckDB's own catalog.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Final

import duckdb
from sqlglot import exp

from routine_load.engines.duckdb.definitions import load_column
from routine_load.engines.duckdb.session import Session
from routine_load.engines.duckdb.titles import titled
from routine_load.engines.duckdb.types import column_type
from routine_load.engines.duckdb.warehouse import Warehouse
from routine_load.engines.duckdb.with_queries import is_target, with_query
from routine_load.errors import AnalysisError, LimitExceeded
from routine_load.ids import TableRef
from routine_load.sql.access import require_on_table
from routine_load.sql.ddl_views import CreateView, View
from routine_load.sql.privileges import Privilege
from routine_load.sql.schema import Column, Table

DEPTH_MAX: Final = 16
PLACES_MAX: Final = 1_000
"""In how many places of one statement a view may stand, those inside other views included."""

VIEW: Final = "VIEW"
_QUERY: Final = "__rl_view"


class Views:
    """The views of one open file. Reads are lock-free snapshots; who changes them holds the catalog's lock."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._lock = threading.Lock()
        self._views: dict[TableRef, View] = {}
        cursor = warehouse.cursor()
        self._read(cursor)
        cursor.close()
        warehouse.when_reopened(self._read)

    def _read(self, cursor: duckdb.DuckDBPyConnection) -> None:
        own = self._warehouse.names.own("views")
        found = [_loaded(str(text)) for (text,) in cursor.execute(f"SELECT definition FROM {own}").fetchall()]
        self._views = {view.ref: view for view in found}

    def find(self, ref: TableRef) -> View | None:
        return self._views.get(ref)

    def of(self, database: str) -> list[View]:
        return [
            view
            for ref, view in sorted(self._views.items(), key=lambda pair: pair[0].table)
            if ref.database == database
        ]

    def all(self) -> list[View]:
        return [view for _, view in sorted(self._views.items(), key=lambda pair: (pair[0].database, pair[0].table))]

    def keep(self, cursor: duckdb.DuckDBPyConnection, view: View) -> None:
        """Write a declaration in the cursor's transaction, in place of one of the name."""
        self.drop(cursor, view.ref)
        values = [view.ref.database, view.ref.table, json.dumps(asdict(view), ensure_ascii=False)]
        cursor.execute(f"INSERT INTO {self._warehouse.names.own('views')} VALUES (?, ?, ?)", values)

    def drop(self, cursor: duckdb.DuckDBPyConnection, ref: TableRef) -> None:
        own = self._warehouse.names.own("views")
        cursor.execute(f"DELETE FROM {own} WHERE database = ? AND name = ?", [ref.database, ref.table])

    def drop_all(self, cursor: duckdb.DuckDBPyConnection, database: str) -> None:
        cursor.execute(f"DELETE FROM {self._warehouse.names.own('views')} WHERE database = ?", [database])

    def committed(self, kept: View | None = None, dropped: Callable[[TableRef], bool] = lambda _: False) -> None:
        """What a transaction changed is there for readers now."""
        with self._lock:
            left = {ref: view for ref, view in self._views.items() if not dropped(ref)}
            self._views = left if kept is None else left | {kept.ref: kept}

    def expand(self, tree: exp.Expr, session: Session, read: Callable[[str], exp.Expr]) -> set[TableRef]:
        """Put queries in place of views' names, those inside them included; returns which views those were.

        Raises PrivilegeDenied where the reader may not SELECT from one.
        """
        met: set[TableRef] = set()
        places = 0
        for _ in range(DEPTH_MAX):
            found = [(node, view) for node in tree.find_all(exp.Table) if (view := self._meant(node, session))]
            if not found:
                return met
            places += len(found)
            if places > PLACES_MAX:
                raise LimitExceeded(f"Views stand in more than {PLACES_MAX} places of the statement")
            for node, view in found:
                require_on_table(session, Privilege.SELECT, view.ref)
                node.replace(_subquery(node, view, read))
                met.add(view.ref)
        raise AnalysisError(f"Views are nested deeper than {DEPTH_MAX}")

    def _meant(self, node: exp.Table, session: Session) -> View | None:
        if not self._views or is_target(node) or with_query(node) is not None:
            return None
        return self._views.get(TableRef(node.db or session.database or "", node.name))


def view_as_table(view: View) -> Table:
    """What DESC and information_schema tell of it."""
    return Table(ref=view.ref, columns=view.columns, comment=view.comment, engine=VIEW)


def view_of(create: CreateView, described: list[tuple[str, str]], database: str | None) -> View:
    """The view that a statement declares, whose query has the columns ``described`` by name and DuckDB's type."""
    given = create.columns or tuple((name, "") for name, _ in described)
    if len(given) != len(described):
        raise AnalysisError(f"View's SELECT and view's field list have different column counts: {create.ref}")
    names = [name.lower() for name, _ in given]
    sources = [name.lower() for name, _ in described]
    twin = next((n for listed in (names, sources) for n in listed if listed.count(n) > 1), None)
    if twin is not None:
        raise AnalysisError(f"Duplicate column name '{twin}'")
    columns = (
        Column(name=name, type=column_type(kind), comment=comment)
        for (name, comment), (_, kind) in zip(given, described, strict=True)
    )
    return View(
        ref=create.ref,
        query=create.query,
        home=database or create.ref.database,
        columns=tuple(columns),
        sources=tuple(name for name, _ in described),
        comment=create.comment,
    )


def with_databases(tree: exp.Expr, view: View) -> str:
    """The view's text, which means the same in the database where the view is: SHOW CREATE VIEW is run there."""
    if view.home == view.ref.database:
        return view.query
    text = view.query
    places = [table.this.meta.get("start") for table in _own_tables(tree)]
    for place in sorted((at for at in places if at is not None), reverse=True):
        text = f"{text[:place]}`{view.home.replace('`', '``')}`.{text[place:]}"
    return text


def _own_tables(tree: exp.Expr) -> list[exp.Table]:
    """Those named without a database, of the catalog."""
    unqualified = [table for table in tree.find_all(exp.Table) if not table.db and table.name.lower() != "dual"]
    return [table for table in unqualified if with_query(table) is None]


def _subquery(node: exp.Table, view: View, read: Callable[[str], exp.Expr]) -> exp.Subquery:
    inner = titled(read(view.query), view.query)
    for table in _own_tables(inner):
        table.set("db", exp.to_identifier(view.home, quoted=True))
    columns = [
        exp.alias_(exp.column(exp.to_identifier(source, quoted=True), table=_QUERY), column.name, quoted=True)
        for source, column in zip(view.sources, view.columns, strict=True)
    ]
    whole = exp.select(*columns).from_(exp.Subquery(this=inner, alias=_alias(_QUERY)))
    alias = node.args.get("alias") or _alias(node.name)
    return exp.Subquery(this=whole, alias=alias.copy(), joins=node.args.get("joins"))


def _alias(name: str) -> exp.TableAlias:
    return exp.TableAlias(this=exp.to_identifier(name, quoted=True))


def _loaded(text: str) -> View:
    raw = json.loads(text)
    return View(
        ref=TableRef(**raw["ref"]),
        query=raw["query"],
        home=raw["home"],
        columns=tuple(load_column(column) for column in raw["columns"]),
        sources=tuple(raw["sources"]),
        comment=raw["comment"],
    )
