"""Which rows fall into a table partition: ranges over one column, half-open, bounds as SQL literals."""

from __future__ import annotations

from collections.abc import Mapping

from routine_load.errors import AnalysisError
from routine_load.loads.values import LoadSpec
from routine_load.sql.schema import Column, Table, TablePartition
from routine_load.transform.convert import Rules, convert
from routine_load.transform.typed import Kind, Typed, derived, quoted

RANGES_MAX = 4_096


def in_partitions(table: Table, spec: LoadSpec, scope: Mapping[str, Typed], rules: Rules) -> Typed | None:
    """Condition that a row has a partition; None where every row has one or the partitions cannot be told here."""
    chosen = _chosen(table, spec)
    if not chosen or len(table.partition_columns) != 1 or len(chosen) > RANGES_MAX:
        return None
    column, value = table.column(table.partition_columns[0]), scope.get(table.partition_columns[0].lower())
    if column is None or value is None:
        return None
    ranges = _merged([(_bound(p.lower, column, rules), _bound(p.upper, column, rules)) for p in chosen])
    tests = [_inside(value.sql, lower, upper) for lower, upper in ranges]
    return derived("(" + " OR ".join(tests) + ")", Kind.BOOL, value)


def _chosen(table: Table, spec: LoadSpec) -> tuple[TablePartition, ...]:
    if spec.partitions is None or not table.partitions:
        return table.partitions
    known = {partition.name.lower(): partition for partition in table.partitions}
    for name in spec.partitions:
        if name.lower() not in known:
            raise AnalysisError(f"Partition {name} does not exist")
    return tuple(known[name.lower()] for name in spec.partitions)


def _bound(text: str | None, column: Column, rules: Rules) -> str | None:
    """SQL of a bound in the column's type. The text is a literal: its quotes are taken off and written anew."""
    if text is None:
        return None
    bare = text.strip()
    if len(bare) >= 2 and bare[0] == bare[-1] and bare[0] in "'\"":
        bare = bare[1:-1]
    return f"({convert(quoted(bare), Kind.TEXT, column.type, rules)})"


def _merged(ranges: list[tuple[str | None, str | None]]) -> list[tuple[str | None, str | None]]:
    """Neighbours in declaration order that touch become one range: a year of days is one comparison."""
    merged: list[tuple[str | None, str | None]] = []
    for lower, upper in ranges:
        if merged and merged[-1][1] is not None and merged[-1][1] == lower:
            merged[-1] = (merged[-1][0], upper)
        else:
            merged.append((lower, upper))
    return merged


def _inside(value: str, lower: str | None, upper: str | None) -> str:
    # NULL is less than everything: it belongs to the partition without a lower bound.
    tests = [] if lower is None else [f"{value} >= {lower}"]
    if upper is not None:
        below = f"{value} < {upper}"
        tests.append(f"({value} IS NULL OR {below})" if lower is None else below)
    return "(" + (" AND ".join(tests) or "true") + ")"
