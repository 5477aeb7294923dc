r"""Rows as the body of a Stream Load: one compact JSON object a line, which both vendors read by default.

JSON and not CSV, because a CSV field cannot tell NULL from the text ``\N``, and StarRocks' transactions take no
enclosing quotes. Whatever a JSON number could lose goes as text and is cast by the cluster: LARGEINT, DECIMAL, floating
point, times. DuckDB makes the text, a batch at a time; no Python statement runs once per row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa

from routine_load.errors import SinkError
from routine_load.ids import Compat
from routine_load.loads.values import HAS, SEQUENCE, WriteMode
from routine_load.sql.schema import Column, ColumnType, Table, TypeName

OP: Final = "__op"
"""Of rows on their way: 0 upsert, 1 delete."""

DELETE_SIGN: Final = "__DORIS_DELETE_SIGN__"
SEQUENCE_COLUMN: Final = "__DORIS_SEQUENCE_COL__"
_HEX: Final = "__rl_hex_"
_DELETES: Final = "__rl_delete"
_ORDERS: Final = "__rl_sequence"

_NUMBERS: Final = frozenset({TypeName.TINYINT, TypeName.SMALLINT, TypeName.INT, TypeName.BIGINT, TypeName.BOOLEAN})
_LEAVES: Final = {
    TypeName.BOOLEAN: "BOOLEAN",
    TypeName.TINYINT: "TINYINT",
    TypeName.SMALLINT: "SMALLINT",
    TypeName.INT: "INTEGER",
    TypeName.BIGINT: "BIGINT",
    TypeName.JSON: "JSON",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key of the objects: ``sql`` is its JSON text, NULL for JSON's null; ``brought`` whether a row has the key."""

    key: str
    sql: str
    brought: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How the rows of one part become a body, and what its headers have to say of it.

    ``columns`` is the text of the header, None where each row names its own (Doris: flexible partial update).
    """

    vendor: Compat
    fields: tuple[Field, ...]
    columns: str | None
    deletes: bool
    sequence: str | None


def plan(vendor: Compat, table: Table, schema: pa.Schema, mode: WriteMode) -> Encoding:
    """Raises SinkError for a column whose values only the cluster itself can make."""
    given = {name.lower(): name for name in schema.names}
    fields: list[Field] = []
    listed: list[str] = []
    computed: list[str] = []
    for column in table.columns:
        source = given.get(column.name.lower())
        if source is None:
            continue
        key, expression = _key(vendor, table, column)
        masked = mode.flexible and HAS + column.name in schema.names
        brought = _quoted(HAS + column.name) if masked else ""
        value = _value(vendor, column.type, _quoted(source))
        if OP in schema.names and not column.nullable and not column.is_key:
            # of a row that is deleted only the key counts, but NULL would filter it
            value = f"coalesce({value}, CASE {_quoted(OP)} WHEN 1 THEN {_literal(_neutral(column.type))} END)"
        fields.append(Field(key=key, sql=value, brought=brought))
        listed.append(_name(key))
        if expression:
            computed.append(expression)
    deletes = OP in schema.names
    if deletes:
        key = OP if vendor is Compat.STARROCKS else DELETE_SIGN if mode.flexible else _DELETES
        fields.append(Field(key=key, sql=f"{_quoted(OP)}::VARCHAR"))
        listed.append(_name(key))
    sequence = mode.sequence_column
    if SEQUENCE in schema.names:
        sequence = SEQUENCE_COLUMN if mode.flexible else _ORDERS
        brought = _quoted(HAS + SEQUENCE) if mode.flexible else ""
        fields.append(Field(key=sequence, sql=f"to_json({_quoted(SEQUENCE)}::VARCHAR)", brought=brought))
        listed.append(_name(sequence))
    return Encoding(
        vendor=vendor,
        fields=tuple(fields),
        columns=None if mode.flexible else ",".join([*listed, *computed]),
        deletes=deletes,
        sequence=sequence,
    )


def headers(encoding: Encoding, mode: WriteMode) -> dict[str, str]:
    """What a load's headers say of the rows.

    Strict: a value that the cluster cannot hold filters its row and is told, instead of becoming NULL. The rows that
    the cluster filters are counted with ours, and the job's own limits decide.
    """
    said = {"format": "json", "max_filter_ratio": "1", "strict_mode": "true", "timezone": "UTC"}
    if encoding.columns is not None:
        said["columns"] = encoding.columns
    if mode.temporary_partitions:
        said["temporary_partitions"] = ",".join(mode.temporary_partitions)
    if encoding.vendor is Compat.STARROCKS:
        said["ignore_json_size"] = "true"
        if mode.partial_update:
            said["partial_update"] = "true"
        if mode.merge_condition is not None:
            said["merge_condition"] = mode.merge_condition
        return said
    said["read_json_by_line"] = "true"
    if encoding.sequence is not None and not mode.flexible:
        said["function_column.sequence_col"] = encoding.sequence
    if encoding.deletes and not mode.flexible:
        said |= {"merge_type": "MERGE", "delete": f"{_name(_DELETES)}=1"}
    if mode.partial_update:
        said |= {"partial_columns": "true", "strict_mode": "false"}  # strict would refuse keys that are new
        said["partial_update_new_key_behavior"] = "ERROR" if mode.refuses_new_keys else "APPEND"
    if mode.flexible:
        del said["partial_columns"]
        said["unique_key_update_mode"] = "UPDATE_FLEXIBLE_COLUMNS"
    return said


class Encoder:
    """Makes bodies. Thread-safe: every body has a cursor of its own."""

    def __init__(self, threads: int = 1) -> None:
        self._duckdb = duckdb.connect(":memory:", config={"threads": threads, "enable_external_access": False})

    def close(self) -> None:
        self._duckdb.close()

    def chunks(self, encoding: Encoding, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
        """One chunk a batch, each of whole lines. Raises SinkError."""
        query = f"SELECT string_agg({_object(encoding.fields)}, chr(10)) FROM rows"
        cursor = self._duckdb.cursor()
        try:
            for batch in batches:
                if not batch.num_rows:
                    continue
                cursor.register("rows", pa.Table.from_batches([batch]))
                ((text,),) = cursor.execute(query).fetchall()
                cursor.unregister("rows")
                yield str(text).encode() + b"\n"
        except (duckdb.Error, pa.ArrowException) as error:
            raise SinkError(f"The rows cannot be written as JSON: {str(error).partition(chr(10))[0][:500]}") from error
        finally:
            cursor.close()


def _object(fields: tuple[Field, ...]) -> str:
    """The text of one row's object."""
    parts = []
    for field in fields:
        pair = f"{_literal(_json_key(field.key))} || coalesce({field.sql}, 'null')"
        parts.append(f"CASE WHEN {field.brought} THEN {pair} END" if field.brought else pair)
    return f"'{{' || concat_ws(',', {', '.join(parts)}) || '}}'"


