from __future__ import annotations

import pytest
from jobs_builders import context, listed

from routine_load.errors import PropertyError, RoutineLoadError, UnknownTimeZone
from routine_load.ids import Compat
from routine_load.jobs.properties import (
    NO_LIMIT,
    JobFormat,
    JobProperties,
    UpdateMode,
    alter_properties,
    create_properties,
    default_properties,
)

SR, DORIS = Compat.STARROCKS, Compat.DORIS


def create(compat: Compat, **given: str) -> JobProperties:
    return create_properties(listed(given), context(compat))


def alter(compat: Compat, **given: str) -> JobProperties:
    return alter_properties(default_properties(context(compat)), listed(given), context(compat))


ACCEPTED = [
    (SR, "desired_concurrent_number", "1", "desired_concurrent_number", 1),
    (SR, "max_error_number", "0", "max_error_number", 0),
    (SR, "max_error_number", "9223372036854775807", "max_error_number", 2**63 - 1),
    (SR, "max_filter_ratio", "0", "max_filter_ratio", 0.0),
    (SR, "max_filter_ratio", "1.0", "max_filter_ratio", 1.0),
    (SR, "max_batch_interval", "5", "max_batch_interval_s", 5),
    (SR, "max_batch_rows", "200000", "max_batch_rows", 200_000),
    (SR, "log_rejected_record_num", "-1", "log_rejected_record_num", -1),
    (SR, "strict_mode", "TRUE", "strict_mode", True),
    (SR, "strict_mode", "yes", "strict_mode", False),
    (SR, "timezone", "8:00", "timezone", "+08:00"),
    (SR, "timezone", "-12:00", "timezone", "-12:00"),
    (SR, "timezone", "+14:00", "timezone", "+14:00"),
    (SR, "timezone", "europe/berlin", "timezone", "Europe/Berlin"),
    (SR, "timezone", "CST", "timezone", "CST"),
    (SR, "format", "JSON", "format", JobFormat.JSON),
    (SR, "enclose", '"x', "enclose", '"'),
    (SR, "max_batch_size", "anything", "max_batch_rows", 200_000),
    (SR, "partial_update", "true", "partial_update", True),
    (SR, "partial_columns", "true", "partial_update", True),
    (SR, "num_as_string", "true", "num_as_string", True),
    (SR, "merge_condition", "c", "merge_condition", "c"),
    (SR, "merge_condition", "", "merge_condition", None),
    (SR, "max_filter_ratio", "", "max_filter_ratio", 1.0),
    (SR, "warehouse", "default_warehouse", "warehouse", "default_warehouse"),
    (DORIS, "desired_concurrent_number", "1", "desired_concurrent_number", 1),
    (DORIS, "max_batch_interval", "1", "max_batch_interval_s", 1),
    (DORIS, "max_batch_rows", "200000", "max_batch_rows", 200_000),
    (DORIS, "max_batch_size", "104857600", "max_batch_bytes", 104_857_600),
    (DORIS, "max_batch_size", "10737418240", "max_batch_bytes", 10_737_418_240),
    (DORIS, "max_filter_ratio", "0.5", "max_filter_ratio", 0.5),
    (DORIS, "exec_mem_limit", "0", "exec_mem_limit", 0),
    (DORIS, "send_batch_parallelism", "1", "send_batch_parallelism", 1),
    (DORIS, "strict_mode", "True", "strict_mode", True),
    (DORIS, "partial_columns", "TRUE", "partial_update", True),
    (DORIS, "partial_columns", "1", "partial_update", False),
    (DORIS, "unique_key_update_mode", "update_fixed_columns", "unique_key_update_mode", UpdateMode.FIXED),
    (DORIS, "enclose", "", "enclose", ""),
    (DORIS, "escape", "\\", "escape", "\\"),
    (DORIS, "task_consume_second", "3", "task_timeout_second", 12),
    (DORIS, "workload_group", "normal", "workload_group", "normal"),
    (DORIS, "trim_space", "true", "trim_space", True),
]


