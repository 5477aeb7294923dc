"""Doris: job properties, in the order in which they are checked, with the vendor's texts.

What only StarRocks has is accepted as well wherever it does no harm.
"""

from __future__ import annotations

from routine_load.errors import PropertyError
from routine_load.jobs import property_rules as rules
from routine_load.jobs.timezones import standard_time_zone

_UPDATE_MODES = ("UPSERT", "UPDATE_FIXED_COLUMNS", "UPDATE_FLEXIBLE_COLUMNS")
_NEW_KEY = ("APPEND", "ERROR")


def file_format(text: str) -> object:
    """``csv`` or ``json`` in any case."""
    if text.lower() not in {"csv", "json"}:
        raise PropertyError("Invalid format type.")
    return text.lower()


def enclose(text: str) -> object:
    """One character, or empty for none."""
    if len(text) > 1:
        raise PropertyError("enclose should not be longer than one byte.")
    return text


def escape(text: str) -> object:
    if len(text) != 1:
        raise PropertyError("escape must be single-char")
    return text


def workload_group(text: str) -> object:
    """There is one workload group here, the default one."""
    if text not in {"", "normal"}:
        raise PropertyError(f"Can not find workload group {text}")
    return text


def _update_mode(found: str) -> str:
    return (
        "unique_key_update_mode should be one of {'UPSERT', 'UPDATE_FIXED_COLUMNS', 'UPDATE_FLEXIBLE_COLUMNS'}, "
        f"but found {found}"
    )


def _new_key_policy(found: str) -> str:
    return f"partial_update_new_key_behavior should be one of {{'APPEND', 'ERROR'}}, but found {found.upper()}"


_MIB = 1024 * 1024
_ERRORS = rules.at_least(0, "max_error_number should >= 0")
_RATIO = rules.ratio("max_filter_ratio should between 0 and 1", "max_filter_ratio should between 0 and 1")
_INTERVAL = rules.at_least(1, "max_batch_interval should >= 1")
_ROWS = rules.at_least(200_000, "max_batch_rows should > 200000")
_SIZE = rules.at_least(100 * _MIB, "max_batch_size should between 100MB and 10GB", 10_240 * _MIB)
_MODE = rules.one_of(_UPDATE_MODES, _update_mode)
_BOOL = rules.lenient_boolean
_TEXT = rules.any_text

OWN: tuple[rules.Rule, ...] = (
    rules.Rule(
        key="desired_concurrent_number",
        field="desired_concurrent_number",
        create=rules.at_least(1, "desired_concurrent_number must be greater than 0"),
        alter=rules.at_least(1, "desired_concurrent_number should > 0"),
    ),
    rules.Rule(key="max_batch_interval", field="max_batch_interval_s", create=_INTERVAL, alter=_INTERVAL),
    rules.Rule(key="max_batch_rows", field="max_batch_rows", create=_ROWS, alter=_ROWS),
    rules.Rule(key="max_batch_size", field="max_batch_bytes", create=_SIZE, alter=_SIZE),
    rules.Rule(key="max_error_number", field="max_error_number", create=_ERRORS, alter=_ERRORS),
    rules.Rule(key="max_filter_ratio", field="max_filter_ratio", create=_RATIO, alter=_RATIO),
    rules.Rule(
        key="strict_mode",
        field="strict_mode",
        create=rules.strict_boolean("strict_mode should be a boolean"),
        alter=_BOOL,
    ),
    rules.Rule(
        key="exec_mem_limit",
        field="exec_mem_limit",
        create=rules.at_least(0, "exec_mem_limit must be greater than 0"),
    ),
    rules.Rule(
        key="send_batch_parallelism",
        field="send_batch_parallelism",
        create=rules.at_least(1, "send_batch_parallelism must be greater than 0"),
    ),
    rules.Rule(
        key="load_to_single_tablet",
        field="load_to_single_tablet",
        create=rules.strict_boolean("load_to_single_tablet should be a boolean"),
    ),
    rules.Rule(key="workload_group", field="workload_group", create=workload_group, alter=_TEXT),
    rules.Rule(key="timezone", field="timezone", create=standard_time_zone, alter=standard_time_zone),
    rules.Rule(key="partial_columns", field="partial_columns", create=_BOOL, alter=_BOOL),
    rules.Rule(key="unique_key_update_mode", field="unique_key_update_mode", create=_MODE, alter=_MODE),
    rules.Rule(
        key="partial_update_new_key_behavior",
        field="partial_update_new_key_behavior",
        create=rules.one_of(_NEW_KEY, _new_key_policy),
    ),
    rules.Rule(key="format", field="format", create=file_format, alter=file_format),
    rules.Rule(key="jsonpaths", field="jsonpaths", create=_TEXT, alter=_TEXT),
    rules.Rule(key="json_root", field="json_root", create=_TEXT, alter=_TEXT),
    rules.Rule(key="strip_outer_array", field="strip_outer_array", create=_BOOL, alter=_BOOL),
    rules.Rule(key="num_as_string", field="num_as_string", create=_BOOL, alter=_BOOL),
    rules.Rule(key="fill_missing_columns", field="fill_missing_columns", create=_BOOL, alter=_BOOL),
    rules.Rule(key="fuzzy_parse", field="fuzzy_parse", create=_BOOL, alter=_BOOL),
    rules.Rule(key="enclose", field="enclose", create=enclose, alter=enclose),
    rules.Rule(key="escape", field="escape", create=escape, alter=escape),
    rules.Rule(key="empty_field_as_null", field="empty_field_as_null", create=_BOOL, alter=_BOOL),
)

LENT_TO_STARROCKS: tuple[rules.Rule, ...] = tuple(
    rule
    for rule in OWN
    if rule.key
    in {
        "exec_mem_limit",
        "send_batch_parallelism",
        "load_to_single_tablet",
        "workload_group",
        "partial_columns",
        "unique_key_update_mode",
        "partial_update_new_key_behavior",
        "num_as_string",
        "fill_missing_columns",
        "fuzzy_parse",
        "empty_field_as_null",
    }
)
"""What StarRocks lacks and may be given there."""
