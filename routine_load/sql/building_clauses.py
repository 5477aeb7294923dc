"""Load clauses of CREATE and ALTER: from parse trees to one value.

Owns the shape rules that the grammar cannot say: clauses that occur twice, the order of items inside COLUMNS, empty
names, bounds. Refuses to know which columns or partitions exist.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lark import Tree

from routine_load.errors import AnalysisError, LimitExceeded
from routine_load.ids import Compat
from routine_load.sql.delimiters import read_delimiter
from routine_load.sql.statement_parts import (
    NO_CLAUSES,
    ColumnItem,
    Delimiter,
    LoadClauses,
    MetadataColumn,
    MetadataField,
)
from routine_load.sql.trees import Node, Reading, dotted, name, name_text, nodes, place, text_or_name, token

COLUMNS_MAX: Final = 4096
PARTITIONS_MAX: Final = 4096

_CLAUSE_NAMES: Final = {
    "column_separator": "column separator",
    "row_delimiter": "row delimiter",
    "columns": "columns info",
    "where": "where predicate",
    "partitions": "partition names",
    "preceding_filter": "preceding filter",
    "delete_on": "delete on predicate",
    "order_by": "order by column",
    "metadata": "include metadata",
}


def load_clauses(reading: Reading, tree: Node | None) -> LoadClauses:
    """The clauses under this rule. Raises AnalysisError where one is set twice."""
    if tree is None:
        return NO_CLAUSES
    fields: dict[str, Any] = {}
    for node in nodes(tree):
        field = node.data.removeprefix("temporary_")
        if field in fields:
            raise AnalysisError(f"repeat setting of {_CLAUSE_NAMES[field]}", position=place(node))
        fields[field] = _CLAUSES[field](reading, node)
        if field != node.data:
            fields["temporary_partitions"] = True
    return LoadClauses(**fields)


def _delimiter(_reading: Reading, tree: Node) -> Delimiter:
    return read_delimiter(token(tree), place(tree))


def _columns(reading: Reading, tree: Node) -> tuple[ColumnItem, ...]:
    """StarRocks puts plain names first, then assignments; Doris keeps the order, which only SHOW tells."""
    found = list(nodes(tree))
    if len(found) > COLUMNS_MAX:
        raise LimitExceeded(f"COLUMNS has at most {COLUMNS_MAX} items, this one {len(found)}")
    items = [_column(reading, node) for node in found]
    if reading.compat is Compat.DORIS:
        return tuple(items)
    plain = [item for item in items if item.expression is None and not item.is_default]
    assigned = [item for item in items if item.expression is not None or item.is_default]
    return (*plain, *assigned)


def _column(reading: Reading, tree: Node) -> ColumnItem:
    if tree.data == "source_column":
        return ColumnItem(name=dotted(tree))
    if tree.data == "default_column":
        return ColumnItem(name=name(tree), is_default=True)
    return ColumnItem(name=name(tree), expression=reading.island(tree))


def _partitions(_reading: Reading, tree: Node) -> tuple[str, ...]:
    names = tuple(text_or_name(part) for part in tree.children if isinstance(part, Tree) or part.type == "STRING")
    if not names:
        raise AnalysisError("No partition specifed in partition lists", position=place(tree))
    if any(not text.strip() for text in names):
        raise AnalysisError("there are empty partition name", position=place(tree))
    if len(names) > PARTITIONS_MAX:
        raise LimitExceeded(f"PARTITION has at most {PARTITIONS_MAX} names, this one {len(names)}")
    return names


def _metadata(_reading: Reading, tree: Node) -> tuple[MetadataColumn, ...]:
    """Fields of the message, each under its alias or its own name in lower case."""
    columns: dict[str, MetadataColumn] = {}
    for node in nodes(tree):
        field, *alias = (name_text(part) for part in nodes(node))
        if field.upper() not in MetadataField.__members__:
            allowed = ", ".join(MetadataField)
            raise AnalysisError(f"INCLUDE METADATA: '{field}' is not one of {allowed}", position=place(node))
        column = MetadataColumn(field=MetadataField(field.upper()), name=alias[0] if alias else field.lower())
        if column.name.lower() in columns:
            raise AnalysisError(f"INCLUDE METADATA: two columns are named '{column.name}'", position=place(node))
        columns[column.name.lower()] = column
    return tuple(columns.values())


_CLAUSES: Final[dict[str, Callable[[Reading, Node], object]]] = {
    "column_separator": _delimiter,
    "row_delimiter": _delimiter,
    "columns": _columns,
    "where": Reading.island,
    "partitions": _partitions,
    "preceding_filter": Reading.island,
    "delete_on": Reading.island,
    "order_by": lambda _reading, tree: name(tree),
    "metadata": _metadata,
}