@pytest.mark.parametrize("compat", list(Compat))
def test_every_property_of_the_format_can_be_altered(compat):
    """Both vendors refuse some of them in ALTER; here a job that reads CSV may be made to read JSON, and back."""
    given = {"format": "JSON", "trim_space": "true", "enclose": "'", "escape": "/", "strip_outer_array": "true"}
    altered = alter_properties(create(compat), listed(given), context(compat))
    assert (altered.format, altered.trim_space, altered.enclose, altered.escape) == (JobFormat.JSON, True, "'", "/")
    back = alter_properties(altered, listed({"format": "csv", "enclose": ""}), context(compat))
    assert (back.format, back.enclose) == (JobFormat.CSV, "")


@pytest.mark.parametrize(("compat", "key", "text", "field", "value"), ACCEPTED)
def test_a_value_inside_its_range_is_taken(compat, key, text, field, value):
    """Every property takes the ends of its range, in the mode of its vendor and, where harmless, in the other."""
    assert getattr(create(compat, **{key: text}), field) == value


SR_BOTH = [
    ("desired_concurrent_number", ("0", "-1", "x", "1.5"), "desired_concurrent_number should > 0"),
    ("max_error_number", ("-1", "x", "9223372036854775808"), "max_error_number should >= 0"),
    ("max_filter_ratio", ("x", "nan", "0_1", "inf"), "Incorrect format of max_filter_ratio"),
    ("max_filter_ratio", ("-0.1", "1.01", "NaN", "Infinity"), "max_filter_ratio must between 0.0 and 1.0."),
    ("max_batch_interval", ("4", "x"), "max_batch_interval should >= 5"),
    ("timezone", ("Mars/Base", "+14:01", "-12:01", "+08:60"), None),
    ("format", ("xml",), "Format type is invalid. format=`xml`"),
]
SR_CREATE = [
    ("enclose", ("",), "enclose should not be empty"),
    ("max_batch_rows", ("199999", "x"), "max_batch_rows should >= 200000"),
    ("log_rejected_record_num", ("-2", "x"), "log_rejected_record_num should >= -1"),
    ("task_consume_second", ("x",), 'For input string: "x"'),
    ("warehouse", ("w",), "Warehouse w not exists."),
    ("partial_update_mode", ("row",), "partial_update_mode is invalid property"),
    ("pause_on_json_parse_error", ("true",), "pause_on_json_parse_error is invalid property"),
    ("confluent.schema.registry.url", ("http://r",), "confluent.schema.registry.url is invalid property"),
    ("Max_error_number", ("1",), "Max_error_number is invalid property"),
]
SR_ALTER = [
    ("max_batch_rows", ("199999",), "max_batch_rows should > 200000"),
    ("task_consume_second", ("x",), "Incorrect format of task_consume_second"),
    ("task_consume_second", ("0",), "task_consume_second must be greater than 0"),
    ("task_timeout_second", ("x",), "Incorrect format of task_timeout_second"),
    ("task_timeout_second", ("-1",), "task_timeout_second must be greater than 0"),
    *(
        (key, ("1",), f"{key} is invalid property")
        for key in (
            "log_rejected_record_num",
            "partial_update",
            "merge_condition",
            "warehouse",
        )
    ),
]
DORIS_BOTH = [
    ("max_batch_interval", ("0", "x"), "max_batch_interval should >= 1"),
    ("max_batch_rows", ("199999", "x"), "max_batch_rows should > 200000"),
    ("max_batch_size", ("104857599", "10737418241", "x"), "max_batch_size should between 100MB and 10GB"),
    ("max_error_number", ("-1", "x"), "max_error_number should >= 0"),
    ("max_filter_ratio", ("-0.1", "1.1", "x"), "max_filter_ratio should between 0 and 1"),
    ("enclose", ("ab",), "enclose should not be longer than one byte."),
    ("escape", ("ab", ""), "escape must be single-char"),
    (
        "unique_key_update_mode",
        ("MERGE",),
        (
            "unique_key_update_mode should be one of {'UPSERT', 'UPDATE_FIXED_COLUMNS', 'UPDATE_FLEXIBLE_COLUMNS'}, "
            "but found MERGE"
        ),
    ),
]
DORIS_CREATE = [
    ("desired_concurrent_number", ("0", "x"), "desired_concurrent_number must be greater than 0"),
    ("strict_mode", ("yes",), "strict_mode should be a boolean"),
    ("exec_mem_limit", ("-1", "x"), "exec_mem_limit must be greater than 0"),
    ("send_batch_parallelism", ("0",), "send_batch_parallelism must be greater than 0"),
    ("load_to_single_tablet", ("1",), "load_to_single_tablet should be a boolean"),
    ("workload_group", ("g",), "Can not find workload group g"),
    ("format", ("xml",), "Invalid format type."),
    (
        "partial_update_new_key_behavior",
        ("append",),
        "partial_update_new_key_behavior can only be set when partial update is enabled",
    ),
    (
        "partial_update_new_key_behavior",
        ("x",),
        "partial_update_new_key_behavior should be one of {'APPEND', 'ERROR'}, but found X",
    ),
    *(
        (key, ("1",), f"{key} is invalid property")
        for key in ("column_separator", "line_delimiter", "memtable_on_sink_node")
    ),
]
DORIS_ALTER = [
    ("format", ("xml",), "Invalid format type."),
    ("desired_concurrent_number", ("0",), "desired_concurrent_number should > 0"),
    *(
        (key, ("1",), f"{key} is invalid property")
        for key in ("exec_mem_limit", "send_batch_parallelism", "load_to_single_tablet")
    ),
]


