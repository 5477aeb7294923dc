"""What ALTER TABLE does to partitions: the declaration after it, and which rows go.

A partition here is a condition on rows, not a place where they are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from routine_load.engines.duckdb.defaults import TIMEZONE
from routine_load.engines.duckdb.names import Names, quote
from routine_load.errors import AnalysisError
from routine_load.ids import Compat
from routine_load.sql.ddl_alter import (
    AddPartitions,
    DropPartitions,
    RenamePartition,
    ReplacePartitions,
    SetProperties,
)
from routine_load.sql.partition_rules import check_partitions, same_rows
from routine_load.sql.partition_series import dynamic_of, rolled
from routine_load.sql.partition_text import partition_clause
from routine_load.sql.schema import PartitionKind, Table, TablePartition
from routine_load.transform.convert import Rules, kind_of
from routine_load.transform.partitions import condition
from routine_load.transform.typed import Typed

_RULES = Rules(compat=Compat.STARROCKS, zone=TIMEZONE)
_FIXED = "function_column."

PartitionAction = AddPartitions | DropPartitions | ReplacePartitions | RenamePartition | SetProperties


def by_now(table: Table, now: dt.datetime) -> Table:
    """The table with the partitions that time has brought (both vendors: dynamic partition)."""
    if table.partition_kind is not PartitionKind.RANGE:
        return table
    dynamic = dynamic_of(table)
    if dynamic is None:
        return table
    here = now.astimezone(ZoneInfo(dynamic.zone or TIMEZONE)).replace(tzinfo=None)
    return rolled(table, dynamic, here)


def repartitioned(table: Table, action: PartitionAction) -> Table:
    """The declaration after an action. Raises AnalysisError."""
    if isinstance(action, SetProperties):
        return _with_properties(table, action)
    if table.partition_kind is None:
        raise AnalysisError(f"Table {table.ref.table} is not a partitioned table")
    if isinstance(action, AddPartitions | DropPartitions) and action.temporary:
        return _with_temporary(table, action)
    if isinstance(action, ReplacePartitions):
        return _replaced(table, action)
    if dynamic_of(table) is not None:
        raise AnalysisError(
            "Cannot add/drop partition on a Dynamic Partition Table, Use command "
            f'`ALTER TABLE {table.ref.table} SET ("dynamic_partition.enable" = "false")` firstly.'
        )
    match action:
        case AddPartitions():
            partitions = _added(table, action)
        case DropPartitions(names=names, if_exists=may_lack):
            gone = {p.name for p in named(table, names, may_lack=may_lack)}
            partitions = tuple(p for p in table.partitions if p.name not in gone)
        case RenamePartition(name=name, to=to):
            (found,) = named(table, (name,))
            partitions = tuple(replace(p, name=to) if p is found else p for p in table.partitions)
    new = replace(table, partitions=partitions)
    check_partitions(new)
    return replace(new, partition_clause=partition_clause(new))


def _with_temporary(table: Table, action: AddPartitions | DropPartitions) -> Table:
    """They are partitions among themselves, whatever the others are."""
    if table.partition_kind is PartitionKind.EXPRESSION:
        raise AnalysisError(f"Partitions of {table.ref.table} are made by its rows: it takes no temporary ones")
    among = replace(table, partitions=table.temporary)
    if isinstance(action, AddPartitions):
        new = replace(among, partitions=_added(among, action))
        check_partitions(new)
        return replace(table, temporary=new.partitions)
    gone = {p.name for p in named(among, action.names, may_lack=action.if_exists, temporary=True)}
    return replace(table, temporary=tuple(p for p in table.temporary if p.name not in gone))


def _replaced(table: Table, action: ReplacePartitions) -> Table:
    """The temporary ones stand where the first of the others stood."""
    old = named(table, action.names)
    new = named(replace(table, partitions=table.temporary), action.by, temporary=True)
    if action.strict_range and not same_rows(table, old, new):
        raise AnalysisError(
            "2 range lists are not stricly matched. Partitions and temporary partitions hold different rows; "
            '"strict_range" = "false" replaces them all the same'
        )
    temporary = tuple(p for p in table.temporary if p not in new)
    if not action.takes_names and len(old) == len(new):
        new = [replace(p, name=kept.name) for p, kept in zip(new, old, strict=True)]
    at = min(table.partitions.index(p) for p in old)
    after = tuple(p for p in table.partitions[at:] if p not in old)
    made = replace(table, partitions=(*table.partitions[:at], *new, *after), temporary=temporary)
    check_partitions(made)
    return replace(made, partition_clause=partition_clause(made))


def named(
    table: Table, names: Sequence[str], *, may_lack: bool = False, temporary: bool = False
) -> list[TablePartition]:
    """Raises AnalysisError for a name that no partition has."""
    known = {p.name.lower(): p for p in table.partitions}
    missing = [name for name in names if name.lower() not in known]
    if missing and not may_lack:
        if temporary:
            raise AnalysisError(f"Temporary partition {missing[0]} does not exist")
        raise AnalysisError(f"Error in list of partitions to {missing[0]}")
    return [known[name.lower()] for name in names if name.lower() in known]


def rows_of(table: Table, partitions: Sequence[TablePartition]) -> str:
    """SQL: a condition on a row of the table that it is in one of these partitions."""
    scope = {c.name.lower(): Typed(quote(c.name), kind_of(c.type), atomic=True) for c in table.columns}
    found = condition(table, partitions, scope, _RULES)
    if found is None:
        raise AnalysisError(f"Partitions of {table.ref.table} by an expression cannot be told apart; use DELETE")
    return found.sql


def deletion(names: Names, table: Table, partitions: Sequence[TablePartition]) -> str:
    return f"DELETE FROM {names.table(table.ref)} WHERE {rows_of(table, partitions)}"


def _added(table: Table, action: AddPartitions) -> tuple[TablePartition, ...]:
    known = {p.name.lower() for p in table.partitions}
    new = list(action.partitions)
    if action.if_not_exists and all(p.name.lower() in known for p in new):
        return table.partitions
    if action.follows and table.partitions:
        new = [replace(p, lower=table.partitions[-1].upper) for p in new]
        if table.partitions[-1].upper is None:
            raise AnalysisError(f"Partition {table.partitions[-1].name} has MAXVALUE: nothing can follow it")
    return (*table.partitions, *new)


def _with_properties(table: Table, action: SetProperties) -> Table:
    fixed = [key for key, _ in action.properties if key.startswith(_FIXED)]
    if fixed:
        raise AnalysisError(f"Property {fixed[0]} cannot be changed; create a new table")
    new = replace(table, properties=tuple((dict(table.properties) | dict(action.properties)).items()))
    dynamic_of(new)
    return new