def _key(vendor: Compat, table: Table, column: Column) -> tuple[str, str]:
    """The key of a column's values, and the mapping that makes the column of them where it is not the value itself."""
    if column.type.name.is_state:
        raise SinkError(
            f"{table.ref}: the values of '{column.name}' ({column.type.name.upper()}) are made by the cluster only; "
            'a job into it needs "push_down" = "true"'
        )
    if column.type.name is not TypeName.VARBINARY:
        return column.name, ""
    if vendor is Compat.DORIS:
        raise SinkError(f"{table.ref}: Doris takes no VARBINARY by Stream Load (column '{column.name}')")
    return _HEX + column.name, f"{_name(column.name)}=to_binary({_name(_HEX + column.name)}, 'hex')"


def _value(vendor: Compat, type_: ColumnType, source: str) -> str:
    """SQL of a value's JSON text."""
    name = type_.name
    if name in _NUMBERS:
        return f"{source}::VARCHAR"
    if name is TypeName.JSON:
        return _document(Compat.STARROCKS if type_.is_variant else vendor, f"{source}::VARCHAR")
    if name is TypeName.VARBINARY:
        return f"to_json(hex({source}))"
    if type_.arguments:
        return f"to_json(CAST({source} AS {_nested(type_)}))::VARCHAR"
    return f"to_json({source}::VARCHAR)"


def _document(vendor: Compat, text: str) -> str:
    """A document is sent as it is, in one line. Doris parses texts into JSON columns, so a document that is a text, or
    is null, goes as a text that holds it.
    """
    line = f"translate({text}, chr(10) || chr(13), '  ')"
    if vendor is Compat.STARROCKS:
        return line
    return f"CASE WHEN ltrim({text}, ' \t\r\n')[1] IN ('\"', 'n') THEN to_json({text})::VARCHAR ELSE {line} END"


def _neutral(type_: ColumnType) -> str:
    """JSON of some value that the type takes."""
    match type_.name:
        case TypeName.CHAR | TypeName.VARCHAR | TypeName.STRING | TypeName.VARBINARY:
            return '""'
        case TypeName.DATE | TypeName.DATETIME:
            return '"1970-01-01"'
        case TypeName.ARRAY:
            return "[]"
        case TypeName.MAP | TypeName.STRUCT | TypeName.JSON:
            return "{}"
        case _:
            return "0"


def _nested(type_: ColumnType) -> str:
    match type_.name:
        case TypeName.ARRAY:
            return f"{_nested(type_.arguments[0])}[]"
        case TypeName.MAP:
            return f"MAP(VARCHAR, {_nested(type_.arguments[1])})"
        case TypeName.STRUCT:
            pairs = zip(type_.fields, type_.arguments, strict=True)
            return f"STRUCT({', '.join(f'{_quoted(field)} {_nested(each)}' for field, each in pairs)})"
        case name:
            return _LEAVES.get(name, "VARCHAR")


def _quoted(name: str) -> str:
    """A DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def _name(name: str) -> str:
    """An identifier of the vendors."""
    return f"`{name.replace('`', '``')}`"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _json_key(key: str) -> str:
    return json.dumps(key, ensure_ascii=False) + ":"