def refusals():
    tables = [
        (SR, (create, alter), SR_BOTH),
        (SR, (create,), SR_CREATE),
        (SR, (alter,), SR_ALTER),
        (DORIS, (create, alter), DORIS_BOTH),
        (DORIS, (create,), DORIS_CREATE),
        (DORIS, (alter,), DORIS_ALTER),
    ]
    for compat, statements, lines in tables:
        for statement in statements:
            for key, texts, refusal in lines:
                for text in texts:
                    yield compat, statement, key, text, refusal


@pytest.mark.parametrize(("compat", "statement", "key", "text", "refusal"), list(refusals()))
def test_a_value_outside_its_range_is_refused_in_the_vendors_words(compat, statement, key, text, refusal):
    """Just outside the range and of the wrong type: the vendor's exact text, in CREATE and in ALTER."""
    with pytest.raises(RoutineLoadError) as refused:
        statement(compat, **{key: text})
    assert refused.value.message == (refusal or f"Unknown or incorrect time zone: '{text}'")


def test_a_time_zone_has_its_own_error_number():
    """MySQL's number for an unknown time zone is 1298, in both modes."""
    with pytest.raises(UnknownTimeZone) as refused:
        create(SR, timezone="x")
    assert (refused.value.number(SR), refused.value.number(DORIS)) == (1298, 1298)


def test_an_unknown_key_is_refused_before_any_value():
    """Unknown keys come first, whatever else is wrong."""
    with pytest.raises(PropertyError, match=r"^nonsense is invalid property$"):
        create(DORIS, max_error_number="-1", nonsense="1")


@pytest.mark.parametrize("compat", list(Compat))
@pytest.mark.parametrize("key", ["desired_concurrent_number", "max_error_number", "max_batch_interval"])
def test_an_empty_number_means_the_default(compat, key):
    """An empty string is the default, without error, in CREATE and in ALTER."""
    assert create(compat, **{key: ""}) == default_properties(context(compat))
    changed = alter(compat, **{key: "77"})
    assert alter_properties(changed, listed({key: ""}), context(compat)) == default_properties(context(compat))


def test_the_defaults_are_the_vendors():
    """StarRocks: 5 tasks, 10 s, 200000 rows, 15 s and 60 s a task; Doris: 256, 60 s, 20000000 rows, 1 GB."""
    starrocks, doris = create(SR), create(DORIS)
    assert (starrocks.desired_concurrent_number, starrocks.max_batch_interval_s, starrocks.max_batch_rows) == (
        5,
        10,
        200_000,
    )
    assert (starrocks.task_consume_second, starrocks.task_timeout_second) == (15, 60)
    assert (doris.desired_concurrent_number, doris.max_batch_interval_s, doris.max_batch_rows) == (256, 60, 20_000_000)
    assert (doris.max_batch_bytes, doris.exec_mem_limit) == (2**30, 2**31)
    assert starrocks.timezone == doris.timezone == "Asia/Shanghai"


