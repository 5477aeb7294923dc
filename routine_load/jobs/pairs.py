"""The properties of a definition as keys and texts, in each vendor's order, so that CREATE reads the same values again.

Owns the order (StarRocks, Doris: SHOW CREATE ROUTINE LOAD), what is left out because it is the default, and the masks
over secrets. Refuses to know statements' layout.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from routine_load.ids import Compat, PartitionId
from routine_load.jobs.definition import JobDefinition
from routine_load.jobs.properties import JobProperties, UpdateMode
from routine_load.jobs.registry import REGISTRY, REGISTRY_PREFIX
from routine_load.jobs.show_properties import boolean, java_double, pace_text
from routine_load.jobs.source import (
    DEFAULT_OFFSETS,
    DISCOVERY,
    GROUP_ID,
    ORIGIN_DEFAULT_OFFSETS,
    KafkaSource,
    OffsetKind,
    OffsetSpec,
)

Pairs = list[tuple[str, str]]

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_TIMEOUT_PER_CONSUME = 4
_EXEC_MEM_LIMIT = 2_147_483_648


def property_pairs(definition: JobDefinition) -> Pairs:
    """PROPERTIES. An empty text is every text property's default, and is left out."""
    properties = definition.properties
    doris = definition.compat is Compat.DORIS
    pairs = _doris(properties) if doris else _starrocks(properties)
    return [(key, value) for key, value in pairs if value != ""]


def source_pairs(definition: JobDefinition, progress: Mapping[PartitionId, int] | None = None) -> Pairs:
    """FROM KAFKA. ``progress``: partitions and next offsets of now, instead of where CREATE started.

    Partitions of a job that follows its topic are no list to be pinned to: ``kafka_partition_discovery`` says so.
    """
    source = definition.source
    doris = definition.compat is Compat.DORIS
    head: Pairs = [("kafka_broker_list", source.brokers), ("kafka_topic", source.topic)]
    offsets = _offsets(source, progress, ", " if doris else ",")
    registry: Pairs = []
    if source.registry_url:
        registry.append((REGISTRY, source.refused_registry_url))
    registry += [(REGISTRY_PREFIX + key, value) for key, value in source.masked_registry_options]
    clients = _client_properties(definition)
    return head + (registry + clients + offsets if doris else offsets + registry + clients)


def _offsets(source: KafkaSource, progress: Mapping[PartitionId, int] | None, comma: str) -> Pairs:
    starts: Mapping[PartitionId, str]
    if progress:
        now = {p: str(offset) for p, offset in progress.items()}
        starts = {p: now.get(p) or _offset_text(source.start_of(p)) for p in source.partitions} or now
    elif source.offsets:
        starts = {p: _offset_text(spec) for p, spec in source.offsets}
    else:
        return [("kafka_partitions", comma.join(map(str, source.partitions)))] if source.is_pinned else []
    pairs = [("kafka_partitions", comma.join(map(str, starts))), ("kafka_offsets", comma.join(starts.values()))]
    return pairs if source.is_pinned else [*pairs, (DISCOVERY, "true")]


def _offset_text(spec: OffsetSpec) -> str:
    return spec.text if spec.kind is OffsetKind.TIMESTAMP else str(spec)


def _client_properties(definition: JobDefinition) -> Pairs:
    """``property.*`` masked, without a group id that CREATE made up, and with the default offset as it was written."""
    source = definition.source
    made_up = re.compile(rf"{re.escape(definition.name)}_{_UUID}")
    pairs: Pairs = []
    for key, value in source.masked_properties:
        if key == ORIGIN_DEFAULT_OFFSETS or (key == GROUP_ID and made_up.fullmatch(value)):
            continue
        if key == DEFAULT_OFFSETS and source.default_offset and source.default_offset.kind is OffsetKind.TIMESTAMP:
            value = source.default_offset.text  # noqa: PLW2901 - Doris keeps milliseconds there
        is_bare = definition.compat is Compat.DORIS and key.startswith("aws.")
        pairs.append((key if is_bare else f"property.{key}", value))
    return pairs


