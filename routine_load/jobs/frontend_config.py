"""The front end's own settings that decide what a routine load does, by their vendor names.

Owns names, types, bounds, defaults, and what each does here (StarRocks: FE configuration; Doris: FE configuration).
Refuses to know where changed values are kept and who may change them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from routine_load.errors import ConfigRefused, UnknownConfig
from routine_load.ids import Compat

_INT_MAX: Final = 2**31 - 1
_LONG_MAX: Final = 2**63 - 1
_BOTH: Final = frozenset(Compat)
_STARROCKS: Final = frozenset({Compat.STARROCKS})
_DORIS: Final = frozenset({Compat.DORIS})
_NO_EFFECT: Final = "No effect here: "


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigItem:
    """One setting. ``vendors`` list it in SHOW; it may be set, and acts on that vendor's jobs, in either mode.

    ``doris`` is Doris' default where it is another one; ``least`` and ``most`` bound a number.
    """

    name: str
    default: int | bool
    doris: int | None
    meaning: str
    vendors: frozenset[Compat]
    least: int
    most: int
    mutable: bool

    def default_of(self, compat: Compat) -> int | bool:
        return self.doris if compat is Compat.DORIS and self.doris is not None else self.default

    @property
    def type_name(self) -> str:
        """The type as SHOW prints it."""
        if isinstance(self.default, bool):
            return "boolean"
        return "long" if self.most > _INT_MAX else "int"

    @property
    def has_effect(self) -> bool:
        return not self.meaning.startswith(_NO_EFFECT)

    def comment(self, compat: Compat) -> str:
        return f"{self.meaning} Default: {str(self.default_of(compat)).lower()}."

    def read(self, text: str) -> int | bool:
        """The value that a text means. Raises ConfigRefused."""
        text = text.strip()
        if isinstance(self.default, bool):
            if text.lower() not in {"true", "false"}:
                raise ConfigRefused(f"Failed to set config '{self.name}'. err: '{text}' is neither true nor false")
            return text.lower() == "true"
        try:
            number = int(text) if len(text) <= len(str(_LONG_MAX)) + 1 else _LONG_MAX + 1
        except ValueError as cause:
            raise ConfigRefused(
                f"Failed to set config '{self.name}'. err: For input string: \"{text}\"; {self._range()}"
            ) from cause
        if not self.least <= number <= self.most:
            raise ConfigRefused(f"Failed to set config '{self.name}'. err: {text} is out of range; {self._range()}")
        return number

    def _range(self) -> str:
        return f"it is an integer from {self.least} to {self.most}"


def _item(  # noqa: PLR0913 - one row of the table below: what it says is named
    default: int | bool,
    meaning: str,
    *,
    doris: int | None = None,
    vendors: frozenset[Compat] = _BOTH,
    least: int = 0,
    long: bool = False,
    mutable: bool = True,
) -> Any:
    row = {
        "default": default,
        "doris": doris,
        "meaning": meaning,
        "vendors": vendors,
        "least": least,
        "most": _LONG_MAX if long else _INT_MAX,
        "mutable": mutable,
    }
    return field(default=default, metadata=row)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendConfig:
    """One front end's settings; the defaults written here are StarRocks', ``of`` gives those of either vendor."""

    max_routine_load_task_concurrent_num: int = _item(
        5, "Most tasks of one job at a time; jobs that run are divided anew when it changes.", doris=256
    )
    max_routine_load_task_num_per_be: int = _item(
        16,
        "Tasks that one backend runs at a time; those of this process have at most 1024 threads each.",
        doris=1_024,
    )
    max_small_file_number: int = _item(100, "Most files that CREATE FILE keeps.")
    max_small_file_size_bytes: int = _item(1_048_576, "Largest file that CREATE FILE takes.", least=1)
    max_routine_load_batch_size: int = _item(
        4_294_967_296,
        "Bytes that a task of a StarRocks job reads before it commits.",
        vendors=_STARROCKS,
        least=1,
        long=True,
    )
    routine_load_task_consume_second: int = _item(
        15,
        "Seconds that a task reads, for jobs created from now on that do not set task_consume_second.",
        vendors=_STARROCKS,
        long=True,
    )
    routine_load_task_timeout_second: int = _item(
        60,
        "Seconds after which a task is given up and repeated, for jobs created from now on that do not set "
        "task_timeout_second.",
        vendors=_STARROCKS,
        long=True,
    )
    routine_load_kafka_timeout_second: int = _item(
        12,
        "Seconds that Kafka has to answer a question about a topic; never longer than the setting kafka_timeout_s.",
        vendors=_STARROCKS,
        least=1,
    )
    routine_load_scheduler_interval_millisecond: int = _item(
        10_000,
        "At most so long passes between two looks at a job's table, partitions and automatic resume; partitions are "
        "looked at every 5 s at the latest, nothing more often than once a second.",
        vendors=_STARROCKS,
        least=1,
        long=True,
    )
    routine_load_unstable_threshold_second: int = _item(
        3_600,
        "Lag of a partition in seconds from which a running job is shown as UNSTABLE.",
        vendors=_STARROCKS,
        long=True,
    )
    max_tolerable_backend_down_num: int = _item(
        0,
        "Backends that may be down for a paused job to resume by itself; those of this process are never down, so that "
        "only -1 changes something: no job resumes by itself.",
        least=-1,
    )
    period_of_auto_resume_min: int = _item(
        5, "Minutes within which automatic resumes of one job are counted and spaced.", doris=10
    )
    empty_load_as_error: bool = _item(
        True,
        "A Stream Load of which no row is loaded fails; a batch of a StarRocks job counts as an aborted task and says "
        "so in OtherMsg, its offsets advance in either case.",
        vendors=_STARROCKS,
    )
    max_running_txn_num_per_db: int = _item(
        1_000, "Load transactions that may run in one database; a job whose task finds it reached is paused."
    )
    label_keep_max_second: int = _item(259_200, "Seconds that jobs that ended and load transactions are remembered.")
    label_keep_max_num: int = _item(
        1_000,
        "Jobs that ended, and load transactions, that are remembered per database; the oldest go first.",
        vendors=_STARROCKS,
    )
    label_clean_interval_second: int = _item(
        14_400,
        "At most so many seconds pass between two rounds of the cleaner, which comes every minute here.",
        vendors=_STARROCKS,
        least=1,
        mutable=False,
    )
    transaction_clean_interval_second: int = _item(
        30,
        _NO_EFFECT + "a task that exceeds its timeout is given up at that moment, not at the next round.",
        vendors=_STARROCKS,
        least=1,
        mutable=False,
    )
    desired_max_waiting_jobs: int = _item(
        1_024, _NO_EFFECT + "StarRocks does not use it for routine load either.", vendors=_STARROCKS
    )
    enable_routine_load_lag_metrics: bool = _item(
        False, "Whether /metrics tells the lag of each StarRocks job in messages.", vendors=_STARROCKS
    )
    min_routine_load_lag_for_metrics: int = _item(
        10_000, "Lag in messages from which /metrics tells it.", vendors=_STARROCKS, long=True
    )
    enable_routine_load_lag_time_metrics: bool = _item(
        False,
        "Whether /metrics and partitionLagTime of Statistic tell the lag of each StarRocks job in seconds.",
        vendors=_STARROCKS,
    )
    max_routine_load_job_num: int = _item(
        100, "Doris jobs that have not ended, at the creation of one more.", vendors=_DORIS
    )
    routine_load_task_timeout_multiplier: int = _item(
        10,
        "A task of a Doris job is given up and repeated after so many times its batch interval.",
        vendors=_DORIS,
    )
    routine_load_task_min_timeout_sec: int = _item(
        60, "Seconds that a task of a Doris job may take in any case.", vendors=_DORIS
    )
    routine_load_adaptive_min_batch_interval_sec: int = _item(
        360,
        "Least batch interval of a task of a Doris job that lags by more than max_batch_rows messages.",
        vendors=_DORIS,
    )
    max_get_kafka_meta_timeout_second: int = _item(
        60,
        "Seconds that Kafka has to answer a question about a topic; never longer than the setting kafka_timeout_s.",
        vendors=_DORIS,
        least=1,
    )
    routine_load_blacklist_expire_time_second: int = _item(
        300, _NO_EFFECT + "backends are not asked about topics, so that none is avoided.", vendors=_DORIS
    )
    label_num_threshold: int = _item(
        2_000,
        "Jobs, and load transactions of a database, beyond which the oldest that ended are forgotten; -1: no bound.",
        vendors=_DORIS,
        least=-1,
    )

    streaming_label_keep_max_second: int = _item(
        43_200,
        "Seconds that load transactions of clients that ended are remembered, and their labels with them.",
        vendors=_DORIS,
        least=1,
    )
    stream_load_default_timeout_second: int = _item(
        600, "Seconds that a Stream Load may take where it does not say itself.", doris=259_200, least=1
    )
    max_stream_load_timeout_second: int = _item(259_200, "Most seconds that a Stream Load may ask for.", least=1)
    min_load_timeout_second: int = _item(1, "Least seconds that a load may ask for.", least=1)
    prepared_transaction_default_timeout_second: int = _item(
        86_400,
        "Seconds after which a prepared transaction is aborted where it does not say itself.",
        vendors=_STARROCKS,
        least=1,
    )
    stream_load_default_precommit_timeout_second: int = _item(
        3_600, "Seconds after which a pre-committed transaction is aborted.", vendors=_DORIS, least=1
    )

    @classmethod
    def of(cls, compat: Compat, overrides: Mapping[str, str] | None = None) -> FrontendConfig:
        """The vendor's defaults with ``overrides`` by name. Raises UnknownConfig and ConfigRefused."""
        values: dict[str, Any] = {name: item.default_of(compat) for name, item in ITEMS.items()}
        config = cls(**values)
        for name, text in (overrides or {}).items():
            config = config.with_value(name, text, compat)
        return config

    def with_value(self, name: str, text: str, compat: Compat = Compat.STARROCKS) -> FrontendConfig:
        """One setting changed. Raises UnknownConfig and ConfigRefused, in the vendor's words."""
        value: dict[str, Any] = {name: known_item(name, compat).read(text)}
        return replace(self, **value)

    def kafka_timeout_s(self, compat: Compat) -> int:
        """How long Kafka has to answer a question about a topic."""
        if compat is Compat.DORIS:
            return self.max_get_kafka_meta_timeout_second
        return self.routine_load_kafka_timeout_second


ITEMS: Final[dict[str, ConfigItem]] = {f.name: ConfigItem(name=f.name, **f.metadata) for f in fields(FrontendConfig)}
"""Every setting by its name."""


def known_item(name: str, compat: Compat) -> ConfigItem:
    """Raises UnknownConfig, in the vendor's words."""
    if name not in ITEMS:
        raise UnknownConfig(f"Config '{name}' does not exist{_or_is_fixed(compat)}")
    return ITEMS[name]


def settable_item(name: str, compat: Compat) -> ConfigItem:
    """A setting that may be changed while the front end runs. Raises UnknownConfig, in the vendor's words."""
    item = known_item(name, compat)
    if not item.mutable:
        does_not_exist = "does not exist or " if compat is Compat.STARROCKS else ""
        raise UnknownConfig(f"Config '{name}' {does_not_exist}is not mutable")
    return item


def _or_is_fixed(compat: Compat) -> str:
    return " or is not mutable" if compat is Compat.STARROCKS else ""
