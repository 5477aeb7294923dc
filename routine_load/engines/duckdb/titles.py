"""What the columns of a query are called: as the client wrote them, which is not what DuckDB would say."""

from __future__ import annotations

from sqlglot import exp

from routine_load.sql.ddl_tokens import Kind, Reader

_ENDS = ("FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "INTERSECT", "EXCEPT", "INTO")


def titled(tree: exp.Expr, text: str) -> exp.Expr:
    """The query with an alias on every computed column that has none (both vendors: the text of the expression)."""
    select = tree
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    if not isinstance(select, exp.Select):
        return tree
    written = _projections(text)
    for i, projection in enumerate(select.expressions):
        if isinstance(projection, exp.Alias | exp.Column | exp.Star | exp.Dot):
            continue
        same = len(written) == len(select.expressions)
        title = written[i] if same else projection.sql(dialect="starrocks", normalize_functions="lower")
        projection.replace(exp.alias_(projection.copy(), title or "?", quoted=True))
    return tree


def _projections(text: str) -> list[str]:
    """Source texts of the first SELECT's columns; empty where the statement does not begin with SELECT."""
    reader = Reader(text)
    if not reader.accept("SELECT"):
        return []
    _ = reader.accept("DISTINCT") or reader.accept("ALL")
    found: list[str] = []
    start, depth = reader.peek().start, 0
    while True:
        token = reader.peek()
        if token.kind is Kind.SYMBOL:
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.text, 0)
        ends = depth == 0 and (token.is_word(*_ENDS) or token.kind is Kind.END or token.text == ";")
        if ends or (depth == 0 and token.kind is Kind.SYMBOL and token.text == ","):
            found.append(reader.slice_from(start).strip() if token.start > start else "")
            if ends:
                return found
            reader.next()
            start = reader.peek().start
            continue
        if token.kind is Kind.END:
            return []
        reader.next()
