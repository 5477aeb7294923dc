"""Which names of a query mean a WITH query, by SQL's rules of scope; all other names mean tables of the catalog.

DuckDB looks for a name that is no WITH query *to it* among its own views and files, so what is taken for one here is
renamed to a name that exists nowhere else: a difference between its rules and ours ends in an error, not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlglot import exp

_NAME = "__rl_with_{}"


def with_query(table: exp.Table) -> exp.CTE | None:
    """The WITH query that a name means where it stands: an inner one before an outer, a later before an earlier.

    A WITH query sees those before it, and itself only in the recursive part of a recursive one.
    """
    if table.args.get("db") or is_target(table):
        return None
    inner: exp.Expr = table
    parent = table.parent
    while parent is not None:
        if isinstance(parent, exp.With):
            assert isinstance(inner, exp.CTE), inner
            before = parent.expressions[: _place(parent, inner)]
            if parent.args.get("recursive") and _in_recursive_part(table, inner):
                before = [*before, inner]
            found = _last_named(before, table.name)
            inner = parent.parent or parent
            parent = inner.parent
        else:
            with_ = parent.args.get("with_")
            found = _last_named(with_.expressions, table.name) if isinstance(with_, exp.With) else None
            inner, parent = parent, parent.parent
        if found is not None:
            return found
    return None


def rename_with_queries(tree: exp.Expr, tables: Iterable[exp.Table], known: Mapping[int, exp.CTE]) -> None:
    """Give WITH queries names of our own, and those that mean them (``known``, by identity) the old one as alias."""
    names = {id(cte): _NAME.format(number) for number, cte in enumerate(tree.find_all(exp.CTE))}
    for table in tables:
        if (cte := known.get(id(table))) is None:
            continue
        if not table.args.get("alias") and isinstance(table.parent, exp.From | exp.Join):
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
        table.set("this", exp.to_identifier(names[id(cte)], quoted=True))
    for cte in tree.find_all(exp.CTE):
        cte.args["alias"].set("this", exp.to_identifier(names[id(cte)], quoted=True))


def is_target(table: exp.Table) -> bool:
    """Whether it is the table whose rows the statement changes."""
    owner = table.parent.parent if isinstance(table.parent, exp.Schema) else table.parent
    return isinstance(owner, exp.Insert | exp.Update | exp.Delete) and table.arg_key == "this"


def _place(with_: exp.With, cte: exp.CTE) -> int:
    return next(place for place, each in enumerate(with_.expressions) if each is cte)


def _in_recursive_part(table: exp.Table, cte: exp.CTE) -> bool:
    if not isinstance(cte.this, exp.Union):
        return False
    node: exp.Expr | None = table
    while node is not None and node.parent is not cte.this:
        node = node.parent
    return node is cte.this.expression


def _last_named(ctes: list[exp.CTE], name: str) -> exp.CTE | None:
    return next((cte for cte in reversed(ctes) if cte.alias_or_name == name), None)
