"""What a table declaration must be to make sense: the vendors' rules about keys, aggregations and names."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from routine_load.errors import AnalysisError
from routine_load.ids import TableRef
from routine_load.sql.ddl_columns import ColumnDraft
from routine_load.sql.ddl_partitions import Partitioning
from routine_load.sql.partition_rules import check_partitions
from routine_load.sql.partition_series import dynamic_of
from routine_load.sql.schema import (
    SEQUENCE_COLUMN,
    SEQUENCE_TYPE,
    SEQUENCE_TYPES,
    UNIONS,
    Aggregation,
    Column,
    KeyModel,
    Table,
    TypeName,
)

COLUMNS_MAX = 10_000
RESERVED_PREFIX = "__rl_"
RESERVED = frozenset({"__op", "__doris_delete_sign__", "__doris_sequence_col__", "__doris_version_col__"})

_STATES = frozenset(name for name in TypeName if name.is_state)
_NO_KEY = _STATES | {TypeName.FLOAT, TypeName.DOUBLE, TypeName.JSON, TypeName.ARRAY, TypeName.MAP, TypeName.STRUCT}
_SUMMABLE = frozenset(
    {
        TypeName.BOOLEAN,
        TypeName.TINYINT,
        TypeName.SMALLINT,
        TypeName.INT,
        TypeName.BIGINT,
        TypeName.LARGEINT,
        TypeName.FLOAT,
        TypeName.DOUBLE,
        TypeName.DECIMAL,
    }
)
_INTEGER = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)
_NUMBER = re.compile(r"\s*[+-]?(?:\d++\.?\d*+|\.\d++)(?:e[+-]?\d++)?\s*", re.ASCII | re.IGNORECASE)
_CONSTANTS = {
    **dict.fromkeys((TypeName.TINYINT, TypeName.SMALLINT, TypeName.INT, TypeName.BIGINT, TypeName.LARGEINT), _INTEGER),
    **dict.fromkeys((TypeName.FLOAT, TypeName.DOUBLE, TypeName.DECIMAL), _NUMBER),
    TypeName.BOOLEAN: re.compile(r"true|false|[01]", re.IGNORECASE),
    TypeName.DATE: re.compile(r"\d{4}-\d{1,2}-\d{1,2}(?: 00:00:00)?", re.ASCII),
    TypeName.DATETIME: re.compile(r"\d{4}-\d{1,2}-\d{1,2}(?:[ T]\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d{1,6})?)?", re.ASCII),
}
_ORDERLESS = _STATES | {TypeName.JSON, TypeName.ARRAY, TypeName.MAP, TypeName.STRUCT}


@dataclass(slots=True)
class TableDraft:
    """A CREATE TABLE statement as far as it has been read."""

    ref: TableRef
    columns: list[ColumnDraft] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    key_model: KeyModel | None = None
    key_names: tuple[str, ...] = ()
    comment: str = ""
    engine: str = "OLAP"
    partitioning: Partitioning | None = None
    distribution: str = ""
    hash_columns: tuple[str, ...] = ()
    order_by: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()

    def set_key(self, model: KeyModel, names: tuple[str, ...]) -> None:
        if self.key_model is not None:
            raise AnalysisError(f"Only one key clause is allowed, got {self.key_model} and {model}")
        self.key_model, self.key_names = model, names


def declare(draft: TableDraft, *, from_query: bool = False) -> Table:
    """The table that a draft declares. Raises AnalysisError naming the column and the rule it breaks.

    ``from_query``: the columns come later, from a query; rules about them are checked by ``check_columns`` then.
    """
    columns: tuple[Column, ...] = ()
    model = draft.key_model or KeyModel.DUPLICATE
    if not from_query:
        _check_names([c.name for c in draft.columns])
        model, count = _keys(draft)
        columns = tuple(_column(c, model, is_key=i < count) for i, c in enumerate(draft.columns))
        for column in columns:
            _check_column(column, model)
        _check_mentioned(draft, columns)
    _check_properties(draft, columns)
    partitioning = draft.partitioning
    table = Table(
        ref=draft.ref,
        columns=columns,
        key_model=model,
        comment=draft.comment,
        engine=draft.engine,
        partition_columns=partitioning.columns if partitioning else (),
        partitions=partitioning.partitions if partitioning else (),
        partition_clause=partitioning.clause if partitioning else "",
        partition_kind=partitioning.kind if partitioning else None,
        partitions_come=partitioning.comes if partitioning else False,
        order_by=draft.order_by,
        distribution=draft.distribution,
        properties=draft.properties,
    )
    if columns:
        check_partitions(table)
        dynamic_of(table)
    return table


def check_altered(table: Table) -> None:
    """The same rules for a table that ALTER changed: names, keys first, aggregations."""
    _check_names([c.name for c in table.columns])
    keys = [c.is_key for c in table.columns]
    if keys != sorted(keys, reverse=True):
        raise AnalysisError(
            "Key columns must be the first few columns of the schema and the order of the key columns must be"
            " consistent with the order of the schema"
        )
    for column in table.columns:
        _check_column(column, table.key_model)


def _check_names(names: list[str]) -> None:
    if len(names) > COLUMNS_MAX:
        raise AnalysisError(f"A table has at most {COLUMNS_MAX} columns, got {len(names)}")
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise AnalysisError(f"Duplicate column name '{name}'")
        if name.lower() in RESERVED or name.lower().startswith(RESERVED_PREFIX):
            raise AnalysisError(f"Incorrect column name '{name}': the name is reserved")
        seen.add(name.lower())


def _keys(draft: TableDraft) -> tuple[KeyModel, int]:
    """The key model, and how many of the first columns are its key."""
    marked = [c for c in draft.columns if c.is_key]
    if draft.key_model is None:
        if any(c.aggregation for c in draft.columns):
            names = tuple(c.name for c in marked) or tuple(c.name for c in draft.columns if c.aggregation is None)
            return KeyModel.AGGREGATE, _prefix(draft, names, KeyModel.AGGREGATE)
        if marked:
            return KeyModel.DUPLICATE, _prefix(draft, tuple(c.name for c in marked), KeyModel.DUPLICATE)
        return KeyModel.DUPLICATE, 0 if draft.columns[0].type.name in _NO_KEY else 1
    return draft.key_model, _prefix(draft, draft.key_names, draft.key_model)


def _prefix(draft: TableDraft, names: tuple[str, ...], model: KeyModel) -> int:
    by_name = {c.name.lower(): c for c in draft.columns}
    for name in names:
        if name.lower() not in by_name:
            raise AnalysisError(f"Key column[{name}] doesn't exist in the column list of the {model}")
    if not names:
        raise AnalysisError(f"The table has no key column for its {model}")
    first = [c.name.lower() for c in draft.columns[: len(names)]]
    if first != [name.lower() for name in names]:
        raise AnalysisError(
            "Key columns must be the first few columns of the schema and the order of the key columns must be"
            f" consistent with the order of the schema: {model}({', '.join(names)})"
        )
    return len(names)


def _column(draft: ColumnDraft, model: KeyModel, *, is_key: bool) -> Column:
    if is_key and draft.aggregation is not None:
        raise AnalysisError(f"Column[{draft.name}]: a key column cannot have the aggregate type {draft.aggregation}")
    if is_key and model is KeyModel.PRIMARY:
        if draft.nullable:
            raise AnalysisError(f"Column[{draft.name}]: primary key column cannot be nullable")
        return draft.column(is_key=True, nullable=False)
    return draft.column(is_key=is_key)


def _check_column(column: Column, model: KeyModel) -> None:
    name, type_name = column.name, column.type.name
    if column.is_key and type_name in _NO_KEY:
        raise AnalysisError(
            f"Column[{name}]: {type_name.upper()} cannot be used as a key; use DECIMAL for numbers, or move the column"
            " behind the keys"
        )
    if column.auto_increment and type_name is not TypeName.BIGINT:
        raise AnalysisError(f"Column[{name}]: AUTO_INCREMENT needs BIGINT, got {type_name.upper()}")
    if column.default == "NULL" and not column.nullable:
        raise AnalysisError(f"Column[{name}]: default value NULL for a NOT NULL column")
    _check_default(column)
    _check_generated(column, model)
    _check_on_update(column, model)
    if not column.is_key:
        _check_aggregation(column, model)


def _check_aggregation(column: Column, model: KeyModel) -> None:
    name, type_name, aggregation = column.name, column.type.name, column.aggregation
    if model is KeyModel.AGGREGATE and aggregation is None:
        allowed = ", ".join(Aggregation)
        raise AnalysisError(f"Column[{name}] of an AGGREGATE KEY table needs an aggregate type, one of {allowed}")
    if model is not KeyModel.AGGREGATE and aggregation not in (None, Aggregation.REPLACE):
        raise AnalysisError(f"Column[{name}]: aggregate type {aggregation} is not allowed in a {model} table")
    if model is KeyModel.DUPLICATE and aggregation is not None:
        raise AnalysisError(f"Column[{name}]: aggregate type {aggregation} is not allowed in a {model} table")
    if aggregation in UNIONS.values() and UNIONS.get(type_name) is not aggregation:
        raise AnalysisError(f"Column[{name}]: {aggregation} does not go with {type_name.upper()}")
    if aggregation is Aggregation.SUM and type_name not in _SUMMABLE:
        raise AnalysisError(f"Column[{name}]: SUM needs a number, got {type_name.upper()}")
    if aggregation in (Aggregation.MIN, Aggregation.MAX) and type_name in _ORDERLESS:
        raise AnalysisError(f"Column[{name}]: {aggregation} needs a type with an order, got {type_name.upper()}")


def _check_generated(column: Column, model: KeyModel) -> None:
    """Rules of both vendors, and one of ours: it cannot be a key, as keys are compared before they are stored."""
    if column.generated is None:
        return
    if column.is_key or model is KeyModel.AGGREGATE:
        where = "a key" if column.is_key else "in an AGGREGATE KEY table"
        raise AnalysisError(f"Generated column[{column.name}] cannot be {where}")
    if column.default is not None or column.auto_increment:
        raise AnalysisError(f"Generated column[{column.name}] can not have a default value or AUTO_INCREMENT")


def _check_on_update(column: Column, model: KeyModel) -> None:
    """Doris: in UNIQUE tables, beside DEFAULT CURRENT_TIMESTAMP; here in PRIMARY KEY tables as well."""
    if not column.on_update:
        return
    if column.is_key or model not in (KeyModel.UNIQUE, KeyModel.PRIMARY):
        raise AnalysisError(
            "'ON UPDATE CURRENT_TIMESTAMP' is only supported in unique table with merge-on-write enabled."
        )
    if column.default != "CURRENT_TIMESTAMP" or column.type.name is not TypeName.DATETIME:
        raise AnalysisError(
            "You must set the default value of the column to CURRENT_TIMESTAMP when using"
            " 'ON UPDATE CURRENT_TIMESTAMP'."
        )


def _check_default(column: Column) -> None:
    """A constant default must be a value of the column's type, or every row that lacks the column would be refused."""
    wanted = _CONSTANTS.get(column.type.name)
    constant = column.default is not None and (column.default[:1] in "'-" or column.default[:1].isdigit())
    if wanted is None or not constant or column.default is None:
        return
    if wanted.fullmatch(column.default.strip("'")) is None:
        raise AnalysisError(
            f"Invalid default value for '{column.name}': {column.default} is no {column.type.name.upper()}"
        )


