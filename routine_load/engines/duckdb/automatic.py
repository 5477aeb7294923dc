"""Partitions of a table that makes them as rows come: they are what its rows say (automatic partitions)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from routine_load.engines.duckdb.names import Names, quote
from routine_load.sql.automatic_partitions import of_period, period_of
from routine_load.sql.ddl_tokens import literal
from routine_load.sql.schema import PartitionKind, Table, TablePartition

SHOWN_MAX = 4_096
"""So many partitions are told, the lowest first."""

Ask = Callable[[str], list[tuple[Any, ...]]]


def made_by_rows(table: Table, names: Names, ask: Ask) -> Table:
    """The table with the partitions that its rows have made; as it is where they cannot be told."""
    if not table.partitions_come or table.partitions:
        return table
    period = period_of(table)
    columns = [c.name for name in table.partition_columns if (c := table.column(name)) is not None]
    if period is not None:
        unit, column = period
        value = f"date_trunc({literal(unit.value.lower())}, CAST({quote(column)} AS TIMESTAMP))"
        found = [row[0] for row in ask(_distinct(table, names, value))]
        made = tuple(of_period(unit, moment) for moment in found if moment is not None)
        return replace(table, partitions=made, partition_kind=PartitionKind.RANGE, partition_columns=(column,))
    if len(columns) != len(table.partition_columns):
        return table
    values = ", ".join(f"CAST({quote(column)} AS VARCHAR)" for column in columns)
    made = tuple(_of_values(row) for row in ask(_distinct(table, names, values)))
    return replace(table, partitions=made, partition_kind=PartitionKind.LIST)


def _distinct(table: Table, names: Names, values: str) -> str:
    return f"SELECT DISTINCT {values} FROM {names.table(table.ref)} ORDER BY ALL LIMIT {SHOWN_MAX}"


def _of_values(row: tuple[Any, ...]) -> TablePartition:
    texts = [None if value is None else str(value) for value in row]
    name = "_".join("NULL" if text is None else "".join(c for c in text if c.isalnum()) for text in texts)
    return TablePartition(name="p" + name, values=(tuple(None if text is None else literal(text) for text in texts),))
