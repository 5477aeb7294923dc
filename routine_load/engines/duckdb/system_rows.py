"""The tables of ``information_schema``: their columns as both vendors (and MySQL) have them, and a row of each kind.

Owns columns and values. Refuses to know which tables exist, and how a query finds them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow as pa

from routine_load.sql.ddl_text import default_text
from routine_load.sql.ddl_types import spell
from routine_load.sql.ddl_views import View
from routine_load.sql.schema import Column, KeyModel, Table, TypeName

_INTEGERS = {
    TypeName.BOOLEAN: 3,
    TypeName.TINYINT: 3,
    TypeName.SMALLINT: 5,
    TypeName.INT: 10,
    TypeName.BIGINT: 19,
    TypeName.LARGEINT: 39,
}

_TEXT, _NUMBER = pa.string(), pa.int64()
SCHEMATA = {
    "CATALOG_NAME": _TEXT,
    "SCHEMA_NAME": _TEXT,
    "DEFAULT_CHARACTER_SET_NAME": _TEXT,
    "DEFAULT_COLLATION_NAME": _TEXT,
    "SQL_PATH": _TEXT,
}
TABLES = {
    "TABLE_CATALOG": _TEXT,
    "TABLE_SCHEMA": _TEXT,
    "TABLE_NAME": _TEXT,
    "TABLE_TYPE": _TEXT,
    "ENGINE": _TEXT,
    "VERSION": _NUMBER,
    "ROW_FORMAT": _TEXT,
    "TABLE_ROWS": _NUMBER,
    "AVG_ROW_LENGTH": _NUMBER,
    "DATA_LENGTH": _NUMBER,
    "MAX_DATA_LENGTH": _NUMBER,
    "INDEX_LENGTH": _NUMBER,
    "DATA_FREE": _NUMBER,
    "AUTO_INCREMENT": _NUMBER,
    "CREATE_TIME": pa.timestamp("us"),
    "UPDATE_TIME": pa.timestamp("us"),
    "CHECK_TIME": pa.timestamp("us"),
    "TABLE_COLLATION": _TEXT,
    "CHECKSUM": _NUMBER,
    "CREATE_OPTIONS": _TEXT,
    "TABLE_COMMENT": _TEXT,
}
COLUMNS = {
    "TABLE_CATALOG": _TEXT,
    "TABLE_SCHEMA": _TEXT,
    "TABLE_NAME": _TEXT,
    "COLUMN_NAME": _TEXT,
    "ORDINAL_POSITION": _NUMBER,
    "COLUMN_DEFAULT": _TEXT,
    "IS_NULLABLE": _TEXT,
    "DATA_TYPE": _TEXT,
    "CHARACTER_MAXIMUM_LENGTH": _NUMBER,
    "CHARACTER_OCTET_LENGTH": _NUMBER,
    "NUMERIC_PRECISION": _NUMBER,
    "NUMERIC_SCALE": _NUMBER,
    "DATETIME_PRECISION": _NUMBER,
    "CHARACTER_SET_NAME": _TEXT,
    "COLLATION_NAME": _TEXT,
    "COLUMN_TYPE": _TEXT,
    "COLUMN_KEY": _TEXT,
    "EXTRA": _TEXT,
    "PRIVILEGES": _TEXT,
    "COLUMN_COMMENT": _TEXT,
    "COLUMN_SIZE": _NUMBER,
    "DECIMAL_DIGITS": _NUMBER,
    "GENERATION_EXPRESSION": _TEXT,
    "SRS_ID": _NUMBER,
}
TABLES_CONFIG = {
    **dict.fromkeys(("TABLE_SCHEMA", "TABLE_NAME", "TABLE_ENGINE", "TABLE_MODEL", "PRIMARY_KEY"), _TEXT),
    **dict.fromkeys(("PARTITION_KEY", "DISTRIBUTE_KEY", "DISTRIBUTE_TYPE"), _TEXT),
    "DISTRIBUTE_BUCKET": _NUMBER,
    **dict.fromkeys(("SORT_KEY", "PROPERTIES"), _TEXT),
    "TABLE_ID": _NUMBER,
}
STATISTICS = {
    **dict.fromkeys(("TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME"), _TEXT),
    "NON_UNIQUE": _NUMBER,
    **dict.fromkeys(("INDEX_SCHEMA", "INDEX_NAME"), _TEXT),
    "SEQ_IN_INDEX": _NUMBER,
    **dict.fromkeys(("COLUMN_NAME", "COLLATION"), _TEXT),
    **dict.fromkeys(("CARDINALITY", "SUB_PART"), _NUMBER),
    **dict.fromkeys(("PACKED", "NULLABLE", "INDEX_TYPE", "COMMENT", "INDEX_COMMENT"), _TEXT),
}
_ROUTINE = (
    *("SPECIFIC_NAME", "ROUTINE_CATALOG", "ROUTINE_SCHEMA", "ROUTINE_NAME", "ROUTINE_TYPE", "DTD_IDENTIFIER"),
    *("ROUTINE_BODY", "ROUTINE_DEFINITION", "EXTERNAL_NAME", "EXTERNAL_LANGUAGE", "PARAMETER_STYLE"),
    *("IS_DETERMINISTIC", "SQL_DATA_ACCESS", "SQL_PATH", "SECURITY_TYPE", "CREATED", "LAST_ALTERED", "SQL_MODE"),
    *("ROUTINE_COMMENT", "DEFINER", "CHARACTER_SET_CLIENT", "COLLATION_CONNECTION", "DATABASE_COLLATION"),
)
_PRIVILEGE = ("PRIVILEGE_TYPE", "IS_GRANTABLE")
EMPTY: dict[str, tuple[str, ...]] = {
    "views": (
        *("TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "VIEW_DEFINITION", "CHECK_OPTION", "IS_UPDATABLE"),
        *("DEFINER", "SECURITY_TYPE", "CHARACTER_SET_CLIENT", "COLLATION_CONNECTION"),
    ),
    "materialized_views": (
        *("MATERIALIZED_VIEW_ID", "TABLE_SCHEMA", "TABLE_NAME", "REFRESH_TYPE", "IS_ACTIVE", "INACTIVE_REASON"),
        *("PARTITION_TYPE", "TASK_ID", "TASK_NAME", "TABLE_ROWS", "MATERIALIZED_VIEW_DEFINITION"),
    ),
    "key_column_usage": (
        *("CONSTRAINT_CATALOG", "CONSTRAINT_SCHEMA", "CONSTRAINT_NAME", "TABLE_CATALOG", "TABLE_SCHEMA"),
        *("TABLE_NAME", "COLUMN_NAME", "ORDINAL_POSITION", "POSITION_IN_UNIQUE_CONSTRAINT"),
        *("REFERENCED_TABLE_SCHEMA", "REFERENCED_TABLE_NAME", "REFERENCED_COLUMN_NAME"),
    ),
    "referential_constraints": (
        *("CONSTRAINT_CATALOG", "CONSTRAINT_SCHEMA", "CONSTRAINT_NAME", "UNIQUE_CONSTRAINT_CATALOG"),
        *("UNIQUE_CONSTRAINT_SCHEMA", "UNIQUE_CONSTRAINT_NAME", "MATCH_OPTION", "UPDATE_RULE", "DELETE_RULE"),
        *("TABLE_NAME", "REFERENCED_TABLE_NAME"),
    ),
    "table_constraints": (
        *("CONSTRAINT_CATALOG", "CONSTRAINT_SCHEMA", "CONSTRAINT_NAME", "TABLE_SCHEMA", "TABLE_NAME"),
        "CONSTRAINT_TYPE",
    ),
    "partitions": (
        *("TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "PARTITION_NAME", "SUBPARTITION_NAME"),
        *("PARTITION_ORDINAL_POSITION", "SUBPARTITION_ORDINAL_POSITION", "PARTITION_METHOD"),
        *("SUBPARTITION_METHOD", "PARTITION_EXPRESSION", "SUBPARTITION_EXPRESSION", "PARTITION_DESCRIPTION"),
        *("TABLE_ROWS", "AVG_ROW_LENGTH", "DATA_LENGTH", "MAX_DATA_LENGTH", "INDEX_LENGTH", "DATA_FREE"),
        *("CREATE_TIME", "UPDATE_TIME", "CHECK_TIME", "CHECKSUM", "PARTITION_COMMENT", "NODEGROUP"),
        "TABLESPACE_NAME",
    ),
    "routines": _ROUTINE,
    "parameters": (
        *("SPECIFIC_CATALOG", "SPECIFIC_SCHEMA", "SPECIFIC_NAME", "ORDINAL_POSITION", "PARAMETER_MODE"),
        *("PARAMETER_NAME", "DATA_TYPE", "CHARACTER_MAXIMUM_LENGTH", "CHARACTER_OCTET_LENGTH"),
        *("NUMERIC_PRECISION", "NUMERIC_SCALE", "DATETIME_PRECISION", "CHARACTER_SET_NAME", "COLLATION_NAME"),
        *("DTD_IDENTIFIER", "ROUTINE_TYPE"),
    ),
    "triggers": (
        *("TRIGGER_CATALOG", "TRIGGER_SCHEMA", "TRIGGER_NAME", "EVENT_MANIPULATION", "EVENT_OBJECT_CATALOG"),
        *("EVENT_OBJECT_SCHEMA", "EVENT_OBJECT_TABLE", "ACTION_ORDER", "ACTION_CONDITION", "ACTION_STATEMENT"),
        *("ACTION_ORIENTATION", "ACTION_TIMING", "ACTION_REFERENCE_OLD_TABLE", "ACTION_REFERENCE_NEW_TABLE"),
        *("ACTION_REFERENCE_OLD_ROW", "ACTION_REFERENCE_NEW_ROW", "CREATED", "SQL_MODE", "DEFINER"),
        *("CHARACTER_SET_CLIENT", "COLLATION_CONNECTION", "DATABASE_COLLATION"),
    ),
    "events": (
        *("EVENT_CATALOG", "EVENT_SCHEMA", "EVENT_NAME", "DEFINER", "TIME_ZONE", "EVENT_BODY"),
        *("EVENT_DEFINITION", "EVENT_TYPE", "EXECUTE_AT", "INTERVAL_VALUE", "INTERVAL_FIELD", "SQL_MODE"),
        *("STARTS", "ENDS", "STATUS", "ON_COMPLETION", "CREATED", "LAST_ALTERED", "LAST_EXECUTED"),
        *("EVENT_COMMENT", "ORIGINATOR", "CHARACTER_SET_CLIENT", "COLLATION_CONNECTION", "DATABASE_COLLATION"),
    ),
    "user_privileges": ("GRANTEE", "TABLE_CATALOG", *_PRIVILEGE),
    "schema_privileges": ("GRANTEE", "TABLE_CATALOG", "TABLE_SCHEMA", *_PRIVILEGE),
    "table_privileges": ("GRANTEE", "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", *_PRIVILEGE),
    "column_privileges": ("GRANTEE", "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME", *_PRIVILEGE),
}
"""What tools ask for and what is never there: no constraints or routines are kept; grants are in SHOW GRANTS."""

_COUNTS = frozenset(
    {"ORDINAL_POSITION", "TABLE_ROWS", "DATA_LENGTH"}
    | {"CHARACTER_MAXIMUM_LENGTH", "CHARACTER_OCTET_LENGTH", "NUMERIC_PRECISION", "NUMERIC_SCALE"}
    | {"DATETIME_PRECISION"}
)
_MODELS = {"PRIMARY KEY": "PRI_KEYS", "UNIQUE KEY": "UNQ_KEYS", "AGGREGATE KEY": "AGG_KEYS"}


def empty_columns(name: str) -> dict[str, pa.DataType]:
    """The columns of a table of ``EMPTY``."""
    return {column: _NUMBER if column in _COUNTS else _TEXT for column in EMPTY[name]}


def config_row(table: Table, number: int) -> tuple[object, ...]:
    """``tables_config`` (StarRocks): what CREATE TABLE said."""
    keys = ", ".join(f"`{c.name}`" for c in table.key_columns)
    spread, _, buckets = table.distribution.partition(" BUCKETS ")
    kind, _, columns = spread.partition("(")
    return (
        *(table.ref.database, table.ref.table, table.engine, _MODELS.get(table.key_model, "DUP_KEYS")),
        *(keys if table.key_model == "PRIMARY KEY" else "", ", ".join(f"`{name}`" for name in table.partition_columns)),
        *(columns.removesuffix(")"), kind or "RANDOM", int(buckets) if buckets.isdigit() else 0),
        *(", ".join(f"`{name}`" for name in table.order_by) or keys, json.dumps(dict(table.properties)), number),
    )


def statistics_rows(table: Table) -> Iterator[tuple[object, ...]]:
    """The key by which rows are told apart, column by column, as ``SHOW KEYS`` names it."""
    if table.key_model in (KeyModel.PRIMARY, KeyModel.UNIQUE):
        front = ("def", table.ref.database, table.ref.table, 0, table.ref.database, "PRIMARY")
        for position, column in enumerate(table.key_columns, start=1):
            yield (*front, position, column.name, "A", None, None, None, "", "", "", "")


def view_row(view: View) -> tuple[object, ...]:
    """Read with the rights of who asks, so the definition has no owner."""
    known = ("def", view.ref.database, view.ref.table, view.query, "NONE", "NO")
    return (*known, "", "INVOKER", "utf8", "utf8_general_ci")


def table_row(database: str, name: str, kind: tuple[str, str, str]) -> tuple[object, ...]:
    table_type, engine, comment = kind
    nothing = (None,) * 12
    return ("def", database, name, table_type, engine, *nothing, "utf8_general_ci", None, None, comment)


def column_row(table: Table, column: Column, position: int) -> tuple[object, ...]:
    kind = column.type
    text = kind.name in (TypeName.CHAR, TypeName.VARCHAR, TypeName.STRING)
    length = (kind.length if kind.length is not None else 65_533) if text else None
    precision = kind.precision if kind.name is TypeName.DECIMAL else _INTEGERS.get(kind.name)
    key = {"PRIMARY KEY": "PRI", "UNIQUE KEY": "UNI", "AGGREGATE KEY": "AGG"}.get(table.key_model, "DUP")
    return (
        *("def", table.ref.database, table.ref.table, column.name, position, default_text(column)),
        *("YES" if column.nullable else "NO", str(kind.name), length, length, precision),
        *(kind.scale if kind.name is TypeName.DECIMAL else (0 if precision is not None else None), None),
        *("utf8" if text else None, "utf8_general_ci" if text else None, spell(kind), key if column.is_key else ""),
        *(
            "auto_increment" if column.auto_increment else "",
            "",
            column.comment,
            precision or length,
            kind.scale,
            "",
            None,
        ),
    )
