"""Which rows fall into a table partition: ranges over one or several columns, half-open, and lists of values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from routine_load.errors import AnalysisError
from routine_load.loads.values import LoadSpec
from routine_load.sql.automatic_partitions import is_by_values, may_come, name_of_values, with_named
from routine_load.sql.schema import MAXVALUE, MINVALUE, Bound, Column, PartitionKind, Table, TablePartition
from routine_load.transform.convert import Rules, convert
from routine_load.transform.typed import Kind, Typed, derived, quoted

_Range = tuple[Bound | None, Bound | None]


def in_partitions(table: Table, spec: LoadSpec, scope: Mapping[str, Typed], rules: Rules) -> Typed | None:
    """Condition that a row has a partition; None where every row has one. Raises AnalysisError for an unknown name."""
    if spec.partitions is not None and not spec.temporary_partitions:
        if is_by_values(table):
            return _by_name(table, spec.partitions, scope)
        table = with_named(table, spec.partitions)
    chosen = _chosen(table, spec)
    return None if chosen is None else condition(table, chosen, scope, rules)


def _by_name(table: Table, names: Sequence[str], scope: Mapping[str, Typed]) -> Typed:
    """Condition that a row's values make one of these names."""
    for name in names:
        if not may_come(table, name):
            raise AnalysisError(f"Partition {name} does not exist")
    values = [scope[name.lower()] for name in table.partition_columns]
    made = name_of_values([value.sql for value in values])
    wanted = ", ".join(quoted(name.lower()) for name in names)
    return derived(f"(lower({made}) IN ({wanted}))", Kind.BOOL, *values)


def condition(table: Table, chosen: Sequence[TablePartition], scope: Mapping[str, Typed], rules: Rules) -> Typed | None:
    """Condition that a row is in one of these partitions; None where that cannot be told from its columns."""
    columns, values = [], []
    for name in table.partition_columns:
        column, value = table.column(name), scope.get(name.lower())
        if column is None or value is None:
            return None
        columns.append(column)
        values.append(value)
    sql = [value.sql for value in values]
    if table.partition_kind is PartitionKind.LIST:
        tests = [_listed(sql, _literals(bound, columns, rules)) for p in chosen for bound in p.values]
    else:
        tests = [
            _inside(sql, _literals(low, columns, rules), _literals(high, columns, rules))
            for low, high in _merged([(p.lower, p.upper) for p in chosen])
        ]
    return derived("(" + (" OR ".join(tests) or "false") + ")", Kind.BOOL, *values)


def _chosen(table: Table, spec: LoadSpec) -> tuple[TablePartition, ...] | None:
    """None: all that there are, and those that come."""
    if spec.partitions is None:
        return None if table.partition_kind is None or table.partitions_come else table.partitions
    partitions = table.temporary if spec.temporary_partitions else table.partitions
    names = tuple(p.name for p in partitions) if spec.temporary_partitions else table.partition_names
    known = {name.lower() for name in names}
    for name in spec.partitions:
        if name.lower() not in known:
            raise AnalysisError(f"Partition {name} does not exist")
    wanted = {name.lower() for name in spec.partitions}
    return None if table.partition_kind is None else tuple(p for p in partitions if p.name.lower() in wanted)


def _literals(bound: Bound | None, columns: list[Column], rules: Rules) -> list[str | None]:
    """SQL of a bound, in the columns' types. A literal's quotes are taken off and written anew."""
    found: list[str | None] = []
    for text, column in zip(bound or (), columns, strict=False):
        bare = text
        if bare in (MINVALUE, MAXVALUE):
            found.append(bare)
            continue
        if bare is not None and len(bare) >= 2 and bare[0] == bare[-1] == "'":
            bare = bare[1:-1].replace("''", "'")
        found.append(None if bare is None else f"({convert(quoted(bare), Kind.TEXT, column.type, rules)})")
    return found


def _merged(ranges: list[_Range]) -> list[_Range]:
    """Neighbours in declaration order that touch become one range: a year of days is one comparison."""
    merged: list[_Range] = []
    for lower, upper in ranges:
        if merged and merged[-1][1] is not None and merged[-1][1] == lower:
            merged[-1] = (merged[-1][0], upper)
        else:
            merged.append((lower, upper))
    return merged


def _listed(values: list[str], wanted: list[str | None]) -> str:
    tests = [
        f"{value} IS NULL" if literal is None else f"coalesce({value} = {literal}, false)"
        for value, literal in zip(values, wanted, strict=False)
    ]
    return "(" + " AND ".join(tests) + ")"


def _inside(values: list[str], lower: list[str | None], upper: list[str | None]) -> str:
    tests = ["NOT " + _below(values, lower)] if lower else []
    tests += [_below(values, upper)] if upper else []
    return "(" + (" AND ".join(tests) or "true") + ")"


def _below(values: list[str], bound: list[str | None]) -> str:
    """Whether the columns, one after the other, are less than a bound. NULL is less than everything."""
    value, literal = values[0], bound[0]
    if literal == MAXVALUE:
        return "true"
    if literal in (MINVALUE, None):
        return "false"
    less = f"({value} IS NULL OR {value} < {literal})"
    if len(bound) == 1 or len(values) == 1:
        return less
    return f"({less} OR (coalesce({value} = {literal}, false) AND {_below(values[1:], bound[1:])}))"
