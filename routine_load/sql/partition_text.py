"""A partition's range or list as SHOW PARTITIONS of both vendors prints it, and as PARTITION BY says it."""

from __future__ import annotations

from routine_load.sql.schema import MAXVALUE, MINVALUE, Bound, PartitionKind, Table, TablePartition, TypeName

_LOWEST = {TypeName.DATE: "0000-01-01", TypeName.DATETIME: "0000-01-01 00:00:00"}
_BITS = {TypeName.TINYINT: 7, TypeName.SMALLINT: 15, TypeName.INT: 31, TypeName.BIGINT: 63, TypeName.LARGEINT: 127}


def partition_text(table: Table, partition: TablePartition) -> str:
    """``[types: [DATE]; keys: [2020-01-01]; ..types: [DATE]; keys: [2020-02-01]; )``, or ``(("a"),("b"))``."""
    if table.partition_kind is PartitionKind.LIST:
        return (
            "(" + ",".join("(" + ", ".join(_quoted(text) for text in value) + ")" for value in partition.values) + ")"
        )
    return f"[{_keys(table, partition.lower, end='lowest')}..{_keys(table, partition.upper, end=MAXVALUE)})"


def partition_clause(table: Table) -> str:
    """PARTITION BY of a table whose partitions are no longer those that were written."""
    assert table.partition_kind is not None
    kind = "" if table.partition_kind is PartitionKind.EXPRESSION else f" {table.partition_kind}"
    columns = ", ".join(name if "(" in name else f"`{name}`" for name in table.partition_columns)
    made = ",\n".join(_declared(partition) for partition in table.partitions)
    auto = "AUTO " if table.partition_clause.upper().startswith("AUTO") else ""
    return f"{auto}PARTITION BY{kind} ({columns})\n({made})"


def _declared(partition: TablePartition) -> str:
    if partition.values:
        values = ", ".join(_bound(value) for value in partition.values)
        return f"PARTITION `{partition.name}` VALUES IN ({values})"
    low, high = _bound(partition.lower), _bound(partition.upper)
    if partition.lower is None:
        return f"PARTITION `{partition.name}` VALUES LESS THAN {high}"
    return f"PARTITION `{partition.name}` VALUES [{low}, {high})"


def _bound(bound: Bound | None) -> str:
    return "(" + ", ".join("NULL" if text is None else text for text in bound or (MAXVALUE,)) + ")"


def _keys(table: Table, bound: Bound | None, *, end: str) -> str:
    types, keys = [], []
    for at, name in enumerate(table.partition_columns):
        column = table.column(name)
        kind = column.type.name if column is not None else TypeName.VARCHAR
        text = bound[at] if bound is not None and at < len(bound) else None
        is_end = bound is None or at < len(bound)
        lowest = end == "lowest" or not is_end
        types.append(kind.upper())
        if text in (None, MINVALUE, MAXVALUE):
            keys.append(_least(kind) if text == MINVALUE or (text is None and lowest) else MAXVALUE)
        else:
            keys.append(_plain(text))
    return "types: [MAXVALUE]; keys: []; " if keys[0] == MAXVALUE else _told(types, keys)


def _told(types: list[str], keys: list[str]) -> str:
    return f"types: [{', '.join(types)}]; keys: [{', '.join(keys)}]; "


def _least(kind: TypeName) -> str:
    return str(-(2 ** _BITS[kind])) if kind in _BITS else _LOWEST.get(kind, "")


def _plain(text: str) -> str:
    return text[1:-1].replace("''", "'") if text.startswith("'") else text


def _quoted(text: str | None) -> str:
    return "NULL" if text is None else f'"{_plain(text)}"'
