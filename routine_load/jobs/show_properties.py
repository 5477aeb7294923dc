"""The JobProperties column of both vendors (StarRocks and Doris: JobProperties JSON).

Owns keys and spellings; all values are strings. Refuses to know rows and columns (``jobs.show``).
"""

from __future__ import annotations

from decimal import Decimal

from routine_load.ids import Compat
from routine_load.jobs.definition import JobDefinition
from routine_load.jobs.properties import JobFormat, JobProperties, UpdateMode
from routine_load.jobs.properties_pace import PRIORITY, freshness_text
from routine_load.sql.doris_casts import Columns, printed_for
from routine_load.sql.expression_text import printed
from routine_load.sql.statements import Expression, LoadClauses

_ANY = "*"
_JAVA_PLAIN_MIN = 1e-3


def job_properties(
    definition: JobDefinition, compat: Compat, concurrency: int, columns: Columns | None = None
) -> dict[str, str]:
    """What ``compat`` prints of a job; ``concurrency`` is the number of tasks last computed.

    ``columns`` are the table's, in lower case, where they are known.
    """
    if compat is Compat.DORIS:
        shown = _doris(definition, concurrency) | _doris_expressions(definition.clauses, columns)
    else:
        shown = _starrocks(definition, concurrency)
    return shown | metadata_text(definition.clauses) | pace_text(definition.properties)


def java_double(number: float) -> str:
    """A double from 0 to 1 as Java prints it: below a thousandth in scientific notation."""
    if number == 0 or number >= _JAVA_PLAIN_MIN:
        return repr(float(number))
    mantissa, _, exponent = f"{Decimal(repr(float(number))):E}".partition("E")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"


def boolean(value: bool) -> str:
    return "true" if value else "false"


def columns_text(clauses: LoadClauses, compat: Compat) -> str:
    """Items of COLUMNS joined by a comma, or ``*``."""
    if not clauses.columns:
        return _ANY
    return ",".join(
        item.name
        + ("=DEFAULT" if item.is_default else f"={printed(item.expression.text, compat)}" if item.expression else "")
        for item in clauses.columns
    )


def metadata_text(clauses: LoadClauses) -> dict[str, str]:
    """What INCLUDE METADATA says; nothing where a job has none, which is what the originals print."""
    items = [f"{column.field} AS {column.name}" for column in clauses.metadata or ()]
    return {"metadata": ",".join(items)} if items else {}


def pace_text(properties: JobProperties) -> dict[str, str]:
    """Our own properties of time and speed, where they are not at their defaults: a vendor's job has none of them."""
    pairs = (
        ("priority", "" if properties.priority == PRIORITY else str(properties.priority)),
        ("rate_limit", str(properties.rate_limit or "")),
        ("freshness", freshness_text(properties.freshness_ms)),
        ("early_commit", "" if properties.early_commit else "false"),
    )
    return {key: value for key, value in pairs if value}


def _expression(expression: Expression | None) -> str:
    return _ANY if expression is None else printed(expression.text, Compat.STARROCKS)


def _partitions(clauses: LoadClauses) -> str:
    return ",".join(clauses.partitions) if clauses.partitions else _ANY


def _byte(character: str) -> str:
    """StarRocks prints enclose and escape as decimal byte numbers, 0 for none."""
    return str(character.encode()[0]) if character else "0"


