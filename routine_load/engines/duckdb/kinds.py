"""What kind of value a query's expression gives, as far as it can be told from the catalog without asking DuckDB.

Knows scopes (FROM, joins, subqueries, WITH) and types; None is an honest answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlglot import exp

from routine_load.errors import AnalysisError
from routine_load.sql.schema import ColumnType, Table, TypeName
from routine_load.transform.casts import type_of
from routine_load.transform.convert import kind_of
from routine_load.transform.functions import FUNCTIONS
from routine_load.transform.registry import common_kind
from routine_load.transform.typed import Kind, Typed

KIND = "kind"
"""Key of a node's ``meta`` under which a finished expression keeps its kind."""
ITEM = "item"
"""Another for the kind of an array's elements."""

_Found = tuple[Kind | None, Kind]
"""A kind, and that of an array's elements."""
_UNKNOWN: _Found = (None, Kind.OTHER)

_BOOLEAN = (
    *(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.And, exp.Or, exp.Not, exp.Xor),
    *(exp.In, exp.Between, exp.Like, exp.Is, exp.Exists, exp.RegexpLike, exp.ArrayContains),
)
_COUNTS = (exp.Count, exp.ApproxDistinct, exp.CountIf, exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile)
_OF_AGGREGATES = {
    **dict.fromkeys(("bitmap_union", "bitmap_agg", "bitmap_intersect"), Kind.BITMAP),
    **dict.fromkeys(("hll_union", "hll_raw_agg"), Kind.HLL),
    **dict.fromkeys(("quantile_union", "percentile_union"), Kind.QUANTILE),
}
_OF_ARGUMENT = (
    *(exp.Min, exp.Max, exp.AnyValue, exp.FirstValue, exp.LastValue, exp.Lag, exp.Lead, exp.NthValue),
    *(exp.Paren, exp.Alias, exp.Window, exp.IgnoreNulls, exp.Filter),
)


class Kinds:
    """Kinds of the expressions of one statement."""

    def __init__(self, tables: Iterable[Table]) -> None:
        self._tables = {(table.ref.database, table.ref.table): table for table in tables}

    def of(self, node: exp.Expr) -> Kind | None:
        """The kind of a node where it stands, finished (``KIND`` in its meta) or not."""
        known = node.meta.get(KIND)
        if known is not None:
            return Kind(known)
        rule = next((rule for types, rule in _RULES if isinstance(node, types)), None)
        return rule(self, node) if rule is not None else None

    def subquery(self, node: exp.Subquery) -> Kind | None:
        """Of a subquery that stands for a value."""
        query = node.this
        return self.of(query.expressions[0]) if isinstance(query, exp.Select) and len(query.expressions) == 1 else None

    def argument(self, node: exp.Expr) -> Kind | None:
        return self.of(node.this) if node.this is not None else None

    def total(self, node: exp.Sum) -> Kind | None:
        kind = self.of(node.this)
        return Kind.LARGEINT if kind is Kind.INT else kind

    def common(self, node: exp.Expr) -> Kind | None:
        """Of branches, if all are known."""
        kinds = [self.of(branch) for branch in _branches(node)]
        known = [Typed("", kind) for kind in kinds if kind is not None]
        return common_kind(known) if len(known) == len(kinds) else None

    def column(self, column: exp.Column) -> Kind | None:
        return self._found(column)[0]

    def item(self, node: exp.Expr) -> Kind:
        """What the elements of an array are; OTHER where that is not known."""
        known = node.meta.get(ITEM)
        if known is not None:
            return Kind(known)
        if isinstance(node, exp.Paren | exp.Alias):
            return self.item(node.this)
        return self._found(node)[1] if isinstance(node, exp.Column) else Kind.OTHER

    def _found(self, column: exp.Column) -> _Found:
        """From the nearest SELECT (or UPDATE, DELETE) that has such a column, going outwards."""
        if not isinstance(column.this, exp.Identifier):
            return _UNKNOWN
        scope: exp.Expr | None = column.parent
        inside: exp.Expr = column
        while scope is not None:
            if isinstance(scope, exp.Select | exp.Update | exp.Delete):
                found = list(self._in_scope(scope, column))
                if found:
                    return found[0] if len(set(found)) == 1 else _UNKNOWN
                aliased = self._projected(scope, column.name) if inside.arg_key != "expressions" else None
                if aliased is not None and not column.table:
                    return aliased, Kind.OTHER
            inside, scope = scope, scope.parent
        return _UNKNOWN

    def _in_scope(self, scope: exp.Expr, column: exp.Column) -> Iterator[_Found]:
        for source in _sources(scope):
            if not column.table or source.alias_or_name.lower() == column.table.lower():
                yield from self._of_source(source, column.name)

    def _of_source(self, source: exp.Expr, name: str) -> Iterator[_Found]:
        if isinstance(source, exp.Subquery):
            yield from self._of_query(source.this, name)
        elif isinstance(source, exp.Table):
            table = self._tables.get((source.db, source.name))
            if table is not None:
                column = table.column(name)
                if column is not None:
                    yield _of_type(column.type)
            else:
                yield from self._of_with(source, name)
        else:
            yield _UNKNOWN

    def _of_with(self, source: exp.Table, name: str) -> Iterator[_Found]:
        cte = _cte(source)
        alias = cte.args.get("alias") if cte is not None else None
        if cte is None or (alias is not None and alias.columns):
            yield _UNKNOWN
        else:
            yield from self._of_query(cte.this, name)

    def _of_query(self, query: exp.Expr | None, name: str) -> Iterator[_Found]:
        if not isinstance(query, exp.Select):
            yield _UNKNOWN
            return
        for projection in query.expressions:
            if isinstance(projection, exp.Star) or (
                isinstance(projection, exp.Column) and isinstance(projection.this, exp.Star)
            ):
                wanted = projection.table if isinstance(projection, exp.Column) else ""
                for source in _sources(query):
                    if not wanted or source.alias_or_name.lower() == wanted.lower():
                        yield from self._of_source(source, name)
            elif projection.alias_or_name.lower() == name.lower():
                yield self.of(projection), self.item(projection)

    def _projected(self, scope: exp.Expr, name: str) -> Kind | None:
        if not isinstance(scope, exp.Select):
            return None
        for projection in scope.expressions:
            if isinstance(projection, exp.Alias) and projection.alias.lower() == name.lower():
                return self.of(projection.this)
        return None


