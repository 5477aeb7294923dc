"""A generated column as DuckDB computes it: of the row's other columns, whenever it is read.

Its expression has the meaning of load expressions, so that a value is the same whether a load or the table computes it.
"""

from __future__ import annotations

import re
from typing import Final

from sqlglot import exp

from routine_load.engines.duckdb.defaults import TIMEZONE
from routine_load.engines.duckdb.expressions import Lets
from routine_load.engines.duckdb.names import quote
from routine_load.errors import AnalysisError, UnsupportedFeature
from routine_load.ids import Compat
from routine_load.sql.expressions import parse_expression
from routine_load.sql.schema import Column, Table
from routine_load.transform import native
from routine_load.transform.convert import Rules, convert, duck_type, kind_of
from routine_load.transform.expressions import Translator
from routine_load.transform.registry import Context
from routine_load.transform.typed import Kind, Typed

_CHANGING: Final = frozenset({"now", "current_timestamp", "localtime", "localtimestamp", "current_date", "curdate"}) | {
    *("current_time", "curtime", "utc_time", "utc_date", "utc_timestamp", "unix_timestamp"),
    *("rand", "random", "uuid", "uuid_numeric", "uuidv7", "sleep"),
}
"""Functions without which a value stays what it is; ``unix_timestamp`` with an argument is none of them."""

_NATIVE: Final = re.compile(rf"\b{native.PREFIX}[a-z]\w*\(")
"""Functions that are made known to a connection once it is open: a table cannot need them before."""


def generated_expression(table: Table, column: Column) -> str:
    """DuckDB's SQL over the table's stored columns. Raises AnalysisError in the vendors' words."""
    assert column.generated is not None
    tree = parse_expression(column.generated)
    _check(table, column, tree)
    lets = Lets()
    scope = {c.name.lower(): _stored(c) for c in table.stored_columns}
    value = lets.bind(Translator(scope, _context(lets)).translate(tree))
    kept = convert(value.sql, value.kind, column.type, Rules(compat=Compat.STARROCKS, zone=TIMEZONE))
    sql = lets.around(f"CAST({kept} AS {duck_type(column.type)})")
    if _NATIVE.search(sql):
        raise UnsupportedFeature(f"Column[{column.name}]: a function of {column.generated} cannot be kept in a table")
    return sql


def _context(lets: Lets) -> Context:
    return Context(compat=Compat.STARROCKS, zone=TIMEZONE, stages=lets)


def _stored(column: Column) -> Typed:
    kind = kind_of(column.type)
    name = quote(column.name)
    return Typed(f"CAST({name} AS VARCHAR)" if kind is Kind.JSON else name, kind, atomic=True)


def _check(table: Table, column: Column, tree: exp.Expr) -> None:
    for used in tree.find_all(exp.Column):
        found = table.column(used.name)
        if found is None:
            raise AnalysisError(f"Column '{used.name}' cannot be resolved in generated column {column.name}")
        if found.generated is not None:
            raise AnalysisError(f"Expression can not refers to other generated columns: {column.name}, {found.name}")
        if found.auto_increment:
            raise AnalysisError(f"Expression can not refers to AUTO_INCREMENT columns: {column.name}, {found.name}")
    for call in tree.find_all(exp.Anonymous):
        name = str(call.this).lower()
        if name in _CHANGING and not (name == "unix_timestamp" and call.expressions):
            raise AnalysisError(f"Unsupported expression in generated column {column.name}: {name}() changes")
