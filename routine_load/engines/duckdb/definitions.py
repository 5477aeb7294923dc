"""Table declarations as JSON text, so that key models, defaults and comments survive a restart."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from routine_load.ids import TableRef
from routine_load.sql.schema import (
    Aggregation,
    Column,
    ColumnType,
    KeyModel,
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
        columns=tuple(_column(c) for c in raw["columns"]),
        key_model=KeyModel(raw["key_model"]),
        comment=raw["comment"],
        engine=raw["engine"],
        partition_columns=tuple(raw["partition_columns"]),
        partitions=tuple(TablePartition(**p) for p in raw["partitions"]),
        partition_clause=raw["partition_clause"],
        order_by=tuple(raw["order_by"]),
        distribution=raw["distribution"],
        properties=tuple((key, value) for key, value in raw["properties"]),
    )


def _column(raw: dict[str, Any]) -> Column:
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
    )
