"""What a query may say: statement kinds, node types and functions that are allowed, and its names resolved.

A query is read in sqlglot's ``starrocks`` dialect (both vendors' SQL), checked node by node against allow-lists, its
tables are looked up in the catalog and written out in full, and only then is it turned into DuckDB's SQL. What is not
on a list cannot reach DuckDB: no table function, no file, no setting, no second statement.
"""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlglot import exp
from sqlglot.errors import SqlglotError

from routine_load.engines.duckdb.admission import changed_table, changing_privilege
from routine_load.engines.duckdb.catalog import Catalog
from routine_load.engines.duckdb.expressions import SHARED_FUNCTIONS
from routine_load.engines.duckdb.functions import ALLOWED_NODES, PASSED_FUNCTIONS
from routine_load.engines.duckdb.labelled import LABEL, take_label
from routine_load.engines.duckdb.meanings import FORMS, QueryDialect, to_duckdb
from routine_load.engines.duckdb.names import INFORMATION_SCHEMA, Names
from routine_load.engines.duckdb.narrowing import either, narrowed
from routine_load.engines.duckdb.partition_queries import (
    Partitioned,
    Partitions,
    inserted_into,
    narrow,
    spell_partitions,
    taken,
)
from routine_load.engines.duckdb.session import Session
from routine_load.engines.duckdb.state_queries import AGGREGATES
from routine_load.engines.duckdb.with_queries import rename_with_queries, with_query
from routine_load.errors import (
    AnalysisError,
    LimitExceeded,
    NoDatabaseSelected,
    Position,
    StatementSyntaxError,
    UnsupportedFeature,
)
from routine_load.ids import Compat, TableRef
from routine_load.sql.access import require_on_table
from routine_load.sql.ddl import CATALOGS
from routine_load.sql.privileges import Privilege
from routine_load.sql.schema import Table, TypeName
from routine_load.sql.system_tables import Wanted

Translate = Callable[[exp.Expr], exp.Expr]

WORDS_MAX = 300_000
"""Tokens of one statement: reading takes tens of microseconds for each, and cannot be interrupted."""

NODES_MAX = 1_000_000
DEPTH_MAX = 1_000
_WORD = re.compile(
    r"'(?:[^'\\]++|\\.|'')*+'|\"(?:[^\"\\]++|\\.|\"\")*+\"|`(?:[^`]++|``)*+`|\d++(?:\.\d*+)?|\w++|[^\w\s]", re.DOTALL
)
_DIALECT = QueryDialect()
logging.getLogger("sqlglot").setLevel(logging.ERROR)


@dataclass(slots=True)
class Checked:
    """A statement that passed: its tree with full names, the tables it reads or writes, the system tables it reads.

    ``views`` are those whose queries are in the tree; ``into`` the partitions that an INSERT names.
    """

    tree: exp.Expr
    tables: list[Table] = field(default_factory=list)
    system: dict[str, Wanted] = field(default_factory=dict)
    wide: frozenset[str] = frozenset()
    views: set[TableRef] = field(default_factory=set)
    into: Partitions | None = None

    def sql(self) -> str:
        return self.tree.sql(dialect="duckdb", identify=True, comments=False)