@pytest.mark.parametrize(
    ("given", "times"),
    [
        ({"task_consume_second": "10"}, (10, 40)),
        ({"task_timeout_second": "3"}, (0, 3)),
        ({"task_timeout_second": "100"}, (25, 100)),
        ({"task_consume_second": "10", "task_timeout_second": "11"}, (10, 11)),
    ],
)
def test_one_task_time_decides_the_other(given, times):
    """StarRocks: the ratio of consume to timeout is one to four."""
    properties = create(SR, **given)
    assert (properties.task_consume_second, properties.task_timeout_second) == times


def test_the_timeout_must_exceed_the_consume_time():
    """StarRocks: both given, timeout larger."""
    with pytest.raises(PropertyError, match=r"^task_timeout_second must be larger than task_consume_second$"):
        create(SR, task_consume_second="10", task_timeout_second="10")


def test_alter_rewrites_the_other_task_time():
    """StarRocks: setting one of the two always rewrites the other."""
    properties = alter(SR, task_timeout_second="200")
    assert (properties.task_consume_second, properties.task_timeout_second) == (50, 200)


def test_alter_keeps_what_it_does_not_name():
    """Properties not given stay, the update mode too."""
    before = create(SR, partial_update="true", format="json", max_error_number="9")
    after = alter_properties(before, listed({"jsonpaths": "[]"}), context(SR))
    assert (after.partial_update, after.format, after.max_error_number, after.jsonpaths) == (
        True,
        JobFormat.JSON,
        9,
        "[]",
    )


def test_the_update_mode_wins_over_partial_columns():
    """Doris: unique_key_update_mode decides when both are given."""
    properties = create(DORIS, unique_key_update_mode="UPSERT", partial_columns="true")
    assert not properties.partial_update


def test_repeated_keys_keep_the_last_and_keys_are_trimmed():
    """Property lists are read as a map: the last one wins; blanks around a key do not matter."""
    properties = listed({"max_error_number": "1"}) + listed({" max_error_number ": "2"})
    assert create_properties(properties, context(SR)).max_error_number == 2


def test_batch_limits_follow_the_vendor():
    """StarRocks: rows never limit a batch; Doris: interval, rows and size do."""
    starrocks = create(SR, max_batch_interval="20").batch_limits(SR, context(SR).config)
    assert (starrocks.seconds, starrocks.rows, starrocks.bytes) == (15, NO_LIMIT, 4_294_967_296)
    doris = create(DORIS, max_batch_interval="20").batch_limits(DORIS, context(DORIS).config)
    assert (doris.seconds, doris.rows, doris.bytes) == (20, 20_000_000, 2**30)


def test_task_timeouts_follow_the_vendor():
    """StarRocks: the property; Doris: ten intervals, at least a minute."""
    assert create(SR).timeout_s(SR, context(SR).config) == 60
    assert create(SR, task_timeout_second="0").timeout_s(SR, context(SR).config) == 60
    assert create(DORIS, max_batch_interval="5").timeout_s(DORIS, context(DORIS).config) == 60
    assert create(DORIS, max_batch_interval="10").timeout_s(DORIS, context(DORIS).config) == 100


def test_doris_batches_adapt_to_a_lag_of_more_than_a_batch():
    """Doris: adaptive batches: 360 s, 20 million rows and 1 GiB at least; the timeout follows (3600 s, else 100)."""
    small = create(DORIS, max_batch_interval="10", max_batch_rows="200000", max_batch_size="104857600")
    config = context(DORIS).config
    plain, adapted = (small.batch_limits(DORIS, config, lag) for lag in (200_000, 200_001))
    assert (plain.seconds, plain.rows, plain.bytes) == (10, 200_000, 104_857_600)
    assert (adapted.seconds, adapted.rows, adapted.bytes) == (360, 20_000_000, 1_073_741_824)
    assert [small.timeout_s(DORIS, config, lag) for lag in (200_000, 200_001)] == [100, 3600]
    shorter = config.with_value("routine_load_adaptive_min_batch_interval_sec", "20")
    assert small.batch_limits(DORIS, shorter, 200_001).seconds == 20
    assert create(SR).batch_limits(SR, context(SR).config, 10**9).seconds == 10
