"""Partitions that a table makes as rows come, by name (StarRocks: expression partitioning; Doris: AUTO PARTITION).

A partition by period is told by its name, so that PARTITION may name one which no row has made yet. One by values is
not: which rows it has is told by the name that their values make.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from routine_load.sql.ddl_tokens import Kind, Reader, literal
from routine_load.sql.partition_series import Unit
from routine_load.sql.schema import Bound, PartitionKind, Table, TablePartition

_PREFIX = "p"
_MOMENT = "%Y%m%d%H%M%S"
_NAMES = {Unit.HOUR: "%Y%m%d%H", Unit.DAY: "%Y%m%d", Unit.WEEK: "%G_%V %u", Unit.MONTH: "%Y%m", Unit.YEAR: "%Y"}


def period_of(table: Table) -> tuple[Unit, str] | None:
    """The unit and the column of ``date_trunc('day', d)`` (StarRocks) or ``date_trunc(d, 'day')`` (Doris)."""
    if not table.partitions_come or len(table.partition_columns) != 1:
        return None
    reader = Reader(table.partition_columns[0])
    if not reader.accept("DATE_TRUNC"):
        return None
    unit, column = None, None
    while not reader.at_end():
        token = reader.next()
        if token.kind is Kind.STRING and token.text.upper() in Unit.__members__:
            unit = Unit(token.text.upper())
        elif token.kind in (Kind.WORD, Kind.QUOTED):
            column = table.column(token.text)
    return None if unit is None or column is None else (unit, column.name)


def of_period(unit: Unit, begin: dt.datetime) -> TablePartition:
    """The partition of the period that begins then."""
    form = "%Y-%m-%d %H:%M:%S" if unit is Unit.HOUR else "%Y-%m-%d"
    bounds: list[Bound] = [(literal(moment.strftime(form)),) for moment in (begin, unit.after(begin, 1))]
    return TablePartition(name=_PREFIX + unit.label(begin), lower=bounds[0], upper=bounds[1])


def with_named(table: Table, names: Sequence[str]) -> Table:
    """The table with those of its partitions by period that the names mean, beside those that it declares."""
    period = period_of(table)
    if period is None:
        return table
    unit, column = period
    known = {partition.name.lower() for partition in table.partitions}
    made = tuple(found for name in names if name.lower() not in known and (found := _named(unit, name)) is not None)
    return replace(
        table, partitions=(*table.partitions, *made), partition_kind=PartitionKind.RANGE, partition_columns=(column,)
    )


def columns_of(table: Table) -> tuple[str, ...]:
    """The columns that a row's partition depends on."""
    return with_named(table, ()).partition_columns


def is_by_values(table: Table) -> bool:
    """Whether rows make a partition for each value of its columns."""
    columns = table.partition_columns
    return table.partitions_come and not table.partitions and all(table.column(name) is not None for name in columns)


def may_come(table: Table, name: str) -> bool:
    """Whether a partition by values may have that name."""
    return is_by_values(table) and name.lower().startswith(_PREFIX)


def name_of_values(values: Sequence[str]) -> str:
    """SQL: the name that the values of a row give to its partition; they are SQL themselves."""
    parts = [f"coalesce(regexp_replace(CAST({v} AS VARCHAR), '[^\\pL\\pN]', '', 'g'), 'NULL')" for v in values]
    return f"concat('{_PREFIX}', " + ", '_', ".join(parts) + ")"


def _named(unit: Unit, name: str) -> TablePartition | None:
    """``p202405``; also by the moment it begins, as Doris names it: ``p20240501000000``."""
    text = name.lower().removeprefix(_PREFIX)
    for form in (_NAMES[unit], _MOMENT):
        try:
            begin = dt.datetime.strptime(f"{text} 1" if form.endswith("%u") else text, form)  # noqa: DTZ007 - no zone
        except ValueError:
            continue
        written = begin.strftime(_MOMENT) if form == _MOMENT else unit.label(begin)
        if written == text and unit.floor(begin) == begin and name.lower() != text:
            return replace(of_period(unit, begin), name=name)
    return None