class Guard:
    """Checks one query at a time; keeps nothing between them."""

    def __init__(self, catalog: Catalog, names: Names, partitioned: Partitioned, translate: Translate | None) -> None:
        self._catalog = catalog
        self._partitioned = partitioned
        self._names = names
        self._translate = translate

    @staticmethod
    def read(text: str) -> exp.Expr:
        """The one statement that the text is. Raises StatementSyntaxError."""
        try:
            _check_words(text)
            words = _DIALECT.tokenize(text)
            if len(words) > WORDS_MAX:
                raise LimitExceeded(f"The statement has {len(words)} words, at most {WORDS_MAX} are allowed")
            spell_partitions(words)
            label = take_label(words)
            trees = [tree for tree in _DIALECT.parser().parse(words, text) if tree is not None]
        except SqlglotError as error:
            raise _syntax_error(error) from error
        except RecursionError as error:
            raise StatementSyntaxError("The statement is nested too deeply") from error
        if not trees:
            raise StatementSyntaxError("Empty statement")
        if len(trees) > 1:
            raise UnsupportedFeature("One statement at a time")
        _check_depth(trees[0])
        if label:
            trees[0].meta[LABEL] = label
        return trees[0]

    def check(self, tree: exp.Expr, session: Session, system: Callable[[str], str]) -> Checked:
        """Check and resolve. ``system`` gives the view's name for an information_schema table."""
        views = self._catalog.views.expand(tree, session, self.read)
        if self._translate is not None:
            tree = self._translate(tree)
        into = inserted_into(tree)
        for hint in list(tree.find_all(exp.Hint)):  # SET_VAR, join orders: advice to another planner
            hint.pop()
        for collation in list(tree.find_all(exp.Collate)):  # all text compares by its bytes, as in both vendors
            collation.replace(collation.this)
        for select in tree.find_all(exp.Select):
            _filter_without_groups(select)
        checked = Checked(tree, views=views, into=into)
        for seen, node in enumerate(tree.walk()):
            if seen > NODES_MAX:
                raise AnalysisError(f"The statement has more than {NODES_MAX} parts")
            _allow(node, session.compat)
        self._resolve(checked, session, system)
        checked.tree = to_duckdb(checked.tree, checked.tables, session.compat, session.timezone)
        return checked

    def _resolve(self, checked: Checked, session: Session, system: Callable[[str], str]) -> None:
        tree = checked.tree
        tables = list(tree.find_all(exp.Table))
        known = {id(node): cte for node in tables if (cte := with_query(node)) is not None}
        rename_with_queries(tree, tables, known)
        changed = changed_table(tree)
        for node in tables:
            if id(node) in known:
                if taken(node) is not None:
                    raise AnalysisError("A query of WITH has no partitions")
                continue
            if node.name.lower() == "dual" and not node.db and isinstance(node.parent, exp.From):
                node.parent.pop()
                continue
            ref = _named(node, session)
            require_on_table(session, changing_privilege(tree) if node is changed else Privilege.SELECT, ref)
            self._resolve_table(checked, node, ref, system)
        for column in tree.find_all(exp.Column):
            column.set("db", None)
            column.set("catalog", None)
        checked.wide = _wide(checked)

    def _resolve_table(self, checked: Checked, node: exp.Table, ref: TableRef, system: Callable[[str], str]) -> None:
        alias = exp.TableAlias(this=exp.to_identifier(node.alias_or_name, quoted=True))
        given = taken(node)
        if ref.database.lower() == INFORMATION_SCHEMA and given is not None:
            raise AnalysisError(f"Table {node.name} is not a partitioned table")
        if ref.database.lower() == INFORMATION_SCHEMA:
            name = node.name.lower()
            view = system(name)
            wanted = narrowed(node)
            checked.system[name] = either(checked.system[name], wanted) if name in checked.system else wanted
            _rename(node, exp.to_identifier(view, quoted=True), None, None)
        else:
            checked.tables.append(self._catalog.table(ref))
            _rename(
                node,
                exp.to_identifier(node.name, quoted=True),
                exp.to_identifier(ref.database, quoted=True),
                exp.to_identifier(self._names.file, quoted=True),
            )
        if not node.args.get("alias") and isinstance(node.parent, exp.From | exp.Join):
            node.set("alias", alias)
        if given is not None:
            narrow(checked.tree, node, given, self._partitioned(checked.tables[-1]))


def _check_words(text: str) -> None:
    """Count before sqlglot makes an object of each word: four megabytes of words took a gigabyte."""
    if len(text) > WORDS_MAX and next(itertools.islice(_WORD.finditer(text), WORDS_MAX, None), None) is not None:
        raise LimitExceeded(f"The statement has too many words, at most {WORDS_MAX} are allowed")


def _check_depth(tree: exp.Expr) -> None:
    """A deeper tree is refused in any case, where Python's stack ends; but only after much work on all of it."""
    level, depth = [tree], 0
    while level:
        level, depth = [child for node in level for child in node.iter_expressions()], depth + 1
        if depth > DEPTH_MAX:
            raise AnalysisError("The statement is nested too deeply")


