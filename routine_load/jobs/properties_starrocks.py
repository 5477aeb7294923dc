"""StarRocks: job properties, in the order in which they are checked, with the vendor's texts.

What only Doris has is accepted as well wherever it does no harm.
"""

from __future__ import annotations

from routine_load.errors import PropertyError
from routine_load.jobs import property_rules as rules
from routine_load.jobs.timezones import standard_time_zone

_FORMATS = ("CSV", "JSON", "AVRO")


def file_format(text: str) -> object:
    """``csv``, ``json`` or ``avro`` in any case."""
    if text.upper() not in _FORMATS:
        raise PropertyError(f"Format type is invalid. format=`{text}`")
    return text.lower()


def one_byte(key: str) -> rules.Parse:
    """The first character of the text."""

    def parse(text: str) -> object:
        if not text:
            raise PropertyError(f"{key} should not be empty")
        return text[0]

    return parse


def one_byte_or_none(text: str) -> object:
    """ALTER, which the original does not let change it: an empty text takes it away."""
    return text[:1]


def warehouse(text: str) -> object:
    if text != "default_warehouse":
        raise PropertyError(f"Warehouse {text} not exists.")
    return text


def positive_second(key: str) -> rules.Parse:
    """ALTER's check of the two task times."""

    def parse(text: str) -> object:
        number = rules.long_number(text)
        if number is None:
            raise PropertyError(f"Incorrect format of {key}")
        if number <= 0:
            raise PropertyError(f"{key} must be greater than 0")
        return number

    return parse


def java_long(text: str) -> object:
    """CREATE's check of the two task times: any number, in Java's words where it is none."""
    number = rules.long_number(text)
    if number is None:
        raise PropertyError(f'For input string: "{text}"')
    return number


_CONCURRENCY = rules.at_least(1, "desired_concurrent_number should > 0")
_ERRORS = rules.at_least(0, "max_error_number should >= 0")
_RATIO = rules.ratio("Incorrect format of max_filter_ratio", "max_filter_ratio must between 0.0 and 1.0.")
_INTERVAL = rules.at_least(5, "max_batch_interval should >= 5")
_LOGGED = rules.at_least(-1, "log_rejected_record_num should >= -1")
_BOOL = rules.lenient_boolean
_TEXT = rules.any_text

OWN: tuple[rules.Rule, ...] = (
    rules.Rule(
        key="desired_concurrent_number", field="desired_concurrent_number", create=_CONCURRENCY, alter=_CONCURRENCY
    ),
    rules.Rule(key="max_error_number", field="max_error_number", create=_ERRORS, alter=_ERRORS),
    rules.Rule(key="max_filter_ratio", field="max_filter_ratio", create=_RATIO, alter=_RATIO),
    rules.Rule(key="max_batch_interval", field="max_batch_interval_s", create=_INTERVAL, alter=_INTERVAL),
    rules.Rule(
        key="max_batch_rows",
        field="max_batch_rows",
        create=rules.at_least(200_000, "max_batch_rows should >= 200000"),
        alter=rules.at_least(200_000, "max_batch_rows should > 200000"),
    ),
    rules.Rule(key="max_batch_size", field=None, create=_TEXT, alter=_TEXT),
    rules.Rule(key="log_rejected_record_num", field="log_rejected_record_num", create=_LOGGED),
    rules.Rule(key="strict_mode", field="strict_mode", create=_BOOL, alter=_BOOL),
    rules.Rule(key="partial_update", field="partial_update", create=_BOOL),
    rules.Rule(key="merge_condition", field="merge_condition", create=_TEXT),
    rules.Rule(key="timezone", field="timezone", create=standard_time_zone, alter=standard_time_zone),
    rules.Rule(key="format", field="format", create=file_format, alter=file_format),
    rules.Rule(key="jsonpaths", field="jsonpaths", create=_TEXT, alter=_TEXT),
    rules.Rule(key="json_root", field="json_root", create=_TEXT, alter=_TEXT),
    rules.Rule(key="strip_outer_array", field="strip_outer_array", create=_BOOL, alter=_BOOL),
    rules.Rule(key="trim_space", field="trim_space", create=_BOOL, alter=_BOOL),
    rules.Rule(key="enclose", field="enclose", create=one_byte("enclose"), alter=one_byte_or_none),
    rules.Rule(key="escape", field="escape", create=one_byte("escape"), alter=one_byte_or_none),
    rules.Rule(key="pause_on_fatal_parse_error", field="pause_on_fatal_parse_error", create=_BOOL, alter=_BOOL),
    rules.Rule(
        key="task_consume_second",
        field="task_consume_second",
        create=java_long,
        alter=positive_second("task_consume_second"),
    ),
    rules.Rule(
        key="task_timeout_second",
        field="task_timeout_second",
        create=java_long,
        alter=positive_second("task_timeout_second"),
    ),
    rules.Rule(key="warehouse", field="warehouse", create=warehouse),
    rules.Rule(key="push_down", field="push_down", create=_BOOL),  # ours: a cluster does the work
)

LENT_TO_DORIS: tuple[rules.Rule, ...] = tuple(
    rule
    for rule in OWN
    if rule.key
    in {
        "log_rejected_record_num",
        "partial_update",
        "merge_condition",
        "trim_space",
        "pause_on_fatal_parse_error",
        "task_consume_second",
        "task_timeout_second",
        "warehouse",
        "push_down",
    }
)
"""What Doris lacks and may be given there."""
