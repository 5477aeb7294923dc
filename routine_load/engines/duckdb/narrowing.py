"""What a query says beforehand of the rows it wants from one table: ``WHERE c = 'x'``, ``c IN (…)``, joined by AND.

Owns the reading of such conditions. A condition that is not understood narrows nothing: the query filters anyway.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from routine_load.sql.system_tables import Wanted


def narrowed(table: exp.Table) -> Wanted:
    """Columns of ``table``, in upper case, whose value the enclosing query's WHERE fixes to some literals."""
    source = table.parent
    select = source.parent if isinstance(source, exp.From | exp.Join) else None
    if not isinstance(select, exp.Select):
        return {}
    where = select.args.get("where")
    if where is None:
        return {}
    alone = not select.args.get("joins") and not select.args.get("laterals")
    found: dict[str, frozenset[str]] = {}
    for condition in _conjuncts(where.this):
        column, values = _equality(condition)
        if column is None or values is None:
            continue
        if column.table.lower() == table.alias_or_name.lower() or (alone and not column.table):
            name = column.name.upper()
            found[name] = found[name] & values if name in found else values
    return found


def either(one: Wanted, other: Wanted) -> Wanted:
    """What is wanted of a table that a query names twice."""
    return {name: one[name] | other[name] for name in one.keys() & other.keys()}


def _conjuncts(tree: exp.Expr) -> Iterator[exp.Expr]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, exp.And):
            waiting += [node.left, node.right]
        elif isinstance(node, exp.Paren):
            waiting.append(node.this)
        else:
            yield node


def _equality(node: exp.Expr) -> tuple[exp.Column | None, frozenset[str] | None]:
    if isinstance(node, exp.EQ):
        one, other = node.left, node.right
        if isinstance(other, exp.Column):
            one, other = other, one
        return (one, _texts([other])) if isinstance(one, exp.Column) else (None, None)
    if isinstance(node, exp.In) and isinstance(node.this, exp.Column) and node.expressions:
        return node.this, _texts(node.expressions)
    return None, None


def _texts(nodes: list[exp.Expr]) -> frozenset[str] | None:
    if not all(isinstance(node, exp.Literal) for node in nodes):
        return None
    return frozenset(str(node.this) for node in nodes)
