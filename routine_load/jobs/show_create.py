"""The text of SHOW CREATE ROUTINE LOAD: a statement that makes an equal job when it is executed again.

Owns layout and the order of properties of both vendors, and where the originals print what cannot be executed, prints
what can. Secrets are masked. Refuses to know columns and rows.
"""

from __future__ import annotations

import re

from routine_load.ids import Compat
from routine_load.jobs.definition import JobDefinition
from routine_load.jobs.job import Job
from routine_load.jobs.properties import JobFormat, JobProperties, UpdateMode
from routine_load.jobs.show_properties import boolean, java_double
from routine_load.jobs.source import DEFAULT_OFFSETS, GROUP_ID, ORIGIN_DEFAULT_OFFSETS, KafkaSource, OffsetKind
from routine_load.sql.literals import is_plain_name, quote_name, quote_string
from routine_load.sql.statements import ColumnItem, Delimiter, Expression, LoadClauses, MergeType

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

Pairs = list[tuple[str, str]]


def create_text(job: Job, *, from_progress: bool = False) -> str:
    """CREATE ROUTINE LOAD of a job by the rules of its own vendor.

    ``from_progress``: the statement names the partitions and the next offsets of now, instead of those of CREATE.
    """
    definition = job.definition
    doris = definition.compat is Compat.DORIS
    lines = [_head(definition)]
    if doris or definition.merge_type is not MergeType.APPEND:
        lines.append(f"WITH {definition.merge_type.value}")
    clauses = _clauses(definition.clauses)
    if clauses:
        lines.append(",\n".join(clauses))
    properties = _doris_properties(definition) if doris else _starrocks_properties(definition)
    equals = " = " if doris else "="
    lines += ["PROPERTIES", "(", _list(properties, equals), ")"]
    lines += ["FROM KAFKA", "(", _list(_source(job, from_progress=from_progress), equals), ")"]
    if definition.comment:
        lines.append(f"COMMENT {quote_string(definition.comment)}")
    return "\n".join(lines) + ";"


def _head(definition: JobDefinition) -> str:
    name = _name(definition.name)
    if definition.compat is Compat.STARROCKS:
        name = f"{_name(definition.database)}.{name}"
    target = "" if definition.table is None else f" ON {_name(definition.table)}"
    return f"CREATE ROUTINE LOAD {name}{target}"


def _name(name: str) -> str:
    return name if is_plain_name(name) else quote_name(name)


def _clauses(clauses: LoadClauses) -> list[str]:
    texts = [
        _delimiter("COLUMNS", clauses.column_separator),
        _delimiter("ROWS", clauses.row_delimiter),
        f"COLUMNS({', '.join(_item(item) for item in clauses.columns)})" if clauses.columns else "",
        _condition("PRECEDING FILTER", clauses.preceding_filter),
        _condition("WHERE", clauses.where),
        _partitions(clauses),
        _condition("DELETE ON", clauses.delete_on),
        f"ORDER BY {_name(clauses.order_by)}" if clauses.order_by else "",
    ]
    return [text for text in texts if text]


def _delimiter(what: str, delimiter: Delimiter | None) -> str:
    return f"{what} TERMINATED BY {quote_string(delimiter.original)}" if delimiter else ""


def _condition(keyword: str, expression: Expression | None) -> str:
    return f"{keyword} {expression.text}" if expression else ""


def _partitions(clauses: LoadClauses) -> str:
    if not clauses.partitions:
        return ""
    names = ", ".join(_name(name) for name in clauses.partitions)
    return f"{'TEMPORARY ' if clauses.temporary_partitions else ''}PARTITION({names})"


def _item(item: ColumnItem) -> str:
    if item.is_default:
        return f"{_name(item.name)} = DEFAULT"
    return _name(item.name) + (f" = {item.expression.text}" if item.expression else "")


def _list(pairs: Pairs, equals: str) -> str:
    return ",\n".join(f"{quote_string(key)}{equals}{quote_string(value)}" for key, value in pairs)


def _starrocks_properties(definition: JobDefinition) -> Pairs:
    properties = definition.properties
    pairs: Pairs = [
        ("desired_concurrent_number", str(properties.desired_concurrent_number)),
        ("max_error_number", str(properties.max_error_number)),
        ("max_filter_ratio", java_double(properties.max_filter_ratio)),
        ("max_batch_interval", str(properties.max_batch_interval_s)),
        ("max_batch_rows", str(properties.max_batch_rows)),
        ("task_consume_second", str(properties.task_consume_second or 0)),
        ("task_timeout_second", str(properties.task_timeout_second or 0)),
        ("format", properties.format.value),
        ("jsonpaths", properties.jsonpaths),
        ("strip_outer_array", boolean(properties.strip_outer_array)),
        ("json_root", properties.json_root),
        ("strict_mode", boolean(properties.strict_mode)),
        ("pause_on_fatal_parse_error", boolean(properties.pause_on_fatal_parse_error)),
        ("timezone", properties.timezone),
        ("partial_update", boolean(properties.partial_update)),
        ("merge_condition", properties.merge_condition or ""),
        ("trim_space", boolean(properties.trim_space)),
        ("enclose", properties.enclose),
        ("escape", properties.escape),
        ("log_rejected_record_num", str(properties.log_rejected_record_num)),
        ("warehouse", properties.warehouse),
    ]
    # what only Doris has is printed only where it was used
    pairs += [
        (key, "true")
        for key, value in (
            ("num_as_string", properties.num_as_string),
            ("fuzzy_parse", properties.fuzzy_parse),
            ("empty_field_as_null", properties.empty_field_as_null),
        )
        if value
    ]
    return _without_empty(pairs)


