"""What a table's partitions must be to make sense: names, bounds of the columns' types, no overlap."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise

from routine_load.errors import AnalysisError
from routine_load.sql.partition_series import read_moment
from routine_load.sql.schema import MAXVALUE, MINVALUE, Bound, Column, PartitionKind, Table, TablePartition, TypeName

_NUMBERS = frozenset({TypeName.TINYINT, TypeName.SMALLINT, TypeName.INT, TypeName.BIGINT, TypeName.LARGEINT})
_NUMBERS |= {TypeName.DECIMAL}
_MOMENTS = frozenset({TypeName.DATE, TypeName.DATETIME})

_Key = tuple[tuple[int, Decimal | dt.datetime | str], ...]
"""A bound that can be compared with others of the same columns; the number says -1: lowest, 1: greatest."""


def check_partitions(table: Table) -> None:
    """Raises AnalysisError naming the partition and the rule it breaks."""
    seen: set[str] = set()
    for partition in table.partitions:
        if partition.name.lower() in seen:
            raise AnalysisError(f"Duplicate partition name {partition.name}")
        seen.add(partition.name.lower())
        _check_kind(table, partition)
    columns = partition_columns(table)
    if table.partition_kind is PartitionKind.RANGE and len(columns) == len(table.partition_columns):
        _check_ranges(table.partitions, columns)
    elif table.partition_kind is PartitionKind.LIST:
        _check_lists(table.partitions)


def same_rows(table: Table, ones: Sequence[TablePartition], others: Sequence[TablePartition]) -> bool:
    """Whether the one partitions together take the same rows as the others."""
    if table.partition_kind is PartitionKind.LIST:
        return {value for p in ones for value in p.values} == {value for p in others for value in p.values}
    columns = partition_columns(table)
    return _joined(ones, columns) == _joined(others, columns)


def _joined(partitions: Sequence[TablePartition], columns: list[Column]) -> list[tuple[_Key, _Key]]:
    """The ranges in order; neighbours that touch are one."""
    found: list[tuple[_Key, _Key]] = []
    for low, high in sorted((_key(p.lower, columns, end=-1), _key(p.upper, columns, end=1)) for p in partitions):
        touches = found and found[-1][1] == low
        found.append((found.pop()[0] if touches else low, high))
    return found


def partition_columns(table: Table) -> list[Column]:
    """The columns that rows are dealt by; fewer where some are expressions."""
    return [c for name in table.partition_columns if (c := table.column(name)) is not None]


def _check_kind(table: Table, partition: TablePartition) -> None:
    if table.partition_kind is PartitionKind.LIST and not partition.values:
        raise AnalysisError(f"Partition {partition.name}: a list partition needs VALUES IN (…)")
    if table.partition_kind is PartitionKind.RANGE and partition.values:
        raise AnalysisError(f"Partition {partition.name}: a range partition needs VALUES LESS THAN … or VALUES [… , …)")
    for bound in (partition.lower or (), partition.upper or (), *partition.values):
        if len(bound) > len(table.partition_columns):
            raise AnalysisError(f"Partition {partition.name}: more values than partition columns")


def _check_ranges(partitions: tuple[TablePartition, ...], columns: list[Column]) -> None:
    ranges = []
    for partition in partitions:
        low, high = _key(partition.lower, columns, end=-1), _key(partition.upper, columns, end=1)
        if low >= high:
            raise AnalysisError(f"Partition {partition.name}: its lower bound is not less than its upper bound")
        ranges.append((low, high, partition.name))
    for before, after in pairwise(sorted(ranges)):
        if after[0] < before[1]:
            raise AnalysisError(f"Range of partition {after[2]} is intersected with range of partition {before[2]}")


def _check_lists(partitions: tuple[TablePartition, ...]) -> None:
    seen: dict[Bound, str] = {}
    for partition in partitions:
        for value in partition.values:
            if value in seen:
                raise AnalysisError(f"Value of partition {partition.name} is in partition {seen[value]} already")
            seen[value] = partition.name


def _key(bound: Bound | None, columns: list[Column], *, end: int) -> _Key:
    """Missing literals are the lowest; an unbounded end is beyond all."""
    if bound is None:
        return ((end, ""),)
    filled = [*bound, *([MINVALUE] * (len(columns) - len(bound)))]
    return tuple(_mark(text or MINVALUE, column) for text, column in zip(filled, columns, strict=True))


def _mark(text: str, column: Column) -> tuple[int, Decimal | dt.datetime | str]:
    if text in (MINVALUE, MAXVALUE):
        return (1 if text == MAXVALUE else -1, "")
    return (0, _typed(text, column))


def _typed(text: str, column: Column) -> Decimal | dt.datetime | str:
    bare = text[1:-1] if text[:1] == "'" else text
    if column.type.name in _NUMBERS:
        try:
            return Decimal(bare)
        except InvalidOperation as cause:
            raise AnalysisError(f"Invalid number format: {bare}, for partition column {column.name}") from cause
    return read_moment(bare) if column.type.name in _MOMENTS else bare
