"""The front end's own settings that decide what a routine load does, by their vendor names.

Owns names, defaults and types (StarRocks: FE configuration; Doris: FE configuration). Refuses to know where
overrides are kept and who may set them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from routine_load.errors import PropertyError
from routine_load.ids import Compat


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendConfig:
    """One front end's settings; the defaults written here are StarRocks', ``of`` gives those of either vendor."""

    max_routine_load_task_concurrent_num: int = 5
    max_routine_load_task_num_per_be: int = 16
    max_routine_load_batch_size: int = 4_294_967_296
    routine_load_task_consume_second: int = 15
    routine_load_task_timeout_second: int = 60
    routine_load_kafka_timeout_second: int = 12
    routine_load_scheduler_interval_millisecond: int = 10_000
    routine_load_unstable_threshold_second: int = 3_600
    max_tolerable_backend_down_num: int = 0
    period_of_auto_resume_min: int = 5
    empty_load_as_error: bool = True
    max_running_txn_num_per_db: int = 1_000
    label_keep_max_second: int = 259_200
    label_keep_max_num: int = 1_000
    enable_routine_load_lag_time_metrics: bool = False
    # Doris only
    max_routine_load_job_num: int = 100
    routine_load_task_timeout_multiplier: int = 10
    routine_load_task_min_timeout_sec: int = 60
    routine_load_adaptive_min_batch_interval_sec: int = 360
    max_get_kafka_meta_timeout_second: int = 60
    routine_load_blacklist_expire_time_second: int = 300
    label_num_threshold: int = 2_000

    @classmethod
    def of(cls, compat: Compat, overrides: Mapping[str, str] | None = None) -> FrontendConfig:
        """The vendor's defaults with ``overrides`` by name; raises PropertyError for a name or value not allowed."""
        config = cls()
        if compat is Compat.DORIS:
            config = replace(
                config,
                max_routine_load_task_concurrent_num=256,
                max_routine_load_task_num_per_be=1_024,
                period_of_auto_resume_min=10,
            )
        for name, text in (overrides or {}).items():
            config = config.with_value(name, text)
        return config

    def with_value(self, name: str, text: str) -> FrontendConfig:
        """One setting changed, as ADMIN SET FRONTEND CONFIG does."""
        if name not in {f.name for f in fields(self)}:
            raise PropertyError(f"Config '{name}' does not exist or is not mutable")
        if isinstance(getattr(self, name), bool):
            if text.lower() not in {"true", "false"}:
                raise PropertyError(f"Config '{name}' is a boolean: true or false, not '{text}'")
            return self._with(name, value=text.lower() == "true")
        try:
            number = int(text)
        except ValueError as cause:
            raise PropertyError(f"Config '{name}' is an integer, not '{text}'") from cause
        if number < 0:
            raise PropertyError(f"Config '{name}' should be >= 0, not {number}")
        return self._with(name, number)

    def _with(self, name: str, value: Any) -> FrontendConfig:
        return replace(self, **{name: value})
