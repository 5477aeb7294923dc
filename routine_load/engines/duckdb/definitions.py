"""Table declarations as JSON text, so that key models, defaults and comments survive a restart."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from routine_load.ids import TableRef
from routine_load.sql.schema import (
    Aggregation,
    Bound,
    Column,
    ColumnType,
    KeyModel,
    PartitionKind,
    Table,
    TablePartition,
    TypeName,
)


def dump_table(table: Table) -> str:
    return json.dumps(asdict(table), ensure_ascii=False, separators=(",", ":"))


def load_table(text: str) -> Table:
    raw: dict[str, Any] = json.loads(text)
    return Table(
        ref=TableRef(**raw["ref"]),
        columns=tuple(load_column(c) for c in raw["columns"]),
        key_model=KeyModel(raw["key_model"]),
        comment=raw["comment"],
        engine=raw["engine"],
        partition_columns=tuple(raw["partition_columns"]),
        partitions=tuple(_partition(p) for p in raw["partitions"]),
        partition_clause=raw["partition_clause"],
        partition_kind=_partition_kind(raw),
        partitions_come=raw.get("partitions_come", bool(raw["partition_clause"]) and not raw["partitions"]),
        order_by=tuple(raw["order_by"]),
        distribution=raw["distribution"],
        properties=tuple((key, value) for key, value in raw["properties"]),
        temporary=tuple(_partition(p) for p in raw.get("temporary", ())),
    )


def _partition_kind(raw: dict[str, Any]) -> PartitionKind | None:
    """Files of a version that did not tell kinds apart took every row where it wrote no ranges."""
    if "partition_kind" in raw:
        return PartitionKind(raw["partition_kind"]) if raw["partition_kind"] else None
    if raw["partitions"]:
        return PartitionKind.RANGE
    return PartitionKind.EXPRESSION if raw["partition_clause"] else None


def _partition(raw: dict[str, Any]) -> TablePartition:
    return TablePartition(
        name=raw["name"],
        lower=_bound(raw["lower"]),
        upper=_bound(raw["upper"]),
        values=tuple(tuple(value) for value in raw.get("values", ())),
    )


def _bound(raw: list[str | None] | str | None) -> Bound | None:
    """A text is a bound of one column, as it was once written."""
    return (raw,) if isinstance(raw, str) else None if raw is None else tuple(raw)


def load_column(raw: dict[str, Any]) -> Column:
    aggregation = raw["aggregation"]
    kept = {key: value for key, value in raw.items() if key not in ("type", "aggregation")}
    return Column(type=_type(raw["type"]), aggregation=Aggregation(aggregation) if aggregation else None, **kept)


def _type(raw: dict[str, Any]) -> ColumnType:
    return ColumnType(
        name=TypeName(raw["name"]),
        length=raw["length"],
        precision=raw["precision"],
        scale=raw["scale"],
        arguments=tuple(_type(a) for a in raw["arguments"]),
        fields=tuple(raw["fields"]),
        is_variant=raw.get("is_variant", False),
    )
