"""What a table's declaration is after one action of ALTER TABLE on its columns. Touches no file."""

from __future__ import annotations

from dataclasses import replace

from routine_load.errors import AnalysisError, UnsupportedFeature
from routine_load.ids import TableRef
from routine_load.sql.ddl_alter import (
    AddColumn,
    AlterAction,
    CommentOn,
    DropColumn,
    ModifyColumn,
    OrderColumns,
    RenameColumn,
    RenameTable,
)
from routine_load.sql.schema import Column, Table


def altered(table: Table, action: AlterAction) -> Table:
    """Raises AnalysisError for columns that are not there, or are already; actions on partitions are none of its."""
    match action:
        case RenameTable(to=to):
            return replace(table, ref=TableRef(table.ref.database, to))
        case CommentOn(column=None, comment=comment):
            return replace(table, comment=comment)
        case AddColumn() | DropColumn() | ModifyColumn() | CommentOn() | OrderColumns() | RenameColumn():
            return replace(table, columns=tuple(_columns(table, action)))
        case _:
            return table


def _columns(
    table: Table, action: AddColumn | DropColumn | ModifyColumn | CommentOn | OrderColumns | RenameColumn
) -> list[Column]:
    columns = list(table.columns)
    match action:
        case AddColumn(column=column, after=after):
            if table.column(column.name) is not None:
                raise AnalysisError(f"Can not add column which already exists: {column.name}")
            columns.insert(_place(table, after, column), column)
        case DropColumn(name=name):
            columns.remove(_droppable(table, name))
        case ModifyColumn():
            return _modified(table, action)
        case CommentOn(column=name, comment=comment):
            found = _required(table, name or "")
            columns[columns.index(found)] = replace(found, comment=comment)
        case OrderColumns(names=names):
            columns = [_required(table, name) for name in names]
            if sorted(c.name for c in columns) != sorted(c.name for c in table.columns):
                raise AnalysisError("Reorder stmt should contains all columns")
        case RenameColumn(name=name, to=to):
            found = _required(table, name)
            _refuse_sequence(table, found)
            if table.column(to) is not None and to.lower() != name.lower():
                raise AnalysisError(f"Column name[{to}] is already used")
            columns[columns.index(found)] = replace(found, name=to)
    return columns


def _droppable(table: Table, name: str) -> Column:
    found = _required(table, name)
    if found.is_key:
        raise UnsupportedFeature(f"Key column[{found.name}] cannot be dropped; create a new table")
    _refuse_sequence(table, found)
    return found


def _modified(table: Table, action: ModifyColumn) -> list[Column]:
    columns, column = list(table.columns), action.column
    found = _required(table, column.name)
    if found.is_key != column.is_key and column.is_key:
        raise AnalysisError(f"Column[{found.name}] is not a key column")
    kept = column.aggregation or found.aggregation
    changed = replace(column, name=found.name, is_key=found.is_key, aggregation=kept)
    columns[columns.index(found)] = changed
    if action.after is not None:
        columns.remove(changed)
        columns.insert(_place(replace(table, columns=tuple(columns)), action.after, changed), changed)
    return columns


def _required(table: Table, name: str) -> Column:
    found = table.column(name)
    if found is None:
        raise AnalysisError(f"Column does not exists: {name}")
    return found


def _refuse_sequence(table: Table, column: Column) -> None:
    if table.sequence_column == column.name:
        raise AnalysisError(f"Can not alter sequence column[{column.name}]")


def _place(table: Table, after: str | None, column: Column) -> int:
    if after:
        return table.columns.index(_required(table, after)) + 1
    if after is None and column.is_key:
        return len(table.key_columns)
    return len(table.columns) if after is None else 0