def _check_properties(draft: TableDraft, columns: tuple[Column, ...]) -> None:
    """Doris: sequence column. One of the table, or a hidden one of a type that has an order."""
    properties = dict(draft.properties)
    kind, column = properties.get(SEQUENCE_TYPE), properties.get(SEQUENCE_COLUMN)
    if kind is None and column is None:
        return
    if draft.key_model is not KeyModel.UNIQUE:
        raise AnalysisError("sequence column only support UNIQUE_KEYS")
    if kind is not None and column is not None:
        raise AnalysisError(f"{SEQUENCE_TYPE} and {SEQUENCE_COLUMN} cannot be set at the same time")
    if kind is not None and kind.lower() not in SEQUENCE_TYPES:
        allowed = ", ".join(sorted(SEQUENCE_TYPES))
        raise AnalysisError(f"sequence type only support integer types and date types, not {kind}: {allowed}")
    if column is None or not columns:
        return
    found = next((c for c in columns if c.name.lower() == column.lower()), None)
    if found is None:
        raise AnalysisError(f"The sequence column[{column}] doesn't exist")
    if found.type.name not in SEQUENCE_TYPES.values():
        raise AnalysisError(
            f"sequence type only support integer types and date types, but {found.name} is {found.type.name.upper()}"
        )


def _check_mentioned(draft: TableDraft, columns: tuple[Column, ...]) -> None:
    known = {c.name.lower() for c in columns}
    mentioned = [("Distribution", name) for name in draft.hash_columns]
    mentioned += [("Sort key", name) for name in draft.order_by]
    if draft.partitioning is not None:
        mentioned += [("Partition", name) for name in draft.partitioning.columns if "(" not in name]
    for what, name in mentioned:
        if name.lower() not in known:
            raise AnalysisError(f"{what} column({name}) doesn't exist")