def _starrocks(definition: JobDefinition, concurrency: int) -> dict[str, str]:
    properties, clauses = definition.properties, definition.clauses
    shown = {
        "partitions": _partitions(clauses),
        "columnToColumnExpr": columns_text(clauses, Compat.STARROCKS),
        "whereExpr": _expression(clauses.where),
    }
    if properties.format is JobFormat.JSON:
        shown["dataFormat"] = "json"
    else:
        shown["columnSeparator"] = clauses.column_separator.original if clauses.column_separator else "\t"
        shown["rowDelimiter"] = clauses.row_delimiter.original if clauses.row_delimiter else "\n"
    shown |= {
        "maxErrorNum": str(properties.max_error_number),
        "maxFilterRatio": java_double(properties.max_filter_ratio),
        "maxBatchIntervalS": str(properties.max_batch_interval_s),
        "maxBatchRows": str(properties.max_batch_rows),
        "currentTaskConcurrentNum": str(concurrency),
        "desireTaskConcurrentNum": str(properties.desired_concurrent_number),
        "taskConsumeSecond": str(properties.task_consume_second or 0),
        "taskTimeoutSecond": str(properties.task_timeout_second or 0),
        "log_rejected_record_num": str(properties.log_rejected_record_num),
        "partial_update": boolean(properties.partial_update),
        "partial_update_mode": "null",
        "timezone": properties.timezone,
        "strict_mode": boolean(properties.strict_mode),
        "pause_on_fatal_parse_error": boolean(properties.pause_on_fatal_parse_error),
        "format": properties.format.value,
        "strip_outer_array": boolean(properties.strip_outer_array),
        "jsonpaths": properties.jsonpaths,
        "json_root": properties.json_root,
    }
    if properties.format is JobFormat.AVRO:
        del shown["strip_outer_array"], shown["json_root"]
    if properties.merge_condition is not None:
        shown["merge_condition"] = properties.merge_condition
    if properties.format is JobFormat.CSV:
        shown["trim_space"] = boolean(properties.trim_space)
        shown["enclose"] = _byte(properties.enclose)
        shown["escape"] = _byte(properties.escape)
    if properties.warehouse:
        shown["warehouse"] = properties.warehouse
    return shown


def _doris(definition: JobDefinition, concurrency: int) -> dict[str, str]:
    properties, clauses = definition.properties, definition.clauses
    shown = {
        "partitions": _partitions(clauses),
        "columnToColumnExpr": columns_text(clauses, Compat.DORIS),
        "sequence_col": clauses.order_by or _ANY,
        "format": properties.format.value,
        "merge_type": definition.merge_type.value,
        "partial_columns": boolean(properties.partial_update),
        "unique_key_update_mode": properties.unique_key_update_mode.value,
        "max_error_number": str(properties.max_error_number),
        "max_filter_ratio": java_double(properties.max_filter_ratio),
        "max_batch_interval": str(properties.max_batch_interval_s),
        "max_batch_rows": str(properties.max_batch_rows),
        "max_batch_size": str(properties.max_batch_bytes),
        "current_concurrent_number": str(concurrency),
        "desired_concurrent_number": str(properties.desired_concurrent_number),
        "exec_mem_limit": str(properties.exec_mem_limit),
        "send_batch_parallelism": str(properties.send_batch_parallelism),
        "load_to_single_tablet": boolean(properties.load_to_single_tablet),
        "strict_mode": boolean(properties.strict_mode),
        "timezone": properties.timezone,
    }
    if properties.unique_key_update_mode is not UpdateMode.UPSERT:
        shown["partial_update_new_key_behavior"] = properties.partial_update_new_key_behavior
    if properties.workload_group:
        shown["workload_group"] = properties.workload_group
    return shown | _doris_format(properties, clauses)


def _doris_expressions(clauses: LoadClauses, columns: Columns | None) -> dict[str, str]:
    """Doris: conditions as it analysed them against the table; PRECEDING FILTER sees fields, which are of no table."""
    told = (
        ("precedingFilter", clauses.preceding_filter, frozenset[str]()),
        ("whereExpr", clauses.where, columns),
        ("delete", clauses.delete_on, columns),
    )
    return {key: _ANY if condition is None else printed_for(condition.text, known) for key, condition, known in told}


def _doris_format(properties: JobProperties, clauses: LoadClauses) -> dict[str, str]:
    if properties.format is JobFormat.JSON:
        return {
            "jsonpaths": properties.jsonpaths,
            "json_root": properties.json_root,
            "strip_outer_array": boolean(properties.strip_outer_array),
            "num_as_string": boolean(properties.num_as_string),
            "fuzzy_parse": boolean(properties.fuzzy_parse),
            **({"fill_missing_columns": "true"} if properties.fill_missing_columns else {}),
        }
    separator, delimiter = clauses.column_separator, clauses.row_delimiter
    return {
        "column_separator": f"'{separator.original}'" if separator else "\t",
        "line_delimiter": f"'{delimiter.original}'" if delimiter else "\n",
        "enclose": properties.enclose or "\0",
        "escape": properties.escape or "\0",
        "empty_field_as_null": boolean(properties.empty_field_as_null),
    }
