"""Messages that are pushed down: joined to one body as they are, with the job's mapping as headers.

Behind every message stands a delimiter, as Routine Load puts one there. Texts of headers are as the vendors read them:
delimiters that are not printable go as hexadecimal digits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from routine_load.ids import Compat
from routine_load.loads.pushed import RAW
from routine_load.loads.values import Format, LoadSpec
from routine_load.sql.literals import quote_name
from routine_load.sql.statements import ColumnItem, MergeType

_JOINED_BYTES: Final = 4 * 1024 * 1024
_NO_LINES: Final = bytes.maketrans(b"\r\n", b"  ")


def headers(spec: LoadSpec) -> dict[str, str]:
    """What the job says, as headers. Rows that the cluster filters are counted, and the job's limits decide."""
    said = {
        "format": str(spec.format),
        "max_filter_ratio": "1",
        "strict_mode": _word(spec.strict_mode),
        "timezone": spec.timezone,
        "columns": ",".join(map(_item, spec.columns or ())),
        "where": "" if spec.where is None else spec.where.text,
        "temporary_partitions" if spec.temporary_partitions else "partitions": ",".join(spec.partitions or ()),
        "merge_condition": spec.merge_condition or "",
    }
    said |= _of_json(spec) if spec.format is Format.JSON else _of_csv(spec)
    said |= {"partial_update": _if(spec.partial_update)} if spec.compat is Compat.STARROCKS else _of_doris(spec)
    return {name: " ".join(value.splitlines()) for name, value in said.items() if value}


def chunks(spec: LoadSpec, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    """Whole messages, some megabytes at a time."""
    delimiter = b"\n" if spec.format is Format.JSON else spec.row_delimiter.encode()
    by_line = spec.format is Format.JSON and spec.compat is Compat.DORIS
    for batch in batches:
        step = max(1, batch.num_rows * _JOINED_BYTES // max(batch.nbytes, 1))
        for start in range(0, batch.num_rows, step):
            values = batch.column(RAW).slice(start, step).drop_null().to_pylist()
            if by_line:  # a line break between the parts of a document is a blank
                values = [value.translate(_NO_LINES) for value in values]
            if values:
                yield delimiter.join(values) + delimiter


def _of_csv(spec: LoadSpec) -> dict[str, str]:
    line = "row_delimiter" if spec.compat is Compat.STARROCKS else "line_delimiter"
    # Doris: a routine load takes the quotes off by itself, a Stream Load where it is told so.
    takes_off = spec.compat is Compat.DORIS and spec.enclose == '"'
    return {
        "column_separator": _delimiter(spec.column_separator),
        line: _delimiter(spec.row_delimiter),
        "enclose": spec.enclose,
        "escape": spec.escape,
        "trim_double_quotes": _if(takes_off),
        "empty_field_as_null": _if(spec.empty_field_as_null),
    }


def _of_json(spec: LoadSpec) -> dict[str, str]:
    said = {"jsonpaths": spec.jsonpaths, "json_root": spec.json_root}
    if spec.compat is Compat.STARROCKS:
        return said | {"ignore_json_size": "true"}
    strip, numbers = _if(spec.strip_outer_array), _if(spec.num_as_string)
    return said | {"read_json_by_line": "true", "strip_outer_array": strip, "num_as_string": numbers}


def _of_doris(spec: LoadSpec) -> dict[str, str]:
    partial = spec.partial_update and not spec.flexible
    return {
        "merge_type": "" if spec.merge_type is MergeType.APPEND else str(spec.merge_type),
        "delete": "" if spec.delete_on is None else spec.delete_on.text,
        "function_column.sequence_col": spec.sequence_column or "",
        "partial_columns": _if(partial),
        "partial_update_new_key_behavior": ("ERROR" if spec.refuses_new_keys else "APPEND") if partial else "",
        "unique_key_update_mode": "UPDATE_FLEXIBLE_COLUMNS" if spec.flexible else "",
    }


def _item(item: ColumnItem) -> str:
    name = quote_name(item.name)
    if item.is_default:
        return f"{name}=DEFAULT"
    return name if item.expression is None else f"{name}={item.expression.text}"


def _delimiter(text: str) -> str:
    if text.isascii() and text.isprintable() and "\\" not in text and text.strip() == text and text[:2].lower() != "0x":
        return text
    return {"\t": "\\t", "\n": "\\n"}.get(text) or "\\x" + text.encode().hex().upper()


def _word(value: bool) -> str:
    return "true" if value else "false"


def _if(value: bool) -> str:
    return "true" if value else ""
