"""Tables as both vendors describe them: column types, key models, aggregations, partitions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from routine_load.ids import TableRef


class TypeName(StrEnum):
    BOOLEAN = "boolean"
    TINYINT = "tinyint"
    SMALLINT = "smallint"
    INT = "int"
    BIGINT = "bigint"
    LARGEINT = "largeint"
    FLOAT = "float"
    DOUBLE = "double"
    DECIMAL = "decimal"
    DATE = "date"
    DATETIME = "datetime"
    CHAR = "char"
    VARCHAR = "varchar"
    STRING = "string"
    VARBINARY = "varbinary"
    JSON = "json"
    ARRAY = "array"
    MAP = "map"
    STRUCT = "struct"
    BITMAP = "bitmap"
    HLL = "hll"
    QUANTILE_STATE = "quantile_state"
    PERCENTILE = "percentile"

    @property
    def is_state(self) -> bool:
        """Its values stand for many, are made by functions only, and are united in AGGREGATE tables."""
        return self in (TypeName.BITMAP, TypeName.HLL, TypeName.QUANTILE_STATE, TypeName.PERCENTILE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnType:
    """A column's type. ``length`` is in bytes (CHAR, VARCHAR); ``precision``/``scale`` belong to DECIMAL,
    ``scale`` to DATETIME as well; ``arguments`` are the element types of ARRAY (1), MAP (2) and STRUCT (n, named by
    ``fields``). Doris' VARIANT is JSON that remembers its name.
    """

    name: TypeName
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    arguments: tuple[ColumnType, ...] = ()
    fields: tuple[str, ...] = ()
    is_variant: bool = False


class KeyModel(StrEnum):
    DUPLICATE = "DUPLICATE KEY"
    AGGREGATE = "AGGREGATE KEY"
    UNIQUE = "UNIQUE KEY"
    PRIMARY = "PRIMARY KEY"

    @property
    def merges(self) -> bool:
        """Rows with one key become one row."""
        return self is not KeyModel.DUPLICATE


class Aggregation(StrEnum):
    SUM = "SUM"
    MIN = "MIN"
    MAX = "MAX"
    REPLACE = "REPLACE"
    REPLACE_IF_NOT_NULL = "REPLACE_IF_NOT_NULL"
    BITMAP_UNION = "BITMAP_UNION"
    HLL_UNION = "HLL_UNION"
    QUANTILE_UNION = "QUANTILE_UNION"
    PERCENTILE_UNION = "PERCENTILE_UNION"


UNIONS = {
    TypeName.BITMAP: Aggregation.BITMAP_UNION,
    TypeName.HLL: Aggregation.HLL_UNION,
    TypeName.QUANTILE_STATE: Aggregation.QUANTILE_UNION,
    TypeName.PERCENTILE: Aggregation.PERCENTILE_UNION,
}
"""How the states of one key become one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """``default`` is the SQL text of a constant or CURRENT_TIMESTAMP; None means no default was declared.

    ``generated`` is the expression of a generated column, as it was written; nothing loads it. ``on_update``: a change
    of the row that does not bring the column sets it to its default, the time (Doris: ON UPDATE CURRENT_TIMESTAMP).
    ``auto_start``: no number that is made is less (Doris: AUTO_INCREMENT(n)).
    """

    name: str
    type: ColumnType
    nullable: bool = True
    default: str | None = None
    is_key: bool = False
    aggregation: Aggregation | None = None
    comment: str = ""
    auto_increment: bool = False
    auto_start: int = 1
    generated: str | None = None
    on_update: bool = False


class PartitionKind(StrEnum):
    """EXPRESSION: partitions are made as rows come, of a function's value or of each distinct value."""

    RANGE = "RANGE"
    LIST = "LIST"
    EXPRESSION = "EXPRESSION"


MINVALUE, MAXVALUE = "MINVALUE", "MAXVALUE"
Bound = tuple[str | None, ...]
"""One SQL literal text for each partition column, or one of these two words; None is NULL (LIST)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePartition:
    """A named range ``[lower, upper)`` of rows, None: unbounded; or (LIST) the rows with one of ``values``.

    A bound may have fewer literals than there are partition columns: the others are MINVALUE.
    """

    name: str
    lower: Bound | None = None
    upper: Bound | None = None
    values: tuple[Bound, ...] = ()


SEQUENCE_COLUMN = "function_column.sequence_col"
SEQUENCE_TYPE = "function_column.sequence_type"
_ORDERED = (TypeName.TINYINT, TypeName.SMALLINT, TypeName.INT, TypeName.BIGINT, TypeName.LARGEINT, TypeName.DATE)
SEQUENCE_TYPES = {name.value: name for name in (*_ORDERED, TypeName.DATETIME)} | {
    "datev2": TypeName.DATE,
    "datetimev2": TypeName.DATETIME,
}
"""What ``function_column.sequence_type`` may say (Doris: sequence column)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table's whole declaration. Column names compare case-insensitively; ``column`` looks one up.

    ``partition_clause`` is the PARTITION BY clause as it was written, for SHOW CREATE TABLE; ``order_by`` the sort key.
    ``partitions_come``: a row without a partition makes one. ``temporary`` partitions hold rows that no query sees.
    """

    ref: TableRef
    columns: tuple[Column, ...]
    key_model: KeyModel = KeyModel.DUPLICATE
    comment: str = ""
    engine: str = "OLAP"
    partition_columns: tuple[str, ...] = ()
    partitions: tuple[TablePartition, ...] = ()
    partition_clause: str = ""
    partition_kind: PartitionKind | None = None
    partitions_come: bool = False
    order_by: tuple[str, ...] = ()
    distribution: str = ""
    properties: tuple[tuple[str, str], ...] = ()
    temporary: tuple[TablePartition, ...] = ()

    @property
    def sequence_column(self) -> str | None:
        """The column whose greater or equal value wins (Doris: function_column.sequence_col)."""
        named = dict(self.properties).get(SEQUENCE_COLUMN)
        found = None if named is None else self.column(named)
        return found.name if found is not None else named

    @property
    def sequence_type(self) -> ColumnType | None:
        """The type of a hidden sequence column (Doris: function_column.sequence_type); None where there is none."""
        named = dict(self.properties).get(SEQUENCE_TYPE)
        return None if named is None else ColumnType(name=SEQUENCE_TYPES[named.lower()])

    @property
    def partition_names(self) -> tuple[str, ...]:
        """A table that is not partitioned has one partition, of its own name."""
        return tuple(p.name for p in self.partitions) if self.partition_kind is not None else (self.ref.table,)

    @property
    def stored_columns(self) -> tuple[Column, ...]:
        """Those that hold values; a generated column is computed when it is read."""
        return tuple(c for c in self.columns if c.generated is None)

    @property
    def key_columns(self) -> tuple[Column, ...]:
        return tuple(c for c in self.columns if c.is_key)

    def column(self, name: str) -> Column | None:
        wanted = name.lower()
        return next((c for c in self.columns if c.name.lower() == wanted), None)