def _named(node: exp.Table, session: Session) -> TableRef:
    """The table that a name means; whether it is there is another question."""
    if node.catalog and node.catalog not in CATALOGS:
        raise AnalysisError(f"Unknown catalog '{node.catalog}'")
    database = node.db or session.database
    if not database:
        raise NoDatabaseSelected("No database selected")
    return TableRef(database, node.name)


def _filter_without_groups(select: exp.Select) -> None:
    """HAVING of a query without groups is one more WHERE, over the columns shown (MySQL)."""
    having = select.args.get("having")
    if having is None or select.args.get("group") or select.find(exp.AggFunc, exp.AnonymousAggFunc):
        return
    shown = {p.alias.lower(): p.this for p in select.expressions if isinstance(p, exp.Alias)}
    for column in list(having.find_all(exp.Column)):
        if not column.table and column.name.lower() in shown:
            column.replace(exp.Paren(this=shown[column.name.lower()].copy()))
    select.set("having", None)
    select.where(having.this, copy=False)


def _wide(checked: Checked) -> frozenset[str]:
    """Lower-case names of result columns that have to do with LARGEINT; DuckDB's own HUGEINT sums are BIGINT."""
    names = {c.name.lower() for t in checked.tables for c in t.columns if c.type.name is TypeName.LARGEINT}
    for select in reversed(list(checked.tree.find_all(exp.Select))):
        for projection in select.expressions:
            mentioned = {column.name.lower() for column in projection.find_all(exp.Column)}
            cast = any(kind.is_type(exp.DType.INT128) for kind in projection.find_all(exp.DataType))
            if cast or mentioned & names:
                names.add(projection.alias_or_name.lower())
    return frozenset(names)


def _rename(
    node: exp.Table, this: exp.Identifier, database: exp.Identifier | None, catalog: exp.Identifier | None
) -> None:
    node.set("this", this)
    node.set("db", database)
    node.set("catalog", catalog)


def _allow(node: exp.Expr, compat: Compat) -> None:
    kind = type(node)
    if kind is exp.Table and not isinstance(node.this, exp.Identifier):
        raise UnsupportedFeature("Table functions are not supported")
    if kind is exp.Partition and isinstance(node.parent, exp.Table):
        return
    if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc):
        name = str(node.this)
        forms = FORMS.get(name.lower())
        if name.lower() in AGGREGATES:
            if len(node.expressions) not in AGGREGATES[name.lower()][0]:
                raise AnalysisError(f"No matching function with signature: {name} of {len(node.expressions)} arguments")
            return
        if forms is None and name.lower() not in PASSED_FUNCTIONS | SHARED_FUNCTIONS:
            raise unknown_function(name, compat)
        if forms is not None and name.lower() not in SHARED_FUNCTIONS and len(node.expressions) not in forms:
            wanted = " or ".join(str(n) for n in forms)
            raise AnalysisError(f"{name} takes {wanted} argument(s), got {len(node.expressions)}")
        return
    if kind in ALLOWED_NODES:
        return
    if isinstance(node, exp.Func):
        raise unknown_function(node.sql_name().lower(), compat)
    raise UnsupportedFeature(f"{kind.__name__} is not supported in a query")


def unknown_function(name: str, compat: Compat) -> AnalysisError:
    if compat is Compat.DORIS:
        return AnalysisError(f"Can not found function '{name}'")
    return AnalysisError(f"No matching function with signature: {name}(…)")


def _syntax_error(error: SqlglotError) -> StatementSyntaxError:
    details = getattr(error, "errors", None)
    if not details:
        return StatementSyntaxError(str(error).split("\n")[0])
    first = details[0]
    seen = first.get("highlight") or ""
    message = str(first.get("description") or "syntax error").rstrip(".")
    near = f" near '{seen}'" if seen else ""
    line, column = first.get("line"), first.get("col")
    at = Position(int(line), int(column)) if line and column else None
    return StatementSyntaxError(f"{message}{near}", position=at)