def _of_type(of: ColumnType) -> _Found:
    kind = _CONTAINERS.get(of.name) or kind_of(of)
    if kind is not Kind.ARRAY:
        return kind, Kind.OTHER
    item = _of_type(of.arguments[0])[0]
    return kind, item if item in _ITEMS else Kind.OTHER


_CONTAINERS = {TypeName.ARRAY: Kind.ARRAY, TypeName.MAP: Kind.MAP, TypeName.STRUCT: Kind.STRUCT}
_ITEMS = {
    Kind.TEXT,
    Kind.INT,
    Kind.LARGEINT,
    Kind.DECIMAL,
    Kind.DOUBLE,
    Kind.BOOL,
    Kind.DATE,
    Kind.DATETIME,
    Kind.ARRAY,
}


def _sources(scope: exp.Expr) -> list[exp.Expr]:
    if isinstance(scope, exp.Update | exp.Delete):
        return [scope.this]
    from_ = scope.args.get("from_")
    joined = [join.this for join in scope.args.get("joins") or []]
    return [*([from_.this] if from_ is not None else []), *joined]


def _cte(table: exp.Table) -> exp.CTE | None:
    """The WITH query that a table's name means, after WITH queries were given names of our own."""
    if table.args.get("db"):
        return None
    node: exp.Expr | None = table
    while node is not None:
        with_ = node.args.get("with_")
        if isinstance(with_, exp.With):
            for cte in with_.expressions:
                if cte.alias_or_name == table.name:
                    return cte if not with_.args.get("recursive") else None
        if isinstance(node, exp.With):
            found = next((cte for cte in node.expressions if cte.alias_or_name == table.name), None)
            if found is not None:
                return found if not node.args.get("recursive") else None
        node = node.parent
    return None


def _branches(node: exp.Expr) -> list[exp.Expr]:
    if isinstance(node, exp.Coalesce):
        return [node.this, *node.expressions]
    if isinstance(node, exp.If):
        return [branch for branch in (node.args.get("true"), node.args.get("false")) if branch is not None]
    last = node.args.get("default")
    return [*(branch.args["true"] for branch in node.args["ifs"]), *([last] if last is not None else [])]


def _cast(node: exp.Cast) -> Kind | None:
    try:
        return kind_of(type_of(node.args["to"]))
    except AnalysisError:
        return None


def _literal(node: exp.Literal) -> Kind:
    if node.is_string:
        return Kind.TEXT
    return Kind.INT if node.name.isdigit() else Kind.DECIMAL


def _state(node: exp.Anonymous) -> Kind | None:
    """What a function or an aggregate gives that gives a state."""
    function = FUNCTIONS.get(node.name.lower())
    if function is None or not isinstance(function.result, Kind):
        return _OF_AGGREGATES.get(node.name.lower())
    return function.result if function.result.is_state else None


def _always(kind: Kind) -> Callable[[Kinds, Any], Kind]:
    return lambda _, __: kind


_RULES: tuple[tuple[tuple[type[exp.Expr], ...], Callable[[Kinds, Any], Kind | None]], ...] = (
    ((exp.Column,), Kinds.column),
    ((exp.Literal,), lambda _, node: _literal(node)),
    ((exp.Null,), _always(Kind.NULL)),
    ((exp.Boolean, *_BOOLEAN), _always(Kind.BOOL)),
    ((exp.Cast,), lambda _, node: _cast(node)),
    ((exp.Subquery,), Kinds.subquery),
    ((exp.Sum,), Kinds.total),
    ((exp.Avg, exp.Stddev, exp.Variance), _always(Kind.DOUBLE)),
    (_COUNTS, _always(Kind.INT)),
    ((exp.GroupConcat,), _always(Kind.TEXT)),
    ((exp.Anonymous,), lambda _, node: _state(node)),
    ((exp.ArrayAgg, exp.ArrayUniqueAgg), _always(Kind.ARRAY)),
    ((exp.Case, exp.If, exp.Coalesce), Kinds.common),
    (_OF_ARGUMENT, Kinds.argument),
)