def _starrocks(properties: JobProperties) -> Pairs:
    return [
        ("desired_concurrent_number", str(properties.desired_concurrent_number)),
        ("max_error_number", str(properties.max_error_number)),
        ("max_filter_ratio", java_double(properties.max_filter_ratio)),
        ("max_batch_interval", str(properties.max_batch_interval_s)),
        ("max_batch_rows", str(properties.max_batch_rows)),
        *_task_times(properties),
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
        # what only Doris has is printed only where it was used
        *_where_used(properties),
    ]


def _task_times(properties: JobProperties) -> Pairs:
    """StarRocks: one of the two makes the other; CREATE refuses both where they do not grow."""
    consume, timeout = properties.task_consume_second, properties.task_timeout_second
    pairs: Pairs = []
    if consume is not None and (timeout is None or consume < timeout or timeout == consume * _TIMEOUT_PER_CONSUME):
        pairs.append(("task_consume_second", str(consume)))
    if timeout is not None and (consume is None or consume < timeout or not pairs):
        pairs.append(("task_timeout_second", str(timeout)))
    return pairs


def _doris(properties: JobProperties) -> Pairs:
    fixed = properties.unique_key_update_mode is UpdateMode.FIXED
    return [
        ("desired_concurrent_number", str(properties.desired_concurrent_number)),
        ("max_error_number", str(properties.max_error_number)),
        ("max_filter_ratio", java_double(properties.max_filter_ratio)),
        ("max_batch_interval", str(properties.max_batch_interval_s)),
        ("max_batch_rows", str(properties.max_batch_rows)),
        ("max_batch_size", str(properties.max_batch_bytes)),
        ("format", properties.format.value),
        ("partial_columns", "true" if fixed else ""),
        ("jsonpaths", properties.jsonpaths),
        ("strip_outer_array", boolean(properties.strip_outer_array)),
        ("num_as_string", boolean(properties.num_as_string)),
        ("fuzzy_parse", boolean(properties.fuzzy_parse)),
        ("json_root", properties.json_root),
        ("strict_mode", boolean(properties.strict_mode)),
        ("timezone", properties.timezone),
        ("exec_mem_limit", str(properties.exec_mem_limit)),
        # what the original leaves out although a job is not the same without it
        ("enclose", properties.enclose),
        ("escape", properties.escape),
        ("merge_condition", properties.merge_condition or ""),
        ("log_rejected_record_num", str(properties.log_rejected_record_num or "")),
        *_task_times(properties),
        ("trim_space", _if_true(properties.trim_space)),
        ("pause_on_fatal_parse_error", _if_true(properties.pause_on_fatal_parse_error)),
        ("warehouse", properties.warehouse),
        *((key, value) for key, value in _where_used(properties) if key not in _ALWAYS_IN_DORIS),
    ]


_ALWAYS_IN_DORIS = frozenset({"num_as_string", "fuzzy_parse", "exec_mem_limit"})


def _where_used(properties: JobProperties) -> Pairs:
    """Doris' own properties, and ours, that are not at their defaults."""
    memory, parallelism = properties.exec_mem_limit, properties.send_batch_parallelism
    mode, new_key = properties.unique_key_update_mode, properties.partial_update_new_key_behavior
    return [
        ("unique_key_update_mode", mode.value if mode is UpdateMode.FLEXIBLE else ""),
        ("partial_update_new_key_behavior", new_key if new_key != "APPEND" and mode is not UpdateMode.UPSERT else ""),
        ("num_as_string", _if_true(properties.num_as_string)),
        ("fuzzy_parse", _if_true(properties.fuzzy_parse)),
        ("fill_missing_columns", _if_true(properties.fill_missing_columns)),
        ("exec_mem_limit", "" if memory == _EXEC_MEM_LIMIT else str(memory)),
        ("send_batch_parallelism", "" if parallelism == 1 else str(parallelism)),
        ("workload_group", properties.workload_group),
        ("empty_field_as_null", _if_true(properties.empty_field_as_null)),
        ("load_to_single_tablet", _if_true(properties.load_to_single_tablet)),
        ("push_down", _if_true(properties.push_down)),
        *pace_text(properties).items(),
    ]


def _if_true(value: bool) -> str:
    return "true" if value else ""