def _doris_properties(definition: JobDefinition) -> Pairs:
    properties = definition.properties
    pairs: Pairs = [
        ("desired_concurrent_number", str(properties.desired_concurrent_number)),
        ("max_error_number", str(properties.max_error_number)),
        ("max_filter_ratio", java_double(properties.max_filter_ratio)),
        ("max_batch_interval", str(properties.max_batch_interval_s)),
        ("max_batch_rows", str(properties.max_batch_rows)),
        ("max_batch_size", str(properties.max_batch_bytes)),
        ("format", properties.format.value),
    ]
    if properties.unique_key_update_mode is UpdateMode.FIXED:
        pairs.append(("partial_columns", "true"))
    pairs += [
        ("jsonpaths", properties.jsonpaths),
        ("strip_outer_array", boolean(properties.strip_outer_array)),
        ("num_as_string", boolean(properties.num_as_string)),
        ("fuzzy_parse", boolean(properties.fuzzy_parse)),
        ("json_root", properties.json_root),
        ("strict_mode", boolean(properties.strict_mode)),
        ("timezone", properties.timezone),
        ("exec_mem_limit", str(properties.exec_mem_limit)),
        *_doris_when_used(properties),
    ]
    return _without_empty(pairs)


def _doris_when_used(properties: JobProperties) -> Pairs:
    """What the original leaves out although a job is not the same without it."""
    pairs: Pairs = [
        ("enclose", properties.enclose),
        ("escape", properties.escape),
        ("workload_group", properties.workload_group),
        ("merge_condition", properties.merge_condition or ""),
    ]
    if properties.send_batch_parallelism != 1:
        pairs.append(("send_batch_parallelism", str(properties.send_batch_parallelism)))
    if properties.log_rejected_record_num:
        pairs.append(("log_rejected_record_num", str(properties.log_rejected_record_num)))
    if properties.task_consume_second is not None:
        pairs.append(("task_consume_second", str(properties.task_consume_second)))
    if properties.task_timeout_second is not None:
        pairs.append(("task_timeout_second", str(properties.task_timeout_second)))
    pairs += [
        (key, "true")
        for key, value in (
            ("empty_field_as_null", properties.empty_field_as_null and properties.format is JobFormat.CSV),
            ("load_to_single_tablet", properties.load_to_single_tablet),
            ("trim_space", properties.trim_space),
            ("pause_on_fatal_parse_error", properties.pause_on_fatal_parse_error),
        )
        if value
    ]
    return pairs


def _without_empty(pairs: Pairs) -> Pairs:
    """An empty text is every text property's default."""
    return [(key, value) for key, value in pairs if value != ""]


def _source(job: Job, *, from_progress: bool) -> Pairs:
    source = job.definition.source
    pairs: Pairs = [("kafka_broker_list", source.brokers), ("kafka_topic", source.topic)]
    if from_progress and job.progress:
        pairs.append(("kafka_partitions", ",".join(str(partition) for partition in job.progress)))
        pairs.append(("kafka_offsets", ",".join(str(offset) for offset in job.progress.values())))
    elif source.is_pinned:
        pairs.append(("kafka_partitions", ",".join(str(partition) for partition in source.partitions)))
        if source.offsets:
            pairs.append(("kafka_offsets", ",".join(_offset_texts(source))))
    if source.registry_url:
        pairs.append(("confluent.schema.registry.url", source.masked_registry_url))
    return pairs + _client_properties(job.definition)


def _offset_texts(source: KafkaSource) -> list[str]:
    return [spec.text if spec.kind is OffsetKind.TIMESTAMP else str(spec) for _, spec in source.offsets]


def _client_properties(definition: JobDefinition) -> Pairs:
    """``property.*`` masked, without a group id that CREATE made up, and with the default offset as it was written."""
    source = definition.source
    made_up = re.compile(rf"{re.escape(definition.name)}_{_UUID}")
    pairs: Pairs = []
    for key, value in source.masked_properties:
        if key == ORIGIN_DEFAULT_OFFSETS or (key == GROUP_ID and made_up.fullmatch(value)):
            continue
        text = source.default_offset.text if key == DEFAULT_OFFSETS and source.default_offset else value
        pairs.append((key if key.startswith("aws.") else f"property.{key}", text))
    return pairs
