"""Job properties: one typed value for both vendors, read from CREATE and changed by ALTER.

Owns defaults and what depends on several properties at once; single properties are read by the vendors' tables in
``properties_starrocks`` and ``properties_doris``. Refuses to know the table (``jobs.checks``) and the data source.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from routine_load.errors import PropertyError
from routine_load.ids import Compat
from routine_load.jobs import properties_doris, properties_pace, properties_starrocks
from routine_load.jobs.frontend_config import FrontendConfig
from routine_load.jobs.property_rules import DEFAULT, Rule, Values, last_values, read
from routine_load.sql.statements import Property

_MIB = 1024 * 1024
_CONSUME_TO_TIMEOUT = 4
NO_LIMIT = 2**63 - 1
"""A bound that is none."""

_ADAPTIVE_ROWS = 20_000_000
_ADAPTIVE_BYTES = 1_024 * _MIB


class JobFormat(StrEnum):
    CSV = "csv"
    JSON = "json"
    AVRO = "avro"


class UpdateMode(StrEnum):
    """Doris: ``unique_key_update_mode``."""

    UPSERT = "UPSERT"
    FIXED = "UPDATE_FIXED_COLUMNS"
    FLEXIBLE = "UPDATE_FLEXIBLE_COLUMNS"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """When a task stops reading: whichever comes first. ``rows`` are Kafka messages."""

    seconds: float
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProperties:
    """What PROPERTIES decides. Sizes in bytes, times in seconds; ``enclose``/``escape`` are one character or empty.

    ``task_consume_second`` and ``task_timeout_second`` are None where the vendor has no such default (Doris).
    Ours: ``priority`` is the job's share of what is short, ``rate_limit`` bytes a second (0: none), ``freshness_ms``
    how long rows of a caught-up job may wait for more (None: the service's linger); without ``early_commit`` it keeps
    its vendor's timing.
    """

    desired_concurrent_number: int
    max_batch_interval_s: int
    max_batch_rows: int
    max_batch_bytes: int
    timezone: str
    max_error_number: int = 0
    max_filter_ratio: float = 1.0
    strict_mode: bool = False
    format: JobFormat = JobFormat.CSV
    jsonpaths: str = ""
    json_root: str = ""
    strip_outer_array: bool = False
    num_as_string: bool = False
    fill_missing_columns: bool = False
    fuzzy_parse: bool = False
    enclose: str = ""
    escape: str = ""
    trim_space: bool = False
    empty_field_as_null: bool = False
    partial_update: bool = False
    unique_key_update_mode: UpdateMode = UpdateMode.UPSERT
    partial_update_new_key_behavior: str = "APPEND"
    merge_condition: str | None = None
    task_consume_second: int | None = None
    task_timeout_second: int | None = None
    log_rejected_record_num: int = 0
    pause_on_fatal_parse_error: bool = False
    exec_mem_limit: int = 2_147_483_648
    send_batch_parallelism: int = 1
    load_to_single_tablet: bool = False
    workload_group: str = ""
    warehouse: str = ""
    push_down: bool = False
    priority: int = properties_pace.PRIORITY
    rate_limit: int = 0
    freshness_ms: int | None = None
    early_commit: bool = True

    def batch_limits(self, compat: Compat, config: FrontendConfig, lag: int = 0) -> BatchLimits:
        """StarRocks: consume seconds and the front end's bytes, rows do not limit; Doris: interval, rows, size.

        In both modes ``max_batch_interval`` bounds how long rows may wait for their commit, except that StarRocks' own
        timing (without ``early_commit``) knows the consume seconds only. ``lag`` are the messages that wait for the
        task: where they are many, Doris' batches are larger (adaptive batches).
        """
        seconds: float = self._interval_s(config, lag) if compat is Compat.DORIS else self.max_batch_interval_s
        if self.task_consume_second:
            alone = compat is Compat.STARROCKS and not self.early_commit
            seconds = self.task_consume_second if alone else min(seconds, self.task_consume_second)
        if compat is Compat.STARROCKS:
            return BatchLimits(seconds=seconds, rows=NO_LIMIT, bytes=config.max_routine_load_batch_size)
        adapts = self._adapts(lag)
        return BatchLimits(
            seconds=seconds,
            rows=max(self.max_batch_rows, _ADAPTIVE_ROWS if adapts else 0),
            bytes=max(self.max_batch_bytes, _ADAPTIVE_BYTES if adapts else 0),
        )

    def timeout_s(self, compat: Compat, config: FrontendConfig, lag: int = 0) -> int:
        """How long a task may take in all (StarRocks: task_timeout_second; Doris: a multiple of the interval)."""
        if self.task_timeout_second:
            return self.task_timeout_second
        if compat is Compat.STARROCKS:
            return config.routine_load_task_timeout_second
        return max(
            self._interval_s(config, lag) * config.routine_load_task_timeout_multiplier,
            config.routine_load_task_min_timeout_sec,
        )

    def _adapts(self, lag: int) -> bool:
        """Doris: a task that lags by more than a batch."""
        return lag > self.max_batch_rows

    def _interval_s(self, config: FrontendConfig, lag: int) -> int:
        least = config.routine_load_adaptive_min_batch_interval_sec if self._adapts(lag) else 0
        return max(self.max_batch_interval_s, least)


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyContext:
    """Whose rules apply, and what the session lends as defaults."""

    compat: Compat
    config: FrontendConfig
    timezone: str = "Asia/Shanghai"
    send_batch_parallelism: int = 1
    early_commit: bool = True


def default_properties(context: PropertyContext) -> JobProperties:
    """What a job has that names no property."""
    if context.compat is Compat.DORIS:
        return JobProperties(
            desired_concurrent_number=context.config.max_routine_load_task_concurrent_num,
            max_batch_interval_s=60,
            max_batch_rows=20_000_000,
            max_batch_bytes=1_024 * _MIB,
            timezone=context.timezone,
            send_batch_parallelism=context.send_batch_parallelism,
            early_commit=context.early_commit,
        )
    return JobProperties(
        desired_concurrent_number=context.config.max_routine_load_task_concurrent_num,
        max_batch_interval_s=10,
        max_batch_rows=200_000,
        max_batch_bytes=context.config.max_routine_load_batch_size,
        timezone=context.timezone,
        task_consume_second=context.config.routine_load_task_consume_second,
        task_timeout_second=context.config.routine_load_task_timeout_second,
        early_commit=context.early_commit,
    )


def create_properties(properties: tuple[Property, ...], context: PropertyContext) -> JobProperties:
    """Read CREATE's PROPERTIES. Raises PropertyError in the vendor's words."""
    values = read(last_values(properties), _rules(context.compat), altering=False)
    return _apply(default_properties(context), values, context)


def alter_properties(
    current: JobProperties, properties: tuple[Property, ...], context: PropertyContext
) -> JobProperties:
    """Apply ALTER's PROPERTIES to what the job has. Raises PropertyError in the vendor's words."""
    values = read(last_values(properties), _rules(context.compat), altering=True)
    return _apply(current, values, context)


def _rules(compat: Compat) -> tuple[Rule, ...]:
    if compat is Compat.DORIS:
        return properties_doris.OWN + properties_starrocks.LENT_TO_DORIS + properties_pace.OWN
    return properties_starrocks.OWN + properties_doris.LENT_TO_STARROCKS + properties_pace.OWN


def _apply(current: JobProperties, values: Values, context: PropertyContext) -> JobProperties:
    defaults = default_properties(context)
    given: dict[str, Any] = {
        name: getattr(defaults, name) if value is DEFAULT else value for name, value in values.items()
    }
    if "format" in given:
        given["format"] = JobFormat(given["format"])
    if given.get("merge_condition") == "":
        given["merge_condition"] = None
    given.update(_task_times(given))
    given.update(_update_mode(given, current))
    altered = replace(current, **given)
    if altered.fill_missing_columns and altered.format is not JobFormat.JSON:
        raise PropertyError("fill_missing_columns is only supported for JSON format")
    return altered


def _task_times(given: dict[str, Any]) -> dict[str, int]:
    """StarRocks: one of consume and timeout seconds decides the other, in the ratio of one to four."""
    consume, timeout = given.get("task_consume_second"), given.get("task_timeout_second")
    if consume is not None and timeout is not None:
        if consume >= timeout:
            raise PropertyError("task_timeout_second must be larger than task_consume_second")
        return {}
    if consume is not None:
        return {"task_timeout_second": consume * _CONSUME_TO_TIMEOUT}
    if timeout is not None:
        return {"task_consume_second": timeout // _CONSUME_TO_TIMEOUT}
    return {}


def _update_mode(given: dict[str, Any], current: JobProperties) -> dict[str, Any]:
    """Doris: ``unique_key_update_mode`` wins over ``partial_columns``; StarRocks' ``partial_update`` means FIXED."""
    columns = given.pop("partial_columns", None)
    mode = current.unique_key_update_mode
    if "unique_key_update_mode" in given:
        mode = UpdateMode(given["unique_key_update_mode"])
    elif columns is not None or "partial_update" in given:
        mode = UpdateMode.FIXED if columns or given.get("partial_update") else UpdateMode.UPSERT
    if "partial_update_new_key_behavior" in given and mode is UpdateMode.UPSERT:
        raise PropertyError("partial_update_new_key_behavior can only be set when partial update is enabled")
    return {"unique_key_update_mode": mode, "partial_update": mode is UpdateMode.FIXED}
